"""Whose surroundings are flatter, and whether they get rougher towards the first layers: what claims are judged by.

One number a network: the mean over planes, directions and images at the largest radius. Networks are the sample. The
pre-trained weights before training are one network, whichever heads they got; its planes stand for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...evidence.contrast import contrast
from ...evidence.draws import over_draws, with_draws
from ...evidence.estimate import Estimate, measured
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, error_text, short
from .._members import networks_of
from .._sides import STARTS, TRAINED, Numbers, Sides, each_start, interval_of, less_given, sides, times_given
from .measure import Landscape
from .numbers import MEASURES, each_plane

__all__ = ["contrasts", "directions", "measure_of", "radius", "starts_less_given", "starts_over_given", "usable"]

_CLAIMS = {TRAINED: "002-3-h", STARTS: "002-4-a"}
_LEAST_DEPTH = 4
"""Modules it takes to speak of lower and higher ones."""


def contrasts(result: Landscape) -> list[Finding]:
    """Return what is said of networks with pre-training against networks without, before and after training."""
    found: list[Finding] = []
    for roles, claim in _CLAIMS.items():
        both = sides(result.members, result.witnesses, roles)
        if both.compared:
            found.append(_contrast(result, both, roles, claim))
            if roles == STARTS:
                found += _depth(result, both)
    return found


def measure_of(role: str) -> str:
    """Return what counts: around a start the loss may fall as well as rise, there it is the size of the change."""
    return MEASURES[1] if role in STARTS else MEASURES[0]


def usable(result: Landscape, members: Sequence[int]) -> list[int]:
    """Return the modules that move in all of these networks, and make a difference to their loss."""
    moves = [(result.zeros[i] < result.filters) & (np.abs(result.rises[i]).max((1, 2, 3)) != 0) for i in members]
    return [int(j) for j in np.flatnonzero(np.logical_and.reduce(moves))]


def radius(result: Landscape, whose: str = "its") -> str:
    """Say how far filters move."""
    share = 100 * float(result.radii[-1])
    return f"{share:.3g} % of {whose} norm"


def directions(result: Landscape) -> str:
    """Count the random directions."""
    drawn = f"{count(2 * result.rises.shape[3], 'random direction')} both ways"
    return drawn if result.rises.shape[3] > 1 else f"{drawn}, of one plane: how much planes differ is not known"


def _contrast(result: Landscape, both: Sides, roles: tuple[str, str], claim: str) -> Finding:
    (first, second), near, far = roles, both.near, both.far
    chosen, measure = usable(result, [*near, *far]), measure_of(roles[0])
    verb = "changes" if measure == "change" else "raises"
    n = len(near) + len(far)
    if not chosen:
        nothing = Estimate(math.nan)
        return said(
            f"Moving the filters changes nothing in the loss of {first} or {second}, so nothing can be said of whose "
            "surroundings are flatter.",
            nothing,
            n=n,
            unit="networks",
            weight=0.6,
            judged=judge(claim, nothing, networks=both.networks),
        )
    planes = each_plane(result.rises[:, :, -1][:, chosen], measure)  # (members, modules, planes)
    level = planes.mean(2)
    found = _difference(result, planes.mean(1), both, roles)
    each = level[far].mean(0) - level[near].mean(0)
    value = float(each.mean())
    more, signed = ("more", found) if not value < 0 else ("less", found.times(-1.0))
    means = f"{short(level[far].mean())} against {short(level[near].mean())}"
    what = f" of {result.modules[chosen[0]]}" if len(chosen) == 1 and result.modules[chosen[0]] else ""
    over, several = int((each > 0).sum()), ""
    if len(chosen) > 1:
        several = f", mean of {count(len(chosen), 'module')} moved one at a time, more in {over} of them"
    return said(
        f"Moving every filter{what} by {radius(result)} {verb} the loss of {second} by {short(abs(value))} "
        f"{more} than that of {first}{interval_of(signed)}: {means}{several}{_error(planes, both)}; "
        f"{_networks(result, both)}, {directions(result)}, {count(result.n, 'image')}.",
        found,
        n=n,
        unit="networks",
        weight=0.8,
        judged=judge(claim, found, networks=both.networks),
    )


def _difference(result: Landscape, planes: Numbers, both: Sides, roles: tuple[str, str]) -> Estimate:
    """How much more the loss changes around networks without pre-training, of ``(members, planes)``."""
    if roles == TRAINED:
        return contrast(planes[both.far].mean(1), planes[both.near].mean(1))
    return starts_less_given(_starts(result, planes, both), planes[both.near].mean(0))


def _depth(result: Landscape, both: Sides) -> list[Finding]:
    """How much rougher the lower half of the modules is than the higher half, by start."""
    chosen = usable(result, [*both.near, *both.far])
    if len(chosen) < _LEAST_DEPTH:
        return []
    half = len(chosen) // 2
    planes = each_plane(result.rises[:, :, -1], "change")
    with np.errstate(all="ignore"):
        logs = np.log(planes[:, chosen[:half]].mean(1) / planes[:, chosen[-half:]].mean(1))  # (members, planes)
        of_starts, given = _starts(result, logs, both), logs[both.near].mean(0)
        each, one = np.exp(of_starts.mean(1)), float(np.exp(given.mean()))
    rougher = times_given(each)
    steeper = starts_over_given(of_starts, given)
    stays = _times_over_draws(given)
    around = [float(np.exp(np.log(each).mean())), one]
    return [
        said(
            f"In the lower half of the modules the loss changes {short(around[0])}{interval_of(rougher, 'times')} "
            f"times as much as in the higher half around random weights, {short(one)}{interval_of(stays, 'times')} "
            f"times around pre-trained ones: a ratio of {short(steeper.value)}{interval_of(steeper, 'times')}; "
            f"{count(2 * half, 'module')}, {_networks(result, both)}, {directions(result)}, "
            f"{count(result.n, 'image')}.",
            rougher,
            n=len(both.near) + len(both.far),
            unit="networks",
            weight=0.7,
            judged=judge("002-B.4-a", rougher, steeper, stays, networks=both.networks),
        )
    ]


def _starts(result: Landscape, planes: Numbers, both: Sides) -> Numbers:
    """Numbers of random starts, ``(starts, planes)``: one a start, however many runs began with it."""
    return np.stack([planes[same].mean(0) for same in each_start(result.members, both.far)])


def starts_less_given(starts: Numbers, given: Numbers) -> Estimate:
    """Return by how much numbers of random starts exceed that of the pre-trained weights, both means over planes.

    Starts are a sample, and so are planes: few, and drawn for all alike, so that what a plane does to the one
    pre-trained network is in the number however many starts there are. Its variance s²/n over the n planes, of their
    differences, is added with n − 1 degrees of freedom.

    Args:
        starts: ``(starts, planes)``.
        given: ``(planes,)``.

    >>> found = starts_less_given(np.array([[2.0, 2.2], [2.1, 2.3], [1.9, 2.1]]), np.array([1.0, 1.2]))
    >>> round(found.value, 6), found.over, found.n
    (1.0, 'networks', 3)
    """
    found = less_given(starts.mean(1), float(given.mean()))
    planes = starts.mean(0) - given
    return with_draws(found, planes) if found.known and len(planes) > 1 else over_draws(planes)


def starts_over_given(starts: Numbers, given: Numbers) -> Estimate:
    """Return the geometric mean over random starts over that of the pre-trained weights, of logarithms; see above.

    >>> found = starts_over_given(np.log([[2.0, 2.0], [4.0, 4.0], [8.0, 8.0]]), np.log([1.0, 1.0]))
    >>> round(found.value, 6), found.scale
    (4.0, 'log')
    """
    found = times_given(np.exp(starts.mean(1)), float(np.exp(given.mean())))
    planes = starts.mean(0) - given
    return with_draws(found, planes) if found.known and len(planes) > 1 else _times_over_draws(planes)


def _times_over_draws(logs: Numbers) -> Estimate:
    """The geometric mean over planes, of logarithms, with Student's interval over planes."""
    found = over_draws(logs)
    value = math.exp(found.value) if math.isfinite(found.value) else math.nan
    return measured(value, over="draws", n=found.n, spread=found.spread, freedom=found.freedom, scale="log")


def _error(planes: Numbers, both: Sides) -> str:
    """What a finite number of planes leaves open in the difference, of ``(members, modules, planes)``."""
    of_planes = planes.mean(1)
    spread = over_draws(of_planes[both.far].mean(0) - of_planes[both.near].mean(0)).spread
    return "" if spread is None else error_text(math.sqrt(spread))


def _networks(result: Landscape, both: Sides) -> str:
    return f"{len(both.far)} and {networks_of([result.members[i] for i in both.near])}"
