"""The best candidates settled by training them: successive halving on validation images, one look at test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...data.imageset import ImageSplits
from ...errors import DataError, UsageError
from ...evidence.draws import over_draws
from ...evidence.estimate import Estimate
from ...models.network import Network
from ...params import Params
from ...probes.outcomes import outcomes
from ...progress import Progress, silent
from ...train.events import Record
from ...train.fit import fit
from ...train.recipe import Recipe
from ...train.run import Run, collect
from ...train.starts import pretrained

__all__ = ["Settled", "Training", "Tunable", "settle"]


@dataclass(frozen=True, eq=False)
class Tunable:
    """A candidate that can be trained.

    Attributes:
        label: its name.
        net: its network with the target's classes.
        params: its weights; a final layer is left out.
        images: the target, in the size that it wants to see.
    """

    label: str
    net: Network
    params: Params
    images: ImageSplits


@dataclass(frozen=True)
class Training:
    """One short training.

    Attributes:
        label: of the candidate.
        round: from 0.
        epochs: of this training, from the candidate's weights on.
        validation: metric on validation images at its end; chance, nan or low where it failed.
        ended: how it ended.
    """

    label: str
    round: int
    epochs: int
    validation: float
    ended: str


@dataclass(frozen=True, eq=False)
class Settled:
    """What short trainings of the best candidates say.

    Attributes:
        trainings: all of them, round by round.
        chosen: the candidate with the highest validation metric in the last round.
        others: the rest of the last round, best first.
        right: ``(1 + others, n)`` what each test image adds to the metric: of the chosen one, then of the others.
        lr: learning rate for 256 images.
        multilabel: whether the metric is an area under the ROC curve.
    """

    trainings: tuple[Training, ...]
    chosen: str
    others: tuple[str, ...]
    right: np.ndarray
    lr: float
    multilabel: bool

    @property
    def n(self) -> int:
        """Test images."""
        return int(self.right.shape[1])

    def estimate(self) -> Estimate:
        """Return the metric of the chosen one on test images; of this one training."""
        return over_draws([float(self.right[0].mean())], self.right[:1])

    def gap(self, place: int = 0) -> Estimate:
        """Return how far the chosen one lies over one of the others, on the same test images; of these trainings."""
        each = self.right[:1] - self.right[1 + place : 2 + place]
        return over_draws([float(each.mean())], each)


def settle(
    candidates: Sequence[Tunable],
    *,
    epochs: int = 1,
    lr: float = 0.02,
    batch: int = 32,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> Settled:
    """Fine-tune candidates, keep the better half, give it twice the epochs, and so on until two are left.

    Each training is from the candidate's weights with a new final layer, complete with its cosine schedule, so that a
    round is no judgement on how fast a start is alone. Rounds are decided on validation images; test images are
    looked at once, by those of the last round. Every training has one seed: the answer is of these trainings.

    Source: successive halving (Jamieson & Talwalkar 2016), with the recipe of Neyshabur et al. 2020, Appendix A but
        for its schedule.

    Args:
        candidates: one or more, the best first; ties go to the earlier.
        epochs: of the first round.
        lr: learning rate for 256 images; Neyshabur et al.'s for pre-trained weights by default.
        batch: images a step.
        seed: of all trainings: new final layer, order of images, augmentation.
        device: where to compute.
        progress: told how many trainings are done.

    Raises:
        UsageError: for no candidates.
        DataError: when there are no validation images to choose on.
    """
    if not candidates:
        raise UsageError("no candidates to fine-tune; give at least one")
    images = candidates[0].images
    if not len(images.val):
        raise DataError(f"{images.train.name}: no validation images to choose among candidates on; give some")
    alive, found, round_ = list(candidates), list[Training](), 0
    total = _trainings(len(alive))
    while True:
        runs = []
        for one in alive:
            runs.append(_trained(one, epochs * 2**round_, lr, batch, seed, device))
            found.append(Training(one.label, round_, epochs * 2**round_, _value(runs[-1]), runs[-1].ended))
            progress(len(found), total, "trainings")
        order = sorted(range(len(alive)), key=lambda i: (math.isnan(_value(runs[i])), -_value(runs[i])))
        if len(alive) <= 2:
            break
        alive, round_ = [alive[i] for i in order[: math.ceil(len(alive) / 2)]], round_ + 1
    last = [i for i in order if not runs[i].diverged]
    if not last:
        raise UsageError(f"all trainings of the last round diverged ({runs[0].ended}); give a smaller learning rate")
    right = [
        outcomes(alive[i].net, runs[i].final.params, alive[i].images.test, device=device).astype(np.float64)
        for i in last
    ]
    labels = [alive[i].label for i in last]
    return Settled(tuple(found), labels[0], tuple(labels[1:]), np.stack(right), lr, images.multilabel)


def _trained(one: Tunable, epochs: int, lr: float, batch: int, seed: int, device: str | torch.device) -> Run:
    """One complete training that never sees a test image."""
    recipe = Recipe(epochs=epochs, lr=lr, batch=batch, schedule="cosine")
    start = pretrained(one.net, one.params, seed)
    images = ImageSplits(one.images.train, one.images.val, one.images.val)
    record = Record(epochs=(), evaluate_every=epochs, evaluate_train="none")
    events = fit(one.net, start, images, recipe, seed=seed, device=device, record=record)
    return collect(events, label=one.label, recipe=recipe, role="P-T", seed=seed)


def _value(run: Run) -> float:
    return run.final_metric("val")


def _trainings(candidates: int) -> int:
    total = candidates
    while candidates > 2:
        candidates = math.ceil(candidates / 2)
        total += candidates
    return total
