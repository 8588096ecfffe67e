"""Which module has the features that a target wants, and how early that is, in sentences."""

from __future__ import annotations

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, listed, number, percent, percent_text, points_more, points_text, shortened
from .measure import Method, Probe

__all__ = ["findings", "protocol_text"]

_TOP = "003-m"


def findings(result: Probe) -> tuple[Finding, ...]:
    """Return the best module of each network, the earliest within noise of it, and what they are held against."""
    found = [_best(result, network) for network in result.networks]
    found += [_methods(result, network) for network in result.networks]
    found += _between(result)
    found += _tops(result)
    found.append(_protocol(result))
    every = len(result.protocol.shots) + len(result.left_out) + 1
    return (*found, *remark(result.left_out, every, "methods", target=result.target, weight=0.2))


def _best(result: Probe, network: str) -> Finding:
    """The best module, those that are not told apart from it, and those that are shown to be close."""
    method, rows = result.headline, result.of(network)
    near = result.near(network, method)
    name = [result.places[i].name for i in rows]
    value = percent_text(near.estimate)
    chance = f"chance {percent(result.chance)}"
    text = f"{network}: features at {name[near.best]} classify best, {value} by {method.name}, {chance}"
    if len(rows) == 1:
        text += ", its only module here"
    elif near.earliest == near.best:
        text += ", and no earlier module is within noise of it"
    else:
        gap = result.difference(rows[near.best], rows[near.earliest], method)
        text += f"; the earliest within noise of it is {name[near.earliest]} ({points_text(gap)} lower)"
    if len(rows) > 1:
        close, margin = near.earliest_close, f"{number(100 * near.margin, 0)} point"
        text += (
            f"; none is shown to be within {margin} of all others"
            if close is None
            else f"; the earliest shown to be within {margin} of all others is {name[close]}"
        )
    text += f"; {count(len(rows), 'place')}, {count(result.n, 'test image')}."
    return said(text, near.estimate, n=result.n, unit="test images", target=result.target, weight=0.8)


def _methods(result: Probe, network: str) -> Finding:
    """Whether other ways to a classifier point to the same module."""
    rows, by_module = result.of(network), dict[str, list[Method]]()
    for method in result.methods:
        by_module.setdefault(result.places[rows[result.near(network, method).best]].name, []).append(method)
    parts = [f"{name} by {listed([m.name for m in methods])}" for name, methods in by_module.items()]
    agreed = sum(result.near(network, result.headline).best in result.near(network, m).tied for m in result.methods)
    text = (
        f"{network}: the best place, method by method, is {'; '.join(parts)}. By {agreed} of "
        f"{count(len(result.methods), 'method')} that of {result.headline.name} is within noise of the best; "
        f"{count(result.n, 'test image')}."
    )
    return said(
        text, Estimate(float(agreed)), n=len(result.methods), unit="methods", target=result.target, weight=0.4
    )


def _between(result: Probe) -> list[Finding]:
    """How the first network stands to each other one, at each place that both have."""
    first, method, found = result.networks[0], result.headline, []
    for other, kind in zip(result.networks[1:], result.kinds[1:], strict=True):
        if kind and kind == result.kinds[0]:  # pre-trainings that differ in their seed alone
            continue
        gains = result.gain_over(first, other, method)
        if not gains:
            continue
        more = [name for name, gap in gains.items() if gap.low is not None and gap.low > 0]
        less = [name for name, gap in gains.items() if gap.high is not None and gap.high < 0]
        last = list(gains)[-1]
        told = [f"more at {shortened(more)}"] if more else []
        told += [f"less at {shortened(less)}"] if less else []
        text = (
            f"{first} against {other}, {method.name}: {points_text(gains[last])} at {last}; "
            f"{' and '.join(told) if told else 'told apart nowhere'}, of {count(len(gains), 'place')}, each by its "
            f"own paired interval; {count(result.n, 'test image')}."
        )
        found.append(
            said(text, gains[last], n=result.n, unit="test images", target=result.target, weight=0.6)
        )  # fmt: skip
    return found


def _tops(result: Probe) -> list[Finding]:
    """Whether the last place has more of the task than the middle, over pre-trainings."""
    found = []
    for kind, gains in result.tops().items():
        estimate = result.top_gain(kind)
        network = result.networks[result.kinds.index(kind)]
        last, middle = result.places[result.of(network)[-1]].name, result.places[result.half_way(network)].name
        text = (
            f"Features at {last} classify {points_more(estimate, 'better', 'worse')} than half way ({middle}), "
            f"{result.headline.name}; {count(len(gains), 'pre-training')}, {count(result.n, 'test image')}."
        )
        found.append(
            said(
                text, estimate, n=len(gains), unit="pre-trainings", target=result.target, weight=0.7,
                judged=judge(_TOP, estimate, networks=_of_kind(result, kind)),
            )
        )  # fmt: skip
    return found


def _of_kind(result: Probe, kind: str) -> list[Witness]:
    """The pre-trainings of a kind: those of others say nothing of it."""
    own = result.kin.get(kind)
    return [w for w in result.witnesses if own is None or w.label in own]


def protocol_text(result: Probe) -> str:
    """Write down how the numbers came about: another protocol can put another network first."""
    ask = result.protocol
    bias = "a free intercept" if ask.constant is None else f"a constant feature of {ask.constant:g}"
    shots = listed([f"{n}" for n in ask.shots])
    text = (
        f"Few-shot: {shots} images a class, {count(ask.draws, 'draw')}, the same for all; features standardised by "
        f"the support; ridge on labels ±1 with {bias}, λ = {ask.penalty:g} or by leave-one-out"
    )
    if ask.linear:
        text += (
            f". Linear probe: L-BFGS on {count(result.trained_on, 'training image')}, its weight decay chosen on "
            f"{count(result.chosen_on, 'validation image')}"
        )
    if ask.k:
        text += f". Neighbours: {ask.k} of {count(result.trained_on, 'training image')}, cosine, exp(·/0.07)"
    return f"{text}. Features {'averaged over positions or tokens' if ask.pooled else 'not averaged'}"


def _protocol(result: Probe) -> Finding:
    text = f"Protocol. {protocol_text(result)}; {count(result.n, 'test image')} of {result.images}."
    return said(text, Estimate(float(result.n)), n=result.n, unit="test images", target=result.target, weight=0.3)
