"""Pictures of shared mistakes: counts, accuracy over class size, images.

Source: Neyshabur et al. 2020, Tables 3–6, Fig. 8 and 9.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...errors import UsageError
from ...plots.few import some_of
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled
from .gallery import Gallery
from .measure import Mistakes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from .shared import SharedMistakes

__all__ = ["plot"]

Part = Literal["all", "counts", "classes", "gallery"]

_FILLS = (("only_a_correct", "#56B4E9", ""), ("only_b_correct", "#E69F00", "//"), ("both_wrong", "#4D4D4D", ""))
_COLUMNS = 8
_BARS = 18
_CLASS_BARS = 60
"""Most bars where every class has one: 14 classes of four kinds of pairs."""


def plot(result: Mistakes, *, part: Part = "all", pair: tuple[str, str] | None = None) -> Figure:
    """Draw who gets which images wrong.

    Args:
        result: what to draw.
        part: ``counts``, ``classes``, ``gallery``, or ``all`` of them in one figure.
        pair: labels of the pair whose images are shown; by default P-T and RI-T where there are both, else the first.

    Raises:
        UsageError: for a part that is not there.
    """
    rows = _gallery_rows(result, pair) if part in ("all", "gallery") else []
    if part == "gallery" and not rows:
        raise UsageError("no images were kept; compute mistakes with gallery=8")
    with styled():
        upper = part != "gallery"
        bars = 0.34 * len(_bars(result)) + 1.1
        heights = [max(2.7, bars) if part != "counts" else bars] * upper + [sum(map(_height, rows))] * bool(rows)
        fig = sheet(7.6, sum(heights))
        fig.get_layout_engine().set(h_pad=0.06)  # type: ignore[union-attr, call-arg]
        parts: list[SubFigure] = list(fig.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
        if upper:
            _draw_upper(parts[0], result, part)
        if rows:
            _draw_gallery(parts[-1], rows)
    return fig


def _draw_upper(area: SubFigure, result: Mistakes, part: Part) -> None:
    if part == "all" and not result.multilabel:
        left, right = area.subplots(1, 2, width_ratios=(1.25, 1))
        _counts(left, result)
        _classes(right, result)
    elif part == "classes":
        _classes(area.subplots(), result)
    else:
        _counts(area.subplots(), result)


def _shown(result: Mistakes) -> tuple[list[SharedMistakes], int]:
    """What has a bar, and how many could have one: each pair, or each class of each pair where they are told apart.

    Of many the first pairs of each kind, as many of one kind as of another: sixteen networks make 120 pairs.
    """
    every = [s for s in result.shared if s.of or not result.multilabel]
    if len(every) <= _BARS:
        return every, len(every)
    pairs: dict[str, list[tuple[str, str]]] = {}
    for s in every:
        of_kind = pairs.setdefault(s.kind, [])
        if (s.a, s.b) not in of_kind:
            of_kind.append((s.a, s.b))
    most = 1 if result.multilabel else max(1, _BARS // len(pairs))
    chosen = {pair for of_kind in pairs.values() for pair in of_kind[:most]}
    few = [s for s in every if (s.a, s.b) in chosen]
    return few[: _CLASS_BARS if result.multilabel else _BARS], len(every)


def _bars(result: Mistakes) -> list[tuple[str, dict[str, float], str]]:
    """What is said of each pair (and class): name, shares, and the paper's r1, r2."""
    found = []
    for s in _shown(result)[0]:
        name = f"{s.a}, {s.b}" + (f": {s.of}" if s.of else "")
        shares = {field: getattr(s, field) / s.n for field, *_ in _FILLS}
        told = [f"{100 * r:.0f} %" if math.isfinite(r) else "–" for r in (s.uncommon_share_a, s.uncommon_share_b)]
        found.append((name, shares, " / ".join(told)))
    return found


def _counts(ax: Axes, result: Mistakes) -> None:
    bars = _bars(result)
    places = np.arange(len(bars))[::-1]
    left = np.zeros(len(bars))
    labels = ("only the first right", "only the second right", "both wrong")
    for (field, colour, hatch), label in zip(_FILLS, labels, strict=True):
        width = np.array([100 * shares[field] for _, shares, _ in bars])
        ax.barh(places, width, 0.72, left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5, label=label)
        left += width
    for y, end, (_, _, told) in zip(places, left, bars, strict=True):
        ax.text(end, y, f"  {told}", va="center", fontsize=7, color="#333333")
    ax.set_yticks(places, [name for name, *_ in bars], fontsize=7.5)
    ax.set_xlim(0, max(left.max(initial=0.0) * 1.32, 1e-9))
    ax.set_xlabel(f"% of {result.n:,} images   (behind bars: share of mistakes the other avoids)", fontsize=8)
    ax.set_ylim(-0.6, len(bars) - 0.4)
    what = "classes of pairs" if result.multilabel else "pairs"
    told = some_of(len(bars), _shown(result)[1], what)
    ax.set_title("Mistakes of two networks" + (f"\n{told}" if told else ""), pad=20)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, fontsize=7, handlelength=1.2, columnspacing=1.0)


def _classes(ax: Axes, result: Mistakes) -> None:
    """Accuracy on a class over its size, a point a class, networks of a role taken together."""
    from ...numerics.correlation import pearson

    groups: dict[str, list[int]] = {}
    for i, member in enumerate(result.members):
        groups.setdefault(member.role or member.label, []).append(i)
    look = looks(groups)
    for i, (name, members) in enumerate(groups.items()):
        colour, _ = look[name]
        accuracy = result.class_accuracy[members].mean(0)
        c = pearson(result.class_sizes, accuracy)
        label = f"{name}: " + (f"r = {c.r:.2f}, p = {c.p:.2g}" if math.isfinite(c.r) else "no correlation")
        marker = MARKERS[i % len(MARKERS)]
        ax.scatter(
            result.class_sizes, 100 * accuracy, s=14, c=colour, marker=marker, alpha=0.75, linewidths=0, label=label
        )
    ax.set_xlabel(f"class size in {result.sizes_of}")
    ax.set_ylabel("accuracy on the class (%)")
    ax.set_title("Accuracy and class size", pad=8 + 11 * len(groups))
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=7, handletextpad=0.2)


def _gallery_rows(result: Mistakes, pair: tuple[str, str] | None) -> list[Gallery]:
    kept = [g for g in result.galleries if len(g.index)]
    if pair is None:
        mixed = next((g for g in kept if g.kind == "P-T & RI-T"), kept[0] if kept else None)
        pair = (mixed.a, mixed.b) if mixed else ("", "")
    rows = [g for g in kept if {g.a, g.b} == set(pair)]
    if not rows and kept:
        there = ", ".join(sorted({f"{g.a} and {g.b}" for g in kept}))
        raise UsageError(f"no images were kept of {pair[0]} and {pair[1]}; there are those of {there}")
    return rows


def _lines(g: Gallery) -> int:
    """Lines of images, eight in each."""
    return -(-len(g.index) // _COLUMNS)


def _height(g: Gallery) -> float:
    """Inches of a gallery with its title."""
    return 1.2 * _lines(g) + 0.22


def _draw_gallery(area: SubFigure, rows: list[Gallery]) -> None:
    strips = area.subfigures(len(rows), 1, height_ratios=[*map(_height, rows)], squeeze=False)[:, 0]
    for strip, g in zip(strips, rows, strict=True):
        wrong, right = (g.a, g.b) if g.wrong == "a" else (g.b, g.a)
        strip.suptitle(
            f"Only {wrong} is wrong, {right} is right: {len(g.index)} of {g.total:,} images\n"
            f"above: what {wrong} says and how sure it is; below: the label",
            x=0.01, ha="left", fontsize=8, fontweight="bold",
        )  # fmt: skip
        axes = strip.subplots(_lines(g), _COLUMNS, squeeze=False).ravel()
        for ax in axes[len(g.index) :]:
            ax.set_axis_off()
        for i, ax in enumerate(axes[: len(g.index)]):
            _picture(ax, g, i)


def _picture(ax: Axes, g: Gallery, i: int) -> None:
    pixels = g.pictures[i]
    ax.imshow(
        pixels if pixels.shape[-1] == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    said, sure = (g.answer_a[i], g.confidence_a[i]) if g.wrong == "a" else (g.answer_b[i], g.confidence_b[i])
    ax.set_title(
        f"{_short(said)} {100 * sure:.0f} %", fontsize=6.5, color=PALETTE[1], loc="center", fontweight="normal", pad=2
    )
    ax.set_xlabel(_short(g.truth[i]), fontsize=6.5, color=PALETTE[2], labelpad=2)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _short(name: str) -> str:
    return textwrap.shorten(name, 13, placeholder="…") if " " in name else name[:12] + "…" * (len(name) > 12)
