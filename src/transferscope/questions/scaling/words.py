"""The words around the laws of a table: title, what is asked, how it is answered, pictures."""

from __future__ import annotations

from typing import Any

from ..words import View, Words

__all__ = ["ScalingWords", "TaskWords"]

_HOW = (
    "The upper convex hull is made in plain accuracy, where a model drawn at random for each image mixes two others "
    "(on any other axes it would be wrong), and is only then shown on others. A law of errors, e_DS = k·e_US^α + "
    "e_∞, is fitted to all models (of a grid: configurations, their seeds averaged) and to the vertices of the hull "
    "up to its best, by least squares with k ≥ 0 and e_∞ ≥ 0: for each α the rest is linear, and α is searched "
    "whole, so no start value decides. Where k and α trade, k·e_ref^α at the median model is what can be compared.",
    "Intervals of gains by the law of all models come from laws of random halves of the models; what halves say of "
    "a hull is a range and no interval, because a hull is made of extremes. The interval of e_∞ is a profile: all "
    "floors that go with the points. It is called not identified when it reaches 0, takes nearly all that is "
    "possible, when α ran to its bound, or with fewer than five points. With --images each accuracy is drawn anew "
    "from its test images, too. e_∞ is no Bayes error: better features, or more shots, lower it.",
    "Held-out models are predicted by the power law and by a straight line in logits (Kornblith et al. 2019), each "
    "model once and the best tenth by the rest.",
)


class ScalingWords:
    """All tasks together."""

    words = Words(
        "Downstream against upstream accuracy",
        "What does raising upstream accuracy buy on each task, and where does it stop paying?",
        "Sedghi (slides), Abnar et al. 2022",
        _HOW,
        "Every model of the table, the upper hull, the laws of all models and of the hull with what halves of the "
        "models give (band), the line in logits, and where accuracy saturates (open where that is not identified).",
    )

    def called(self) -> str:
        """Return the question's name."""
        return "scaling"

    def views(self, result: Any) -> tuple[View, ...]:
        """Return the pictures of several tasks together."""
        views = []
        if result.overlays:
            views.append(
                View(
                    "overlays", "The models that are best on one task (diamonds) on the others.", {"what": "overlays"}
                )
            )
        if result.shots:
            views.append(View("shots", "The laws' parameters against the number of shots.", {"what": "shots"}))
        return tuple(views)


class TaskWords(ScalingWords):
    """One task after the other.

    Args:
        brief: whether there are too many for all pictures of each.
    """

    words = Words(
        "Task by task",
        "How sure is the law of each task, and what changes it?",
        "Sedghi (slides), Abnar et al. 2022",
        (
            "Laws of fewer models, many times, predict the best tenth of the models, which they are not fitted to "
            "(fitting error: on the models fitted; both as mean squares). The law is fitted again with the same "
            "weight for every tenth of the upstream range, and on a narrow range alone: 70 to 81 %, where Kornblith "
            "et al. looked, or the upper half of the models.",
        ),
        "Models, hull and laws of this task.",
    )

    def __init__(self, *, brief: bool = False) -> None:
        self._brief = brief

    def called(self) -> str:
        """Return the name in anchors and files."""
        return "scaling-task"

    def views(self, result: Any) -> tuple[View, ...]:
        """Return the further pictures of one task; of many tasks none."""
        if self._brief:
            return ()
        views = [View("axes", "The same on logit, −log(1 − p) and probit axes.", {"what": "axes"})]
        if any(r.sizes for r in result.robustness):
            views.append(View("sizes", "Errors of laws of fewer models.", {"what": "sizes"}))
        return tuple(views)
