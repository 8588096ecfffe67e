"""A network as a function of its weights, with its modules in forward order."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import ModelError, UsageError
from ..params import Params, clone
from .modules import Granularity, Module, partition
from .prepared import is_extra, same
from .tracing import Trace, trace

__all__ = ["Granularity", "Input", "Module", "Network", "put"]


@dataclass(frozen=True)
class Input:
    """What a network wants to see: x = (pixel/255 − mean)/std, ``(b, channels, height, width)``.

    Attributes:
        size: height and width in pixels.
        channels: 1 or 3.
        mean: one number a channel, on the 0…1 scale.
        std: one number a channel, on the 0…1 scale.
    """

    size: tuple[int, int] = (32, 32)
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if len(self.mean) != self.channels or len(self.std) != self.channels or min(self.std) <= 0:
            raise ModelError(
                f"mean and std must have {self.channels} entries each and std be positive: {self.mean}, {self.std}"
            )

    def changed(self, size: int | None = None, channels: int | None = None) -> Input:
        """Return the same for square images of another size, or of other channels: each then has their mean's mean.

        >>> Input().changed(24, 1).described()
        'grey images of 24×24 pixels, mean 0.449, std 0.226'
        """
        count = self.channels if channels is None else channels
        mean, std = (
            values if len(values) == count else (sum(values) / len(values),) * count
            for values in (self.mean, self.std)
        )
        return Input(self.size if size is None else (size, size), count, mean, std)

    def described(self) -> str:
        """Say it in a line.

        >>> Input((32, 48), 1, (0.5,), (0.25,)).described()
        'grey images of 32×48 pixels, mean 0.5, std 0.25'
        """
        kind = {1: "grey images", 3: "RGB images"}.get(self.channels, f"images of {self.channels} channels")
        mean, std = (" ".join(f"{v:.3g}" for v in values) for values in (self.mean, self.std))
        return f"{kind} of {self.size[0]}×{self.size[1]} pixels, mean {mean}, std {std}"

    def prepare(self, images: Tensor) -> Tensor:
        """Turn uint8 ``(b, h, w, c)`` into normalised float32 ``(b, c, h, w)`` (channels-last in memory)."""
        mean, scale = _normalisation(self.mean, self.std, images.device)
        return images.to(torch.float32).sub_(mean).mul_(scale).permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def _normalisation(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what to subtract and by what to multiply; kept, as a GPU would be waited for at every batch."""
    with torch.inference_mode(False):
        return torch.tensor(mean, device=device) * 255, 1 / (torch.tensor(std, device=device) * 255)


@dataclass(frozen=True, eq=False)
class Network:
    """A functional model: ``net(params, x) → logits``.

    Attributes:
        module: the template, in eval mode; its own weights are never used or changed.
        name: what it is called, e.g. ``"fixup_resnet20"``.
        classes: number of outputs.
        input: what it wants to see.
        head: prefix of the final classifier's tensors, e.g. ``"fc"``; ``""`` when there is none to tell apart.
        make: constructs the module again with fresh random weights, ``None`` when nobody said how.
        aliases: further names of tensors that have several, each with the name under which it is counted.
        notes: what is other than in the module it was made of, a sentence each.
        twins: prefixes of further final classifiers beside ``head``, such as that of a distillation token.
        saved_as: names that the module's library writes into its files → names here, where they are others.
    """

    module: nn.Module
    name: str
    classes: int
    input: Input = field(default_factory=Input)
    head: str = ""
    make: Callable[[], nn.Module] | None = field(default=None, repr=False)
    aliases: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()
    saved_as: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return logits ``(b, classes)`` of the module with these weights, in the mode of the template."""
        constants = {name: value.to(x.device) for name, value in self._constants.items()}
        logits: Tensor = functional_call(self.module, constants | dict(params), (x,), strict=True)
        return logits

    def params(self) -> Params:
        """Return a copy of the template's own weights."""
        return clone(self.module.state_dict())

    def fresh(self, params: Mapping[str, Tensor] | None = None) -> nn.Module:
        """Return a private copy of the module in eval mode, holding ``params`` when given."""
        module = copy.deepcopy(self.module)
        if params is not None:
            put(module, params)
        return module.eval()

    def named(self) -> Params:
        """Return the template's tensors by name, tied ones under each of their names; not a copy."""
        state = self.module.state_dict()
        return state | {name: state[first] for name, first in self.aliases.items()}

    def tied(self) -> tuple[tuple[str, str], ...]:
        """List all pairs of names under which the network has one tensor, both ways round."""
        kin: dict[str, list[str]] = {}
        for name, first in self.aliases.items():
            kin.setdefault(first, [first]).append(name)
        return tuple((a, b) for names in kin.values() for a in names for b in names if a != b)

    def weights(self, params: Mapping[str, Tensor], label: str = "") -> Params:
        """Return weights as this network counts them, from what ``state_dict()`` of the module it was made of holds.

        Further names of tied weights and extra state are left out; other names, and shapes, are not looked at.

        Args:
            params: by name.
            label: whose they are, for errors.

        Raises:
            UsageError: when names of one tensor hold different numbers.
        """
        twice = {name: first for name, first in self.aliases.items() if name in params}
        for name, first in twice.items():
            if first in params and not same(params[name], params[first]):
                whose = f"{label}: " if label else ""
                raise UsageError(f"{whose}{name!r} and {first!r} are one weight in {self.name} and differ here")
        out = {k: v for k, v in params.items() if isinstance(v, Tensor) and k not in twice and not is_extra(k)}
        return out | {first: params[name] for name, first in twice.items() if first not in params}

    def modules(self, granularity: Granularity = "layer") -> tuple[Module, ...]:
        """List the modules in forward order: an ordered partition of all tensors.

        Args:
            granularity: ``layer`` (each conv/linear with its bias and norm), ``block`` (stem, each residual or
                transformer block, head) or ``stage`` (conv1, layer1 … layer4, fc for ResNets).
        """
        return partition(self.module, self._trace, granularity)

    def head_tensors(self) -> tuple[str, ...]:
        """Names of the final classifier's tensors, of all of them where there are several."""
        heads = tuple(f"{name}." for name in (self.head, *self.twins) if name)
        return tuple(k for k in self.module.state_dict() if k.startswith(heads))

    @cached_property
    def _constants(self) -> Params:
        """Buffers that no file has, such as tables of relative positions: the same whatever the weights are."""
        kept = self.module.state_dict()
        return {name: value for name, value in self.module.named_buffers() if name not in kept}

    @cached_property
    def _trace(self) -> Trace:
        return trace(self.module, self.input.size, self.input.channels)


def put(module: nn.Module, params: Mapping[str, Tensor]) -> None:
    """Put weights into a module, all of them.

    State dicts have the version of each layer beside the tensors, by which layers recognise weights of an older form
    of theirs. Bare weights have lost it, and would be taken for the oldest; they are of the form the module has now.
    """
    state = OrderedDict(params)
    state._metadata = module.state_dict()._metadata  # type: ignore[attr-defined]
    module.load_state_dict(state, strict=True)
