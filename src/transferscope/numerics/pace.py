"""How fast a training goes from its first images to all: pacing functions of curricula."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import UsageError, nearest

__all__ = ["FORMS", "in_play"]

FORMS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "quadratic": lambda x: x * x,
    "root": math.sqrt,
    "exponential": lambda x: math.expm1(10 * x) / math.expm1(10),
    "logarithmic": lambda x: 1 + math.log(x + math.exp(-10)) / 10,
    "step": lambda x: float(x >= 1),
}
"""From 0 at the start to 1 when all images are in play."""


def in_play(form: str, progress: float, *, start: float, full: float) -> float:
    """Return the share of the images in play at a point of a training.

    b + (1 − b)·f(t/a), and 1 from t = a on: t the share of the steps that is done, b the share at the start, a the
    share of the steps after which all are in play.

    Source: Wu, Dyer and Neyshabur 2021, Table 2.

    Args:
        form: one of :data:`FORMS`.
        progress: t, from 0 to 1.
        start: b.
        full: a.

    Raises:
        UsageError: for another form.

    >>> [round(in_play("linear", t, start=0.2, full=0.8), 3) for t in (0.0, 0.4, 0.8, 1.0)]
    [0.2, 0.6, 1.0, 1.0]
    >>> [round(in_play("step", t, start=0.25, full=0.5), 3) for t in (0.0, 0.49, 0.5)]
    [0.25, 0.25, 1.0]
    """
    if form not in FORMS:
        raise UsageError(f"pace: there is no form {form!r}{nearest(form, FORMS)}")
    if progress >= full:
        return 1.0
    return start + (1 - start) * min(1.0, max(0.0, FORMS[form](progress / full)))
