"""What the way of the runs says: how far from their start they ended, and whether they always moved away from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from ...evidence.contrast import mean, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, listed, number, percent, short, times
from .._sides import TRAINED
from .measure import Distance, Trajectory

__all__ = ["deviations", "growing", "steady"]

_LEAST = 3
"""Recorded weights from which on there is something throughout which a distance grows."""


def deviations(result: Distance) -> list[Finding]:
    """Say how much farther from its start an RI-T ended than a P-T, by Liu et al.'s deviation."""
    if not result.examples:
        return []
    runs = _followed(result, least=1)
    if not all(runs.values()):
        return []
    scale = math.sqrt(result.examples)
    near, far = (np.array([t.layer_sum[-1] for t in runs[role]]) / scale for role in TRAINED)
    found = ratio(far, near)
    return [
        said(
            f"The deviation (1/√n)·Σ‖W − W⁰‖ of RI-T is {times(found.value)}{interval_text(found, form='times')} "
            f"times that of P-T: {short(far.mean())} against {short(near.mean())}, n = {result.examples:,} training "
            f"examples; {len(far)} and {count(len(near), 'run')}.",
            found,
            n=len(far) + len(near),
            unit="networks",
            weight=0.5,
            judged=judge("002-B.3-c", found, networks=_judged_by(result, runs.values())),
        )
    ]


def steady(result: Distance) -> list[Finding]:
    """Say whether runs move away from their start all the time: in every interval between recorded weights."""
    runs = {role: of for role, of in _followed(result, least=_LEAST).items() if of}
    found = {role: steps for role, of in runs.items() if (steps := _steps(of))}
    if not found:
        return []
    apart = [role for role in runs if role not in found]
    runs = {role: runs[role] for role in found}
    every = [(role, between, e) for role, steps in found.items() for between, e in steps.items()]
    judged = judge("002-3-d", *(e for *_, e in every), networks=_judged_by(result, runs.values()))
    moves = [np.diff(t.layer_sum) for of in runs.values() for t in of]
    always, each = sum(bool((s > 0).all()) for s in moves), np.concatenate(moves)
    word = {"agrees": "grows", "disagrees": "does not grow"}.get(judged.verdict, "does not clearly grow")
    role, (began, ended), least = min(every, key=lambda one: one[2].value)
    return [
        said(
            f"The distance to the start {word} throughout training: least from epoch {began} to {ended} of {role}, "
            f"by {number(least.value)}{interval_text(least)} mean steps of the run; {count(len(every), 'interval')} "
            f"of {listed([*found])}, each judged over networks; it grew in every recorded interval in {always} of "
            f"{count(len(moves), 'run')} (in {percent(float((each > 0).mean()), 0)} of "
            f"{count(len(each), 'interval')})"
            f"{f'; {listed(apart)} left out, whose runs recorded too few epochs in common' if apart else ''}.",
            least,
            n=len(moves),
            unit="networks",
            weight=0.3,
            judged=judged,
        )
    ]


def _steps(runs: Sequence[Trajectory]) -> dict[tuple[int, int], Estimate]:
    """By how much some runs moved away in each interval between epochs that all of them recorded."""
    epochs = sorted(set.intersection(*(set(t.epochs.tolist()) for t in runs)))
    if len(epochs) < _LEAST:
        return {}
    rows = [t.layer_sum[np.searchsorted(t.epochs, epochs)] for t in runs]
    return dict(zip(pairwise(epochs), growing(np.array(rows)), strict=True))


def growing(paths: np.ndarray) -> tuple[Estimate, ...]:
    """Return by how much the distance to the start grew in each interval, in mean steps of the run, over networks.

    That it grows throughout is a claim about every interval, so each is judged, and each is a number of its own: the
    smallest step of a run is skewed to the left, as minima are, and the smaller the noisier the steps.

    Args:
        paths: ``(networks, epochs)``.

    >>> [round(e.value, 6) for e in growing(np.array([[0.0, 3.0, 4.0], [0.0, 1.0, 2.0]]))]
    [1.25, 0.75]
    """
    steps = np.diff(paths, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = steps / steps.mean(1, keepdims=True)
    return tuple(mean(step) for step in steps.T)


def _followed(result: Distance, least: int) -> dict[str, list[Trajectory]]:
    """Return the runs with so many recorded weights by kind: those that learned, all where none of a kind did."""
    found = {}
    for role in TRAINED:
        every = [t for t in result.trajectories if t.role == role and len(t.layer_sum) >= least]
        found[role] = [t for t in every if not t.unfit] or every
    return found


def _judged_by(result: Distance, runs: Iterable[Sequence[Trajectory]]) -> list[Witness]:
    followed = [Witness(t.label, t.role, t.unfit) for of in runs for t in of]
    return [*followed, *(w for w in result.witnesses if w.role == "P")]
