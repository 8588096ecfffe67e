"""What runs from checkpoints of one pre-training say, in sentences; intervals as in ``_estimates``."""

from __future__ import annotations

import math

import numpy as np

from ...numerics.correlation import pearson
from ...numerics.intervals import t_quantile
from ...rng import numpy_generator
from .._chance import above_chance, silenced
from .._diverged import diverged_finding
from .._kinds import metric_name
from .._phrases import bracket, count, number, percent, verdict_of
from ..result import Finding, Verdict
from .measure import Checkpoints, Side

__all__ = ["findings", "rise"]

FINAL_CLAIM = "000 §3.5: the later the checkpoint of pre-training, the better the end"
SPEED_CLAIM = "000 §3.5: the later the checkpoint of pre-training, the faster the training"
PLATEAU_CLAIM = "000 §3.5: over checkpoints, optimisation speed reaches its plateau earlier than the final metric"
EARLIER_CLAIM = "000 §3.5: one can start from earlier checkpoints without losing in the end"
DECLINE_CLAIM = (
    "002 §5.2: transferability first rises with pre-training, then declines while the source metric still rises"
)

_MARGIN = 0.01
"""A loss of so much, interval included, counts as none."""
_RISE = 0.9
"""Share of the whole rise over checkpoints at which a plateau is reached."""
_RESAMPLES = 2000


def findings(result: Checkpoints) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        if len(result.measured(target, "final")) < 2:
            continue
        of = [_trend(result, target, "final")]
        if len(result.measured(target, "speed")) > 1:
            of += [_trend(result, target, "speed"), *_plateaus(result, target)]
        of += [_earlier(result, target), *_decline(result, target)]
        of += _faithful(result, target) + _over_scratch(result, target)
        if low := _at_chance(result, target):
            of = [low, *(silenced(f, "from no checkpoint is it clearly above chance") for f in of)]
        found += of
    return (*found, *_diverged(result))


def rise(places: list[float], values: list[float]) -> tuple[float, float | None, float | None]:
    """Return the slope of a least-squares line with its t interval, absent where nothing is left to judge it by.

    b = Σ(x − x̄)(y − ȳ)/Σ(x − x̄)², b ± t_{n−2}·√(Σe²/((n − 2)·Σ(x − x̄)²)).

    >>> rise([0.0, 0.5, 1.0], [1.0, 2.0, 3.0])
    (2.0, 2.0, 2.0)
    """
    x, y = np.array(places) - np.mean(places), np.array(values)
    slope = float(x @ y / (x @ x))
    if len(y) < 3:
        return slope, None, None
    rest = y - y.mean() - slope * x
    half = t_quantile(0.95, len(y) - 2) * math.sqrt(float(rest @ rest) / (len(y) - 2) / float(x @ x))
    return slope, slope - half, slope + half


def _trend(result: Checkpoints, target: str, what: Side) -> Finding:
    """Whether later checkpoints are better, by a line through all runs over the order of the checkpoints.

    Without epoch 0 where two others are left: random weights are no pre-training, and every checkpoint beats them.
    """
    measured = result.measured(target, what)
    epochs = measured[1:] if measured[0] == 0 and len(measured) > 2 else measured
    points = [(i / (len(epochs) - 1), y) for i, e in enumerate(epochs) for y in result.values(target, e, what)]
    value, low, high = rise([x for x, _ in points], [y for _, y in points])
    over = f" over {count(len(points), 'run')}"
    if low is None and (two := result.gain(target, epochs[-1], epochs[0], what)).low is not None:
        value, low, high, over = two.value, two.low, two.high, f" over {two.over}"
    verdict = verdict_of(low, high)
    first, last = (result.mean(target, e, what).value for e in (epochs[0], epochs[-1]))
    thing = f"the final {_metric(result, target)}" if what == "final" else "optimisation speed"
    word = {"agrees": "rises", "disagrees": "falls"}.get(verdict, "neither clearly rises nor falls")
    told = bracket(None if low is None else 100 * low, None if high is None else 100 * high, 1)
    told = told.removesuffix(")") + over + ")" if told else ""
    moves = "rises" if value >= 0 else "changes"
    return Finding(
        f"{target}: {thing} {word} with the checkpoint of pre-training, {percent(first)} from epoch {epochs[0]}, "
        f"{percent(last)} from epoch {epochs[-1]}; a line through all runs over the order of the checkpoints {moves} "
        f"by {number(100 * value, 1)} points from the first to the last{told}; "
        f"{count(len(epochs), 'checkpoint')}, {count(len(points), 'run')}"
        f"{', without epoch 0, which is before pre-training' * (len(epochs) < len(measured))}.",
        value=value,
        low=low,
        high=high,
        n=len(points),
        unit="runs",
        claim=FINAL_CLAIM if what == "final" else SPEED_CLAIM,
        verdict=verdict,
        weight=0.9 if what == "final" else 0.7,
    )


def _plateaus(result: Checkpoints, target: str) -> list[Finding]:
    """How many epochs later the final metric has most of its rise than optimisation speed has."""
    epochs = [e for e in result.measured(target, "final") if result.values(target, e, "speed")]
    if len(epochs) < 3:
        return []
    sides: tuple[Side, ...] = ("final", "speed")
    of = {what: [np.array(result.values(target, e, what)) for e in epochs] for what in sides}
    at = {what: _plateau(epochs, np.array([v.mean() for v in of[what]])[:, None])[0] for what in sides}
    if not all(map(math.isfinite, at.values())):
        return []
    value = float(at["final"] - at["speed"])
    low = high = None
    seeds = min(len(v) for v in of["final"])
    if seeds >= 3:
        # The same seeds are drawn for both: they are numbers of the same runs.
        draw = numpy_generator("checkpoints", target, len(epochs))
        picked = [draw.integers(0, len(v), (len(v), _RESAMPLES)) for v in of["final"]]
        late = {
            what: _plateau(epochs, np.array([v[i].mean(0) for v, i in zip(of[what], picked, strict=True)]))
            for what in sides
        }
        later = late["final"] - late["speed"]
        later = later[np.isfinite(later)]
        if len(later) == _RESAMPLES:  # else there may be no rise at all, and no plateau to speak of
            low, high = (float(q) for q in np.quantile(later, (0.025, 0.975), method="inverted_cdf"))
    verdict = verdict_of(low, high)
    word = {"agrees": "earlier than", "disagrees": "later than"}.get(verdict, "not clearly earlier than")
    known = "" if low is None or high is None else f" ({_apart(low)} to {_apart(high)}, over seeds)"
    few = "" if low is not None else ", too few for an interval" if seeds < 3 else ", no interval: the rise is unsure"
    return [
        Finding(
            f"{target}: optimisation speed reaches its plateau {word} the final {_metric(result, target)}: "
            f"{percent(_RISE, 0)} of its rise over checkpoints at epoch {at['speed']:.0f}, that of the final "
            f"{_metric(result, target)} at epoch {at['final']:.0f}, {_apart(value)}{known}; "
            f"{count(len(epochs), 'checkpoint')}, {count(seeds, 'seed')}{few}.",
            value=value,
            low=low,
            high=high,
            n=seeds,
            unit="seeds",
            claim=PLATEAU_CLAIM,
            verdict=verdict,
            weight=0.6,
        )
    ]


def _apart(epochs: float) -> str:
    """So many epochs in words."""
    if epochs == 0:
        return "at the same epoch"
    return f"{count(round(abs(epochs)), 'epoch')} {'later' if epochs > 0 else 'earlier'}"


def _plateau(epochs: list[int], means: np.ndarray) -> np.ndarray:
    """Return, column by column of ``(checkpoints, n)``, the first epoch with most of the rise; nan without a rise."""
    top, foot = means.max(0), means[0]
    reached = (means >= foot + _RISE * (top - foot)).argmax(0)
    return np.where(top > foot, np.array(epochs)[reached], math.nan)


def _earlier(result: Checkpoints, target: str) -> Finding:
    """The earliest checkpoint from which on none loses more than the margin against the last."""
    *before, last = result.measured(target, "final")
    gains = {e: result.gain(target, e, last) for e in before}
    fine = _from_on(before, {e for e, d in gains.items() if d.low is not None and d.low >= -_MARGIN})
    near = _from_on(before, {e for e, d in gains.items() if d.high is None or d.high >= 0})
    verdict: Verdict = "agrees" if fine is not None else "cannot tell"
    if fine is None and all(d.high is not None and d.high < 0 for d in gains.values()):
        verdict = "disagrees"
    chosen = fine if fine is not None else near if near is not None else before[-1]
    d = gains[chosen]
    margin = f"{number(100 * _MARGIN, 0)} point"
    if fine is not None:
        text = f"one can start from epoch {fine} on and lose less than {margin}"
    elif verdict == "disagrees":
        text = "every earlier checkpoint ends worse than the last"
    elif d.low is None:
        text = "whether an earlier checkpoint does as well cannot be told without an interval"
    else:
        text = f"no earlier checkpoint is known to cost less than {margin}"
    there, end = (result.mean(target, e, "final").value for e in (chosen, last))
    n = sum(len(result.values(target, e, "final")) for e in (chosen, last))
    return Finding(
        f"{target}: {text}: the final {_metric(result, target)} is {percent(there)} from epoch {chosen} against "
        f"{percent(end)} from epoch {last}, difference {number(100 * d.value, 1)} points{d.points()}; "
        f"{count(n, 'run')}.",
        value=d.value,
        low=d.low,
        high=d.high,
        n=n,
        unit="runs",
        claim=EARLIER_CLAIM,
        verdict=verdict,
        weight=0.8,
    )


def _from_on(epochs: list[int], good: set[int]) -> int | None:
    """The first epoch from which on all are good."""
    found = None
    for epoch in reversed(epochs):
        if epoch not in good:
            break
        found = epoch
    return found


def _decline(result: Checkpoints, target: str) -> list[Finding]:
    """Whether the best earlier checkpoint is better than the last, though the pre-training itself went on rising."""
    *before, last = result.measured(target, "final")
    if len(before) < 2:
        return []
    # The best of several is better than it should be by chance alone: Bonferroni.
    level = 1 - 0.05 / len(before)
    best = max(before, key=lambda e: result.mean(target, e, "final").value)
    d = result.gain(target, best, last, level=level)
    risen = result.source_at(last) - result.source_at(best)
    known = math.isfinite(risen)
    verdict = verdict_of(d.low, d.high)
    word = {"agrees": "declines", "disagrees": "does not decline"}.get(verdict, "does not clearly decline")
    if verdict == "agrees" and (best == before[0] or not risen > 0):
        verdict = "cannot tell"  # the claim is about a rise before, and a source metric that still rises
    source = f"; the {_source(result)} rises by {number(100 * risen, 1)} points in between" if known else ""
    source = source.replace("rises by −", "falls by ")
    top, end = (result.mean(target, e, "final").value for e in (best, last))
    n = sum(len(result.values(target, e, "final")) for e in (best, last))
    return [
        Finding(
            f"{target}: the final {_metric(result, target)} {word} towards the end of pre-training: {percent(top)} "
            f"from epoch {best}, the best before the last, {percent(end)} from epoch {last}, difference "
            f"{number(100 * d.value, 1)} points{d.points()}, corrected for {count(len(before), 'comparison')}"
            f"{source}; {count(n, 'run')}.",
            value=d.value,
            low=d.low,
            high=d.high,
            n=n,
            unit="runs",
            claim=DECLINE_CLAIM,
            verdict=verdict,
            weight=0.7,
        )
    ]


def _faithful(result: Checkpoints, target: str) -> list[Finding]:
    """How closely the final metric follows that of the pre-training."""
    epochs = [e for e in result.measured(target, "final") if math.isfinite(result.source_at(e))]
    r = pearson([result.source_at(e) for e in epochs], [result.mean(target, e, "final").value for e in epochs])
    if len(epochs) < 3 or math.isnan(r.r):
        return []
    low, high = (r.interval.low, r.interval.high) if r.interval else (None, None)
    return [
        Finding(
            f"{target}: over checkpoints the final {_metric(result, target)} and the {_source(result)} have a "
            f"correlation of {number(r.r)}{bracket(low, high)}; {count(r.n, 'checkpoint')}.",
            value=r.r,
            low=low,
            high=high,
            n=r.n,
            unit="checkpoints",
            weight=0.4,
        )
    ]


def _over_scratch(result: Checkpoints, target: str) -> list[Finding]:
    """The earliest checkpoint from which on all clearly beat training from scratch."""
    if not result.values(target, None, "final"):
        return []
    epochs = list(result.measured(target, "final"))
    gains = {e: result.gain(target, e, None) for e in epochs}
    clear = _from_on(epochs, {e for e, d in gains.items() if d.verdict == "agrees"})
    chosen = epochs[-1] if clear is None else clear
    d = gains[chosen]
    says = "the last checkpoint does not clearly beat"
    if clear is not None:
        says = (
            f"every checkpoint from epoch {clear} on beats"
            if clear != epochs[-1]
            else "only the last checkpoint beats"
        )
    there, scratch = (result.mean(target, e, "final").value for e in (chosen, None))
    n = len(result.values(target, chosen, "final")) + len(result.values(target, None, "final"))
    return [
        Finding(
            f"{target}: {says} training from scratch: the final {_metric(result, target)} is {percent(there)} from "
            f"epoch {chosen} against {percent(scratch)}, difference {number(100 * d.value, 1)} points{d.points()}; "
            f"{count(n, 'run')}.",
            value=d.value,
            low=d.low,
            high=d.high,
            n=n,
            unit="runs",
            weight=0.5,
        )
    ]


def _at_chance(result: Checkpoints, target: str) -> Finding | None:
    """Said where runs from no checkpoint have clearly learned anything."""
    chance = result.chance.get(target)
    if chance is None:
        return None
    ends = {e: result.mean(target, e, "final") for e in result.measured(target, "final")}
    if any(above_chance(d.value, d.low, chance) for d in ends.values()):
        return None
    best = max(ends, key=lambda e: ends[e].value)
    d = ends[best]
    low, high = (None if x is None else x - chance for x in (d.low, d.high))
    n = sum(len(result.values(target, e, "final")) for e in ends)
    by = "guessing" if result.metric(target) == "auc" else "always naming the most frequent class"
    return Finding(
        f"{target}: from no checkpoint is the final {_metric(result, target)} clearly above chance: at best "
        f"{percent(d.value)}{d.points()}, from epoch {best}, {by} {percent(chance)}; what has learned nothing says "
        f"nothing of its start, so no claim here is judged; {count(n, 'run')}.",
        value=d.value - chance,
        low=low,
        high=high,
        n=n,
        unit="runs",
        weight=0.9,
    )


def _diverged(result: Checkpoints) -> list[Finding]:
    every = (*result.runs, *result.scratch)
    told = [
        f"{run.label} on {run.target} from {'scratch' if run.epoch < 0 else f'epoch {run.epoch}'} ({run.ended})"
        for run in every
        if run.ended != "finished"
    ]
    return diverged_finding(told, len(every))


def _metric(result: Checkpoints, target: str) -> str:
    return f"test {metric_name(result.metric(target))}"


def _source(result: Checkpoints) -> str:
    part, _, metric = result.source_metric.partition("_")
    return f"{part} {metric_name(metric)} of the pre-training"
