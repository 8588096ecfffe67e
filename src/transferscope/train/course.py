"""The course of a training: epochs of steps, evaluations, snapshots, states; the same rhythm for whoever learns."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..data.feed import Feed
from ..data.imageset import ImageSet, ImageSplits
from ..errors import DataError, UsageError
from ..models.network import Network
from ..params import Params, check_same, floating
from ..progress import Progress
from .events import Ended, Epoch, Event, Record, Saved, Snapshot, Steps
from .recipe import Recipe
from .state import FitState

__all__ = ["Course", "Learner", "check"]

_UNSEEN_STEPS = 64
"""On a GPU losses are fetched, and seen to be finite, only every so many steps: fetching makes it wait."""


class Learner(Protocol):
    """What goes through a course: one network, or several whose average counts.

    Attributes:
        recipe: how it is trained.
        device: where.
        precision: number format of products, "float32" or "bfloat16".
    """

    recipe: Recipe
    device: torch.device
    precision: str

    def order(self, epoch: int, images: int) -> np.ndarray:
        """Return the places of the training images in the order of an epoch, ``(images, …)``."""

    def advance(self, train: Feed, part: np.ndarray, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update on a part of the order; return loss and accuracy before it, each ``()``, on the device."""

    def close(self, epoch: int) -> None:
        """Do what is due when so many epochs are done, before anything is evaluated or kept."""

    def evaluate(self, feed: Feed) -> dict[str, float]:
        """Return ``loss``, ``accuracy`` and for multi-label ``auc`` of the weights over a set."""

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""

    def params(self) -> Params:
        """Return the weights, on CPU and sharing no memory with what is trained."""

    def held(self) -> tuple[Params, Params]:
        """Return all weights and momentum buffers that are needed to go on, as :class:`FitState` keeps them."""


class Course:
    """A training from a state to its end.

    Args:
        learner: what is trained; it stands where the state left it.
        images: what to train on, choose by, and report.
        record: what to keep.
        state: where to go on.
        progress: told how many steps are done.

    Raises:
        UsageError: when the state lies behind the end.
    """

    def __init__(
        self, learner: Learner, images: ImageSplits, record: Record, state: FitState, progress: Progress
    ) -> None:
        self.learner, self.recipe, self.record, self.progress = learner, learner.recipe, record, progress
        self.train = Feed(images.train, learner.device)
        self.evaluated = _evaluated(images, record, self.train)
        self.chosen_by = _chosen_by(images.val)
        self.per_epoch = self.recipe.steps_per_epoch(len(images.train))
        self.total = self.recipe.epochs * self.per_epoch
        self.step = state.step
        if self.step > self.total:
            raise UsageError(f"the state is at step {self.step} and this recipe ends at step {self.total}")
        self.best, self.best_epoch, self.best_score = state.best, state.best_epoch, state.best_score
        self.pending = _Pending()
        self.clock = time.perf_counter()

    def events(self) -> Iterator[Event]:
        """Yield what happens; each event is computed when it is asked for."""
        if self.step == 0 and 0 in self.record.epochs:
            yield self._snapshot("epoch 0")
        while self.step < self.total:
            diverged = yield from self._epoch()
            if diverged is not None:
                yield from self._best()
                yield self._ended(f"diverged at step {diverged}", diverged)
                return
        if self.chosen_by == "last":
            self.best, self.best_epoch = self.learner.params(), self.recipe.epochs
        yield from self._best()
        yield self._snapshot("final")
        yield self._ended("finished", self.step)

    def _epoch(self) -> Generator[Event, None, int | None]:
        """Do what is left of the current epoch; return the step at which the run diverged, if it did."""
        epoch, within = divmod(self.step, self.per_epoch)
        order = self.learner.order(epoch, len(self.train))
        for part in np.array_split(order, self.per_epoch)[within:]:
            rate = self.recipe.rate(self.step, self.per_epoch)
            loss, accuracy = self.learner.advance(self.train, part, self.step, rate)
            self.step += 1
            self.pending.add(self.step, loss, accuracy, rate)
            last = self.step % self.per_epoch == 0
            keep = self.step in self.record.steps
            save = bool(self.record.save_steps) and self.step % self.record.save_steps == 0 and not last
            due = self.learner.device.type == "cpu" or self.step % _UNSEEN_STEPS == 0
            if due or last or keep or save:
                bad = self.pending.first_not_finite()
                if bad is None and (last or keep or save) and not self.learner.finite():
                    bad = self.step
                if bad is not None:
                    yield self.pending.take(epoch + 1, until=bad)
                    return bad
            self.progress(self.step, self.total, "steps")
            if keep:
                yield self._snapshot(f"step {self.step}")
            if save:
                yield self.pending.take(epoch + 1)
                yield Saved(self._state())
        yield self.pending.take(epoch + 1)
        self.learner.close(epoch + 1)
        return (yield from self._epoch_end(epoch + 1))

    def _epoch_end(self, epoch: int) -> Generator[Event, None, int | None]:
        end = epoch == self.recipe.epochs
        if end or epoch % self.record.evaluate_every == 0:
            metrics = {
                f"{part}_{name}": value
                for part, feed in self.evaluated.items()
                if end or part != "test" or self.record.evaluate_test == "every"
                for name, value in self.learner.evaluate(feed).items()
            }
            now = time.perf_counter()
            yield Epoch(epoch, self.step, metrics, now - self.clock)
            self.clock = now
            if not all(math.isfinite(v) for name, v in metrics.items() if name.endswith("_loss")):
                return self.step
            if self.chosen_by != "last":
                score = (metrics[self.chosen_by], -metrics["val_loss"])
                if self.best_score is None or score > self.best_score:
                    self.best, self.best_epoch, self.best_score = self.learner.params(), epoch, score
        if epoch in self.record.epochs:
            yield self._snapshot(f"epoch {epoch}")
        if end or epoch % self.record.save_epochs == 0:
            yield Saved(self._state())
        return None

    def _snapshot(self, tag: str) -> Snapshot:
        return Snapshot(tag, self.step // self.per_epoch, self.step, self.learner.params())

    def _best(self) -> Iterator[Snapshot]:
        if self.best_epoch is not None:
            yield Snapshot("best", self.best_epoch, self.best_epoch * self.per_epoch, self.best)

    def _state(self) -> FitState:
        return FitState(
            self.step,
            *self.learner.held(),
            self.best,
            self.best_epoch,
            self.best_score,
            self.learner.precision,
        )

    def _ended(self, reason: str, step: int) -> Ended:
        return Ended(reason, step, self.best_epoch, self.chosen_by, self.learner.precision)


class _Pending:
    """Steps that were done and not told yet; losses stay on the device until they are asked for."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._rates: list[float] = []
        self._seen: list[Tensor] = []
        self._checked = 0

    def add(self, step: int, loss: Tensor, accuracy: Tensor, rate: float) -> None:
        self._steps.append(step)
        self._rates.append(rate)
        self._seen.append(torch.stack([loss, accuracy]))

    def first_not_finite(self) -> int | None:
        """Return the first step with a loss that is not finite among those not checked before."""
        losses = torch.stack(self._seen[self._checked :])[:, 0].cpu()
        bad = (~losses.isfinite()).nonzero().flatten().tolist()
        first = self._steps[self._checked + bad[0]] if bad else None
        self._checked = len(self._seen)
        return first

    def take(self, epoch: int, until: int | None = None) -> Steps:
        """Return all of them, or those up to a step, and begin anew."""
        step = np.array(self._steps, np.int64)
        seen = torch.stack(self._seen).cpu().numpy() if self._seen else np.zeros((0, 2), np.float32)
        some = step <= until if until is not None else np.ones(len(step), bool)
        steps = Steps(epoch, step[some], seen[some, 0], seen[some, 1], np.array(self._rates)[some])
        self._steps, self._rates, self._seen, self._checked = [], [], [], 0
        return steps


def _evaluated(images: ImageSplits, record: Record, train: Feed) -> dict[str, Feed]:
    feeds: dict[str, Feed] = {}
    if record.evaluate_train == "all":
        feeds["train"] = train
    elif isinstance(record.evaluate_train, int):
        feeds["train"] = Feed(images.train.sample(record.evaluate_train), train.device)
    for name, part in (("val", images.val), ("test", images.test)):
        if len(part):
            feeds[name] = Feed(part, train.device)
    return feeds


def _chosen_by(val: ImageSet) -> str:
    if not (val.labels >= 0).any():
        return "last"
    if val.multilabel and bool(((val.labels == 1).any(0) & (val.labels == 0).any(0)).any()):
        return "val_auc"
    return "val_accuracy"


def check(net: Network, weights: Mapping[str, Tensor], images: ImageSplits, recipe: Recipe) -> None:
    """Raise unless a network can be trained on these images from these weights.

    Raises:
        UsageError: when weights or recipe do not suit the network or the images.
        DataError: when the images do not suit the network.
    """
    train, wanted = images.train, net.input
    if not len(train):
        raise DataError(f"{train.name}: no training images")
    if len(images.classes) != net.classes:
        raise DataError(
            f"{train.name}: {len(images.classes)} classes and {net.name} has {net.classes} outputs; "
            f"build the network with classes={len(images.classes)}"
        )
    if train.size != tuple(wanted.size) or train.channels != wanted.channels:
        raise DataError(
            f"{train.name}: images are {train.size[0]}×{train.size[1]} with {train.channels} channels and "
            f"{net.name} wants {wanted.size[0]}×{wanted.size[1]} with {wanted.channels}; "
            f"load them with size={wanted.size[0]}, channels={wanted.channels}"
        )
    if recipe.batch > len(train):
        raise UsageError(
            f"batch: {recipe.batch} is more than the {len(train)} training images of {train.name}; "
            f"use {len(train)} or fewer (the rate scales with it)"
        )
    check_same(net.module.state_dict(), weights)
    for name, value in floating(weights).items():
        if not bool(value.isfinite().all()):
            raise UsageError(f"start: {name!r} of {net.name} holds numbers that are not finite")
