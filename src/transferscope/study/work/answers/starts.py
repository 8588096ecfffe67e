"""Answers about where runs started, what it buys, and what else one could start from."""

from __future__ import annotations

import dataclasses

from ....models.batchnorm import statistics
from ....models.solution import Solution
from ....results import Result
from ....train.run import Run
from .asked import Asked

__all__ = ["source_choice", "transfer", "variants", "weight_map"]


def transfer(asked: Asked) -> Result:
    """Hold new heads, fine-tuning and training from scratch against each other."""
    from ....analyses.transfer import transfer

    source = asked.source()
    return transfer(
        asked.nets(),
        asked.runs,
        train_images=asked.counts("train"),
        test_images=asked.counts("test"),
        pretrained=source[0].params if source is not None else None,
    )


def source_choice(asked: Asked) -> Result:
    """Hold pre-trainings against each other, target by target."""
    from ....analyses.source_choice import source_choice

    return source_choice(
        asked.nets(),
        asked.runs,
        train_images=asked.counts("train"),
        test_images=asked.counts("test"),
        nearest_first=asked.settings["nearest_first"],
        other_labels=asked.settings["other_labels"],
    )


def variants(asked: Asked) -> Result:
    """Hold other starts and averaged runs against plain fine-tuning."""
    from ....analyses.variants import variants

    settings = asked.settings
    groups: dict[str, list[Run]] = {}
    for run in asked.runs:
        groups.setdefault(run.start_name, []).append(run)
    return variants(
        asked.net,
        groups,
        dataclasses.replace(asked.splits, test=asked.sets(("test",))["test"]),
        reference=settings["reference"],
        scratch=settings["scratch"],
        kinds=settings["kinds"],
        weights=settings["weights"],
        points=settings["points"],
        threshold=settings["threshold"],
        norm=settings["norm"],
        progress=asked.context.progress,
        device=asked.device,
        kept=asked.kept,
    )


def weight_map(asked: Asked) -> Result:
    """Place all networks by their distances."""
    from ....analyses.weight_map import weight_map

    settings = asked.settings
    placed: dict[str, list[Solution]] = {}
    pretrained = settings.get("pretrainings", {})
    for source, tag in pretrained.items():
        params = asked.context.stored(f"pretraining {source}").weights()[tag]
        label = "P" if source == "source" else f"P {source}"
        placed.setdefault("", []).append(Solution(label, params, "P", label))
    for run in asked.runs:
        if (solution := asked.at(run, settings["weights"])) is not None:
            placed.setdefault(run.target, []).append(solution)
    return weight_map(
        placed,
        # Final layers are of the tasks' own sizes, and new; statistics are no weights.
        leave_out=[*asked.net.head_tensors(), *statistics(asked.net.module)],
        perplexity=settings["perplexity"],
        seed=settings["seed"],
    )
