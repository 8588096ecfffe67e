"""What a row of the calibration is made of: data of a known truth, and the claim whose rule judges them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from transferscope.evidence import claim_called
from transferscope.evidence.rules import Above, AllOf, Each, Evidence, Rule

__all__ = ["Case", "Draw", "Family", "Row", "Truth"]

Truth = tuple[float, ...]
"""The true numbers, in the order in which the claim's rule judges them."""


class Draw(Protocol):
    """Simulates a study and estimates what a question would."""

    def __call__(self, rng: np.random.Generator, n: int, images: int, truth: Truth, /) -> tuple[Evidence, ...]:
        """Return the numbers that the rule judges.

        Args:
            rng: of the data.
            n: how many networks of each kind (starts, targets, pre-trainings).
            images: how many test images; of no matter where there are none.
            truth: the true numbers.
        """


@dataclass(frozen=True)
class Family:
    """One way in which data come about.

    Attributes:
        name: for the table; unique.
        says: what varies, with its spreads.
        draw: the simulation.
        images: whether images vary.
        counts: how many networks of each kind are tried.
        few: so many are too few for any verdict.
        slow: whether one simulation takes long: then fewer are made, at fewer sizes.
    """

    name: str
    says: str
    draw: Callable[..., tuple[Evidence, ...]]
    images: bool = True
    counts: tuple[int, ...] = (3, 5, 8)
    few: int = 2
    slow: bool = False


@dataclass(frozen=True)
class Case:
    """A truth on the edge of the claim: neither verdict is right.

    Attributes:
        name: what is at its null.
        truth: the true numbers.
    """

    name: str
    truth: Truth


@dataclass(frozen=True)
class Row:
    """How the rule of one claim is calibrated.

    Attributes:
        claim: its id.
        family: the data.
        cases: truths at which each verdict is a false one; the first has all numbers at their null.
        effect: the truth at which its power is stated: the claim's listed effect, and parts beyond the first.
    """

    claim: str
    family: Family
    cases: tuple[Case, ...]
    effect: Truth

    @property
    def rule(self) -> Rule:
        """The claim's rule."""
        rule = claim_called(self.claim).rule
        assert rule is not None
        return rule

    @property
    def apart(self) -> bool:
        """Whether both wrong verdicts are counted apart: where one is judged at 5 % and the other at 2.5 %."""
        return not _differences(self.rule)


def _differences(rule: Rule) -> bool:
    """Whether a rule is about differences only, in both directions."""
    if isinstance(rule, AllOf):
        return all(map(_differences, rule.parts))
    if isinstance(rule, Each):
        return _differences(rule.rule)
    return isinstance(rule, Above) and rule.against is None
