"""What runs on shuffled blocks say, in sentences; seeds are the sample, and test images vary, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import above_chance
from ...evidence.judge import judge
from ...evidence.left_out import joined
from ...evidence.phrases import bracket, count, interval_text, listed, number, percent, percent_text, points_text
from ...evidence.verdict import Judgement
from .._counted import Counted, Series, Side
from .measure import BlockShuffle
from .runs import BlockRun
from .slopes import drop_slope, log_slope, log_slope_less, slope

__all__ = ["findings"]

_MUCH = 2
"""Times as much that counts as much more."""


def findings(result: BlockShuffle) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        found += _at_chance(result, target)
        if len(result.sizes(target)) > 1:
            found += [*_falls(result, target), *_shrinks(result, target), *_stable(result, target)]
        found += _all_shuffled(result, target)
    return (*found, *_notes(result))


def _falls(result: BlockShuffle, target: str) -> list[Finding]:
    sizes, both = result.sizes(target), _series(result, target, "final")
    if not all(map(len, both)):
        return []
    lines = [slope(sizes, of) for of in both]
    judged = judge("000-3.1-d", *lines, networks=result.witnesses.get(target, ()))
    word = _word(judged, "both end worse", "not both end worse", "not clearly both end worse")
    told = [
        f"{_signed(-100 * e.value)} points{interval_text(e, factor=-100, digits=1)} for {role}"
        f"{_ends(result, sizes, of)}"
        for role, e, of in zip(("P-T", "RI-T"), lines, both, strict=True)
    ]
    return [
        said(
            f"{target}: {word} the smaller the blocks: each time their side halves, {_metric(result, target)} "
            f"changes by {' and by '.join(told)}; {_seeds(both)} at {count(len(sizes), 'size')} of blocks.",
            lines[0],
            n=sum(map(len, both)) * len(sizes),
            unit="runs",
            target=target,
            weight=0.7,
            judged=judged,
        )
    ]


def _shrinks(result: BlockShuffle, target: str) -> list[Finding]:
    sizes, both = result.sizes(target), _series(result, target, "final")
    found = drop_slope(sizes, *both)
    if not math.isfinite(found.value):
        return []
    known = result.alike is not None
    claim = "000-3.1-e" if result.alike is not None and target in result.alike else "000-3.1-f"
    judged = judge(claim, found, networks=result.witnesses.get(target, ())) if known else None
    word = "neither clearly shrinks nor grows"
    if found.low is not None and found.high is not None and not found.low <= 0 <= found.high:
        word = "shrinks" if found.value > 0 else "grows"
    drops = [_drop(both[0].values[:, i], both[1].values[:, i]) for i in (-1, 0)]
    why = "" if known else "; it was not said whether the target looks like the source, so this decides no claim"
    return [
        said(
            f"{target}: what RI-T loses against P-T {word} with smaller blocks: {number(drops[0], 1)} % of P-T's "
            f"{_metric(result, target)} {_size(result, sizes[-1])}, {number(drops[1], 1)} % "
            f"{_size(result, sizes[0])}; each time the side halves, {_signed(-found.value)} percentage points"
            f"{interval_text(found, factor=-1, digits=1)}; {_seeds(both)} at {count(len(sizes), 'size')} of blocks"
            f"{why}.",
            found,
            n=sum(map(len, both)) * len(sizes),
            unit="runs",
            target=target,
            weight=0.8,
            judged=judged,
        )
    ]


def _stable(result: BlockShuffle, target: str) -> list[Finding]:
    """Whether RI-T's speed falls, and by more than twice what P-T's does."""
    sizes, both = result.sizes(target), _series(result, target, "speed")
    first, second = both
    more, falls = log_slope_less(sizes, second, _MUCH, first), log_slope(sizes, second)
    if not math.isfinite(more.value):
        return []
    judged = judge("000-3.1-g", more, falls, networks=result.witnesses.get(target, ()))
    word = _word(
        judged, "costs RI-T much more speed than P-T", "costs RI-T not much more speed than P-T",
        "does not clearly cost RI-T much more speed than P-T",
    )  # fmt: skip
    told = [
        f"{_relative(log_slope(sizes, of))} for {role}{_ends(result, sizes, of)}"
        for role, of in (("P-T", first), ("RI-T", second))
    ]
    kept, much = math.exp(-falls.value), math.exp(-_MUCH * log_slope(sizes, first).value)
    sign = 1 if more.value >= 0 else -1
    low, high = (None if x is None else -100 * sign * math.expm1(-x) for x in (more.low, more.high)[::sign])
    return [
        said(
            f"{target}: shuffling {word}: each time the side of the blocks halves, the training accuracy averaged "
            f"over epochs changes by {' and by '.join(told)}; with twice P-T's relative change a halving would leave "
            f"RI-T {percent(much)} of it, and it leaves {percent(kept)}, that is "
            f"{percent(-sign * math.expm1(-more.value))} {'less' if sign > 0 else 'more'}{bracket(low, high, 1)}; "
            f"{_seeds(both)} at {count(len(sizes), 'size')} of blocks.",
            more,
            n=sum(map(len, both)) * len(sizes),
            unit="runs",
            target=target,
            weight=0.75,
            judged=judged,
        )
    ]


def _at_chance(result: BlockShuffle, target: str) -> list[Finding]:
    """The starts that have not clearly learned anything even on images as they are."""
    chance = result.chance.get(target)
    if chance is None:
        return []
    found = []
    for role in ("P-T", "RI-T"):
        of = result.counted(target, str(result.side), role)
        mean = of.mean("final")
        if not of.runs or above_chance(mean.value, mean.low, chance):
            continue
        by = "guessing" if result.metric(target) == "auc" else "always naming the most frequent class"
        found.append(
            said(
                f"{target}: {role} is not clearly above chance even unshuffled: {_metric(result, target)} "
                f"{percent_text(mean)}, {by} {percent(chance)}; what has "
                f"learned nothing has nothing to lose; {_counts(of)}.",
                mean,
                n=len(of.runs),
                unit="runs",
                target=target,
                weight=0.9,
            )
        )
    return found


def _all_shuffled(result: BlockShuffle, target: str) -> list[Finding]:
    """What is left of the benefit when every pixel (and channel) has another place."""
    for block in ("*", "1"):
        both = all(result.counted(target, block, role).runs for role in ("P-T", "RI-T"))
        if both and block != str(result.side):
            return [found for what in ("final", "speed") for found in _ahead(result, target, block, what)]
    return []


def _ahead(result: BlockShuffle, target: str, block: str, what: Side) -> list[Finding]:
    first, second = (result.counted(target, block, role, what) for role in ("P-T", "RI-T"))
    if not (first.runs and second.runs):
        return []
    found = first.less(second, what)
    claim = "000-3.1-h" if what == "final" else "000-3.1-i"
    judged = judge(claim, found, networks=result.witnesses.get(target, ()))
    verb, better, worse = ("end", "better", "worse") if what == "final" else ("learn", "faster", "slower")
    word = _word(judged, f"{verb}s {better}", f"{verb}s {worse}", f"does not clearly {verb} {better}")
    how = "all values are shuffled across pixels and channels" if block == "*" else "all pixels are shuffled"
    name = _metric(result, target) if what == "final" else "training accuracy averaged over epochs"
    means = [percent(float(of.numbers(what).mean())) for of in (first, second)]
    return [
        said(
            f"{target}: when {how}, P-T {word} than RI-T: {name} {means[0]} against {means[1]}, difference "
            f"{points_text(found)}; {_counts(first, second)}.",
            found,
            n=len(first.runs) + len(second.runs),
            unit="runs",
            target=target,
            weight=0.7 if what == "final" else 0.75,
            judged=judged,
        )
    ]


def _notes(result: BlockShuffle) -> list[Finding]:
    """What a reader must know besides."""
    found = []
    n = len(result.runs)
    if gone := [r for r in result.runs if r.ended != "finished" and r.target in result.chance]:
        which = listed([f"{r.label} on {r.target}, blocks {r.block} ({r.ended})" for r in gone])
        counts = "counts" if len(gone) == 1 else "count"
        text = f"{count(len(gone), 'run')} of {n} diverged and {counts} as chance in what is judged: {which}."
        found.append(said(text, Estimate(float(len(gone))), n=n, unit="runs", weight=0.6))
    if result.varied:
        text = (
            "Training images were cropped, flipped or mixed after the shuffle, which moves blocks apart; the paper "
            f"trains without; {count(n, 'run')}."
        )
        found.append(said(text, Estimate(1.0), n=n, unit="runs", weight=0.65))
    if left := result.left_out:
        text = f"Left out: {'; '.join(joined(left))}."
        found.append(said(text, Estimate(float(len(left))), n=n, unit="runs", weight=0.2))
    return found


def _series(result: BlockShuffle, target: str, what: Side) -> tuple[Series, Series]:
    return result.series(target, "P-T", what), result.series(target, "RI-T", what)


def _word(judged: Judgement, agrees: str, disagrees: str, neither: str) -> str:
    return {"agrees": agrees, "disagrees": disagrees}.get(judged.verdict, neither)


def _ends(result: BlockShuffle, sizes: Sequence[int], of: Series) -> str:
    ends = [f"{percent(float(of.values[:, i].mean()))} {_size(result, sizes[i])}" for i in (-1, 0)]
    return f" (from {ends[0]} to {ends[1]})"


def _drop(pretrained: np.ndarray, random: np.ndarray) -> float:
    p, r = float(pretrained.mean()), float(random.mean())
    return 100 * (p - r) / p


def _size(result: BlockShuffle, block: int) -> str:
    return "unshuffled" if block == result.side else f"with blocks of {block}×{block}"


def _metric(result: BlockShuffle, target: str) -> str:
    return "test AUC" if result.metric(target) == "auc" else "test accuracy"


def _relative(found: Estimate) -> str:
    """A slope of a logarithm a doubling, as what a halving changes in per cent."""
    low, high = (None if x is None else 100 * math.expm1(-x) for x in (found.high, found.low))
    return f"{_signed(100 * math.expm1(-found.value))} %{bracket(low, high, 1)}"


def _signed(x: float) -> str:
    return f"{'+' if x > 0 else ''}{number(x, 1)}"


def _seeds(both: Sequence[Series]) -> str:
    counts = sorted({len(of) for of in both})
    return f"{count(counts[0], 'seed')} a start" if len(counts) == 1 else f"{counts[0]} and {counts[-1]} seeds"


def _counts(*groups: Counted[BlockRun]) -> str:
    counts = sorted({len(of.runs) for of in groups})
    return f"{count(counts[0], 'seed')} a start" if len(counts) == 1 else f"{counts[0]} and {counts[-1]} seeds"
