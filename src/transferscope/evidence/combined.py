"""Rules about several numbers, made of rules about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UsageError
from .rule import NOT, Evidence, Rule, Test, known, one_of

__all__ = ["AllOf", "Each", "InOrder", "Not"]

_WORDS = {2: "both", 3: "all three"}


@dataclass(frozen=True)
class AllOf(Rule):
    """Several things hold together; the numbers are given part by part, in order.

    It agrees when every part does (intersection-union test, Berger 1982), with the largest p. It disagrees when one
    part does. More than two parts are corrected for their number (Bonferroni), so that a claim that is true is denied
    in at most 5 % of cases.

    >>> from transferscope.evidence.bounds import Above
    >>> from transferscope.evidence.estimate import Estimate
    >>> low, high = (Estimate(x, x - 0.1, x + 0.1, over="networks", n=6) for x in (-0.5, 0.5))
    >>> AllOf(Above(), Above()).judge([high, low])[0], AllOf(Above(), Not(Above())).judge([high, low])[0]
    ('disagrees', 'agrees')
    """

    parts: tuple[Rule, ...]

    def __init__(self, *parts: Rule) -> None:
        if any(part.wants is None for part in parts[:-1]):
            raise UsageError("only the last part of a rule can judge any number of numbers")
        object.__setattr__(self, "parts", parts)

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether every part agrees."""
        tests = [part.agreement(some) for part, some in self._split(evidence)]
        return Test(all(t.passed for t in tests), known(max, tests))

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether one part disagrees."""
        return one_of(self.denials(evidence))

    def denials(self, evidence: Sequence[Evidence]) -> list[Test]:
        """Return the tests of all parts."""
        return [test for part, some in self._split(evidence) for test in part.denials(some)]

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether a part lacks something."""
        return any(part.lacking(some) for part, some in self._split(evidence))

    def _split(self, evidence: Sequence[Evidence]) -> list[tuple[Rule, Sequence[Evidence]]]:
        found: list[tuple[Rule, Sequence[Evidence]]] = []
        at = 0
        for part in self.parts:
            end = len(evidence) if part.wants is None else at + part.wants
            if end > len(evidence):
                raise UsageError(f"{len(evidence)} numbers for a rule that judges more: {self.text}")
            found.append((part, evidence[at:end]))
            at = end
        if at < len(evidence):
            raise UsageError(f"{len(evidence)} numbers for a rule that judges {at}: {self.text}")
        return found

    @property
    def wants(self) -> int | None:
        """How many numbers it judges."""
        counts = [part.wants for part in self.parts]
        return None if None in counts else sum(c for c in counts if c is not None)

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return _all([part.agrees_when for part in self.parts])

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        corrected = " (the level corrected for their number)" if self.wants is not None and self.wants > 2 else ""
        return _one([part.disagrees_when for part in self.parts]) + corrected


@dataclass(frozen=True)
class Each(Rule):
    """One rule holds of each of some numbers: of every class, of every module.

    >>> from transferscope.evidence.bounds import Above
    >>> from transferscope.evidence.estimate import Estimate
    >>> e = Estimate(0.3, 0.1, 0.5, over="networks", n=6)
    >>> Each(Above()).judge([e, e, e])[0], Each(Above()).judge([e, Estimate(0.0, -0.1, 0.1, over="networks")])[0]
    ('agrees', 'cannot tell')
    """

    rule: Rule

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it agrees for each."""
        tests = [self.rule.agreement([e]) for e in evidence]
        return Test(bool(tests) and all(t.passed for t in tests), known(max, tests))

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it disagrees for one."""
        return one_of(self.denials(evidence))

    def denials(self, evidence: Sequence[Evidence]) -> list[Test]:
        """Return the tests of all numbers."""
        return [test for e in evidence for test in self.rule.denials([e])]

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether there is none, or one lacks something."""
        return not evidence or any(self.rule.lacking([e]) for e in evidence)

    @property
    def wants(self) -> int | None:
        """Any number."""
        return None

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"of each number {self.rule.agrees_when}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"of one number {self.rule.disagrees_when} (the level corrected for how many there are)"


@dataclass(frozen=True)
class InOrder(Rule):
    """One rule holds from some place on: numbers are tested one after the other, from the one nearest to that end.

    The first decides agreement; as the order is fixed beforehand, those after it need no correction (Maurer,
    Hothorn & Lehmacher 1995), and a sentence may say how far it goes on. It disagrees when it does so for all.
    """

    rule: Rule

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it agrees for the first."""
        return self.rule.agreement(evidence[:1]) if evidence else NOT

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether it disagrees for all."""
        tests = [self.rule.disagreement([e]) for e in evidence]
        return Test(bool(tests) and all(t.passed for t in tests), known(max, tests))

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether there is none, or the first lacks something."""
        return not evidence or self.rule.lacking(evidence[:1])

    def reached(self, evidence: Sequence[Evidence]) -> int:
        """Return for how many of the numbers, from the first on without a gap, it agrees."""
        for n, e in enumerate(evidence):
            if not self.rule.agreement([e]).passed:
                return n
        return len(evidence)

    @property
    def wants(self) -> int | None:
        """Any number."""
        return None

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return f"of the first number {self.rule.agrees_when}"

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return f"of every number {self.rule.disagrees_when}"


@dataclass(frozen=True)
class Not(Rule):
    """A rule turned round: it agrees when the other disagrees."""

    rule: Rule

    def agreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the other disagrees."""
        return self.rule.disagreement(evidence)

    def disagreement(self, evidence: Sequence[Evidence]) -> Test:
        """Test whether the other agrees."""
        return self.rule.agreement(evidence)

    def lacking(self, evidence: Sequence[Evidence]) -> bool:
        """Whether the other lacks something."""
        return self.rule.lacking(evidence)

    @property
    def wants(self) -> int | None:
        """As many as the other."""
        return self.rule.wants

    @property
    def agrees_when(self) -> str:
        """When it agrees, in words."""
        return self.rule.disagrees_when

    @property
    def disagrees_when(self) -> str:
        """When it disagrees, in words."""
        return self.rule.agrees_when


def _all(parts: Sequence[str]) -> str:
    same = len(set(parts)) == 1
    return f"of {_WORDS.get(len(parts), len(parts))} numbers {parts[0]}" if same else " and ".join(_numbered(parts))


def _one(parts: Sequence[str]) -> str:
    return f"of one number {parts[0]}" if len(set(parts)) == 1 else " or ".join(_numbered(parts))


def _numbered(parts: Sequence[str]) -> list[str]:
    return [
        part.replace("of each", "of each further").replace("of one", "of one further")
        if part.startswith("of ")
        else f"of number {i} {part}"
        for i, part in enumerate(parts, 1)
    ]
