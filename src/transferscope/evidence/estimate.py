"""A number with what is known about it: the only way in which this package says how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import UsageError

__all__ = ["Estimate", "Over", "Scale", "measured", "quantile"]

Over = Literal["nothing", "images", "networks", "networks and images", "pre-trainings", "draws", "targets"]
"""What would be others if it were measured again: what an interval is over."""

Scale = Literal["plain", "log", "fisher"]
"""How an estimate is judged: as it is, by its logarithm (ratios), or by its artanh (correlations)."""

_SAMPLES: frozenset[Over] = frozenset({"networks", "networks and images", "pre-trainings", "targets"})
"""What has to be sampled before a number says something of a kind of networks."""

_LEAST = 1e-12
"""The smallest p-value that is given."""


def _artanh(x: float) -> float:
    return math.atanh(x) if abs(x) < 1 else math.copysign(math.inf, x)


_WIDEST = 700.0
"""Of the logarithms whose number a float can hold."""


def _exp(x: float) -> float:
    return x if math.isnan(x) else math.exp(max(-_WIDEST, min(_WIDEST, x)))


_TO: dict[Scale, Callable[[float], float]] = {"plain": float, "log": math.log, "fisher": _artanh}
_FROM: dict[Scale, Callable[[float], float]] = {"plain": float, "log": math.exp, "fisher": math.tanh}


@dataclass(frozen=True)
class Estimate:
    """A number, its confidence interval, and what that is over.

    The interval at any level is value ± √(t²·spread + z²·noise), t with ``freedom`` degrees: networks are few and
    have Student's quantile, images are many and have the normal one. On the log scale the same holds of the
    logarithm, on the Fisher scale of artanh.

    Attributes:
        value: the number; nan where there is none.
        low: lower end of the interval at ``level``; ``None`` where nothing gives an interval.
        high: upper end.
        level: how often such intervals hold the true number.
        over: what the interval is over.
        n: how many of these: networks where networks vary, else images or draws.
        images: how many images, where they vary, too.
        spread: variance of the number over networks (pre-trainings, draws); on another scale its variance there.
        freedom: degrees of freedom of that variance.
        noise: variance of the number over images; on another scale its variance there.
        scale: whether the interval is symmetric about the number, about its logarithm or about its artanh.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    over: Over = "nothing"
    n: int = 0
    images: int = 0
    spread: float | None = None
    freedom: float | None = None
    noise: float | None = None
    scale: Scale = "plain"

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None and math.isfinite(self.value)

    @property
    def general(self) -> bool:
        """Whether it says something of a kind of networks, and not only of those at hand.

        >>> Estimate(0.1, 0.0, 0.2, over="images", n=500).general
        False
        """
        return self.known and self.over in _SAMPLES

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the two-sided interval at another level; ``None`` where there is none.

        >>> e = measured(1.0, over="networks", n=3, spread=0.01, freedom=2.0)
        >>> tuple(round(end, 3) for end in e.interval(0.9))
        (0.708, 1.292)
        """
        if level == self.level and self.low is not None and self.high is not None:
            return self.low, self.high
        half = self._half(level)
        if half is None or not math.isfinite(self.value):
            return None
        return _ends(self.value, half, self.scale)

    def under(self, confidence: float = 0.95) -> float | None:
        """Return the one-sided upper limit: the number is under it with this confidence, from 0.5 on."""
        ends = self.interval(2 * confidence - 1)
        return None if ends is None else ends[1]

    def above(self, confidence: float = 0.95) -> float | None:
        """Return the one-sided lower limit, of a confidence from 0.5 on."""
        ends = self.interval(2 * confidence - 1)
        return None if ends is None else ends[0]

    def p(self, reference: float = 0.0) -> float | None:
        """Return the two-sided p-value of the number being ``reference``; ``None`` where it is not known.

        It is the p at which the interval of level 1 − p ends at the reference: Student's test where only networks
        vary, the normal test where only images do. Values under 1e-12 are given as 1e-12.

        >>> e = measured(1.0, over="networks", n=4, spread=0.04, freedom=3.0)
        >>> round(e.p(), 4)  # Student's t of 5 with 3 degrees of freedom
        0.0154
        """
        distance = self._distance(reference)
        if distance is None:
            return None
        distance = abs(distance)
        if not (self.spread or self.noise):
            return 1.0 if distance == 0 else _LEAST
        if self._tail(_LEAST) <= distance:
            return _LEAST
        narrow, wide = 0.0, math.log(_LEAST)  # of log p: half width at level 1 − p at most the distance, over it
        for _ in range(60):
            middle = (narrow + wide) / 2
            narrow, wide = (narrow, middle) if self._tail(math.exp(middle)) > distance else (middle, wide)
        return math.exp(narrow)

    def p_over(self, reference: float = 0.0) -> float | None:
        """Return the one-sided p-value of the claim that the number is over ``reference``.

        It is 0.05 or less exactly when the one-sided 95 % lower limit is not under the reference.

        >>> e = measured(1.0, over="networks", n=4, spread=0.04, freedom=3.0)
        >>> round(e.p_over(), 4), round(e.p_under(), 4)
        (0.0077, 0.9923)
        """
        p, distance = self.p(reference), self._distance(reference)
        if p is None or distance is None:
            return None
        return p / 2 if distance >= 0 else 1 - p / 2

    def p_under(self, reference: float = 0.0) -> float | None:
        """Return the one-sided p-value of the claim that the number is under ``reference``."""
        p, distance = self.p(reference), self._distance(reference)
        if p is None or distance is None:
            return None
        return p / 2 if distance <= 0 else 1 - p / 2

    def times(self, factor: float) -> Estimate:
        """Return the number in other units: a share in points, say."""
        if self.scale == "log":
            if factor <= 0:
                raise UsageError(f"a ratio times {factor} is no ratio")
            scaled, spread, noise = factor, self.spread, self.noise
        elif self.scale == "fisher":
            raise UsageError("a correlation has no unit; give it as it is")
        else:
            scaled = factor
            spread = None if self.spread is None else self.spread * factor**2
            noise = None if self.noise is None else self.noise * factor**2
        ends = [None if end is None else end * scaled for end in (self.low, self.high)]
        low, high = ends if factor >= 0 else ends[::-1]
        return replace(self, value=self.value * scaled, low=low, high=high, spread=spread, noise=noise)

    def as_ratio(self) -> Estimate:
        """Return the ratio of which this is the logarithm, judged by it: variances and level stay as they are.

        Raises:
            UsageError: when this is a ratio or a correlation already.

        >>> e = measured(math.log(2.0), over="networks", n=4, spread=0.01, freedom=3.0).as_ratio()
        >>> round(e.value, 6), round(e.low, 3), e.scale  # 2·exp(−3.182·0.1)
        (2.0, 1.455, 'log')
        """
        if self.scale != "plain":
            raise UsageError(f"a number on the {self.scale} scale is no logarithm")
        value, low, high = (None if x is None else _exp(x) for x in (self.value, self.low, self.high))
        assert value is not None
        return replace(self, value=value, low=low, high=high, scale="log")

    def _distance(self, reference: float) -> float | None:
        """How far the number lies over the reference, on its scale; ``None`` where no test can be made."""
        if not math.isfinite(self.value) or (self.spread is None and self.noise is None):
            return None
        if self.scale == "log" and (self.value <= 0 or reference <= 0):
            return None
        if self.scale == "fisher" and abs(reference) >= 1:
            return None
        return _TO[self.scale](self.value) - _TO[self.scale](reference)

    def _half(self, level: float) -> float | None:
        if not 0.0 <= level < 1.0:
            raise UsageError(f"confidence level {level}; expected a number from 0 to under 1, such as 0.95")
        if self.spread is None and self.noise is None:
            return None
        return self._tail(1.0 - level)

    def _tail(self, p: float) -> float:
        """Half width of the interval that leaves out p."""
        square = quantile(p) ** 2 * self.noise if self.noise else 0.0
        if self.spread:
            square += quantile(p, self.freedom) ** 2 * self.spread
        return math.sqrt(square)


def quantile(p: float, freedom: float | None = None) -> float:
    """Return what Student's distribution leaves p outside of, both sides together; without freedom, the normal one.

    >>> round(quantile(0.05, 2.0), 4), round(quantile(0.05), 4)
    (4.3027, 1.96)
    """
    from scipy.special import ndtri, stdtrit

    if not freedom or not math.isfinite(freedom):
        return -float(ndtri(p / 2))
    return -float(stdtrit(freedom, p / 2))


def measured(
    value: float,
    *,
    over: Over,
    n: int,
    images: int = 0,
    spread: float | None = None,
    freedom: float | None = None,
    noise: float | None = None,
    scale: Scale = "plain",
    level: float = 0.95,
) -> Estimate:
    """Return an estimate with the interval that its variances give.

    Args:
        value: the number; on the log scale the ratio itself, not its logarithm.
        over: what the interval is over.
        n: how many networks, pre-trainings or draws; images where only they vary.
        images: how many images where they vary, too.
        spread: variance of the value (of its logarithm, its artanh) over networks, pre-trainings or draws.
        freedom: degrees of freedom of ``spread``.
        noise: variance of the value (of its logarithm, its artanh) over images.
        scale: plain, log or fisher.
        level: of the interval.

    Returns:
        The estimate; without an interval, and over nothing, where the value is not finite (or, on the log scale, not
        positive), no variance is given, or one that is given is not finite.

    >>> e = measured(0.10, over="networks and images", n=6, images=500, spread=0.0004, freedom=4.0, noise=0.0001)
    >>> round(e.low, 4), round(e.high, 4)  # 0.1 ± √(2.776²·0.0004 + 1.96²·0.0001)
    (0.0411, 0.1589)
    """
    known = math.isfinite(value) and all(v is None or math.isfinite(v) for v in (spread, noise))
    known = known and not (scale == "log" and value <= 0)
    bare = Estimate(
        value, over=over if known else "nothing", n=n, images=images, level=level, scale=scale,
        spread=spread if known else None, freedom=freedom if known else None, noise=noise if known else None,
    )  # fmt: skip
    half = bare._half(level)
    if half is None:
        return replace(bare, over="nothing")
    low, high = _ends(value, half, scale)
    return replace(bare, low=low, high=high)


def _ends(value: float, half: float, scale: Scale) -> tuple[float, float]:
    if scale == "log":
        widest = _WIDEST - abs(math.log(value))
        return value * math.exp(-half), value * math.exp(half) if half < widest else math.inf
    centre = _TO[scale](value)
    return _FROM[scale](centre - half), _FROM[scale](centre + half)
