"""A process that draws figures for a page: orders come in on stdin, what was drawn goes out on stdout, a line each.

Started as ``python -P -m transferscope.report.artist``; the first line names the run folder. It ends when stdin does.
Why a figure cannot be drawn is not said here: who ordered it tries it again, and meets the same error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..study.worker import connected
from .artists import Order
from .figures import draw_into

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..questions.result import Result

__all__ = ["draw_orders"]


def draw_orders(folder: str, lines: Iterable[str], out: TextIO) -> None:
    """Draw what is asked for until there is no more.

    Args:
        folder: the run folder.
        lines: an :class:`~transferscope.report.artists.Order` each.
        out: where is written what was drawn, a line each.
    """
    draw = _drawing(folder)
    for line in lines:
        order = Order(**json.loads(line))
        try:
            drawn, _ = draw_into(Path(folder) / "figures", order.name, order.numbers, partial(draw, order))
            answer = json.dumps(asdict(drawn))
        except Exception:
            answer = "null"
        out.write(f"{answer}\n")


def _drawing(folder: str) -> Callable[[Order], Figure]:
    from ..questions import question_class
    from ..study.stored_study import open_study
    from .sections import draw_view, views_of

    study = open_study(folder)

    @cache
    def results(item: str) -> dict[str, Result]:
        return study.results(item)

    def draw(order: Order) -> Figure:
        result = results(order.item)[order.target]
        views = views_of(question_class(study.items[order.item]), result)
        return draw_view(result, order.target, next(v for v in views if v.name == order.view))

    return draw


if __name__ == "__main__":
    orders, answers = connected()
    draw_orders(json.loads(next(orders))["figures"], orders, answers)
