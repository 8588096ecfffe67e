"""What to take, the soup or the best single network, in one sentence."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.phrases import count, percent, points_text, short, shortened
from .measure import Soup
from .why import against

__all__ = ["decided", "images_to_tell"]


def decided(result: Soup, images: str) -> tuple[str, Estimate]:
    """Return the sentence, and the number it rests on: by how much the greedy soup exceeds the best single network.

    The soup was chosen on held-out images, so a set that is none of them judges it. The sentence is about these
    networks; its interval is over images.

    Args:
        result: of :func:`~transferscope.questions.soup.measure.soup`.
        images: name of a test set.
    """
    best, members = result.best, result.entry("greedy soup").members
    metric = "AUC" if result.metric == "auc" else "accuracy"
    n = f"{count(result.n[images], 'image')} of {images}"
    alone = percent(result.value(best, images))
    if len(members) == 1:
        bad = against(result.precheck, best) if result.precheck is not None else []
        why = f"; what speaks against a soup: {'; '.join(bad)}" if bad else ""
        which = "that is no worse" if result.accept == "not worse" else "that is better"
        return (
            f"Take the best single one, {best} ({metric} {alone}): no other makes a soup with it {which} on held-out "
            f"images{why}; {n}.",
            result.metric_of(best, images),
        )
    gap = result.less("greedy soup", best, images)
    of = f"{len(members)} of {len(result.ingredients)} ({shortened(list(members), 3)})"
    numbers = (
        f"the greedy soup of {of} has {metric} {percent(result.value('greedy soup', images))}, the best single one "
        f"on held-out images, {best}, {alone}, difference {points_text(gap)}"
    )
    if gap.low is not None and gap.low > 0:
        return f"Take the soup: {numbers}; {n}.", gap
    if gap.high is not None and gap.high < 0:
        return f"Take the best single one, {best}: {numbers}; {n}.", gap
    need = images_to_tell(gap, result.n[images])
    told = (
        f"about {short(need)} images would tell a difference of this size"
        if math.isfinite(need)
        else "no number of images would tell, as there is no difference"
    )
    return f"Cannot tell whether the soup or the best single one is better: {numbers}; {n}; {told}.", gap


def images_to_tell(gap: Estimate, n: int) -> float:
    """Return how many images it takes for the interval of a difference of this size to leave out 0; ∞ for none.

    The interval of n images is ±h wide, that of N images ±h·√(n/N); so N = n·(h/d)².

    Args:
        gap: the difference d on n images with its interval.
        n: how many images it is from.

    >>> images_to_tell(Estimate(0.01, -0.01, 0.03, over="images", n=500), 500)
    2000.0
    """
    if gap.low is None or gap.high is None or not gap.value:
        return math.inf
    return float(math.ceil(n * ((gap.high - gap.low) / 2 / abs(gap.value)) ** 2 - 1e-9))
