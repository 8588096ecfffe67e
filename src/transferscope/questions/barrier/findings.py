"""What the lines between networks say, in sentences; ``Barrier`` has the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...probes.metrics import as_error
from .._path_phrases import amount, between, known, level, name_of, not_finite, outcome, remarks
from .._paths import principal
from .._phrases import count, listed, number, verdict_of
from ..result import Finding, Verdict
from .measure import Barrier, BarrierPath

__all__ = ["findings"]

_NONE_CLAIMS = {"P-T & P-T": "000 §3.3: no performance barrier between two P-T"}
_BARRIER_CLAIMS = {
    "RI-T & RI-T": "000 §3.3: a clear barrier between two RI-T",
    "RI-T & RI-T (same start)": "000 §3.3, B.5: a clear barrier between two RI-T even of one initialisation",
    "P-T & RI-T": "003: barriers are to be expected between unrelated networks",
}
_SAME_RUN = {
    "P-T": "000 §3.3, Fig. 4: no barrier between the best and the final weights of a P-T run",
    "RI-T": "000 §3.3, Fig. 4: a small barrier between the best and the final weights of an RI-T run",
}
_GAIN_CLAIM = "000 §3.3: some networks between two P-T are slightly better than both"
_START_CLAIM = "000 B.5: the barrier between two RI-T is smaller when their start is the same"


def findings(result: Barrier) -> tuple[Finding, ...]:
    """Return the findings of a result, kind of pair by kind of pair."""
    kinds = _kinds(result.paths)
    found: list[Finding] = []
    for images in result.paths[0].path.sets:
        metric = principal(result.paths[0].path, images)
        for kind, paths in kinds.items():
            found.append(_height(result, kind, paths, images, metric))
            if images == result.train:
                continue
            if metric != "loss" and any(h.metric == "loss" for h in paths[0].heights if h.images == images):
                found.append(_height(result, kind, paths, images, "loss"))
            found += _gain(kind, paths, images)
        if images != result.train:
            found += _same_start(kinds, images, metric)
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


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
    rise = f"{amount(metric, height.height)}{between(metric, height.low, height.high)}"
    return f"{what} rises at most {rise} over {line}, at λ = {number(height.at)}"


def _ends(p: BarrierPath, images: str, metric: str) -> list[float]:
    """The errors of the two networks themselves."""
    errors, places = as_error(metric, p.path.curve(images, metric).values), p.path.lambdas
    return [float(errors[places == end][0]) for end in (0.0, 1.0)]


def _kinds(paths: Sequence[BarrierPath]) -> dict[str, list[BarrierPath]]:
    out: dict[str, list[BarrierPath]] = {}
    for p in paths:
        out.setdefault(p.path.kind, []).append(p)
    return out


def _claim(kind: str, path: BarrierPath) -> tuple[str | None, bool]:
    """The paper's claim about such a pair, and whether it is that there is a barrier."""
    if kind.endswith("best & final"):
        role = path.path.roles[0]
        return _SAME_RUN.get(role), role == "RI-T"
    if kind in _NONE_CLAIMS:
        return _NONE_CLAIMS[kind], False
    return _BARRIER_CLAIMS.get(kind), True


def _height(result: Barrier, kind: str, paths: list[BarrierPath], images: str, metric: str) -> Finding:
    heights = [p.height(images, metric) for p in paths]
    values = np.array([h.height for h in heights])
    low, high = float(np.min([h.low for h in heights])), float(np.max([h.high for h in heights]))
    judged = outcome(low, high, result.threshold)
    over = any(_over_both_ends(p, images, metric) for p in paths)
    threshold = amount(metric, result.threshold)
    words: dict[Verdict, str] = {
        "agrees": f"a barrier (more than {threshold})"
        if over
        else f"more than {threshold}, yet no worse than the worse end",
        "disagrees": f"no barrier (none above {threshold})",
        "cannot tell": f"these images cannot tell whether it exceeds {threshold}",
    }
    if len(paths) == 1:
        text = _rise(paths[0], images, metric)
    else:
        ends = [e for p in paths for e in _ends(p, images, metric)]
        text = (
            f"{kind}, {count(len(paths), 'pair')}: over the straight line between its ends "
            f"({level(metric, min(ends))} to {level(metric, max(ends))}) the {name_of(metric)} on {images} rises by "
            f"{amount(metric, float(values.mean()))} on average, pair by pair {amount(metric, float(values.min()))} "
            f"to {amount(metric, float(values.max()))}{between(metric, low, high)}"
        )
    text += f": {words[judged]}" if metric != "loss" and math.isfinite(low) else ""
    claim, barrier = _claim(kind, paths[0])
    claimed = claim is not None and metric != "loss" and images != result.train
    verdict: Verdict = judged if barrier else _turned(judged)
    return Finding(
        f"{text}; n = {count(heights[0].n, 'image')}.",
        value=float(values.mean()),
        low=known(low),
        high=known(high),
        n=heights[0].n,
        unit="images",
        claim=claim if claimed else None,
        verdict=verdict if claimed else None,
        weight=0.3 if images == result.train or metric == "loss" else 0.9 if claimed else 0.7,
    )


def _over_both_ends(p: BarrierPath, images: str, metric: str) -> bool:
    """Whether some point on the way is worse than the worse end."""
    between = (p.path.lambdas >= 0) & (p.path.lambdas <= 1)
    errors = as_error(metric, p.path.curve(images, metric).values[between])
    return bool(errors.max() > max(_ends(p, images, metric)))


def _turned(judged: Verdict) -> Verdict:
    turned: dict[Verdict, Verdict] = {"agrees": "disagrees", "disagrees": "agrees", "cannot tell": "cannot tell"}
    return turned[judged]


def _gain(kind: str, paths: list[BarrierPath], images: str) -> list[Finding]:
    """Whether something between two P-T beats both; of pairs of other kinds only when it does."""
    gains = [g for p in paths for g in p.gains if g.images == images and math.isfinite(g.gain)]
    if not gains:
        return []
    low, high = float(np.min([g.low for g in gains])), float(np.max([g.high for g in gains]))
    claimed = kind == "P-T & P-T"
    if not claimed and not low > 0:
        return []
    mean = float(np.mean([g.gain for g in gains]))
    better = "lower" if mean >= 0 else "higher"
    metric = gains[0].metric
    places = listed(sorted({number(g.at) for g in gains}))
    pairs = f"{paths[0].path.a} and {paths[0].path.b}" if len(paths) == 1 else f"{kind} ({count(len(paths), 'pair')})"
    ends = [-high, -low] if mean < 0 else [low, high]
    return [
        Finding(
            f"In the middle between {pairs} (λ = {places}) the {name_of(metric)} on {images} is "
            f"{amount(metric, abs(mean))} {better} than at the better end{between(metric, *ends)}; "
            f"n = {count(gains[0].n, 'image')}.",
            value=mean,
            low=known(low),
            high=known(high),
            n=gains[0].n,
            unit="images",
            claim=_GAIN_CLAIM if claimed else None,
            verdict=verdict_of(low, high) if claimed else None,
            weight=0.5 if claimed else 0.4,
        )
    ]


def _same_start(kinds: dict[str, list[BarrierPath]], images: str, metric: str) -> list[Finding]:
    same, other = kinds.get("RI-T & RI-T (same start)"), kinds.get("RI-T & RI-T")
    if not same or not other:
        return []
    near, far = ([p.height(images, metric) for p in paths] for paths in (same, other))
    value = float(np.mean([h.height for h in far]) - np.mean([h.height for h in near]))
    low = min(h.low for h in far) - max(h.high for h in near)
    high = max(h.high for h in far) - min(h.low for h in near)
    ends = (low, high) if value >= 0 else (-high, -low)
    return [
        Finding(
            f"The barrier between two RI-T on {images} is {amount(metric, abs(value))} "
            f"{'lower' if value >= 0 else 'higher'} when both start from one initialisation than when not"
            f"{between(metric, *ends)}; {count(len(near), 'pair')} against {count(len(far), 'pair')}, "
            f"n = {count(near[0].n, 'image')}.",
            value=value,
            low=known(low),
            high=known(high),
            n=len(near) + len(far),
            unit="pairs",
            claim=_START_CLAIM,
            verdict=verdict_of(low, high),
            weight=0.5,
        )
    ]
