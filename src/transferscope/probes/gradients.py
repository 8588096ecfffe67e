"""Gradients of the loss at given weights: of the weights, and of what layers pass on, example by example.

In eval mode examples do not meet, so one backward pass of the sum of their losses gives ∂Lᵢ/∂xᵢ of every example i at
once. A layer's gradient is caught by a hook on the tensor at the moment it exists: an operation that overwrites the
tensor later does not matter, and where a tensor is used by several (a shortcut), the hook sees the sum over all uses.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Batch, Feed
from ..data.imageset import ImageSet
from ..errors import ModelError, UsageError, nearest
from ..models.network import Granularity, Network
from ..models.objective import example_losses
from ..params import Params, norm
from ..progress import Progress, silent
from ..runtime import full_float32, out_of_memory, pick_device
from .activations import Tap, taps
from .entries import entries_an_image
from .forward import Forward

__all__ = ["Gradients", "Precision", "Side", "gradients", "in_precision"]

Precision: TypeAlias = Literal["float32", "float64"]
Side: TypeAlias = Literal["output", "input"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, eq=False)
class Gradients:
    """Losses of n examples and their gradients.

    Attributes:
        losses: Lᵢ in nats, float64 ``(n,)``.
        weights: ∂L/∂θ of the mean loss L by name of the parameter, on the device; empty where not asked for.
        activations: ‖∂Lᵢ/∂xᵢ‖₂ of each example by module, in forward order, float64 ``(n,)``; empty where not asked
            for.
    """

    losses: np.ndarray
    weights: Params
    activations: Mapping[str, np.ndarray]

    @property
    def loss(self) -> float:
        """Mean loss, in nats."""
        return float(self.losses.mean())

    @property
    def size(self) -> float:
        """‖∂L/∂θ‖₂."""
        return norm(self.weights)

    @property
    def finite(self) -> bool:
        """Whether the mean loss and its gradient are finite."""
        return math.isfinite(self.loss) and math.isfinite(self.size)


def gradients(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    *,
    weights: bool = True,
    modules: Granularity | Sequence[str] = (),
    side: Side = "output",
    precision: Precision = "float32",
    batch: int = 64,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Gradients:
    """Differentiate the loss on a fixed set of images at given weights (Liu et al. 2019, §4).

    The loss is that of training (:func:`~transferscope.models.objective.mean_loss`) without weight decay. Batch norm
    uses its stored statistics, which are held fixed (see :func:`~transferscope.probes.normed.with_statistics_of`),
    and dropout is off.

    Args:
        net: the network.
        params: where to differentiate.
        images: the examples.
        weights: whether to take the gradient of the weights; without it the backward pass costs half.
        modules: where to take gradients of single examples: a granularity, or names of modules; none by default. A
            module that runs more than once in a pass has one place a run: ``name``, ``name#2``, ….
        side: x is what a module passes on (its features, as in all analyses) or what it receives. Its gradient is
            that over all uses of x, those in other modules included. Of several tensors the first is taken.
        precision: ``float32`` (never TF32) or ``float64``.
        batch: images a pass; halved when the device has too little memory.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the images done.

    Raises:
        ModelError: when a module does not exist, does not run, has no gradient or does not treat images one by one;
            or one image is too much for the memory.
        UsageError: for weights of another network, or options that cannot be.
        DataError: when the network cannot look at these images.

    >>> from transferscope.models.build import wrap
    >>> from transferscope.models.network import Input
    >>> layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net = wrap(layers, name="tiny", classes=2, input=Input((2, 2), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 2, 2, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> found = gradients(net, {"1.weight": torch.zeros(2, 4)}, white, modules=["1"])
    >>> found.weights["1.weight"].tolist()  # (p − y)xᵀ with p = (½, ½)
    [[-0.5, -0.5, -0.5, -0.5], [0.5, 0.5, 0.5, 0.5]]
    >>> float(found.activations["1"][0] ** 2)
    0.5...
    """
    if side not in ("output", "input"):
        raise UsageError(f"side {side!r}{nearest(side, ('output', 'input'))}")
    if batch < 1:
        raise UsageError(f"a batch of {batch} images; give at least 1")
    where = pick_device(device)
    forward = Forward(net, in_precision(params, precision), where)
    forward.check(images)
    forward.check_task(images)
    places = _places(net, modules, side) if len(modules) else ()
    while True:
        try:
            return _sweep(forward, images, places, side, weights, batch, where, progress)
        except RuntimeError as e:
            if not out_of_memory(e):
                raise
            if batch == 1:
                raise ModelError(f"{net.name}: the gradient of one image does not fit into memory of {where}") from e
            batch //= 2
        torch.cuda.empty_cache()


def in_precision(params: Mapping[str, Tensor], precision: str) -> Params:
    """Return weights in a number format.

    Raises:
        UsageError: for a format that is neither ``float32`` nor ``float64``.
    """
    if precision not in _DTYPES:
        raise UsageError(f"precision {precision!r}{nearest(precision, _DTYPES)}")
    return {k: v.to(_DTYPES[precision]) if v.is_floating_point() else v for k, v in params.items()}


def _sweep(
    forward: Forward,
    images: ImageSet,
    places: Sequence[Tap],
    side: Side,
    weights: bool,
    batch: int,
    where: torch.device,
    progress: Progress,
) -> Gradients:
    module = forward.module.requires_grad_(weights)
    leaves = list(module.parameters()) if weights else []
    totals = [torch.zeros_like(leaf) for leaf in leaves]
    losses: list[Tensor] = []
    norms: dict[str, list[Tensor]] = {}
    with full_float32(where), _Watch(module, places, side) as watch:
        feed = Feed(images, where)
        if places:
            watch.look(forward, next(iter(feed.batches(2))))
        for part in feed.batches(batch):
            # Activations before the first weight have a gradient only when the image has one.
            x = forward.net.input.prepare(part.images).to(forward.dtype).requires_grad_(bool(places))
            labels = part.labels if part.labels.dtype == torch.int64 else part.labels.to(forward.dtype)
            with torch.enable_grad():
                each = example_losses(watch.run(x), labels)
            wanted = [*leaves, x] if places else leaves
            for total, gradient in zip(totals, _backward(forward.net, each.sum(), wanted), strict=False):
                total += gradient
            losses.append(each.detach())
            for name, value in watch.collect().items():
                norms.setdefault(name, []).append(value)
            progress(part.start + len(part.images), len(images), "images")
    mean = {id(leaf): total / len(images) for leaf, total in zip(leaves, totals, strict=True)}
    named = module.named_parameters() if weights else ()
    return Gradients(
        losses=torch.cat(losses).double().cpu().numpy(),
        weights={name: mean[id(leaf)] for name, leaf in named},
        activations={name: torch.cat(values).cpu().numpy() for name, values in norms.items()},
    )


def _backward(net: Network, loss: Tensor, wanted: Sequence[Tensor]) -> Sequence[Tensor]:
    if not wanted or not loss.requires_grad:
        return ()
    try:
        return torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    except RuntimeError as e:
        if "inplace operation" not in str(e):
            raise
        raise ModelError(
            f"{net.name} has no gradient: an operation in place overwrites what the backward pass needs; "
            "make it one that is not in place"
        ) from e


class _Watch:
    """Runs a network and catches the norms of the gradients at some places of each pass.

    Forward hooks act only while :meth:`run` runs: checkpointed parts, which run again during the backward pass, are
    caught once.
    """

    def __init__(self, module: nn.Module, places: Sequence[Tap], side: Side) -> None:
        self._module, self._places, self._side = module, places, side
        self._examples = 0
        self._running = False
        self._found: dict[str, list[Tensor]] = {}
        self._looking: dict[str, list[Tensor]] | None = None
        self._rows: dict[str, list[int]] = {}
        self._names: tuple[str, ...] | None = None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Self:
        for tap in self._places:
            part = self._module.get_submodule(tap.path)
            self._handles.append(
                part.register_forward_hook(self._after(tap))
                if self._side == "output"
                else part.register_forward_pre_hook(self._before(tap), with_kwargs=True)
            )
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    def look(self, forward: Forward, batch: Batch) -> None:
        """See how many entries each place has for an image: windows or tokens may stand beside images, in one row."""
        x = forward.net.input.prepare(batch.images).to(forward.dtype)
        seen = []
        for images in (x, x[-1:]):
            self._looking, self._running = {}, True
            try:
                with torch.no_grad():
                    self._module(images.clone())
                seen.append(self._looking)
            finally:
                self._looking, self._running = None, False
        together, alone = seen
        self._rows = entries_an_image(together, alone, len(x))

    def run(self, x: Tensor) -> Tensor:
        """Return the logits of a batch."""
        self._examples, self._found, self._running = len(x), {}, True
        try:
            # Of a copy: a network whose first operation is in place may not overwrite a leaf.
            logits: Tensor = self._module(x.clone() if x.requires_grad else x)
        finally:
            self._running = False
        if idle := [tap.name for tap in self._places if tap.name not in self._found]:
            raise ModelError(f"module {idle[0]!r} did not run in the forward pass; ask for one that does")
        return logits

    def collect(self) -> dict[str, Tensor]:
        """Return the norms of the last pass, ``(b,)`` a place, after its gradients were taken."""
        out: dict[str, Tensor] = {}
        for tap in self._places:
            runs = enumerate(self._found[tap.name])
            out |= {tap.name if i == 0 else f"{tap.name}#{i + 1}": value for i, value in runs}
        if self._names is not None and tuple(out) != self._names:
            changed = sorted(set(out) ^ set(self._names))[0]
            raise ModelError(f"module {changed!r} does not run equally often in every pass; name others")
        self._names = tuple(out)
        return out

    def _after(self, tap: Tap) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            self._catch(tap, [output])

        return hook

    def _before(self, tap: Tap) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def hook(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            self._catch(tap, [*arguments, *named.values()])

        return hook

    def _catch(self, tap: Tap, values: Sequence[Any]) -> None:
        if not self._running:
            return
        x = _first_tensor(values)
        if x is None:
            raise ModelError(f"the {self._side} of module {tap.name!r} holds no floating tensor; name a part of it")
        if self._looking is not None:
            self._looking.setdefault(tap.name, []).append(x.detach().clone())
            return
        before = len(self._found.get(tap.name, ()))
        rows = next(iter(self._rows.get(tap.name, ())[before : before + 1]), 1)
        if not x.ndim or len(x) != self._examples * max(rows, 1):
            raise ModelError(
                f"the {self._side} of module {tap.name!r} has {len(x) if x.ndim else 'no'} entries for "
                f"{self._examples} images; gradients of single images need one entry each; ask for a module around it"
            )
        if not rows:
            raise ModelError(
                f"the {self._side} of module {tap.name!r} does not have image after image; gradients of single "
                "images need one entry each; ask for a module around it"
            )
        if not x.requires_grad:
            raise ModelError(
                f"the {self._side} of module {tap.name!r} has no gradient: it does not depend on the image, or runs "
                "under no_grad or reentrant checkpointing; ask for another module, or switch that off"
            )
        norms = torch.zeros(
            self._examples, dtype=torch.float64, device=x.device
        )  # stays where the loss does not depend on x
        self._found.setdefault(tap.name, []).append(norms)

        def keep(gradient: Tensor) -> None:
            # In float64, because the squares of small gradients vanish in float32.
            norms.copy_(
                torch.linalg.vector_norm(gradient.detach().reshape(len(norms), -1), dim=1, dtype=torch.float64)
            )

        x.register_hook(keep)  # type: ignore[no-untyped-call]


def _places(net: Network, modules: Granularity | Sequence[str], side: Side) -> tuple[Tap, ...]:
    """Find the submodules to watch: those that pass features on, or those that are the modules themselves."""
    found = taps(net, modules)
    if side == "output":
        return found
    parts = dict(net.module.named_modules())
    for tap in found:
        if tap.name not in parts:
            raise ModelError(f"module {tap.name!r} of {net.name} is no single submodule; ask for its output instead")
    return tuple(replace(tap, path=tap.name) for tap in found)


def _first_tensor(values: Sequence[Any]) -> Tensor | None:
    for value in values:
        if isinstance(value, (tuple, list, OrderedDict)):
            value = _first_tensor(list(value.values()) if isinstance(value, OrderedDict) else value)
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None
