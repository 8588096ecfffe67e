"""What the counts of mistakes say, in sentences; intervals resample images (or classes, for class size)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...numerics.bootstrap import percentile_interval, resampled_means
from ...numerics.correlation import pearson
from ...numerics.intervals import wilson
from .._chance import silenced
from .._members import TWO_RI_T, first_of, kinds
from .._phrases import bracket, count, listed, number, percent, points, verdict_of
from ..result import Finding
from .measure import Mistakes

__all__ = ["findings"]

_ORDERS = (
    (
        ("P-T & RI-T",),
        "P-T & P-T",
        "000 §3.2: two P-T disagree on fewer images than a P-T and an RI-T",
        0.9,
    ),
    (
        TWO_RI_T,
        "P-T & P-T",
        "000 B.2, Tables 4–6: two P-T disagree on fewer images than two RI-T",
        0.7,
    ),
)


def findings(result: Mistakes) -> tuple[Finding, ...]:
    """Return the findings of a result: how many mistakes are shared, which are hard, what class size does."""
    sample = _Sample(result)
    found = [sample.level(kind) for kind in sample.by_kind]
    for kinds_of_more, less, claim, weight in _ORDERS:
        if (more := first_of(kinds_of_more, sample.by_kind)) and less in sample.by_kind:
            found.append(sample.order(more, less, claim, weight))
    found += sample.difficulty()
    if not result.multilabel:
        found += [*_classes_won(result), *_class_size(result)]
    by_role = {role: [m.label for m in result.members if m.role == role] for role in ("P-T", "RI-T")}
    blind = [role for role, of in by_role.items() if of and set(of) <= set(result.constant)]
    if blind:
        why = f"every {' and every '.join(blind)} gives one answer to all images"
        found = [silenced(f, why) for f in found]  # all claims compare the two starts
    return (*found, *_of_one_answer(result))


class _Sample:
    """Uncommon and common mistakes image by image, and what they are on resampled sets of images."""

    def __init__(self, result: Mistakes) -> None:
        self.result = result
        self.by_kind = kinds(result.pairs)
        self.noun = "answers" if result.multilabel else "images"
        known = result.right[0] >= 0
        wrong = (result.right == 0) & known
        rows = [known.sum(1)]
        for pair in result.pairs:
            a, b = wrong[pair.a], wrong[pair.b]
            rows += [(a ^ b).sum(1), (a & b).sum(1)]
        self.values = torch.from_numpy(np.stack(rows).astype(np.float64))
        self.means = self.values.mean(1, keepdim=True).T
        self.draws = resampled_means(self.values, seed=0)

    def rate(self, kind: str, of: Tensor, *, common: bool = False) -> Tensor:
        """Mean over the pairs of a kind of the share of images that one (both, if ``common``) gets wrong."""
        places = [1 + 2 * self.result.pairs.index(pair) + common for pair in self.by_kind[kind]]
        return of[:, places].mean(1) / of[:, 0]

    def interval(self, statistic: Callable[[Tensor], Tensor]) -> tuple[float, float | None, float | None]:
        """The statistic of all images, and its interval over resampled ones."""
        value, interval = float(statistic(self.means)), percentile_interval(statistic(self.draws))
        return (value, interval.low, interval.high) if math.isfinite(interval.low) else (value, None, None)

    def level(self, kind: str) -> Finding:
        """How many mistakes pairs of a kind share."""
        value, low, high = self.interval(lambda of: self.rate(kind, of))
        both = float(self.rate(kind, self.means, common=True))
        mine = [s for s in self.result.shared if s.kind == kind and not s.of]
        shares = np.array([(s.uncommon_share_a, s.uncommon_share_b) for s in mine])
        avoided = (
            ""
            if np.isnan(shares).any()
            else f"; of the mistakes of one, the other avoids {percent(shares.mean(), 0)}"
        )
        return Finding(
            f"{kind}: exactly one of the two is right on {percent(value)}{_percents(low, high)} of the {self.noun}, "
            f"both are wrong on {percent(both)}{avoided}; {count(self.result.n, 'image')}, "
            f"{count(len(mine), 'pair')} of networks.",
            value=value,
            low=low,
            high=high,
            n=self.result.n,
            unit="images",
            weight=0.4,
        )

    def order(self, more: str, less: str, claim: str, weight: float) -> Finding:
        """Whether pairs of one kind disagree on more images than those of another."""
        value, low, high = self.interval(lambda of: self.rate(more, of) - self.rate(less, of))
        verdict = verdict_of(low, high)
        word = {"agrees": "disagree on more", "disagrees": "disagree on fewer"}.get(
            verdict, "do not clearly disagree on more"
        )
        first, second = (float(self.rate(kind, self.means)) for kind in (more, less))
        return Finding(
            f"{more} {word} {self.noun} than {less}: {percent(first)} against {percent(second)}, "
            f"difference {points(value, low, high)}; {count(self.result.n, 'image')}, "
            f"{len(self.by_kind[more])} and {count(len(self.by_kind[less]), 'pair')} of networks.",
            value=value,
            low=low,
            high=high,
            n=self.result.n,
            unit="images",
            claim=claim,
            verdict=verdict,
            weight=weight,
        )

    def difficulty(self) -> list[Finding]:
        """Whether what only a P-T gets wrong is harder, for the other networks, than what only an RI-T gets wrong."""
        rows: dict[str, list[np.ndarray]] = {"P-T": [], "RI-T": []}
        judged: dict[str, list[np.ndarray]] = {"P-T": [], "RI-T": []}
        members, right = self.result.members, self.result.right
        for pair in self.result.pairs:
            ends = {members[i].role: i for i in (pair.a, pair.b)}
            judges = [
                [i for i, m in enumerate(members) if m.role == role and i not in (pair.a, pair.b)] for role in rows
            ]
            if set(ends) != set(rows) or not all(judges):
                continue
            others = np.mean([(right[of] == 1).mean(0) for of in judges], axis=0)
            for role, other in (("P-T", "RI-T"), ("RI-T", "P-T")):
                only = (right[ends[role]] == 0) & (right[ends[other]] == 1)
                rows[role].append(only.sum(1))
                judged[role].append((only * others).sum(1))
        if not rows["P-T"]:
            return []
        sums = np.stack([np.sum(x, axis=0) for x in (judged["RI-T"], rows["RI-T"], judged["P-T"], rows["P-T"])])
        if not (sums[1].any() and sums[3].any()):
            return []
        values = torch.from_numpy(sums.astype(np.float64))

        def easier(of: Tensor) -> Tensor:
            return of[:, 0] / of[:, 1] - of[:, 2] / of[:, 3]

        only_ri, only_p = float(values[0].sum() / values[1].sum()), float(values[2].sum() / values[3].sum())
        interval = percentile_interval(easier(resampled_means(values, seed=0)))
        low, high = (interval.low, interval.high) if math.isfinite(interval.low) else (None, None)
        value, verdict = only_ri - only_p, verdict_of(low, high)
        word = {"agrees": "easier than", "disagrees": "harder than"}.get(verdict, "not clearly easier than")
        return [
            Finding(
                f"What only an RI-T gets wrong is {word} what only a P-T gets wrong: the remaining networks (both "
                f"starts weighted alike) get {percent(only_ri)} of the former right and {percent(only_p)} of "
                f"the latter, difference {points(value, low, high)}; {count(self.result.n, 'image')}.",
                value=value,
                low=low,
                high=high,
                n=self.result.n,
                unit="images",
                claim="000 §3.2: what only P-T gets wrong is mostly ambiguous, of what only RI-T does much is easy",
                verdict=verdict,
                weight=0.6,
            )
        ]


def _of_one_answer(result: Mistakes) -> list[Finding]:
    """Who gives the same answer to all images."""
    if not result.constant:
        return []
    gives, them = ("gives", "it") if len(result.constant) == 1 else ("give", "them")
    return [
        Finding(
            f"{listed(result.constant)} {gives} one and the same answer to all {count(result.n, 'image')}, so "
            f"comparisons with {them} say nothing.",
            value=len(result.constant),
            n=len(result.members),
            unit="networks",
            weight=0.9,
        )
    ]


def _classes_won(result: Mistakes) -> list[Finding]:
    """In how many classes P-T is more accurate than RI-T."""
    mean = _by_role(result)
    if set(mean) != {"P-T", "RI-T"}:
        return []
    difference = mean["P-T"] - mean["RI-T"]
    decided = int((difference > 0).sum() + (difference < 0).sum())
    if not decided:
        return []
    won = int((difference > 0).sum())
    interval = wilson(won, decided)
    return [
        Finding(
            f"P-T is more accurate than RI-T in {won} of the {count(decided, 'class', 'classes')} in which they "
            f"differ, {percent(won / decided, 0)}{bracket(100 * interval.low, 100 * interval.high, 0)}; "
            f"{count(result.n, 'image')}.",
            value=won / decided,
            low=interval.low,
            high=interval.high,
            n=decided,
            unit="classes",
            claim="000 B.2: P-T is more accurate in every class",
            verdict=verdict_of(interval.low - 0.5, interval.high - 0.5),
            weight=0.5,
        )
    ]


def _class_size(result: Mistakes) -> list[Finding]:
    """How accuracy on a class goes with its size, and for whom more (000 Fig. 8)."""
    size = result.class_sizes.astype(np.float64)
    # What files were trained on is not known, and the images at hand say nothing of it.
    if np.ptp(size) == 0 or len(size) < 5 or not any(m.role for m in result.members):
        return []
    accuracy = _by_role(result)
    found = []
    for name, values in accuracy.items():
        c = pearson(size, values)
        if not math.isfinite(c.r):
            continue
        low, high = (c.interval.low, c.interval.high) if c.interval else (None, None)
        found.append(
            Finding(
                f"{name}: accuracy on a class and its size in {result.sizes_of} correlate with r = {number(c.r)}"
                f"{bracket(low, high)}, p = {c.p:.2g}; {count(c.n, 'class', 'classes')}.",
                value=c.r,
                low=low,
                high=high,
                n=c.n,
                unit="classes",
                weight=0.3,
            )
        )
    if set(accuracy) == {"P-T", "RI-T"} and len(found) == 2:
        found.append(_size_order(size, accuracy["P-T"], accuracy["RI-T"]))
    return found


def _size_order(size: np.ndarray, first: np.ndarray, second: np.ndarray) -> Finding:
    """Whether the accuracy of P-T goes more with class size than that of RI-T; resamples classes."""
    kept = np.isfinite(first) & np.isfinite(second)
    x, y, z = ((v[kept] - v[kept].mean()) / v[kept].std() for v in (size, first, second))
    rows = torch.from_numpy(np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z]))

    def correlations(m: Tensor) -> Tensor:
        spread = (m[:, 3:6] - m[:, :3].square()).clamp(min=0).sqrt()
        return (m[:, 6:] - m[:, :1] * m[:, 1:3]) / (spread[:, :1] * spread[:, 1:])

    r_first, r_second = correlations(rows.mean(1, keepdim=True).T)[0].tolist()
    draws = correlations(resampled_means(rows, seed=0)).diff(dim=1)[:, 0].neg()
    # A resample in which nothing varies has no correlation; it is left out, not taken for zero.
    interval = percentile_interval(draws[draws.isfinite()])
    value, verdict = r_first - r_second, verdict_of(interval.low, interval.high)
    word = {"agrees": "goes more", "disagrees": "goes less"}.get(verdict, "does not clearly go more")
    return Finding(
        f"The accuracy of P-T {word} with class size than that of RI-T: r = {number(r_first)} against "
        f"{number(r_second)}, difference {number(value)}{bracket(interval.low, interval.high)}; "
        f"{count(len(x), 'class', 'classes')}.",
        value=value,
        low=interval.low,
        high=interval.high,
        n=len(x),
        unit="classes",
        claim="000 B.2: the accuracy of P-T by class is more correlated with class size than that of RI-T",
        verdict=verdict,
        weight=0.4,
    )


def _by_role(result: Mistakes) -> dict[str, np.ndarray]:
    """Accuracy by class, a mean over the networks of each role; by network where there are no roles."""
    groups: dict[str, list[int]] = {}
    for i, member in enumerate(result.members):
        groups.setdefault(member.role or member.label, []).append(i)
    return {name: result.class_accuracy[of].mean(0) for name, of in groups.items()}


def _percents(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else bracket(100 * low, 100 * high, 1)
