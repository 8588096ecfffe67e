"""What a setting of the head does, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, interval_text, listed, number, percent, percent_text, points_text, short
from ...evidence.verdict import Judgement
from .grid import Grid
from .measure import Head

__all__ = ["findings"]

_UPSTREAM, _SOME, _MARGINS, _NORMS, _DOWN = "003-n", "003-o", "003-p", "003-q", "003-r"

_WORDS = {"head_weight_decay": "head weight decay", "head_lr": "factor on the head's learning rate"}


def findings(result: Head) -> tuple[Finding, ...]:
    """Return what changes over the grid, upstream, downstream, in margins and norms; without one, what there is."""
    grid = result.grid
    every = len(result.networks) + len(result.left_out)
    rest = remark(result.left_out, every, "pre-trainings", weight=0.3)
    if grid is None:
        return (*_each(result), *rest)
    over = f"a tenfold {_WORDS[result.setting]}"
    found = [_upstream(result, grid, over), *_downstream(result, grid, over)]
    found += [_margins(result, grid, over), _norms(result, grid, over), *_best(result, grid)]
    return (*found, *rest)


def _judged(result: Head, claim: str, *evidence: Estimate) -> Judgement | None:
    """Claims are about the weight decay alone."""
    return judge(claim, *evidence, networks=result.witnesses) if result.setting == "head_weight_decay" else None


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _of(grid: Grid) -> str:
    seeds, values = grid.rows.shape
    return f"{count(values, 'value')} from {grid.values[0]:g} to {grid.values[-1]:g}, {count(seeds, 'seed')}"


def _chance(result: Head) -> str:
    """Which pre-trainings have no weights: in claims about metrics they count as chance."""
    gone = [label for label, norms in zip(result.networks, result.norms, strict=True) if np.isnan(norms).all()]
    return f"; {listed(gone)} diverged and count{'s' * (len(gone) == 1)} as chance" if gone else ""


def _upstream(result: Head, grid: Grid, over: str) -> Finding:
    change = result.upstream_change()
    text = (
        f"{over.capitalize()} changes the upstream metric by {points_text(change)}; {_of(grid)}, "
        f"{count(result.n, 'test image')}{_chance(result)}."
    )
    return said(text, change, n=len(grid.rows), unit="pre-trainings", weight=0.8,
                judged=_judged(result, _UPSTREAM, change))  # fmt: skip


def _downstream(result: Head, grid: Grid, over: str) -> list[Finding]:
    """Few-shot of each target from what the head is given, and from the lower half of modules."""
    changes = {target: result.downstream_change(target) for target in result.targets}
    found = []
    for target, change in changes.items():
        lower = result.downstream_change(target, result.lower())
        span = _span([result.readings[i] for i in result.lower()])
        text = (
            f"{over.capitalize()} changes {result.shots}-shot accuracy at the lower half of modules ({span}) by "
            f"{points_text(lower)}, at {result.readings[-1]} by {points_text(change)}; {_of(grid)}, "
            f"{count(result.each[target].shape[2], 'test image')}{_chance(result)}."
        )
        found.append(
            said(text, lower, n=len(grid.rows), unit="pre-trainings", target=target, weight=0.7,
                 judged=_judged(result, _DOWN, lower))
        )  # fmt: skip
    if changes:
        most = max(changes, key=lambda t: changes[t].value)
        parts = [f"{target} {points_text(change)}" for target, change in changes.items()]
        text = (
            f"{over.capitalize()} changes {result.shots}-shot accuracy at {result.readings[-1]} by: "
            f"{'; '.join(parts)}; {_of(grid)}{_chance(result)}."
        )
        found.append(
            said(text, changes[most], n=len(changes), unit="targets", weight=0.8,
                 judged=_judged(result, _SOME, *changes.values()))
        )  # fmt: skip
    return found


def _margins(result: Head, grid: Grid, over: str) -> Finding:
    at_head, layers = result.head_margin_change(), result.layer_margin_change()
    text = (
        f"{over.capitalize()} changes median margins, over the spread of the features they are measured in, by "
        f"{short(at_head.value)}{interval_text(at_head, digits=None)} at {result.places[-1]} and by "
        f"{short(layers.value)}{interval_text(layers, digits=None)} in the mean at "
        f"{count(len(result.places) - 1, 'module')}; "
        f"of {result.form}s, {_of(grid)}, {count(result.margins.shape[2], 'test image')}."
    )
    return said(text, at_head, n=len(grid.rows), unit="pre-trainings", weight=0.6,
                judged=_judged(result, _MARGINS, at_head, layers))  # fmt: skip


def _norms(result: Head, grid: Grid, over: str) -> Finding:
    at_head, lower = result.head_norm_change(), result.lower_norm_change()
    modules = result.modules[: max(1, len(result.modules) // 2)]
    text = (
        f"{over.capitalize()} changes the logarithm of the head's norm by "
        f"{number(at_head.value)}{interval_text(at_head)}, and that of the lower half of modules ({_span(modules)}) "
        f"by {number(lower.value)}{interval_text(lower)} in the mean; {_of(grid)}."
    )
    return said(text, at_head, n=len(grid.rows), unit="pre-trainings", weight=0.6,
                judged=_judged(result, _NORMS, at_head, lower))  # fmt: skip


def _best(result: Head, grid: Grid) -> list[Finding]:
    """The best value of the setting upstream, and of each target."""
    found = []
    for target in (None, *result.targets):
        near = result.best(target)
        n = result.n if target is None else result.each[target].shape[2]
        tied = [f"{grid.values[i]:g}" for i in near.tied if i != near.best]
        beside = f"; not told apart from it: {listed(tied)}" if tied else "; all others are told apart from it"
        what = "upstream" if target is None else f"by {result.shots}-shot accuracy at {result.readings[-1]}"
        text = (
            f"Of these networks the best {_WORDS[result.setting]} {what} is {grid.values[near.best]:g}, "
            f"{percent_text(near.estimate)}{beside}; "
            f"{count(n, 'test image')}."
        )
        found.append(said(text, near.estimate, n=n, unit="test images", target=target or "", weight=0.5))
    return found


def _each(result: Head) -> list[Finding]:
    """Margins and norms of single networks, where there is no grid."""
    plain, scaled, found = result.median_margins(normalised=False), result.median_margins(), []
    for i, label in enumerate(result.networks):
        wrong = float((result.margins[i, -1] < 0).mean())
        text = (
            f"{label}: the median margin at {result.places[-1]} is {short(float(plain[i, -1]))}, "
            f"{percent(wrong)} of images are on the wrong side; over the spread of the features margins go from "
            f"{short(float(scaled[i, 0]))} at {result.places[0]} to {short(float(scaled[i, -1]))}; the norm of the "
            f"head's weight is {short(float(result.head_norms[i, 0]))}, those of modules "
            f"{short(float(np.min(result.norms[i])))} to {short(float(np.max(result.norms[i])))}; "
            f"{count(result.margins.shape[2], 'test image')}."
        )
        found.append(said(text, Estimate(float(plain[i, -1])), n=result.margins.shape[2], unit="test images"))
    return found
