"""What the (ε, δ) of basins say, in sentences; ``Basin`` has the rules."""

from __future__ import annotations

import math

import numpy as np

from .._members import TWO_RI_T
from .._path_phrases import amount, between, known, level, name_of
from .._phrases import count, listed, number, short
from ..result import Finding, Verdict
from .measure import Basin
from .parts import BasinGroup, BasinMeasure, BasinRegion, Rim

__all__ = ["findings"]

_ONE = "000 §3.3: two P-T live in one (ε, δ)-basin, with ε of 0.0034 to 0.0054 for the test error"
_APART = "000 §3.3: two RI-T do not live in one (ε, δ)-basin for reasonable ε"


def findings(result: Basin) -> tuple[Finding, ...]:
    """Return the findings of a result, group by group."""
    found: list[Finding] = []
    for group in result.groups:
        judged = group.regions[-1]
        for region in reversed(group.regions):
            for place, measure in enumerate(region.measures):
                found.append(_numbers(result, group, region, measure, claimed=region is judged and not place))
    for group in result.groups:
        found += _not_finite(result, group)
    found += [_excluded(result, labels=e.labels, reason=e.reason) for e in result.left_out]
    return tuple(found)


def _numbers(
    result: Basin, group: BasinGroup, region: BasinRegion, measure: BasinMeasure, *, claimed: bool
) -> Finding:
    metric, n = measure.metric, measure.numbers
    claim = _claim(group) if claimed else None
    threshold = result.rule.threshold_of(metric)
    sampled = f"{count(result.rule.samples, 'point')}, {result.rule.draws} noise draws, {count(result.n, 'image')}"
    if math.isfinite(n.epsilon):
        epsilon = f"{short(n.epsilon)} (95 % interval over draws {short(n.epsilon_low)} to {short(n.epsilon_high)})"
        told = (
            f"ε is {epsilon}, μ {level(metric, n.mu)}{between(metric, measure.mu_low, measure.mu_high)}; "
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
    return Finding(
        f"{group.name}, {_extent(result, group, region)}: for the {name_of(metric)} on {result.images} {told}. "
        f"{why} {answer}; n = {sampled}.",
        value=n.epsilon,
        low=known(n.epsilon_low),
        high=known(n.epsilon_high),
        n=result.rule.samples,
        unit="points of S",
        claim=claim,
        verdict=_verdict(claim, measure) if claim else None,
        weight=0.7 if claim else 0.5 if claimed else 0.3,
    )


def _claim(group: BasinGroup) -> str | None:
    if group.kind == "P-T & P-T":
        return _ONE
    return _APART if group.kind in TWO_RI_T else None


def _verdict(claim: str, measure: BasinMeasure) -> Verdict:
    if measure.answer == "cannot tell":
        return "cannot tell"
    return "agrees" if (measure.answer == "yes") == (claim == _ONE) else "disagrees"


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
    if math.isinf(n.delta):
        return (
            f"no δ up to {group.limit:.3g} satisfies {conditions[n.binding]}: around it the "
            f"{name_of(measure.metric)} does not rise by 2ε over μ"
        )
    if n.delta == 0:
        return "δ is 0, as the edge of the set is already 2ε over μ" + _beyond_limit(group, n.delta_high)
    high = f"more than {group.limit:.3g}" if math.isinf(n.delta_high) else short(n.delta_high)
    return f"δ is {short(n.delta)} ({short(n.delta_low)} to {high}), set by {conditions[n.binding]}"


def _beyond_limit(group: BasinGroup, high: float) -> str:
    if not high:
        return ""
    return f" (0 to {f'more than {group.limit:.3g}' if math.isinf(high) else short(high)})"


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
            found.append(
                Finding(
                    f"{group.name}: the {m.metric} on {result.images} is not finite at "
                    f"{' and '.join(filter(None, [where, near if around else '']))}; "
                    f"{'so there is no ε' if inside else 'there it counts as risen'}.",
                    value=float(inside + around),
                    n=len(m.losses) + m.shaken.size + m.beyond.size,
                    unit="points",
                    weight=0.6 if inside else 0.2,
                )
            )
    return found


def _set_name(region: BasinRegion) -> str:
    return "hull" if region.extent == "hull" else "extended set"


def _excluded(result: Basin, *, labels: tuple[str, ...], reason: str) -> Finding:
    groups = len(result.groups) + len(result.left_out)
    return Finding(f"{' & '.join(labels)} left out. {reason}.", value=1.0, n=groups, unit="groups", weight=0.6)
