"""Whole studies in which nothing is to be found: how many verdicts chance gives, and how many are left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from transferscope.evidence import Estimate, Finding, Verdict, tally
from transferscope.rng import numpy_generator

__all__ = ["NullStudies", "null_studies"]

_TARGETS = ("a", "b", "c", "d")


@dataclass(frozen=True)
class NullStudies:
    """What whole null studies say.

    Attributes:
        studies: how many.
        verdicts: claims × targets of one.
        mean: verdicts that chance gave, on average.
        most: the most of them in one study.
        bound: what the page of a report says that chance would give at most.
        marked: studies in which at least one verdict is left at a false discovery rate of 5 %.
        marks: verdicts left, of all studies together.
    """

    studies: int
    verdicts: int
    mean: float
    most: int
    bound: float
    marked: int
    marks: int


def null_studies(outcomes: Mapping[str, list[tuple[Verdict, float | None]]], studies: int) -> NullStudies:
    """Put studies together from simulated outcomes of each claim at its null, claims independent of one another.

    Args:
        outcomes: verdict and p of each simulation, by claim.
        studies: how many studies; each takes four outcomes of every claim, none twice as long as there are enough.
    """
    orders: dict[str, list[int]] = {}
    for claim, of in outcomes.items():
        rng = numpy_generator("null studies", claim)
        orders[claim] = []
        while len(orders[claim]) < len(_TARGETS) * studies:
            orders[claim] += rng.permutation(len(of)).tolist()
    decided, marks, bounds = [], [], []
    for study in range(studies):
        findings = []
        for claim, of in outcomes.items():
            for t, target in enumerate(_TARGETS):
                verdict, p = of[orders[claim][len(_TARGETS) * study + t]]
                findings.append(Finding(target, claim, Estimate(math.nan), verdict, p, "", "networks", 5, ""))
        found = tally(findings)
        decided.append(found.count("agrees") + found.count("disagrees"))
        marks.append(found.standing)
        bounds.append(found.by_chance)
    return NullStudies(studies, len(outcomes) * len(_TARGETS), float(np.mean(decided)), max(decided),
                       float(np.mean(bounds)), sum(m > 0 for m in marks), sum(marks))  # fmt: skip
