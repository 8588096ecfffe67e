"""Whether scaling different things leads along one curve, in sentences."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, listed, number, percent, points_text
from .measure import Curve, Grid, Offset

__all__ = ["SCALED", "findings"]

SCALED = ("width", "depth", "share", "epochs")
"""Factors that scale size (width, depth), data (share) and compute (epochs); the others are settings."""

_WORDS = {"share": "share of the data", "lr": "learning rate", "weight_decay": "weight decay",
          "head_lr": "rate of the head", "head_weight_decay": "weight decay of the head"}  # fmt: skip


def findings(result: Grid) -> tuple[Finding, ...]:
    """Return how far up- and downstream accuracy reach, then, for each number of shots, what factors add.

    The claim is judged at the largest number of shots, where the few images make least noise.
    """
    most = max((c.shots for c in result.curves if math.isfinite(c.shots)), default=0)
    return (_reach(result), *(_curve(result, curve, judged=curve.shots == most) for curve in result.curves))


def _reach(result: Grid) -> Finding:
    there = [p for p in result.points if math.isfinite(p.upstream)]
    n, families = len(there), len({p.family for p in there})
    gone = len(result.points) - n
    if not there:
        return said(f"{result.target}: no pre-training finished.", Estimate(math.nan), n=0, unit="pre-trainings")
    best, last = max(there, key=lambda p: p.accuracy[-1]), _shots(result.shots[-1])
    ups = [p.upstream for p in there]
    text = (
        f"{result.target}: {count(n, 'pre-training')} of {count(families, 'family', 'families')} reach from "
        f"{percent(min(ups))} to {percent(max(ups))} upstream; best {last} is {best.name} with "
        f"{percent(best.accuracy[-1])}, which has {percent(best.upstream)} upstream"
        + (f"; {count(gone, 'pre-training')} diverged" if gone else "")
    )
    return said(f"{text}.", Estimate(best.accuracy[-1]), n=n, unit="pre-trainings", target=result.target, weight=0.5)


def _curve(result: Grid, curve: Curve, *, judged: bool) -> Finding:
    what = _shots(curve.shots)
    if curve.refused:
        text = f"{result.target}, {what}: no curve: {curve.refused}."
        return said(text, Estimate(math.nan), n=curve.n, unit="pre-trainings", target=result.target, weight=0.3)
    scaled = [o for o in curve.offsets if o.factor in SCALED]
    others = [o for o in curve.offsets if o.factor not in SCALED]
    text = (
        f"{result.target}, {what}: one law of upstream accuracy leaves {number(100 * curve.rmse, 1)} points of "
        f"{count(curve.n, 'pre-training')}{_alike(curve)} (R² {number(curve.r2)})"
    )
    if scaled:
        text += (
            f"; at equal upstream accuracy the greatest value adds to the least {listed([_of(o) for o in scaled])}"
        )
    if others:
        text += f"{';' if not scaled else ','} and of settings {listed([_of(o) for o in others])}"
    numbers = [o.added for o in scaled]
    verdict = judge("003-i", *numbers, networks=result.judged_by(curve.shots)) if judged and numbers else None
    first = numbers[0] if numbers else Estimate(curve.r2)
    return said(
        f"{text}.",
        first,
        n=curve.n,
        unit="pre-trainings",
        target=result.target,
        weight=0.8 if judged else 0.4,
        judged=verdict,
    )


def _alike(curve: Curve) -> str:
    """Of how many configurations, where some differ in their seed alone."""
    return f" of {count(curve.configurations, 'configuration')}" if curve.configurations < curve.n else ""


def _of(offset: Offset) -> str:
    name = _WORDS.get(offset.factor, offset.factor)
    if not math.isfinite(offset.added.value):
        return f"{name}: cannot be told from the others"
    return f"{name}: {points_text(offset.added)}"


def _shots(shots: float) -> str:
    return "fine-tuned" if math.isinf(shots) else count(int(shots), "shot")
