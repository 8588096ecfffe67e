"""A finding: what was measured and how it sits with a claim, and the sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass

from .claims import claim_called
from .estimate import Estimate
from .verdict import Judgement, Verdict

__all__ = ["Finding", "said"]


@dataclass(frozen=True, repr=False)
class Finding:
    """One plain sentence with its evidence: data first, words last. Nothing reads meaning out of the words.

    Attributes:
        target: what it is about; empty for all targets together, and for files.
        claim: id of the paper's claim that it bears on, such as ``000-3.3-a``.
        estimate: the number, with its interval and what that is over.
        verdict: how the number sits with the claim; ``None`` where there is no claim.
        p: of the verdict; ``None`` where it is not known.
        why: why it cannot tell, where there is a reason.
        unit: what n counts: ``test images``, ``networks``, ``pairs``.
        n: how many.
        text: the sentence, complete in itself.
        weight: how much it matters to a reader in a hurry; the report sorts by it, larger first.
        silenced: whether it cannot tell because networks that learned nothing are among those asked about.
    """

    target: str
    claim: str | None
    estimate: Estimate
    verdict: Verdict | None
    p: float | None
    why: str
    unit: str
    n: int
    text: str
    weight: float = 0.5
    silenced: bool = False

    def __repr__(self) -> str:
        """Return the sentence, and how it sits with which claim; the numbers are in the attributes.

        >>> said("P-T share a basin.", Estimate(0.0), n=2, unit="networks", target="photo")
        <Finding on photo: P-T share a basin.>
        """
        on = f" on {self.target}" if self.target else ""
        claim = f" ({self.verdict}: claim {self.claim})" if self.claim else ""
        return f"<Finding{on}: {self.text}{claim}>"

    @property
    def value(self) -> float:
        """The number that the sentence rests on."""
        return self.estimate.value

    @property
    def low(self) -> float | None:
        """Lower end of its interval; ``None`` where there is none."""
        return self.estimate.low

    @property
    def high(self) -> float | None:
        """Upper end of its interval."""
        return self.estimate.high

    @property
    def scope(self) -> str:
        """How far its verdict reaches: ``for this checkpoint``, or everywhere, which is the empty string.

        With one pre-training nothing is known of others, however many networks were trained from it: so it is with
        every claim about networks that started from it, whatever else the claim is about.
        """
        if self.claim is None or self.verdict in (None, "cannot tell"):
            return ""
        claim = claim_called(self.claim)
        one = (claim.pretrained or "P-T" in claim.kinds) and self.estimate.over != "pre-trainings"
        return "for this checkpoint" if one else ""


def said(
    text: str,
    estimate: Estimate,
    *,
    n: int,
    unit: str,
    target: str = "",
    weight: float = 0.5,
    judged: Judgement | None = None,
) -> Finding:
    """Return a finding; where its claim cannot be judged for a reason, the sentence ends with it.

    Args:
        text: the sentence.
        estimate: the number it rests on; of several that are judged together, the first.
        n: how many things were measured.
        unit: what n counts, a plural.
        target: what it is about.
        weight: how much it matters.
        judged: what :func:`~transferscope.evidence.judge.judge` returned; without it the finding bears on no claim.

    >>> why = Judgement("000-3.3-a", "cannot tell", None, "P-T 1 diverged")
    >>> said("P-T share a basin.", Estimate(0.0), n=2, unit="networks", judged=why).text
    'P-T share a basin; P-T 1 diverged, so this decides no claim.'
    """
    if judged is None:
        return Finding(target, None, estimate, None, None, "", unit, n, text, weight)
    if judged.why:
        text = f"{text.removesuffix('.')}; {judged.why}, so this decides no claim."
    verdict, silenced = judged.verdict, judged.silenced
    return Finding(target, judged.claim, estimate, verdict, judged.p, judged.why, unit, n, text, weight, silenced)
