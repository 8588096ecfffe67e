"""Steps of kind ``train``: one training run, kept so that it can be stopped at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...data.imageset import ImageSplits
from ...errors import UsageError
from ...models.network import Network
from ...store.log import Log
from ...train.altered import basin_noise, top_singular
from ...train.averaged import fit_averaged
from ...train.contrastive import fit_simclr
from ...train.events import Ended, Epoch, Event, Record, Saved, Snapshot, Steps
from ...train.fit import fit
from ...train.image_text import fit_clip
from ...train.recipe import Recipe
from ...train.starts import Start, pretrained, probed, random, same
from ...train.state import FitState
from ..overlay import make
from ..perform import Context
from .data import images_of
from .network import network_of
from .probed import PROBED
from .sampled import chosen

__all__ = ["Trained", "train"]

_SAVE_SECONDS = 10.0
"""Least time between two saved states: what a killed run loses at most, besides an epoch."""

_PIXELS_BETWEEN_STATES = 5e8
"""An epoch of more training pixels than this is saved within, too."""


@dataclass(frozen=True)
class Trained:
    """How a run went; its losses are in ``history.jsonl``, its weights in ``weights/``.

    Attributes:
        ended: "finished" or "diverged at step s".
        steps: how many steps were done.
        best_epoch: epoch of the best weights.
        chosen_by: what they are best at.
        precision: number format of products in training.
        classes: number of outputs of the network.
        head: prefix of the tensors of its final classifier.
        report: what was left out of the weights it started from and drawn anew.
        metrics: of the last evaluation.
        best_metrics: of the evaluation at the best epoch.
        sample: what the chosen images are, where some are chosen: their number, effective classes, Vendi score.
    """

    ended: str
    steps: int
    best_epoch: int | None
    chosen_by: str
    precision: str
    classes: int
    head: str
    report: tuple[str, ...]
    metrics: dict[str, float]
    best_metrics: dict[str, float]
    sample: dict[str, float] = field(default_factory=dict)


def train(context: Context) -> None:
    """Train a network, or go on from the last saved state to the same end."""
    spec = context.step.spec
    images = images_of(context.step.inputs["images"])
    net = network_of(spec["network"], len(images.classes))
    start = _start(context, net)
    recipe: Recipe = make(Recipe, spec["recipe"])
    state, keep, tags, evaluated = None, 0, [], {}
    if (saved := context.draft.load_state()) is not None:
        tensors, numbers = saved
        state = FitState.of(tensors, numbers["fit"])
        keep, tags, evaluated = numbers["history"], numbers["tags"], numbers["evaluated"]
        context.earlier, context.started = numbers["seconds"], numbers["started"]
    how: Callable[..., Iterator[Event]] = fit
    more: dict[str, Any] = {}
    sample: dict[str, float] = {}
    if "sampler" in spec:
        images, pace, sample = chosen(context, net, images)
        more = {"pace": pace}
    if "average" in spec:
        how = partial(fit_averaged, **spec["average"])
    elif "simclr" in spec:
        how = partial(fit_simclr, **spec["simclr"])
    elif "clip" in spec:
        how = partial(fit_clip, **spec["clip"])
    events = how(
        net,
        start,
        images,
        recipe,
        seed=spec["seed"],
        device=context.device,
        record=_record(spec["record"], recipe, images),
        state=state,
        progress=context.progress,
        **more,
    )
    saved_at = time.monotonic()
    ended: Ended | None = None
    with context.draft.log(keep) as log:
        for event in events:
            match event:
                case Steps():
                    _log_steps(log, event)
                case Epoch():
                    log.row({"kind": "epoch", "epoch": event.epoch, "step": event.step, **event.metrics})
                    evaluated[str(event.epoch)] = event.metrics
                case Snapshot():
                    context.draft.save_weights(event.tag, event.params)
                    tags = [*(t for t in tags if t != event.tag), event.tag]
                case Saved() if time.monotonic() - saved_at >= _SAVE_SECONDS:
                    numbers = {
                        "fit": event.state.numbers(),
                        "history": log.flush(),
                        "tags": tags,
                        "evaluated": evaluated,
                        "seconds": context.seconds,
                        "started": context.started,
                    }
                    context.draft.save_state(event.state.tensors(), numbers)
                    saved_at = time.monotonic()
                case Ended():
                    ended = event
    assert ended is not None, "fit always ends with Ended"
    context.draft.list_weights(tags)
    for sentence in start.report:
        context.draft.note("head", sentence)
    if ended.diverged:
        context.draft.note("diverged", ended.reason)
    last = max(evaluated, key=int, default=None)
    best = str(ended.best_epoch) if ended.best_epoch is not None else None
    context.draft.save(
        Trained(
            ended=ended.reason,
            steps=ended.step,
            best_epoch=ended.best_epoch,
            chosen_by=ended.chosen_by,
            precision=ended.precision,
            classes=net.classes,
            head=net.head,
            report=start.report,
            metrics=evaluated[last] if last is not None else {},
            best_metrics=evaluated.get(best, {}) if best is not None else {},
            sample=sample,
        )
    )


def _start(context: Context, net: Network) -> Start:
    how: Mapping[str, Any] = context.step.spec["start"]
    if how["from"] == "random":
        return random(net, how["seed"], how.get("stream", ""))
    weights = context.stored("source").weights()
    if how["weights"] not in weights:
        raise UsageError(
            f"the pre-training diverged and has no {how['weights']} weights to start from; lower its learning rate"
        )
    params = weights[how["weights"]]
    if how["head"] == "probe":
        start = probed(net, params, context.stored("head").weights()[PROBED])
    elif how["head"] == "keep":
        start = same(net, params, role="P", group="P")
    else:
        start = pretrained(net, params, how["seed"])
    if "top_singular" in how:
        start = top_singular(start, net, **how["top_singular"])
    if "basin_noise" in how:
        start = basin_noise(start, net, how["basin_noise"], how["seed"])
    return start


def _record(spec: Mapping[str, Any], recipe: Recipe, images: ImageSplits) -> Record:
    height, width = images.train.size
    every = max(1, round(_PIXELS_BETWEEN_STATES / (recipe.batch * height * width)))
    long = recipe.steps_per_epoch(len(images.train)) > every
    return Record(
        epochs=tuple(spec["epochs"]),
        steps=tuple(spec["steps"]),
        evaluate_every=spec["evaluate_every"],
        evaluate_train=spec["evaluate_train"],
        evaluate_test=spec.get("evaluate_test", "every"),
        save_steps=every if long else 0,
    )


def _log_steps(log: Log, steps: Steps) -> None:
    for step, loss, accuracy, lr in zip(steps.step, steps.loss, steps.accuracy, steps.lr, strict=True):
        log.row(
            {
                "kind": "step",
                "epoch": steps.epoch,
                "step": int(step),
                "loss": float(loss),
                "accuracy": float(accuracy),
                "lr": float(lr),
            }
        )
