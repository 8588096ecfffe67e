"""A training run as the analyses see it: where it started, how it went, what it ended with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ..errors import UsageError, nearest
from ..models.solution import PROBED_HEAD, Solution
from ..params import Params
from .events import Ended, Epoch, Event, Snapshot, Steps
from .recipe import Recipe

__all__ = ["Run", "collect", "condition_called"]


@dataclass(frozen=True, eq=False)
class Run:
    """One training run.

    Attributes:
        label: what to call it, e.g. "P-T 0".
        role: "P-T", "RI-T", "P" (a pre-training run), or "" when unknown.
        group: runs from one and the same start share it.
        seed: of data order, augmentation and new head.
        target: the task it was trained on.
        recipe: how it was trained.
        steps: arrays ``epoch``, ``step``, ``loss``, ``accuracy``, ``lr``, one number a step.
        epochs: arrays ``epoch``, ``step``, ``train_loss``, ``test_accuracy``, …, one number an evaluation; nan where
            a metric was no part of it, and a metric that was never measured is not there.
        snapshots: weights by tag: "epoch 0" is the start, "best", "final", "epoch 3", "step 100"; may load lazily.
        ended: "finished" or "diverged at step s".
        best_epoch: epoch of the best weights.
        chosen_by: what they are best at: "val_accuracy", "val_auc" or "last".
        precision: number format of products in training.
        start_name: name of its start in a study, the same for all seeds.
        source: name of the pre-training it started from; empty for random weights, or when unknown.
        condition: what else tells it apart where one question trains a run several times: the size of shuffled
            blocks ("8"), the checkpoint it started from ("epoch 4").
        unfit: why it is no witness for claims about networks that learned, as it follows its name; empty for nothing
            known against it.
    """

    label: str
    role: str
    group: str
    seed: int
    target: str
    recipe: Recipe
    steps: Mapping[str, np.ndarray]
    epochs: Mapping[str, np.ndarray]
    snapshots: Mapping[str, Params]
    ended: str = "finished"
    best_epoch: int | None = None
    chosen_by: str = "last"
    precision: str = "float32"
    start_name: str = ""
    source: str = ""
    condition: str = ""
    unfit: str = ""

    @property
    def diverged(self) -> bool:
        """Whether training ended because a number was not finite."""
        return self.ended != "finished"

    @property
    def lr(self) -> float:
        """Base learning rate for 256 images."""
        return self.recipe.lr

    @property
    def metric(self) -> Literal["accuracy", "auc"]:
        """What the task is judged by: AUC when multi-label, else accuracy."""
        return "auc" if any(name.endswith("_auc") for name in self.epochs) else "accuracy"

    @property
    def start(self) -> Solution:
        """The weights before training (θ⁰)."""
        return self.at("epoch 0")

    @property
    def probed(self) -> bool:
        """Whether its final layer was fitted to the pre-trained features before training (LP-FT)."""
        return self.group.endswith(PROBED_HEAD)

    @property
    def probed_start(self) -> Solution:
        """The weights before training, as the pre-trained network that they are with a final layer for the task."""
        return replace(self.start, label=f"{self.group.removesuffix(PROBED_HEAD)} with the probed head")

    @property
    def best(self) -> Solution:
        """The weights that are best on the validation part (θ*)."""
        return self.at("best")

    @property
    def final(self) -> Solution:
        """The weights at the end (θᶠ)."""
        return self.at("final")

    def at(self, tag: str) -> Solution:
        """Return the weights that were kept under a tag.

        Raises:
            UsageError: when there are none, with the reason or the tags there are.
        """
        if tag not in self.snapshots:
            if self.diverged and tag in ("best", "final"):
                raise UsageError(f"run {self.label!r} on {self.target} {self.ended} and has no {tag} weights")
            raise UsageError(f"run {self.label!r} on {self.target} kept no {tag!r}{nearest(tag, self.snapshots)}")
        label = self.label if tag == "final" else f"{self.label} ({'start' if tag == 'epoch 0' else tag})"
        untrained = {"P-T": "P", "RI-T": "RI"}
        role = untrained.get(self.role, "") if tag == "epoch 0" else self.role
        unfit = self.unfit if role == self.role else ""
        return Solution(label, self.snapshots[tag], role, self.group, unfit)

    def final_metric(self, part: Literal["train", "val", "test"] = "test") -> float:
        """Return the metric of the last evaluation; NaN when the run diverged or the part was not evaluated."""
        values = self.epochs.get(f"{part}_{self.metric}")
        return float("nan") if self.diverged or values is None or not len(values) else float(values[-1])

    def optimisation_speed(self) -> float:
        """Return the mean over epochs of the training accuracy (Neyshabur et al. 2020, Fig. 3 and 7).

        Taken from evaluations of the training part where there are any, else from the steps of each epoch. NaN for a
        run that diverged: its epochs are fewer.
        """
        if self.diverged:
            return float("nan")
        values = self.epochs.get("train_accuracy")
        if values is None:
            epochs = self.steps["epoch"]
            values = np.array([self.steps["accuracy"][epochs == e].mean() for e in np.unique(epochs)])
        return float(np.mean(values, dtype=np.float64)) if len(values) else float("nan")

    def epochs_to(self, value: float, part: Literal["train", "val", "test"] = "test") -> int | None:
        """Return the first evaluated epoch whose metric is at least ``value``; ``None`` when none is."""
        values = self.epochs.get(f"{part}_{self.metric}", np.zeros(0))
        reached = np.flatnonzero(values >= value)
        return int(self.epochs["epoch"][reached[0]]) if len(reached) else None


_NO_STEPS = Steps(0, np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0))


@dataclass
class _Collected:
    steps: list[Steps] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    snapshots: dict[str, Params] = field(default_factory=dict)
    ended: Ended | None = None


def collect(
    events: Iterable[Event],
    *,
    label: str,
    recipe: Recipe,
    role: str = "",
    group: str = "",
    seed: int = 0,
    target: str = "",
) -> Run:
    """Train to the end and keep everything in memory.

    Args:
        events: from :func:`~transferscope.train.fit.fit`.
        label: what to call the run.
        recipe: what was given to ``fit``.
        role: "P-T", "RI-T", "P" or "".
        group: that of the start.
        seed: what was given to ``fit``.
        target: the task.

    Raises:
        UsageError: when the events stop before the end.
    """
    seen = _Collected()
    for event in events:
        match event:
            case Steps():
                seen.steps.append(event)
            case Epoch():
                seen.epochs.append(event)
            case Snapshot():
                seen.snapshots[event.tag] = event.params
            case Ended():
                seen.ended = event
    if seen.ended is None:
        raise UsageError(f"run {label!r}: the events stop before the end of training")
    return Run(
        label,
        role,
        group,
        seed,
        target,
        recipe,
        steps=_step_arrays(seen.steps),
        epochs=_epoch_arrays(seen.epochs),
        snapshots=seen.snapshots,
        ended=seen.ended.reason,
        best_epoch=seen.ended.best_epoch,
        chosen_by=seen.ended.chosen_by,
        precision=seen.ended.precision,
    )


def _step_arrays(parts: list[Steps]) -> dict[str, np.ndarray]:
    parts = [_NO_STEPS, *parts]
    epochs = np.concatenate([np.full(len(p.step), p.epoch) for p in parts])
    return {"epoch": epochs} | {
        name: np.concatenate([getattr(p, name) for p in parts]) for name in ("step", "loss", "accuracy", "lr")
    }


def _epoch_arrays(rows: list[Epoch]) -> dict[str, np.ndarray]:
    arrays = {"epoch": np.array([r.epoch for r in rows], int), "step": np.array([r.step for r in rows], int)}
    names = dict.fromkeys(name for r in rows for name in r.metrics)
    return arrays | {name: np.array([r.metrics.get(name, np.nan) for r in rows]) for name in names}


def condition_called(condition: str) -> str:
    """Say a :attr:`Run.condition` in words that follow the name of a run.

    >>> [condition_called(name) for name in ("", "epoch 4", "8", "*")]
    ['', 'from epoch 4', 'with blocks of 8×8', 'with all values shuffled']
    """
    if not condition or condition.startswith("epoch "):
        return f"from {condition}" if condition else ""
    return "with all values shuffled" if condition == "*" else f"with blocks of {condition}×{condition}"
