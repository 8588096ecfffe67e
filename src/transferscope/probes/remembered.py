"""An engine that evaluates weights once, however many lines begin or end with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..params import bits_digest
from ..progress import Progress, shifted, silent
from .evaluate import Engine
from .evaluation import Evaluation
from .points import Points

__all__ = ["Remembered"]


class Remembered:
    """Evaluates points, and one that is an operand itself only where these weights have not been met before.

    What is remembered has the bits that evaluating again would give, as such a point has no part of the others. With
    ``norm="kept"`` it has, the statistics of the first operand: then nothing is remembered.

    Args:
        engine: evaluates.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._met: dict[tuple[str, frozenset[str]], Mapping[str, Evaluation]] = {}

    def run(self, points: Points, progress: Progress = silent) -> dict[str, Evaluation]:
        """Evaluate all points on all sets, as :meth:`~transferscope.probes.evaluate.Engine.run`."""
        keys = {} if self._engine.how.norm == "kept" else _operands(points)
        rows = {i: self._met[key] for i, key in keys.items() if key in self._met}
        if new := [i for i in range(len(points)) if i not in rows]:
            asked = Points(points.basis, points.coefficients[new])
            found = self._engine.run(asked, shifted(progress, len(rows), len(points)))
            rows |= {i: {name: _one(of, at) for name, of in found.items()} for at, i in enumerate(new)}
        self._met |= {key: rows[i] for i, key in keys.items()}
        return {name: _joined([rows[i][name] for i in range(len(points))]) for name in rows[0]}


def _operands(points: Points) -> dict[int, tuple[str, frozenset[str]]]:
    """Return by place the weights that a point is, and what moves beside it, which decides how it is evaluated."""
    found = {}
    for i in range(len(points)):
        (operand, coefficient), *more = points.terms(i)
        if not more and coefficient == 1.0 and points.full(operand):
            found[i] = bits_digest(points.basis[operand]), points.moving
    return found


def _one(found: Evaluation, at: int) -> Evaluation:
    """Return an evaluation of one of its points, with memory of its own."""
    values = {metric: x[at : at + 1].copy() for metric, x in found.values.items()}
    return replace(found, values=values, examples={k: x[at : at + 1].copy() for k, x in found.examples.items()})


def _joined(rows: Sequence[Evaluation]) -> Evaluation:
    last = rows[-1]
    return replace(
        last,
        values={metric: np.concatenate([row.values[metric] for row in rows]) for metric in last.values},
        examples={metric: np.concatenate([row.examples[metric] for row in rows]) for metric in last.examples},
    )
