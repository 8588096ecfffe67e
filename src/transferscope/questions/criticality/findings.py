"""What criticality says, in sentences; ``Criticality`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .._path_phrases import level, name_of
from .._phrases import LEAST_ORDER, LEAST_SIGNS, count, enough, listed, number, percent, points, short
from ..result import Finding, Verdict
from .measure import Criticality
from .valleys import Subject, Valley, spread_of_sum

__all__ = ["findings", "has_transition", "share_within", "widths"]

_ORDER_CLAIM = "000 §3.4: from input to output the valleys of P-T become tighter, i.e. modules more critical"
_SENSITIVE_CLAIM = "000 §3.4: modules of RI-T are more sensitive than those of P-T"
_TRANSITION_CLAIM = "000 §3.4: the valleys of RI-T have a transition point between start and end"
_SAME_CLAIM = "000 B.9: train error, test error and gap show the same and can be used interchangeably"
_P = 0.05
_SAME, _OTHER = 0.9, 0.5
_ENOUGH = 5
"""Valleys none of which becomes tighter: were it so in half of all, that would happen once in 32 times."""
_RANGE = 0.1
_FEW_IMAGES = 5
"""So few more images in error are worth saying: what keeps within ε then hangs on single images."""


def findings(result: Criticality) -> tuple[Finding, ...]:
    """Return the findings of a result: how critical networks and modules are, the claims, and what is missing."""
    if not result.valleys:
        return tuple(_left_out(result))
    found = [_level(result, s) for s in result.networks if _main(result, s)]
    roles = {role: [s for s in result.networks if s.role == role and _main(result, s)] for role in ("P-T", "RI-T")}
    for role, networks in roles.items():
        if networks:
            found += _order(result, role, networks)
    if roles["P-T"] and roles["RI-T"]:
        found += _contrast(result, roles["P-T"], roles["RI-T"])
        if result.valleys[0].values.shape[2]:
            found += _sensitive(result, roles["P-T"], roles["RI-T"])
            found += _transition(result, roles["P-T"], roles["RI-T"])
    if result.valleys[0].values.shape[2]:
        found += _same(result) + _ends(result) + _not_finite(result)
    return tuple(found + _left_out(result))


def share_within(valley: Valley, metric: int, subject: Subject) -> float:
    """Return the share of the cells with noise whose mean on the training images is at most ε."""
    return float(subject.keeps(valley.means(0, metric)[:, valley.sigmas > 0]).mean())


def widths(valley: Valley, metric: int, subject: Subject) -> np.ndarray:
    """Return for each place the largest noise up to which all cells stay within ε, ``(p,)``; −1 when none does."""
    within = np.cumprod(subject.keeps(valley.means(0, metric)), axis=1).sum(1)
    found: np.ndarray = np.where(within > 0, valley.sigmas[within - 1], -1.0)
    return found


def has_transition(width: np.ndarray) -> bool:
    """Say whether a valley is narrower at some place than at places on both sides of it.

    >>> has_transition(np.array([0.5, 0.1, 0.2])), has_transition(np.array([-1.0, 0.1, 0.2, 0.2]))
    (True, False)
    """
    return any(width[i] < min(width[:i].max(), width[i + 1 :].max()) for i in range(1, len(width) - 1))


def _main(result: Criticality, subject: Subject) -> tuple[Valley, ...]:
    """The path by which networks are judged, of all modules: the direct one where there is one, to the first end."""
    path = "direct" if any(v.path == "direct" for v in result.valleys) else result.valleys[0].path
    return result.along(subject.label, path, result.valleys[0].end)


def _way(result: Criticality) -> str:
    """Say which of the paths networks are judged by."""
    valley = next(v for s in result.networks for v in _main(result, s))
    return f"the {valley.path} path to the {valley.end} weights"


def _images_more(result: Criticality, subject: Subject) -> int:
    """Return how many more of the training images may be in error than with the network as trained."""
    trained = float(subject.trained[0, result.place(result.judge)])
    return math.floor((subject.bound - trained) * result.n[0] + 1e-6)


def _ways(result: Criticality) -> str:
    """Say which paths there are to the end by which networks are judged."""
    end = result.valleys[0].end
    paths = dict.fromkeys(v.path for v in result.valleys if v.end == end)
    return f"the {' or the '.join(paths)} path to the {end} weights"


def _level(result: Criticality, subject: Subject) -> Finding:
    of = _main(result, subject)
    finite, total = [v for v in of if math.isfinite(v.mu)], sum(v.mu for v in of)
    low, high = spread_of_sum(of)
    epsilon = level(result.judge, subject.epsilon)
    if result.judge == "error" and (more := _images_more(result, subject)) < _FEW_IMAGES:
        epsilon += f" ({count(more, 'image')} more than as trained)"
    way = f"{of[0].path} path to the {of[0].end} weights"
    if len(finite) == len(of):
        spread = f" ({short(low)} to {short(high)} without one of the {result.draws} draws)" if high > low else ""
        text = f"network criticality Σμ_i = {short(total)}{spread} over {count(len(of), 'module')}"
    else:
        judge, told = name_of(result.judge), list[str]()
        if none := [v.module for v in of if math.isinf(v.mu)]:
            told.append(f"no cell with noise keeps the {judge} within ε in {_some(none)}, so their μ_i is infinite")
        if lacking := [v.module for v in of if math.isnan(v.mu)]:
            told.append(f"μ_i is not known in {_some(lacking)}, where no noise was added")
        text = "; ".join(told)
        if finite:
            others = short(sum(v.mu for v in finite))
            text += f"; Σμ_i of the other {count(len(finite), 'module')} is {others}"
    most = max(finite, key=lambda v: v.relative, default=None)
    if most and most.mu > 0 and len(finite) > 1:
        text += f"; the most critical{' of these' * (len(finite) < len(of))} for its size is {most.module}"
    if over := [v.module for v in finite if v.mu > 0 and v.sigma == v.sigmas.max()]:
        text += f"; in {_some(over)} the largest noise of the grid is still within ε, so that μ_i is at most this"
    if free := [v.module for v in of if v.mu == 0]:
        text += f"; μ_i = 0 in {_some(free)}, which keep within ε even at the start"
    return Finding(
        f"{subject.label}, {way}: {text}; ε = {epsilon}, n = {count(result.n[0], 'training image')}.",
        value=float(total),
        low=low if high > low else None,
        high=high if high > low else None,
        n=result.n[0],
        unit="training images",
        weight=0.5,
    )


def _order(result: Criticality, role: str, networks: Sequence[Subject]) -> list[Finding]:
    """Whether modules become more critical from input to output."""
    from scipy.stats import kendalltau, rankdata

    table = [{v.module: v for v in _main(result, s)} for s in networks]
    modules = [m for m in result.modules if all(m in t and not math.isnan(t[m].mu) for t in table)]
    if len(modules) < 3:
        return []
    judged = []
    for relative in (True, False):
        ranks = [rankdata([t[m].relative if relative else t[m].mu for m in modules]) for t in table]
        found, chance = kendalltau(np.arange(len(modules)), np.mean(ranks, axis=0))
        judged.append((0.0, 1.0) if math.isnan(found) else (float(found), float(chance)))
    (tau, p), (tau_plain, _) = judged
    signs = [int(np.sign(t)) if q < _P else 0 for t, q in judged]
    verdict: Verdict = "cannot tell"
    if signs[0] and signs[0] != -signs[1]:
        verdict = "agrees" if signs[0] > 0 else "disagrees"
    first, last = modules[0], modules[-1]
    ends = [short(float(np.mean([t[m].relative for t in table]))) for m in (first, last)]
    claimed = role == "P-T"
    return [
        Finding(
            f"{role} ({count(len(networks), 'network')}): from {first} to {last} μ_i for the module's size goes from "
            f"{ends[0]} to {ends[1]}; its rank correlation with depth is τ = {number(tau)} (p = {p:.2g}), that of "
            f"μ_i itself {number(tau_plain)}; {count(len(modules), 'module')}"
            f"{enough(len(modules), LEAST_ORDER, 'modules')}.",
            value=tau,
            n=len(modules),
            unit="modules",
            claim=_ORDER_CLAIM if claimed else None,
            verdict=verdict if claimed else None,
            weight=0.8 if claimed else 0.4,
        )
    ]


def _contrast(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> list[Finding]:
    near, far = (np.array([sum(v.mu for v in _main(result, s)) for s in group]) for group in (p, ri))
    if not (np.isfinite(near).all() and np.isfinite(far).all() and (near > 0).all()):
        return []
    several = len(near) > 1 or len(far) > 1
    low, high = float(far.min() / near.max()), float(far.max() / near.min())
    value = float(far.mean() / near.mean())
    spread = f" (network by network {short(low)} to {short(high)})" if several else ""
    return [
        Finding(
            f"The network criticality of RI-T is {short(value)}{spread} times that of P-T: {short(far.mean())} "
            f"against {short(near.mean())}; {len(far)} and {count(len(near), 'network')}.",
            value=value,
            low=low if several else None,
            high=high if several else None,
            n=len(near) + len(far),
            unit="networks",
            weight=0.6,
        )
    ]


def _sensitive(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> list[Finding]:
    """Whether more of the cells of P-T keep the error than of RI-T, module by module."""
    from scipy.stats import binomtest

    shares = [
        _by_module(result, group, lambda v, s: share_within(v, result.place(result.judge), s)) for group in (p, ri)
    ]
    modules = [m for m in result.modules if m in shares[0] and m in shares[1]]
    less = sum(shares[1][m] < shares[0][m] for m in modules)
    decided = sum(shares[1][m] != shares[0][m] for m in modules)
    p_value = float(binomtest(less, decided).pvalue) if decided else 1.0
    verdict: Verdict = "cannot tell" if p_value >= _P else "agrees" if 2 * less > decided else "disagrees"
    near, far = (float(np.mean([s[m] for m in modules])) for s in shares)
    return [
        Finding(
            f"On {_way(result)} {percent(far)} of the cells with noise keep RI-T within ε and {percent(near)} P-T; "
            f"RI-T has fewer of them in {less} of {count(len(modules), 'module')} (sign test, p = {p_value:.2g})"
            f"{enough(decided, LEAST_SIGNS, 'modules that differ')}.",
            value=near - far,
            n=len(modules),
            unit="modules",
            claim=_SENSITIVE_CLAIM,
            verdict=verdict,
            weight=0.7,
        )
    ]


def _transition(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> list[Finding]:
    """Whether valleys are tighter somewhere on the way than on both sides of it."""
    from scipy.stats import binomtest

    near, far = (_narrowing(result, group) for group in (p, ri))
    modules = [m for m in result.modules if m in near and m in far]
    # Only a valley that has an end, before the start, can be seen to become tighter.
    ended = _by_module(result, ri, lambda v, s: widths(v, result.place(result.judge), s)[0] < 0)
    critical = sum(ended[m] >= 0.5 for m in modules)
    with_p, with_ri = [m for m in modules if near[m] >= 0.5], [m for m in modules if far[m] >= 0.5]
    only_ri, only_p = len(set(with_ri) - set(with_p)), len(set(with_p) - set(with_ri))
    p_value = float(binomtest(only_ri, only_ri + only_p).pvalue) if only_ri + only_p else 1.0
    verdict: Verdict = "cannot tell"
    if p_value < _P:
        verdict = "agrees" if only_ri > only_p else "disagrees"
    elif not with_ri and critical >= _ENOUGH:
        verdict = "disagrees"
    where = f" ({_some(with_ri)})" if with_ri else ""
    return [
        Finding(
            f"On {_ways(result)}, a valley that is tighter at some place in between than on both sides of it: "
            f"{count(len(with_ri), 'module')} of RI-T{where}, {len(with_p)} of P-T, of {len(modules)}; "
            f"{critical} of RI-T are not within ε at the start.",
            value=(len(with_ri) - len(with_p)) / max(1, len(modules)),
            n=len(modules),
            unit="modules",
            claim=_TRANSITION_CLAIM,
            verdict=verdict,
            weight=0.5,
        )
    ]


def _by_module(
    result: Criticality, networks: Sequence[Subject], number_of: Callable[[Valley, Subject], float]
) -> dict[str, float]:
    """Mean over networks of a number of each module's valley."""
    found: dict[str, list[float]] = {}
    for s in networks:
        for v in _main(result, s):
            found.setdefault(v.module, []).append(number_of(v, s))
    return {m: float(np.mean(values)) for m, values in found.items()}


def _narrowing(result: Criticality, networks: Sequence[Subject]) -> dict[str, float]:
    """Share of networks in which a module's valley narrows on the way, on any path to the first end."""
    metric, end = result.place(result.judge), result.valleys[0].end
    found: dict[str, list[bool]] = {}
    for s in networks:
        valleys = [v for v in result.valleys if (v.network, v.end) == (s.label, end)]
        for module in dict.fromkeys(v.module for v in valleys):
            seen = [has_transition(widths(v, metric, s)) for v in valleys if v.module == module]
            found.setdefault(module, []).append(any(seen))
    return {m: float(np.mean(values)) for m, values in found.items()}


def _same(result: Criticality) -> list[Finding]:
    """Whether test error and gap follow the train error from cell to cell."""
    if "test" not in result.parts:
        return []
    from scipy.stats import spearmanr

    metric, test = result.place(result.judge), result.parts.index("test")
    parts = [np.concatenate([v.means(i, metric).ravel() for v in result.valleys]) for i in (0, test)]
    there = np.isfinite(parts[0]) & np.isfinite(parts[1])
    train, held = parts[0][there], parts[1][there]
    if len(np.unique(train)) < 3 or len(np.unique(held - train)) < 2:
        return []
    both, gap = (float(spearmanr(train, other).statistic) for other in (held, held - train))
    least, turned = min(both, abs(gap)), ", the other way round" if gap < 0 else ""
    verdict: Verdict = "agrees" if least >= _SAME else "disagrees" if least < _OTHER else "cannot tell"
    small = ""
    if np.ptp(train) < _RANGE:  # a network that has learned little has little to lose
        verdict = "cannot tell"
    elif result.judge == "error" and not _overfits(result, metric, test):
        verdict, small = "cannot tell", ", which as trained is no larger than so many images may give by chance,"
    name, claimed = name_of(result.judge), any(s.role in ("P-T", "RI-T") for s in result.networks)
    return [
        Finding(
            f"Over the cells of all paths the test {name} follows the train {name} with Spearman's "
            f"ρ = {number(both)}, the gap of the two{small} with ρ = {number(gap)}{turned}; "
            f"{count(len(train), 'cell')}, {result.n[0]:,} and {count(result.n[test], 'image')}.",
            value=least,
            n=len(train),
            unit="cells",
            claim=_SAME_CLAIM if claimed else None,
            verdict=verdict if claimed else None,
            weight=0.4,
        )
    ]


def _overfits(result: Criticality, metric: int, test: int) -> bool:
    """Whether the networks as trained clearly have a gap: otherwise all gaps are of the images that were drawn."""
    trained = np.mean([[s.trained[0, metric], s.trained[test, metric]] for s in result.networks], axis=0)
    of_images = np.array([result.n[0], result.n[test]])
    deviation = math.sqrt(float((trained * (1 - trained) / of_images).clip(0).sum()))
    return bool(trained[1] - trained[0] > 1.96 * deviation)


def _ends(result: Criticality) -> list[Finding]:
    """What changes when paths lead to the final weights and not to the best."""
    if len(result.ends()) < 2:
        return []
    metric, path = result.place(result.judge), result.valleys[0].path
    first, second = result.ends()[:2]
    differences = []
    for s in result.networks:
        to = {end: {v.module: v for v in result.along(s.label, path, end)} for end in (first, second)}
        for module in to[first].keys() & to[second].keys():
            shares = [share_within(to[end][module], metric, s) for end in (first, second)]
            differences.append(shares[0] - shares[1])
    if not differences:
        return []
    d = np.array(differences)
    return [
        Finding(
            f"On paths to the {first} weights instead of the {second} ones the share of cells within ε changes by "
            f"{points(float(d.mean()), float(d.min()), float(d.max()))}, module by module; "
            f"the other modules are at the {first} weights for both; {count(len(d), 'module')}.",
            value=float(d.mean()),
            low=float(d.min()),
            high=float(d.max()),
            n=len(d),
            unit="modules",
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
            where = _some(list(dict.fromkeys(v.module for v, w in zip(of, wrong, strict=True) if w)))
            found.append(
                Finding(
                    f"{s.label}: at {count(sum(wrong), 'cell')} of {cells:,} a metric is not finite ({where}); "
                    "they are drawn as crosses and are not within ε.",
                    value=float(sum(wrong)),
                    n=cells,
                    unit="cells",
                    weight=0.6,
                )
            )
    return found


def _left_out(result: Criticality) -> list[Finding]:
    return [
        Finding(f"{o.subject}: {o.reason}.", value=1.0, n=len(result.left_out), unit="omissions", weight=0.3)
        for o in result.left_out
    ]


def _some(names: Sequence[str], most: int = 4) -> str:
    """Name a few."""
    return listed(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
