"""What the (ε, δ) of basins say, in sentences; ``Basin`` has the rules."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.contrast import mean
from ...evidence.draws import over_draws
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.images import Resampled
from ...evidence.left_out import joined
from ...evidence.phrases import count, interval_text, listed, number, short
from .._path_phrases import amount, level, name_of, spread
from .kinds import kind_findings
from .measure import Basin
from .parts import BasinGroup, BasinMeasure, BasinRegion, Rim

__all__ = ["findings"]

_FEWEST = 20
"""Draws from which on a percentile bootstrap over them says how far δ would move."""


def findings(result: Basin) -> tuple[Finding, ...]:
    """Return the findings of a result: the claims about kinds of pairs, then group by group."""
    found = kind_findings(result)
    for group in result.groups:
        for region in reversed(group.regions):
            for place, measure in enumerate(region.measures):
                first = region is group.regions[-1] and not place
                found.append(_numbers(result, group, region, measure, first=first))
    for group in result.groups:
        found += _not_finite(result, group)
    left = joined(result.left_out)
    n = len(result.groups)
    found += [said(f"Left out: {text}.", Estimate(1.0), n=n, unit="groups", weight=0.6) for text in left]
    return tuple(found)


def _numbers(result: Basin, group: BasinGroup, region: BasinRegion, measure: BasinMeasure, *, first: bool) -> Finding:
    """What was measured of one group, by these networks and, where it is kept, other images."""
    metric, n = measure.metric, measure.numbers
    threshold = result.rule.threshold_of(metric)
    points, draws = len(measure.losses), measure.shaken.shape[1]
    epsilon = _over_images(result, measure)
    if math.isfinite(n.epsilon):
        error = math.sqrt(over_draws(np.abs(measure.losses - n.mu)).spread or 0.0)
        of_images = interval_text(epsilon, digits=None)
        mu = Estimate(n.mu, measure.mu_low, measure.mu_high, over="images", n=result.n)
        told = (
            f"ε is {short(n.epsilon)}{of_images}, with a Monte-Carlo error of {short(error)}, μ {_mu(metric, mu)}; "
            f"{_delta(group, measure)}"
        )
    else:
        told = "ε and μ are not finite"
    answer = {
        "yes": "this is one basin",
        "no": "this is not one basin",
        "cannot tell": "it cannot be told whether this is one basin",
    }[measure.answer]
    why = f"By a threshold of {threshold:g} on ε"
    if not math.isfinite(n.epsilon):
        why = "So"
    elif measure.answer == "no" and n.epsilon_low <= threshold:
        why = f"ε is not clearly over the threshold of {threshold:g}, but without δ"
    elif measure.answer == "cannot tell" and n.epsilon_high <= threshold:
        why = f"ε is within the threshold of {threshold:g}, but there may be no δ, so"
    return said(
        f"{group.name}, {_extent(result, group, region)}: for the {name_of(metric)} on {result.images} {told}. "
        f"{why} {answer} on these images; n = {count(points, 'point')}, {draws} noise draws, "
        f"{count(result.n, 'image')}.",
        epsilon,
        n=points,
        unit="points of S",
        weight=0.5 if first else 0.3,
    )


def _over_images(result: Basin, measure: BasinMeasure) -> Estimate:
    """ε of these networks with its interval over images."""
    values = measure.resampled[:1]
    examples = Resampled(values, result.n) if values.size else None
    return mean([measure.numbers.epsilon], examples)


def _mu(metric: str, mu: Estimate) -> str:
    return f"{level(metric, mu.value)}{spread(metric, mu)}"


def _extent(result: Basin, group: BasinGroup, region: BasinRegion) -> str:
    if region.extent == "hull":
        return "the segment between them" if len(group.members) == 2 else "their convex hull"
    metric = region.measures[0].metric
    rise, reach = amount(metric, result.rule.rise_of(metric)), number(result.rule.reach)
    unit = "their distance" if len(group.members) == 2 else "twice the distance from their middle"
    if all(math.isinf(rim.beyond) for rim in group.rims):
        return (
            f"extended by {reach} beyond each, in units of {unit} (there the {name_of(metric)} has not yet risen by "
            f"{rise})"
        )
    parts = listed([_rim(rim, reach) for rim in group.rims])
    return f"extended to where the {name_of(metric)} rises by {rise} ({parts}, in units of {unit})"


def _rim(rim: Rim, reach: str) -> str:
    if math.isnan(rim.beyond):
        return f"not beyond {rim.label}, which itself is not finite"
    if math.isinf(rim.beyond):
        return f"not within {reach} beyond {rim.label}, cut there"
    return f"{number(rim.beyond)} beyond {rim.label}"


def _delta(group: BasinGroup, measure: BasinMeasure) -> str:
    n = measure.numbers
    conditions = {"2": "condition 2 (noise)", "3": "condition 3 (beyond the edge)", "2 and 3": "both conditions"}
    enough = measure.shaken.shape[1] >= _FEWEST
    if math.isinf(n.delta):
        return (
            f"no δ up to {group.limit:.3g} satisfies {conditions[n.binding]}: around it the "
            f"{name_of(measure.metric)} does not rise by 2ε over μ"
        )
    if n.delta == 0:
        over = f" (0 to {_high(group, n.delta_high)} over draws)" if n.delta_high and enough else ""
        return f"δ is 0, as the edge of the set is already 2ε over μ{over}"
    over = f" ({short(n.delta_low)} to {_high(group, n.delta_high)} over draws)" if enough else ""
    return f"δ is {short(n.delta)}{over}, set by {conditions[n.binding]}"


def _high(group: BasinGroup, high: float) -> str:
    return f"more than {group.limit:.3g}" if math.isinf(high) else short(high)


def _not_finite(result: Basin, group: BasinGroup) -> list[Finding]:
    found = []
    for region in group.regions:
        for m in region.measures:
            inside = int((~np.isfinite(m.losses)).sum())
            around = int((~np.isfinite(m.shaken)).sum() + (~np.isfinite(m.beyond)).sum())
            if not inside and not around:
                continue
            where = f"{inside} of {count(len(m.losses), 'point')} of the {_set_name(region)}" if inside else ""
            near = f"{around} of {m.shaken.size + m.beyond.size:,} places around the {_set_name(region)}"
            text = (
                f"{group.name}: the {m.metric} on {result.images} is not finite at "
                f"{' and '.join(filter(None, [where, near if around else '']))}; "
                f"{'so there is no ε' if inside else 'there it counts as risen'}."
            )
            n = len(m.losses) + m.shaken.size + m.beyond.size
            weight = 0.6 if inside else 0.2
            found.append(said(text, Estimate(float(inside + around)), n=n, unit="points", weight=weight))
    return found


def _set_name(region: BasinRegion) -> str:
    return "hull" if region.extent == "hull" else "extended set"
