"""Two kinds of networks side by side: which of them learned something, and random starts against one pre-training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..evidence.contrast import contrast, ratio
from ..evidence.estimate import Estimate
from ..evidence.finding import Finding, said
from ..evidence.guard import Witness, learned
from ..evidence.judge import judge
from ..evidence.left_out import LeftOut, remark
from ..evidence.phrases import interval_text, short, times
from ..evidence.sampling import LEAST
from ._members import run_of

__all__ = ["STARTS", "TRAINED", "Named", "Sides", "each_start", "geometric_mean", "interval_of", "less_given",
           "not_compared", "said_silenced", "said_unlearned", "sides", "times_given", "unlearned"]  # fmt: skip

TRAINED, STARTS = ("P-T", "RI-T"), ("P", "RI")
"""Kinds that are compared: with pre-training and without, after training and before."""

Numbers: TypeAlias = NDArray[np.float64]
Examples: TypeAlias = tuple[Numbers, Numbers | None]


class Named(Protocol):
    """A network of a result."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def role(self) -> str:
        """``P``, ``RI``, ``P-T``, ``RI-T`` or empty."""

    @property
    def group(self) -> str:
        """The same for networks from one and the same start."""

    @property
    def unfit(self) -> str:
        """Why it is no witness; empty where it is one."""


@dataclass(frozen=True)
class Sides:
    """The networks of two kinds, by their places in a result.

    Attributes:
        near: those with pre-training that learned something, one for each run.
        far: those without.
        networks: what a judge is to know of them: those that learned and the pre-trainings; of a kind of which none
            learned all, so that the reason is told.
        named: whether there are networks of both kinds, whether they learned or not.
    """

    near: list[int]
    far: list[int]
    networks: tuple[Witness, ...]
    named: bool

    @property
    def compared(self) -> bool:
        """Whether there is something to compare."""
        return bool(self.near and self.far)


def sides(members: Sequence[Named], witnesses: Sequence[Witness], roles: tuple[str, str] = TRAINED) -> Sides:
    """Return the networks of two kinds that can be compared.

    Of a run that is there with several weights (best and final) only one counts: weights of one run are one network.
    Random weights have learned nothing, and are no worse for it.

    Args:
        members: the networks of a result.
        witnesses: what is known of the runs and pre-trainings they are from.
        roles: the kind with pre-training, the kind without.

    >>> class Network(Witness): group = ""
    >>> names = [("P-T 0", "P-T", ""), ("RI-T 0", "RI-T", "diverged at step 3"), ("RI-T 1", "RI-T", "")]
    >>> members = [Network(*name) for name in names]
    >>> found = sides(members, [])
    >>> found.near, found.far, [w.label for w in found.networks]
    ([0], [2], ['P-T 0', 'RI-T 1'])
    """
    by_run: dict[str, int] = {}
    for i, member in enumerate(members):
        run = run_of(member.label)
        if member.role in roles and (run not in by_run or member.label == run):
            by_run[run] = i
    near, far = ([i for i in by_run.values() if members[i].role == role] for role in roles)
    every = [Witness(members[i].label, members[i].role, members[i].unfit) for i in by_run.values()]
    if by_run and roles == TRAINED:
        every += [w for w in witnesses if w.role in roles and w.unfit and w.label not in by_run]
    near, far = ([i for i in side if not members[i].unfit] for side in (near, far))
    known: list[Witness] = []
    for role in roles:
        of = [w for w in every if w.role == role]
        known += [w for w in of if not w.unfit] or of
    pretrainings = [w for w in witnesses if w.role == "P"]
    return Sides(near, far, (*known, *pretrainings) if roles == TRAINED else tuple(pretrainings),
                 set(roles) <= {w.role for w in every})  # fmt: skip


def unlearned(members: Sequence[Named], witnesses: Sequence[Witness]) -> tuple[LeftOut, ...]:
    """Return the trained networks that are not compared, because they did not learn.

    Args:
        members: the networks of a result.
        witnesses: what is known of the runs they are from; a run that diverged may have no weights.
    """
    trained = [Witness(run_of(m.label), m.role, m.unfit) for m in members if m.role in TRAINED]
    if not trained:
        return ()
    runs = [w for w in witnesses if w.role in TRAINED]
    labels = {w.label for w in runs}
    return tuple(dict.fromkeys(learned([*runs, *(w for w in trained if w.label not in labels)])[1]))


def said_unlearned(members: Sequence[Named], witnesses: Sequence[Witness]) -> list[Finding]:
    """Return the finding that says which networks did not learn; none where all did."""
    left = unlearned(members, witnesses)
    trained = {run_of(m.label) for m in members if m.role in TRAINED}
    return remark(left, len(trained | {one.subject for one in left}), "networks")


def not_compared(claims: Sequence[str], both: Sides) -> list[Finding]:
    """Return why claims cannot be judged where none of a kind learned; nothing where a kind is not there at all."""
    if not both.named or both.compared:
        return []
    return [said_silenced(claim, "P-T and RI-T are not compared.", both.networks) for claim in claims]


def said_silenced(
    claim: str, text: str, networks: Sequence[Witness], *, target: str = "", numbers: int = 1, weight: float = 0.5
) -> Finding:
    """Return why a claim cannot be judged where networks that learned nothing are all there is of a kind.

    Args:
        claim: id of the claim.
        text: what is not compared.
        networks: those it would rest on, with what is wrong with each.
        target: what it is about.
        numbers: how many numbers the claim's rule takes.
        weight: how much it matters.
    """
    nothing = Estimate(math.nan)
    judged = judge(claim, *[nothing] * numbers, networks=networks)
    return said(text, nothing, n=len(networks), unit="networks", target=target, weight=weight, judged=judged)


def each_start(members: Sequence[Named], places: Sequence[int]) -> list[list[int]]:
    """Put networks with one and the same start together: random weights that two runs began with are one network.

    >>> class Network(Witness): group = "RI 0"
    >>> each_start([Network("RI-T 0 (start)", "RI"), Network("RI-T 1 (start)", "RI")], [0, 1])
    [[0, 1]]
    """
    found: dict[str, list[int]] = {}
    for i in places:
        found.setdefault(members[i].group or f"network {i}", []).append(i)
    return list(found.values())


def less_given(starts: Numbers, given: float, examples: Examples | None = None) -> Estimate:
    """Return the mean over random starts less the number of pre-trained weights as given.

    The pre-trained weights are one network, which is not sampled: what is said holds for this checkpoint.

    Args:
        starts: one number a random start.
        given: that of the pre-trained weights.
        examples: numbers whose means these are, ``(starts, images)`` and ``(images,)``, of images or draws; ``None``
            for the second where it does not depend on these.

    >>> e = less_given(np.array([1.0, 2.0, 3.0]), 0.5)
    >>> e.value, round(e.low, 3), e.over, e.n  # the interval of 1, 2, 3, less 0.5
    (1.5, -0.984, 'networks', 3)
    """
    return _of_starts(contrast(starts, *_copies(given, examples)), len(starts))


def times_given(starts: Numbers, given: float = 1.0, examples: Examples | None = None) -> Estimate:
    """Return the geometric mean over random starts over the number of pre-trained weights as given; see above.

    >>> e = times_given(np.array([1.0, 2.0, 4.0]), 0.5)
    >>> e.value, e.over, e.n
    (4.0, 'networks', 3)
    """
    return _of_starts(ratio(starts, *_copies(given, examples)), len(starts))


def _copies(given: float, examples: Examples | None) -> tuple[Numbers, Examples | None]:
    """A kind in which every network is the same: it brings no variance, and its images are those of the starts."""
    n = LEAST["networks"]
    if examples is None or examples[1] is None:
        return np.full(n, given), examples
    return np.full(n, given), (examples[0], np.tile(examples[1], (n, 1)))


def _of_starts(found: Estimate, starts: int) -> Estimate:
    return found if found.over == "images" else replace(found, n=starts)


def geometric_mean(values: Numbers) -> float:
    """Return the mean of positive numbers that their logarithms have.

    >>> geometric_mean(np.array([1.0, 4.0]))
    2.0
    """
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))


def interval_of(estimate: Estimate, form: Literal["number", "times"] = "number") -> str:
    """Write an interval in brackets with a space before it; the images of these questions are of any part.

    >>> interval_of(Estimate(2.0, 1.0, 4.0, over="images", n=256))
    ' (1.00 to 4.00 over these images)'
    """
    if estimate.over != "images":
        return interval_text(estimate, digits=None, form=form)
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = (times(x) if form == "times" else short(x) for x in (estimate.low, estimate.high))
    return f" ({low} to {high} over these images)"
