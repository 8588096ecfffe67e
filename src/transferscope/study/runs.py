"""A stored training run as the analyses see it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..store.step import StoredStep
from ..train.recipe import Recipe
from ..train.run import Run
from .overlay import make
from .work.train import Trained

__all__ = ["load_run"]


def load_run(
    stored: StoredStep,
    *,
    label: str,
    role: str,
    group: str,
    seed: int,
    target: str,
    source: str = "",
    condition: str = "",
    start_name: str = "",
) -> Run:
    """Read a run; its weights are read when they are asked for.

    Args:
        stored: a finished step of kind ``train``.
        label: what to call it.
        role: ``P-T``, ``RI-T`` or ``P``.
        group: runs from one and the same start share it.
        seed: its seed.
        target: what it was trained on.
        source: name of the pre-training it started from, empty for random weights.
        condition: what else tells it apart.
        start_name: name of its start in the study.
    """
    trained = stored.result(Trained)
    rows = stored.history()
    recipe: Recipe = make(Recipe, stored.record.spec["recipe"])
    return Run(
        label=label,
        role=role,
        group=group,
        seed=seed,
        target=target,
        recipe=recipe,
        steps=_columns([r for r in rows if r["kind"] == "step"], ("epoch", "step", "loss", "accuracy", "lr")),
        epochs=_columns([r for r in rows if r["kind"] == "epoch"], ("epoch", "step")),
        snapshots=stored.weights(),
        ended=trained.ended,
        best_epoch=trained.best_epoch,
        chosen_by=trained.chosen_by,
        precision=trained.precision,
        start_name=start_name,
        source=source,
        condition=condition,
    )


def _columns(rows: list[dict[str, Any]], least: tuple[str, ...]) -> dict[str, np.ndarray]:
    names = dict.fromkeys([*least, *(name for r in rows for name in r if name != "kind")])
    whole = {name: np.array([r[name] for r in rows], np.int64) for name in ("epoch", "step")}
    return whole | {
        name: np.array([r.get(name, np.nan) for r in rows], np.float64) for name in names if name not in whole
    }
