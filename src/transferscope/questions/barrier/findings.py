"""What the lines between networks say, in sentences; ``Barrier`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import pair_contrast
from ...evidence.peaks import Peak
from ...evidence.phrases import count, listed, number
from ...probes.metrics import as_error
from .._path_evidence import (
    both_learned,
    by_kind,
    gain_of,
    heights_sample,
    network_count,
    peak_of,
    sample_of,
    witnesses_of,
)
from .._path_phrases import amount, compared, level, name_of, not_finite, peak_text, remarks, rise_words
from .._paths import principal
from .measure import Barrier, BarrierPath

__all__ = ["findings"]

_PEAKS = {
    "P-T & P-T": "000-3.3-a",
    "RI-T & RI-T": "000-3.3-c",
    "RI-T & RI-T (same start)": "000-3.3-d",
    "P-T best & final": "000-3.3-e",
    "RI-T best & final": "000-3.3-f",
    "P-T & RI-T": "003-a",
}
"""The claims about how high the barrier is, by kind of pair."""


def findings(result: Barrier) -> tuple[Finding, ...]:
    """Return the findings of a result, kind of pair by kind of pair."""
    kinds = {kind: both_learned(paths) for kind, paths in by_kind(result.paths).items()}
    found: list[Finding] = []
    for images in result.paths[0].path.sets:
        metric = principal(result.paths[0].path, images)
        for kind, paths in kinds.items():
            if sample_of(paths[0], images) is None:
                found.append(_described(paths, images, metric))
                continue
            found.append(_height(result, kind, paths, images, metric))
            if metric != "loss" and any(h.metric == "loss" for h in paths[0].heights if h.images == images):
                found.append(_described(paths, images, "loss"))
            found += _gain(result, kind, paths, images, metric)
        if images != result.train and metric != "loss":
            found += _same_start(result, kinds.get("RI-T & RI-T (same start)"), kinds.get("RI-T & RI-T"), images)
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def _height(result: Barrier, kind: str, paths: list[BarrierPath], images: str, metric: str) -> Finding:
    """How high the barrier of a kind of pair is, judged; or of the two networks of one pair."""
    peak = peak_of(paths, images)
    n = _n(paths[0], images, metric)
    words = ""
    if math.isfinite(peak.height.value):
        over = any(_over_both_ends(p, images, metric) for p in paths)
        words = f": {rise_words(metric, peak, result.threshold, over_ends=over)}" if metric != "loss" else ""
    claim = _PEAKS.get(kind) if metric != "loss" else None
    judged = None if claim is None else judge(claim, peak, networks=witnesses_of(paths, result.witnesses))
    text = (
        _of_pair(paths[0], images, metric, peak) if len(paths) == 1 else _of_kind(kind, paths, images, metric, peak)
    )
    return said(
        f"{text}{words}; n = {count(n, 'image')}.",
        peak.height,
        n=n if len(paths) == 1 else network_count(paths),
        unit="images" if len(paths) == 1 else "networks",
        weight=0.3 if metric == "loss" else 0.9 if claim else 0.7,
        judged=judged,
    )


def _of_pair(p: BarrierPath, images: str, metric: str, peak: Peak) -> str:
    text = _rise(p, images, metric)
    if not math.isfinite(peak.height.value):
        return text
    return f"{text}; at a λ chosen on other images it rises by {peak_text(metric, peak)}"


def _of_kind(kind: str, paths: list[BarrierPath], images: str, metric: str, peak: Peak) -> str:
    if not math.isfinite(peak.height.value):
        return _averages(paths, images, metric)
    return (
        f"{_called(kind, paths)}: over the straight line between its ends ({_range_of_ends(paths, images, metric)}) "
        f"the {name_of(metric)} on {images}, at a λ chosen on other images, rises by {peak_text(metric, peak)}"
    )


def _described(paths: list[BarrierPath], images: str, metric: str) -> Finding:
    """Heights as the papers have them, of the loss and on training images: nothing is judged by them."""
    values = [p.height(images, metric).height for p in paths]
    n = _n(paths[0], images, metric)
    text = _rise(paths[0], images, metric) if len(paths) == 1 else _averages(paths, images, metric)
    height = Estimate(float(np.mean(values)), n=network_count(paths))
    return said(
        f"{text}; n = {count(n, 'image')}.",
        height,
        n=n if len(paths) == 1 else len(paths),
        unit="images" if len(paths) == 1 else "pairs",
        weight=0.3,
    )


def _averages(paths: list[BarrierPath], images: str, metric: str) -> str:
    values = [p.height(images, metric).height for p in paths]
    return (
        f"{_called(paths[0].path.kind, paths)}: over the straight line between its ends "
        f"({_range_of_ends(paths, images, metric)}) the {name_of(metric)} on {images} rises at most "
        f"{amount(metric, float(np.mean(values)))} on average (range over pairs {amount(metric, min(values))} to "
        f"{amount(metric, max(values))})"
    )


def _called(kind: str, paths: Sequence[BarrierPath]) -> str:
    if kind.endswith("best & final"):
        return f"{kind} of {count(len(paths), 'run')}"
    return f"{kind}, {count(len(paths), 'pair')} of {count(network_count(paths), 'network')}"


def _rise(path: BarrierPath, images: str, metric: str) -> str:
    """Say how far the error of one pair rises on the way, and from where."""
    height = path.height(images, metric)
    ends = _ends(path, images, metric)
    what = f"From {path.path.a} to {path.path.b} the {name_of(metric)} on {images}"
    if not math.isfinite(height.height):
        values = path.path.curve(images, metric).values
        return (
            f"{what} is not finite at {int((~np.isfinite(values)).sum())} of {len(values)} places, so has no height"
        )
    line = f"the straight line between its ends ({listed([level(metric, e) for e in ends])})"
    if height.height == 0:
        return f"{what} nowhere rises over {line}"
    return f"{what} rises at most {amount(metric, height.height)} over {line}, at λ = {number(height.at)}"


def _range_of_ends(paths: Sequence[BarrierPath], images: str, metric: str) -> str:
    ends = [e for p in paths for e in _ends(p, images, metric)]
    return f"{level(metric, min(ends))} to {level(metric, max(ends))}"


def _ends(p: BarrierPath, images: str, metric: str) -> list[float]:
    """The errors of the two networks themselves."""
    errors, places = as_error(metric, p.path.curve(images, metric).values), p.path.lambdas
    return [float(errors[places == end][0]) for end in (0.0, 1.0)]


def _over_both_ends(p: BarrierPath, images: str, metric: str) -> bool:
    """Whether some point on the way is worse than the worse end."""
    between = (p.path.lambdas >= 0) & (p.path.lambdas <= 1)
    errors = as_error(metric, p.path.curve(images, metric).values[between])
    return bool(errors.max() > max(_ends(p, images, metric)))


def _n(p: BarrierPath, images: str, metric: str) -> int:
    return p.path.curve(images, metric).n


def _gain(result: Barrier, kind: str, paths: list[BarrierPath], images: str, metric: str) -> list[Finding]:
    """Whether something between two P-T beats both; of pairs of other kinds only when it does."""
    gain = gain_of(paths, images)
    if gain is None or not math.isfinite(gain.least.value):
        return []
    claimed = kind == "P-T & P-T" and metric != "loss"
    least = gain.least
    if not claimed and not (least.low is not None and least.low > 0):
        return []
    networks = witnesses_of(paths, result.witnesses)
    n = _n(paths[0], images, metric)
    p = paths[0].path
    of = f"{p.a} and {p.b}" if len(paths) == 1 else _called(kind, paths)
    first, last = (compared(metric, end, "lower", "higher") for end in gain.ends)
    return [
        said(
            f"In the middle between {of} (λ = {number(float(p.lambdas[gain.at]))}, for the numbers chosen on other "
            f"images) the {name_of(metric)} on {images} is {first} than at the one end and {last} than at the other; "
            f"n = {count(n, 'image')}.",
            least,
            n=n if len(paths) == 1 else network_count(paths),
            unit="images" if len(paths) == 1 else "networks",
            weight=0.5 if claimed else 0.4,
            judged=judge("000-3.3-b", *gain.ends, networks=networks) if claimed else None,
        )
    ]


def _same_start(
    result: Barrier, same: list[BarrierPath] | None, other: list[BarrierPath] | None, images: str
) -> list[Finding]:
    """Whether the barrier between two RI-T is lower where they start alike: each pair's own, λ chosen elsewhere."""
    if not same or not other:
        return []
    far, near = (heights_sample(paths, images) for paths in (other, same))
    difference = pair_contrast(far, near)
    metric = principal(same[0].path, images)
    told = (
        f"is {compared(metric, difference, 'lower', 'higher')} when both start from one initialisation than when not"
        if math.isfinite(difference.value)
        else "cannot be compared between one initialisation and two, as it is not finite"
    )
    return [
        said(
            f"The barrier between two RI-T on {images} {told}; {count(len(same), 'pair')} against "
            f"{count(len(other), 'pair')} of {count(network_count([*same, *other]), 'network')}, "
            f"n = {count(_n(same[0], images, metric), 'image')}.",
            difference,
            n=network_count([*same, *other]),
            unit="networks",
            weight=0.5,
            judged=judge("000-B.5-a", difference, networks=witnesses_of([*same, *other], result.witnesses)),
        )
    ]
