"""What can be said of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Judgement", "Verdict"]

Verdict = Literal["agrees", "disagrees", "cannot tell"]


@dataclass(frozen=True)
class Judgement:
    """How some numbers sit with a claim.

    Attributes:
        claim: id of the claim.
        verdict: what its rule says.
        p: under 0.05 where the rule decides; ``None`` where it is not known.
        why: why it cannot tell, where there is a reason other than a wide interval.
        silenced: whether networks that learned nothing are that reason.
    """

    claim: str
    verdict: Verdict
    p: float | None = None
    why: str = ""
    silenced: bool = False
