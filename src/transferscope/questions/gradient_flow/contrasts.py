"""Random against pre-trained weights, and what training makes of both.

The paper's claims are about weights before training: random starts are the sample, one number each, and the
pre-trained weights are as given, one network whichever heads they got. After training networks of both kinds are the
sample, and what they show is told without a claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...evidence.contrast import ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, short, times
from ...evidence.verdict import Judgement
from .._members import networks_of
from .._sides import STARTS, TRAINED, Numbers, Sides, each_start, geometric_mean, interval_of, sides, times_given
from .measure import GradientFlow

__all__ = ["contrasts", "middle"]

_SIDES = ((STARTS, "at the start"), (TRAINED, "after training"))


def contrasts(result: GradientFlow) -> list[Finding]:
    """Return who grows faster, whose gradient is larger in the middle, and whose weights are small along it."""
    found: list[Finding] = []
    for roles, when in _SIDES:
        both = sides(result.members, result.witnesses, roles)
        if both.compared:
            for told in (_growth, _middle, _leading):
                found += told(result, both, roles, when)
    return found


def middle(result: GradientFlow, members: list[int] | None = None) -> int | None:
    """Return the layer nearest to half the depth that a gradient reaches in all of these networks (default: all)."""
    mean = result.mean() if members is None else result.mean()[members]
    there = np.flatnonzero((np.isfinite(mean) & (mean > 0)).all(0))
    half = (len(result.layers) - 1) / 2
    return int(there[np.abs(there - half).argmin()]) if len(there) else None


def _growth(result: GradientFlow, both: Sides, roles: tuple[str, str], when: str) -> list[Finding]:
    if not result.last:
        return []
    grown = result.scale()[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = result.norms[:, [0, result.last]] / result.mean()[:, [0, result.last], None]
        logs = np.log(grown)
    moves = relative[:, 0] - relative[:, 1]  # of the logarithm of the growth, by each image
    got = _times(result, both, roles, grown, grown[:, None] * (1 + moves))
    judged, first = None, got
    if roles == STARTS:
        far = _one_each(result, both.far, grown)
        rows = _rows(result, both.far, 1 + moves)
        first = times_given(far, 1.0, (far[:, None] * rows, None))
        changed = np.exp(np.abs(logs))  # by which factor, up or down
        changes = _times(result, both, roles, changed, changed[:, None] * (1 + np.sign(logs)[:, None] * moves))
        judged = judge("002-4-f", first, got, changes, networks=both.networks)
    typical = [short(geometric_mean(_one_each(result, of, grown))) for of in (both.far, both.near)]
    through = f"{typical[0]}{interval_of(first, 'times')}" if judged else typical[0]
    text = (
        f"The way back from {result.layers[result.last]} to {result.layers[0]} multiplies the gradient of {roles[1]} "
        f"by {through} and that of {roles[0]} by {typical[1]} {when}: {_told(got)} as much"
    )
    return [_said(result, both, text, first, judged, (0.8, 0.5))]


def _middle(result: GradientFlow, both: Sides, roles: tuple[str, str], when: str) -> list[Finding]:
    at = middle(result, [*both.near, *both.far])
    if at is None:
        return []
    mean = result.mean()[:, at]
    got = _times(result, both, roles, mean, result.norms[:, at])
    judged = judge("002-4-d", got, networks=both.networks) if roles == STARTS else None
    typical = [short(geometric_mean(_one_each(result, of, mean))) for of in (both.far, both.near)]
    text = (
        f"In {result.layers[at]}, the middle of the network, the gradient of {roles[1]} is {_told(got)} as large as "
        f"that of {roles[0]} {when}: {typical[0]} against {typical[1]} in the mean over images"
    )
    return [_said(result, both, text, got, judged, (0.7, 0.4))]


def _leading(result: GradientFlow, both: Sides, roles: tuple[str, str], when: str) -> list[Finding]:
    """Weights along the components that their gradient has most of, in the median over layers."""
    if not result.weights:
        return []
    leading = result.leading()
    there = np.isfinite(leading[[*both.near, *both.far]]).all(0)
    if not there.any():
        return []
    sizes, relative = (np.median(of[:, there], axis=1) for of in (leading, leading / result.entry))
    got, units = (_times(result, both, roles, of) for of in (sizes, relative))
    judged = judge("002-4-e", got, units, networks=both.networks) if roles == STARTS else None
    chance = [short(geometric_mean(_one_each(result, of, relative))) for of in (both.far, both.near)]
    few = f" ({count(int((~there).sum()), 'other')} zero, or without gradient)" if not there.all() else ""
    text = (
        f"Along the leading singular vectors of their gradient the weights of {roles[1]} are {_told(got)} as large "
        f"as those of {roles[0]} {when}, in the median over {count(int(there.sum()), 'layer')}{few}; in units of "
        f"what unrelated directions would show {_told(units)}, {chance[0]} against {chance[1]}"
    )
    return [_said(result, both, text, got, judged, (0.6, 0.4))]


def _times(
    result: GradientFlow, both: Sides, roles: tuple[str, str], values: Numbers, examples: Numbers | None = None
) -> Estimate:
    """How many times larger a number ``(members,)`` is without pre-training; examples are ``(members, images)``."""
    if roles == TRAINED:
        rows = None if examples is None else (examples[both.far], examples[both.near])
        return ratio(values[both.far], values[both.near], rows)
    far, near = (_one_each(result, places, values) for places in (both.far, both.near))
    one = geometric_mean(near)
    if examples is None:
        return times_given(far, one)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = examples / values[:, None]
    starts, given = (_rows(result, places, relative) for places in (both.far, both.near))
    return times_given(far, one, (far[:, None] * starts, one * given.mean(0)))


def _one_each(result: GradientFlow, places: Sequence[int], values: Numbers) -> Numbers:
    """One number a network: random weights that several runs began with count once, and so do pre-trained ones."""
    if result.members[places[0]].role in TRAINED:
        return values[list(places)]
    return np.array([geometric_mean(values[same]) for same in each_start(result.members, places)])


def _rows(result: GradientFlow, places: Sequence[int], relative: Numbers) -> Numbers:
    """Numbers of images in units of their mean, one row a start."""
    return np.stack([relative[same].mean(0) for same in each_start(result.members, places)])


def _told(found: Estimate) -> str:
    if math.isnan(found.value):
        return "nan times"
    return f"{times(found.value)}{interval_of(found, 'times')} times"


def _said(
    result: GradientFlow,
    both: Sides,
    text: str,
    found: Estimate,
    judged: Judgement | None,
    weights: tuple[float, float],
) -> Finding:
    networks = f"{len(both.far)} and {networks_of([result.members[i] for i in both.near])}"
    return said(
        f"{text}; {networks}, {count(result.n, 'image')}.",
        found,
        n=len(both.far) + len(both.near),
        unit="networks",
        weight=weights[0] if judged else weights[1],
        judged=judged,
    )
