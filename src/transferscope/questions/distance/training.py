"""What the way of the runs says: how far from their start they ended, and whether they always moved away from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ...evidence.contrast import mean, ratio
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, number, percent, short, times
from .._sides import TRAINED
from .measure import Distance, Trajectory

__all__ = ["deviations", "steady"]


def deviations(result: Distance) -> list[Finding]:
    """Say how much farther from its start an RI-T ended than a P-T, by the deviation of 002."""
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
    """Say whether runs move away from their start all the time: by each run's smallest step, in mean steps."""
    runs = {role: of for role, of in _followed(result, least=3).items() if of}
    if not runs:
        return []
    found = {role: mean([_smallest_step(t) for t in of]) for role, of in runs.items()}
    judged = judge("002-3-d", *found.values(), networks=_judged_by(result, runs.values()))
    steps = [np.diff(t.layer_sum) for of in runs.values() for t in of]
    always, moves = sum(bool((s > 0).all()) for s in steps), np.concatenate(steps)
    word = {"agrees": "grows", "disagrees": "does not grow"}.get(judged.verdict, "does not clearly grow")
    least = " and ".join(f"{number(e.value)}{interval_text(e)} for {role}" for role, e in found.items())
    return [
        said(
            f"The distance to the start {word} throughout training: the smallest step is {least}, in mean steps of "
            f"the run; it grew in every recorded interval in {always} of {count(len(steps), 'run')} (in "
            f"{percent(float((moves > 0).mean()), 0)} of {count(len(moves), 'interval')}).",
            min(found.values(), key=lambda e: e.value),
            n=len(steps),
            unit="networks",
            weight=0.3,
            judged=judged,
        )
    ]


def _smallest_step(run: Trajectory) -> float:
    steps = np.diff(run.layer_sum)
    return float(steps.min() / steps.mean()) if steps.mean() else math.nan


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
