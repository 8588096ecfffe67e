"""What laws of several tasks say together: the number of shots, and the best models of one task on another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data.tables.models import ModelTable
from ...errors import UsageError, nearest
from ...numerics.correlation import pearson
from ...numerics.grid import AxisOffset, axis_offsets
from .task_law import TaskLaw

__all__ = ["GridAxis", "Overlay", "ShotRow", "against_shots", "grid_axes", "overlays"]

_LEAST_SHOTS = 3
_LEAST_RANKED = 5
"""Of fewer points ranks agree or disagree by chance: of two, always."""

_LEAST_VERTICES = 3


@dataclass(frozen=True)
class ShotRow:
    """How a parameter of the law goes with the number of shots.

    Attributes:
        us: upstream task.
        task: downstream task.
        what: ``points`` or ``hull``.
        parameter: ``k``, ``k·e_ref^α``, ``α`` or ``e_∞``.
        shots: the numbers of shots.
        values: the parameter at each.
        r: Pearson's correlation, as in the slides.
        p: its p-value; nan with two or fewer degrees of freedom to spare.
        unknown: at how many of them the floor is not identified.
    """

    us: str
    task: str
    what: str
    parameter: str
    shots: tuple[float, ...]
    values: tuple[float, ...]
    r: float
    p: float
    unknown: int


@dataclass(frozen=True)
class Overlay:
    """How the models that are best on one task do on another, against the best there.

    Attributes:
        us: upstream task.
        reference: the task whose hull is laid over the other.
        task: the other task.
        models: names of the hull's models, by rising upstream accuracy.
        x: their upstream accuracy.
        y: their accuracy on the other task.
        gap: how far they lie under the other task's own hull; 0 at the two ends of the upstream range, where a hull
            has its ends whatever the task.
        below: mean gap of the lower half of those between the ends; nan with fewer than two.
        above: mean gap of the upper half.
        r: rank correlation of gap and upstream accuracy; below 0 where the gap closes.
        p: of it.
    """

    us: str
    reference: str
    task: str
    models: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    gap: tuple[float, ...]
    below: float
    above: float
    r: float
    p: float


@dataclass(frozen=True)
class GridAxis:
    """How far models that differ in one factor alone lie from the law of all others.

    Attributes:
        us: upstream task.
        task: downstream task with its shots.
        axis: the factor, its models and their distance.
    """

    us: str
    task: str
    axis: AxisOffset


def grid_axes(law: TaskLaw, table: ModelTable, factors: Sequence[str]) -> tuple[GridAxis, ...]:
    """Ask whether scaling one factor at a time gives the curve of the whole grid.

    Args:
        law: of a pair of tasks.
        table: with the factors among its covariates.
        factors: their names.

    Raises:
        UsageError: for a factor that is no covariate, or fewer than two.
    """
    known = {c.name: c.values for c in table.covariates}
    for name in factors:
        if name not in known:
            raise UsageError(f"{table.source}: no covariate {name!r} for the grid{nearest(name, known)}")
    place = {name: i for i, name in enumerate(table.names)}
    rows = [place[name] for name in law.names]
    found = axis_offsets(law.x, law.y, factors, [known[name][rows] for name in factors])
    return tuple(GridAxis(law.us, law.task, axis) for axis in found)


def against_shots(laws: Sequence[TaskLaw]) -> tuple[ShotRow, ...]:
    """Correlate the parameters of a task's laws with the number of shots, from three numbers of shots on."""
    rows = []
    for us, base in dict.fromkeys((law.us, law.base) for law in laws):
        mine = [w for w in laws if (w.us, w.base) == (us, base) and w.shots is not None and math.isfinite(w.shots)]
        for what in ("points", "hull"):
            fits = [(w.shots or 0.0, getattr(w, what)) for w in mine if getattr(w, what) is not None]
            fits.sort(key=lambda pair: pair[0])
            if len({shots for shots, _ in fits}) < _LEAST_SHOTS:
                continue
            shots = tuple(s for s, _ in fits)
            unknown = sum(not fit.floor.identified for _, fit in fits)
            values = {
                "k": tuple(fit.law.k for _, fit in fits),
                "k·e_ref^α": tuple(fit.reference for _, fit in fits),
                "α": tuple(fit.law.alpha for _, fit in fits),
                "e_∞": tuple(fit.law.floor for _, fit in fits),
            }
            for parameter, of in values.items():
                found = pearson(np.array(shots), np.array(of))
                rows.append(ShotRow(us, base, what, parameter, shots, of, found.r, found.p, unknown))
    return tuple(rows)


def overlays(laws: Sequence[TaskLaw], reference: TaskLaw) -> tuple[Overlay, ...]:
    """Lay the hull of one task over all others of the same upstream task.

    Args:
        laws: of all tasks.
        reference: the law of the task whose best models are followed.
    """
    from scipy.stats import spearmanr

    best = [reference.names[i] for i in reference.rising.index]
    found = []
    for law in laws:
        if law.us != reference.us or law.task == reference.task:
            continue
        place = {name: i for i, name in enumerate(law.names)}
        rows = [place[name] for name in best if name in place]
        if len(rows) < _LEAST_VERTICES:
            continue
        x, y = law.x[rows], law.y[rows]
        gap = _top(law, x) - y
        inner = (x > law.x.min()) & (x < law.x.max())
        between, half = gap[inner], inner.sum() // 2
        rank = spearmanr(x[inner], between) if inner.sum() >= _LEAST_RANKED and np.ptp(between) > 0 else None
        below, above = (float(between[:half].mean()), float(between[-half:].mean())) if half else (math.nan, math.nan)
        r, p = (math.nan, math.nan) if rank is None else (float(rank.statistic), float(rank.pvalue))
        models = tuple(law.names[i] for i in rows)
        at, reached, missed = (tuple(v.tolist()) for v in (x, y, gap))
        found.append(Overlay(law.us, reference.task, law.task, models, at, reached, missed, below, above, r, p))
    return tuple(found)


def _top(law: TaskLaw, x: np.ndarray) -> np.ndarray:
    """Height of the whole hull, the tail too: what mixtures reach at just this upstream accuracy."""
    return np.asarray(np.interp(x, law.x[law.vertices], law.y[law.vertices]))
