"""How a study sits with the claims of the papers: verdicts over targets, and how many chance alone would give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .claim import Claim
from .claims import CLAIMS, claim_called
from .finding import Finding
from .verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClaimTally", "Tally", "TargetVerdict", "benjamini_hochberg", "tally"]

_VERDICTS: tuple[Verdict, ...] = ("agrees", "disagrees", "cannot tell")
_P = 0.05


@dataclass(frozen=True)
class TargetVerdict:
    """What the findings of one claim say on one target.

    Attributes:
        target: the target; empty for all together.
        verdict: theirs when all say the same, else cannot tell, as no single one speaks for the target.
        p: the largest of theirs; ``None`` where one is not known.
        q: the same, adjusted for all claims and targets of the study (Benjamini & Hochberg); nominal, as p-values of
            claims on the same networks are not independent.
        scope: how far the verdict reaches.
        findings: the findings.
    """

    target: str
    verdict: Verdict
    p: float | None
    q: float | None
    scope: str
    findings: tuple[Finding, ...]

    @property
    def stands(self) -> bool:
        """Whether a verdict is left at a false discovery rate of 5 %."""
        return self.verdict != "cannot tell" and self.q is not None and self.q < _P


@dataclass(frozen=True)
class ClaimTally:
    """What a study says of one claim, target by target."""

    claim: Claim
    targets: tuple[TargetVerdict, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings that bear on it."""
        return tuple(f for t in self.targets for f in t.findings)

    def count(self, verdict: Verdict) -> int:
        """Return on how many targets the verdict is this one."""
        return sum(t.verdict == verdict for t in self.targets)

    @property
    def words(self) -> str:
        """The counts in words, e.g. ``agrees on 2, cannot tell on 1 of 3 targets``."""
        parts = [(v, self.count(v)) for v in _VERDICTS if self.count(v)]
        if len(self.targets) == 1:
            return parts[0][0]
        return f"{', '.join(f'{v} on {n}' for v, n in parts)} of {len(self.targets)} targets"


@dataclass(frozen=True)
class Tally:
    """What a study says of all claims that its findings bear on, in the order of the papers."""

    claims: tuple[ClaimTally, ...]

    def count(self, verdict: Verdict) -> int:
        """Return how many claims × targets have this verdict."""
        return sum(c.count(verdict) for c in self.claims)

    @property
    def total(self) -> int:
        """How many claims × targets there are."""
        return sum(len(c.targets) for c in self.claims)

    @property
    def testable(self) -> int:
        """How many of them could have come out; without enough networks, say, none can."""
        return sum(t.p is not None or t.verdict != "cannot tell" for c in self.claims for t in c.targets)

    @property
    def by_chance(self) -> float:
        """How many verdicts chance alone would give at most, were all claims on the edge of being true: 5 %."""
        return _P * self.testable

    @property
    def standing(self) -> int:
        """How many verdicts are left at a (nominal) false discovery rate of 5 %."""
        return sum(t.stands for c in self.claims for t in c.targets)

    @property
    def words(self) -> str:
        """All of it in a sentence or two."""
        decided = self.count("agrees") + self.count("disagrees")
        counted = (
            f"Of {self.total} verdicts (claims × targets) {self.count('agrees')} agree, {self.count('disagrees')} "
            f"disagree, {self.count('cannot tell')} cannot tell. Chance alone would give up to {self.by_chance:.1f}"
        )
        if not decided:
            return f"{counted}."
        return (
            f"{counted}; of the {decided} that are decided, {self.standing} are left at a nominal false discovery "
            "rate of 5 % (Benjamini and Hochberg)."
        )

    def frame(self) -> pd.DataFrame:
        """Return one row a claim and target."""
        import pandas as pd

        columns = ["id", "claim", "target", "verdict", "scope", "p", "q", "stands", "why", "findings"]
        rows = [
            (c.claim.id, c.claim.text, t.target, t.verdict, t.scope, t.p, t.q, t.stands, _why(t), len(t.findings))
            for c in self.claims
            for t in c.targets
        ]
        return pd.DataFrame(rows, columns=columns).astype({"p": float, "q": float})


def tally(findings: Iterable[Finding]) -> Tally:
    """Count verdicts claim by claim, over targets.

    Args:
        findings: all of a study; those without a claim play no part. Each names its target itself.

    >>> from transferscope.evidence.estimate import Estimate
    >>> def finding(target):
    ...     return Finding(target, "000-3.3-c", Estimate(0.4), "agrees", 0.01, "", "pairs", 3, "…")
    >>> tally([finding("a"), finding("b")]).claims[0].words
    'agrees on 2 of 2 targets'
    """
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        if one.claim is not None and one.verdict is not None:
            grouped.setdefault((claim_called(one.claim).id, one.target), []).append(one)
    judged = {key: _together(of) for key, of in grouped.items()}
    tested = {key: p for key, (_, p) in judged.items() if p is not None}
    adjusted = dict(zip(tested, benjamini_hochberg(list(tested.values())), strict=True))
    by_claim: dict[str, list[TargetVerdict]] = {}
    for key, (verdict, p) in judged.items():
        scope = next((f.scope for f in grouped[key] if f.scope), "") if verdict != "cannot tell" else ""
        by_claim.setdefault(key[0], []).append(
            TargetVerdict(key[1], verdict, p, adjusted.get(key), scope, tuple(grouped[key]))
        )
    return Tally(tuple(ClaimTally(claim, tuple(by_claim[claim.id])) for claim in CLAIMS if claim.id in by_claim))


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjust p-values so that those under 5 % have a false discovery rate of 5 %: q₍ᵢ₎ = min over j ≥ i of m·p₍ⱼ₎/j.

    Source: Benjamini & Hochberg 1995.

    >>> [round(q, 3) for q in benjamini_hochberg([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053, 0.053, 0.5]
    """
    if not p:
        return []
    from scipy.stats import false_discovery_control

    return [float(q) for q in false_discovery_control(p)]


def _together(findings: Sequence[Finding]) -> tuple[Verdict, float | None]:
    verdicts = [f.verdict for f in findings if f.verdict is not None]
    p = [f.p for f in findings if f.p is not None]
    verdict: Verdict = verdicts[0] if len(set(verdicts)) == 1 else "cannot tell"
    return verdict, max(p) if len(p) == len(findings) else None


def _why(judged: TargetVerdict) -> str:
    return "; ".join(dict.fromkeys(f.why for f in judged.findings if f.why))
