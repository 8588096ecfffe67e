"""What to take, in one sentence, and what statistics of batch norm change."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import above_chance
from ...evidence.left_out import remark
from ...evidence.phrases import corrected_text, count, interval_text, p_text, percent, points_text, rounded, shortened
from ...evidence.which import Decision, images_to_tell
from .measure import AVERAGE, ENSEMBLE, Which

__all__ = ["findings"]


def findings(result: Which) -> tuple[Finding, ...]:
    """Return the findings of a result: what to take first, then what stands beside it."""
    return (_decided(result), *_beside(result), *_norm(result),
            *remark(result.left_out, len(result.networks) + len(result.left_out), "networks"))  # fmt: skip


def _decided(result: Which) -> Finding:
    found = result.decision()
    best = result.networks[found.best]
    if len(result.networks) == 1:
        return _said(result, _alone(result, best), result.metric_of(best), 1.0)
    text, number = _sentence(result, found)
    return _said(result, text, number, 1.0)


def _sentence(result: Which, found: Decision) -> tuple[str, Estimate]:
    best, told = result.networks[found.best], len(result.networks)
    every = "both" if told == 2 else f"all {told}"
    over = f"over the best single one as saved, {best} ({_level(result, best)})"
    n = count(result.n, "image")
    p = [corrected_text(q, found.compared) for q in found.p]
    if found.take == "average" and found.average is not None:
        return (
            f"Average them: the mean of the weights of {every} has {_metric(result)} {_value(result, AVERAGE)}, "
            f"{_gain(found.average)} {over}, {p[1]}; {n}.",
            found.average,
        )
    if found.take == "ensemble" and found.ensemble is not None:
        one = ""
        if found.gap is not None and found.second is not None:
            clear = found.p[0] < 0.05
            second = result.networks[found.second]
            one = (
                f" Where only one network can be run, take {best}."
                if clear
                else f" Where only one network can be run: {best} and {second} cannot be told apart."
            )
        return (
            f"Ensemble them, {told} networks an answer: the mean of the answers of {every} has {_metric(result)} "
            f"{_value(result, ENSEMBLE)}, {_gain(found.ensemble)} {over}, {p[2]}; {n}.{one}",
            found.ensemble,
        )
    assert found.gap is not None and found.second is not None
    second = result.networks[found.second]
    pair = f"{best} has {_metric(result)} {_level(result, best)}, {second} {_level(result, second)}"
    numbers = f"{pair}, difference {points_text(found.gap)}"
    if found.take == "one":
        rest = "" if told == 2 else f"; so are all {told - 1} others told apart from it"
        return f"Take {best}: {numbers}, {p[0]}{rest}; {n}.", found.gap
    need = images_to_tell(found.gap, result.n, found.times(0))
    more = (
        f"about {rounded(need)} images would tell a true difference of this size in four of five cases"
        if math.isfinite(need)
        else "no number of images would tell them apart, as there is no difference"
    )
    neither = "and neither their average nor their ensemble is clearly better"
    return (
        f"Cannot tell: {numbers}, {p[0]}, {neither}; {n}; {more}.",
        found.gap,
    )


def _alone(result: Which, name: str) -> str:
    found = result.metric_of(name)
    by = (
        f"always naming one class reaches {percent(result.chance)}"
        if result.metric == "accuracy"
        else "chance is 0.5"
    )
    learned = above_chance(found.value, found.low, result.chance)
    interval = interval_text(found, factor=100, digits=1, within=(0, 100))
    verdict = "" if learned else "; it does not clearly beat chance"
    return (
        f"{name} has {_metric(result)} {_level(result, name)}{interval} as saved; "
        f"{by}{verdict}; {count(result.n, 'image')}. There is no other network to hold it against."
    )


def _beside(result: Which) -> list[Finding]:
    """The average and the ensemble, whichever is taken."""
    found = result.decision()
    if found.average is None or found.ensemble is None:
        return []
    best = result.networks[found.best]
    text = (
        f"Beside the best single one as saved, {best} ({_value(result, best)}): the average of all has "
        f"{_value(result, AVERAGE)} ({_gain(found.average)}, {p_text(found.p[1])}), the ensemble of all "
        f"{_value(result, ENSEMBLE)} ({_gain(found.ensemble)}, {p_text(found.p[2])}; "
        f"{count(len(result.networks), 'network')} an answer); {count(result.n, 'image')}. Gains are measured on "
        "images on which the best one was not chosen."
    )
    return [_said(result, text, found.average, 0.6)]


def _norm(result: Which) -> list[Finding]:
    """Networks that collecting statistics of batch norm anew moves."""
    moved = {name: e for name in result.networks if (e := result.moved(name)) is not None}
    if not moved:
        return []
    far = [name for name, e in moved.items() if abs(e.value) > result.threshold]
    most = max(moved, key=lambda name: abs(moved[name].value))
    which = f"of {shortened(far)}" if far else "of none of them"
    text = (
        f"Collecting statistics of batch norm anew changes the {_metric(result)} {which} by more than "
        f"{100 * result.threshold:g} points; most that of {most}, from {_value(result, most)} as saved by "
        f"{points_text(moved[most])}. Lines between networks and averages are evaluated with statistics collected "
        f"anew; {count(result.n, 'image')}."
    )
    return [_said(result, text, moved[most], 0.8 if far else 0.2)]


def _level(result: Which, name: str) -> str:
    """The metric as saved, and beside it the other number where statistics collected anew move it."""
    moved = result.moved(name)
    if moved is None or abs(moved.value) <= result.threshold:
        return _value(result, name)
    anew = percent(result.metric_of(name).value + moved.value)
    return f"{_value(result, name)} as saved and {anew} with statistics of batch norm collected anew"


def _value(result: Which, name: str) -> str:
    return percent(result.metric_of(name).value)


def _gain(e: Estimate) -> str:
    sign = "+" if e.value > 0 else ""
    return f"{sign}{points_text(e)}"


def _metric(result: Which) -> str:
    return "AUC" if result.metric == "auc" else "accuracy"


def _said(result: Which, text: str, estimate: Estimate, weight: float) -> Finding:
    return said(text, estimate, n=result.n, unit="images", target=result.target, weight=weight)
