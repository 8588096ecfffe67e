"""Answers about what lies between and beyond solutions: barriers, edges, domains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import combinations

from ....errors import UsageError
from ....models.solution import Solution
from ....results import Result
from .asked import Asked

__all__ = ["barrier", "basin", "combined_domains", "cross_domain", "extrapolation"]


def barrier(asked: Asked) -> Result:
    """Follow the lines between the runs' ends, and from the pre-trained weights to them."""
    from ....analyses.barrier import barriers, run_pairs

    settings = asked.settings
    source, ends = asked.source(), settings["ends"]
    start = source[0] if source is not None else None
    given = asked.given()
    pairs = list(combinations(given, 2)) + [(start, s) for s in given if start is not None]
    # What does not depend on the end is asked for with the first of them only.
    of_runs = [
        run_pairs(
            asked.runs,
            end=end,
            best_and_final=end == ends[0] and set(ends) == {"best", "final"},
            start=start if end == ends[0] else None,
        )
        for end in ends
    ]
    pairs += [pair for found, _ in of_runs for pair in found]
    return barriers(
        asked.net,
        pairs,
        asked.sets(settings["parts"]),
        left_out=tuple(dict.fromkeys(left for _, missing in of_runs for left in missing)),
        lambdas=settings["points"],
        metrics=settings["metrics"],
        threshold=settings["threshold"],
        progress=asked.context.progress,
        recalibrate_on=asked.splits.train,
        **asked.engine,
    )


def extrapolation(asked: Asked) -> Result:
    """Follow the lines through all pairs of networks, beyond both."""
    import numpy as np

    from ....analyses.extrapolation import extrapolation

    settings = asked.settings
    reach = settings["reach"]
    return extrapolation(
        asked.net,
        list(combinations(asked.solutions(), 2)),
        asked.sets(("test",)),
        lambdas=np.round(np.linspace(-reach, 1 + reach, settings["points"]), 12),
        metrics=settings["metrics"],
        threshold=settings["threshold"],
        progress=asked.context.progress,
        recalibrate_on=asked.splits.train,
        **asked.engine,
    )


def basin(asked: Asked) -> Result:
    """Measure what groups of networks span."""
    from ....analyses.basin import BasinRule, Excluded, basins

    settings = asked.settings
    rule = BasinRule(**{k: settings[k] for k in ("samples", "draws", "limit", "extend", "rise", "threshold")})
    (images,) = asked.sets(("test",)).values()
    return basins(
        asked.net,
        groups_of(asked.solutions(), settings["groups"]),
        images,
        left_out=[Excluded((run.label,), run.ended) for run in asked.runs if run.diverged],
        rule=rule,
        metrics=settings["metrics"],
        progress=asked.context.progress,
        recalibrate_on=asked.splits.train,
        **asked.engine,
    )


def groups_of(solutions: Sequence[Solution], wanted: Sequence[str]) -> list[tuple[Solution, ...]]:
    """Return what spans basins: ``pairs`` of one role, ``all`` of it, ``mixed`` pairs.

    >>> a, b, c = (Solution(label, {}, role) for label, role in (("a", "P-T"), ("b", "P-T"), ("c", "RI-T")))
    >>> [[s.label for s in group] for group in groups_of([a, b, c], ["pairs", "all", "mixed"])]
    [['a', 'b'], ['a', 'c'], ['b', 'c']]
    """
    pairs = list(combinations(solutions, 2))
    groups: list[tuple[Solution, ...]] = [p for p in pairs if "pairs" in wanted and p[0].role == p[1].role]
    groups += [p for p in pairs if "mixed" in wanted and p[0].role != p[1].role]
    roles: dict[str, list[Solution]] = {}
    for solution in solutions:
        roles.setdefault(solution.role, []).append(solution)
    return groups + [tuple(of) for of in roles.values() if "all" in wanted and len(of) > 2]


def _domains(asked: Asked, function: Callable[..., Result]) -> Result:
    settings = asked.settings
    solutions: dict[str, list[Solution]] = {}
    for run in asked.runs:
        if (solution := asked.at(run, settings["weights"])) is not None:
            labelled = dataclasses.replace(solution, label=f"{run.target} {solution.label}")
            solutions.setdefault(run.target, []).append(labelled)
    return function(
        asked.net,
        solutions,
        asked.tests(),
        train={target: splits.train for target, splits in asked.images.items()},
        lambdas=settings["points"],
        metrics=settings["metrics"],
        progress=asked.context.progress,
        **asked.engine,
    )


def cross_domain(asked: Asked) -> Result:
    """Follow the lines between runs on different domains."""
    from ....analyses.cross_domain import cross_domain

    return _domains(asked, cross_domain)


def combined_domains(asked: Asked) -> Result:
    """Follow the lines between runs on a union of domains and runs on one of them."""
    from ....analyses.combined_domains import combined_domains

    if not any("+" in run.target for run in asked.runs):
        raise UsageError("no run on a union of domains; give unions")
    return _domains(asked, combined_domains)
