"""Which targets need the higher layers, and whether it is those that do not saturate, in sentences."""

from __future__ import annotations

import math

from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, interval_text, number, percent, points_more
from .at_depths import DEPTHS, HALF_WAY
from .measure import Layers, TaskLayers

__all__ = ["findings"]

_CLAIM = "003-l"


def findings(result: Layers) -> tuple[Finding, ...]:
    """Return whether early saturation and little need of higher layers go together, then what each target needs."""
    found = [_together(result)] if len(result.known) > 1 else []
    found += [_task(task, result) for task in result.known]
    every = len(result.tasks) + sum(len(task.points) for task in result.tasks) + len(result.left_out)
    return (*found, *remark(result.left_out, every, "targets and pre-trainings", weight=0.3))


def _together(result: Layers) -> Finding:
    tau, known = result.association(), sorted(result.known, key=lambda task: task.rise)
    what = "targets on which less is left to gain from upstream accuracy need the higher layers less"
    if tau.low is not None and tau.low > 0:
        lead = f"over {count(len(known), 'target')}, {what}"
    elif tau.high is not None and tau.high < 0:
        lead = f"over {count(len(known), 'target')}, {what.removesuffix('less')}more"
    else:
        lead = f"over {count(len(known), 'target')} it cannot be told whether {what}"
    value = "is not defined" if math.isnan(tau.value) else f"{number(tau.value)}{interval_text(tau)}"
    first, last = known[0], known[-1]
    text = (
        f"{lead[0].upper()}{lead[1:]}: Kendall's τ {value}. Of what there is over chance, raising upstream "
        f"accuracy from the median gives {percent(first.rise, 0)} on {first.target} and {percent(last.rise, 0)} on "
        f"{last.target}, the layers above half way {percent(first.need, 0)} and {percent(last.need, 0)}."
    )
    return said(text, tau, n=len(known), unit="targets", weight=0.9, judged=judge(_CLAIM, tau))


def _task(task: TaskLayers, result: Layers) -> Finding:
    half, last = task.laws[HALF_WAY], task.laws[-1]
    best = max(range(len(DEPTHS)), key=lambda at: task.laws[at].accuracy)
    place = "" if best == len(DEPTHS) - 1 else f"; it is best at depth {DEPTHS[best]:g}"
    text = (
        f"{task.target}: raising upstream accuracy from {percent(task.start)} to {percent(task.end)} buys "
        f"{number(100 * last.gain, 1)} points with the head where it was and {number(100 * half.gain, 1)} with the "
        f"head half way; in the better half of pre-trainings it is {points_more(task.above, 'better', 'worse')} "
        f"where it was than half way{place} ({percent(task.reached.value)}, chance {percent(task.chance)}; "
        f"{count(result.shots, 'shot')}, {count(task.better, 'configuration')}, {count(task.images, 'test image')})."
    )
    return said(text, task.above, n=task.better, unit="configurations", target=task.target, weight=0.6)
