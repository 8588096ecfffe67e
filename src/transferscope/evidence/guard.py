"""The guard for networks that learned nothing, where claims are judged.

A network at chance is like any other such network, lies in any basin and has any curvature: what holds of it says
nothing of networks that learned. Of its metric it says the truth: pre-training at that rate fails. So a failed run
counts as chance in claims about metric or speed, and silences the others (rule 4 of the standard of evidence).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .claim import Claim
from .left_out import LeftOut
from .phrases import percent, shortened
from .proportion import proportion

if TYPE_CHECKING:
    from ..data.imageset import ImageSet

__all__ = [
    "Witness",
    "above_chance",
    "as_chance",
    "chance_of",
    "learned",
    "on_target",
    "pretraining_called",
    "silence",
    "unfit",
]

_MARGIN = 0.02
"""A mean that is above chance by no more than this has not clearly learned anything."""


@dataclass(frozen=True)
class Witness:
    """A network that a number rests on.

    Attributes:
        label: the network.
        role: its kind: ``P-T``, ``RI-T``; ``P`` of a pre-training.
        unfit: what is wrong with it, as it follows its name; empty for nothing. :func:`unfit` says it.
        condition: how a question trained it that trained others of this name, in words that follow the name.
    """

    label: str
    role: str
    unfit: str = ""
    condition: str = ""

    @property
    def named(self) -> str:
        """What tells it apart from all others: its label, and its condition."""
        return f"{self.label} {self.condition}".rstrip()


def chance_of(test: ImageSet) -> float:
    """Return what always naming the most frequent class reaches: its share of the images; 0.5 of an AUC.

    >>> from transferscope.data.imageset import ImageSet
    >>> labels, ids = np.array([0, 0, 1]), np.array(["a", "b", "c"])
    >>> round(chance_of(ImageSet(np.zeros((3, 1, 1, 3), np.uint8), labels, ("x", "y"), ids)), 3)
    0.667
    """
    return 0.5 if test.multilabel else float(np.bincount(test.labels).max() / len(test))


def above_chance(value: float, low: float | None, chance: float) -> bool:
    """Return whether a metric is clearly above chance: its interval, if there is one, and by more than 2 points.

    >>> above_chance(0.5, 0.4, 0.1), above_chance(0.5, 0.05, 0.1), above_chance(0.11, None, 0.1)
    (True, False, False)
    """
    return value > chance + _MARGIN and (low is None or low > chance)


def as_chance(value: float, chance: float, diverged: bool = False) -> float:
    """Return the metric, or speed, of a run as claims about these count it: chance where it diverged.

    >>> as_chance(0.7, 0.1), as_chance(0.7, 0.1, diverged=True), as_chance(math.nan, 0.1)
    (0.7, 0.1, 0.1)
    """
    return chance if diverged or not math.isfinite(value) else value


def unfit(
    value: float | None = None,
    low: float | None = None,
    chance: float = 0.0,
    *,
    diverged: str = "",
    finite: bool = True,
    constant: bool = False,
) -> str:
    """Say why a network is no witness, in words that follow its name; empty where it is one.

    The words are the same for all networks of which the same holds, so that these can be named together.

    Args:
        value: its metric on test images, larger is better; ``None`` where it is not known. For a pre-training, that
            on the images it was trained for.
        low: lower end of the metric's interval over images.
        chance: what the metric is by chance, from :func:`chance_of`.
        diverged: how the run ended where it did: ``diverged at step 3``.
        finite: whether all its outputs are.
        constant: whether it gives one and the same answer to all images.

    >>> unfit(0.5, 0.4, 0.1), unfit(0.11, 0.08, 0.1)
    ('', 'did not clearly beat chance (10.0 %)')
    """
    if diverged:
        return diverged
    if not finite or (value is not None and not math.isfinite(value)):
        return "had outputs that are not finite"
    if constant:
        return "gave one and the same answer to all images"
    if value is not None and not above_chance(value, low, chance):
        return f"did not clearly beat chance ({percent(chance)})"
    return ""


def on_target(networks: Iterable[tuple[str, float, str]], images: int, chance: float) -> tuple[Witness, ...]:
    """Return pre-trainings as witnesses of what they reach on a target, from some labelled images of it.

    One of many is above chance by luck, so each has an interval of 95 % for all of them (Bonferroni).

    Args:
        networks: name, accuracy (nan where it has none) and how it ended where it diverged.
        images: test images of the target.
        chance: what :func:`chance_of` says of them.

    >>> [w.unfit for w in on_target([("a", 0.5, ""), ("b", 0.11, ""), ("c", math.nan, "diverged")], 1000, 0.1)]
    ['', 'did not clearly beat chance (10.0 %)', 'diverged']
    """
    given, found = list(networks), []
    for name, value, ended in given:
        level = 1 - 0.05 / len(given)
        there = math.isfinite(value) and not ended
        low = proportion(round(value * images), images, level=level).low if there else None
        found.append(Witness(name, "P", unfit(value if there else None, low, chance, diverged=ended)))
    return tuple(found)


def pretraining_called(source: str) -> str:
    """Return what the witness of a pre-training of a study is called.

    >>> pretraining_called("source"), pretraining_called("photos")
    ('the pre-training', 'the pre-training photos')
    """
    return "the pre-training" if source == "source" else f"the pre-training {source}"


def learned(witnesses: Iterable[Witness], target: str = "") -> tuple[list[Witness], list[LeftOut]]:
    """Part networks into those that learned something and those to leave out, with the reason.

    A question about likeness, position or curvature does so before it estimates, so that one failed seed does not
    silence all others. What it then says is of networks that learned, and it says which did not.

    >>> learned([Witness("a", "P-T"), Witness("b", "P-T", "diverged at step 3")])[1]
    [LeftOut(subject='b', reason='diverged at step 3', target='')]
    >>> learned([Witness("a", "P-T", "diverged at step 3", "from epoch 4")])[1][0].subject
    'a from epoch 4'
    """
    every = list(witnesses)
    return [w for w in every if not w.unfit], [LeftOut(w.named, w.unfit, target) for w in every if w.unfit]


def silence(claim: Claim, witnesses: Iterable[Witness]) -> str:
    """Say why a claim cannot be judged by these networks; empty where it can.

    A pre-training that learned nothing silences claims about what pre-training does, unless pre-trainings are what is
    compared: then it counts as chance, and one at least must have learned. A network that learned nothing silences
    claims about likeness, position, curvature, criticality and spectrum that need its kind. In claims about metric or
    speed it counts as chance; yet those of no loss, or no gain, need one network of a kind that learned. Where
    networks are known, and none is of a kind that a claim is about, they say nothing of it.

    Args:
        claim: the claim.
        witnesses: the networks that the numbers rest on, and the pre-trainings, with the role ``P``.

    Returns:
        The reason, to be followed by "so this decides no claim".
    """
    every = list(witnesses)
    judged = "P" in claim.kinds and claim.outlasts_failure
    if claim.pretrained and not judged and (failed := [w for w in every if w.role == "P" and w.unfit]):
        return _told(failed)
    if claim.kinds and every and not any(w.role in claim.kinds for w in every):
        return f"no {' or '.join(claim.kinds)} is among the networks"
    for kind in claim.kinds:
        of = [w for w in every if w.role == kind]
        failed = [w for w in of if w.unfit]
        if failed and (len(failed) == len(of) or not claim.outlasts_failure):
            return _told(failed)
    return ""


def _told(failed: Sequence[Witness]) -> str:
    by_reason: dict[str, list[str]] = {}
    for w in failed:
        by_reason.setdefault(w.unfit, []).append(w.named)
    return " and ".join(f"{shortened(labels)} {reason}" for reason, labels in by_reason.items())
