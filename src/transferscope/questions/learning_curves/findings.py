"""What learning curves say, in sentences; intervals are over seeds (Welch's t), and absent with one seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ...numerics.intervals import MeanInterval, mean_difference
from .._diverged import diverged_finding
from .._phrases import count, number, points, verdict_of
from ..result import Finding
from .measure import CurveGroup, LearningCurves
from .overfitting import auc_against_loss, overfitting

__all__ = ["findings"]


def findings(result: LearningCurves) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        groups = result.groups(target)
        first, second = (_chosen(groups, role) for role in ("P-T", "RI-T"))
        if first and second:
            rates = _rates(groups, first, second)
            found += [_end(target, first, second, rates), _speed(target, first, second, rates)]
            found += _head_start(target, first, second)
            found += auc_against_loss(target, first, second)
        found += [finding for group in (first, second) if group for finding in overfitting(target, group)]
        found += _preference(target, groups, "P-T", 0.3) + _preference(target, groups, "RI-T", 0.3)
        if not (first and second):
            found += [_alone(target, group) for group in groups if group.healthy]
    return (*found, *_diverged(result))


def _chosen(groups: tuple[CurveGroup, ...], role: str) -> CurveGroup | None:
    """The runs of a start at the learning rate at which they end best."""
    mine = [g for g in groups if g.role == role and math.isfinite(g.mean("final").mean)]
    return max(mine, key=lambda g: g.mean("final").mean) if mine else None


def _end(target: str, first: CurveGroup, second: CurveGroup, rates: str) -> Finding:
    value, low, high = _difference(first, second, "final")
    metric = _metric(first)
    verdict = verdict_of(low, high)
    word = {"agrees": "ends better than", "disagrees": "ends worse than"}.get(
        verdict, "does not clearly end better than"
    )
    return Finding(
        f"{target}: P-T {word} RI-T: test {metric} {_percent(first.mean('final'))} against "
        f"{_percent(second.mean('final'))}, difference {points(value, low, high)}"
        f"{rates}; {_seeds(first, second)}.",
        value=value,
        low=low,
        high=high,
        n=len(first.healthy) + len(second.healthy),
        unit="runs",
        claim="000 §3.1: P-T ends better than RI-T on every target",
        verdict=verdict,
        weight=0.9,
    )


def _speed(target: str, first: CurveGroup, second: CurveGroup, rates: str) -> Finding:
    value, low, high = _difference(first, second, "speed")
    verdict = verdict_of(low, high)
    word = {"agrees": "learns faster than", "disagrees": "learns slower than"}.get(
        verdict, "does not clearly learn faster than"
    )
    return Finding(
        f"{target}: P-T {word} RI-T: training accuracy averaged over epochs {_percent(first.mean('speed'))} against "
        f"{_percent(second.mean('speed'))}, difference {points(value, low, high)}"
        f"{rates}; {_seeds(first, second)}.",
        value=value,
        low=low,
        high=high,
        n=len(first.healthy) + len(second.healthy),
        unit="runs",
        claim="000 §3.1: P-T converges faster than RI-T on every target",
        verdict=verdict,
        weight=0.8,
    )


def _head_start(target: str, first: CurveGroup, second: CurveGroup) -> list[Finding]:
    """How long P-T needs for what RI-T ends with, and how long RI-T itself: its curve may have been there before."""
    level = second.mean("final").mean - 1e-9  # the mean of equal numbers may be rounded up
    needed, own = ([c.epochs_to(level) for c in group.healthy] for group in (first, second))
    reached = [e for e in needed if math.isfinite(e)]
    whole = max(int(c.epochs[-1]) for c in second.healthy)
    if not reached or not whole:
        return []
    return [
        Finding(
            f"{target}: P-T first reaches what RI-T ends with, a test {_metric(second)} of {number(100 * level, 1)} "
            f"%, after {_epochs(needed)}, RI-T itself after {_epochs(own)} of {whole}; {_seeds(first, second)}.",
            value=sum(reached) / len(reached),
            n=len(needed),
            unit="runs",
            weight=0.5,
        )
    ]


def _epochs(found: Sequence[float]) -> str:
    """Say how many epochs some runs needed, some of which may not have made it.

    >>> _epochs([3.0]), _epochs([3.0, 8.0]), _epochs([math.inf, 1.0])
    ('3 epochs', '3 to 8 epochs (mean 5.5)', '1 epoch (1 of 2 runs never)')
    """
    made = [e for e in found if math.isfinite(e)]
    least, most, mean = min(made), max(made), sum(made) / len(made)
    missed = f" ({len(found) - len(made)} of {len(found)} runs never)" if len(made) < len(found) else ""
    if least == most:
        return f"{count(int(least), 'epoch')}{missed}"
    return f"{least:.0f} to {most:.0f} epochs (mean {number(mean, 0 if mean == int(mean) else 1)}){missed}"


def _preference(
    target: str, groups: tuple[CurveGroup, ...], role: Literal["P-T", "RI-T"], weight: float
) -> list[Finding]:
    """Whether P-T prefers the small, RI-T the large learning rate (000 B.1)."""
    mine = sorted((g for g in groups if g.role == role), key=lambda g: g.lr)
    if len(mine) < 2 or not (mine[0].healthy or mine[-1].healthy):
        return []
    wanted, other = (mine[0], mine[-1]) if role == "P-T" else (mine[-1], mine[0])
    size = "smaller" if role == "P-T" else "larger"
    claim = f"000 B.1: {role} generally does better with the {size} learning rate"
    if not (wanted.healthy and other.healthy):
        left, gone = (wanted, other) if wanted.healthy else (other, wanted)
        return [
            Finding(
                f"{target}: all {role} runs at learning rate {gone.lr:g} diverged, none at {left.lr:g}; "
                f"{count(len(gone.curves) + len(left.curves), 'run')}.",
                value=left.mean("final").mean,
                n=len(gone.curves) + len(left.curves),
                unit="runs",
                claim=claim,
                verdict="agrees" if left is wanted else "disagrees",
                weight=weight,
            )
        ]
    value, low, high = _difference(wanted, other, "final")
    verdict = verdict_of(low, high)
    word = {"agrees": "better", "disagrees": "worse"}.get(verdict, "not clearly better")
    return [
        Finding(
            f"{target}: {role} ends {word} with the {size} learning rate ({wanted.lr:g} against {other.lr:g}): test "
            f"{_metric(wanted)} {_percent(wanted.mean('final'))} against {_percent(other.mean('final'))}, difference "
            f"{points(value, low, high)}; {_seeds(wanted, other)}.",
            value=value,
            low=low,
            high=high,
            n=len(wanted.healthy) + len(other.healthy),
            unit="runs",
            claim=claim,
            verdict=verdict,
            weight=weight,
        )
    ]


def _alone(target: str, group: CurveGroup) -> Finding:
    """A group of runs with nothing to hold it against."""
    final, speed = group.mean("final"), group.mean("speed")
    low, high = (final.interval.low, final.interval.high) if final.interval else (None, None)
    return Finding(
        f"{target}: {group.role} at learning rate {group.lr:g} ends with a test {_metric(group)} of "
        f"{_percent(final)}, training accuracy averaged over epochs {_percent(speed)}; {count(final.n, 'seed')}.",
        value=final.mean,
        low=low,
        high=high,
        n=final.n,
        unit="seeds",
        weight=0.3,
    )


def _diverged(result: LearningCurves) -> list[Finding]:
    gone = [c for c in result.curves if c.diverged]
    told = [f"{c.label} on {c.target} (learning rate {c.lr:g}, {c.ended})" for c in gone]
    return diverged_finding(told, len(result.curves))


def _difference(
    first: CurveGroup, second: CurveGroup, what: Literal["final", "speed"]
) -> tuple[float, float | None, float | None]:
    one, other = ([c.speed if what == "speed" else c.final() for c in g.healthy] for g in (first, second))
    found = mean_difference(one, other)
    return (found.mean, found.interval.low, found.interval.high) if found.interval else (found.mean, None, None)


def _metric(group: CurveGroup) -> str:
    return "AUC" if group.curves[0].metric == "auc" else "accuracy"


def _percent(m: MeanInterval) -> str:
    return f"{number(100 * m.mean, 1)} %"


def _rates(groups: tuple[CurveGroup, ...], first: CurveGroup, second: CurveGroup) -> str:
    """Which learning rates are compared, and whether there were others to choose from."""
    several = any(len({g.lr for g in groups if g.role == role}) > 1 for role in ("P-T", "RI-T"))
    if not several and first.lr == second.lr:
        return ""
    chosen = "each at the rate it ends best with" if several else "learning rates"
    return f"; {chosen}, {first.lr:g} and {second.lr:g}"


def _seeds(first: CurveGroup, second: CurveGroup) -> str:
    return f"{len(first.healthy)} and {count(len(second.healthy), 'run')}"
