"""Accuracy over shots by source, a panel for each objective; and what samples add to random ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import UsageError, nearest
from ...plots.looks import MARKERS
from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled
from .measure import WORDS, SourceKind, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(result: Sources, what: str = "shots") -> Figure:
    """Draw the answer.

    Args:
        result: what to draw.
        what: ``shots``: accuracy of each source over shots; ``samples``: samples less random ones.

    Raises:
        UsageError: for something else to draw, or samples where there are none.
    """
    if what not in ("shots", "samples"):
        raise UsageError(f"a figure of {what!r}{nearest(what, ('shots', 'samples'))}")
    controls = [k for k in result.kinds if k.sampling in ("from random", "random first")]
    if what == "samples" and not controls:
        raise UsageError("a figure of samples, and no pre-training saw one")
    with styled():
        if what == "samples":
            fig = sheet(5.6, 3.4)
            _samples(fig.subplots(), result, controls)
            return fig
        groups = _panels(result)
        fig = sheet(max(4.2, 3.1 * len(groups)), 4.2)
        axes = fig.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for at, (ax, (title, kinds)) in enumerate(zip(axes, groups, strict=True)):
            _shots(ax, result, kinds)
            ax.set_title(title)
            ax.set_ylabel(f"accuracy on {result.target}, %" if at == 0 else "")
            ax.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.3))  # lines may be anywhere
    return fig


def _panels(result: Sources) -> list[tuple[str, list[SourceKind]]]:
    """Objectives where all of a source is seen, else each source with its samples."""
    whole = [k for k in result.kinds if not k.sampling]
    groups = [(WORDS[o], [k for k in whole if k.objective == o]) for o in WORDS]
    found = [(title, kinds) for title, kinds in groups if kinds]
    rest = [k for k in result.kinds if k.sampling]
    sampled = dict.fromkeys((k.source, k.objective) for k in rest)
    return found + [(of[0], [k for k in rest if (k.source, k.objective) == of]) for of in sampled]


def _shots(ax: Axes, result: Sources, kinds: Sequence[SourceKind]) -> None:
    places = list(range(len(result.columns)))
    for i, kind in enumerate(kinds):
        found = [result.accuracy(kind, column) for column in places]
        values = [100 * e.value for e in found]
        colour = PALETTE[i % len(PALETTE)]
        name = kind.sampling or kind.source
        ax.plot(places, values, color=colour, marker=MARKERS[i % len(MARKERS)], ms=4, lw=1.2, label=name)
        ends = [(100 * e.low, 100 * e.high) for e in found if e.low is not None and e.high is not None]
        if len(ends) == len(found):
            ax.fill_between(
                places, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, lw=0
            )
    ax.set_xticks(places, list(result.columns), rotation=30, ha="right")


def _samples(ax: Axes, result: Sources, controls: Sequence[SourceKind]) -> None:
    kinds = [
        (kind, control)
        for control in controls
        for kind in result.kinds
        if kind.sampling
        and kind != control
        and (kind.source, kind.objective) == (control.source, control.objective)
        and kind.sampling.endswith(" first") == control.sampling.endswith(" first")
    ]
    last = len(result.columns) - 1
    for shift, column, colour, marker in ((-0.12, 0, PALETTE[0], "o"), (0.12, last, PALETTE[1], "s")):
        for y, pair in enumerate(kinds):
            gain = result.less([pair], column)
            ax.plot([100 * gain.value], [y + shift], marker, color=colour, ms=4,
                    label=result.columns[column] if y == 0 else None)  # fmt: skip
            if gain.low is not None and gain.high is not None:
                ax.plot([100 * gain.low, 100 * gain.high], [y + shift] * 2, color=colour, lw=1.4)
    ax.axvline(0, color="#777777", lw=0.8)
    ax.set_yticks(range(len(kinds)), [f"{k.source}, {k.sampling}" for k, _ in kinds])
    ax.invert_yaxis()
    ax.set_xlabel(f"more than random images, points on {result.target}")
    ax.legend(fontsize="small")
