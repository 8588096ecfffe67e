"""The answer for a terminal: one line a candidate, then which to take."""

from __future__ import annotations

import math

from ...columns import columns
from ...evidence.phrases import number, percent, short
from ..protocols import NOT_LEARNED
from .findings import choice, settled
from .measure import Scores

__all__ = ["text"]

_COLUMNS = {
    "knn": "kNN",
    "logme": "LogME",
    "h_score": "H-score",
    "transrate": "TransRate",
    "gbc": "GBC",
    "leep": "LEEP",
    "nce": "NCE",
    "task_move": "distance left",
    "task_gradient": "gradient",
}


def text(result: Scores) -> str:
    """Write scores as a table and a sentence.

    Args:
        result: scores of some candidates.

    Returns:
        A table, the best by leave-one-out ridge first; * marks those that cannot be told apart from it. Then what is
        not defined, and the sentence that says which to take.
    """
    tied = result.tied()
    shown = [name for name in _COLUMNS if any(math.isfinite(v) for v in result.of(name))]
    kind = "ridge AUC" if result.multilabel else "ridge accuracy"
    rows = [
        [
            "candidate",
            "network",
            f"{kind} (95 %)",
            *(_COLUMNS[n] for n in shown),
            "M params",
            "ms/image",
            "MB",
            "features",
        ]
    ]
    for i in result.order():
        c = result.candidates[i]
        rows.append(
            [
                f"{c.label}{' *' if i in tied else ''}",
                c.network,
                _ridge(result, i),
                *(_cell(float(result.of(name)[i])) for name in shown),
                short(c.parameters / 1e6),
                short(c.milliseconds),
                short(c.memory / 1e6),
                f"{c.width}",
            ]
        )
    # Of files nobody expects what compares with the images of the pre-training: only a run folder knows these.
    hidden = _COLUMNS.keys() - set(shown)
    reasons = {
        f"{_COLUMNS[name]} is not defined because {why}"
        for c in result.candidates
        for name, why in c.reasons.items()
        if name in hidden and why != NOT_LEARNED
    }
    last = [f"* the best, or not told apart from it; {result.n:,} training images, {result.classes} classes"]
    answers = [finding.text for finding in (choice(result), *settled(result))]
    return "\n".join([*columns(rows), *last, *sorted(reasons), *answers])


def _ridge(result: Scores, place: int) -> str:
    found = result.estimate(place)
    if math.isnan(found.value):
        return "–"
    if result.multilabel:
        ends = (
            f" ({number(found.low, 3)}–{number(found.high, 3)})"
            if found.low is not None and found.high is not None
            else ""
        )
        return f"{number(found.value, 3)}{ends}"
    ends = (
        f" ({number(100 * found.low, 1)}–{number(100 * found.high, 1)})"
        if found.low is not None and found.high is not None
        else ""
    )
    return f"{percent(found.value)}{ends}"


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else short(value)
