"""What to take, the soup or the best single network, in one sentence."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.phrases import count, percent, points_text, short, shortened
from ...evidence.which import images_to_tell
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
