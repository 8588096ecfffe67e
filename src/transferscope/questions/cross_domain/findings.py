"""What lies between domains, in sentences; ``CrossDomain`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._domains import DomainPath
from .._path_phrases import amount, between, known, name_of, not_finite, remarks
from .._phrases import count, number, verdict_of
from ..result import Finding
from .measure import Advantage, CrossDomain

__all__ = ["findings", "middle_findings"]

_GAIN_CLAIM = "000 B.7: performance rises in the middle between P-T of different domains"
_ADVANTAGE_CLAIM = "000 B.7: P-T does better than RI-T also on a domain neither was trained on"


def findings(result: CrossDomain) -> tuple[Finding, ...]:
    """Return the findings of a result: the middle of each path, then P-T against RI-T."""
    found = middle_findings(result.paths, _GAIN_CLAIM)
    found += [_advantage(a) for a in result.advantages]
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def middle_findings(paths: Sequence[DomainPath], claim: str | None) -> list[Finding]:
    """Say whether the middle of a path beats both ends: of P-T when there is a claim, of others where it does."""
    found = []
    for p in paths:
        for gain in p.gains:
            claimed = claim if p.path.kind == "P-T & P-T" else None
            if math.isnan(gain.gain) or (claimed is None and not gain.low > 0):
                continue
            better = gain.gain >= 0
            ends = (gain.low, gain.high) if better else (-gain.high, -gain.low)
            found.append(
                Finding(
                    f"Between {p.path.a} ({p.trained_on[0]}) and {p.path.b} ({p.trained_on[1]}), evaluated on "
                    f"{gain.images}: in the middle (λ = {number(gain.at)}) the {name_of(gain.metric)} is "
                    f"{amount(gain.metric, abs(gain.gain))} {'lower' if better else 'higher'} than at the better "
                    f"end{between(gain.metric, *ends)}; n = {count(gain.n, 'image')}.",
                    value=gain.gain,
                    low=known(gain.low),
                    high=known(gain.high),
                    n=gain.n,
                    unit="images",
                    claim=claimed,
                    verdict=verdict_of(gain.low, gain.high) if claimed else None,
                    weight=0.6 if claimed else 0.3,
                )
            )
    return found


def _advantage(a: Advantage) -> Finding:
    better = "fewer" if a.difference >= 0 else "more"
    ends = (a.low, a.high) if a.difference >= 0 else (-a.high, -a.low)
    what = "mistakes" if a.metric != "auc" else "misrankings (1 − AUC)"
    return Finding(
        f"Trained on {a.trained_on} and evaluated on {a.images}, {a.better} makes "
        f"{amount(a.metric, abs(a.difference))} {better} {what} than "
        f"{a.worse}{between(a.metric, *ends)}; n = {count(a.n, 'image')}.",
        value=a.difference,
        low=known(a.low),
        high=known(a.high),
        n=a.n,
        unit="images",
        claim=_ADVANTAGE_CLAIM,
        verdict=verdict_of(a.low, a.high),
        weight=0.5,
    )
