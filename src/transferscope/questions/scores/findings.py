"""Which candidate to take, in sentences, and which others cannot be told apart from it."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.left_out import remark
from ...evidence.phrases import POINTS, count, interval_text, listed, number, percent, rounded, short, shortened
from .measure import Scores
from .values import SCORES

__all__ = ["choice", "findings", "settled"]

_FEW = 5
"""Candidates from which on the agreement of two orders is given as a number."""

_CHANCE = 0.05
_THESE = "these images"


def findings(result: Scores) -> tuple[Finding, ...]:
    """Return which candidate to take, what would tell more, what it costs, and how far the scores agree."""
    found = [choice(result), *settled(result), *_cost(result), *_against_chance(result), *_agreement(result)]
    expected = len(result.candidates) * len(result.names)
    return (*found, *remark(result.left_out, expected, "scores", weight=0.2))


def choice(result: Scores) -> Finding:
    """Say which candidate to take, or which cannot be told apart and how many images would tell."""
    best, *others = result.tied() or result.order()
    on = f"{count(result.n, 'training image')} of {result.images}"
    ridge = result.estimate(best)
    text = f"{_name(result, best)}: {_what(result)} {_value(result, ridge)} on {on}"
    if len(result.candidates) == 1:
        return said(f"{text}; there is no other candidate to hold it against.", ridge, n=result.n,
                    unit="training images", weight=0.9)  # fmt: skip
    if not ridge.known:
        text = f"Cannot tell: {text} is the highest; there is no interval, so nothing is told apart."
        return said(text, ridge, n=result.n, unit="training images", weight=0.9)
    if not others:
        second = result.order()[1]
        gap = result.difference(best, second)
        return said(
            f"Take {text}, {_gap(result, gap)} over the next, {_name(result, second)}; all "
            f"{len(result.candidates) - 1} others are told apart from it."
            if len(result.candidates) > 2
            else f"Take {text}, {_gap(result, gap)} over {_name(result, second)}.",
            gap, n=result.n, unit="training images", weight=0.9,
        )  # fmt: skip
    gap, needed = result.difference(best, others[0]), result.images_needed(best, others[0])
    names = shortened([_name(result, i) for i in others])
    told = len(result.candidates) - 1 - len(others)
    rest = f"; {count(told, 'other')} {'is' if told == 1 else 'are'} told apart" if told else ""
    more = f"; about {rounded(needed)} images would tell it from {_name(result, others[0])}" if needed else ""
    return said(
        f"Cannot tell: {text} is the highest, and {names} cannot be told apart from it "
        f"({_gap(result, gap)} over {_name(result, others[0])}){rest}{more}.",
        gap, n=result.n, unit="training images", weight=0.9,
    )  # fmt: skip


def settled(result: Scores) -> list[Finding]:
    """Say which of the best candidates is the best after short trainings; none where none were asked for."""
    done = result.settled
    if done is None:
        return []
    first = [t.label for t in done.trainings if t.round == 0]
    epochs = max(t.epochs for t in done.trainings)
    value = done.estimate()
    factor, digits = (1.0, 3) if done.multilabel else (100.0, 1)
    said_of = number(value.value, 3) if done.multilabel else percent(value.value)
    text = (
        f"Of {shortened(first)}, fine-tuned and halved on validation images, take {done.chosen}: "
        f"{said_of}{interval_text(value, factor=factor, digits=digits)} after {count(epochs, 'epoch')}"
    )
    if done.others:
        gap = done.gap()
        told = gap.low is not None and gap.low > 0
        over = number(factor * gap.value, digits) + ("" if done.multilabel else " points")
        text += (
            f", {over}{interval_text(gap, factor=factor, digits=digits)} over {done.others[0]}"
            f"{'' if told else ', which is not told apart from it on these test images'}"
        )
    failed = [t.label for t in done.trainings if t.ended != "finished"]
    text += f"; {listed(failed)} diverged" if failed else ""
    text += (
        f"; one training each at a rate of {done.lr:g}, {count(len(done.trainings), 'training')}, "
        f"{count(done.n, 'test image')}."
    )
    return [said(text, value, n=done.n, unit="test images", weight=0.95)]


def _cost(result: Scores) -> list[Finding]:
    """Of those that cannot be told apart, which is the cheapest to run."""
    tied = result.tied()
    if len(tied) < 2:
        return []
    cheapest = min(tied, key=lambda i: result.candidates[i].milliseconds)
    c, best = result.candidates[cheapest], result.candidates[tied[0]]
    if cheapest == tied[0]:
        text = f"Of these {len(tied)}, {c.label} also is the fastest: {short(c.milliseconds)} ms an image here"
    else:
        text = (
            f"Of these {len(tied)}, {c.label} is the fastest: {short(c.milliseconds)} ms an image here, "
            f"{best.label} {short(best.milliseconds)}"
        )
    text += (
        f"; {c.label} has {count(c.parameters, 'parameter')} without its final layer and takes about "
        f"{short(c.memory / 1e6)} MB for one image."
    )
    return [said(text, Estimate(c.milliseconds), n=result.n, unit="training images", weight=0.5)]


def _against_chance(result: Scores) -> list[Finding]:
    """Which candidates do no better than with permuted labels."""
    if not len(result.null) or 1 / (1 + len(result.null)) > _CHANCE:
        return []
    weak = [i for i in result.order() if result.p(i, "ridge") > _CHANCE]
    drawn = result.null[:, :, result.names.index("ridge")]
    null = f"{_share(result, float(drawn.mean()))} in the mean of {count(len(drawn), 'permutation')} of the labels"
    if not weak:
        text = (
            f"Every candidate's features say something of the labels: with permuted labels {_what(result)} is {null}."
        )
    else:
        text = (
            f"The features of {shortened([_name(result, i) for i in weak])} say nothing of the labels that permuted "
            f"ones do not: {_what(result)} is {null}."
        )
    return [
        said(text, Estimate(float(drawn.mean())), n=result.n, unit="training images", weight=0.6 if weak else 0.15)
    ]


def _agreement(result: Scores) -> list[Finding]:
    """How far the other scores agree with ridge: as numbers, or with few candidates as which is first."""
    k, ridge = len(result.candidates), result.order()[0]
    if k < 2:
        return []
    agreement = {name: tau for name, tau in result.agreement().items() if math.isfinite(tau) and name != "ridge_loss"}
    if not agreement:
        return []
    if k < _FEW:
        same = [SCORES[name] for name in agreement if _first(result, name) == ridge]
        other = [f"{SCORES[name]} ({result.labels[_first(result, name)]})" for name in agreement
                 if _first(result, name) != ridge]  # fmt: skip
        parts = [f"{listed(same)} {'puts' if len(same) == 1 else 'put'} it first, too"] if same else []
        parts += [f"first by {listed(other)}"] if other else []
        text = (
            f"{result.labels[ridge]} is first by leave-one-out ridge; {'; '.join(parts)}. With {k} candidates orders "
            "are only described."
        )
        return [said(text, Estimate(float(len(same))), n=k, unit="candidates", weight=0.3)]
    told = listed([f"{SCORES[name]} {number(tau)}" for name, tau in sorted(agreement.items(), key=lambda x: -x[1])])
    text = (
        f"Weighted τ with the order by leave-one-out ridge over {k} candidates: {told}. At ten candidates such a τ "
        "varies by about 0.2 from one set of candidates to another."
    )
    return [said(text, Estimate(max(agreement.values())), n=k, unit="candidates", weight=0.3)]


def _first(result: Scores, name: str) -> int:
    values = result.oriented(name)
    return max(range(len(values)), key=lambda i: -math.inf if math.isnan(values[i]) else values[i])


def _name(result: Scores, place: int) -> str:
    return result.labels[place]


def _what(result: Scores) -> str:
    return "leave-one-out ridge AUC" if result.multilabel else "leave-one-out ridge accuracy"


def _share(result: Scores, value: float) -> str:
    return number(value, 3) if result.multilabel else percent(value)


def _value(result: Scores, found: Estimate) -> str:
    factor, digits = (1.0, 3) if result.multilabel else (100.0, 1)
    return f"{_share(result, found.value)}{interval_text(found, factor=factor, digits=digits, images=_THESE)}"


def _gap(result: Scores, found: Estimate) -> str:
    if result.multilabel:
        return f"{number(found.value, 3)}{interval_text(found, digits=3, images=_THESE)}"
    interval = interval_text(found, factor=100, digits=1, images=_THESE, within=POINTS)
    return f"{number(100 * found.value, 1)} points{interval}"
