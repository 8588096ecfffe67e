"""What setting modules back says, in sentences; ``Rewind`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...evidence.contrast import mean
from ...evidence.crossfit import cross_fitted
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import joined
from ...evidence.phrases import count, listed, shortened
from ...evidence.trend import over_depth
from ...evidence.verdict import Judgement
from .._learned import as_witnesses, of_kind
from .._path_phrases import amount, level, name_of, spread
from .measure import Rewind
from .rises import Rewound

__all__ = ["change_over_depth", "findings", "most_and_least_critical"]

_LEAST_IMAGES = 2
"""Fewer have no halves."""

_LEAST_MODULES = 3
"""Fewer modules have no order to speak of."""


def findings(result: Rewind) -> tuple[Finding, ...]:
    """Return the findings of a result: which modules are critical, the claims, and what is missing."""
    found = [_level(result, one) for one in result.networks]
    groups = {role: of_kind(result.networks, role) for role in ("P-T", "RI-T")}
    found += _heads(result, groups["P-T"], groups["RI-T"])
    found += _first_layer(result, groups["P-T"], groups["RI-T"])
    for role, group in groups.items():
        found += _order(result, role, group) + _apart(result, role, group)
    for one in result.networks:
        found += _drawn(result, one) + _not_finite(result, one)
    n = len(result.left_out)
    left = joined(result.left_out)
    return (*found, *(said(f"{text}.", Estimate(1.0), n=n, unit="omissions", weight=0.3) for text in left))


def _level(result: Rewind, one: Rewound) -> Finding:
    """Which modules of one network can go back to the start and which cannot, by its intervals over images."""
    metric = result.principal()
    m = result.place(metric)
    low, high, rises = one.low[m, :, 0], one.high[m, :, 0], one.increase[m, :, 0]
    critical = [name for name, end in zip(one.modules, low, strict=True) if end > result.threshold]
    robust = [name for name, end in zip(one.modules, high, strict=True) if end <= result.threshold]
    what, of = name_of(metric), count(len(one.modules), "module")
    text = f"{one.network}, each module set back to the start: the {what} rises by more than "
    text += f"{amount(metric, result.threshold)} in {len(critical)} of {of}"
    text += (f" ({shortened(critical)})" if critical else "") + f", by no more in {len(robust)}"
    text += f" ({shortened(robust)})" if robust else ""
    unclear = [name for name in one.modules if name not in critical and name not in robust]
    if unclear:
        text += f", and of {len(unclear)} ({shortened(unclear)}) these images cannot tell"
    worst = Estimate(math.nan)
    if np.isfinite(rises).any():
        at = int(np.nanargmax(np.where(np.isfinite(rises), rises, np.nan)))
        worst = Estimate(float(rises[at]), float(low[at]), float(high[at]), over="images", n=result.n)
        most = f"most in {one.modules[at]}, by {amount(metric, worst.value)}{spread(metric, worst)}"
        text += f"; {most}" if worst.value > 0 else "; nowhere does it rise at all"
    return said(
        f"{text}; as trained {level(metric, one.trained[m])}, n = {count(result.n, 'image')}.",
        worst,
        n=result.n,
        unit="images",
        weight=0.5,
    )


def _rise(result: Rewind, group: Sequence[Rewound], module: str) -> tuple[Estimate, str] | None:
    """The increase with one module of a kind of networks at the start, and how to say it; none without the module."""
    metric = result.principal()
    m = result.place(metric)
    there = [(one, one.modules.index(module)) for one in group if module in one.modules]
    if not there:
        return None
    values = [float(one.increase[m, i, 0]) for one, i in there]
    kept = all(one.examples.size for one, _ in there)
    examples = np.stack([one.examples[i] for one, i in there]).astype(np.float64) if kept else None
    found = mean(values, examples)
    apart = f", network by network {amount(metric, min(values))} to {amount(metric, max(values))}"
    verb = "rises" if not found.value < 0 else "changes"
    return found, (
        f"{there[0][0].role} ({count(len(there), 'network')}): with {module} set back to the start the "
        f"{name_of(metric)} {verb} by {amount(metric, found.value)}{spread(metric, found)}"
        f"{apart if len(there) > 1 else ''}"
    )


def _heads(result: Rewind, p: Sequence[Rewound], ri: Sequence[Rewound]) -> list[Finding]:
    """Whether the final layer is critical for P-T, and for P-T only."""
    if not result.head:
        return []
    near, far = (_rise(result, group, result.head) for group in (p, ri))
    found = []
    if near:
        judged = _judged(result, "000-3.4-a", [near[0]], p)
        found.append(_said(result, near[1], near[0], len(p), judged, 0.8))
    if near and far:
        both = _judged(result, "000-3.4-b", [near[0], far[0]], [*p, *ri])
        found.append(_said(result, f"{near[1]}; {far[1]}", near[0], len(p) + len(ri), both, 0.8))
    elif far:
        found.append(_said(result, far[1], far[0], len(ri), None, 0.5))
    return found


def _first_layer(result: Rewind, p: Sequence[Rewound], ri: Sequence[Rewound]) -> list[Finding]:
    """Whether the first layer is critical, for each kind of networks that there is."""
    if result.first in ("", result.head):
        return []
    rises = [(rise, group) for group in (p, ri) if (rise := _rise(result, group, result.first))]
    if not rises:
        return []
    networks = [one for _, group in rises for one in group]
    judged = _judged(result, "000-3.4-c", [rise[0] for rise, _ in rises], networks)
    text = "; ".join(rise[1] for rise, _ in rises)
    return [_said(result, text, rises[0][0][0], len(networks), judged, 0.6)]


def _judged(result: Rewind, claim: str, numbers: Sequence[Estimate], networks: Sequence[Rewound]) -> Judgement | None:
    """Judge a claim about the error; a loss is in nats, of which the claims do not speak."""
    if result.principal() == "loss":
        return None
    return judge(claim, *numbers, networks=as_witnesses(networks, result.witnesses))


def _said(
    result: Rewind, text: str, found: Estimate, networks: int, judged: Judgement | None, weight: float
) -> Finding:
    text = f"{text}; n = {count(result.n, 'image')}."
    return said(text, found, n=networks, unit="networks", weight=weight, judged=judged)


def _order(result: Rewind, role: str, group: Sequence[Rewound]) -> list[Finding]:
    """Whether the increase grows from input to output; the head, new in P-T, has its own claim and is left out."""
    metric = result.principal()
    m = result.place(metric)
    rises = [dict(zip(one.modules, one.increase[m, :, 0], strict=True)) for one in group]
    modules = [
        name
        for name in result.modules
        if rises and name != result.head and all(np.isfinite(r.get(name, np.nan)) for r in rises)
    ]
    if len(modules) < _LEAST_MODULES:
        return []
    kept = all(one.examples.size for one in group)
    examples = np.stack([_rows(one, modules) for one in group]) if kept else None
    found = change_over_depth(np.array([[r[name] for name in modules] for r in rises]), examples)
    claimed = role == "P-T"
    verb, sign = ("falls", -1) if found.value < 0 else ("rises", 1)
    return [
        said(
            f"{role} ({count(len(group), 'network')}): from {modules[0]} to {modules[-1]} the increase of the "
            f"{name_of(metric)} with a module set back to the start {verb} with depth, by "
            f"{amount(metric, sign * found.value)}{spread(metric, found, sign)} on a line through "
            f"{count(len(modules), 'module')}{', the head left out' if result.head else ''}.",
            found,
            n=len(group),
            unit="networks",
            weight=0.7 if claimed else 0.4,
            judged=_judged(result, "000-3.4-d", [found], group) if claimed else None,
        )
    ]


def change_over_depth(rises: np.ndarray, examples: np.ndarray | None) -> Estimate:
    """Return by how much more the error rises with the last module set back than with the first, over networks.

    Args:
        rises: ``(networks, modules)``, in forward order.
        examples: ``(networks, modules, images)`` whose means over images are the rises; ``None`` where not kept.

    >>> e = change_over_depth(np.array([[0.0, 0.1, 0.2]] * 3), None)
    >>> round(e.value, 6), e.over
    (0.2, 'networks')
    """
    weights = over_depth(np.eye(rises.shape[1]))  # a slope is a sum of the numbers, each with a weight
    each = None if examples is None else np.einsum("nmi,m->ni", examples, weights)
    return mean(rises @ weights, each)


def _apart(result: Rewind, role: str, group: Sequence[Rewound]) -> list[Finding]:
    """Whether some modules are critical and others are not; chosen by some images and measured on others."""
    kept = [one for one in group if one.examples.size and len(one.modules) > 1 and np.isfinite(one.examples).all()]
    if not kept or len({len(one.modules) for one in kept}) > 1 or result.n < _LEAST_IMAGES:
        return []
    metric = result.principal()
    most, least = most_and_least_critical(np.stack([one.examples.astype(np.float64) for one in kept]))
    text = (
        f"{role} ({count(len(kept), 'network')}): with its most critical module set back to the start the "
        f"{name_of(metric)} of a network changes by {amount(metric, most.value)}{spread(metric, most)}, with its "
        f"least critical one by {amount(metric, least.value)}{spread(metric, least)}; both were chosen on one half "
        "of the images and measured on the other"
    )
    judged = _judged(result, "003-C-a", [most, least], kept) if role == "RI-T" else None
    return [_said(result, text, most, len(kept), judged, 0.6)]


def most_and_least_critical(examples: np.ndarray) -> tuple[Estimate, Estimate]:
    """Return the rise with the most and with the least critical module of each network set back, over networks.

    Each network's module is chosen on one half of the images and measured on the other, both ways, so that noise
    makes neither the most critical one more nor the least critical one less so.

    Args:
        examples: ``(networks, modules, images)``, what each image adds to the rise.

    >>> rises = np.tile(np.array([[0.0], [1.0], [0.5]]), (3, 1, 4))  # three networks, the second module matters
    >>> [e.value for e in most_and_least_critical(rises)]
    [1.0, 0.0]
    """
    found = []
    for choose in (np.argmax, np.argmin):
        each = np.stack([_chosen(of, choose) for of in examples])
        found.append(mean(each.mean(1), each))
    return found[0], found[1]


def _chosen(of: np.ndarray, choose: Callable[[np.ndarray], np.intp]) -> np.ndarray:
    fitted = cross_fitted(lambda half: int(choose(of[:, half].mean(1))), lambda module: of[module], of.shape[1])
    return fitted.values


def _rows(one: Rewound, modules: Sequence[str]) -> np.ndarray:
    return one.examples[[one.modules.index(name) for name in modules]].astype(np.float64)


def _drawn(result: Rewind, one: Rewound) -> list[Finding]:
    """How many modules can be drawn anew, beside those that can go back."""
    if not result.draws:
        return []
    metric = result.principal()
    m = result.place(metric)
    robust = [n for n, end in zip(one.modules, one.drawn_high[m], strict=True) if end <= result.threshold]
    found = float(one.drawn[m].mean())
    text = (
        f"{one.network}, each module drawn anew ({count(result.draws, 'draw')}): the {name_of(metric)} rises by "
        f"{amount(metric, found)} on average, set back to the start by "
        f"{amount(metric, float(one.increase[m, :, 0].mean()))}; by no more than "
        f"{amount(metric, result.threshold)} in {len(robust)} of {count(len(one.modules), 'module')}"
        f"{f' ({shortened(robust)})' if robust else ''}; n = {count(result.n, 'image')}."
    )
    return [said(text, Estimate(found), n=result.n, unit="images", weight=0.4)]


def _not_finite(result: Rewind, one: Rewound) -> list[Finding]:
    places = [
        f"{name} ({listed(bad)})"
        for i, name in enumerate(one.modules)
        if (bad := [t for k, t in enumerate(one.times) if not np.isfinite(one.increase[:, i, k]).all()])
    ]
    if not places:
        return []
    text = (
        f"{one.network}: a metric is not finite with {shortened(places)} set back; "
        "drawn as crosses, without an interval."
    )
    n = len(one.modules)
    return [said(text, Estimate(float(len(places))), n=n, unit="modules", weight=0.6)]
