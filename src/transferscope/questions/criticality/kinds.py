"""What the valleys of many networks say of P-T and RI-T: one number a network, and networks are the sample."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from ...evidence.contrast import contrast, mean, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, number, percent, points_text, short, shortened, times
from .._learned import as_witnesses, of_kind
from .._path_phrases import name_of
from .measure import Criticality
from .valleys import Subject, Valley

__all__ = ["has_transition", "kind_findings", "main_path", "share_within", "widths"]

_LEAST_VALUES = 3
"""A train error with fewer different values has nothing to be followed."""
_RANGE = 0.1
_SMALL = 2.0
"""Standard errors of a gap up to which it may be of the images that were drawn."""


def kind_findings(result: Criticality) -> list[Finding]:
    """Return what is judged of kinds of networks; networks that learned nothing play no part where others did."""
    networks = [s for s in result.networks if main_path(result, s)]
    p, ri = of_kind(networks, "P-T"), of_kind(networks, "RI-T")
    surface = result.valleys[0].values.shape[2] > 0
    found: list[Finding] = []
    if p and ri:
        found += _sums(result, p, ri)
        if surface:
            found += [_sensitive(result, p, ri), _transition(result, p, ri)]
    if surface and "test" in result.parts:
        found += _same(result, p, ri) if p or ri else _same(result, networks, [])
    return found


def main_path(result: Criticality, subject: Subject) -> tuple[Valley, ...]:
    """Return the path by which networks are judged, of all modules: the direct one if there is one, to the first end.

    Args:
        result: with valleys.
        subject: one of its networks.
    """
    path = "direct" if any(v.path == "direct" for v in result.valleys) else result.valleys[0].path
    return result.along(subject.label, path, result.valleys[0].end)


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


def _sums(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> list[Finding]:
    near, far = ([sum(v.mu for v in main_path(result, s)) for s in group] for group in (p, ri))
    found = ratio(far, near)
    if math.isnan(found.value):
        return []
    means = [short(float(np.exp(np.log(x).mean()))) for x in (far, near)]
    return [
        said(
            f"The network criticality of RI-T is {times(found.value)}{interval_text(found, form='times')} times that "
            f"of P-T: {means[0]} against {means[1]} (geometric means); {len(far)} and {count(len(near), 'network')}.",
            found,
            n=len(near) + len(far),
            unit="networks",
            weight=0.6,
        )
    ]


def _sensitive(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> Finding:
    """Whether more of the cells of P-T keep the error than of RI-T."""
    metric = result.place(result.judge)
    shares = [
        [{v.module: share_within(v, metric, s) for v in main_path(result, s)} for s in group] for group in (p, ri)
    ]
    modules = [m for m in result.modules if all(m in t for group in shares for t in group)]
    near, far = ([_mean([t[m] for m in modules]) for t in group] for group in shares)
    found = contrast(near, far)
    less = sum(_mean([t[m] for t in shares[1]]) < _mean([t[m] for t in shares[0]]) for m in modules)
    valley = main_path(result, p[0])[0]
    return said(
        f"On the {valley.path} path to the {valley.end} weights {percent(_mean(near))} of the cells with noise keep "
        f"P-T within ε and {percent(_mean(far))} RI-T, difference {points_text(found)}; RI-T has fewer of them in "
        f"{less} of {count(len(modules), 'module')}; {len(p)} and {count(len(ri), 'network')}.",
        found,
        n=len(p) + len(ri),
        unit="networks",
        weight=0.7,
        judged=judge("000-3.4-f", found, networks=as_witnesses([*p, *ri], result.witnesses)),
    )


def _transition(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> Finding:
    """Whether valleys are tighter somewhere on the way than on both sides of it, on any path to the first end."""
    metric, end = result.place(result.judge), result.valleys[0].end
    ways = [{v.path for v in result.valleys if (v.network, v.end) == (s.label, end)} for s in (*p, *ri)]
    common = set.intersection(*ways)  # a network with more paths has more places to narrow at
    narrow = [[_narrowing(result, s, common) for s in group] for group in (p, ri)]
    modules = [m for m in result.modules if all(m in t for group in narrow for t in group)]
    near, far = ([_mean([float(t[m]) for m in modules]) for t in group] for group in narrow)
    found = contrast(far, near)
    # Only a valley that has an end, before the start, can be seen to become tighter.
    ended = [[v.module for v in main_path(result, s) if widths(v, metric, s)[0] < 0] for s in ri]
    critical = _mean([float(len(set(of) & set(modules))) for of in ended])
    with_ri = [m for m in modules if any(t[m] for t in narrow[1])]
    where = f" (in {shortened(with_ri)})" if with_ri else ""
    paths = " or the ".join(dict.fromkeys(v.path for v in result.valleys if v.end == end and v.path in common))
    return said(
        f"On the {paths} path to the {end} weights {percent(_mean(far))} of the modules of RI-T{where} have a valley "
        f"that is tighter at some place in between than on both sides of it, {percent(_mean(near))} of those of P-T, "
        f"difference {points_text(found)}; {count(len(modules), 'module')}, of which RI-T are not within ε at the "
        f"start in {number(critical, 1)}; {len(p)} and {count(len(ri), 'network')}.",
        found,
        n=len(p) + len(ri),
        unit="networks",
        weight=0.5,
        judged=judge("000-3.4-g", found, networks=as_witnesses([*p, *ri], result.witnesses)),
    )


def _narrowing(result: Criticality, s: Subject, paths: Collection[str]) -> dict[str, bool]:
    """Which modules have a valley that narrows on the way, on any of some paths to the first end."""
    metric, end = result.place(result.judge), result.valleys[0].end
    found: dict[str, bool] = {}
    for v in result.valleys:
        if (v.network, v.end) == (s.label, end) and v.path in paths:
            found[v.module] = found.get(v.module, False) or has_transition(widths(v, metric, s))
    return found


def _same(result: Criticality, p: Sequence[Subject], ri: Sequence[Subject]) -> list[Finding]:
    """Whether test error and gap follow the train error from cell to cell: rank correlations over cells, a network.

    A network whose train error hardly moves over the cells has nothing to follow, and one without a clear gap as
    trained has gaps of the images that were drawn: neither plays a part.
    """
    name, apart = name_of(result.judge), dict[str, list[str]]()
    used: list[list[Subject]] = []
    for group in (p, ri):
        whys = {s.label: _nothing_to_follow(result, s) for s in group}
        for label, why in whys.items():
            if why:
                apart.setdefault(why, []).append(label)
        used.append([s for s in group if not whys[s.label]])
    rhos = [[_rhos(result, s) for s in group] for group in used]
    tests, gaps = (_mean_of_kinds(*([abs(r[k]) if k else r[k] for r in group] for group in rhos)) for k in (0, 1))
    networks = [s for group in used for s in group]
    left = "".join(f"; {shortened(labels)} left out: {why}" for why, labels in apart.items())
    claimed = any(s.role in ("P-T", "RI-T") for s in (*p, *ri))
    if not networks and not claimed:
        return []
    turned = sum(r[1] < 0 for group in rhos for r in group)
    signs = f" (negative in {turned})" if turned else ""
    told = (
        f"Over the cells of all paths of a network the test {name} follows the train {name} with Spearman's ρ = "
        f"{number(tests.value)}{interval_text(tests)}, the size of the gap of the two with ρ = "
        f"{number(gaps.value)}{signs}{interval_text(gaps)}"
        if networks
        else f"Whether the test {name} and the gap follow the train {name} over the cells cannot be seen"
    )
    return [
        said(
            f"{told}; {count(len(networks), 'network')}, {result.n[0]:,} and "
            f"{count(result.n[result.parts.index('test')], 'image')}{left}.",
            tests,
            n=len(networks),
            unit="networks",
            weight=0.4,
            judged=judge("000-B.9-a", tests, gaps, networks=as_witnesses([*p, *ri], result.witnesses))
            if claimed
            else None,
        )
    ]


def _nothing_to_follow(result: Criticality, s: Subject) -> str:
    metric, test = result.place(result.judge), result.parts.index("test")
    train, held = _cells(result, s)
    if len(np.unique(train)) < _LEAST_VALUES or np.ptp(train) < _RANGE or len(np.unique(held - train)) < 2:
        return f"their train {name_of(result.judge)} hardly moves over the cells"
    if result.judge == "error":
        both = s.trained[[0, test], metric]
        error = math.sqrt(float((both * (1 - both) / [result.n[0], result.n[test]]).clip(0).sum()))
        if not both[1] - both[0] > _SMALL * error:
            return "their gap as trained is no larger than so many images may give by chance"
    return ""


def _cells(result: Criticality, s: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Train and test metric of the cells of all paths of a network, where both are finite."""
    metric, test = result.place(result.judge), result.parts.index("test")
    of = [v for v in result.valleys if v.network == s.label]
    train, held = (np.concatenate([v.means(i, metric).ravel() for v in of]) for i in (0, test))
    there = np.isfinite(train) & np.isfinite(held)
    return train[there], held[there]


def _rhos(result: Criticality, s: Subject) -> tuple[float, float]:
    """Spearman's ρ of the train metric with the test metric and with the gap of the two."""
    from scipy.stats import spearmanr

    train, held = _cells(result, s)
    return float(spearmanr(train, held).statistic), float(spearmanr(train, held - train).statistic)


def _mean_of_kinds(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The mean over networks; of two kinds with equal weights, so that each must have enough networks."""
    if first and second:
        return contrast([x / 2 for x in first], [-x / 2 for x in second])
    return mean([*first, *second])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
