"""Do solutions live in one (ε, δ)-basin, and how large are ε and δ?"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

import numpy as np
from torch import Tensor, nn

from ...data.imageset import ImageSet
from ...errors import TooFewError, UsageError
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...models.solution import Solution, Solutions, as_solution, letter
from ...probes.evaluate import Engine, EngineOptions, How
from ...probes.evaluation import check_options
from ...probes.metrics import default_metrics
from ...progress import Progress, silent
from .._members import Member, as_members, as_solutions
from .._paths import Joined
from .._sides import unlearned
from ..result import Result
from .field import Counter, NetworkField, edge_gram
from .numbers import measured, most_points, why_not
from .parts import BasinGroup, BasinMeasure, BasinRegion, BasinRule, Rim

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Basin", "BasinGroup", "BasinMeasure", "BasinRegion", "BasinRule", "Rim", "basin"]


@dataclass(frozen=True, eq=False)
class Basin(Result):
    """The (ε, δ) of the segments or simplices that groups of solutions span (Neyshabur et al. 2020, Def. 3.1).

    μ and ε are over points drawn uniformly from S; δ is the smallest with which conditions 2 and 3 hold: rising from
    0, the first of a scan that doubles, narrowed by bisection, all with the same draws. S is measured as the hull of
    the solutions and extended: each vertex moved away from the middle to where the error exceeds the solution's own
    by ``rise`` (for two solutions, the segment between its two edges). Where no such end is within reach, S
    ends at the reach.

    S is one basin, on the given images, when the interval of ε ends at or below the threshold and that of δ within
    the limit. It is not when the interval of ε lies above the threshold, that of δ is beyond the limit altogether, or
    the loss on S is not finite. Otherwise it cannot be told. These intervals are over draws alone: the loss is taken
    as a function on the given images, and scatter between networks that a small image set brings is part of ε.

    How claims are judged (Neyshabur et al. 2020, §3.3): pairs of P-T and pairs of RI-T by the error (1 − AUC where
    there is an AUC) on the extended S, one ε a pair, draws averaged, and by how much the error around S exceeds μ +
    2ε at the largest δ that is tried: over 0 there is a δ. Networks are the sample, one left out at a time, and
    images vary, too: ε and the excess are worked out again on resampled images, the same for all pairs.

    Attributes:
        groups: one a group of solutions.
        left_out: groups that could not be measured, and networks that learned nothing and decide nothing.
        images: name of the image set.
        n: number of images.
        rule: how it was measured and judged.
        how: how the numbers were computed.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "basin"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, Def. 3.1",
        "Neyshabur et al. 2020, §3.3",
        "Neyshabur et al. 2020, B.6",
        "Neyshabur et al. 2020, Fig. 18",
    )

    groups: tuple[BasinGroup, ...]
    left_out: tuple[LeftOut, ...]
    images: str
    n: int
    rule: BasinRule
    how: How
    witnesses: tuple[Witness, ...] = ()

    def members(self) -> tuple[Member, ...]:
        """Return the networks of all groups, each once."""
        return tuple({m.label: m for g in self.groups for m in g.members}.values())

    def frame(self) -> pd.DataFrame:
        """Return one row a group, S and metric; ``excess`` is over μ + 2ε at the largest δ that was tried."""
        import pandas as pd

        rows = [
            {"kind": g.kind, "solutions": g.name, "set": r.extent, "metric": m.metric, "mu": m.numbers.mu,
             "mu_low": m.mu_low, "mu_high": m.mu_high, "mu_error": m.numbers.mu_error, "epsilon": m.numbers.epsilon,
             "epsilon_low": m.numbers.epsilon_low, "epsilon_high": m.numbers.epsilon_high, "delta": m.numbers.delta,
             "delta_low": m.numbers.delta_low, "delta_high": m.numbers.delta_high, "limit": g.limit,
             "binding": m.numbers.binding, "one_basin": m.answer, "distance": g.distance, "norm": g.norm,
             "parameters": g.size, "points": len(m.losses), "draws": m.shaken.shape[1], "images": self.images,
             "n": self.n, "excess": m.excess}
            for g in self.groups
            for r in g.regions
            for m in r.measures
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def rises(self) -> pd.DataFrame:
        """Return one row a group, S, metric, condition and δ: the mean loss around S less μ, and what it must reach.

        ``error`` is the Monte-Carlo standard error over draws; ``excess`` the rise less 2ε, which must not be
        negative.
        """
        import pandas as pd

        rows = []
        for g in self.groups:
            for r in g.regions:
                for m in r.measures:
                    for condition, losses in ((2, m.shaken), (3, m.beyond)):
                        for delta, of_draws in zip(r.deltas, losses, strict=True):
                            rise = float(of_draws.mean() - m.numbers.mu)
                            needed = 2 * m.numbers.epsilon
                            rows.append({
                                "kind": g.kind, "solutions": g.name, "set": r.extent, "metric": m.metric,
                                "condition": condition, "delta": float(delta), "rise": rise,
                                "error": float(of_draws.std(ddof=1)) / math.sqrt(len(of_draws)),
                                "needed": needed, "excess": rise - needed, "draws": len(of_draws),
                            })  # fmt: skip
        return pd.DataFrame(rows)


def basin(
    net: Network,
    groups: Sequence[Solutions],
    images: ImageSet,
    *,
    left_out: Sequence[LeftOut] = (),
    witnesses: Sequence[Witness] = (),
    rule: BasinRule | None = None,
    metrics: Sequence[str] | None = None,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Basin:
    """Measure the (ε, δ)-basins that groups of k ≥ 2 solutions span (Neyshabur et al. 2020, Def. 3.1).

    1. ε = E|ℓ(w) − μ|, μ = E ℓ(w), w uniform on S;
    2. E[ℓ(f(w₁, w₂) + ν) − μ] ≥ 2ε, ν ~ N(0, (δ²/n)I), f the point where the ray from w₁ through w₂ leaves S;
    3. E[ℓ(κ) − μ] ≥ 2ε, κ = f + |ν|(f − w₁)/‖f − w₁‖, ν ~ N(0, δ²).

    Lengths are over the parameters; noise does not touch the statistics of batch norm, and is the same for all
    groups. A group with weights that are not finite, or that spans nothing, is left out and named.

    Args:
        net: the network of all.
        groups: at least two solutions each; plain weights of a group are called A, B, C, ….
        images: to evaluate on, usually the test set.
        left_out: groups that are known to be missing; named in the result.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        rule: number of draws, limits and thresholds.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default error (AUC for several labels an image)
            and loss.
        progress: told after every point, of the most that there can be for all groups.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when the solutions of a group are fewer than two or of another network, no group can be measured,
            or images or options do not suit them.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> class Box(torch.nn.Module):
    ...     # Right about black images where |w| < 1.1, about white ones where w > 0.
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.w = torch.nn.Parameter(torch.zeros(1))
    ...
    ...     def forward(self, x):
    ...         right = torch.cat([1.1 - self.w.abs(), self.w])[(x.flatten() > 0.5).long()]
    ...         return torch.stack([right, -right], 1)
    >>> net = Network(Box(), "box", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels = np.repeat(np.array([0, 255], np.uint8), [9, 1]).reshape(-1, 1, 1, 1)
    >>> images = ImageSet(pixels, np.zeros(10, np.int64), ("right", "wrong"), np.array(list("0123456789")))
    >>> a, b = {"w": torch.tensor([-1.0])}, {"w": torch.tensor([1.0])}
    >>> found = basin(net, [(a, b)], images, rule=BasinRule(limit=1.0), metrics=["error"], device="cpu")
    >>> measure = found.groups[0].region("hull").measure("error")  # 0.1 on the left half of S, 0 on the right
    >>> round(measure.numbers.epsilon, 2), measure.answer
    (0.05, 'no')
    """
    check_options(options, basin)
    rule = rule or BasinRule()
    named = _named(net, groups)
    broken = {i: reason for i, group in enumerate(named) if (reason := _unfit(net, group))}
    kept = [group for i, group in enumerate(named) if i not in broken]
    if not kept:
        raise TooFewError(next(iter(broken.values()), "no group of solutions to measure; give at least one"))
    chosen = tuple(m for m in default_metrics(images.multilabel) if m != "error" or not images.multilabel)
    engine = Engine(net, {images.name: images}, metrics=metrics or chosen, per_example=True, **options)
    totals = np.cumsum([most_points(rule, len(group), len(metrics or chosen)) for group in kept])
    counter = Counter(progress, int(totals[-1]))
    found = []
    for group, total in zip(kept, totals, strict=True):
        field = NetworkField(net, engine, images, [s.params for s in group], rule.seed, counter)
        found.append(measured(group, field, rule))
        counter.close(int(total))
    excluded = [LeftOut(" & ".join(s.label for s in named[i]), reason) for i, reason in broken.items()]
    members = {m.label: m for group in kept for m in as_members(group)}
    every = dict.fromkeys((*left_out, *excluded, *unlearned([*members.values()], witnesses)))
    return Basin(tuple(found), tuple(every), images.name, len(images), rule, engine.how, tuple(witnesses))


def _named(net: Network, groups: Sequence[Solutions]) -> list[tuple[Solution, ...]]:
    """Name the solutions of each group; those without a name are called A, B, C, … throughout."""
    named: list[tuple[Solution, ...]] = []
    for group in groups:
        alone = isinstance(group, Mapping) and all(isinstance(value, Tensor) for value in group.values())
        if isinstance(group, (Solution, nn.Module, str, os.PathLike)) or alone:
            raise UsageError("groups: expected a list of groups of networks, such as [(a, b)]")
        if not isinstance(group, Mapping):
            before = sum(map(len, named))
            group = [as_solution(x, letter(before + i), net) for i, x in enumerate(group)]
        named.append(as_solutions(group, net=net))
    return named


def _unfit(net: Network, group: Sequence[Solution]) -> str:
    """Return why a group cannot be measured; raise when it never could."""
    joined = Joined.of(net, [(group[0], other) for other in group[1:]])
    if joined.left_out:
        return joined.left_out[0].reason
    if note := next((note for _, _, _, note in joined.pairs if note), ""):
        raise UsageError(f"{note}; a basin is spanned by solutions of one task")
    return why_not(group, edge_gram(net, [s.params for s in group]))
