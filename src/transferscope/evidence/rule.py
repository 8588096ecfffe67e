"""What a rule is: a test for agreement and a test for disagreement.

What passes neither cannot be told. All p-values here are on one scale: a test decides when its p is under 0.05.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

from ..errors import UsageError
from .estimate import Estimate
from .verdict import Verdict

__all__ = ["NOT", "ONE_SIDED", "TWO_SIDED", "Evidence", "PeakLike", "Rule", "Test", "estimate_of", "general", "known",
           "low", "one_of", "over", "peak_of", "under", "written"]  # fmt: skip

_P = 0.05
TWO_SIDED, ONE_SIDED = 0.95, 0.90
"""Levels of the intervals of which one end decides: one end of a 90 % interval is a one-sided 95 % limit."""


class PeakLike(Protocol):
    """The highest rise on a line: measured at a place chosen on other images, and bounded at every place."""

    @property
    def height(self) -> Estimate:
        """The rise at the chosen place."""

    @property
    def ceiling(self) -> float | None:
        """The highest of the one-sided 95 % upper limits at all places."""

    def p_under(self, margin: float) -> float | None:
        """Return the one-sided p of the rise being under the margin everywhere."""

    def p_over(self, margin: float) -> float | None:
        """Return the one-sided p of the rise being over the margin somewhere."""


Evidence: TypeAlias = Estimate | PeakLike


@dataclass(frozen=True)
class Test:
    """The outcome of one side of a rule.

    Attributes:
        passed: whether it decides.
        p: under 0.05 where it decides; ``None`` where it is not known.
    """

    __test__: ClassVar[bool] = False  # not a test of pytest's

    passed: bool
    p: float | None = None


NOT = Test(False)


class Rule(ABC):
    """When numbers agree with a claim; subclasses are frozen dataclasses."""

    @abstractmethod
    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test for agreement."""

    @abstractmethod
    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test for disagreement."""

    def denials(self, evidence: Sequence[Evidence]) -> list[Test]:
        """Return the tests any of which denies the claim; a rule of several parts has several."""
        return [self.disagreement(evidence)]

    @property
    @abstractmethod
    def agrees_when(self) -> str:
        """When it agrees, in words."""

    @property
    @abstractmethod
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""

    @property
    def wants(self) -> int | None:
        """How many numbers it judges; ``None`` for any number."""
        return 1

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether something of a kind of networks is asked, and a number is of given networks only."""
        return not all(general(e) for e in evidence)

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"agrees when {self.agrees_when}; disagrees when {self.disagrees_when}; otherwise cannot tell"

    def judge(self, evidence: Sequence[Evidence]) -> tuple[Verdict, float | None]:
        """Return the verdict, and its p; where it cannot tell, the smaller p of the two tests.

        Args:
            evidence: the numbers, in the order that the claim's statistic names.

        Raises:
            UsageError: for another number of numbers, or numbers of another type, than the rule judges.
        """
        if self.wants is not None and len(evidence) != self.wants:
            raise UsageError(f"{len(evidence)} numbers for a rule that judges {self.wants}: {self.text}")
        agrees, disagrees = self.agreement(evidence), self.disagreement(evidence)
        if agrees.passed:
            return "agrees", agrees.p
        if disagrees.passed:
            return "disagrees", disagrees.p
        return "cannot tell", min((t.p for t in (agrees, disagrees) if t.p is not None), default=None)


def estimate_of(evidence: Sequence[Evidence]) -> Estimate:
    """Return the only number.

    Raises:
        UsageError: when it is a peak.
    """
    (one,) = evidence
    if not isinstance(one, Estimate):
        raise UsageError(f"a {type(one).__name__} for a rule that judges an Estimate")
    return one


def peak_of(evidence: Sequence[Evidence]) -> PeakLike:
    """Return the only peak.

    Raises:
        UsageError: when it is a plain number.
    """
    (one,) = evidence
    if isinstance(one, Estimate):
        raise UsageError("an Estimate for a rule that judges a peak: give the height with its limits at every place")
    return one


def general(one: Evidence) -> bool:
    """Return whether it says something of a kind of networks."""
    return (one if isinstance(one, Estimate) else one.height).general


def over(e: Estimate, margin: float, level: float, of_kinds: bool) -> Test:
    """Test by the lower end of the interval at a level."""
    ends = _interval(e, level, of_kinds)
    return NOT if ends is None else Test(ends[0] > margin, _scaled(e.p_over(margin), level))


def under(e: Estimate, margin: float, level: float, of_kinds: bool) -> Test:
    """Test by the upper end."""
    ends = _interval(e, level, of_kinds)
    return NOT if ends is None else Test(ends[1] < margin, _scaled(e.p_under(margin), level))


def low(peak: PeakLike, margin: float) -> Test:
    """Test whether a rise is under a margin at every place."""
    if not peak.height.general or peak.ceiling is None or math.isnan(peak.ceiling):
        return NOT
    return Test(peak.ceiling < margin, peak.p_under(margin))


def _interval(e: Estimate, level: float, of_kinds: bool) -> tuple[float, float] | None:
    if not e.known or (of_kinds and not e.general):
        return None
    # Intervals that come from no variance are only known at their own level: the wider one serves.
    ends = e.interval(level) or e.interval(TWO_SIDED)
    return None if ends is None or any(map(math.isnan, ends)) else ends


def _scaled(p: float | None, level: float) -> float | None:
    """A one-sided p on the scale on which 0.05 decides."""
    return None if p is None else min(1.0, p * _P / ((1 - level) / 2))


def one_of(tests: Sequence[Test]) -> Test:
    """Whether one of several tests is passed; each of them is one-sided at 2.5 %, so two need no correction."""
    factor = max(1.0, len(tests) / 2)
    if factor == 1:
        return Test(any(t.passed for t in tests), known(min, tests))
    corrected = [Test(t.passed and t.p is not None and t.p * factor < _P, t.p) for t in tests]
    least = known(min, tests)
    return Test(any(t.passed for t in corrected), None if least is None else min(1.0, least * factor))


class _Choose(Protocol):
    def __call__(self, numbers: Sequence[float], /) -> float: ...


def known(choose: _Choose, tests: Sequence[Test]) -> float | None:
    """Return the smallest or largest p; ``None`` where one of them is not known."""
    found = [t.p for t in tests if t.p is not None]
    return choose(found) if found and len(found) == len(tests) else None


def written(x: float) -> str:
    """Write a margin.

    >>> written(-0.02), written(1.0)
    ('−0.02', '1')
    """
    return f"{x:g}".replace("-", "−")
