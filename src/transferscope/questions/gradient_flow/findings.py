"""What the flow of the gradient says, in sentences.

Intervals of norms are over images, those of projections over layers; a contrast must also hold for any two networks.
The paper's claims are about pre-trained against random weights; what training makes of both is told without a claim.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ...numerics.bootstrap import percentile_interval, resampled_means
from ...numerics.intervals import Interval
from .._members import networks_of
from .._phrases import count, listed, short
from .._ratios import Ratio, geometric_mean, ratio
from ..result import Finding, Verdict
from .measure import GradientFlow

__all__ = ["findings", "middle"]

_GROWS = (
    "002 §4, Fig. 7d: on its way back the gradient grows fast through random weights and is stable through "
    "pre-trained ones"
)
_SMALLER = "002 §4, Fig. 7a, b: in the middle of the network the gradient is smaller with pre-trained weights"
_SHRUNK = "002 §4, Fig. 7c: pre-trained weights are small along the leading singular vectors of their gradient"

_SIDES = (("P", "RI", "at the start", True), ("P-T", "RI-T", "after training", False))


def findings(result: GradientFlow) -> tuple[Finding, ...]:
    """Return the findings of a result: growth of each network, who grows faster, what is zero or not finite."""
    found = [_level(result, m) for m in range(len(result.members))]
    for near, far, when, claimed in _SIDES:
        p, ri = ([i for i, m in enumerate(result.members) if m.role == role] for role in (near, far))
        if p and ri:
            found += _growth(result, p, ri, when, claimed)
            found += _middle(result, p, ri, when, claimed)
            found += _leading(result, p, ri, when, claimed)
    return tuple(found + _zero(result) + _broken(result) + _left_out(result))


def middle(result: GradientFlow, members: list[int] | None = None) -> int | None:
    """Return the layer nearest to half the depth that a gradient reaches in all of these networks (default: all)."""
    mean = result.mean() if members is None else result.mean()[members]
    there = np.flatnonzero((np.isfinite(mean) & (mean > 0)).all(0))
    half = (len(result.layers) - 1) / 2
    return int(there[np.abs(there - half).argmin()]) if len(there) else None


def _level(result: GradientFlow, m: int) -> Finding:
    mean, grown, back = result.mean()[m], float(result.scale()[m, 0]), result.last
    label, size, first = result.members[m].label, short(mean[back]), result.layers[0]
    end = f"loss {short(result.losses[m].mean())}, {count(result.n, 'image')}."
    if not back:
        interval = percentile_interval(_draws(result, [m], [0])[0, 0])
        text = f"{label}: ‖∂L/∂x‖ in {first}, the mean over images, is {size}{_between(interval)}; {end}"
        grown = float(mean[0])
    else:
        interval = percentile_interval(_growth_draws(result, [m])[0, 0])
        each = f", {short(grown ** (1 / back))} a step" if grown > 0 else ""
        text = (
            f"{label}: ‖∂L/∂x‖, the mean over images, is {size} in {result.layers[back]} and {short(mean[0])} in "
            f"{first}, {short(grown)}{_between(interval)} times as much after {count(back, 'step')} back{each}; {end}"
        )
    known = math.isfinite(interval.low)
    return Finding(
        text,
        value=grown,
        low=interval.low if known else None,
        high=interval.high if known else None,
        n=result.n,
        unit="images",
        weight=0.3,
    )


def _growth(result: GradientFlow, p: list[int], ri: list[int], when: str, claimed: bool) -> list[Finding]:
    if not result.last:
        return []
    grown = result.scale()[:, :1]
    draws = _growth_draws(result, ri).numpy(), _growth_draws(result, p).numpy()
    got = ratio(grown[ri], grown[p], draws)
    far, near = _kinds(result, ri, p)
    typical = [short(geometric_mean(grown[of])) for of in (ri, p)]
    return [
        Finding(
            f"The way back from {result.layers[result.last]} to {result.layers[0]} multiplies the gradient of {far} "
            f"by {typical[0]} and that of {near} by {typical[1]} {when}: {got.told} as much; {_told(result, ri, p)}.",
            value=got.value,
            low=got.low,
            high=got.high,
            n=result.n,
            unit="images",
            claim=_GROWS if claimed else None,
            verdict=_grows(got, grown[ri], grown[p], draws) if claimed else None,
            weight=0.8 if claimed else 0.5,
        )
    ]


def _grows(got: Ratio, far: np.ndarray, near: np.ndarray, draws: tuple[np.ndarray, np.ndarray]) -> Verdict:
    """Judge both halves of the claim: the gradient grows through the ones, and changes less through the others."""
    one = (np.ones_like(far), np.ones_like(draws[0]))
    grows = ratio(far, one[0], (draws[0], one[1])).verdict
    if "disagrees" in (got.verdict, grows):
        return "disagrees"
    stable = ratio(_change(far), _change(near), (_change(draws[0]), _change(draws[1]))).verdict
    return "agrees" if got.verdict == grows == stable == "agrees" else "cannot tell"


def _change(grown: np.ndarray) -> np.ndarray:
    """By which factor it changes, up or down."""
    with np.errstate(divide="ignore"):
        changed: np.ndarray = np.exp(np.abs(np.log(grown)))
    return changed


def _middle(result: GradientFlow, p: list[int], ri: list[int], when: str, claimed: bool) -> list[Finding]:
    at = middle(result, [*p, *ri])
    if at is None:
        return []
    mean = result.mean()[:, at : at + 1]
    draws = tuple(_draws(result, of, [at]).numpy() for of in (ri, p))
    got = ratio(mean[ri], mean[p], (draws[0], draws[1]))
    far, near = _kinds(result, ri, p)
    typical = [short(geometric_mean(mean[of])) for of in (ri, p)]
    return [
        Finding(
            f"In {result.layers[at]}, the middle of the network, the gradient of {far} is {got.told} as large as "
            f"that of {near} {when}: {typical[0]} against {typical[1]} in the mean over images; "
            f"{_told(result, ri, p)}.",
            value=got.value,
            low=got.low,
            high=got.high,
            n=result.n,
            unit="images",
            claim=_SMALLER if claimed else None,
            verdict=got.verdict if claimed else None,
            weight=0.7 if claimed else 0.4,
        )
    ]


def _leading(result: GradientFlow, p: list[int], ri: list[int], when: str, claimed: bool) -> list[Finding]:
    """Weights along the components that their gradient has most of, in the median over layers."""
    if not result.weights:
        return []
    leading = result.leading()
    there = np.isfinite(leading[[*p, *ri]]).all(0)
    if not there.any():
        return []
    got = ratio(leading[ri][:, there], leading[p][:, there])
    chance = [float(np.median((leading[of] / result.entry[of])[:, there])) for of in (ri, p)]
    far, near = _kinds(result, ri, p)
    few = f" ({count(int((~there).sum()), 'other')} zero, or without gradient)" if not there.all() else ""
    return [
        Finding(
            f"Along the leading singular vectors of their gradient the weights of {far} are {got.told} as large as "
            f"those of {near} {when}, in the median over {count(int(there.sum()), 'layer')}{few}; in units of what "
            f"unrelated directions would show, {short(chance[0])} against {short(chance[1])}; "
            f"{_told(result, ri, p)}.",
            value=got.value,
            low=got.low,
            high=got.high,
            n=int(there.sum()),
            unit="layers",
            claim=_SHRUNK if claimed else None,
            verdict=_shrunk(got, chance) if claimed else None,
            weight=0.6 if claimed else 0.4,
        )
    ]


def _shrunk(got: Ratio, chance: list[float]) -> Verdict:
    """Judge by the sizes, unless against what unrelated directions would show the order is the other way round."""
    over: Verdict = "agrees" if chance[0] > chance[1] else "disagrees"
    return got.verdict if got.verdict == over else "cannot tell"


def _zero(result: GradientFlow) -> list[Finding]:
    """Which layers no gradient reaches, told once for networks in which they are the same."""
    same: dict[tuple[str, ...], list[str]] = {}
    for m, member in enumerate(result.members):
        dead = tuple(layer for layer, norms in zip(result.layers, result.norms[m], strict=True) if not norms.any())
        if dead:
            same.setdefault(dead, []).append(member.label)
    return [
        Finding(
            f"{listed(labels)}: no gradient reaches {len(dead)} of {count(len(result.layers), 'layer')} "
            f"({_some(dead)}): a weight behind them is zero, as in the branches of a Fixup network at the start, or "
            "ReLUs are off for all images.",
            value=len(dead),
            n=len(result.layers),
            unit="layers",
            weight=0.4,
        )
        for dead, labels in same.items()
    ]


def _broken(result: GradientFlow) -> list[Finding]:
    found = []
    for m, member in enumerate(result.members):
        gone = int((~np.isfinite(result.norms[m])).any(0).sum())
        if gone:
            found.append(
                Finding(
                    f"{member.label}: the gradient is not finite for {gone} of {count(result.n, 'image')}, so its "
                    "means are not either.",
                    value=gone,
                    n=result.n,
                    unit="images",
                    weight=0.6,
                )
            )
    return found


def _left_out(result: GradientFlow) -> list[Finding]:
    if not result.left_out:
        return []
    return [
        Finding(
            f"{count(len(result.left_out), 'weight')} not decomposed ({_some(result.left_out)}): no 2-D "
            "convolution, no matrix, or not trained.",
            value=len(result.left_out),
            n=len(result.weights),
            unit="weights",
            weight=0.2,
        )
    ]


def _draws(result: GradientFlow, members: list[int], layers: list[int]) -> torch.Tensor:
    """Means over resampled images, the same for all networks: ``(members, layers, resamples)``."""
    values = torch.from_numpy(result.norms[np.ix_(members, layers)])
    means = resampled_means(values.flatten(0, 1), seed=0)
    return means.T.reshape(len(members), len(layers), -1)


def _growth_draws(result: GradientFlow, members: list[int]) -> torch.Tensor:
    ends = _draws(result, members, [0, result.last])
    return ends[:, :1] / ends[:, 1:]


def _told(result: GradientFlow, ri: list[int], p: list[int]) -> str:
    return f"{len(ri)} and {networks_of([result.members[i] for i in p])}, {count(result.n, 'image')}"


def _between(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return ""
    return f" ({short(interval.low)} to {short(interval.high)})"


def _some(names: tuple[str, ...]) -> str:
    return listed(names[:3]) + (" and others" if len(names) > 3 else "")


def _kinds(result: GradientFlow, *members: list[int]) -> tuple[str, ...]:
    return tuple(result.members[of[0]].role for of in members)
