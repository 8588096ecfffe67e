"""What criticality says, in sentences; ``Criticality`` has the rules."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.left_out import joined
from ...evidence.phrases import count, points_text, range_text, short, shortened
from .._path_phrases import level, name_of
from .kinds import kind_findings, main_path, share_within
from .measure import Criticality
from .order import order_findings
from .valleys import Subject, spread_of_sum

__all__ = ["findings"]

_FEW_IMAGES = 5
"""So few more images in error are worth saying: what keeps within ε then hangs on single images."""


def findings(result: Criticality) -> tuple[Finding, ...]:
    """Return the findings of a result: how critical networks and modules are, the claims, and what is missing."""
    if not result.valleys:
        return tuple(_left_out(result))
    found = [_level(result, s) for s in result.networks if main_path(result, s)]
    found += order_findings(result) + kind_findings(result)
    if result.valleys[0].values.shape[2]:
        found += _ends(result) + _not_finite(result)
    return tuple(found + _left_out(result))


def _images_more(result: Criticality, subject: Subject) -> int:
    """Return how many more of the training images may be in error than with the network as trained."""
    trained = float(subject.trained[0, result.place(result.judge)])
    return math.floor((subject.bound - trained) * result.n[0] + 1e-6)


def _level(result: Criticality, subject: Subject) -> Finding:
    of = main_path(result, subject)
    finite, total = [v for v in of if math.isfinite(v.mu)], sum(v.mu for v in of)
    least, most = spread_of_sum(of)
    epsilon = level(result.judge, subject.epsilon)
    if result.judge == "error" and (more := _images_more(result, subject)) < _FEW_IMAGES:
        epsilon += f" ({count(more, 'image')} more than as trained)"
    way = f"{of[0].path} path to the {of[0].end} weights"
    if len(finite) == len(of):
        spread = range_text(least, most, f"the {result.draws} draws left out one by one,") if most > least else ""
        text = f"network criticality Σμ_i = {short(total)}{spread} over {count(len(of), 'module')}"
    else:
        judge, told = name_of(result.judge), list[str]()
        if none := [v.module for v in of if math.isinf(v.mu)]:
            told.append(
                f"no cell with noise keeps the {judge} within ε in {shortened(none)}, so their μ_i is infinite"
            )
        if lacking := [v.module for v in of if math.isnan(v.mu)]:
            told.append(f"μ_i is not known in {shortened(lacking)}, where no noise was added")
        text = "; ".join(told)
        if finite:
            others = short(sum(v.mu for v in finite))
            text += f"; Σμ_i of the other {count(len(finite), 'module')} is {others}"
    worst = max(finite, key=lambda v: v.relative, default=None)
    if worst and worst.mu > 0 and len(finite) > 1:
        text += f"; the most critical{' of these' * (len(finite) < len(of))} for its size is {worst.module}"
    if over := [v.module for v in finite if v.mu > 0 and v.sigma == v.sigmas.max()]:
        text += f"; in {shortened(over)} the largest noise of the grid is still within ε, so that μ_i is at most this"
    if free := [v.module for v in of if v.mu == 0]:
        text += f"; μ_i = 0 in {shortened(free)}, which keep within ε even at the start"
    return said(
        f"{subject.label}, {way}: {text}; ε = {epsilon}, n = {count(result.n[0], 'training image')}.",
        Estimate(float(total)),
        n=result.n[0],
        unit="training images",
        weight=0.5,
    )


def _ends(result: Criticality) -> list[Finding]:
    """What changes when paths lead to the final weights and not to the best."""
    if len(result.ends()) < 2:
        return []
    metric, path = result.place(result.judge), result.valleys[0].path
    first, second = result.ends()[:2]
    networks: list[float] = []
    every: list[float] = []
    for s in [one for one in result.networks if not one.unfit] or result.networks:
        to = {end: {v.module: v for v in result.along(s.label, path, end)} for end in (first, second)}
        changes = [
            share_within(to[first][module], metric, s) - share_within(to[second][module], metric, s)
            for module in to[first].keys() & to[second].keys()
        ]
        every += changes
        networks += [float(np.mean(changes))] if changes else []
    if not networks:
        return []
    found = mean(networks)
    return [
        said(
            f"On paths to the {first} weights instead of the {second} ones the share of cells within ε changes by "
            f"{points_text(found)}{range_text(100 * min(every), 100 * max(every), 'modules', digits=1)}; "
            f"the other modules are at the {first} weights for both; {count(len(networks), 'network')}.",
            found,
            n=len(networks),
            unit="networks",
            weight=0.3,
        )
    ]


def _not_finite(result: Criticality) -> list[Finding]:
    found = []
    for s in result.networks:
        of = [v for v in result.valleys if v.network == s.label]
        wrong = [int((~np.isfinite(v.values)).any((0, 1, 4)).sum()) for v in of]
        cells = sum(v.values.shape[2] * v.values.shape[3] for v in of)
        if any(wrong):
            where = shortened(list(dict.fromkeys(v.module for v, w in zip(of, wrong, strict=True) if w)))
            text = (
                f"{s.label}: at {count(sum(wrong), 'cell')} of {cells:,} a metric is not finite ({where}); "
                "they are drawn as crosses and are not within ε."
            )
            found.append(said(text, Estimate(float(sum(wrong))), n=cells, unit="cells", weight=0.6))
    return found


def _left_out(result: Criticality) -> list[Finding]:
    n = len(result.left_out)
    return [said(f"{text}.", Estimate(1.0), n=n, unit="omissions", weight=0.3) for text in joined(result.left_out)]
