"""Answers about what runs have become: curves, mistakes, features, distances."""

from __future__ import annotations

import dataclasses

from ....models.solution import Solution
from ....results import Result
from .asked import Asked

__all__ = ["distance", "learning_curves", "mistakes", "similarity"]


def learning_curves(asked: Asked) -> Result:
    """Lay the curves of all runs side by side."""
    from ....analyses.learning_curves import learning_curves

    return learning_curves(asked.runs, levels=tuple(asked.settings["levels"]))


def mistakes(asked: Asked) -> Result:
    """Hold the test images against each other that networks get wrong."""
    from ....analyses.mistakes import mistakes

    return mistakes(
        asked.net,
        asked.solutions(),
        asked.splits.test,
        train=asked.splits.train,
        gallery=asked.settings["gallery"],
        device=asked.device,
        progress=asked.context.progress,
    )


def similarity(asked: Asked) -> Result:
    """Compare features of all networks, and of the pre-trained one."""
    from ....analyses.similarity import similarity

    solutions, net = asked.solutions(), asked.net
    nets = [net] * len(solutions)
    if (source := asked.source()) is not None:
        solutions, nets = [source[0], *solutions], [source[1], *nets]
    modules = asked.settings["only"] or asked.settings["modules"]
    head = set(net.head_tensors())
    if headless := [s.label for s in solutions if not head <= s.params.keys()]:
        asked.context.draft.note("head", f"{', '.join(headless)}: no final layer; features are compared without it")
        if not asked.settings["only"]:
            modules = [m.name for m in net.modules(modules) if not head >= set(m.tensors)]
        # The forward pass wants one, whatever it is.
        solutions = [
            dataclasses.replace(s, params={**n.params(), **s.params}) for n, s in zip(nets, solutions, strict=True)
        ]
    return similarity(
        nets,
        solutions,
        asked.tests()[asked.targets[0]],
        modules=modules,
        pooled=asked.settings["pooled"],
        batch=asked.settings["batch"],
        device=asked.device,
        progress=asked.context.progress,
    )


def distance(asked: Asked) -> Result:
    """Measure how far all networks are apart, and from where they started."""
    from ....analyses.distance import distance

    starts: dict[str, Solution] = {}
    if (source := asked.source()) is not None:
        starts["P"] = source[0]
    for run in asked.runs:
        if run.role == "RI-T" and run.group not in starts:
            starts[run.group] = dataclasses.replace(run.start, label=run.group)
    return distance(
        asked.net,
        [*starts.values(), *asked.solutions()],
        granularity=asked.settings["modules"],
        runs=asked.runs if asked.settings["trajectories"] else (),
        examples=len(asked.splits.train) if asked.runs else None,  # those of files are not known
        progress=asked.context.progress,
    )
