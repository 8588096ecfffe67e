"""Pre-training without labels: two views of each image are to be found among all others (SimCLR)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.augment import augment
from ..data.colour import jitter
from ..data.feed import Feed
from ..data.imageset import ImageSplits
from ..errors import UsageError
from ..models.network import Network
from ..models.objective import mean_loss
from ..numerics.nt_xent import nt_xent
from ..params import Params, check_same
from ..progress import Progress, silent
from ..rng import numpy_generator, seed_of
from ..runtime import full_float32, pick_device
from .course import Course, check
from .events import Event, Record
from .optimiser import Optimiser
from .recipe import Recipe
from .starts import Start
from .state import FitState
from .trainer import Trainer, on_cpu, seed_torch, share_right

__all__ = ["fit_simclr"]

_PROJECTOR = "projector/"


def fit_simclr(
    net: Network,
    start: Start | Mapping[str, Tensor],
    images: ImageSplits,
    recipe: Recipe,
    *,
    temperature: float = 0.2,
    hidden: int = 256,
    projection: int = 64,
    jitter: float = 0.5,
    seed: int = 0,
    device: torch.device | str = "cpu",
    record: Record | None = None,
    state: FitState | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Train the body of a network by SimCLR (Chen et al. 2020), and its final layer as an online probe.

    Each step sees two views of every image of the batch in one pass (so that batch statistics are of both): boxes,
    flips and colours drawn anew. What the final layer is given goes through two linear layers with a ReLU between to
    the NT-Xent loss. The network's own final layer learns the labels from the same features, of which it sends no
    gradient back: evaluations are its loss and accuracy, and say from epoch to epoch how good the features are, which
    the contrastive loss hardly does. :class:`~transferscope.train.events.Steps` tell the contrastive loss and the
    probe's accuracy on the views. The two layers are no part of the network; they are in the state of a stopped run.

    Args:
        net: the network; for small images one whose first layer keeps the resolution.
        start: the weights at the start.
        images: what to train on, choose by, and report.
        recipe: how to train; mixup and label smoothing must be off.
        temperature: τ.
        hidden: units between the two layers.
        projection: numbers that views are compared by.
        jitter: how strongly colours vary, 0 for not at all; 0.5 for small images.
        seed: of data order, views, and the two layers.
        device: where to compute.
        record: what to keep.
        state: where to go on, from :class:`~transferscope.train.events.Saved` of a run like this one.
        progress: told how many steps are done.

    Returns:
        The events of :func:`~transferscope.train.fit.fit`.

    Raises:
        UsageError: when settings, start or recipe do not suit the network or the images.
        DataError: when the images do not suit the network.
    """
    if recipe.augmentation.mixup:
        raise UsageError("mixup: a mixed image has no other view of itself; set it to 0 for simclr")
    if recipe.label_smoothing:
        raise UsageError("label_smoothing: there are no labels to smooth; set it to 0 for simclr")
    if recipe.frozen != "none":
        raise UsageError("frozen: with a frozen body nothing is left that simclr trains")
    if not net.head:
        raise UsageError(f"{net.name}: no final layer can be told apart, so there are no features before it")
    if recipe.batch < 2:
        raise UsageError(f"batch: {recipe.batch} image has no other to be told from; give 2 or more")
    weights = start.params if isinstance(start, Start) else start
    check(net, weights, images, recipe)
    learner = _Contrastive(
        net, weights, recipe, seed, pick_device(device), (temperature, jitter), (hidden, projection)
    )
    if state is None:
        state = FitState(0, learner.held()[0])
    check_same(learner.held()[0], state.params)
    learner.load(state)
    return Course(learner, images, record or Record(), state, progress).events()


class _Contrastive(Trainer):
    """A network with two layers beside its final one.

    Args:
        net: the network.
        params: where it starts.
        recipe: how it is trained.
        seed: names all streams.
        device: where.
        how: temperature, and strength of colours.
        sizes: hidden units and projections.
    """

    def __init__(
        self,
        net: Network,
        params: Mapping[str, Tensor],
        recipe: Recipe,
        seed: int,
        device: torch.device,
        how: tuple[float, float],
        sizes: tuple[int, int],
    ) -> None:
        super().__init__(net, params, recipe, seed, device)
        self._temperature, self._jitter = how
        self._features: Tensor | None = None
        self.module.get_submodule(net.head).register_forward_pre_hook(self._take)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_of("fit", seed, "projector"))
            width = self._width()
            self.projector = nn.Sequential(nn.Linear(width, sizes[0]), nn.ReLU(), nn.Linear(*sizes)).to(device)
        plain = replace(recipe, head_lr=1.0, head_weight_decay=None)
        self._beside = Optimiser(net, self.projector, plain)

    def _take(self, _: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Keep what the final layer is given, and give it a copy that sends no gradient back."""
        self._features = arguments[0]
        return (arguments[0].detach(), *arguments[1:])

    def _width(self) -> int:
        self.module.eval()
        height, width = self.net.input.size
        with torch.inference_mode():
            self.module(torch.zeros(1, self.net.input.channels, height, width, device=self.device))
        self._train_mode()
        assert self._features is not None, "the final layer is called in every pass"
        shape = tuple(self._features.shape[1:])
        if len(shape) != 1:
            raise UsageError(
                f"{self.net.name}: its final layer takes {shape} of an image; simclr wants one row of features"
            )
        return int(shape[0])

    def load(self, state: FitState) -> None:
        """Stand where a state left it."""
        own, beside = _apart(state.params)
        self.module.load_state_dict(own)
        self.projector.load_state_dict(beside)
        moved, moved_beside = _apart(state.momentum)
        self.optimiser.load_momentum(moved)
        self._beside.load_momentum(moved_beside)

    def advance(self, train: Feed, part: np.ndarray, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update on two views of the images at these places."""
        batch = train.gather(torch.from_numpy(part))
        generator = numpy_generator("fit", self.seed, "augment", step)
        views = []
        for _ in range(2):
            seen = augment(batch.images, self.recipe.augmentation, generator).to(torch.float32)
            views.append(jitter(seen, self._jitter, generator) if self._jitter else seen)
        x = self.net.input.prepare(torch.cat(views)).contiguous(memory_format=torch.channels_last)
        labels = torch.cat([batch.labels, batch.labels])
        rng = torch.random.fork_rng([self.device] if self.device.type == "cuda" else [])
        with rng, full_float32(self.device):
            seed_torch(seed_of("fit", self.seed, "dropout", step), self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits: Tensor = self.module(x)
                assert self._features is not None, "the final layer is called in every pass"
                projected = self.projector(self._features)
            n = len(part)
            loss = nt_xent(projected[:n], projected[n:], self._temperature)
            (loss + mean_loss(logits, labels)).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step(rate)
        self._beside.step(rate)
        self._features = None
        return loss.detach(), share_right(logits.detach(), labels).mean()

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return super().finite() and all(bool(v.isfinite().all()) for v in self.projector.state_dict().values())

    def held(self) -> tuple[Params, Params]:
        """Return copies of weights and momentum buffers on CPU, those of the two layers with a name before theirs."""
        own, momentum = super().held()
        return own | _named(on_cpu(self.projector.state_dict())), momentum | _named(on_cpu(self._beside.momentum))


def _named(tensors: Params) -> Params:
    return {f"{_PROJECTOR}{name}": value for name, value in tensors.items()}


def _apart(tensors: Mapping[str, Tensor]) -> tuple[Params, Params]:
    own = {name: value for name, value in tensors.items() if not name.startswith(_PROJECTOR)}
    beside = {k.removeprefix(_PROJECTOR): v for k, v in tensors.items() if k.startswith(_PROJECTOR)}
    return own, beside
