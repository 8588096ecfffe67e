"""What setting modules back says, in sentences; ``Rewind`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .._path_phrases import amount, between, known, level, name_of, outcome
from .._phrases import LEAST_ORDER, count, enough, listed, number
from ..result import Finding, Verdict
from .measure import Rewind
from .rises import Rewound

__all__ = ["findings"]

_HEAD_P = "000 §3.4, Fig. 5: the final layer (FC) is critical for P-T"
_HEAD_RI = "000 §3.4, Fig. 5: the final layer (FC) is critical for P-T only, not for RI-T"
_FIRST = "000 §3.4, Fig. 5: the first layer (Conv1) is critical"
_ORDER = "000 §3.4: higher layers of P-T are more critical than lower ones"
_P = 0.05


def findings(result: Rewind) -> tuple[Finding, ...]:
    """Return the findings of a result: which modules are critical, the claims, and what is missing."""
    found = [_level(result, one) for one in result.networks]
    for role in ("P-T", "RI-T"):
        group = [one for one in result.networks if one.role == role]
        if not group:
            continue
        if result.head:
            claim = _HEAD_P if role == "P-T" else _HEAD_RI
            found += _one(result, role, group, result.head, claim, critical=role == "P-T", weight=0.8)
        if result.first not in ("", result.head):
            found += _one(result, role, group, result.first, _FIRST, critical=True, weight=0.6)
        found += _order(result, role, group)
    for one in result.networks:
        found += _drawn(result, one) + _not_finite(result, one)
    found += [
        Finding(f"{o.subject}: {o.reason}.", value=1.0, n=len(result.left_out), unit="omissions", weight=0.3)
        for o in result.left_out
    ]
    return tuple(found)


def _level(result: Rewind, one: Rewound) -> Finding:
    """Which modules of one network can go back to the start and which cannot."""
    metric = result.principal()
    m = result.place(metric)
    judged = [outcome(one.low[m, i, 0], one.high[m, i, 0], result.threshold) for i in range(len(one.modules))]
    critical = [name for name, verdict in zip(one.modules, judged, strict=True) if verdict == "agrees"]
    robust = [name for name, verdict in zip(one.modules, judged, strict=True) if verdict == "disagrees"]
    rises = one.increase[m, :, 0]
    what = name_of(metric)
    limit = amount(metric, result.threshold)
    of = count(len(one.modules), "module")
    text = f"{one.network}, each module set back to the start: the {what} rises by more than {limit} in "
    text += f"{len(critical)} of {of}" + (f" ({_some(critical)})" if critical else "")
    unclear = [name for name in one.modules if name not in critical and name not in robust]
    text += f", by no more in {len(robust)}" + (f" ({_some(robust)})" if robust else "")
    if unclear:
        text += f", and of {len(unclear)} ({_some(unclear)}) these images cannot tell"
    worst = -1
    if np.isfinite(rises).any():
        worst = int(np.nanargmax(np.where(np.isfinite(rises), rises, np.nan)))
        interval = between(metric, one.low[m, worst, 0], one.high[m, worst, 0])
        most = f"most in {one.modules[worst]}, by {amount(metric, rises[worst])}{interval}"
        text += f"; {most}" if rises[worst] > 0 else "; nowhere does it rise at all"
    return Finding(
        f"{text}; as trained {level(metric, one.trained[m])}, n = {count(result.n, 'image')}.",
        value=float(rises[worst]) if worst >= 0 else math.nan,
        low=known(one.low[m, worst, 0]) if worst >= 0 else None,
        high=known(one.high[m, worst, 0]) if worst >= 0 else None,
        n=result.n,
        unit="images",
        weight=0.5,
    )


def _one(
    result: Rewind, role: str, group: Sequence[Rewound], module: str, claim: str, *, critical: bool, weight: float
) -> list[Finding]:
    """Whether one module is critical, held against the paper's claim that it is, or is not."""
    metric = result.principal()
    m = result.place(metric)
    there = [(one, one.modules.index(module)) for one in group if module in one.modules]
    if not there:
        return []
    values = np.array([one.increase[m, i, 0] for one, i in there])
    low, high = (float(f([e[m, i, 0] for e, i in ends])) for f, ends in (
        (np.min, [(one.low, i) for one, i in there]), (np.max, [(one.high, i) for one, i in there]),
    ))  # fmt: skip
    judged = outcome(low, high, result.threshold)
    opposite: dict[Verdict, Verdict] = {"agrees": "disagrees", "disagrees": "agrees", "cannot tell": "cannot tell"}
    spread = f", network by network {amount(metric, values.min())} to {amount(metric, values.max())}"
    verb = "rises" if values.mean() >= 0 else "changes"
    return [
        Finding(
            f"{role} ({count(len(there), 'network')}): with {module} set back to the start the {name_of(metric)} "
            f"{verb} by {amount(metric, float(values.mean()))}{spread if len(there) > 1 else ''}"
            f"{between(metric, low, high)}; n = {count(result.n, 'image')}.",
            value=float(values.mean()),
            low=known(low),
            high=known(high),
            n=result.n,
            unit="images",
            claim=claim,
            verdict=judged if critical else opposite[judged],
            weight=weight,
        )
    ]


def _order(result: Rewind, role: str, group: Sequence[Rewound]) -> list[Finding]:
    """Whether the increase grows from input to output; the head, new in P-T, has its own claim and is left out."""
    from scipy.stats import kendalltau, rankdata

    m = result.place(result.principal())
    rises = [dict(zip(one.modules, one.increase[m, :, 0], strict=True)) for one in group]
    modules = [
        name
        for name in result.modules
        if name != result.head and all(np.isfinite(r.get(name, np.nan)) for r in rises)
    ]
    if len(modules) < 3:
        return []
    ranks = np.mean([rankdata([r[name] for name in modules]) for r in rises], axis=0)
    tau, p = map(float, kendalltau(np.arange(len(modules)), ranks))
    if math.isnan(tau):
        tau, p = 0.0, 1.0
    verdict: Verdict = "cannot tell" if p >= _P else "agrees" if tau > 0 else "disagrees"
    claimed = role == "P-T"
    return [
        Finding(
            f"{role} ({count(len(group), 'network')}): from {modules[0]} to {modules[-1]} the increase of a module "
            f"set back to the start has a rank correlation with depth of τ = {number(tau)} (p = {p:.2g}); "
            f"{count(len(modules), 'module')}{', the head left out' if result.head else ''}"
            f"{enough(len(modules), LEAST_ORDER, 'modules')}.",
            value=tau,
            n=len(modules),
            unit="modules",
            claim=_ORDER if claimed else None,
            verdict=verdict if claimed else None,
            weight=0.7 if claimed else 0.4,
        )
    ]


def _drawn(result: Rewind, one: Rewound) -> list[Finding]:
    """How many modules can be drawn anew, beside those that can go back."""
    if not result.draws:
        return []
    metric = result.principal()
    m = result.place(metric)
    lows, highs = one.drawn_low[m], one.drawn_high[m]
    judged = [outcome(low, high, result.threshold) for low, high in zip(lows, highs, strict=True)]
    robust = [name for name, verdict in zip(one.modules, judged, strict=True) if verdict == "disagrees"]
    mean = float(one.drawn[m].mean())
    return [
        Finding(
            f"{one.network}, each module drawn anew ({count(result.draws, 'draw')}): the {name_of(metric)} rises by "
            f"{amount(metric, mean)} on average, set back to the start by "
            f"{amount(metric, float(one.increase[m, :, 0].mean()))}; by no more than "
            f"{amount(metric, result.threshold)} in {len(robust)} of {count(len(one.modules), 'module')}"
            f"{f' ({_some(robust)})' if robust else ''}; n = {count(result.n, 'image')}.",
            value=mean,
            n=result.n,
            unit="images",
            weight=0.4,
        )
    ]


def _not_finite(result: Rewind, one: Rewound) -> list[Finding]:
    places = [
        f"{name} ({listed(bad)})"
        for i, name in enumerate(one.modules)
        if (bad := [t for k, t in enumerate(one.times) if not np.isfinite(one.increase[:, i, k]).all()])
    ]
    if not places:
        return []
    return [
        Finding(
            f"{one.network}: a metric is not finite with {_some(places)} set back; "
            "drawn as crosses, without an interval.",
            value=float(len(places)),
            n=len(one.modules),
            unit="modules",
            weight=0.6,
        )
    ]


def _some(names: Sequence[str], most: int = 4) -> str:
    """Name a few."""
    return listed(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
