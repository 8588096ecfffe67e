"""What landscapes say, in sentences: the level of each network, and what was not as one would wish."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.left_out import remark
from ...evidence.phrases import count, least_to_most, listed, percent, short
from .._sides import interval_of, not_compared, said_unlearned, sides, unlearned
from .contrasts import contrasts, directions, measure_of, radius, usable
from .measure import Landscape
from .numbers import STEP, over_planes

__all__ = ["findings"]

_FEW = 3


def findings(result: Landscape) -> tuple[Finding, ...]:
    """Return the findings of a result: levels, contrasts, depth, and what was not as one would wish."""
    found: list[Finding] = []
    for i in range(len(result.members)):
        found += _levels(result, i)
    found += not_compared(("002-3-h",), sides(result.members, result.witnesses))
    found += contrasts(result)
    if len(result.members) > 1 and not any(m.role for m in result.members):
        found.append(_range(result))
    return (*found, *_still(result), *_not_finite(result), *_stored_norm(result), *_left_out(result))


def _value(result: Landscape, measure: str, i: int, j: int) -> float:
    rises = result.rises[i, j, -1]
    return float(np.abs(rises).mean() if measure == "change" else rises.mean())


def _levels(result: Landscape, i: int) -> list[Finding]:
    member, measure = result.members[i], measure_of(result.members[i].role)
    if len(result.modules) <= _FEW:
        return [_level(result, i, j) for j in range(len(result.modules))]
    values = np.array([_value(result, measure, i, j) for j in range(len(result.modules))])
    shown = np.where(np.isfinite(values), values, np.inf)
    least, most = int(shown.argmin()), int(shown.argmax())
    effect = "changes" if measure == "change" else "raises"
    return [
        said(
            f"{member.label}: moving the filters of one module by {radius(result, 'their')} {effect} the loss, "
            f"{short(result.centre[i, 0])}, on average by {short(values[least])} ({result.modules[least]}) to "
            f"{short(values[most])} ({result.modules[most]}), median {short(float(np.median(shown)))}; "
            f"{count(len(values), 'module')}, {directions(result)}, {count(result.n, 'image')}.",
            Estimate(float(np.median(shown))),
            n=result.n,
            unit="images",
            weight=0.4,
        )
    ]


def _level(result: Landscape, i: int, j: int) -> Finding:
    member, measure = result.members[i], measure_of(result.members[i].role)
    value, found = _value(result, measure, i, j), over_planes(result.rises[i, j, -1], measure)
    what = f" of {result.modules[j]}" if result.modules[j] else ""
    effect = "changes" if measure == "change" else "lowers" if value < 0 else "raises"
    size = interval_of(found.times(-1.0) if value < 0 else found)
    by = f"by {short(abs(value))}" if math.isfinite(value) else "beyond all bounds"
    return said(
        f"{member.label}: moving every filter{what} by {radius(result)} {effect} the loss, "
        f"{short(result.centre[i, j])}, {by} on average{size} in "
        f"{directions(result)}; in the plane shown, {percent(result.within(i, j), 0)} of the points within "
        f"{100 * result.span:.3g} % is at most {STEP} above the centre, and the steepest slope is "
        f"{short(result.slope(i, j))} per norm; {count(result.n, 'image')}.",
        found if math.isfinite(value) else Estimate(value),
        n=result.n,
        unit="images",
        weight=0.4,
    )


def _range(result: Landscape) -> Finding:
    """Which of some networks of unknown kind has the flattest surroundings."""
    labels, places = [m.label for m in result.members], range(len(result.modules))
    values = [float(np.mean([_value(result, "rise", i, j) for j in places])) for i in range(len(labels))]
    shown = [v if math.isfinite(v) else math.inf for v in values]
    what = f", mean of {count(len(places), 'module')} moved one at a time" if len(places) > 1 else ""
    rises = least_to_most(labels, shown)
    verb = "rises" if min(shown) >= 0 else "changes"
    return said(
        f"Where filters move by {radius(result, 'their')} the loss {verb} by {rises}{what}; "
        f"{count(len(labels), 'network')}, {directions(result)}, {count(result.n, 'image')}.",
        Estimate(max(shown)),
        n=result.n,
        unit="images",
        weight=0.5,
    )


def _still(result: Landscape) -> list[Finding]:
    """Filters of zeros, and losses that nothing changes."""
    found = []
    whose = "" if result.scale == "own" else f" in {result.members[0].label}"
    for i, member in enumerate(result.members):
        zeros, total = int(result.zeros[i].sum()), int(result.filters.sum())
        still = [result.modules[j] for j in range(len(result.modules)) if j not in usable(result, [i])]
        if not zeros and not still:
            continue
        text = f"{member.label}: {zeros:,} of {count(total, 'filter')} are zero{whose} and do not move"
        if still and still != [""]:
            shown = still if len(still) <= _FEW else [*still[:_FEW], f"{len(still) - _FEW} more"]
            text += f"; the loss stays as it is when {listed(shown)} move{'s' * (len(still) == 1)}"
        elif still:
            text += "; the loss is the same everywhere, whatever moves"
        text += ". This is how the network starts, and no flatness of its loss." * bool(still)
        weight = 0.6 if still else 0.3
        found.append(said(text.rstrip(".") + ".", Estimate(float(zeros)), n=total, unit="filters", weight=weight))
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
            said(
                f"{member.label}: the loss is not finite at {int(bad.sum()):,} of {count(bad.size, 'point')} of "
                f"its planes{of} and in {int(rays.sum()):,} of {count(rays.size, 'move')} in random directions; "
                f"these are hatched in figures.{centre}",
                Estimate(float(bad.mean())),
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
        said(
            "Batch norm used the statistics stored with the weights: those of random weights were never collected. "
            "With norm='recalibrated' they are, at every point.",
            Estimate(0.0),
            n=result.n,
            unit="images",
            weight=0.3,
        )
    ]


def _left_out(result: Landscape) -> list[Finding]:
    networks = unlearned(result.members, result.witnesses)
    modules = [one for one in result.left_out if one not in networks]
    found = said_unlearned(result.members, result.witnesses)
    return found + remark(modules, len(modules) + len(result.modules), "modules", weight=0.1)
