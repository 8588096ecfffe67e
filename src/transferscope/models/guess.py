"""Which known network a file of weights belongs to, told from names and shapes of its tensors."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from torch import Tensor

from ..errors import ModelError
from .build import build, known
from .composed import compose
from .fixup import IMAGENET_DEPTHS
from .lenet import WIDTH
from .naming import beside_a_network
from .network import Input, Network

__all__ = ["guess"]

_HEADS = ("fc.", "linear.", "head.", "heads.", "classifier.")

_PREFIXES = 8
"""How many beginnings of names are tried; the network is nearly always under the first."""

_Candidate: TypeAlias = tuple[str, int, Input | None]
"""Name, number of outputs, input."""

_LENET = {f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc1", "fc2", "fc3") for kind in ("weight", "bias")}
_BUFFERS = (
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "relative_position_index",
    "relative_coords_table",
)


def guess(params: Mapping[str, Tensor]) -> Network | None:
    """Find the known network whose tensors are these, our own or torchvision's.

    Our own are told by their names; torchvision's by the number of parameters that its documentation gives, corrected
    for the size of the head. The network is then built, and must have the same names and shapes, all of them or all
    but its head. Where many names share a beginning, the tensors under it are tried alone, too.

    Returns:
        the network, or ``None`` when no known one fits. Weights do not say how their images were normalised; for
        networks of other than three channels ``input`` is arbitrary there.

    >>> found = guess(build("mlp:20-10,bias=false", 3, input=Input((4, 4))).params())
    >>> found.name, found.classes, found.input.size, found.input.channels
    ('mlp:20-10,bias=false', 3, (4, 4), 3)
    """
    for some, whole in _within(compose(params).params):
        shapes = _shapes(some)
        try:
            candidates = list(_candidates(some))
        except (KeyError, IndexError, ZeroDivisionError):  # the names of a known network, and shapes of none
            continue
        for name, classes, wanted in candidates:
            try:
                net = build(name, classes, input=wanted)
            except ModelError:  # a candidate that cannot be built for these shapes is the wrong one
                continue
            found = _shapes(net.module.state_dict())
            headless = {k: v for k, v in found.items() if k not in net.head_tensors()}
            if shapes in (found, headless):
                return _with_its_head(net, whole)
    return None


def _with_its_head(net: Network, whole: Mapping[str, Tensor]) -> Network:
    """Return the network with as many outputs as the head that was set aside to tell it, if that is its own."""
    name = f"{net.head}.weight"
    own, built = whole.get(name), net.params().get(name)
    if own is None or built is None or own.shape[1:] != built.shape[1:] or len(own) == net.classes:
        return net
    return build(net.name, len(own), input=net.input)


def _within(params: Mapping[str, Tensor]) -> Iterator[tuple[Mapping[str, Tensor], Mapping[str, Tensor]]]:
    """Yield the tensors, and those under each beginning that many of the names share, without it.

    Each comes with all that lies there, of which it may be a part.
    """
    yield params, params
    yield from _bodies(params)
    counted = Counter(name[: m.end()] for name in params for m in re.finditer(r"\.", name))
    shared = [(count, prefix) for prefix, count in counted.items() if count > max(3, len(params) // 8)]
    for _, prefix in sorted(shared, key=lambda pair: (-pair[0], -len(pair[1])))[:_PREFIXES]:
        under = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
        yield under, under
        yield from _bodies(under)


def _bodies(params: Mapping[str, Tensor]) -> Iterator[tuple[Mapping[str, Tensor], Mapping[str, Tensor]]]:
    """Yield the tensors without what a pre-training has in the place of the head or beside the network, if any."""
    bare = {k: v for k, v in params.items() if not k.startswith(_HEADS) and not beside_a_network(k)}
    if len(bare) < len(params):
        yield bare, params


def _candidates(params: Mapping[str, Tensor]) -> Iterator[_Candidate]:
    if "conv1.bias_after" in params and "fc.weight" in params:
        yield from _fixups(params)
    elif "layer1.0.conv1.weight" in params and ("linear.weight" in params or _is_small_resnet(params)):
        classes = len(params["linear.weight"]) if "linear.weight" in params else 10
        yield f"resnet{2 * _blocks(params) + 2}", classes, _input(32, _channels(params))
    elif params.keys() == _LENET:
        width, maps = len(params["conv1.weight"]), len(params["conv2.weight"])
        side = 4 * math.isqrt(params["fc1.weight"].shape[1] // maps) + 8
        option = "" if width == WIDTH else f"?width={width}"
        yield f"lenet{option}", len(params["fc3.weight"]), _input(side, _channels(params))
    elif all(re.fullmatch(r"fc\d+\.(weight|bias)", name) for name in params):
        yield from _mlps(params)
    else:
        yield from _torchvision(params)


def _fixups(params: Mapping[str, Tensor]) -> Iterator[_Candidate]:
    classes, channels = len(params["fc.weight"]), _channels(params)
    if "layer4.0.conv1.weight" not in params:
        yield f"fixup_resnet{2 * _blocks(params) + 2}", classes, _input(32, channels)
        return
    bottleneck = "layer1.0.conv3.weight" in params
    for depth, stages in IMAGENET_DEPTHS.items():
        if sum(stages) == _blocks(params) and bottleneck == (depth >= 50):
            yield f"fixup_resnet{depth}", classes, _input(224, channels)


def _mlps(params: Mapping[str, Tensor]) -> Iterator[_Candidate]:
    weights = [params[name] for name in sorted(params, key=lambda n: int(re.sub(r"\D", "", n))) if "weight" in name]
    widths = "-".join(str(len(w)) for w in weights[:-1])
    option = "" if any("bias" in name for name in params) else ",bias=false"
    for channels in (1, 3):
        inputs = weights[0].shape[-1] if weights else 0
        side = math.isqrt(inputs // channels)
        if widths and side * side * channels == inputs:
            yield f"mlp:{widths}{option}", len(weights[-1]), _input(side, channels)


def _torchvision(params: Mapping[str, Tensor]) -> Iterator[_Candidate]:
    from torchvision.models import get_model_weights

    count = sum(v.numel() for k, v in params.items() if not k.endswith(_BUFFERS))
    # Any matrix may be the head: in safetensors the order of names is not that of the network.
    matrices = {(len(v), v.shape[1:].numel()) for v in params.values() if v.ndim == 2 or v.shape[2:] == (1, 1)}
    documented = {name: get_model_weights(name.partition("/")[2]).DEFAULT.meta for name in known("torchvision")}
    for classes, width in sorted(matrices):
        for name, meta in documented.items():
            if meta["num_params"] - count == (1000 - classes) * (width + 1):
                yield name, classes, None
    for name, meta in documented.items():  # without a head
        width, rest = divmod(meta["num_params"] - count, 1000)
        if not rest and 64 < width < 8192:
            yield name, 1000, None


def _is_small_resnet(params: Mapping[str, Tensor]) -> bool:
    """Whether these are a ResNet for images of 32×32 pixels, which has three stages, without its head."""
    named = "conv1.weight" in params and "fc.weight" not in params
    return named and "layer4.0.conv1.weight" not in params and "layer3.0.conv1.weight" in params


def _blocks(params: Mapping[str, Tensor]) -> int:
    return len({found[0] for name in params if (found := re.match(r"layer\d+\.\d+", name))})


def _channels(params: Mapping[str, Tensor]) -> int:
    return int(params["conv1.weight"].shape[1])


def _input(side: int, channels: int) -> Input:
    if channels == 3:
        return Input((side, side))
    return Input((side, side), channels, (0.5,) * channels, (0.5,) * channels)


def _shapes(params: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in params.items() if not k.endswith("num_batches_tracked")}
