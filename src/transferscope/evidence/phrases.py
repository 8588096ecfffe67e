"""The grammar of sentences: numbers, lists, and what is known of a number.

A plain bracket is a 95 % interval over networks. Whatever else is in a bracket says what it is: an interval over
these test images, a range over pairs, an error of draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from .estimate import Estimate

__all__ = [
    "POINTS",
    "bracket",
    "corrected_text",
    "count",
    "error_text",
    "interval_text",
    "least_to_most",
    "listed",
    "number",
    "p_text",
    "percent",
    "percent_text",
    "points",
    "points_more",
    "points_text",
    "power_of_ten",
    "range_text",
    "rounded",
    "short",
    "shortened",
    "times",
]

POINTS = (-100.0, 100.0)
"""Between these every difference of two shares lies, in percentage points."""

_SAID = {
    "draws": "over draws",
    "targets": "over targets",
    "pre-trainings": "over pre-trainings",
}
"""What an interval is over, where a reader would not take it for networks."""


def number(x: float, digits: int = 2) -> str:
    """Return a number with a true minus sign and no negative zero.

    >>> number(-1.234), number(-0.001)
    ('−1.23', '0.00')
    """
    if not math.isfinite(x):
        return short(x)
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


def power_of_ten(log10: float) -> str:
    """Return the number of this logarithm with three significant figures; 0 for a logarithm of −∞.

    >>> power_of_ten(1.9), power_of_ten(12.3), power_of_ten(-math.inf), power_of_ten(400.0)
    ('79.4', '2.00e12', '0', '10^400.0')
    """
    if not math.isfinite(log10):
        return "0"
    return short(10.0**log10) if abs(log10) < 300 else f"10^{number(log10, 1)}"


def times(x: float) -> str:
    """Return a ratio: three significant figures under 10, one decimal from there on.

    >>> times(1.234), times(12.34), times(1234.0)
    ('1.23', '12.3', '1,234')
    """
    return number(x, 1) if 10 <= abs(x) < 1000 else short(x)


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


def p_text(p: float) -> str:
    """Write a p-value: two significant figures, and no more than is known of small ones.

    >>> p_text(0.0123), p_text(0.5), p_text(1e-9)
    ('p = 0.012', 'p = 0.50', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def count(n: int, thing: str, things: str | None = None) -> str:
    """Return a number with its noun.

    >>> count(1, "pair"), count(2500, "image"), count(2, "class", "classes")
    ('1 pair', '2,500 images', '2 classes')
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def listed(items: Sequence[str]) -> str:
    """Return items as an English list.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def shortened(items: Sequence[str], most: int = 4) -> str:
    """Return the first of many items as an English list.

    >>> shortened(["a", "b", "c", "d", "e", "f"]), shortened(["a", "b"])
    ('a, b, c, d and 2 more', 'a and b')
    """
    return listed(items) if len(items) <= most + 1 else f"{', '.join(items[:most])} and {len(items) - most} more"


def interval_text(
    estimate: Estimate,
    *,
    factor: float = 1.0,
    digits: int | None = 2,
    form: Literal["number", "times"] = "number",
    images: str = "these test images",
    within: tuple[float, float] = (-math.inf, math.inf),
) -> str:
    """Write the interval of an estimate in brackets with a space before it, empty when there is none.

    Args:
        estimate: what was estimated.
        factor: in other units, 100 for points; a negative one turns the interval round.
        digits: decimals; ``None`` for three significant figures.
        form: ``times`` writes the ends as ratios.
        images: what to call the images, where an interval is over them.
        within: what the number can be, in the units written: an interval that reaches farther ends there.

    >>> interval_text(Estimate(0.1, 0.093, 0.103, over="networks", n=6), factor=100, digits=1)
    ' (9.3 to 10.3)'
    >>> interval_text(Estimate(0.1, 0.093, 0.103, over="images", n=500))
    ' (0.09 to 0.10 over these test images)'
    """
    if estimate.low is None or estimate.high is None or math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    ends = sorted(min(max(factor * x, within[0]), within[1]) for x in (estimate.low, estimate.high))
    low, high = (times(x) if form == "times" else short(x) if digits is None else number(x, digits) for x in ends)
    level = "" if estimate.level == 0.95 else f"{100 * estimate.level:.4g} % interval "
    over = f"over {images}" if estimate.over == "images" else _SAID.get(estimate.over, "")
    if estimate.over == "draws" and estimate.images:
        over = f"over draws and {images}"
    return f" ({level}{low} to {high}{' ' * bool(over)}{over})"


def points_text(estimate: Estimate, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, with its interval.

    >>> points_text(Estimate(0.098, 0.0931, 0.1029, over="networks and images", n=6, images=500))
    '9.8 points (9.3 to 10.3)'
    >>> points_text(Estimate(0.3, -0.9, 1.5, over="networks", n=6))  # no difference of shares is larger
    '30.0 points (−90.0 to 100.0)'
    """
    interval = interval_text(estimate, factor=100, digits=digits, within=POINTS)
    return f"{number(100 * estimate.value, digits)} points{interval}"


def percent_text(estimate: Estimate, digits: int = 1) -> str:
    """Write a share of one as a percentage, with its interval.

    >>> percent_text(Estimate(0.95, 0.88, 1.02, over="networks", n=3))
    '95.0 % (88.0 to 100.0)'
    """
    return f"{percent(estimate.value, digits)}{interval_text(estimate, factor=100, digits=digits, within=(0, 100))}"


def points_more(estimate: Estimate, more: str = "more", less: str = "less", digits: int = 1) -> str:
    """Write a difference of shares in percentage points by its size, and in a word which way it goes.

    >>> points_more(Estimate(-0.098, -0.1029, -0.0931, over="networks", n=6))
    '9.8 points (9.3 to 10.3) less'
    >>> points_more(Estimate(0.004, -0.002, 0.01, over="networks", n=6), "better", "worse")
    '0.4 points (−0.2 to 1.0) better'
    """
    sign = -1 if estimate.value < 0 else 1
    size = f"{number(100 * sign * estimate.value, digits)} points"
    interval = interval_text(estimate, factor=100 * sign, digits=digits, within=POINTS)
    return f"{size}{interval} {less if sign < 0 else more}"


def rounded(count: float) -> str:
    """Write two figures of a count that is an estimate.

    >>> rounded(1148.0), rounded(87)
    ('1,100', '87')
    """
    whole = round(count)
    unit = 10 ** max(0, len(str(whole)) - 2)
    return f"{round(whole / unit) * unit:,}"


def corrected_text(p: float, compared: int) -> str:
    """Write a p that was corrected for other comparisons, and that the interval beside it was not.

    >>> corrected_text(0.076, 3)
    'p = 0.076 corrected for 3 comparisons (the interval is of this one alone)'
    >>> corrected_text(0.02, 1)
    'p = 0.020'
    """
    if compared == 1:
        return p_text(p)
    return f"{p_text(p)} corrected for {compared} comparisons (the interval is of this one alone)"


def range_text(low: float, high: float, over: str, *, digits: int | None = None) -> str:
    """Write the smallest and the largest of some numbers, which is no interval.

    >>> range_text(9.3, 10.3, "pairs")
    ' (range over pairs 9.30 to 10.3)'
    """
    ends = [short(x) if digits is None else number(x, digits) for x in (low, high)]
    return f" (range over {over} {ends[0]} to {ends[1]})"


def error_text(error: float) -> str:
    """Write the error that a finite number of draws leaves in a number.

    >>> error_text(0.0123)
    ' (Monte-Carlo error 0.0123)'
    """
    return f" (Monte-Carlo error {short(error)})"
