"""What the theory says of sources and targets, and whether trained networks did it, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, interval_text, listed, number, percent, short
from .measure import Experiment, TaskScore, Theory
from .trained import OUTCOMES, rank_by_target

__all__ = ["findings"]

_CLEAR = 0.05
_SCORES: tuple[Literal["move", "gradient"], ...] = ("move", "gradient")


def findings(result: Theory) -> tuple[Finding, ...]:
    """Return both theorems on each target that networks were trained on, the scores, and what limits them."""
    found: list[Finding] = []
    for of in result.experiments:
        found += [_gradient(result, of), _moved(result, of), _outputs(result, of), *_not_lazy(of)]
    for target in result.targets:
        scores = [one for one in result.scores if one.target == target]
        found += [_score(one) for one in scores]
        found += _best(scores)
    found += [*_deep(result), *_singular(result), *_merged(result)]
    pairs = len(result.scores) + len(result.left_out)
    return (*found, *remark(result.left_out, pairs, "sources and targets"))


def _gradient(result: Theory, of: Experiment) -> Finding:
    """Theorem 1."""
    excess, widest = result.excess(of, "gradient"), of.of(of.widths[-1])
    text = (
        f"{of.target}: at weights pre-trained on {of.source} the gradient of {_networks(of)} has a square of "
        f"{_mean(widest, 'gradient')} on {count(of.target_images, 'image')}, at random weights "
        f"{_mean(widest, 'at_start')}; Theorem 1 as printed says {_mean(widest, 'gradient_printed')}, so it is "
        f"{_more(excess)}{_exact(result, of, 'gradient')}{_falls(result, of, 'gradient')}."
    )
    judged = judge("002-6-a", excess, because=_short(of)) if of.start == "mirrored" else None
    return said(text, excess, n=len(widest), unit="networks", target=of.target, weight=0.8, judged=judged)


def _moved(result: Theory, of: Experiment) -> Finding:
    """Theorem 2."""
    excess, widest = result.excess(of, "moved"), of.of(of.widths[-1])
    text = (
        f"{of.target}: fine-tuned from {of.source}, the weights of {_networks(of)} move by a squared distance of "
        f"{_mean(widest, 'moved')}; Theorem 2 as printed says at most {_mean(widest, 'moved_printed')}, so it is "
        f"{_more(excess)}{_exact(result, of, 'moved')}{_falls(result, of, 'moved')}."
    )
    judged = judge("002-6-b", excess, because=_short(of)) if of.start == "mirrored" else None
    return said(text, excess, n=len(widest), unit="networks", target=of.target, weight=0.8, judged=judged)


def _short(of: Experiment) -> str:
    """Why trainings that were cut short say nothing of theorems about their end."""
    return "" if of.converged else "training was cut short of the end that the theorem is about"


def _outputs(result: Theory, of: Experiment) -> Finding:
    """What the pre-trained network says of the target, and how many units changed side."""
    slope = result.slope(of, "outputs")
    first, last = (of.of(m) for m in (of.widths[0], of.widths[-1]))
    errors = [float(np.mean([run.outputs_error for run in runs])) for runs in (first, last)]
    flips = [float(np.mean([run.flips for run in runs])) for runs in (first, last)]
    if len(of.widths) < 2:
        text = (
            f"{of.target}: what {_networks(of)} say after pre-training is {percent(errors[1])} of ‖y‖ from the "
            f"prediction; {percent(flips[1])} of units and images changed side."
        )
    else:
        text = (
            f"{of.target}: from {of.widths[0]:,} to {of.widths[-1]:,} units the error of what is predicted of the "
            f"outputs goes from {percent(errors[0])} to {percent(errors[1])} of ‖y‖, as m to the power "
            f"{number(slope.value)}{interval_text(slope)} (−½ in theory), and the share of units and images that "
            f"change side from {percent(flips[0])} to {percent(flips[1])}."
        )
    return said(text, slope, n=len(last), unit="networks", target=of.target, weight=0.5)


def _not_lazy(of: Experiment) -> list[Finding]:
    """Where training was stopped before the theorems' limit."""
    if of.converged:
        return []
    left = float(np.mean([run.target_left for run in of.of(of.widths[-1])]))
    text = (
        f"{of.target}: training stopped after {of.source_steps:,} and {of.target_steps:,} steps, before the slowest "
        f"direction was learned ({percent(left, 2)} of ‖y‖² is left); the theorems speak of the end."
    )
    return [said(text, Estimate(left), n=len(of.seeds), unit="networks", target=of.target, weight=0.6)]


def _score(one: TaskScore) -> Finding:
    """Both ratios of one source and target; it helps where one is clearly under 1 and neither clearly over it."""
    moves, gradients = one.moves, one.gradients
    helps = any(e.high is not None and e.high < 1 for e in (moves, gradients))
    hinders = any(e.low is not None and e.low > 1 for e in (moves, gradients))
    if one.fitted:
        # A fitted head alone brings both under 1; only the null, which has it too, says whether labels matter.
        word = "helps" if one.p < _CLEAR else "helps no more than one with shuffled labels does, which has a fit, too"
    elif helps != hinders:
        word = "helps" if helps else "is in the way"
    else:
        word = "neither clearly helps nor is in the way" if moves.known else "has no interval, of so few images"
    fit = ", a linear head between their classes fitted" if one.fitted else ""
    sure = "" if math.isnan(one.p) else f" (p = {number(one.p)} against shuffled labels of the source)"
    text = (
        f"{one.target}: by the kernels of {count(one.source_images, 'image')} of {one.source} and "
        f"{one.target_images:,} of {one.target}{fit}, pre-training {word}: the squared distance to go is "
        f"{number(one.move)} times that from scratch{_over_images(moves)}, the squared gradient "
        f"{number(one.gradient)} times{_over_images(gradients)}; labels and transferred labels have a cosine of "
        f"{number(one.alignment)}{sure}."
    )
    n = one.source_images + one.target_images
    return said(text, moves, n=n, unit="images", target=one.target, weight=0.5)


def _best(scores: list[TaskScore]) -> list[Finding]:
    """The nearest of several sources, and the complexity of the target's labels."""
    found = []
    if len(scores) > 1:
        order = sorted(scores, key=lambda one: one.move)
        told = listed([f"{one.source} {number(one.move)}" for one in order])
        fitted = ", where a fitted head is in some and not in others" if len({o.fitted for o in scores}) > 1 else ""
        text = f"{scores[0].target}: sources by how far there is to go, nearest first: {told}{fitted}."
        found.append(said(text, order[0].moves, n=len(scores), unit="sources", target=scores[0].target, weight=0.6))
    one = scores[0]
    if math.isfinite(one.random_complexity):
        ratio = one.target_complexity / one.random_complexity
        text = (
            f"{one.target}: √(2·yᵀH⁻¹y/n) of its labels is {short(one.target_complexity)}, of shuffled ones "
            f"{short(one.random_complexity)}; {count(one.target_images, 'image')}."
        )
        of = Estimate(ratio)
        found.append(said(text, of, n=one.target_images, unit="images", target=one.target, weight=0.3))
    return found


def _deep(result: Theory) -> list[Finding]:
    """Whether the scores say anything of the study's own networks."""
    if not result.trained:
        return []
    words = {"move": "distance", "gradient": "gradient"}
    taus = {
        (score, outcome): rank_by_target(result.scores, result.trained, score, outcome)
        for score in _SCORES
        for outcome in OUTCOMES
    }
    n = taus["move", "error"].n
    networks, sources = sum(p.runs for p in result.trained), len({p.source for p in result.trained})
    if not any(math.isfinite(e.value) for e in taus.values()):
        text = "Whether the scores say anything of deep networks takes three sources on a target; there are fewer."
        return [said(text, Estimate(math.nan), n=networks, unit="networks", weight=0.4)]
    told = "; ".join(
        f"of the score for the {words[score]} with "
        + listed([f"{o} {number(taus[score, o].value)}{interval_text(taus[score, o])}" for o in OUTCOMES])
        for score in _SCORES
    )
    text = (
        f"Deep networks, {count(networks, 'network')} from {count(sources, 'source')}: target by target Kendall's τ "
        f"over sources, mean over {count(n, 'target')}, is {told}. If the theory of two-layer networks ordered "
        "sources for these networks, τ would be 1 with deviation and error and −1 with improvement."
    )
    return [said(text, taus["move", "error"], n=n, unit="targets", weight=0.7)]


def _singular(result: Theory) -> list[Finding]:
    """The smallest eigenvalues, which the theorems want to be over 0."""
    if not result.scores:
        return []
    least = min(result.scores, key=lambda one: min(one.source_least, one.target_least))
    value = min(least.source_least, least.target_least)
    where = least.source if least.source_least <= least.target_least else least.target
    condition = max(least.source_condition, least.target_condition)
    ridge = f"; a ridge of {result.ridge:g} of the mean of the diagonal is in all scores" if result.ridge else ""
    text = (
        f"The smallest eigenvalue of a kernel is {short(value)}, of {where} (condition up to {short(condition)}); "
        f"the mean input is {'subtracted' if result.centred else 'not subtracted'}{ridge}."
    )
    return [said(text, Estimate(value), n=len(result.scores), unit="sources and targets", weight=0.3)]


def _merged(result: Theory) -> list[Finding]:
    merged = sum(one.merged for one in result.scores)
    if not merged:
        return []
    images = sum(one.source_images + one.target_images + one.merged for one in result.scores)
    text = f"{count(merged, 'input')} of {images:,} left out: the same input had come before, with the same labels."
    return [said(text, Estimate(float(merged)), n=images, unit="images", weight=0.4)]


def _networks(of: Experiment) -> str:
    mirrored = "mirrored" if of.start == "mirrored" else f"independent (κ = {of.size:g})"
    return f"{count(len(of.seeds), 'two-layer network')} with {of.widths[-1]:,} {mirrored} units"


def _mean(runs: tuple[object, ...], what: str) -> str:
    return short(float(np.mean([getattr(run, what) for run in runs])))


def _over_images(ratio: Estimate) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    return f" ({number(ratio.low)} to {number(ratio.high)} over images of both)"


def _more(excess: Estimate) -> str:
    word = "more" if excess.value >= 0 else "less"
    sign = 1 if excess.value >= 0 else -1
    return f"{number(100 * abs(excess.value), 1)} %{interval_text(excess, factor=100 * sign, digits=1)} {word}"


def _exact(result: Theory, of: Experiment, what: str) -> str:
    """The form with u(0), where units are independent and it is another one."""
    if of.start == "mirrored":
        return ""
    excess: Callable[..., Estimate] = result.excess
    return f" ({_more(excess(of, what, 'exact'))} than the form with what networks say at their start)"


def _falls(result: Theory, of: Experiment, what: str) -> str:
    if len(of.widths) < 2:
        return ""
    slope: Callable[..., Estimate] = result.slope
    found = slope(of, what)
    return f"; over widths its error goes as m to the power {number(found.value)}{interval_text(found)}"
