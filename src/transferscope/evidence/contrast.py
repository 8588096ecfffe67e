"""Two kinds of networks, one number a network: their means, and how far these lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .estimate import Estimate, Over, quantile
from .images import Noise, Numbers, PerImage, Row, averaged
from .sampling import LEAST, Part, estimated, satterthwaite

__all__ = ["Sample", "contrast", "mean", "ratio", "ratio_of_means", "reduction"]

Sample: TypeAlias = Literal["networks", "pre-trainings", "targets"]
"""What the numbers are one of each: a verdict needs at least 3 networks of a kind, 4 pre-trainings, 4 targets."""

Both: TypeAlias = "tuple[PerImage | None, PerImage | None] | None"


def mean(
    values: Numbers, examples: PerImage | None = None, *, over: Sample = "networks", level: float = 0.95
) -> Estimate:
    """Return the mean over networks of one kind.

    x̄ ± √(t²_{n−1}·s²/n + z²·V), s² the variance over networks (Student 1908) and V the variance over images of the
    mean over networks. s²/n already holds a part of the image noise: what an image does to one network and not to
    others. V holds it once more, so the interval is never too narrow, and up to a third too wide where networks
    differ by nothing else.

    Args:
        values: one number a network.
        examples: ``(networks, images)``, numbers whose mean over images is the network's number (1 where right, else
            0; influence values of an AUC), or resampled numbers; ``None`` where no images are behind the numbers.
        over: what the values are one of each.
        level: of the interval.

    Returns:
        The estimate, over networks and images from 3 networks on, over networks where there are no examples. With
        fewer it is over images (it speaks of these networks only), or over nothing. nan without an interval when a
        value is not finite, or there is none.

    Raises:
        UsageError: when examples do not fit the values.

    >>> e = mean([1.0, 2.0, 3.0])
    >>> e.value, round(e.low, 3), e.over, mean([1.0, 2.0]).over
    (2.0, -0.484, 'networks', 'nothing')
    """
    numbers = _numbers(values)
    row = _row(numbers, examples)
    value = float(numbers.mean()) if _good(numbers) else math.nan
    return estimated(value, [_part(numbers)], row.noise if row else None, over=over, level=level)


def contrast(
    first: Numbers,
    second: Numbers,
    examples: Both = None,
    *,
    paired: bool = True,
    over: Sample = "networks",
    level: float = 0.95,
) -> Estimate:
    """Return the mean over networks of one kind minus that of another kind.

    x̄ − ȳ ± √(t²·(s_x²/n_x + s_y²/n_y) + z²·V), t with Welch's degrees of freedom (Welch 1947) of the first part. V is
    the variance over images of the mean over networks of one kind minus that of the other, image by image: what makes
    an image hard for both cancels. As in :func:`mean`, the interval is wide rather than narrow: of two kinds that are
    alike, 0.1 to 5 % are told apart (simulated; the less, the more images matter beside networks).

    Args:
        first: one number a network.
        second: the same of the other kind.
        examples: numbers per image of both kinds, ``(networks, images)`` each, on the same images in the same order.
            ``None`` in the place of one kind says that its numbers do not depend on images.
        paired: whether both kinds have the same images; if not, V is the sum of both variances.
        over: what the values are one of each.
        level: of the interval.

    Returns:
        The estimate, as in :func:`mean`; ``n`` counts both kinds.

    Raises:
        UsageError: when examples do not fit the values or one another.

    >>> e = contrast([3.0, 5.0, 4.0], [1.0, 3.0, 2.0])
    >>> e.value, round(e.low, 3), round(e.high, 3), e.n
    (2.0, -0.267, 4.267, 6)
    """
    x, y = _numbers(first), _numbers(second)
    noise = _noise(x, y, examples, paired)
    value = float(x.mean() - y.mean()) if _good(x) and _good(y) else math.nan
    return estimated(value, [_part(x), _part(y)], noise, over=over, level=level)


def ratio(
    first: Numbers, second: Numbers, examples: Both = None, *, over: Sample = "networks", level: float = 0.95
) -> Estimate:
    """Return how many times larger positive numbers are for one kind of networks than for another.

    The ratio of geometric means: exp of :func:`contrast` of the logarithms, so Welch's interval on the log scale. Of
    examples e with mean x over images, the logarithm of x moves by (e − x)/x (delta method).

    Args:
        first: positive numbers, one a network.
        second: the same of the other kind.
        examples: as in :func:`contrast`.
        over: what the values are one of each.
        level: of the interval.

    Returns:
        The estimate on the log scale; nan without an interval when a number is not finite or not positive.

    >>> e = ratio([8.0, 8.0, 8.0], [1.0, 2.0, 4.0])
    >>> round(e.value, 6), round(e.low, 3), round(e.high, 2)
    (4.0, 0.715, 22.38)
    """
    x, y = _numbers(first), _numbers(second)
    n = len(x) + len(y)
    if not (_good(x) and _good(y) and min(x.min(), y.min()) > 0):
        return Estimate(math.nan, n=n, level=level, scale="log")
    noise = _noise(x, y, examples, True, (1 / x / len(x), 1 / y / len(y)))
    parts = [_part(np.log(x)), _part(np.log(y))]
    value = math.exp(float(np.log(x).mean() - np.log(y).mean()))
    return estimated(value, parts, noise, over=over, scale="log", level=level)


def ratio_of_means(
    above: Numbers, below: Numbers, examples: Both = None, *, over: Sample = "networks", level: float = 0.95
) -> Estimate:
    """Return the ratio of two means, either of which may be zero. To judge, use :func:`contrast`; this is to print.

    The interval holds every ρ with (x̄ − ρȳ)² ≤ t²·(s_x²/n_x + ρ²·s_y²/n_y) + z²·V(ρ), V(ρ) the variance over images
    of the mean above minus ρ times the mean below (Fieller 1954), t with Welch's degrees of freedom at ρ = x̄/ȳ. The
    estimate has its interval at this level only, and no p-value: where the mean below is near zero a ratio says
    little, and the difference says the same better.

    Args:
        above: one number a network.
        below: the same of the other kind.
        examples: as in :func:`contrast`.
        over: what the values are one of each.
        level: of the interval.

    Returns:
        The estimate; without an interval when the mean below does not lie clearly over zero; nan when it is not
        positive, or a number is not finite.

    >>> ratio_of_means([2.0, 2.0, 2.0], [4.0, 4.0, 4.0]).interval()
    (0.5, 0.5)
    >>> e = ratio_of_means([0.0, 0.0, 0.0], [1.0, 1.0, 7.0])
    >>> e.value, e.known
    (0.0, False)
    """
    x, y = _numbers(above), _numbers(below)
    n = len(x) + len(y)
    if not (_good(x) and _good(y)) or not y.mean() > 0:
        return Estimate(math.nan, n=n, level=level)
    value = float(x.mean() / y.mean())
    enough = min(len(x), len(y)) >= LEAST[over]
    parts = (_part(x), _part(y, value))
    v, w = (part.variance if enough else 0.0 for part in (_part(x), _part(y)))
    noises, count = _fieller_noises(x, y, examples)
    if not enough and not count:
        return Estimate(value, n=n, level=level)
    t2 = quantile(1 - level, satterthwaite(parts)[1]) ** 2 if enough else 0.0
    z2 = quantile(1 - level) ** 2
    aa, ab, bb = (z2 * part for part in noises)
    ends = _fieller(float(x.mean()), float(y.mean()), t2 * v + aa, ab, t2 * w + bb)
    kind: Over = ("networks and images" if count and over == "networks" else over) if enough else "images"
    n = n if enough else count
    if ends is None:
        return Estimate(value, n=n, images=count, level=level)
    return Estimate(value, *ends, level=level, over=kind, n=n, images=count)


def reduction(
    lowered: Numbers, whole: Numbers, examples: Both = None, *, over: Sample = "networks", level: float = 0.95
) -> Estimate:
    """Return which part of one mean the other lacks: 1 − mean(lowered)/mean(whole), with Fieller's interval.

    Args:
        lowered: e.g. the errors of fine-tuned networks.
        whole: e.g. the errors of networks trained from scratch.
        examples: as in :func:`contrast`.
        over: what the values are one of each.
        level: of the interval.

    >>> reduction([0.1, 0.1, 0.1], [0.4, 0.4, 0.4]).value
    0.75
    """
    found = ratio_of_means(lowered, whole, examples, over=over, level=level)
    low, high = (None if end is None else 1 - end for end in (found.high, found.low))
    return replace(found, value=1 - found.value, low=low, high=high)


def _fieller(x: float, y: float, v: float, c: float, w: float) -> tuple[float, float] | None:
    """Ends of {ρ: (x − ρy)² ≤ v − 2ρc + ρ²w}; none where these ρ have no two ends."""
    a, b = y * y - w, x * y - c
    if not a > 0:
        return None
    root = math.sqrt(max(0.0, b * b - a * (x * x - v)))
    return (b - root) / a, (b + root) / a


def _fieller_noises(x: NDArray[np.float64], y: NDArray[np.float64], examples: Both) -> tuple[Sequence[float], int]:
    """Variances over images of both means and their covariance, as (aa, ab, bb); and how many images."""
    first, second = _rows(x, y, examples)
    a, b = (row.noise if row else Noise(0.0, 0.0, 0) for row in (first, second))
    if first is None or second is None:
        return (a.beside(), 0.0, b.beside()), a.images + b.images
    both = first.minus(second).noise
    return (a.beside(), (a.beside() + b.beside() - both.beside()) / 2, b.beside()), a.images


def _noise(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    examples: Both,
    paired: bool,
    weights: tuple[Numbers, Numbers] | None = None,
) -> Noise | None:
    """Variance over images of the mean over the first minus the mean over the second."""
    first, second = _rows(x, y, examples, weights)
    if first is None or second is None:
        there = first or second
        return there.noise if there else None
    if paired:
        return first.minus(second).noise
    a, b = first.noise, second.noise
    return Noise(a.variance + b.variance, a.plus + b.plus, a.images + b.images)


def _rows(
    x: NDArray[np.float64], y: NDArray[np.float64], examples: Both, weights: tuple[Numbers, Numbers] | None = None
) -> tuple[Row | None, Row | None]:
    if examples is None:
        return None, None
    if len(examples) != 2:
        raise UsageError(f"numbers per image of {len(examples)} kinds; expected two, one for each kind of networks")
    first, second = weights or (None, None)
    return _row(x, examples[0], first), _row(y, examples[1], second)


def _row(numbers: NDArray[np.float64], examples: PerImage | None, weights: Numbers | None = None) -> Row | None:
    if examples is None:
        return None
    return averaged(examples, np.full(len(numbers), 1 / max(1, len(numbers))) if weights is None else weights)


def _part(numbers: NDArray[np.float64], factor: float = 1.0) -> Part:
    n = len(numbers)
    known = n > 1 and _good(numbers)
    return Part(factor**2 * float(numbers.var(ddof=1)) / n if known else math.nan, n, n - 1)


def _numbers(values: Numbers) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1:
        raise UsageError(f"numbers of shape {numbers.shape}; expected one number a network")
    return numbers


def _good(numbers: NDArray[np.float64]) -> bool:
    return len(numbers) > 0 and bool(np.isfinite(numbers).all())
