"""What landscapes say, in sentences; ``Landscape`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .._members import networks_of
from .._phrases import count, least_to_most, listed, percent, short, verdict_of
from ..result import Finding, Verdict
from .measure import Landscape
from .numbers import MEASURES, STEP, spread

__all__ = ["findings"]

_CLAIMS = {
    (
        "P-T",
        "RI-T",
    ): "002 §3, Figs. 3 and 10: training from scratch ends in sharper minima than fine-tuning",
    ("P", "RI"): "002 §4, Fig. 5: the loss around pre-trained weights is smoother than around random ones",
}
_DEPTH_CLAIM = (
    "002 B.4, Figs. 12 and 13: from the last layers to the first, landscapes of random weights get rougher and those "
    "of pre-trained weights do not"
)
_STARTS = ("P", "RI")
_FEW = 3
_LEAST_DEPTH = 4
"""Modules it takes to speak of lower and higher ones."""

_LEAST_PLANES = 4
"""Planes it takes to know how much directions differ: with fewer, intervals say little, and no claim is judged."""


def findings(result: Landscape) -> tuple[Finding, ...]:
    """Return the findings of a result: levels, contrasts, depth, and what was not as one would wish."""
    found: list[Finding] = []
    for i in range(len(result.members)):
        found += _levels(result, i)
    for roles, claim in _CLAIMS.items():
        near, far = ([i for i, m in enumerate(result.members) if m.role == role] for role in roles)
        if near and far:
            found.append(_contrast(result, near, far, roles, claim))
            if roles == _STARTS:
                found += _depth(result, near, far)
    if len(result.members) > 1 and not any(m.role for m in result.members):
        found.append(_range(result))
    return (*found, *_still(result), *_not_finite(result), *_stored_norm(result), *_left_out(result))


def _measure(role: str) -> int:
    """Around a start the loss may fall as well as rise: there it is the size of the change that counts."""
    return MEASURES.index("change" if role in _STARTS else "rise")


def _value(result: Landscape, k: int, i: int, j: int) -> float:
    rises = result.rises[i, j, -1]
    return float(np.abs(rises).mean() if MEASURES[k] == "change" else rises.mean())


def _levels(result: Landscape, i: int) -> list[Finding]:
    member, k = result.members[i], _measure(result.members[i].role)
    if len(result.modules) <= _FEW:
        return [_level(result, i, j) for j in range(len(result.modules))]
    values = np.array([_value(result, k, i, j) for j in range(len(result.modules))])
    shown = np.where(np.isfinite(values), values, np.inf)
    least, most = int(shown.argmin()), int(shown.argmax())
    effect = "changes" if MEASURES[k] == "change" else "raises"
    return [
        Finding(
            f"{member.label}: moving the filters of one module by {_radius(result, 'their')} {effect} the loss, "
            f"{short(result.centre[i, 0])}, on average by {short(values[least])} ({result.modules[least]}) to "
            f"{short(values[most])} ({result.modules[most]}), median {short(float(np.median(shown)))}; "
            f"{count(len(values), 'module')}, {_directions(result)}, {count(result.n, 'image')}.",
            value=float(np.median(shown)),
            n=result.n,
            unit="images",
            weight=0.4,
        )
    ]


def _level(result: Landscape, i: int, j: int) -> Finding:
    member, k = result.members[i], _measure(result.members[i].role)
    value = _value(result, k, i, j)
    low, high = spread(result.draws[k, i, j, -1])
    what = f" of {result.modules[j]}" if result.modules[j] else ""
    effect = "changes" if MEASURES[k] == "change" else "lowers" if value < 0 else "raises"
    ends = (-high, -low) if value < 0 else (low, high)
    by = f"by {short(abs(value))}" if math.isfinite(value) else "beyond all bounds"
    return Finding(
        f"{member.label}: moving every filter{what} by {_radius(result)} {effect} the loss, "
        f"{short(result.centre[i, j])}, {by} on average{_between(*ends)} in "
        f"{_directions(result)}; in the plane shown, {percent(result.within(i, j), 0)} of the points within "
        f"{100 * result.span:.3g} % is at most {STEP} above the centre, and the steepest slope is "
        f"{short(result.slope(i, j))} per norm; {count(result.n, 'image')}.",
        value=value,
        low=_known(low),
        high=_known(high),
        n=result.n,
        unit="images",
        weight=0.4,
    )


def _range(result: Landscape) -> Finding:
    """Which of some networks of unknown kind has the flattest surroundings."""
    labels, k, places = [m.label for m in result.members], MEASURES.index("rise"), range(len(result.modules))
    values = [float(np.mean([_value(result, k, i, j) for j in places])) for i in range(len(labels))]
    shown = [v if math.isfinite(v) else math.inf for v in values]
    what = f", mean of {count(len(places), 'module')} moved one at a time" if len(places) > 1 else ""
    rises = least_to_most(labels, shown)
    verb = "rises" if min(shown) >= 0 else "changes"
    return Finding(
        f"Where filters move by {_radius(result, 'their')} the loss {verb} by {rises}{what}; "
        f"{count(len(labels), 'network')}, {_directions(result)}, {count(result.n, 'image')}.",
        value=max(shown),
        n=result.n,
        unit="images",
        weight=0.5,
    )


def _contrast(result: Landscape, near: list[int], far: list[int], roles: tuple[str, str], claim: str) -> Finding:
    k, (first, second) = _measure(roles[0]), roles
    usable = _usable(result, [*near, *far])
    verb = "changes" if MEASURES[k] == "change" else "raises"
    if not usable:
        return Finding(
            f"Moving the filters changes nothing in the loss of {first} or {second}, so nothing can be said of whose "
            "surroundings are flatter.",
            value=0.0,
            n=result.n,
            unit="images",
            claim=claim,
            verdict="cannot tell",
            weight=0.6,
        )
    level = np.array([[_value(result, k, i, j) for j in usable] for i in (*near, *far)])
    each = level[len(near) :].mean(0) - level[: len(near)].mean(0)
    value = float(each.mean())
    low, high = _hull(
        [result.draws[k, b, usable, -1].mean(0) - result.draws[k, a, usable, -1].mean(0) for a in near for b in far]
    )
    more = "more" if not value < 0 else "less"
    ends = (low, high) if not value < 0 else (-high, -low)
    means = f"{short(level[len(near) :].mean())} against {short(level[: len(near)].mean())}"
    what = f" of {result.modules[usable[0]]}" if len(usable) == 1 and result.modules[usable[0]] else ""
    several = ""
    if len(usable) > 1:
        over = int((each > 0).sum())
        several = f", mean of {count(len(usable), 'module')} moved one at a time, more in {over} of them"
    return Finding(
        f"Moving every filter{what} by {_radius(result)} {verb} the loss of {second} by {short(abs(value))} "
        f"{more} than that of {first}{_between(*ends)}: {means}{several}; {len(far)} and "
        f"{networks_of([result.members[i] for i in near])}, {_directions(result)}, {count(result.n, 'image')}.",
        value=value,
        low=_known(low),
        high=_known(high),
        n=result.n,
        unit="images",
        claim=claim,
        verdict=verdict_of(_known(low), _known(high)) if _enough(result) else "cannot tell",
        weight=0.8,
    )


def _depth(result: Landscape, near: list[int], far: list[int]) -> list[Finding]:
    """How much rougher the lower half of the modules is than the higher half, by start."""
    usable = _usable(result, [*near, *far])
    if len(usable) < _LEAST_DEPTH:
        return []
    half = len(usable) // 2
    lower, higher = usable[:half], usable[-half:]

    def ratio(i: int) -> float:
        parts = [np.mean([_value(result, 1, i, j) for j in some]) for some in (lower, higher)]
        return float(parts[0] / parts[1])

    def drawn(i: int) -> np.ndarray:
        parts = [np.log(result.draws[1, i, some, -1].astype(np.float64).mean(0)) for some in (lower, higher)]
        return np.asarray(parts[0] - parts[1])

    with np.errstate(all="ignore"):
        ratios = {role: float(np.mean([ratio(i) for i in some])) for role, some in (("P", near), ("RI", far))}
        low, high = _hull([drawn(b) - drawn(a) for a in near for b in far])
    rougher = {role: _hull([drawn(i) for i in some]) for role, some in (("P", near), ("RI", far))}
    interval = _between(math.exp(low), math.exp(high)) if math.isfinite(low) and math.isfinite(high) else ""
    value = ratios["RI"] / ratios["P"] if ratios["P"] else math.nan
    return [
        Finding(
            f"In the lower half of the modules the loss changes {short(ratios['RI'])} times as much as in the higher "
            f"half around random weights, {short(ratios['P'])} times around pre-trained ones: a ratio of "
            f"{short(value)}{interval}; {count(2 * half, 'module')}, {_directions(result)}, "
            f"{count(result.n, 'image')}.",
            value=value,
            low=math.exp(low) if math.isfinite(low) else None,
            high=math.exp(high) if math.isfinite(high) else None,
            n=2 * half,
            unit="modules",
            claim=_DEPTH_CLAIM,
            verdict=_deeper((low, high), rougher) if _enough(result) else "cannot tell",
            weight=0.7,
        )
    ]


def _deeper(steeper: tuple[float, float], rougher: dict[str, tuple[float, float]]) -> Verdict:
    """Judge by intervals of logarithms: random ones get rougher, more so than pre-trained ones, and these do not."""
    judged = [verdict_of(*map(_known, ends)) for ends in (steeper, rougher["RI"])]
    if "disagrees" in judged:
        return "disagrees"
    return "agrees" if judged == ["agrees", "agrees"] and not rougher["P"][0] > 0 else "cannot tell"


def _enough(result: Landscape) -> bool:
    return int(result.rises.shape[3]) >= _LEAST_PLANES


def _usable(result: Landscape, members: Sequence[int]) -> list[int]:
    """Modules that move in all of these networks, and make a difference to their loss."""
    moves = [(result.zeros[i] < result.filters) & (np.abs(result.rises[i]).max((1, 2, 3)) != 0) for i in members]
    return [int(j) for j in np.flatnonzero(np.logical_and.reduce(moves))]


def _hull(draws: list[np.ndarray]) -> tuple[float, float]:
    """The hull of the intervals of all pairs of networks: all must agree."""
    ends = [spread(d) for d in draws]
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def _still(result: Landscape) -> list[Finding]:
    """Filters of zeros, and losses that nothing changes."""
    found = []
    whose = "" if result.scale == "own" else f" in {result.members[0].label}"
    for i, member in enumerate(result.members):
        zeros, total = int(result.zeros[i].sum()), int(result.filters.sum())
        still = [result.modules[j] for j in range(len(result.modules)) if j not in _usable(result, [i])]
        if not zeros and not still:
            continue
        text = f"{member.label}: {zeros:,} of {count(total, 'filter')} are zero{whose} and do not move"
        if still and still != [""]:
            shown = still if len(still) <= _FEW else [*still[:_FEW], f"{len(still) - _FEW} more"]
            text += f"; the loss stays as it is when {listed(shown)} move{'s' * (len(still) == 1)}"
        elif still:
            text += "; the loss is the same everywhere, whatever moves"
        text += ". This is how the network starts, and no flatness of its loss." * bool(still)
        found.append(
            Finding(text.rstrip(".") + ".", value=float(zeros), n=total, unit="filters", weight=0.6 if still else 0.3)
        )
    return found


def _not_finite(result: Landscape) -> list[Finding]:
    found = []
    for i, member in enumerate(result.members):
        bad = ~np.isfinite(result.loss[i])
        rays = ~np.isfinite(result.rises[i])
        if not bad.any() and not rays.any():
            continue
        where = [m or "the whole network" for m, some in zip(result.modules, bad.any((1, 2)), strict=True) if some]
        of = f" ({listed(where[:_FEW])}{' …' if len(where) > _FEW else ''})" if len(result.modules) > 1 else ""
        centre = " The network's own loss is one of them." if not np.isfinite(result.centre[i]).all() else ""
        found.append(
            Finding(
                f"{member.label}: the loss is not finite at {int(bad.sum()):,} of {count(bad.size, 'point')} of "
                f"its planes{of} and in {int(rays.sum()):,} of {count(rays.size, 'move')} in random directions; "
                f"these are hatched in figures.{centre}",
                value=float(bad.mean()),
                n=bad.size,
                unit="points",
                weight=0.8,
            )
        )
    return found


def _stored_norm(result: Landscape) -> list[Finding]:
    if result.how.norm in ("none", "recalibrated") or not any(m.role == "RI" for m in result.members):
        return []
    return [
        Finding(
            "Batch norm used the statistics stored with the weights: those of random weights were never collected. "
            "With norm='recalibrated' they are, at every point.",
            value=0.0,
            n=result.n,
            unit="images",
            weight=0.3,
        )
    ]


def _left_out(result: Landscape) -> list[Finding]:
    return [
        Finding(f"{o.subject} {o.reason}: it is left out.", value=0.0, n=1, unit="modules", weight=0.1)
        for o in result.omissions
    ]


def _radius(result: Landscape, whose: str = "its") -> str:
    share = 100 * float(result.radii[-1])
    return f"{share:.3g} % of {whose} norm"


def _directions(result: Landscape) -> str:
    drawn = f"{count(2 * result.rises.shape[3], 'random direction')} both ways"
    return drawn if _enough(result) else f"{drawn}, too few to know how much directions differ"


def _known(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _between(low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" (95 % interval {short(low)} to {short(high)})"
