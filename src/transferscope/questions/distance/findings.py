"""What the distances say, in sentences.

A distance between two given networks is exact; what varies is which seeds one happened to have. So a contrast is
judged by whether the two kinds of pairs overlap at all, and its range is that over pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .._members import TWO_RI_T, Pair, first_of, kinds
from .._phrases import count, number, short
from ..result import Finding, Verdict
from .measure import Distance

__all__ = ["findings"]

_ORDERS = (
    (TWO_RI_T, "P-T & P-T", "000 §3.2, Table 2: two P-T lie closer together than two RI-T", 0.9),
    (("P & RI-T",), "P & P-T", "000 Table 2: P-T lies closer to P than RI-T does", 0.4),
)
_START_CLAIM = "000 Table 8: P-T ends closer to its start than RI-T (in three of four targets)"
_DEPTH_CLAIM = "000 §3.2: the distance of a module grows towards higher layers"
_STEADY_CLAIM = "002 §3, Fig. 2: the deviation from the start grows throughout training"
_DEVIATION_CLAIM = "002 B.3, Tables 1 and 2: fine-tuned weights deviate less from their start than those from scratch"


def findings(result: Distance) -> tuple[Finding, ...]:
    """Return the findings of a result: who is near whom, and how far from the start."""
    by_kind = kinds(result.pairs)
    starts = result.starts()
    own = {role: [p for p in starts if role in _roles(result, p)] for role in ("P-T", "RI-T")}
    found = [_level(result, kind, pairs) for kind, pairs in by_kind.items() if "RI &" not in f"{kind} &"]
    found += [_level(result, "RI-T & its start", own["RI-T"])] if own["RI-T"] else []
    for kinds_of_more, less, claim, weight in _ORDERS:
        if (more := first_of(kinds_of_more, by_kind)) and less in by_kind:
            found.append(_order(result, (more, by_kind[more]), (less, by_kind[less]), claim, weight))
    if own["P-T"] and own["RI-T"]:
        found.append(
            _order(result, ("RI-T and its start", own["RI-T"]), ("P-T and its start", own["P-T"]), _START_CLAIM, 0.7)
        )
    for kind in ("P-T & P-T", "RI-T & RI-T"):
        found += _depth(result, kind, by_kind.get(kind, ()))
    found += _deviations(result) + _steady(result) + _left_out(result)
    return tuple(found)


def _roles(result: Distance, pair: Pair) -> set[str]:
    return {result.members[pair.a].role, result.members[pair.b].role}


def _of(result: Distance, pairs: Sequence[Pair]) -> np.ndarray:
    values: np.ndarray = result.comparable()[[result.pairs.index(p) for p in pairs]]
    return values


def _where(result: Distance) -> str:
    return " without the head" if any(result.left_out) else ""


def _level(result: Distance, kind: str, pairs: Sequence[Pair]) -> Finding:
    values = _of(result, pairs)
    spread = f" ({short(values.min())} to {short(values.max())})" if len(values) > 1 else ""
    by_module = result.distance[[result.pairs.index(p) for p in pairs]].mean(0)
    body = [m for m in np.flatnonzero(~result.heads) if math.isfinite(by_module[m])]
    largest = max(body, key=by_module.__getitem__) if len(body) > 1 else None
    most = "" if largest is None else f", most in {result.modules[largest]} ({short(by_module[largest])})"
    return Finding(
        f"{kind}: {short(values.mean())}{spread} apart{_where(result)}{most}; "
        f"{count(len(values), 'pair')} of networks.",
        value=float(values.mean()),
        low=float(values.min()) if len(values) > 1 else None,
        high=float(values.max()) if len(values) > 1 else None,
        n=len(values),
        unit="pairs",
        weight=0.3,
    )


def _order(
    result: Distance, more: tuple[str, Sequence[Pair]], less: tuple[str, Sequence[Pair]], claim: str, weight: float
) -> Finding:
    far, near = _of(result, more[1]), _of(result, less[1])
    return _ratio(
        far,
        near,
        f"{more[0]} are {{times}} as far apart as {less[0]}{_where(result)}: {{far}} against {{near}}",
        (claim, weight),
        "pair",
    )


def _ratio(far: np.ndarray, near: np.ndarray, sentence: str, claim: tuple[str, float], unit: str) -> Finding:
    """How many times as large the first numbers are; they agree with the claim when all of them are larger."""
    value, low, high = far.mean() / near.mean(), far.min() / near.max(), far.max() / near.min()
    several = len(far) > 1 or len(near) > 1
    verdict: Verdict = "agrees" if low > 1 else "disagrees" if high < 1 else "cannot tell"
    spread = f" ({unit} by {unit} {short(low)} to {short(high)})" if several else ""
    text = sentence.format(times=f"{short(value)} times{spread}", far=short(far.mean()), near=short(near.mean()))
    return Finding(
        f"{text}; {len(far)} and {count(len(near), unit)}.",
        value=float(value),
        low=float(low) if several else None,
        high=float(high) if several else None,
        n=len(far) + len(near),
        unit=f"{unit}s",
        claim=claim[0],
        verdict=verdict,
        weight=claim[1],
    )


def _depth(result: Distance, kind: str, pairs: Sequence[Pair]) -> list[Finding]:
    """Whether modules that come later lie farther apart; Kendall's rank correlation over modules."""
    if not pairs:
        return []
    by_module = result.distance[[result.pairs.index(p) for p in pairs]].mean(0)
    kept = np.isfinite(by_module) & ~result.heads
    if kept.sum() < 4 or np.ptp(by_module[kept]) == 0:
        return []
    from scipy.stats import kendalltau

    values = by_module[kept]
    found = kendalltau(np.arange(len(values)), values)
    tau, p = float(found.statistic), float(found.pvalue)
    names = [name for name, keep in zip(result.modules, kept, strict=True) if keep]
    clear = p < 0.05
    word = "rises" if clear and tau > 0 else "falls" if clear else "neither clearly rises nor falls"
    return [
        Finding(
            f"{kind}: distance {word} with depth, from {short(values[0])} in {names[0]} to {short(values[-1])} in "
            f"{names[-1]} (Kendall's τ = {number(tau)}, p = {p:.2g}); {count(len(values), 'module')}.",
            value=tau,
            n=len(values),
            unit="modules",
            claim=_DEPTH_CLAIM,
            verdict=("agrees" if tau > 0 else "disagrees") if clear else "cannot tell",
            weight=0.3,
        )
    ]


def _deviations(result: Distance) -> list[Finding]:
    """002's deviation at the end of the runs, fine-tuned against from scratch."""
    if not result.examples:
        return []
    ends = {
        role: np.array([t.layer_sum[-1] for t in result.trajectories if t.role == role and len(t.layer_sum)])
        for role in ("P-T", "RI-T")
    }
    if not all(map(len, ends.values())):
        return []
    scale = math.sqrt(result.examples)
    return [
        _ratio(
            ends["RI-T"] / scale,
            ends["P-T"] / scale,
            "The deviation (1/√n)·Σ‖W − W⁰‖ of RI-T is {times} that of P-T: {far} against {near}, "
            f"n = {result.examples:,} training examples",
            (_DEVIATION_CLAIM, 0.5),
            "run",
        )
    ]


def _steady(result: Distance) -> list[Finding]:
    """Whether runs move away from their start all the time."""
    steps = [np.diff(t.layer_sum) for t in result.trajectories if len(t.layer_sum) > 2]
    if not steps:
        return []
    steady = sum(bool((s > 0).all()) for s in steps)
    moves = np.concatenate(steps)
    share = float((moves > 0).mean())
    return [
        Finding(
            f"The distance to the start grew in every recorded interval of training in {steady} of "
            f"{count(len(steps), 'run')} (in {100 * share:.0f} % of {count(len(moves), 'interval')}).",
            value=share,
            n=len(steps),
            unit="runs",
            claim=_STEADY_CLAIM,
            verdict="agrees" if steady == len(steps) else "disagrees",
            weight=0.3,
        )
    ]


def _left_out(result: Distance) -> list[Finding]:
    tensors = sorted({name for names in result.left_out for name in names})
    if not tensors:
        return []
    pairs = sum(map(bool, result.left_out))
    return [
        Finding(
            f"{count(len(tensors), 'tensor')} of the head ({', '.join(tensors)}) left out in {pairs} of "
            f"{count(len(result.pairs), 'pair')}, where it is missing or shapes differ; distances here are without "
            "the head throughout.",
            value=len(tensors),
            n=pairs,
            unit="pairs",
            weight=0.2,
        )
    ]
