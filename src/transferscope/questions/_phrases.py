"""Pieces of the sentences in which results say what they found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .result import Verdict

__all__ = [
    "LEAST_ORDER",
    "LEAST_SIGNS",
    "bracket",
    "count",
    "enough",
    "least_to_most",
    "listed",
    "number",
    "percent",
    "points",
    "short",
    "verdict_of",
]


LEAST_SIGNS, LEAST_ORDER = 6, 5
"""Fewer than so many signs, or places in an order, are not significant at 5 % however they fall."""


def number(x: float, digits: int = 2) -> str:
    """Return a number with a true minus sign and no negative zero.

    >>> number(-1.234), number(-0.001)
    ('−1.23', '0.00')
    """
    text = f"{x:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "")


def short(x: float) -> str:
    """Return a number with three significant figures.

    >>> short(1234.5), short(0.012345), short(-0.5), short(0.0), short(3.26e-9), short(math.inf)
    ('1,234', '0.0123', '−0.500', '0', '3.26e−9', '∞')
    """
    if not math.isfinite(x):
        return "nan" if math.isnan(x) else "∞" if x > 0 else "−∞"
    if x and not 1e-3 <= abs(x) < 1e5:
        mantissa, exponent = f"{x:.2e}".replace("-", "−").split("e")
        return f"{mantissa}e{exponent.replace('+', '').replace('−0', '−').lstrip('0')}"
    text = f"{x:,.{max(0, 2 - math.floor(math.log10(abs(x)))) if x else 0}f}"
    return text.replace("-", "−")


def least_to_most(labels: Sequence[str], values: Sequence[float]) -> str:
    """Say which of some networks has the smallest and which the largest number.

    >>> least_to_most(["a.pt", "b.pt", "c.pt"], [2.0, 0.5, 1.0])
    '0.500 (b.pt) to 2.00 (a.pt)'
    """
    order = sorted(range(len(labels)), key=lambda i: values[i])
    ends = [f"{short(values[i])} ({labels[i]})" for i in (order[0], order[-1])]
    return f"{ends[0]} to {ends[1]}"


def bracket(low: float | None, high: float | None, digits: int = 2) -> str:
    """Return an interval in brackets with a space before it, empty when there is none.

    >>> bracket(0.1234, 0.5), bracket(None, None)
    (' (0.12 to 0.50)', '')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" ({number(low, digits)} to {number(high, digits)})"


def points(difference: float, low: float | None, high: float | None) -> str:
    """Write a difference of shares in percentage points, with its interval if there is one.

    >>> points(0.098, 0.0931, 0.1029), points(-0.5, None, None)
    ('9.8 points (9.3 to 10.3)', '−50.0 points')
    """
    ends = (None if low is None else 100 * low, None if high is None else 100 * high)
    return f"{number(100 * difference, 1)} points{bracket(*ends, 1)}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share of one as a percentage.

    >>> percent(0.1234)
    '12.3 %'
    """
    return f"{number(100 * share, digits)} %"


def count(n: int, thing: str, things: str | None = None) -> str:
    """Return a number with its noun.

    >>> count(1, "pair"), count(2500, "image"), count(2, "class", "classes")
    ('1 pair', '2,500 images', '2 classes')
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def enough(n: int, least: int, things: str) -> str:
    """Say how many of something a test takes, where there are fewer and it could not have told.

    >>> enough(5, 6, "modules that differ"), enough(6, 6, "modules that differ")
    ('; it takes 6 modules that differ to tell', '')
    """
    return f"; it takes {least} {things} to tell" if n < least else ""


def listed(items: Sequence[str]) -> str:
    """Return items as an English list.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def verdict_of(low: float | None, high: float | None) -> Verdict:
    """Judge the claim that a number is positive by its interval.

    >>> verdict_of(0.1, 0.2), verdict_of(-0.2, -0.1), verdict_of(-1.0, 1.0), verdict_of(None, None)
    ('agrees', 'disagrees', 'cannot tell', 'cannot tell')
    """
    if low is not None and low > 0:
        return "agrees"
    if high is not None and high < 0:
        return "disagrees"
    return "cannot tell"
