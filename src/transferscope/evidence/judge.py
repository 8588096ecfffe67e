"""The one place where a claim of a paper meets the numbers of a study."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..errors import UsageError
from .claim import Claim
from .claims import claim_called
from .estimate import Estimate
from .guard import Witness, silence
from .rules import Evidence, Rule
from .verdict import Judgement

__all__ = ["judge"]


def judge(claim: str, *evidence: Evidence, networks: Iterable[Witness] = (), because: str = "") -> Judgement:
    """Judge a claim by some numbers.

    Args:
        claim: id of the claim.
        evidence: the numbers, in the order in which the claim's statistic names them.
        networks: what they rest on, with what is wrong with each.
        because: why these numbers decide nothing, whatever they are; empty where they may.

    Raises:
        UsageError: for an id that no claim has, a claim that nothing decides, or numbers its rule does not judge.

    >>> judge("000-3.1-a", Estimate(0.1, 0.05, 0.15, over="networks and images", n=6, images=500)).verdict
    'agrees'
    >>> judge("000-3.1-a", Estimate(0.1, 0.05, 0.15, over="images", n=500)).why
    'a verdict needs at least three networks of each kind'
    """
    known = claim_called(claim)
    if known.rule is None:
        raise UsageError(f"claim {known.id} is not decided here: {known.undecided}")
    if why := silence(known, networks):
        return Judgement(known.id, "cannot tell", None, why, silenced=True)
    if because:
        return Judgement(known.id, "cannot tell", None, because)
    verdict, p = known.rule.judge(evidence)
    return Judgement(known.id, verdict, p, _why(known, known.rule, evidence) if verdict == "cannot tell" else "")


def _why(claim: Claim, rule: Rule, evidence: tuple[Evidence, ...]) -> str:
    """Say why it cannot tell; empty where an interval is only too wide."""
    if evidence and not all(math.isfinite((e if isinstance(e, Estimate) else e.height).value) for e in evidence):
        return "a number is not finite or was not measured"
    return f"a verdict needs {claim.needs}" if rule.lacking(evidence) else ""
