"""Rules about one number, or one line: over a margin, under it, within it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass

from .estimate import Estimate
from .rule import ONE_SIDED, TWO_SIDED, Evidence, Rule, Test, estimate_of, known, low, over, peak_of, under, written

__all__ = ["Above", "Below", "NotBelow", "PeakAbove", "PeakUnder", "Under", "Within"]


class _Bound(Rule, ABC):
    """A rule about one number, which must be of kinds of networks unless it says otherwise."""

    general: bool

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether a number is only of given networks."""
        return self.general and super().lacking(evidence)


@dataclass(frozen=True)
class Above(_Bound):
    """A number is over a margin; a ratio is judged on its own scale, over 1.

    Attributes:
        margin: what it is to be over.
        against: what it is to be under to disagree; the margin itself by default.
        general: whether the number must be of kinds of networks; some are of one given pre-training.

    >>> Above().judge([Estimate(0.3, 0.1, 0.5, over="networks", n=6)])[0]
    'agrees'
    >>> Above(1.0).text
    'agrees when its 95 % interval lies above 1; disagrees when it lies below 1; otherwise cannot tell'
    """

    margin: float = 0.0
    against: float | None = None
    general: bool = True

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 95 % interval lies above the margin."""
        return over(estimate_of(evidence), self.margin, TWO_SIDED, self.general)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it lies below."""
        return under(estimate_of(evidence), self._against, TWO_SIDED, self.general)

    @property
    def _against(self) -> float:
        return self.margin if self.against is None else self.against

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"its 95 % interval lies above {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"it lies below {written(self._against)}"


@dataclass(frozen=True)
class Below(_Bound):
    """A number is under a margin, as :class:`Above` the other way round.

    >>> Below(1.0).judge([Estimate(1.5, 1.2, 1.9, over="networks", n=6)])[0]
    'disagrees'
    """

    margin: float = 0.0
    general: bool = True

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 95 % interval lies below the margin."""
        return under(estimate_of(evidence), self.margin, TWO_SIDED, self.general)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it lies above."""
        return over(estimate_of(evidence), self.margin, TWO_SIDED, self.general)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"its 95 % interval lies below {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"it lies above {written(self.margin)}"


@dataclass(frozen=True)
class Under(_Bound):
    """A number is no larger than a margin: the one-sided test of equivalence.

    Attributes:
        margin: what it is to be under.
        against: what it is to be over to disagree; the margin itself by default.
        general: whether the number must be of kinds of networks.

    >>> Under(0.02).judge([Estimate(0.0, -0.01, 0.01, over="networks", n=6)])[0]
    'agrees'
    """

    margin: float
    against: float | None = None
    general: bool = True

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the one-sided 95 % upper limit is under the margin."""
        return under(estimate_of(evidence), self.margin, ONE_SIDED, self.general)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 95 % interval lies above it."""
        return over(estimate_of(evidence), self._against, TWO_SIDED, self.general)

    @property
    def _against(self) -> float:
        return self.margin if self.against is None else self.against

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"its one-sided 95 % upper limit is under {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"its 95 % interval lies above {written(self._against)}"


@dataclass(frozen=True)
class NotBelow(_Bound):
    """A number is no smaller than a margin: the one-sided test of equivalence from the other side.

    >>> NotBelow(-0.02).judge([Estimate(-0.1, -0.15, -0.05, over="networks", n=6)])[0]
    'disagrees'
    """

    margin: float
    general: bool = True

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the one-sided 95 % lower limit is over the margin."""
        return over(estimate_of(evidence), self.margin, ONE_SIDED, self.general)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 95 % interval lies below it."""
        return under(estimate_of(evidence), self.margin, TWO_SIDED, self.general)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"its one-sided 95 % lower limit is over {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"its 95 % interval lies below {written(self.margin)}"


@dataclass(frozen=True)
class Within(_Bound):
    """A number is none, up to a margin: two one-sided tests (Schuirmann 1987).

    Attributes:
        margin: how far from 0 it may be; of a ratio, the factor by which it may be from 1.
        general: whether the number must be of kinds of networks.

    >>> Within(0.02).judge([Estimate(0.0, -0.01, 0.01, over="networks", n=6)])[0]
    'agrees'
    """

    margin: float
    general: bool = True

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 90 % interval lies within the margin on both sides."""
        e = estimate_of(evidence)
        low, high = self._ends(e)
        sides = over(e, low, ONE_SIDED, self.general), under(e, high, ONE_SIDED, self.general)
        return Test(all(t.passed for t in sides), known(max, sides))

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the 95 % interval lies outside on one side."""
        e = estimate_of(evidence)
        low, high = self._ends(e)
        sides = under(e, low, TWO_SIDED, self.general), over(e, high, TWO_SIDED, self.general)
        return Test(any(t.passed for t in sides), known(min, sides))

    def _ends(self, e: Estimate) -> tuple[float, float]:
        return (1 / self.margin, self.margin) if e.scale == "log" else (-self.margin, self.margin)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"its 90 % interval lies within a margin of {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"its 95 % interval lies outside a margin of {written(self.margin)}"


@dataclass(frozen=True)
class PeakAbove(Rule):
    """There is a barrier: at the place chosen on other images the error rises by more than a margin."""

    margin: float

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the cross-fitted height is over the margin."""
        return over(peak_of(evidence).height, self.margin, TWO_SIDED, True)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it is under the margin everywhere."""
        return low(peak_of(evidence), self.margin)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"the 95 % interval of the rise at the chosen place lies above {written(self.margin)}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"the one-sided 95 % upper limit of the rise is under {written(self.margin)} at every place"


@dataclass(frozen=True)
class PeakUnder(Rule):
    """There is no barrier: the error rises by less than a margin at every place."""

    margin: float

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the rise is under the margin everywhere."""
        return low(peak_of(evidence), self.margin)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the cross-fitted height is over the margin."""
        return over(peak_of(evidence).height, self.margin, TWO_SIDED, True)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return PeakAbove(self.margin).disagrees_when

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return PeakAbove(self.margin).agrees_when
