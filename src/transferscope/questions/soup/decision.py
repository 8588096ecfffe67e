"""What to take, the soup, the ensemble or one network, in one sentence: by the one rule for all such choices."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.phrases import corrected_text, count, p_text, percent, points_text, rounded, shortened
from ...evidence.which import ALPHA, Decision, images_to_tell
from .measure import Soup
from .why import against

__all__ = ["decided"]

_BEST = "the single one that is best on held-out images"


def decided(result: Soup, images: str) -> tuple[str, Estimate]:
    """Return the sentence, and the number it rests on: by how much what is taken exceeds what it is held against.

    Soup and ensemble were chosen on held-out images, as was the best single network, so a set that is none of them
    judges: :func:`~transferscope.evidence.which.choose`. The sentence is about these networks; its interval is over
    images, its p corrected for all comparisons.

    Args:
        result: of :func:`~transferscope.questions.soup.measure.soup`.
        images: name of a test set.
    """
    found = result.decision(images)
    p = [corrected_text(q, found.compared) for q in found.p]
    n = f"{count(result.n[images], 'image')} of {images}"
    if found.gap is not None and found.second is not None and found.gap.value < 0 and found.p[0] < ALPHA:
        better = result.ingredients[found.second]
        return (
            f"Held-out images do not say which network is best on {images}: {better} "
            f"({percent(result.value(better, images))}) is clearly better than {_level(result, images)}, {_BEST}, by "
            f"{points_text(found.gap.times(-1))}, {p[0]}; choose on images like these; {n}.",
            found.gap,
        )
    over = f"over {_level(result, images)}, {_BEST}"
    if found.take == "average" and found.average is not None:
        return (
            f"Take the soup: {_made(result, 'soup', images)}, {_gain(found.average)} {over}, {p[1]}; {n}.",
            found.average,
        )
    if found.take == "ensemble" and found.ensemble is not None:
        passes = result.entry("greedy ensemble").passes
        alone = _where_one(result, found, images)
        return (
            f"Ensemble them, {count(passes, 'network')} an answer: {_made(result, 'ensemble', images)}, "
            f"{_gain(found.ensemble)} {over}, {p[2]}; {n}. {alone}",
            found.ensemble,
        )
    assert found.gap is not None and found.second is not None, "a soup has two ingredients"
    second = result.ingredients[found.second]
    apart = f"difference to {second} {points_text(found.gap)}, {p[0]}"
    soup = _beside(result, found, images)
    if found.take == "one":
        rest = "" if len(result.ingredients) == 2 else ", and to all others as clear"
        return f"Take {_level(result, images)}: {apart}{rest}; {soup}; {n}.", found.gap
    if found.average is None:
        need = _need(found.gap, result.n[images], found, 0)
        return f"Cannot tell which single one to take: {soup}; {apart}; {n}; {need}.", found.gap
    if found.average.value < 0 and found.p[1] < ALPHA:
        return (
            f"Take a single one, not the soup: {soup}, {p[1]}; which one cannot be told ({apart}); {n}.",
            found.average,
        )
    need = _need(found.average, result.n[images], found, 1)
    return (
        f"Cannot tell whether the soup or the best single one is better: {soup}, {p[1]}; {n}; {need}.",
        found.average,
    )


def _made(result: Soup, what: str, images: str) -> str:
    name = f"greedy {what}"
    members = result.entry(name).members
    of = f"{len(members)} of {len(result.ingredients)} ({shortened(list(members), 3)})"
    return f"the {name} of {of} has {result.measured} {percent(result.value(name, images))}"


def _beside(result: Soup, found: Decision, images: str) -> str:
    """How the soup compares with the best single one, or why there is none."""
    if found.average is not None:
        best = f"{percent(result.value(result.best, images))} of {result.best}, {_BEST}"
        return f"{_made(result, 'soup', images)}, against {best}, difference {points_text(found.average)}"
    bad = against(result.precheck, result.best) if result.precheck is not None else []
    why = f" (what speaks against a soup: {'; '.join(bad)})" if bad else ""
    which = "that is no worse" if result.accept == "not worse" else "that is better"
    return f"no other makes a soup with {_level(result, images)}, {_BEST}, {which} there{why}"


def _where_one(result: Soup, found: Decision, images: str) -> str:
    """What to take where an answer may cost one network only."""
    if found.average is None:
        return f"Where only one network can be run, {_beside(result, found, images)}."
    return (
        "Where only one network can be run: the greedy soup and the best single one cannot be told apart "
        f"(difference {points_text(found.average)}, {p_text(found.p[1])})."
        if found.p[1] >= ALPHA
        else f"Where only one network can be run, take {result.best}: the greedy soup is worse by "
        f"{points_text(found.average)}, {p_text(found.p[1])}."
    )


def _need(gap: Estimate, n: int, found: Decision, place: int) -> str:
    need = images_to_tell(gap, n, found.times(place))
    if math.isfinite(need):
        return f"about {rounded(need)} images would tell a true difference of this size in four of five cases"
    return "no number of images would tell, as there is no difference"


def _level(result: Soup, images: str) -> str:
    return f"{result.best} ({result.measured} {percent(result.value(result.best, images))})"


def _gain(e: Estimate) -> str:
    return f"{'+' if e.value > 0 else ''}{points_text(e)}"
