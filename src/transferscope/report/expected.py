"""About how long the report of a study takes, said before anything of it is computed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evidence.phrases import count
from ..plots.sheet import figure
from ..plots.style import house_style, styled
from ..study.estimate import hours
from .artists import artists_for
from .figures import render, svg_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..questions.base import Question
    from ..study.graph import Plan, Step

__all__ = ["figures_to_come", "report_line", "seconds_a_figure"]

_TIMES = 2.0
"""How often as long as the plain one a figure of a question takes: the median of seven, from 0.9 to 4.3."""

_LINES, _POINTS = 6, 40
"""Lines of a panel, and points of a line, of the figure that is drawn to see how long one takes."""


def report_line(plan: Plan, analyses: Mapping[str, Question], steps: Sequence[Step], processes: int = 1) -> str:
    """Say about how long writing the report takes besides the steps; empty where nothing is to be drawn.

    Args:
        plan: of the study.
        analyses: its questions by item.
        steps: those that are not there yet; of others the figures lie there, too.
        processes: that would draw, as far as there are figures enough.
    """
    figures = figures_to_come(plan, analyses, steps)
    if not figures:
        return ""
    plain = seconds_a_figure()
    drawing = 1 + artists_for(figures, processes)
    whole = hours(figures * _TIMES * plain / drawing)
    how = "one after the other" if drawing == 1 else f"by {drawing} processes"
    return (
        f"the report comes on top: about {whole} for some {count(figures, 'figure')}, drawn {how} here "
        f"(a plain one takes {plain:.1f} s, most about {_TIMES:g} times as long)"
    )


def figures_to_come(plan: Plan, analyses: Mapping[str, Question], steps: Sequence[Step]) -> int:
    """Return about how many figures the answers have that are not there yet."""
    missing = {step.digest for step in steps}
    return sum(
        analyses[item].figures() * sum(step.digest in missing for step in answers.values())
        for item, answers in plan.items.items()
        if item in analyses
    )


def seconds_a_figure() -> float:
    """Draw a plain figure as the report does, twice, and return the processor time of the second.

    The first loads fonts and libraries. Processor time is that of a quiet machine, whatever else runs now.
    """
    seconds = 0.0
    for _ in range(2):
        began = time.process_time()
        with house_style():
            svg_uri(render(_plain())["svg"])
        seconds = time.process_time() - began
    return seconds


def _plain() -> Figure:
    """Two panels of lines with bands and a legend, which most figures have."""
    x = np.linspace(0.0, 1.0, _POINTS)
    with styled():
        made, (panels,) = figure(1, 2)
        for ax in panels:
            for i in range(_LINES):
                y = np.sin(3.0 * x + i)
                ax.fill_between(x, y - 0.1, y + 0.1, alpha=0.2)  # type: ignore[attr-defined]
                ax.plot(x, y, marker="o", label=f"line {i}")  # type: ignore[attr-defined]
            ax.set_title("A title")  # type: ignore[attr-defined]
            ax.set_xlabel("x")  # type: ignore[attr-defined]
        handles, labels = panels[0].get_legend_handles_labels()  # type: ignore[attr-defined]
        made.legend(handles, labels, loc="outside lower center", ncols=3)
    return made
