"""Whether anything is left for covariates, and which of them it is."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.left_out import joined
from ...evidence.phrases import count, interval_text, listed, number, percent, short
from .measure import CONFIGURATION, CovariatePower, PredictionPower, TaskPower

__all__ = ["findings"]

_MATTERS = 0.05
"""Share of what is left that shuffling a covariate must give back to be named."""
_COLLINEAR = 10.0


def findings(result: PredictionPower) -> tuple[Finding, ...]:
    """Return for each pair of tasks what upstream accuracy leaves, and which covariates explain of it."""
    several = len({t.us for t in result.tasks}) > 1
    found: list[Finding] = []
    for task in result.tasks:
        target = f"{task.task} against {task.us}" if several else task.task
        found += [_left(task, result, target), _alone(task, target), _tested(task, target)]
    found += _collinear(result)
    if result.left_out:
        n = len(result.left_out)
        text = f"Left out: {'; '.join(joined(result.left_out))}."
        found.append(said(text, Estimate(float(n)), n=n, unit="things left out", weight=0.3))
    return tuple(found)


def _left(task: TaskPower, result: PredictionPower, target: str) -> Finding:
    gained = task.gained
    told = gained.low is not None and gained.low > 0
    best = max(task.residual_linear, task.residual_boosted)
    how = "a linear part" if task.residual_linear >= task.residual_boosted else "boosted trees"
    square = gained.times(1e4)
    text = (
        f"{task.task}: {task.us} accuracy leaves {number(task.sd_ratio)} of the standard deviation of "
        f"{count(task.n, 'model')}; "
    )
    if told:
        text += (
            f"covariates ({how}) explain {percent(max(best, 0.0), 0)} of that on models held out (squared error "
            f"less by {number(square.value)}{interval_text(square)} points²): {_which(task)}"
        )
    else:
        text += (
            f"that covariates explain any of it on models held out cannot be told ({percent(best, 0)} by {how}; "
            f"squared error less by {number(square.value)}{interval_text(square)} points²)"
        )
    if not result.group:
        hint = "" if result.sampled else " (--group holds families out together)"
        text += f"; relatives of a model were in the fit{hint}"
    elif result.group == CONFIGURATION:
        alone = task.groups == task.n
        text += "; no two of them differ in their seed alone" if alone else (
            f"; those of one configuration, which differ in their seed alone, were held out together ({task.groups} "
            "configurations)"
        )  # fmt: skip
    else:
        text += f"; models of one {result.group} were held out together ({task.groups} groups)"
    weight = 0.8 if told else 0.5
    return said(f"{text}.", gained, n=task.n, unit="models", target=target, weight=weight)


def _which(task: TaskPower) -> str:
    """Name the covariates that matter, or say that no single one does."""
    named = [_said(c) for c in task.covariates if c.importance > _MATTERS][:4]
    return f"it is {listed(named)}" if named else "no single one of them stands out"


def _said(c: CovariatePower) -> str:
    rank = "" if math.isnan(c.rank) else f", rank correlation {number(c.rank)}"
    return f"{c.name} ({percent(c.importance, 0)}{rank})"


def _alone(task: TaskPower, target: str) -> Finding:
    top = sorted(task.covariates, key=lambda c: -c.alone)[:3]
    named = [f"{c.name} ({percent(c.alone, 0)})" for c in top if c.alone > _MATTERS]
    which = f", most of it {listed(named)}" if named else ""
    text = (
        f"{task.task}: R² on models held out is {number(task.r2_us)} by {task.us} accuracy alone, "
        f"{number(task.r2_covariates)} by covariates alone{which}, and {number(task.r2_both)} by both."
    )
    return said(text, task.gained, n=task.n, unit="models", target=target, weight=0.55 if task.r2_us < 0.3 else 0.4)


def _tested(task: TaskPower, target: str) -> Finding:
    p = task.partial
    test = (
        ""
        if math.isnan(p.f)
        else f" (F {short(p.f)} with {p.columns} and {p.freedom} degrees of freedom, p {short(p.p)})"
    )
    noise = ""
    if not math.isnan(task.noise):
        noise = f"; test images alone make {percent(task.noise, 0)} of what is left, which nothing can explain"
    text = f"{task.task}: in the sample a linear part explains {number(p.r2)} of what {task.us} leaves{test}{noise}."
    return said(text, task.gained, n=task.n, unit="models", target=target, weight=0.3)


def _collinear(result: PredictionPower) -> list[Finding]:
    """Name covariates that others nearly give, once."""
    for task in result.tasks:
        named = [f"{c.name} ({short(c.inflation)})" for c in task.covariates if c.inflation > _COLLINEAR]
        if named:
            text = (
                f"{listed(named)}: other covariates nearly give these (variance inflation over 10), so what is said "
                "of one of them may be another's."
            )
            return [said(text, task.gained, n=task.n, unit="models", weight=0.35)]
    return []
