"""How the findings of a study sit with the claims of the papers: verdicts counted over targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..papers.claims import CLAIMS, Claim, claim_of
from ..questions.result import Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClaimCount", "Evidence", "claims_frame", "counted"]


@dataclass(frozen=True)
class Evidence:
    """A finding that bears on a claim.

    Attributes:
        claim: the claim's text.
        verdict: how its number sits with the claim.
        text: the finding's sentence.
        target: what it is about; empty when the sentence says so itself, or it is about all targets together.
        place: where to find it; a report puts the anchor of its section here.
    """

    claim: str
    verdict: Verdict
    text: str
    target: str = ""
    place: str = ""


@dataclass(frozen=True)
class ClaimCount:
    """What a study says of one claim.

    Attributes:
        text: the claim, as findings carry it.
        claim: what is known of it; ``None`` for a claim that is not of the papers.
        verdicts: target → verdict; the target is empty for what is about all of them together.
        evidence: the findings.
    """

    text: str
    claim: Claim | None
    verdicts: tuple[tuple[str, Verdict], ...]
    evidence: tuple[Evidence, ...]

    def count(self, verdict: Verdict) -> int:
        """Return on how many targets the verdict is this one."""
        return sum(v == verdict for _, v in self.verdicts)

    @property
    def told(self) -> str:
        """The counts in words, e.g. ``agrees on 2, cannot tell on 1 of 3 targets``."""
        parts = [(v, self.count(v)) for v in _VERDICTS if self.count(v)]
        if len(self.verdicts) == 1:
            return parts[0][0]
        return f"{', '.join(f'{v} on {n}' for v, n in parts)} of {len(self.verdicts)} targets"


_VERDICTS: tuple[Verdict, ...] = ("agrees", "disagrees", "cannot tell")


def counted(evidence: Iterable[Evidence], targets: Sequence[str] = ()) -> tuple[ClaimCount, ...]:
    """Count verdicts claim by claim, over targets.

    On a target several findings may bear on one claim: pairs, roles, metrics. Its verdict is theirs when all say the
    same, and *cannot tell* when they differ, as no single one of them speaks for the target.

    Args:
        evidence: findings with a claim.
        targets: names of the study's targets: findings of results on all targets begin with the one they are about.

    Returns:
        Claims in the order of the papers, those of no paper last.

    >>> said = [Evidence("000 §3.3: a clear barrier between two RI-T", "agrees", "…", t) for t in ("a", "b")]
    >>> counted(said)[0].told, counted(said)[0].claim.id
    ('agrees on 2 of 2 targets', '000-3.3-c')
    """
    by_claim: dict[str, list[Evidence]] = {}
    for one in evidence:
        about = one if one.target else replace(one, target=_named(one.text, targets))
        by_claim.setdefault(one.claim, []).append(about)
    order = {claim.text: i for i, claim in enumerate(CLAIMS)}
    texts = sorted(by_claim, key=lambda text: order.get(text, len(order)))
    return tuple(ClaimCount(text, claim_of(text), _verdicts(by_claim[text]), tuple(by_claim[text])) for text in texts)


def _verdicts(evidence: Sequence[Evidence]) -> tuple[tuple[str, Verdict], ...]:
    said: dict[str, list[Verdict]] = {}
    for one in evidence:
        said.setdefault(one.target, []).append(one.verdict)
    return tuple((target, of[0] if len(set(of)) == 1 else "cannot tell") for target, of in said.items())


def _named(text: str, targets: Sequence[str]) -> str:
    """The target that a sentence begins with."""
    return next((t for t in sorted(targets, key=len, reverse=True) if text.startswith(f"{t}: ")), "")


def claims_frame(counts: Sequence[ClaimCount]) -> pd.DataFrame:
    """Return one row a claim and target."""
    import pandas as pd

    rows = [
        (c.claim.id if c.claim else "", c.text, target, verdict, sum(e.target == target for e in c.evidence))
        for c in counts
        for target, verdict in c.verdicts
    ]
    return pd.DataFrame(rows, columns=["id", "claim", "target", "verdict", "findings"])
