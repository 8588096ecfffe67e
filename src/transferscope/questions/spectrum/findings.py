"""What the spectra say, in sentences.

The singular values of given weights are exact; what varies is which networks one happened to have. So a contrast is
judged over networks, one number a network, and one network of a kind says nothing of another.
"""

from __future__ import annotations

import numpy as np

from ...evidence.contrast import contrast, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import (
    count,
    least_to_most,
    number,
    percent,
    points_more,
    points_text,
    power_of_ten,
    range_text,
    short,
    times,
)
from .._sides import Sides, geometric_mean, interval_of, not_compared, said_unlearned, sides, unlearned
from .measure import Spectrum

__all__ = ["findings"]

_MEDIAN = 4  # place of 0.5 among the quantiles


def findings(result: Spectrum) -> tuple[Finding, ...]:
    """Return the findings of a result: how near to zero, how large the sums of norms, and what was set aside."""
    both = sides(result.members, result.witnesses)
    found = [_level(result, m) for m in range(len(result.members))]
    found += not_compared(("000-C-a", "000-C-b", "000-C-c"), both)
    if both.compared:
        found += [_whole(result, both), *_modules(result, both), _sums(result, both)]
    elif len(result.members) > 1 and not any(m.role for m in result.members):
        found.append(_between(result))
    return (*found, *_padding(result), *_set_aside(result))


def _shares(result: Spectrum, place: int, reference: list[int]) -> tuple[float, np.ndarray]:
    """Return the threshold nearest to the reference networks' median, and each network's share of values under it."""
    median = float(result.quantiles[reference, place, _MEDIAN].mean())
    at = int(np.abs(result.edges[place] - median).argmin())
    shares: np.ndarray = result.under[:, place, at] / result.under[:, place, -1]
    return float(result.edges[place, at]), shares


def _shares_under(result: Spectrum, threshold: float) -> np.ndarray:
    """Return each network's share of singular values under the edge nearest to a threshold, of the whole network."""
    at = int(np.abs(result.edges[-1] - threshold).argmin())
    shares: np.ndarray = result.under[:, -1, at] / result.under[:, -1, -1]
    return shares


def _level(result: Spectrum, m: int) -> Finding:
    largest = int(result.top[m].argmax())
    total, sum_, product = result.total(), float(result.ratio_sum()[m]), result.log10_product()[m]
    return said(
        f"{result.members[m].label}: Σ‖W‖_F/‖W‖₂ = {short(sum_)}, Π‖W‖₂ = {power_of_ten(product)}, median singular "
        f"value {short(result.quantiles[m, -1, _MEDIAN])}, largest {short(result.top[m, largest])} in "
        f"{result.maps[largest].name}; {count(len(result.maps), 'linear map')}, {total:,} singular values.",
        Estimate(sum_),
        n=len(result.maps),
        unit="linear maps",
        weight=0.3,
    )


def _between(result: Spectrum) -> Finding:
    """Which of some networks of unknown kind is nearest to zero."""
    medians, labels = [float(q[-1, _MEDIAN]) for q in result.quantiles], [m.label for m in result.members]
    sums = least_to_most(labels, result.ratio_sum().tolist())
    return said(
        f"The median singular value goes from {least_to_most(labels, medians)}, Σ‖W‖_F/‖W‖₂ from {sums}; "
        f"{count(len(labels), 'network')}, {result.total():,} singular values each.",
        Estimate(min(medians)),
        n=len(labels),
        unit="networks",
        weight=0.4,
    )


def _whole(result: Spectrum, both: Sides) -> Finding:
    p, ri = both.near, both.far
    at, shares = _shares(result, len(result.modules), p)
    found = contrast(shares[ri], shares[p])
    near = _shares_under(result, at / 100)
    tiny = f"; under a hundredth of that {_range(near[ri])} and {_range(near[p])}" if near[[*p, *ri]].any() else ""
    return said(
        f"Under σ = {short(at)}, about the median of P-T, lie {_range(shares[ri])} of the singular values of RI-T "
        f"and {_range(shares[p])} of those of P-T, difference {points_text(found)}{tiny}; {_networks(both)}, "
        f"{result.total():,} singular values each.",
        found,
        n=len(p) + len(ri),
        unit="networks",
        weight=0.8,
        judged=judge("000-C-a", found, networks=both.networks),
    )


def _modules(result: Spectrum, both: Sides) -> list[Finding]:
    """How many more values of RI-T lie under the median of P-T, module by module, averaged within each network."""
    if len(result.modules) < 2:
        return []
    p, ri = both.near, both.far
    shares = np.stack([_shares(result, place, p)[1] for place in range(len(result.modules))])
    means = shares.mean(0)
    found = contrast(means[ri], means[p])
    excess = shares[:, ri].mean(1) - shares[:, p].mean(1)
    more, least = int((excess > 0).sum()), int(np.argmin(excess))
    against = f", least in {result.modules[least]} ({percent(float(excess[least]))})" if excess[least] <= 0 else ""
    return [
        said(
            f"Module by module, RI-T has {points_more(found, less='fewer')} of its singular values under the median "
            f"that P-T has there, in the mean over {count(len(result.modules), 'module')}, and more in {more} of "
            f"them{against}; "
            f"{_networks(both)}.",
            found,
            n=len(p) + len(ri),
            unit="networks",
            weight=0.5,
            judged=judge("000-C-b", found, networks=both.networks),
        )
    ]


def _sums(result: Spectrum, both: Sides) -> Finding:
    """By the norm of the maps, large where images are, and by that of the kernels: both must say the same."""
    p, ri = both.near, both.far
    sums, of_kernels = result.ratio_sum(), result.ratio_sum(kernels=True)
    maps, kernels = (ratio(of[ri], of[p]) for of in (sums, of_kernels))
    by = [f"{times(e.value)}{interval_of(e, 'times')} times" for e in (maps, kernels)]
    return said(
        f"Σ‖W‖_F/‖W‖₂ of RI-T is {by[0]} that of P-T with ‖W‖_F of the maps from image to image, "
        f"{short(geometric_mean(sums[ri]))} against {short(geometric_mean(sums[p]))}, and {by[1]} with that "
        f"of the kernels; {_networks(both)}.",
        maps,
        n=len(p) + len(ri),
        unit="networks",
        weight=0.7,
        judged=judge("000-C-c", maps, kernels, networks=both.networks),
    )


def _padding(result: Spectrum) -> list[Finding]:
    change = result.padded / np.where(result.top > 0, result.top, np.nan) - 1
    known = np.isfinite(change)
    if not known.any():
        return []
    values = 100 * change[known]
    m, i = np.unravel_index(int(np.nanargmax(np.abs(change))), change.shape)
    where = f"{result.maps[i].name} of {result.members[m].label}, on {_size(result.maps[i].seen)}"
    return [
        said(
            f"With the zero padding that the layers really have, ‖W‖₂ differs from that of circular padding by "
            f"{number(float(np.median(values)))} % in the median"
            f"{range_text(float(values.min()), float(values.max()), 'convolutions', digits=2)}, most in {where}; "
            f"{count(len(values), 'convolution')}.",
            Estimate(float(np.median(values)) / 100),
            n=len(values),
            unit="convolutions",
            weight=0.2,
        )
    ]


def _set_aside(result: Spectrum) -> list[Finding]:
    found = []
    remarked = [one for one in result.maps if one.remark]
    if remarked:
        first = remarked[0]
        others = f" (and {count(len(remarked) - 1, 'other layer')} with a remark of its own)" if remarked[1:] else ""
        text = f"{first.name}: {first.remark}{others}."
        n = len(result.maps)
        found.append(said(text, Estimate(float(len(remarked))), n=n, unit="linear maps", weight=0.2))
    networks = unlearned(result.members, result.witnesses)
    weights = [one for one in result.left_out if one not in networks]
    found += said_unlearned(result.members, result.witnesses)
    return found + remark(weights, len(weights) + len(result.maps), "weights of linear maps", weight=0.2)


def _networks(both: Sides) -> str:
    return f"{len(both.far)} and {count(len(both.near), 'network')}"


def _range(shares: np.ndarray) -> str:
    low, high = 100 * float(shares.min()), 100 * float(shares.max())
    spread = range_text(low, high, "networks", digits=1) if len(shares) > 1 else ""
    return f"{number(100 * float(shares.mean()), 1)} %{spread}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]} pixels"
