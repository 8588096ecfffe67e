"""A pre-training of a grid as it came out, read from the run folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...errors import StoreError
from ...models.network import Network
from ...params import Params
from ...questions.protocols import GridPoint
from ..perform import Context
from .data import DataSummary
from .network import network_of
from .train import Trained

__all__ = ["grid_point"]


def grid_point(context: Context, described: Mapping[str, Any], role: str, finetuned: str) -> GridPoint:
    """Read a pre-training and, where it is an input, what fine-tuning made of it.

    Args:
        context: of the step that asks.
        described: its name, family, factors and seed.
        role: the input that trained it.
        finetuned: the input that fine-tuned it, if there is one.
    """
    step = context.step.inputs[role]
    stored = context.stored(role)
    trained: Trained = stored.result(Trained)
    images = context.folder.find(step.inputs["images"].identity)
    if images is None:
        raise StoreError(f"{context.folder.root}: the images of {step.title!r} are not there; were they deleted?")
    summary = images.result(DataSummary)
    diverged = trained.ended != "finished"
    again: float | None = None
    tuned: Params | None = None
    tuned_net: Network | None = None
    if finetuned in context.step.inputs:
        after = context.stored(finetuned)
        reached: Trained = after.result(Trained)
        again = _reached(reached)
        tuned_net = network_of(step.spec["network"], reached.classes)
        tuned = None if math.isnan(again) else after.weights()["final"]
    seen = step.spec["sampler"]["total"] if "sampler" in step.spec else summary.train.images
    batches = trained.steps / math.ceil(seen / step.spec["recipe"]["batch"])
    return GridPoint(
        name=described["name"],
        family=described["family"],
        factors=dict(described["factors"]),
        seed=described["seed"],
        net=network_of(step.spec["network"], trained.classes),
        params=None if diverged else stored.weights()["final"],
        accuracy=_reached(trained),
        images=summary.test.images,
        trained_on=round(batches * seen),
        ended=trained.ended,
        finetuned=again,
        tuned=tuned,
        tuned_net=tuned_net,
        source=described.get("source", described["family"]),
        objective=described.get("objective", "supervised"),
        sampling=described.get("sampling", ""),
        sample=trained.sample,
    )


def _reached(trained: Trained) -> float:
    return trained.metrics.get("test_accuracy", math.nan) if trained.ended == "finished" else math.nan
