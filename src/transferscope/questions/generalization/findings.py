"""What foretells generalisation, in sentences; ``Generalization`` has the rules."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, interval_text, listed, number, percent, short
from .measure import ARCHITECTURE, CRITICALITY, Generalization

__all__ = ["findings"]

_WORDS = {"lr": "learning rate", "batch": "batch size", "label_noise": "label noise", "weight_decay": "weight decay",
          "share": "share of the data"}  # fmt: skip


def findings(result: Generalization) -> tuple[Finding, ...]:
    """Return what networks there are, both claims, the other measures, and what holds within a hyper-parameter."""
    found = [_correlates(result), _ahead(result), _others(result), *_within(result), _networks(result)]
    found += [_cost(result), *_not_defined(result)]
    of = len(result.networks) + len(result.left_out)
    return (*found, *remark(result.left_out, of, "networks"))


def _networks(result: Generalization) -> Finding:
    errors, worst = result.predicted(), max(row.train_error for row in result.networks)
    families = list(dict.fromkeys(row.family for row in result.networks))
    n = len(result.networks)
    text = (
        f"{count(n, 'network')} of {listed([f or 'one architecture' for f in families])} fit their training images "
        f"(at most {percent(worst)} wrong); test errors are from {percent(errors.min())} to {percent(errors.max())} "
        f"of {count(result.n[1], 'image')}."
    )
    return said(text, Estimate(float(errors.mean())), n=n, unit="networks", weight=0.5)


def _correlates(result: Generalization) -> Finding:
    """The claim of the slides."""
    error, gap = result.tau(CRITICALITY), result.tau(CRITICALITY, "gap")
    text = (
        f"Network criticality orders {count(len(result.networks), 'network')} as their test error does with "
        f"Kendall's τ = {_tau(error)}, as the gap of test and training error does with {_tau(gap)}."
    )
    judged = judge("003-C-c", error)
    return said(text, error, n=len(result.networks), unit="networks", weight=0.9, judged=judged)


def _ahead(result: Generalization) -> Finding:
    """The claim that earlier measures fail where criticality does not."""
    differences = {m: result.ahead_of(m) for m in result.measures if m != CRITICALITY}
    rest = {m: e for m, e in differences.items() if math.isfinite(e.value)}
    dropped = [m for m in differences if m not in rest]
    judged = judge("003-C-d", *rest.values(), because="" if rest else "no two measures differ among these networks")
    if not rest:
        text = "No measure that varies among networks can be held against another."
        return said(text, Estimate(math.nan), n=0, unit="networks", weight=0.4, judged=judged)
    nearest = min(rest, key=lambda m: rest[m].value)
    ahead = [m for m, e in rest.items() if e.low is not None and e.low > 0]
    behind = [m for m, e in rest.items() if e.high is not None and e.high < 0]
    e = rest[nearest]
    text = (
        f"Against {count(len(rest), 'other measure')} the τ of network criticality with the test error is clearly "
        f"larger than that of {len(ahead)}{f' ({listed(ahead)})' if ahead else ''} and clearly smaller than that of "
        f"{len(behind)}{f' ({listed(behind)})' if behind else ''}; "
        f"{'the closest is' if e.value > 0 else 'the best is'} {nearest}, with a difference of "
        f"{number(e.value)}{interval_text(e)}"
        + (f"; left out {listed(dropped)}, not known of all networks or the same of all" if dropped else "")
    )
    return said(f"{text}.", e, n=len(result.networks), unit="networks", weight=0.8, judged=judged)


def _others(result: Generalization) -> Finding:
    taus = {m: result.tau(m) for m in result.measures if m != CRITICALITY}
    order = sorted(taus, key=lambda m: -np.nan_to_num(taus[m].value, nan=-2.0))
    told = "; ".join(f"{m} {_tau(taus[m])}" for m in order)
    text = f"Kendall's τ of the other measures with the test error: {told}."
    return said(text, taus[order[0]], n=len(result.networks), unit="networks", weight=0.6)


def _within(result: Generalization) -> list[Finding]:
    own = result.within(CRITICALITY)
    if not own.pairs or not any(own.pairs):
        return []
    others = {m: result.within(m).mean.value for m in result.measures if m != CRITICALITY}
    best = max(others, key=lambda m: np.nan_to_num(others[m], nan=-2.0))
    told = [
        f"{_WORDS.get(f, f)} {number(e.value)} ({count(pairs, 'pair')})"
        for f, e, pairs in zip(own.factors, own.each, own.pairs, strict=True)
        if pairs
    ]
    text = (
        f"Among networks that differ in one hyper-parameter alone Ψ of network criticality is "
        f"{number(own.mean.value)}{interval_text(own.mean)}: {listed(told)}; the largest Ψ of another measure is "
        f"{number(others[best])} ({best})."
    )
    if ARCHITECTURE in own.factors:
        text = f"{text[:-1]}; architectures are compared at the same places of their hyper-parameters."
    return [said(text, own.mean, n=len(result.networks), unit="networks", weight=0.7)]


def _cost(result: Generalization) -> Finding:
    share = float(np.mean([row.looked for row in result.networks]))
    text = (
        f"The search for μ looked at {percent(share)} of the images that whole surfaces take, on "
        f"{count(result.n[0], 'training image')} and {count(result.draws, 'draw')} of noise; "
        f"Σμ_i is from {short(float(result.values(CRITICALITY).min()))} to "
        f"{short(float(result.values(CRITICALITY).max()))}."
    )
    return said(text, Estimate(share), n=len(result.networks), unit="networks", weight=0.3)


def _not_defined(result: Generalization) -> list[Finding]:
    """Measures without a number, or without a finite one, for some networks."""
    found = []
    for m in result.measures:
        values = result.values(m)
        if np.isfinite(values).all():
            continue
        bad = int((~np.isfinite(values)).sum())
        what = "is not known" if np.isnan(values).any() else "is infinite, the largest of all,"
        text = f"{m} {what} of {bad} of {count(len(values), 'network')}."
        found.append(said(text, Estimate(float(bad)), n=len(values), unit="networks", weight=0.4))
    return found


def _tau(e: Estimate) -> str:
    return f"{number(e.value)}{interval_text(e)}"
