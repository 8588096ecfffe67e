"""What the spectra say, in sentences.

The singular values of given weights are exact; what varies is which networks one happened to have. So a contrast is
judged over networks, and one network of a kind says nothing of another.
"""

from __future__ import annotations

import math

import numpy as np

from ...numerics.intervals import mean_difference
from .._phrases import LEAST_SIGNS, count, enough, least_to_most, listed, number, percent, points, short, verdict_of
from .._ratios import geometric_mean, ratio_of_networks
from ..result import Finding, Verdict
from .measure import Spectrum

__all__ = ["findings"]

_CLAIM = "000 App. C: the whole spectrum of RI-T is more concentrated towards zero than that of P-T"
_MODULES_CLAIM = "000 App. C: the spectra of individual modules of RI-T are more concentrated towards zero"
_SUM_CLAIM = "000 App. C: Σ‖W‖_F/‖W‖₂ is larger for RI-T than for P-T, which predicts worse generalisation"
_MEDIAN = 4  # place of 0.5 among the quantiles


def findings(result: Spectrum) -> tuple[Finding, ...]:
    """Return the findings of a result: how near to zero, how large the sums of norms, and what was set aside."""
    roles = {role: [i for i, m in enumerate(result.members) if m.role == role] for role in ("P-T", "RI-T")}
    found = [_level(result, m) for m in range(len(result.members))]
    if roles["P-T"] and roles["RI-T"]:
        found += [
            _whole(result, roles["P-T"], roles["RI-T"]),
            *_modules(result, roles["P-T"], roles["RI-T"]),
            _sums(result, roles["P-T"], roles["RI-T"]),
        ]
    elif len(result.members) > 1 and not any(m.role for m in result.members):
        found.append(_between(result))
    found += _padding(result) + _set_aside(result)
    return tuple(found)


def shares_under_median(result: Spectrum, place: int, reference: list[int]) -> tuple[float, np.ndarray]:
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
    total, ratio, product = result.total(), result.ratio_sum()[m], result.log10_product()[m]
    return Finding(
        f"{result.members[m].label}: Σ‖W‖_F/‖W‖₂ = {short(ratio)}, Π‖W‖₂ = {_power(product)}, median singular value "
        f"{short(result.quantiles[m, -1, _MEDIAN])}, largest {short(result.top[m, largest])} in "
        f"{result.maps[largest].name}; {count(len(result.maps), 'linear map')}, {total:,} singular values.",
        value=float(ratio),
        n=len(result.maps),
        unit="linear maps",
        weight=0.3,
    )


def _between(result: Spectrum) -> Finding:
    """Which of some networks of unknown kind is nearest to zero."""
    medians, labels = [float(q[-1, _MEDIAN]) for q in result.quantiles], [m.label for m in result.members]
    sums = least_to_most(labels, result.ratio_sum().tolist())
    return Finding(
        f"The median singular value goes from {least_to_most(labels, medians)}, Σ‖W‖_F/‖W‖₂ from {sums}; "
        f"{count(len(labels), 'network')}, {result.total():,} singular values each.",
        value=min(medians),
        n=len(labels),
        unit="networks",
        weight=0.4,
    )


def _whole(result: Spectrum, p: list[int], ri: list[int]) -> Finding:
    at, shares = shares_under_median(result, len(result.modules), p)
    found = mean_difference(shares[ri], shares[p])
    low, high = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    apart = shares[ri].min() > shares[p].max() or shares[ri].max() < shares[p].min()
    near = _shares_under(result, at / 100)
    tiny = f"; under a hundredth of that {_range(near[ri])} and {_range(near[p])}" if near[[*p, *ri]].any() else ""
    return Finding(
        f"Under σ = {short(at)}, about the median of P-T, lie {_range(shares[ri])} of the singular values of RI-T "
        f"and {_range(shares[p])} of those of P-T, difference {points(found.mean, low, high)}{tiny}; "
        f"{len(ri)} and {count(len(p), 'network')}, "
        f"{result.total():,} singular values each.",
        value=found.mean,
        low=low,
        high=high,
        n=len(p) + len(ri),
        unit="networks",
        claim=_CLAIM,
        verdict=verdict_of(low, high) if apart else "cannot tell",
        weight=0.8,
    )


def _modules(result: Spectrum, p: list[int], ri: list[int]) -> list[Finding]:
    """In how many modules RI-T has more than P-T under the median of P-T, by the sign test."""
    if len(result.modules) < 2:
        return []
    from scipy.stats import binomtest

    excess = []
    for place in range(len(result.modules)):
        _, shares = shares_under_median(result, place, p)
        excess.append(float(shares[ri].mean() - shares[p].mean()))
    more, decided = sum(e > 0 for e in excess), sum(e != 0 for e in excess)
    p_value = float(binomtest(more, decided).pvalue) if decided else 1.0
    clear: Verdict = "agrees" if 2 * more > decided else "disagrees"
    least = int(np.argmin(excess))
    against = f", least in {result.modules[least]} ({percent(excess[least])})" if excess[least] <= 0 else ""
    return [
        Finding(
            f"RI-T has a larger share of its singular values under the median of P-T in {more} of "
            f"{count(len(result.modules), 'module')}{against} (sign test, p = {p_value:.2g})"
            f"{enough(decided, LEAST_SIGNS, 'modules that differ')}.",
            value=more / len(result.modules),
            n=len(result.modules),
            unit="modules",
            claim=_MODULES_CLAIM,
            verdict=clear if p_value < 0.05 else "cannot tell",
            weight=0.5,
        )
    ]


def _sums(result: Spectrum, p: list[int], ri: list[int]) -> Finding:
    """By the norm of the maps, large where images are, and by that of the kernels: both must say the same."""
    sums, of_kernels = result.ratio_sum(), result.ratio_sum(kernels=True)
    maps, kernels = (ratio_of_networks(of[ri], of[p]) for of in (sums, of_kernels))
    return Finding(
        f"Σ‖W‖_F/‖W‖₂ of RI-T is {maps.told} that of P-T with ‖W‖_F of the maps from image to image, "
        f"{short(geometric_mean(sums[ri]))} against {short(geometric_mean(sums[p]))}, and {kernels.told} with that "
        f"of the kernels; {len(ri)} and {count(len(p), 'network')}.",
        value=maps.value,
        low=maps.low,
        high=maps.high,
        n=len(p) + len(ri),
        unit="networks",
        claim=_SUM_CLAIM,
        verdict=maps.verdict if maps.verdict == kernels.verdict else "cannot tell",
        weight=0.7,
    )


def _padding(result: Spectrum) -> list[Finding]:
    change = result.padded / np.where(result.top > 0, result.top, np.nan) - 1
    known = np.isfinite(change)
    if not known.any():
        return []
    values = change[known]
    m, i = np.unravel_index(int(np.nanargmax(np.abs(change))), change.shape)
    where = f"{result.maps[i].name} of {result.members[m].label}, on {_size(result.maps[i].seen)}"
    return [
        Finding(
            f"With the zero padding that the layers really have, ‖W‖₂ differs from that of circular padding by "
            f"{percent(float(np.median(values)), 2)} in the median ({percent(values.min(), 2)} to "
            f"{percent(values.max(), 2)}; most in {where}); {count(len(values), 'convolution')}.",
            value=float(np.median(values)),
            low=float(values.min()),
            high=float(values.max()),
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
        found.append(
            Finding(
                f"{first.name}: {first.remark}{others}.",
                value=len(remarked),
                n=len(result.maps),
                unit="linear maps",
                weight=0.2,
            )
        )
    if result.left_out:
        names = listed(result.left_out[:3]) + (" and others" if len(result.left_out) > 3 else "")
        found.append(
            Finding(
                f"{count(len(result.left_out), 'weight')} left out: {names}.",
                value=len(result.left_out),
                n=len(result.maps),
                unit="linear maps",
                weight=0.2,
            )
        )
    return found


def _range(shares: np.ndarray) -> str:
    spread = f" ({number(100 * shares.min(), 1)} to {number(100 * shares.max(), 1)})" if len(shares) > 1 else ""
    return f"{number(100 * float(shares.mean()), 1)}{spread} %"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]} pixels"


def _power(log10: float) -> str:
    return f"10^{number(log10, 1)}" if math.isfinite(log10) else "0"
