"""Steps of kind ``recording``: a training recorded elsewhere, taken over and evaluated on the study's images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from ...data.feed import Feed
from ...data.imageset import ImageSplits
from ...models.checkpoint import read
from ...models.heads import fit_to
from ...models.network import Network
from ...models.placed import placed
from ...params import Params
from ...store.log import Log
from ...store.recording import START, Recording
from ...train.trainer import measure
from ..perform import Context
from .data import images_of
from .network import network_of
from .train import Trained

__all__ = ["take"]


def take(context: Context) -> None:
    """Take over weights and losses of a recording, under the names of the network, and evaluate what was kept.

    Epochs are evaluated here, in eval mode on the images of the study, as runs are that are trained here: what the
    training loop measured may have been on other images, or in other words.
    """
    spec = context.step.spec
    images = images_of(context.step.inputs["images"])
    net = network_of(spec["network"], len(images.classes))
    found = Recording.open(spec["path"])
    last = "final" if "final" in found.tags else max(found.tags, key=lambda tag: found.tags[tag]["step"])
    ended = found.ended if found.ended.startswith("diverged") else "finished"
    if not found.ended.startswith(("finished", "diverged")):
        state = found.ended or "was stopped"
        context.draft.note(
            "recording", f"{found.root.name} {state}; its last weights ({last}) are taken for the final"
        )
    kept: dict[str, dict[str, int]] = {}
    wanted = {tag: tag for tag in found.tags} | {"final": last}
    if ended != "finished":
        wanted = {tag: tag for tag in found.tags if tag not in ("final", "best")}
    metrics: dict[str, dict[str, float]] = {}
    feeds = _feeds(images, context.device)
    final: Params = {}
    for done, (tag, source) in enumerate(wanted.items()):
        file = read(found.root, at=source, finite=False)
        if file.nonfinite:
            context.draft.note("recording", f"{found.root.name}: the weights at {tag} are not finite and left out")
            continue
        loaded = fit_to(net, file, head="refuse")
        for sentence in loaded.report.notes():
            context.draft.note("dropped", sentence)
        context.draft.save_weights(tag, loaded.params)
        final = loaded.params if tag == "final" else final
        kept[tag] = dict(found.tags[source])
        if tag != START and not tag.startswith("step "):
            metrics[tag] = _measured(net, loaded.params, feeds, context.device)
        context.progress(done + 1, len(wanted), "weights")
    chosen = _best(context, found, final, kept, metrics)
    context.draft.list_weights(kept)
    rows = _by_epoch(kept, metrics)
    with context.draft.log() as log:
        _steps(log, found, spec["recipe"])
        for epoch, (step, values) in rows.items():
            log.row({"kind": "epoch", "epoch": epoch, "step": step, **values})
        log.flush()
    context.draft.save(
        Trained(
            ended=ended,
            steps=max((at["step"] for at in kept.values()), default=0),
            best_epoch=kept["best"]["epoch"] if "best" in kept else None,
            chosen_by=chosen,
            precision="float32",
            classes=net.classes,
            head=net.head,
            report=(),
            metrics=metrics.get("final", {}),
            best_metrics=metrics.get("best", {}),
        )
    )


def _best(context: Context, found: Recording, final: Params, kept: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Say by what the best weights were chosen; where none were, the final ones are the best."""
    if "best" in kept:
        by = str(found.best.get("by", "")) or str(found.about.get("best") or "given")
        return by if by in ("val_accuracy", "val_auc") else f"val ({by})"
    if "final" in kept:
        context.draft.save_weights("best", final)
        kept["best"], metrics["best"] = dict(kept["final"]), metrics["final"]
    return "last"


def _feeds(images: ImageSplits, device: torch.device) -> dict[str, Feed]:
    parts = {"train": images.train, "val": images.val, "test": images.test}
    return {name: Feed(part, device) for name, part in parts.items() if len(part)}


def _measured(net: Network, params: Params, feeds: dict[str, Feed], device: torch.device) -> dict[str, float]:
    module = placed(net.fresh(params), device)
    each = {part: measure(net, module, feed) for part, feed in feeds.items()}
    return {f"{part}_{name}": value for part, found in each.items() for name, value in found.items()}


def _by_epoch(kept: dict[str, Any], metrics: dict[str, Any]) -> dict[int, tuple[int, dict[str, float]]]:
    """Return step and metrics by epoch, in order; the final weights come last, whatever epoch they ended within."""
    rows: dict[int, tuple[int, dict[str, float]]] = {}
    order = sorted(metrics, key=lambda tag: (kept[tag]["step"], tag == "final"))
    for tag in order:
        rows[max(1, kept[tag]["epoch"])] = (kept[tag]["step"], metrics[tag])
    return rows


def _steps(log: Log, found: Recording, recipe: dict[str, Any]) -> None:
    """Write a row a step; of steps whose mean loss is known only, each has the mean."""
    rows = [row for row in found.rows if row["kind"] in ("step", "mean")]
    for row in _with_means(rows):
        loss, accuracy = (float(row.get(key, math.nan)) for key in ("loss", "accuracy"))
        lr = float(row.get("lr", recipe["lr"] * recipe["batch"] / 256))
        log.row(
            {"kind": "step", "epoch": row["epoch"], "step": row["step"], "loss": loss, "accuracy": accuracy, "lr": lr}
        )


def _with_means(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        if row["kind"] == "step":
            waiting.append(row)
        else:
            yield from ({"loss": row["loss"], **step} for step in waiting)
            waiting = []
    yield from waiting
