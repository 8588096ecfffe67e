"""Criticality measured: one module of one network after the other, all its paths at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.left_out import LeftOut
from ...evidence.phrases import listed
from ...models.network import Network
from ...probes.evaluate import Engine, EngineOptions, How
from ...probes.metrics import default_metrics
from ...probes.points import Points
from ...progress import Progress, shifted
from .._journeys import Journey, Moving
from .grid import Grid, PathKind, Stretch, Way, least_ratio, ratios

__all__ = ["Judge", "Limit", "Subject", "Valley", "measure"]

Judge: TypeAlias = Literal["error", "loss"]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Limit:
    """What a module on its way must keep.

    Attributes:
        judge: ``error`` or ``loss``, on the training images.
        epsilon: what it may be; ``None`` for that of the trained network plus the margin.
        margin: how much worse than the trained network it may be.

    Raises:
        UsageError: for another metric, or a number that is not one.
    """

    judge: Judge
    epsilon: float | None
    margin: float

    def __post_init__(self) -> None:
        if self.judge not in ("error", "loss"):
            raise UsageError(f"judge {self.judge!r}{nearest(self.judge, ('error', 'loss'))}")
        for name, value in (("epsilon", self.epsilon), ("margin", self.margin)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name}: {value}; expected a number from 0, such as 0.01")


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network whose modules are moved.

    Attributes:
        label: what to call it.
        role: ``P-T``, ``RI-T`` or empty.
        group: the same for networks trained from one and the same start.
        trained: ``(parts, metrics)`` of the trained network itself.
        epsilon: what the judging metric may be on the training images.
        unfit: why it is no witness for claims about networks that learned; empty for nothing known against it.
    """

    label: str
    role: str
    group: str
    trained: np.ndarray
    epsilon: float
    unfit: str = ""

    @property
    def bound(self) -> float:
        """ε with room for rounding: means of shares that are equal to it are within it."""
        return self.epsilon + _ROUNDING

    def keeps(self, means: np.ndarray) -> np.ndarray:
        """Return which means of the judging metric are within ε."""
        within: np.ndarray = means <= self.bound
        return within


@dataclass(frozen=True, eq=False)
class Valley:
    """One module of one network along one path, with noise; all other modules stay as trained.

    Attributes:
        network: label of the network.
        module: name of the module.
        path: ``direct`` ((1 − α)θ⁰ + αθ) or ``optimisation`` (the recorded checkpoints).
        end: the weights it leads to: ``best``, ``final``, or ``end`` of plain weights.
        places: α of a direct path, names of the checkpoints of an optimisation path.
        alphas: ``(p,)`` distance from the start over ``distance``.
        sigmas: ``(s,)`` noise as given.
        scale: times σ is the standard deviation of the noise of each weight.
        distance: ‖θ_end − θ⁰‖_F over the module's parameters.
        norm: ‖θ‖_F of the module in the trained network.
        size: number of the module's parameters.
        values: ``(parts, metrics, p, s, r)``, one number a draw of a cell; not finite where the weights or the
            network's output are not; without places when only μ was searched for.
        mu: μ_i = min α²‖θ_end − θ⁰‖²_F/σ² (σ absolute) over the cells with noise whose mean is at most ε; infinite
            when there is none, nan when the noise is 0 because the weights are.
        mu_without: ``(r,)`` the same without each of the draws (with one draw, that one), which is how far μ_i
            depends on the draws; nan when only μ was searched for.
        alpha: α of the cell that μ is found at; nan when there is none.
        sigma: its noise as given; nan when there is none.
        points: how many points it took, those shared with other paths of the module included; of a search, the images
            looked at over those of a point, rounded up.
        plan: how they were evaluated.
    """

    network: str
    module: str
    path: PathKind
    end: str
    places: tuple[str, ...]
    alphas: np.ndarray
    sigmas: np.ndarray
    scale: float
    distance: float
    norm: float
    size: int
    values: np.ndarray
    mu: float
    mu_without: np.ndarray
    alpha: float
    sigma: float
    points: int
    plan: str

    @property
    def redrawn(self) -> bool:
        """Whether it is known how far μ_i depends on the draws of the noise."""
        return len(self.mu_without) > 1 and not np.isnan(self.mu_without).all()

    @property
    def least(self) -> float:
        """Least of μ_i and μ_i without each of the draws; nan where that is not known."""
        return float(np.fmin.reduce([self.mu, *self.mu_without])) if self.redrawn else math.nan

    @property
    def most(self) -> float:
        """Greatest of μ_i and μ_i without each of the draws; nan where that is not known."""
        return float(np.fmax.reduce([self.mu, *self.mu_without])) if self.redrawn else math.nan

    @property
    def relative(self) -> float:
        """μ_i over the number of parameters: α²(‖θ_end − θ⁰‖/‖θ‖)²/σ² with σ relative to the weights; no unit."""
        return self.mu / self.size

    def means(self, part: int, metric: int) -> np.ndarray:
        """Return the mean over draws of each cell, ``(p, s)``."""
        mean: np.ndarray = self.values[part, metric].mean(-1)
        return mean


def measure(
    net: Network,
    journeys: Sequence[Journey],
    sets: Mapping[str, ImageSet],
    modules: Sequence[Moving],
    kinds: Sequence[PathKind],
    grid: Grid,
    limit: Limit,
    *,
    metrics: Sequence[str] | None,
    surface: bool,
    progress: Progress,
    options: EngineOptions,
) -> tuple[tuple[Subject, ...], tuple[Valley, ...], tuple[LeftOut, ...], tuple[str, ...], How]:
    """Evaluate every module of every network; ``criticality`` says what the arguments are.

    Returns:
        Networks, valleys, what was left out, metrics, and how.
    """
    wanted = default_metrics(sets["train"].multilabel) if metrics is None else tuple(metrics)
    asked = tuple(dict.fromkeys((*wanted, limit.judge))) if surface else (limit.judge,)
    engine = Engine(net, sets, metrics=asked, **options)
    stretches: list[list[Stretch]] = []
    left_out: list[LeftOut] = []
    for journey in journeys:
        free = [m for m in modules if not journey.fixed & set(m.parameters)]
        left_out += [
            LeftOut(f"{journey.label}, {m.name}", "the start has no such head, so there is no path from it")
            for m in modules
            if m not in free
        ]
        stretches.append([Stretch(journey, m, kinds, grid) for m in free])
    counts = [[len(s) if surface else s.cells() for s in of] for of in stretches]
    total, done = sum(map(sum, counts)), 0
    if not any(stretches):
        raise UsageError(f"{left_out[0].subject}: {left_out[0].reason}; name another module")
    unit = "points" if surface else "cells"
    subjects, valleys = [], []
    for journey, of in zip(journeys, stretches, strict=True):
        found = engine.run(Points.listed([journey.trained]))
        names = tuple(found["train"].values)
        trained = np.array([[found[part].values[m][0] for m in names] for part in sets])
        there = float(trained[0, names.index(limit.judge)])
        allowed = there + limit.margin if limit.epsilon is None else limit.epsilon
        subject = Subject(journey.label, journey.role, journey.group, trained, allowed, journey.unfit)
        subjects.append(subject)
        for stretch in of:
            if stretch.not_finite:
                what = f"the weights are not finite at {listed(stretch.not_finite)}"
                left_out.append(LeftOut(f"{journey.label}, {stretch.moving.name}", what))
            if surface:
                told = shifted(progress, done, total)
                valleys += _valleys(engine, stretch, names, tuple(sets), limit.judge, subject.bound, told)
                done += len(stretch)
            else:
                for way in stretch.ways:
                    told = shifted(progress, done, total)
                    valleys.append(_searched(engine, stretch, way, limit.judge, subject.bound, told))
                    done += stretch.cells(way)
            progress(done, total, unit)
    return tuple(subjects), tuple(valleys), tuple(left_out), names, engine.how


def _valleys(
    engine: Engine, stretch: Stretch, names: tuple[str, ...], parts: tuple[str, ...], judge: str, bound: float,
    progress: Progress,
) -> list[Valley]:  # fmt: skip
    """Evaluate all points of a module, and read each path's cells off them."""
    every = np.full((len(parts), len(names), len(stretch) + 1), np.nan)  # the last is where weights are not finite
    if len(stretch):
        found = engine.run(stretch.points(), progress)
        every[..., :-1] = [[found[part].values[name] for name in names] for part in parts]
    return [
        _valley(stretch, way, every[..., way.rows], names.index(judge), bound, engine.how) for way in stretch.ways
    ]


def _valley(stretch: Stretch, way: Way, values: np.ndarray, judged: int, bound: float, how: How) -> Valley:
    def least(means: np.ndarray) -> tuple[float, int, int]:
        return least_ratio(means, way.alphas, stretch.absolute, way.distance, bound)

    mu, place, sigma = least(values[0, judged].mean(-1))
    without = np.array([least(_without(values[0, judged], r))[0] for r in range(stretch.grid.draws)])
    points = len(np.unique(way.rows[way.rows >= 0]))
    return _told(stretch, way, values, mu, without, place, sigma, points, how)


def _searched(engine: Engine, stretch: Stretch, way: Way, judge: Judge, bound: float, progress: Progress) -> Valley:
    """Find μ alone: cells by rising α²d²/σ² until the first that is within the bound."""
    draws = stretch.grid.draws
    cells = stretch.in_order(way)
    mu, place, sigma, looked = math.inf if len(stretch.noisy) else math.nan, -1, -1, 0
    if len(cells):
        rows = way.rows[cells[:, 0], cells[:, 1]].ravel()
        groups = np.repeat(np.arange(len(cells)), draws)
        found = engine.first_within(
            stretch.points(rows), groups, bound, images="train", metric=judge, progress=progress
        )
        looked = -(-found.looked * len(rows) // found.all)
        if found.group is not None:
            place, sigma = map(int, cells[found.group])
            mu = float(ratios(way.alphas, stretch.absolute, way.distance)[place, sigma])
    nothing = np.zeros((1, 1, 0, len(stretch.absolute), draws))
    return _told(stretch, way, nothing, mu, np.full(draws, np.nan), place, sigma, looked, engine.how)


def _told(
    stretch: Stretch,
    way: Way,
    values: np.ndarray,
    mu: float,
    without: np.ndarray,
    place: int,
    sigma: int,
    points: int,
    how: How,
) -> Valley:
    sigmas = np.array(stretch.grid.sigmas)
    return Valley(
        stretch.journey.label,
        stretch.moving.name,
        way.kind,
        way.end,
        way.places,
        way.alphas,
        sigmas,
        stretch.scale,
        way.distance,
        stretch.norm,
        stretch.size,
        values,
        mu,
        without,
        float(way.alphas[place]) if place >= 0 else math.nan,
        float(sigmas[sigma]) if sigma >= 0 else math.nan,
        points,
        how.plan,
    )


def _without(values: np.ndarray, r: int) -> np.ndarray:
    """Mean over all draws but one."""
    mean: np.ndarray = (np.delete(values, r, axis=-1) if values.shape[-1] > 1 else values).mean(-1)
    return mean


def spread_of_sum(valleys: Sequence[Valley]) -> tuple[float, float]:
    """Return the least and the greatest of Σμ_i and Σμ_i without each of the draws; nan where that is not known."""
    if not any(v.redrawn for v in valleys):
        return math.nan, math.nan
    sums = [sum(v.mu for v in valleys), *np.sum([v.mu_without for v in valleys], axis=0)]
    return float(np.fmin.reduce(sums)), float(np.fmax.reduce(sums))
