"""What runs from checkpoints of one pre-training say, in sentences, claim by claim."""

from __future__ import annotations

import math

from ...evidence.claims import claim_called
from ...evidence.combined import InOrder
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, listed, number, percent, points_text
from ...evidence.verdict import Judgement
from .._counted import Side
from .best import best_between
from .measure import Checkpoints
from .remarks import at_chance, beside_source, left_out, metric_of, over_scratch, source_of
from .trends import falls_again, later, plateau, rise_time, trend

__all__ = ["findings"]

_RISE = 0.9
"""Share of the whole rise over checkpoints at which a plateau is said to be reached."""


def findings(result: Checkpoints) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        if len(result.counting(target, "final")) < 2:
            continue
        found += at_chance(result, target) + _trend(result, target, "final")
        if len(result.counting(target, "speed")) > 1:
            found += _trend(result, target, "speed") + _plateaus(result, target)
        found += _earlier(result, target) + _decline(result, target)
        found += beside_source(result, target) + over_scratch(result, target)
    return (*found, *left_out(result))


def _trend(result: Checkpoints, target: str, what: Side) -> list[Finding]:
    """Whether later checkpoints are better, by a line over the order of the checkpoints.

    Without epoch 0 where two others are left: random weights are no pre-training, and every checkpoint beats them.
    """
    counting = result.counting(target, what)
    epochs = counting[1:] if counting[0] == 0 and len(counting) > 2 else counting
    of = result.series(target, epochs, what)
    if not len(of):
        return []
    found = trend(of)
    judged = _judge(result, target, "000-3.5-a" if what == "final" else "000-3.5-b", found)
    thing = f"the final {metric_of(result, target)}" if what == "final" else "optimisation speed"
    word = _word(judged, "rises", "falls", "neither clearly rises nor falls")
    first, last = (float(of.values[:, i].mean()) for i in (0, -1))
    moves = "rises" if found.value >= 0 else "changes"
    return [
        said(
            f"{target}: {thing} {word} with the checkpoint of pre-training, {percent(first)} from epoch {epochs[0]}, "
            f"{percent(last)} from epoch {epochs[-1]}; a line over the order of the checkpoints {moves} by "
            f"{points_text(found)} from the first to the last; {count(len(epochs), 'checkpoint')}, "
            f"{count(len(of), 'seed')}"
            f"{', without epoch 0, which is before pre-training' * (len(epochs) < len(counting))}.",
            found,
            n=len(of),
            unit="seeds",
            target=target,
            weight=0.9 if what == "final" else 0.7,
            judged=judged,
        )
    ]


def _plateaus(result: Checkpoints, target: str) -> list[Finding]:
    """How much later the final metric rises than optimisation speed does."""
    epochs = [e for e in result.counting(target, "final") if result.counted(target, e, "speed").runs]
    if len(epochs) < 3:
        return []
    final, speed = (result.series(target, epochs, what) for what in ("final", "speed"))
    if not len(final) or len(final) != len(speed):
        return []
    curves = [of.values.mean(0) for of in (speed, final)]
    at = [plateau(epochs, curve, _RISE) for curve in curves]
    if at[0] is None or at[1] is None:
        return []
    falls = [falls_again(curve, _RISE) for curve in curves]
    found = Estimate(math.nan, n=len(final)) if any(falls) else later(epochs, final, speed)
    judged = _judge(result, target, "000-3.5-c", found)
    word = _word(judged, "earlier than", "later than", "not clearly earlier than")
    middle = [float(rise_time(epochs, curve[None])[0]) for curve in curves]
    if any(falls):
        falling = listed([what for what, yes in zip(("speed", "the final metric"), falls, strict=True) if yes])
        more = f"; {falling} falls again after its top, which is no plateau"
    elif math.isfinite(found.value):
        size = found if found.value >= 0 else found.times(-1)
        more = (
            f"; on the average over its rise speed rises at epoch {number(middle[0], 1)}, the final metric at epoch "
            f"{number(middle[1], 1)}, {'later' if found.value >= 0 else 'earlier'} by "
            f"{number(100 * size.value, 1)} % of the epochs{interval_text(size, factor=100, digits=1)}"
        )
    else:
        more = "; from some seed there is no rise"
    return [
        said(
            f"{target}: optimisation speed reaches its plateau {word} the final {metric_of(result, target)}: "
            f"{percent(_RISE, 0)} of its rise over checkpoints at epoch {at[0]}, that of the final "
            f"{metric_of(result, target)} at epoch {at[1]}{more}; "
            f"{count(len(epochs), 'checkpoint')}, {count(len(final), 'seed')}.",
            found,
            n=len(final),
            unit="seeds",
            target=target,
            weight=0.6,
            judged=judged,
        )
    ]


def _earlier(result: Checkpoints, target: str) -> list[Finding]:
    """From which checkpoint on none is known to lose against the last, tested from the latest to the earliest."""
    *before, last = result.counting(target, "final")
    before = before[::-1]
    gains = [result.gain(target, epoch, last) for epoch in before]
    judged = _judge(result, target, "000-3.5-d", *gains)
    rule = claim_called("000-3.5-d").rule
    assert isinstance(rule, InOrder), "checkpoints are tested one after the other"
    reached = rule.reached(gains) if judged.verdict == "agrees" else 0
    if reached:
        text = f"one can start from epoch {before[reached - 1]} on and lose less than 1 point"
    elif judged.verdict == "disagrees":
        text = "every earlier checkpoint ends worse than the last"
    else:
        text = "no earlier checkpoint is known to cost less than 1 point"
    chosen = max(reached - 1, 0)
    found, epoch = gains[chosen], before[chosen]
    there, end = (float(result.counted(target, e, "final").numbers("final").mean()) for e in (epoch, last))
    n = sum(len(result.counted(target, e, "final").runs) for e in (epoch, last))
    return [
        said(
            f"{target}: {text}: the final {metric_of(result, target)} is {percent(there)} from epoch {epoch} against "
            f"{percent(end)} from epoch {last}, difference {points_text(found)}; {count(n, 'run')}.",
            gains[0],
            n=n,
            unit="runs",
            target=target,
            weight=0.8,
            judged=judged,
        )
    ]


def _decline(result: Checkpoints, target: str) -> list[Finding]:
    """Whether a checkpoint between beats the first and the last, though the pre-training itself went on rising."""
    epochs = result.counting(target, "final")
    if len(epochs) < 3:
        return []
    of, val = (result.series(target, epochs, what) for what in ("final", "val"))
    best = best_between(of, val if len(val) == len(of) else None)
    if best is None:
        why = "without validation images, and without numbers of each test image, no best checkpoint can be chosen"
        return [
            said(
                f"{target}: whether the final {metric_of(result, target)} first rises and then declines with "
                f"pre-training is not known: {why}; {count(len(epochs), 'checkpoint')}.",
                Estimate(math.nan),
                n=len(of),
                unit="seeds",
                target=target,
                weight=0.3,
                judged=_judge(result, target, "002-5.2-a", *[Estimate(math.nan)] * 3),
            )
        ]
    epoch, last = epochs[best.place], epochs[-1]
    source = result.source_gain(last, epoch)
    judged = _judge(result, target, "002-5.2-a", best.over_first, best.over_last, source)
    word = _word(judged, "first rises, then declines", "does not first rise and then decline",
                 "does not clearly first rise and then decline")  # fmt: skip
    rises = "rises" if source.value >= 0 else "falls"
    between = ""
    if math.isfinite(source.value):
        size = source if source.value >= 0 else source.times(-1)
        between = f"; the {source_of(result)} {rises} by {points_text(size)} from there to the last"
    means = [float(of.values[:, i].mean()) for i in (0, best.place, -1)]
    where = "on validation images" if best.validated else "on the other half of the test images"
    return [
        said(
            f"{target}: the final {metric_of(result, target)} {word} with pre-training: {percent(means[0])} from "
            f"epoch {epochs[0]}, {percent(means[1])} from epoch {epoch}, the best between by other seeds {where}, "
            f"{percent(means[2])} from epoch {last}; over the first {points_text(best.over_first)}, over the last "
            f"{points_text(best.over_last)}{between}; {count(len(of), 'seed')}.",
            best.over_first,
            n=len(of),
            unit="seeds",
            target=target,
            weight=0.7,
            judged=judged,
        )
    ]


def _judge(result: Checkpoints, target: str, claim: str, *numbers: Estimate) -> Judgement:
    return judge(claim, *numbers, networks=result.witnesses.get(target, ()))


def _word(judged: Judgement, agrees: str, disagrees: str, neither: str) -> str:
    return {"agrees": agrees, "disagrees": disagrees}.get(judged.verdict, neither)
