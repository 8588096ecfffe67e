"""What is checked: a module, the network made of it, its weights, and images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..data.imageset import ImageSet, ImageSplits
from ..errors import ModelError, UsageError
from ..models.build import wrap
from ..models.checkpoint import read
from ..models.network import Input, Network, put
from ..models.objective import mean_loss
from ..models.solution import Given, as_solution
from ..params import Params, clone, floating
from ..probes.predictions import predictions
from ..rng import generator, numpy_generator

__all__ = ["Failed", "Skipped", "Subject", "subject_of"]

_IMAGES = 16
"""How many images the checks look at that are not about the data."""


class Failed(Exception):  # noqa: N818 (what came out, not an error of the program)
    """A check found something wrong; the message says what, where, and what would be right."""


class Skipped(Exception):  # noqa: N818
    """A check does not apply; the message says why."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked.

    Attributes:
        name: of the network.
        given: the module as it was given: looked at, and never run.
        module: a copy with the weights that are checked.
        input: what it wants to see.
        classes: number of outputs.
        network: the network made of it, or ``None`` where none can be made.
        refusal: why none can be made.
        images: test images with their labels, or ``None``.
        train: training images, or ``None``.
        trained: whether the weights are said to be trained.
        seed: of what the checks draw.
    """

    name: str
    given: nn.Module
    module: nn.Module
    input: Input
    classes: int
    network: Network | None
    refusal: str
    weights: Params
    images: ImageSet | None = None
    train: ImageSet | None = None
    trained: bool = False
    seed: int = 0

    @property
    def net(self) -> Network:
        """The network.

        Raises:
            Skipped: where none can be made.
        """
        if self.network is None:
            raise Skipped(f"no network can be made of it: {self.refusal}")
        return self.network

    @property
    def labelled(self) -> ImageSet:
        """Test images with their labels.

        Raises:
            Skipped: where there are none.
        """
        if self.images is None:
            raise Skipped("no images were given")
        return self.images

    @property
    def learned(self) -> ImageSet:
        """Test images, where the weights are said to be trained.

        Raises:
            Skipped: where there are none, or the weights are random.
        """
        if not self.trained:
            raise Skipped("no trained weights were given")
        return self.labelled

    @cached_property
    def few(self) -> ImageSet:
        """Some images: of those given, or noise where there are none."""
        if self.images is not None and len(self.images):
            return self.images.sample(min(_IMAGES, len(self.images)))
        height, width = self.input.size
        drawn = numpy_generator("selfcheck", self.seed, "images")
        pixels = drawn.integers(0, 256, (_IMAGES, height, width, self.input.channels), dtype=np.uint8)
        classes = tuple(f"class {i}" for i in range(self.classes))
        return ImageSet(pixels, np.arange(_IMAGES) % self.classes, classes, np.arange(_IMAGES).astype(str), "noise")

    @cached_property
    def x(self) -> Tensor:
        """The same, as the network sees them: ``(b, c, h, w)``."""
        return self.input.prepare(torch.from_numpy(np.array(self.few.images))).contiguous()

    @cached_property
    def labels(self) -> Tensor:
        """Their labels."""
        given = np.asarray(self.few.labels)
        return torch.from_numpy(given.astype(np.float32) if self.few.multilabel else given.astype(np.int64))

    @cached_property
    def elsewhere(self) -> Params:
        """Weights near those that are checked: with a hundredth of noise."""
        drawn = generator("selfcheck", self.seed, "weights")
        moved = clone(self.weights)
        for name, value in floating(moved).items():
            if "running_var" not in name:
                size = value.square().mean().sqrt() if value.numel() else torch.zeros(())
                value += 0.01 * size * torch.randn(value.shape, generator=drawn).to(value.dtype)
        return moved

    def copy(self) -> nn.Module:
        """Return a copy of the module in eval mode."""
        return copy.deepcopy(self.module).eval()

    def loss(self, params: Mapping[str, Tensor]) -> float:
        """Return the mean loss of the few images, by one plain pass."""
        with torch.no_grad():
            return float(mean_loss(self.net(params, self.x), self.labels))

    def logits(self, images: ImageSet, input: Input | None = None) -> np.ndarray:  # noqa: A002
        """Return what the network says of images, ``(n, classes)``, normalised as it says or in another way."""
        return predictions(
            self.net if input is None else replace(self.net, input=input), self.weights, images, device="cpu"
        )


def subject_of(
    net: Network | nn.Module,
    weights: Given | None = None,
    images: ImageSet | ImageSplits | None = None,
    *,
    input: Input | None = None,  # noqa: A002
    classes: int | None = None,
    name: str | None = None,
    trained: bool | None = None,
    seed: int = 0,
) -> Subject:
    """Return what is checked.

    Args:
        net: a network, or a module, with ``input`` and ``classes``.
        weights: of it; by default a module's own, which are taken for trained, or a network's, which are not.
        images: with labels; of a source its training and test images.
        input: what a module wants to see.
        classes: number of outputs of a module.
        name: what to call a module.
        trained: whether the weights are trained; by default those of a module are, and those given for a network.
        seed: of what is drawn.

    Raises:
        UsageError: when a module is given without ``input`` and ``classes``.
        CheckpointError: when weights do not fit.
        ModelError: when a module cannot be copied.
    """
    train, test = (images.train, images.test) if isinstance(images, ImageSplits) else (None, images)
    if isinstance(net, Network):
        params = net.params() if weights is None else dict(as_solution(weights, "weights", net))
        trained = weights is not None if trained is None else trained
        return Subject(
            net.name,
            net.module,
            net.fresh(params),
            net.input,
            net.classes,
            net,
            "",
            params,
            test,
            train,
            trained,
            seed,
        )
    if input is None or classes is None:
        raise UsageError("selfcheck of a module needs input=Input(...), what it wants to see, and classes=")
    try:
        module = copy.deepcopy(net).cpu()
    except (RuntimeError, TypeError, ValueError, AttributeError) as e:
        raise ModelError(f"{type(net).__name__}: cannot be copied: {e}") from e
    called = type(net).__name__ if name is None else name
    network, refusal = None, ""
    try:
        network = wrap(module, name=called, classes=classes, input=input)
    except ModelError as e:
        refusal = str(e).removeprefix(f"{called}: ")
    if weights is not None:
        given = dict(as_solution(weights, "weights", network)) if network is not None else _plain(weights)
        put(module, {**module.state_dict(), **given})
    params = network.weights(_state(module)) if network is not None else _state(module)
    return Subject(
        called, net, module, input, classes, network, refusal, params, test, train, trained is not False, seed
    )


def _plain(weights: Given) -> Params:
    """Return weights of a module of which no network can be made, as they are."""
    if isinstance(weights, nn.Module):
        return _state(weights)
    return dict(weights) if isinstance(weights, Mapping) else read(Path(weights)).params


def _state(module: nn.Module) -> Params:
    return {k: v.detach().clone() for k, v in module.state_dict().items() if isinstance(v, Tensor)}
