"""How a path between two networks is drawn: a metric over λ with its band, the networks themselves as dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..plots.style import DASHES, look_of
from ._paths import Curve, Path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = [
    "Look",
    "as_shown",
    "bands_of",
    "draw_curve",
    "draw_kind",
    "draw_kinds",
    "kind_looks",
    "legend_below",
    "metrics_of",
    "share_scale",
]

Look: TypeAlias = tuple[str, str | tuple[int, tuple[int, ...]]]

_BANDS = "bands: 95 % bootstrap intervals over images"
_MEANS = "thick: mean over pairs; thin: single pairs"

_APART = 3
"""Pairs of a kind that can still be told apart, each with its band; of more there is a mean, and thin lines."""

_NAMED = 12
"""Kinds of pairs that have a look of their own. Every two files are a kind, so ten of them make 45."""

_FURTHER: Look = ("#9A9A9A", "-")

_NAMES = {"error": "accuracy (%)", "accuracy": "accuracy (%)", "auc": "AUC", "loss": "loss (nats)"}

_LEAST = {"error": 10.0, "accuracy": 10.0, "auc": 0.1, "loss": 0.2}
"""Least height of a panel, in the unit that is drawn."""

_NOT_FINITE = "×: not finite"


def metrics_of(paths: Sequence[Path], wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the metrics to draw: those asked for, else the AUC or the error, and the loss."""
    found = list(dict.fromkeys(c.metric for p in paths for c in p.curves))
    if wanted is not None:
        return tuple(wanted)
    first = next((m for m in ("auc", "error", "accuracy") if m in found), None)
    return tuple(m for m in (first, "loss") if m in found)


def kind_looks(paths: Sequence[Path]) -> dict[str, Look]:
    """Give every kind of pair a look: that of its name, or the next free one; best and final go by their role.

    Of many kinds those after the first twelve share one.
    """
    looks: dict[str, Look] = {}
    for path in paths:
        kind = path.kind
        if kind in looks:
            continue
        if len(looks) >= _NAMED:
            looks[kind] = _FURTHER
            continue
        named = look_of(kind, -1)
        if kind.endswith("best & final"):
            named = (look_of(path.roles[0])[0], DASHES[4 if path.roles[0] == "RI-T" else 5])
        elif named == look_of("", -1):
            named = next(look for i in range(48) if (look := look_of("", i)) not in looks.values())
        looks[kind] = named
    return looks


def draw_curve(ax: Axes, path: Path, curve: Curve, look: Look, *, band: bool = True, label: str = "") -> Line2D:
    """Draw one metric along a path.

    Errors are drawn as accuracies, as the paper does; points that are not finite are gaps with a cross, for a loss,
    which is then too large for a number, at the top, for all else at the foot.

    Args:
        ax: where.
        path: the path.
        curve: the metric.
        look: colour and dash.
        band: whether to draw the interval over images.
        label: for the legend.
    """
    colour, dash = look
    x = path.lambdas
    values, low, high = (as_shown(curve.metric, v) for v in (curve.values, curve.low, curve.high))
    if band:
        ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    (line,) = ax.plot(x, values, color=colour, linestyle=dash, label=label)
    ends = np.isin(x, (0.0, 1.0))
    ax.plot(x[ends], values[ends], linestyle="", marker="o", markersize=4.5, color=colour, zorder=3)
    broken = x[np.isnan(values)]
    if len(broken):
        edge, y, aside = ax.get_xaxis_transform(), *((0.97, -7) if curve.metric == "loss" else (0.03, 7))
        ax.plot(
            broken, np.full(len(broken), y), linestyle="", marker="x", color=colour, transform=edge, clip_on=False
        )
        if not any(text.get_text() == _NOT_FINITE for text in ax.texts):
            ax.annotate(_NOT_FINITE, (float(np.median(broken)), y), (0, aside), xycoords=edge, fontsize=7,
                        textcoords="offset points", ha="center", va="center")  # fmt: skip
    ax.set_xlabel("λ")
    ax.set_ylabel(_NAMES[curve.metric])
    return line


def draw_kind(ax: Axes, paths: Sequence[Path], images: str, metric: str, look: Look, label: str) -> Line2D:
    """Draw one metric along all pairs of a kind: each with its band, or, of many, their mean over thin lines.

    Args:
        ax: where.
        paths: of one kind, on the same λ where there are many.
        images: the image set.
        metric: which.
        look: colour and dash.
        label: for the legend.
    """
    curves = [path.curve(images, metric) for path in paths]
    if not _many(paths):
        lines = [draw_curve(ax, p, c, look, label=label) for p, c in zip(paths, curves, strict=True)]
        for line in lines[1:]:
            line.set_linewidth(1.0)
        return lines[0]
    values = np.array([as_shown(metric, curve.values) for curve in curves])
    x = paths[0].lambdas
    ax.plot(x, values.T, color=look[0], linewidth=0.5, alpha=0.25)
    with np.errstate(invalid="ignore"):
        line = draw_curve(ax, paths[0], replace(curves[0], values=_mean(curves)), look, band=False, label=label)
    line.set_linewidth(2.0)
    return line


def draw_kinds(
    ax: Axes, paths: Sequence[Path], images: str, metric: str, looks: dict[str, Look]
) -> dict[str, Line2D]:
    """Draw one metric along all pairs, kind by kind; return what belongs into the legend.

    Pairs of kinds that have no look of their own are thin grey lines, so that all are there.

    Args:
        ax: where.
        paths: all of them.
        images: the image set.
        metric: which.
        looks: of each kind, as :func:`kind_looks` gives them.
    """
    lines: dict[str, Line2D] = {}
    for kind, look in looks.items():
        of_kind = [p for p in paths if p.kind == kind]
        one = of_kind[0]
        if look == _FURTHER:
            label = f"{sum(looks[p.kind] == _FURTHER for p in paths)} further pairs, without bands"
            for path in of_kind:
                line = draw_curve(ax, path, path.curve(images, metric), look, band=False, label=label)
                line.set(linewidth=0.5, zorder=1)
        else:
            label = f"{one.a} – {one.b}" if len(of_kind) == 1 else f"{kind} ({len(of_kind)} pairs)"
            line = draw_kind(ax, of_kind, images, metric, look, label)
        lines.setdefault(label, line)
    return lines


def bands_of(paths: Sequence[Path]) -> str:
    """Say what is drawn beside the lines; for a legend."""
    kinds = [[p for p in paths if p.kind == kind] for kind in dict.fromkeys(p.kind for p in paths)]
    found = [_MEANS] if any(map(_many, kinds)) else []
    found += [_BANDS] if not all(map(_many, kinds)) else []
    return "\n".join(found)


def _many(paths: Sequence[Path]) -> bool:
    return len(paths) > _APART and len({tuple(p.lambdas) for p in paths}) == 1


def _mean(curves: Sequence[Curve]) -> np.ndarray:
    """The mean over pairs, nan where one is not finite."""
    mean: np.ndarray = np.array([np.asarray(curve.values, dtype=np.float64) for curve in curves]).mean(0)
    return mean


def share_scale(axes: Sequence[Axes], metric: str) -> None:
    """Give panels of one metric the same scale; losses that span more than a factor of 50 a logarithmic one.

    A scale is never so fine that the noise of a flat line looks like a barrier.
    """
    low, high = min(ax.dataLim.y0 for ax in axes), max(ax.dataLim.y1 for ax in axes)
    if not low <= high:  # nothing finite was drawn
        return
    logarithmic = metric == "loss" and low > 0 and high > 50 * low
    margin = 0.08 * (high - low) + max(0.0, (_LEAST[metric] - (high - low)) / 2)
    for ax in axes:
        if logarithmic:
            ax.set_yscale("log")
            ax.set_ylim(low / 1.3, high * 1.3)
        else:
            ax.set_ylim(low - margin, high + margin)


def legend_below(fig: Figure, lines: Sequence[Line2D], title: str = "") -> None:
    """Put one legend for all panels under the figure, outside of the data."""
    labels = [str(line.get_label()) for line in lines]
    columns = max(1, min(len(lines), int(fig.get_figwidth() * 13 // max(map(len, labels), default=1))))
    fig.legend(lines, labels, loc="outside lower center", ncols=columns, title=title or None)


def as_shown(metric: str, values: np.ndarray) -> np.ndarray:
    """Return a metric as the axis has it: accuracies in percent; what is not finite is left out."""
    shown = {"error": 100 * (1 - values), "accuracy": 100 * values}.get(metric, values)
    return np.where(np.isfinite(shown), shown, np.nan)
