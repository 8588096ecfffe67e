"""What runs on shuffled blocks say, in sentences; every verdict rests on a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import replace

from .._chance import above_chance, silenced
from .._phrases import bracket, count, listed, number, verdict_of
from ..result import Finding, Verdict
from .measure import BlockGroup, BlockShuffle
from .numbers import Basis, Estimate, Mean, combined, drop_slope, log_slope, slope

__all__ = ["CLAIMS", "findings"]

FALLS = "000 §3.1: the final metric falls for both P-T and RI-T as blocks get smaller"
SHRINKS = "000 §3.1: where a target looks like the source, the relative drop shrinks with smaller blocks"
STAYS = "000 §3.1: where a target looks unlike the source, the relative drop does not shrink with smaller blocks"
STABLE = "000 §3.1: P-T's optimisation speed is stable over block sizes, while RI-T's falls much more (twice, say)"
END = "000 §3.1: P-T ends better than RI-T even when all pixels are shuffled"
SPEED = "000 §3.1: P-T learns faster than RI-T even when all pixels are shuffled"
CLAIMS = (FALLS, SHRINKS, STAYS, STABLE, END, SPEED)


_MUCH = 2
"""Times as much that counts as much more."""


def findings(result: BlockShuffle) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        of: list[Finding] = []
        if len(result.sizes(target)) > 1:
            of += [_falls(result, target), *_shrinks(result, target), *_stable(result, target)]
        of += _all_shuffled(result, target)
        low = _at_chance(result, target)
        if of and low:
            why = f"{' and '.join(low)} {'is' if len(low) == 1 else 'are'} not clearly above chance even unshuffled"
            of = [silenced(f, why) for f in of]  # all claims compare the two
            found += low.values()
        found += of
    return (*found, *_notes(result))


def _falls(result: BlockShuffle, target: str) -> Finding:
    sizes, first, second = _groups(result, target)
    lines = [slope(sizes, [g.final for g in groups]) for groups in (first, second)]
    verdict = _both(*lines)
    told = [
        f"{_signed(-100 * e.value)} points{_bracket(e, -100)} for {role}"
        f"{_least_to_most(result, sizes, [g.final for g in groups])}"
        for role, e, groups in (("P-T", lines[0], first), ("RI-T", lines[1], second))
    ]
    least = min(lines, key=lambda e: e.value if e.low is None else e.low)
    word = {"agrees": "both end worse", "disagrees": "not both end worse"}.get(verdict, "not clearly both end worse")
    return Finding(
        f"{target}: {word} the smaller the blocks: each time their side halves, test {_metric(first)} changes by "
        f"{' and by '.join(told)}; {_sample(least.basis, [*first, *second])}.",
        value=least.value,
        low=least.low,
        high=least.high,
        n=_n(least.basis, result, target, [*first, *second]),
        unit=_unit(least.basis),
        claim=FALLS,
        verdict=verdict,
        weight=0.7,
    )


def _shrinks(result: BlockShuffle, target: str) -> list[Finding]:
    sizes, first, second = _groups(result, target)
    found = drop_slope(sizes, [g.final for g in first], [g.final for g in second])
    if not math.isfinite(found.value):
        return []
    ends = [result.drop(target, str(b)) for b in (sizes[-1], sizes[0])]
    drops = [f"{number(e.value, 1)} %{_bracket(e)}" for e in ends if e is not None]
    clear = verdict_of(found.low, found.high)
    claim, verdict, why = SHRINKS, clear, ""
    if result.alike is None:
        verdict = "agrees" if clear == "agrees" else "cannot tell"
        why = "; it was not said whether the target looks like the source" if clear != "agrees" else ""
    elif target not in result.alike:
        claim = STAYS
        opposite: dict[Verdict, Verdict] = {"agrees": "disagrees", "disagrees": "agrees"}
        verdict = opposite.get(clear, "cannot tell")
    word = {"agrees": "shrinks", "disagrees": "grows"}.get(clear, "neither clearly shrinks nor grows")
    return [
        Finding(
            f"{target}: what RI-T loses against P-T {word} with smaller blocks: {drops[0]} of P-T's test "
            f"{_metric(first)} {_size(result, sizes[-1])}, {drops[1]} {_size(result, sizes[0])}; each time the side "
            f"halves, {_signed(-found.value)} percentage points{_bracket(found, -1)}; "
            f"{_sample(found.basis, [*first, *second])}{why}.",
            value=found.value,
            low=found.low,
            high=found.high,
            n=_n(found.basis, result, target, [*first, *second]),
            unit=_unit(found.basis),
            claim=claim,
            verdict=verdict,
            weight=0.8,
        )
    ]


def _stable(result: BlockShuffle, target: str) -> list[Finding]:
    """Whether RI-T's speed falls, and by more than twice what P-T's does."""
    sizes, first, second = _groups(result, target)
    one, other = ([g.speed for g in groups] for groups in (first, second))
    found, falls = log_slope(sizes, other, one, _MUCH), log_slope(sizes, other)
    if not math.isfinite(found.value):
        return []
    verdict = _both(found, falls)
    word = {
        "agrees": "costs RI-T much more speed than P-T",
        "disagrees": "costs RI-T not much more speed than P-T",
    }.get(verdict, "does not clearly cost RI-T much more speed than P-T")
    told = [
        f"{_relative(log_slope(sizes, [g.speed for g in groups]))} for {role}"
        f"{_least_to_most(result, sizes, [g.speed for g in groups])}"
        for role, groups in (("P-T", first), ("RI-T", second))
    ]
    kept, much = math.exp(-falls.value), math.exp(-_MUCH * log_slope(sizes, one).value)
    less = _as_share(found)
    short = less if less.value >= 0 else _turned(less)
    than = "less" if less.value >= 0 else "more"
    return [
        Finding(
            f"{target}: shuffling {word}: each time the side of the blocks halves, the training accuracy averaged "
            f"over epochs changes by {' and by '.join(told)}; with twice P-T's relative change a halving would leave "
            f"RI-T {_percent(much)} of it, and it leaves {_percent(kept)}, that is {_percent(short.value)} {than}"
            f"{_bracket(short, 100)}; {_sample(found.basis, [*first, *second])}.",
            value=less.value,
            low=less.low,
            high=less.high,
            n=_n(found.basis, result, target, [*first, *second]),
            unit=_unit(found.basis),
            claim=STABLE,
            verdict=verdict,
            weight=0.75,
        )
    ]


def _at_chance(result: BlockShuffle, target: str) -> dict[str, Finding]:
    """The starts that have not clearly learned anything even on images as they are."""
    chance = result.chance.get(target)
    if chance is None:
        return {}
    found = {}
    for role in ("P-T", "RI-T"):
        group = result.group(target, str(result.side), role)
        if group is None:
            continue
        mean = combined(group.final.value, [(1.0, group.final)])
        if above_chance(mean.value, mean.low, chance):
            continue
        low, high = (None if x is None else x - chance for x in (mean.low, mean.high))
        by = "guessing" if _metric([group]) == "AUC" else "always naming the most frequent class"
        found[role] = Finding(
            f"{target}: {role} is not clearly above chance even unshuffled: test {_metric([group])} "
            f"{_percent(mean.value)}{_bracket(mean, 100)}, {by} {_percent(chance)}; what has learned nothing has "
            f"nothing to lose, so no claim here is judged; {_sample(mean.basis, [group])}.",
            value=mean.value - chance,
            low=low,
            high=high,
            n=_n(mean.basis, result, target, [group]),
            unit=_unit(mean.basis),
            weight=0.9,
        )
    return found


def _all_shuffled(result: BlockShuffle, target: str) -> list[Finding]:
    """What is left of the benefit when every pixel (and channel) has another place."""
    for block in ("*", "1"):
        first, second = (result.group(target, block, role) for role in ("P-T", "RI-T"))
        if first and second and block != str(result.side):
            how = "all values are shuffled across pixels and channels" if block == "*" else "all pixels are shuffled"
            return [
                _ahead(result, target, first, second, how, what) for what in ("final", "speed")
            ]  # fmt: skip
    return []


def _ahead(result: BlockShuffle, target: str, first: BlockGroup, second: BlockGroup, how: str, what: str) -> Finding:
    one, other = getattr(first, what), getattr(second, what)
    found = combined(one.value - other.value, [(1.0, one), (-1.0, other)])
    verdict = verdict_of(found.low, found.high)
    verb, better, worse = ("end", "better", "worse") if what == "final" else ("learn", "faster", "slower")
    word = {"agrees": f"{verb}s {better}", "disagrees": f"{verb}s {worse}"}.get(
        verdict, f"does not clearly {verb} {better}"
    )
    name = f"test {_metric([first])}" if what == "final" else "training accuracy averaged over epochs"
    return Finding(
        f"{target}: when {how}, P-T {word} than RI-T: {name} {_percent(one.value)} against {_percent(other.value)}, "
        f"difference {number(100 * found.value, 1)} points{_bracket(found, 100)}; "
        f"{_sample(found.basis, [first, second])}.",
        value=found.value,
        low=found.low,
        high=found.high,
        n=_n(found.basis, result, target, [first, second]),
        unit=_unit(found.basis),
        claim=END if what == "final" else SPEED,
        verdict=verdict,
        weight=0.7 if what == "final" else 0.75,
    )


def _notes(result: BlockShuffle) -> list[Finding]:
    """What a reader must know besides."""
    found = []
    n = len(result.runs)
    if gone := [r for r in result.runs if r.ended != "finished"]:
        which = listed([f"{r.label} on {r.target}, blocks {r.block} ({r.ended})" for r in gone])
        text = f"{count(len(gone), 'run')} of {n} diverged, left out of the means: {which}."
        found.append(Finding(text, value=len(gone), n=n, unit="runs", weight=0.6))
    if result.varied:
        text = (
            "Training images were cropped, flipped or mixed after the shuffle, which moves blocks apart; the paper "
            f"trains without; {count(n, 'run')}."
        )
        found.append(Finding(text, value=1, n=n, unit="runs", weight=0.65))
    if result.left_out:
        text = f"{count(len(result.left_out), 'run')} left out: {listed(result.left_out)}."
        found.append(Finding(text, value=len(result.left_out), n=n, unit="runs", weight=0.2))
    return found


def _both(first: Estimate, second: Estimate) -> Verdict:
    """Judge the claim that two numbers are positive."""
    verdicts = {verdict_of(e.low, e.high) for e in (first, second)}
    return "disagrees" if "disagrees" in verdicts else "agrees" if verdicts == {"agrees"} else "cannot tell"


def _groups(result: BlockShuffle, target: str) -> tuple[tuple[int, ...], list[BlockGroup], list[BlockGroup]]:
    sizes = result.sizes(target)
    found: list[list[BlockGroup]] = [
        [g for b in sizes if (g := result.group(target, str(b), role)) is not None] for role in ("P-T", "RI-T")
    ]
    return sizes, found[0], found[1]


def _least_to_most(result: BlockShuffle, sizes: tuple[int, ...], means: list[Mean]) -> str:
    ends = [f"{_percent(means[i].value)} {_size(result, sizes[i])}" for i in (-1, 0)]
    return f" (from {ends[0]} to {ends[1]})"


def _size(result: BlockShuffle, block: int) -> str:
    return "unshuffled" if block == result.side else f"with blocks of {block}×{block}"


def _metric(groups: list[BlockGroup]) -> str:
    return "AUC" if groups[0].runs[0].metric == "auc" else "accuracy"


def _percent(share: float) -> str:
    return f"{number(100 * share, 1)} %"


def _relative(found: Estimate) -> str:
    """A slope of a logarithm a doubling, as what a halving changes in per cent."""
    low, high = ((None if x is None else 100 * math.expm1(-x)) for x in (found.high, found.low))
    return f"{_signed(100 * math.expm1(-found.value))} %{bracket(low, high, 1)}"


def _as_share(found: Estimate) -> Estimate:
    """By what share one number is less than another, of how much its logarithm is less."""
    low, high = (None if x is None else -math.expm1(-x) for x in (found.low, found.high))
    return replace(found, value=-math.expm1(-found.value), low=low, high=high)


def _turned(found: Estimate) -> Estimate:
    low, high = (None if x is None else -x for x in (found.high, found.low))
    return replace(found, value=-found.value, low=low, high=high)


def _signed(x: float) -> str:
    return f"{'+' if x > 0 else ''}{number(x, 1)}"


def _bracket(found: Estimate, times: float = 1.0) -> str:
    if found.low is None or found.high is None:
        return ""
    low, high = sorted((times * found.low, times * found.high))
    return bracket(low, high, 1)


def _sample(basis: Basis, groups: list[BlockGroup]) -> str:
    counts = sorted({len(g.runs) for g in groups})
    seeds = count(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    over = {"seeds": "interval over seeds", "test images": "interval over test images (binomial), not over seeds"}
    return f"{seeds} a start and block, {over.get(basis, 'too few for an interval')}"


def _n(basis: Basis, result: BlockShuffle, target: str, groups: list[BlockGroup]) -> int:
    return result.test_images[target] if basis == "test images" else sum(len(g.runs) for g in groups)


def _unit(basis: Basis) -> str:
    return "test images" if basis == "test images" else "runs"
