"""Features: the outputs of any modules of a network, taken while it runs."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Batch, Feed
from ..data.imageset import ImageSet
from ..errors import ModelError, nearest
from ..models.network import Granularity, Network
from ..progress import Progress, silent
from ..runtime import pick_device
from .entries import entries_an_image, unfolded
from .forward import Forward

__all__ = ["Tap", "Taps", "features", "pool", "taps"]

T = TypeVar("T")


@dataclass(frozen=True)
class Tap:
    """Where features are taken.

    Attributes:
        name: what the features are called.
        path: the submodule whose output they are, as in ``named_modules()``.
        head: whether this is the final classifier, whose features are the logits.
    """

    name: str
    path: str
    head: bool = False


def taps(net: Network, modules: Granularity | Sequence[str] = "stage") -> tuple[Tap, ...]:
    """Find the modules whose outputs are wanted.

    Args:
        net: the network.
        modules: a granularity, for all modules of it in forward order; or names, each of a stage, else a block, else
            a layer, else any submodule.

    Raises:
        ModelError: when a name is none of these, with the nearest that exists; or names come twice or are none.
    """
    head = set(net.head_tensors())
    if isinstance(modules, str):
        modules = cast(Granularity, modules)
        listed = (m for m in net.modules(modules) if m.runs)
        return tuple(Tap(m.name, m.output, bool(m.tensors) and head.issuperset(m.tensors)) for m in listed)
    known = {name: Tap(name, name, name == net.head) for name, _ in net.module.named_modules() if name}
    for granularity in get_args(Granularity):
        known |= {tap.name: tap for tap in taps(net, granularity)}
    for name in modules:
        if name not in known:
            raise ModelError(f"{net.name} has no module {name!r}{nearest(name, known)}")
    if twice := [name for name, count in Counter(modules).items() if count > 1]:
        raise ModelError(f"module {twice[0]!r} is asked for twice; name each module once")
    if not modules:
        raise ModelError(f"no modules of {net.name} are asked for; give names, or 'stage', 'block' or 'layer'")
    return tuple(known[name] for name in modules)


class Taps(Generic[T]):
    """Hand the output of some modules to a function the moment it exists, and keep what the function makes of it.

    The function runs inside the forward hook, so an operation that later overwrites the output in place cannot reach
    what was made of it, unless the function returns a view. A module that runs more than once in a pass gives one
    set of features a run: ``name``, ``name#2``, …. Of an output that is a tuple, list or ordered dict the first
    entry is taken. Windows or patches that stand beside images are put into one row an image where :meth:`look` has
    seen them.

    Args:
        module: the network, on its device; called with a batch of examples.
        taps: where to take features.
        take: called with each output, examples first.

    Use as a context; the hooks are gone afterwards.

    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(inplace=True))
    >>> with torch.no_grad(), Taps(net, (Tap("linear", "0"),), lambda y: y.sum().item()) as seen:
    ...     _ = net[0].weight.fill_(-1.0)
    ...     _ = net(torch.ones(3, 1))
    ...     seen.collect()
    {'linear': -3.0}
    """

    def __init__(self, module: nn.Module, taps: Sequence[Tap], take: Callable[[Tensor], T]) -> None:
        self._module = module
        self._taps = tuple(taps)
        self._take = take
        self._examples = 0
        self._found: dict[str, list[T]] = {}
        self._names: tuple[str, ...] | None = None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._looking: dict[str, list[Any]] | None = None
        self._rows: dict[str, list[int]] = {}

    def __enter__(self) -> Self:
        self._handles.append(self._module.register_forward_pre_hook(self._begin))
        for tap in self._taps:
            self._handles.append(self._module.get_submodule(tap.path).register_forward_hook(self._hook(tap)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()

    def look(self, forward: Forward, batch: Batch) -> dict[str, str]:
        """See how many entries an image each output has, and leave out what has no features of single images.

        Args:
            forward: the network.
            batch: two images; of one it cannot be told whether image follows image.

        Returns:
            What is not taken from now on, and why.
        """
        seen = []
        for part in (batch, Batch(batch.images[-1:], batch.labels[-1:], batch.start)):
            self._looking = {}
            try:
                forward(part)
                seen.append(self._looking)
            finally:
                self._looking = None
        without = {}
        for name, outputs in seen[0].items():
            kinds = {kind for output in outputs if (kind := _no_features(output))}
            if kinds:
                without[name] = f"it gives {kinds.pop()}"
        together, alone = (
            {name: [_first(o) for o in outputs] for name, outputs in one.items() if name not in without}
            for one in seen
        )
        self._rows = entries_an_image(together, alone, len(batch.images))
        without |= {name: _NO_ROWS for name, rows in self._rows.items() if not all(rows)}
        self._taps = tuple(tap for tap in self._taps if tap.name not in without)
        return without

    def collect(self) -> dict[str, T]:
        """Return what was taken in the last pass, in the order of the taps.

        Raises:
            ModelError: when a module did not run in it, or another number of times than in the passes before.
        """
        out: dict[str, T] = {}
        for tap in self._taps:
            runs = self._found.get(tap.name, [])
            if not runs:
                raise ModelError(f"module {tap.name!r} did not run in the forward pass; ask for one that does")
            out |= {tap.name if i == 0 else f"{tap.name}#{i + 1}": value for i, value in enumerate(runs)}
        if self._names is not None and tuple(out) != self._names:
            changed = sorted(set(out) ^ set(self._names))[0]
            raise ModelError(f"module {changed!r} does not run equally often in every pass; it has no fixed features")
        self._names = tuple(out)
        self._found = {}
        return out

    def _begin(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self._examples = len(arguments[0])
        self._found = {tap.name: [] for tap in self._taps}

    def _hook(self, tap: Tap) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            if self._looking is not None:
                self._looking.setdefault(tap.name, []).append(_copy(output))
                return
            if tap.name not in self._found:  # left out
                return
            value = _tensor_of(output, tap.name)
            before = len(self._found[tap.name])
            rows = next(iter(self._rows.get(tap.name, ())[before : before + 1]), 1)
            if len(value) != self._examples * rows:
                raise ModelError(
                    f"module {tap.name!r} gives {len(value)} entries for {self._examples} images; features need one "
                    "entry an image; ask for a module around it"
                )
            self._found[tap.name].append(self._take(unfolded(value.detach(), self._examples)))

        return hook


def pool(features: Tensor) -> Tensor:
    """Average features over positions: ``(b, c, h, w)``, ``(b, h, w, c)`` and tokens ``(b, t, c)`` become ``(b, c)``.

    Four dimensions are taken as channels-first unless only height and width of the last-channel reading are equal
    (Swin's ``(b, h, w, c)``).

    >>> pool(torch.tensor([[[[1.0, 3.0]], [[5.0, 5.0]]]])).tolist()
    [[2.0, 5.0]]
    """
    if features.ndim == 4:
        _, second, third, fourth = features.shape
        return features.mean((1, 2)) if second == third != fourth else features.mean((2, 3))
    return features.mean(1) if features.ndim == 3 else features.flatten(1)


def features(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    modules: Granularity | Sequence[str] = "stage",
    *,
    pooled: bool = False,
    batch: int = 256,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> dict[str, np.ndarray]:
    """Return the features of every image, in the order of the set.

    All of them are held in memory: n times the size of the outputs. Use :class:`Taps` to reduce them on the way.

    Args:
        net: the network.
        params: its weights.
        images: n images.
        modules: see :func:`taps`.
        pooled: average over positions or tokens (:func:`pool`) instead of flattening.
        batch: images a forward pass.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Returns:
        By module, ``(n, p)`` in the number format of the weights; a second run of a module in one pass is ``name#2``.

    Raises:
        ModelError: when a module does not exist or has no features.
        DataError: when the network cannot look at these images.
    """
    where = pick_device(device)
    forward = Forward(net, params, where)
    forward.check(images)
    chosen = taps(net, modules)
    parts: dict[str, list[np.ndarray]] = {}

    def take(output: Tensor) -> np.ndarray:
        kept = pool(output) if pooled else output.flatten(1)
        return np.array(kept.cpu().numpy())

    feed = Feed(images, where)
    with Taps(forward.module, chosen, take) as seen:
        for name, why in seen.look(forward, next(feed.batches(2))).items():
            raise ModelError(f"module {name!r} has no features: {why}; ask for a module inside or around it")
        for part in feed.batches(batch):
            forward(part)
            for name, value in seen.collect().items():
                parts.setdefault(name, []).append(value)
            progress(part.start + len(part.images), len(images), "images")
    return {name: np.concatenate(values) for name, values in parts.items()}


_NO_ROWS = "its output does not have image after image on its first axis"


def _first(output: Any) -> Any:
    if isinstance(output, OrderedDict):  # an output of transformers
        output = list(output.values())
    return output[0] if isinstance(output, (tuple, list)) and output else output


def _copy(output: Any) -> Any:
    first = _first(output)
    return first.detach().clone() if isinstance(first, Tensor) else first


def _no_features(output: Any) -> str:
    """Say what an output is, where it has no features."""
    first = _first(output)
    if isinstance(first, Tensor) and first.is_floating_point() and first.ndim:
        return ""
    return f"a tensor of {first.dtype}" if isinstance(first, Tensor) else f"a {type(first).__name__}"


def _tensor_of(output: Any, name: str) -> Tensor:
    if kind := _no_features(output):
        raise ModelError(f"module {name!r} gives {kind}, which are no features; ask for a module inside or around it")
    return cast(Tensor, _first(output))
