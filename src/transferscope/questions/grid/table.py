"""The pre-trainings of a grid as a table of models, for laws of downstream against upstream accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...data.tables.models import Covariate, ModelTable, Task
from ...errors import UsageError
from .measure import Grid, all_points

__all__ = ["models_of"]


def models_of(grids: Sequence[Grid], source: str = "grid", us: str = "source") -> ModelTable:
    """Make a table of models of what a grid gave on several targets.

    Args:
        grids: one a target, of the same pre-trainings.
        source: what to call the table.
        us: what to call the upstream task.

    Raises:
        UsageError: when there is none, or they have no pre-training in common.
    """
    if not grids:
        raise UsageError(f"{source}: no results of the question grid are there")
    points = list(all_points(grids))
    if not points:
        raise UsageError(f"{source}: the targets have no pre-training in common")
    first = [of[0] for of in points]
    tasks = [
        Task(g.target, count, np.array([of[i].accuracy[at] for of in points]), g.target_images, "fine-tuned")
        for i, g in enumerate(grids)
        for at, count in enumerate(g.shots)
    ]
    factors = list(dict.fromkeys(name for p in first for name in p.factors))
    numbers = {name: np.array([p.factors.get(name, math.nan) for p in first]) for name in factors}
    numbers |= {
        "parameters": np.array([float(p.parameters) for p in first]),
        "images seen": np.array([float(p.seen) for p in first]),
    }
    covariates = [Covariate(name, v) for name, v in numbers.items() if len(np.unique(v[np.isfinite(v)])) > 1]
    families = [p.family for p in first]
    if len(set(families)) > 1:
        covariates.append(Covariate("family", np.array(families, dtype=np.str_)))
    alike = tuple(p.configuration for p in first)
    return ModelTable(
        source, tuple(p.name for p in first), {us: np.array([p.upstream for p in first])}, tuple(tasks),
        tuple(covariates), {us: grids[0].upstream_images}, tuple(families) if len(set(families)) > 1 else (),
        configurations=alike if len(set(alike)) < len(alike) else (),
    )  # fmt: skip
