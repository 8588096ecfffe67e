"""Do the theorems' scores foretell what networks of a study did?  Scores against deviation, improvement and error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.ranks import rank_correlation
from ..transfer.measure import Transfer
from .scores import TaskScore

__all__ = ["OUTCOMES", "Outcome", "TrainedPair", "rank_by_target", "trained_pairs"]

Outcome: TypeAlias = Literal["deviation", "improvement", "error"]
OUTCOMES: tuple[Outcome, ...] = ("deviation", "improvement", "error")

_LEAST_SOURCES = 3


@dataclass(frozen=True)
class TrainedPair:
    """What networks from one source came to on one target, means over runs that did not diverge.

    Attributes:
        source: name of the pre-training.
        target: name of the target.
        runs: how many fine-tuned networks.
        deviation: (1/√n)·Σ_l ‖W_l − W⁰_l‖_F.
        improvement: 1 − test error over that of networks from scratch; nan without any.
        error: test error.
    """

    source: str
    target: str
    runs: int
    deviation: float
    improvement: float
    error: float


def trained_pairs(found: Transfer) -> tuple[TrainedPair, ...]:
    """Return what fine-tuned networks of a study came to, by source and target.

    Args:
        found: what runs reached, from all pre-trainings and from scratch.
    """
    there = [run for run in found.runs if run.ended == "finished" and math.isfinite(run.test_error)]
    pairs = []
    for source, target in dict.fromkeys((r.source, r.target) for r in there if r.kind == "fine-tuned"):
        mine = [r for r in there if (r.kind, r.source, r.target) == ("fine-tuned", source, target)]
        scratch = [r.test_error for r in there if (r.kind, r.target) == ("scratch", target)]
        error = float(np.mean([r.test_error for r in mine]))
        from_scratch = float(np.mean(scratch)) if scratch else math.nan
        improvement = 1 - error / from_scratch if from_scratch > 0 else math.nan
        deviation = float(np.mean([r.deviation for r in mine]))
        pairs.append(TrainedPair(source or "source", target, len(mine), deviation, improvement, error))
    return tuple(pairs)


def rank_by_target(
    scores: Sequence[TaskScore],
    pairs: Sequence[TrainedPair],
    score: Literal["move", "gradient"],
    outcome: Outcome,
) -> Estimate:
    """Return Kendall's τ of a score and an outcome over sources, target by target; the mean over targets.

    Targets differ in what is hard about them, so sources are compared on each of them alone; the sources of one
    target are one number, and targets are the sample.

    Args:
        scores: of sources and targets.
        pairs: what networks came to.
        score: ``move`` (Theorem 2) or ``gradient`` (Theorem 1); the smaller, the nearer the source is said to be.
        outcome: what it is held against.

    Returns:
        The mean, over targets with three sources or more; nan where there is none.
    """
    known = {(one.source, one.target): getattr(one, score) for one in scores}
    taus = []
    for target in dict.fromkeys(p.target for p in pairs):
        of = [p for p in pairs if p.target == target and (p.source, target) in known]
        x, y = [known[p.source, target] for p in of], [getattr(p, outcome) for p in of]
        if len(of) >= _LEAST_SOURCES and math.isfinite(tau := rank_correlation(x, y).value):
            taus.append(tau)
    return mean(taus, over="targets") if taus else Estimate(math.nan)
