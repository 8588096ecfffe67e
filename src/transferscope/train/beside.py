"""A network in a pre-training of its own kind: modules beside it, and its final layer as an online probe."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Feed
from ..data.imageset import ImageSplits
from ..errors import UsageError
from ..models.network import Network
from ..models.objective import mean_loss
from ..params import Params, check_same
from ..progress import Progress
from ..rng import seed_of
from ..runtime import full_float32
from .course import Course, check
from .events import Event, Record
from .optimiser import Optimiser
from .recipe import Recipe
from .starts import Start
from .state import FitState
from .trainer import Trainer, on_cpu, seed_torch, share_right

__all__ = ["Beside", "course", "suited"]


class Beside(Trainer):
    """A network with modules beside its final layer, which learn a task of their own on what that is given.

    The final layer learns the labels from the same features, of which it sends no gradient back.

    Args:
        net: the network.
        params: where it starts.
        recipe: how it is trained.
        seed: names all streams.
        device: where.
    """

    stream = "beside"
    """Names the stream of the modules' initialisation, and their tensors in a state."""

    def __init__(
        self, net: Network, params: Mapping[str, Tensor], recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        super().__init__(net, params, recipe, seed, device)
        self._features: Tensor | None = None
        self.module.get_submodule(net.head).register_forward_pre_hook(self._take)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_of("fit", seed, self.stream))
            self.beside = self.modules_beside(self._width()).to(device)
        plain = replace(recipe, head_lr=1.0, head_weight_decay=None)
        self._optimiser_beside = Optimiser(net, self.beside, plain)

    @abstractmethod
    def modules_beside(self, width: int) -> nn.Module:
        """Make what stands beside the final layer, which is given so many numbers an image."""

    @abstractmethod
    def views(self, train: Feed, part: np.ndarray, step: int) -> tuple[Tensor, Tensor]:
        """Return the images of a step ``(n, h, w, c)`` at these places, one or several views each, and labels."""

    @abstractmethod
    def task(self, features: Tensor, part: np.ndarray) -> Tensor:
        """Return what is compared, from features of the views."""

    @abstractmethod
    def loss(self, compared: Tensor, part: np.ndarray) -> Tensor:
        """Return the loss of the task, in float32."""

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
                f"{self.net.name}: its final layer takes {shape} of an image; one row of features is wanted"
            )
        return int(shape[0])

    def load(self, state: FitState) -> None:
        """Stand where a state left it.

        Raises:
            UsageError: where it cannot go on in its number format.
        """
        self.go_on_in(state.precision)
        own, beside = self._apart(state.params)
        self.module.load_state_dict(own)
        self.beside.load_state_dict(beside)
        moved, moved_beside = self._apart(state.momentum)
        self.optimiser.load_momentum(moved)
        self._optimiser_beside.load_momentum(moved_beside)

    def advance(self, train: Feed, part: np.ndarray, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update on the images at these places."""
        seen, labels = self.views(train, part, step)
        x = self.net.input.prepare(seen).contiguous(memory_format=torch.channels_last)
        rng = torch.random.fork_rng([self.device] if self.device.type == "cuda" else [])
        with rng, full_float32(self.device):
            seed_torch(seed_of("fit", self.seed, "dropout", step), self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits: Tensor = self.module(x)
                assert self._features is not None, "the final layer is called in every pass"
                compared = self.task(self._features, part)
            loss = self.loss(compared, part)
            (loss + mean_loss(logits, labels)).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step(rate)
        self._optimiser_beside.step(rate)
        self._features = None
        return loss.detach(), share_right(logits.detach(), labels).mean()

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return super().finite() and all(bool(v.isfinite().all()) for v in self.beside.state_dict().values())

    def held(self) -> tuple[Params, Params]:
        """Return copies of weights and momentum buffers on CPU, those beside with a name before theirs."""
        own, momentum = super().held()
        beside = on_cpu(self.beside.state_dict()), on_cpu(self._optimiser_beside.momentum)
        return own | self._named(beside[0]), momentum | self._named(beside[1])

    def _named(self, tensors: Params) -> Params:
        return {f"{self.stream}/{name}": value for name, value in tensors.items()}

    def _apart(self, tensors: Mapping[str, Tensor]) -> tuple[Params, Params]:
        before = f"{self.stream}/"
        own = {name: value for name, value in tensors.items() if not name.startswith(before)}
        return own, {k.removeprefix(before): v for k, v in tensors.items() if k.startswith(before)}


def suited(net: Network, start: Start | Mapping[str, Tensor], images: ImageSplits, recipe: Recipe, what: str) -> Any:
    """Return the weights at a start, when network and recipe suit a pre-training with modules beside.

    Raises:
        UsageError: when settings, start or recipe do not suit the network or the images.
        DataError: when the images do not suit the network.
    """
    if recipe.augmentation.mixup:
        raise UsageError(f"mixup: a mixed image has no other view of itself and no caption; set it to 0 for {what}")
    if recipe.label_smoothing:
        raise UsageError(f"label_smoothing: there are no labels to smooth; set it to 0 for {what}")
    if recipe.frozen != "none":
        raise UsageError(f"frozen: with a frozen body nothing is left that {what} trains")
    if not net.head:
        raise UsageError(f"{net.name}: no final layer can be told apart, so there are no features before it")
    if recipe.batch < 2:
        raise UsageError(f"batch: {recipe.batch} image has no other to be told from; give 2 or more")
    weights = start.params if isinstance(start, Start) else start
    check(net, weights, images, recipe)
    return weights


def course(
    learner: Beside, images: ImageSplits, record: Record | None, state: FitState | None, progress: Progress
) -> Iterator[Event]:
    """Return the events of a learner from a state, or from where it starts."""
    state = state or FitState(0, learner.held()[0])
    check_same(learner.held()[0], state.params)
    learner.load(state)
    return Course(learner, images, record or Record(), state, progress).events()
