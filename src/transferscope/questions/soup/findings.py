"""What soups come to, in sentences: of these networks; claims are judged over soups that share no network."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, listed, percent, points_more, points_text, shortened
from .decision import decided
from .measure import HELD_OUT, Soup
from .merged import METHODS
from .seen import warning
from .why import against, reasons

__all__ = ["findings"]

_GAIN, _MOST = "003-b", "003-c"
_UNIFORM, _LIKE, _SHIFTED, _SHIFTED_ENSEMBLE = "003-s", "003-t", "003-u", "003-v"


def findings(result: Soup) -> tuple[Finding, ...]:
    """Return the findings of a result: what to take, what stands beside it, and why."""
    found: list[Finding] = []
    for place, images in enumerate(result.tests):
        text, gap = decided(result, images)
        found.append(_of_images(text, gap, result, images, 1.0 if place == 0 else 0.8))
        found.append(_beside(result, images))
    if (seen := warning(result)) is not None:
        found.append(_of_images(*seen, result, result.tests[0], 0.95))
    found += _norm(result)
    found += _why(result)
    found.append(_steps(result))
    found += _merged(result)
    found += _seeds(result)
    every = len(result.ingredients) + len(result.left_out)
    return (*found, *remark(result.left_out, every, "ingredients and images"), *_counters(result))


def _of_images(text: str, estimate: Estimate, result: Soup, images: str, weight: float) -> Finding:
    return said(text, estimate, n=result.n[images], unit="images", target=result.target, weight=weight)


def _beside(result: Soup, images: str) -> Finding:
    """What else there is on a set of images, each against the best single network."""
    gap = result.less("uniform soup", result.best, images)
    parts = []
    for name in ("uniform soup", "logit ensemble", "probability ensemble", "greedy ensemble"):
        entry = result.entry(name)
        cost = f", {count(entry.passes, 'network')} an answer" if entry.kind == "ensemble" else ""
        if entry.members == (result.best,):
            parts.append(f"{name} is the best single one alone")
            continue
        over = points_text(result.less(name, result.best, images))
        parts.append(f"{name} {percent(result.value(name, images))} ({over}{cost})")
    oracle = result.oracle(images)
    best = f"{result.best}, {percent(result.value(result.best, images))}"
    text = (
        f"On {images}, against the best single one on held-out images ({best}): {'; '.join(parts)}. The oracle, "
        f"chosen on {images} itself, is {oracle} with {percent(result.value(oracle, images))}; "
        f"{count(result.n[images], 'image')}."
    )
    return _of_images(text, gap, result, images, 0.5)


def _norm(result: Soup) -> list[Finding]:
    """What collecting the statistics of batch norm anew changes."""
    images, plain = result.tests[0], "uniform soup, statistics averaged"
    if not result.has(plain):
        return []
    gain = result.less("uniform soup", plain, images)
    alone = result.less("best single, statistics anew", result.best, images)
    text = (
        f"With statistics of batch norm averaged like weights the uniform soup has "
        f"{percent(result.value(plain, images))} on {images}, with statistics collected anew "
        f"{percent(result.value('uniform soup', images))}, difference {points_text(gain)}; of the best single one "
        f"collecting them anew changes {points_text(alone)}; {count(result.n[images], 'image')}."
    )
    return [_of_images(text, gain, result, images, 0.7)]


def _why(result: Soup) -> list[Finding]:
    """What the pre-check found."""
    check = result.precheck
    if check is None:
        return []
    bad = against(check, result.best)
    every = reasons(check, result.best)
    head = "What speaks against a soup of these" if bad else "Nothing was found that speaks against a soup of these"
    told = bad or [reason.text for reason in every]
    beside = [reason.text for reason in every if not reason.bad] if bad else []
    more = f". Beside it: {'; '.join(beside)}" if beside else ""
    worst = max(check.rises.values(), key=lambda e: e.value)
    text = f"{head}: {'; '.join(told)}{more}; {count(result.n[HELD_OUT], 'held-out image')}."
    return [
        said(
            text,
            worst,
            n=result.n[HELD_OUT],
            unit="held-out images",
            target=result.target,
            weight=0.9 if bad else 0.6,
        )
    ]


def _steps(result: Soup) -> Finding:
    """How the greedy soup came about, and how sure its steps are."""
    tried = result.steps[1:]
    taken = [s for s in tried if s.accepted]
    clear = [s for s in taken if s.gain.low is not None and s.gain.low > 0]
    gain = result.less("greedy soup", result.best, HELD_OUT)
    when = "does not fall" if result.accept == "not worse" else "rises"
    text = (
        f"The greedy soup takes one more when the held-out {result.measured} {when}: after {result.best} it took "
        f"{len(taken)} of {len(tried)}"
        f"{' (' + shortened([s.name for s in taken]) + ')' if taken else ''}; of these steps {len(clear)} "
        f"{'is' if len(clear) == 1 else 'are'} clearly more than chance would do, each by its own paired interval; "
        f"{count(result.n[HELD_OUT], 'held-out image')}."
    )
    return said(text, gain, n=result.n[HELD_OUT], unit="held-out images", target=result.target, weight=0.4)


def _merged(result: Soup) -> list[Finding]:
    """What the methods that need a start give."""
    names = [e for e in result.entries if e.kind == "merged"]
    if not names:
        return []
    images = result.tests[0]
    parts = []
    for entry in names:
        at = "" if entry.coefficient is None else f" at {entry.coefficient:g}, chosen on held-out images,"
        gap = points_text(result.less(entry.name, result.best, images))
        parts.append(f"{entry.name}{at} {percent(result.value(entry.name, images))} ({gap})")
    top = max(names, key=lambda e: result.value(e.name, HELD_OUT))
    text = (
        f"By how far ingredients moved from their start, on {images} against the best single one: "
        f"{'; '.join(parts)}; {count(result.n[images], 'image')}."
    )
    return [_of_images(text, result.less(top.name, result.best, images), result, images, 0.5), *_forgetting(result)]


def _forgetting(result: Soup) -> list[Finding]:
    """Where on the line from the start each set is best (WiSE-FT): a description, chosen on the set itself."""
    points = [p for p in result.lines if p.method == "wise_ft"]
    if not points or len(result.tests) < 2:
        return []
    tops = {name: max(points, key=lambda p: p.values[name]) for name in result.tests}
    told = [f"{name} at {p.coefficient:g} ({percent(p.values[name])})" for name, p in tops.items()]
    text = (
        f"On the line from the start (0) to {result.best} (1), {METHODS['wise_ft']}, sets are best: {listed(told)}."
    )
    own = tops[result.tests[0]].values[result.tests[0]]
    return [_of_images(text, Estimate(own), result, result.tests[0], 0.3)]


def _seeds(result: Soup) -> list[Finding]:
    """What soups of single seeds say of soups in general."""
    if not result.of_seeds:
        return []
    of = sum(len(s.members) for s in result.of_seeds)
    seeds = f"{count(len(result.of_seeds), 'soup')} of one seed each ({of} networks)"
    return [*_own_images(result, seeds), *_shifted(result, seeds)]


def _own_images(result: Soup, seeds: str) -> list[Finding]:
    """On the task's own test images."""
    images = result.tests[0]
    gain, every, together = (result.seed_gain(what) for what in ("soup", "uniform", "ensemble"))
    rest, apart = result.seed_gain("soup", share=0.5), result.seed_gain("soup", "ensemble")
    chosen = result.seed_gain("soup", "uniform")
    n = f"{seeds}, {count(result.n[images], 'image')}"
    return [
        _of_seeds(
            f"A greedy soup of the networks of one seed is {points_more(gain, 'better', 'worse')} than its best "
            f"single one on {images} in the mean; {n}.",
            result, _GAIN, 0.7, gain,
        ),
        _of_seeds(
            f"The greedy ensembles of the same networks are {points_more(together, 'better', 'worse')}, and the "
            f"soups gain {points_more(rest)} than half of that; {n}.",
            result, _MOST, 0.6, together, rest,
        ),
        _of_seeds(
            f"The plain mean of all networks of one seed is {points_more(every, 'better', 'worse')} than its best "
            f"single one on {images} in the mean, and the greedy soup is {points_more(chosen, 'better', 'worse')} "
            f"than that mean; {n}.",
            result, _UNIFORM, 0.6, every,
        ),
        _of_seeds(
            f"Greedy soups are {points_more(apart, 'better', 'worse')} than greedy ensembles of the same networks on "
            f"{images} in the mean; {n}.",
            result, _LIKE, 0.5, apart,
        ),
    ]  # fmt: skip


def _shifted(result: Soup, seeds: str) -> list[Finding]:
    """On all shifted test sets, each weighted alike."""
    if not result.shifted:
        return []
    gain, apart = (result.seed_gain("soup", than, shifted=True) for than in ("best", "ensemble"))
    every = result.seed_gain("uniform", shifted=True)
    total = sum(result.n[name] for name in result.shifted)
    n = f"{seeds}, {count(total, 'image')} of {listed(list(result.shifted))}"
    return [
        _of_seeds(
            f"On shifted images greedy soups are {points_more(gain, 'better', 'worse')} than their best single one "
            f"in the mean, the plain mean of all networks is {points_more(every, 'better', 'worse')}; {n}.",
            result, _SHIFTED, 0.7, gain,
        ),
        _of_seeds(
            f"On shifted images greedy soups are {points_more(apart, 'better', 'worse')} than greedy ensembles of "
            f"the same networks in the mean; {n}.",
            result, _SHIFTED_ENSEMBLE, 0.6, apart,
        ),
    ]  # fmt: skip


def _of_seeds(text: str, result: Soup, claim: str, weight: float, *estimates: Estimate) -> Finding:
    return said(
        text, estimates[0], n=len(result.of_seeds), unit="soups", target=result.target, weight=weight,
        judged=judge(claim, *estimates, networks=result.witnesses),
    )  # fmt: skip


def _counters(result: Soup) -> list[Finding]:
    if not result.counters:
        return []
    text = (
        f"{count(len(result.counters), 'integer tensor')} ({shortened(list(result.counters), 2)}) differ between "
        "ingredients; of integers there is no mean, so a soup has those of its first."
    )
    return [said(text, Estimate(math.nan), n=len(result.counters), unit="tensors", target=result.target, weight=0.1)]
