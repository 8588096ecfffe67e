"""What the result about basins is made of: its rule, and the numbers of one group, one set S and one metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from ...errors import UsageError
from ...numerics.basin import BasinNumbers, Search
from .._members import Member
from .field import counted

__all__ = ["Answer", "BasinGroup", "BasinMeasure", "BasinRegion", "BasinRule", "Extent", "Rim"]

Extent: TypeAlias = Literal["hull", "extended"]
Answer: TypeAlias = Literal["yes", "no", "cannot tell"]


@dataclass(frozen=True)
class BasinRule:
    """How (ε, δ) is measured and judged, the same for all groups.

    Attributes:
        samples: points drawn uniformly from each S; at most, where a width is given.
        draws: of (w₁, w₂, ν); at most, where a width is given.
        limit: the largest δ that is tried; ``None`` for the mean norm of a group's solutions.
        doublings: how often the smallest δ of the scan doubles until it is the limit.
        tolerance: relative width at which bisection for δ stops.
        extend: whether S is also extended to where the basin ends.
        rise: of error, or of 1 − AUC, at which it ends.
        loss_rise: of the loss, in nats, where only the loss is measured.
        reach: how far beyond a solution its end is looked for, in units of twice the distance from the middle.
        steps: points on the way there.
        threshold: ε of error, or of 1 − AUC, up to which S is one basin.
        loss_threshold: ε of the loss, in nats.
        resamples: bootstrap resamples of every interval.
        seed: of all draws.
        width: where given, points are drawn 16 at a time until the 95 % interval of ε over points is no wider than
            this, and noise in proportion to the points. The interval decides when to stop, never what is found.
    """

    samples: int = 64
    draws: int = 32
    limit: float | None = None
    doublings: int = 9
    tolerance: float = 0.05
    extend: bool = True
    rise: float = 0.02
    loss_rise: float = 0.1
    reach: float = 1.0
    steps: int = 10
    threshold: float = 0.01
    loss_threshold: float = 0.05
    resamples: int = 1000
    seed: int = 0
    width: float | None = None

    def __post_init__(self) -> None:
        self.search(1.0 if self.limit is None else self.limit)
        if self.samples < 2 or self.resamples < 1 or self.steps < 1:
            raise UsageError(
                f"{self.samples} points of S, {self.resamples} resamples, {self.steps} steps outwards; expected at "
                "least 2, 1 and 1"
            )
        for name in ("rise", "loss_rise", "reach", "threshold", "loss_threshold", "width"):
            value: float | None = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} {value:g}; expected a positive number")

    def search(self, limit: float, draws: int | None = None) -> Search:
        """Return how δ is searched for up to a limit."""
        return Search(draws or self.draws, limit, self.doublings, self.tolerance, self.seed)

    def threshold_of(self, metric: str) -> float:
        """Return the ε up to which S is one basin."""
        return self.loss_threshold if metric == "loss" else self.threshold

    def rise_of(self, metric: str) -> float:
        """Return the rise at which the basin ends."""
        return self.loss_rise if metric == "loss" else self.rise


@dataclass(frozen=True)
class Rim:
    """Where the basin ends beyond one solution, on the ray from the middle of all through it.

    Attributes:
        label: of the solution.
        beyond: distance from the solution in units of twice its distance from the middle (of two solutions: of the
            distance between them, as in :class:`~transferscope.questions.extrapolation.measure.Edge`); inf when not
            within reach; nan when the solution's own loss is not finite.
        used: how far S is extended: ``beyond``, the reach where there is no end within it, 0 where it is nan.
    """

    label: str
    beyond: float
    used: float


@dataclass(frozen=True, eq=False)
class BasinMeasure:
    """One metric on one S.

    Attributes:
        metric: as it was asked for; accuracy and AUC are measured as 1 − it.
        numbers: μ, ε, δ with their Monte-Carlo errors.
        mu_low: lower end of the 95 % bootstrap interval of μ over points and images, of these networks.
        mu_high: upper end.
        losses: ``(m,)`` at the points of S.
        shaken: ``(d, r)`` ℓ(f + ν), ‖ν‖ ≈ δ: condition 2.
        beyond: ``(d, r)`` ℓ(κ), |ν| past the boundary: condition 3.
        answer: whether S is one basin in this metric on these images, by the rule of :class:`Basin`.
        resampled: ``(2, resamples)`` ε and ``excess`` on resampled images, float32, the same images for all groups;
            empty where they were not kept.
    """

    metric: str
    numbers: BasinNumbers
    mu_low: float
    mu_high: float
    losses: np.ndarray
    shaken: np.ndarray
    beyond: np.ndarray
    answer: Answer
    resampled: np.ndarray = field(default_factory=lambda: np.zeros((2, 0), np.float32))

    @property
    def excess(self) -> float:
        """By how much the error around S exceeds μ + 2ε, in the lower of conditions 2 and 3 at the largest δ.

        A δ exists where it is not negative. What is not finite counts as wrong (of the loss, as infinite).
        """
        around = (float(counted(self.metric, of_draws[-1]).mean()) for of_draws in (self.shaken, self.beyond))
        return min(around) - self.numbers.mu - 2 * self.numbers.epsilon


@dataclass(frozen=True, eq=False)
class BasinRegion:
    """One S: a segment or simplex.

    Attributes:
        extent: ``hull`` of the solutions, or ``extended`` to where the basin ends.
        vertices: ``(k, k)`` of S, one a row, as coordinates in the solutions that sum to 1.
        places: ``(m, k)`` coordinates of the points drawn from S.
        deltas: ``(d,)`` every δ that was tried, rising from 0.
        measures: one a metric, the one that claims are judged by first.
    """

    extent: Extent
    vertices: np.ndarray
    places: np.ndarray
    deltas: np.ndarray
    measures: tuple[BasinMeasure, ...]

    def measure(self, metric: str) -> BasinMeasure:
        """Return the numbers of one metric.

        Raises:
            UsageError: when it was not measured.
        """
        for found in self.measures:
            if found.metric == metric:
                return found
        raise UsageError(f"no basin of {metric!r}; there are: {', '.join(m.metric for m in self.measures)}")


@dataclass(frozen=True, eq=False)
class BasinGroup:
    """k solutions and the S they span.

    Attributes:
        members: the solutions.
        kind: what sort of group it is: that of a pair (``P-T & P-T``), ``3 × P-T``, or the labels.
        distance: mean distance between two of them.
        norm: mean norm of their parameters.
        size: n, number of parameters that the noise moves.
        limit: the largest δ that was tried.
        rims: where the basin ends beyond each, empty when S was not to be extended.
        regions: the hull, and the extended S.
    """

    members: tuple[Member, ...]
    kind: str
    distance: float
    norm: float
    size: int
    limit: float
    rims: tuple[Rim, ...]
    regions: tuple[BasinRegion, ...]

    @property
    def name(self) -> str:
        """What to call the group in a sentence."""
        return " & ".join(m.label for m in self.members)

    def region(self, extent: str) -> BasinRegion | None:
        """Return one S, ``None`` when it was not measured."""
        return next((r for r in self.regions if r.extent == extent), None)
