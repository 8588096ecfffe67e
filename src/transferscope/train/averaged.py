"""Training several copies of one start in parallel and averaging their weights.

Proposed by Neyshabur et al. 2020, §5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Feed
from ..data.imageset import ImageSet, ImageSplits
from ..errors import StoreError, UsageError
from ..models.batchnorm import RECALIBRATION_BATCH, norm_layers, recalibrate, recalibration_sample, statistics
from ..models.network import Network, put
from ..models.placed import placed
from ..params import Params, check_same, clone, combine
from ..progress import Progress, silent
from ..rng import seed_of
from ..runtime import full_float32, pick_device
from .course import Course, check
from .events import Event, Record
from .recipe import Recipe
from .starts import Start
from .state import FitState
from .trainer import Trainer, measure

__all__ = ["fit_averaged"]


def fit_averaged(
    net: Network,
    start: Start | Mapping[str, Tensor],
    images: ImageSplits,
    recipe: Recipe,
    *,
    replicas: int,
    every: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    record: Record | None = None,
    state: FitState | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Train copies of one start on the same images in orders of their own, and average their weights (Neyshabur et
    al. 2020, §5).

    θ̄ = (1/R) Σ_r θ_r, summed in float64. With ``every``, the copies go on from the average after every so many epochs
    (Stich 2019, "Local SGD converges fast and communicates little"), each with its own momentum; without, they never
    hear of each other. Either way the run *is* the average: evaluations, snapshots, the choice of the best and the
    final weights are those of θ̄, while :class:`~transferscope.train.events.Steps` tell the mean over copies of the
    loss and accuracy of each one's own batch.

    Batch-norm statistics of θ̄ are recalibrated: collected anew over training images, as between two networks.
    Those of a frozen body are the same in all copies, and stay.

    The copies take turns step by step on one device, so a run takes R times as long as one of
    :func:`~transferscope.train.fit.fit`, and weights and momentum of all R are in memory; activations of one only.
    Same arguments, same bits, also after a stop, as with ``fit``.

    Args:
        net: the network.
        start: the weights all copies start from.
        images: what to train on, choose by, and report; every copy sees all training images in every epoch.
        recipe: how each is trained.
        replicas: R, how many copies, at least 2.
        every: average, and go on from the average, after every so many epochs; ``None`` for at the end only.
        seed: with the number of the copy, of its data order, augmentation and dropout.
        device: where to compute.
        record: what to keep; by default the start, the best and the final weights.
        state: where to go on, from :class:`~transferscope.train.events.Saved` of a run like this one.
        progress: told how many steps are done, of each copy.

    Returns:
        The events of :func:`~transferscope.train.fit.fit`. The run diverges as soon as one copy does.

    Raises:
        UsageError: when replicas or every are out of range, or start or recipe do not suit the network or the images.
        DataError: when the images do not suit the network.
        StoreError: when the state is not of so many copies of this network.
    """
    if replicas < 2:
        raise UsageError(f"replicas: {replicas!r} is wrong; expected 2 or more networks to average")
    if every is not None and every < 1:
        raise UsageError(
            f"every: {every!r} is wrong; expected a number of epochs, or None to average at the end only"
        )
    weights = start.params if isinstance(start, Start) else start
    check(net, weights, images, recipe)
    if state is None:
        state = FitState(0, {_of(r, name): value for r in range(replicas) for name, value in weights.items()})
    trainers, on = [], pick_device(device)
    for r, (params, momentum) in enumerate(
        zip(_each(state.params, replicas), _each(state.momentum, replicas), strict=True)
    ):
        check_same(weights, params)
        trainer = Trainer(net, params, recipe, seed_of("replica", seed, r), on)
        trainer.optimiser.load_momentum(momentum)
        trainer.go_on_in(state.precision)
        trainers.append(trainer)
    team = _Team(trainers, images.train, every, moved=state.step > 0)
    return Course(team, images, record or Record(), state, progress).events()


class _Team:
    """Copies of a network that learn side by side; what counts is the average of their weights.

    Args:
        trainers: the copies.
        train: training images, over some of which batch-norm statistics are collected.
        every: epochs after which all go on from the average.
        moved: whether they have left their start.
    """

    def __init__(self, trainers: list[Trainer], train: ImageSet, every: int | None, *, moved: bool) -> None:
        self._trainers, self._every = trainers, every
        first = trainers[0]
        self.recipe, self.device, self.precision, self._net = first.recipe, first.device, first.precision, first.net
        self._module: nn.Module = placed(self._net.fresh(), self.device)
        self._calibration: Feed | None = None
        if norm_layers(self._module) and self.recipe.frozen == "none":
            self._calibration = Feed(train.subset(recalibration_sample(len(train))), self.device)
        # The average of equal weights is these weights, statistics and all.
        self._mean: Params | None = None if moved else first.params()

    def order(self, epoch: int, images: int) -> np.ndarray:
        """Return the orders of all copies as columns, ``(images, R)``."""
        return np.stack([trainer.order(epoch, images) for trainer in self._trainers], axis=1)

    def advance(self, train: Feed, part: np.ndarray, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update of every copy, each on its own images; return means over copies."""
        self._mean = None
        seen = [
            trainer.advance(train, np.ascontiguousarray(own), step, rate)
            for trainer, own in zip(self._trainers, part.T, strict=True)
        ]
        return torch.stack([loss for loss, _ in seen]).mean(), torch.stack([right for _, right in seen]).mean()

    def close(self, epoch: int) -> None:
        """Let all copies go on from the average when it is time; their momentum stays their own."""
        if self._every is None or epoch % self._every or not self.finite():
            return
        mean = self._average()
        for trainer in self._trainers:
            put(trainer.module, mean)

    def evaluate(self, feed: Feed) -> dict[str, float]:
        """Return the metrics of the average."""
        put(self._module, self._average())
        return measure(self._net, self._module, feed)

    def finite(self) -> bool:
        """Whether all weights of all copies are finite numbers."""
        return all(trainer.finite() for trainer in self._trainers)

    def params(self) -> Params:
        """Return a copy of the average."""
        return clone(self._average())

    def held(self) -> tuple[Params, Params]:
        """Return weights and momentum of all copies, those of copy r as ``"r/NAME"``."""
        parts = [trainer.held() for trainer in self._trainers]
        weights, momentum = (
            {_of(r, name): value for r, of_copy in enumerate(one) for name, value in of_copy.items()}
            for one in zip(*parts, strict=True)
        )
        return weights, momentum

    def _average(self) -> Params:
        """The mean of the weights now, computed once until the next step."""
        if self._mean is None:
            points = [trainer.params() for trainer in self._trainers]
            self._mean = combine(points, [1 / len(points)] * len(points))
            if self._calibration is not None:
                self._mean |= self._statistics(self._mean, self._calibration)
        return self._mean

    def _statistics(self, mean: Params, images: Feed) -> Params:
        """Running means and variances of weights over training images as they are, not varied."""
        put(self._module, mean)
        with torch.inference_mode(), full_float32(images.device):
            recalibrate(
                self._module,
                (
                    self._net.input.prepare(batch.images).contiguous(memory_format=torch.channels_last)
                    for batch in images.batches(RECALIBRATION_BATCH)
                ),
            )
        collected = self._module.state_dict()
        return {name: collected[name].to("cpu", copy=True) for name in statistics(self._module)}


def _of(r: int, name: str) -> str:
    return f"{r}/{name}"


def _each(tensors: Mapping[str, Tensor], replicas: int) -> list[Params]:
    """Sort the tensors of a state by copy; none at all are none of each.

    Raises:
        StoreError: when they are not of so many copies.
    """
    found: dict[str, Params] = {str(r): {} for r in range(replicas)}
    for key, value in tensors.items():
        r, _, name = key.partition("/")
        if r not in found or not name:
            raise StoreError(f"the saved state holds {key!r} and is not of {replicas} networks to average")
        found[r][name] = value
    parts = list(found.values())
    if any(part.keys() != parts[0].keys() for part in parts):
        raise StoreError(f"the saved state is not of {replicas} networks to average; delete it to begin anew")
    return parts
