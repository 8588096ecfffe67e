"""What the flow of the gradient says, in sentences: the level of each network, and what is zero or not finite."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.contrast import mean, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.left_out import remark
from ...evidence.phrases import count, listed, short
from .._sides import interval_of, said_unlearned, unlearned
from .contrasts import contrasts
from .measure import GradientFlow

__all__ = ["findings"]


def findings(result: GradientFlow) -> tuple[Finding, ...]:
    """Return the findings of a result: growth of each network, who grows faster, what is zero or not finite."""
    found = [_level(result, m) for m in range(len(result.members))]
    return (*found, *contrasts(result), *_zero(result), *_broken(result), *_left_out(result))


def _level(result: GradientFlow, m: int) -> Finding:
    means, back = result.mean()[m], result.last
    norms, label, first = result.norms[m], result.members[m].label, result.layers[0]
    end = f"loss {short(result.losses[m].mean())}, {count(result.n, 'image')}."
    if not back:
        found = mean(means[:1], norms[:1])
        size = f"{short(means[0])}{interval_of(found)}"
        text = f"{label}: ‖∂L/∂x‖ in {first}, the mean over images, is {size}; {end}"
        value = float(means[0])
    else:
        value = float(result.scale()[m, 0])
        found = ratio(means[:1], means[back : back + 1], (norms[:1], norms[back : back + 1]))  # on the same images
        each = f", {short(value ** (1 / back))} a step" if value > 0 else ""
        times = f", {short(value)}{interval_of(found)} times as much" if not math.isnan(value) else ""
        text = (
            f"{label}: ‖∂L/∂x‖, the mean over images, is {short(means[back])} in {result.layers[back]} and "
            f"{short(means[0])} in {first}{times} after {count(back, 'step')} back{each}; {end}"
        )
    known = found if found.known else Estimate(value)
    return said(text, known, n=result.n, unit="images", weight=0.3)


def _zero(result: GradientFlow) -> list[Finding]:
    """Which layers no gradient reaches, told once for networks in which they are the same."""
    same: dict[tuple[str, ...], list[str]] = {}
    for m, member in enumerate(result.members):
        dead = tuple(layer for layer, norms in zip(result.layers, result.norms[m], strict=True) if not norms.any())
        if dead:
            same.setdefault(dead, []).append(member.label)
    return [
        said(
            f"{listed(labels)}: no gradient reaches {len(dead)} of {count(len(result.layers), 'layer')} "
            f"({_some(dead)}): a weight behind them is zero, as in the branches of a Fixup network at the start, or "
            "ReLUs are off for all images, or the loss of each is 0 to rounding.",
            Estimate(float(len(dead))),
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
            text = (
                f"{member.label}: the gradient is not finite for {gone} of {count(result.n, 'image')}, so its means "
                "are not either."
            )
            found.append(said(text, Estimate(float(gone)), n=result.n, unit="images", weight=0.6))
    return found


def _left_out(result: GradientFlow) -> list[Finding]:
    networks = unlearned(result.members, result.witnesses)
    weights = [one for one in result.left_out if one not in networks]
    found = said_unlearned(result.members, result.witnesses)
    return found + remark(weights, len(weights) + len(result.weights), "weights of linear maps", weight=0.2)


def _some(names: tuple[str, ...]) -> str:
    return listed(names[:3]) + (" and others" if len(names) > 3 else "")
