"""Networks of torchvision and timm, with random weights: what they want to see, their options, how they are built."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ModelError, nearest
from .network import Input
from .options import Option, taken_by, typed

__all__ = ["SIZES", "constructed", "input_of", "library", "made", "names"]

_RESERVED = ("num_classes", "in_chans", "weights", "pretrained", "progress", "device", "dtype", "features_only",
             "pretrained_cfg", "checkpoint_path", "aux_logits", "init_weights")  # fmt: skip
SIZES = ("img_size", "image_size", "input_size")
"""What the option is called that says for images of which size a network is built."""

_AUXILIARY = ("inception_v3", "googlenet")
"""Networks of torchvision with auxiliary classifiers, whose weights want images that are scaled otherwise."""


_DECIDED = re.compile(r"multiple values for keyword argument '(\w+)'")


def names(of: Literal["torchvision", "timm"]) -> tuple[str, ...]:
    """List the classification networks of a library, with its prefix."""
    if of == "torchvision":
        models = library("torchvision.models")
        return tuple(f"torchvision/{name}" for name in models.list_models(module=models))
    return tuple(f"timm/{name}" for name in library("timm").list_models())


def input_of(of: str, name: str, options: Mapping[str, str]) -> Input:
    """Return what a network of a library wants to see: its data configuration, and the size if an option says it.

    Raises:
        ModelError: when there is none of this name.
    """
    designed = _torchvision_input(name) if of == "torchvision" else _timm_input(name)
    size = next((options[key] for key in SIZES if key in options), None)
    if size is None:
        return designed
    full = f"{of}/{name}"
    value = typed(full, {"size": size}, {"size": (frozenset((int, tuple)), None)})["size"]
    height, width = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
    if not (isinstance(height, int) and isinstance(width, int) and min(height, width) >= 1):
        raise ModelError(f"{full}: a size of {size!r}; expected pixels, e.g. 64")
    return Input((height, width), designed.channels, designed.mean, designed.std)


def constructed(of: str, name: str, options: Mapping[str, str], classes: int, wanted: Input) -> nn.Module:
    """Construct a network of a library; what is random in it comes from torch's global generator.

    Raises:
        ModelError: for an unknown option, or what it cannot be built for.
    """
    full = f"{of}/{name}"
    given = typed(full, options, _options(of, name), _RESERVED) if options else {}
    size = next((given[key] for key in SIZES if key in given), None)
    if size is not None and not given.get("dynamic_img_size"):
        side = size if isinstance(size, tuple) else (size, size)
        if side != tuple(wanted.size):
            raise ModelError(
                f"{full}: is built for images of {side[0]}×{side[1]} pixels (its option) and gets "
                f"{wanted.size[0]}×{wanted.size[1]}; leave one of the two out"
            )
    if of == "torchvision":
        return _from_torchvision(name, given, classes, wanted)
    return _from_timm(name, given, classes, wanted)


def library(name: str) -> ModuleType:
    """Import a library.

    Raises:
        ModelError: when it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as e:
        package = name.partition(".")[0]
        raise ModelError(f"{package} cannot be imported ({e}); pip install {package}") from e


def made(name: str, make: Callable[[], Any]) -> nn.Module:
    """Call a constructor of others, and say in a line why it refuses.

    Raises:
        ModelError: when it does.
    """
    try:
        module: nn.Module = make()
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError, IndexError) as e:
        reason = next(iter(str(e).splitlines()), "") or type(e).__name__
        if decided := _DECIDED.search(reason):
            raise ModelError(
                f"{name}: option {decided[1]!r} is decided by the name of the network; leave it out"
            ) from e
        raise ModelError(f"{name}: cannot be built for this input and number of classes: {reason}") from e
    return module


@lru_cache(maxsize=64)
def _options(of: str, name: str) -> dict[str, Option]:
    """List the options of a network: those of its class, which is known once one is built (here without memory)."""
    build: Callable[[], nn.Module]
    if of == "torchvision":
        more = {"init_weights": False} if name in _AUXILIARY else {}
        build = partial(library("torchvision.models").get_model, name, weights=None, **more)
    else:
        build = partial(library("timm").create_model, name, pretrained=False)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            module = build()
    except (RuntimeError, NotImplementedError):  # a constructor that looks at values, which have no place there
        with torch.random.fork_rng(devices=[]):
            module = build()
    return taken_by(type(module))


def _torchvision_weights(name: str) -> Any:
    models = library("torchvision.models")
    if name not in models.list_models(module=models):
        raise ModelError(
            f"unknown network 'torchvision/{name}'{nearest(f'torchvision/{name}', names('torchvision'))}"
        )
    return models.get_model_weights(name).DEFAULT


def _torchvision_input(name: str) -> Input:
    seen = _torchvision_weights(name).transforms()
    return Input((seen.crop_size[0],) * 2, 3, tuple(seen.mean), tuple(seen.std))


def _from_torchvision(name: str, given: Mapping[str, Any], classes: int, wanted: Input) -> nn.Module:
    _torchvision_weights(name)
    options: dict[str, Any] = {"weights": None, "num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = wanted.size[0]
    elif name.startswith("maxvit"):
        options["input_size"] = wanted.size
    elif name in _AUXILIARY:
        # Auxiliary classifiers would change what the network returns while training. With transform_input the images
        # are scaled as the weights that torchvision gives want them.
        options |= {"aux_logits": False, "init_weights": True, "transform_input": True}
    if wanted.channels != 3:
        raise ModelError(f"torchvision/{name} sees 3 channels, not {wanted.channels}; give RGB images or take timm/…")
    options |= given
    return made(f"torchvision/{name}", partial(library("torchvision.models").get_model, name, **options))


def _timm_input(name: str) -> Input:
    timm = library("timm")
    if not timm.is_model(name):
        raise ModelError(f"unknown network 'timm/{name}'{nearest(f'timm/{name}', names('timm'))}")
    config = timm.get_pretrained_cfg(name)
    if config is None:
        return Input((224, 224))
    channels, height, width = config.input_size
    return Input((height, width), channels, tuple(config.mean), tuple(config.std))


def _from_timm(name: str, given: Mapping[str, Any], classes: int, wanted: Input) -> nn.Module:
    designed = _timm_input(name)
    timm = library("timm")
    options: dict[str, Any] = {"pretrained": False, "num_classes": classes, "in_chans": wanted.channels, **given}
    config = timm.get_pretrained_cfg(name)
    if (
        wanted.size != designed.size
        and config is not None
        and config.fixed_input_size
        and not (options.get("dynamic_img_size"))
    ):
        options["img_size"] = wanted.size
    return made(f"timm/{name}", partial(timm.create_model, name, **options))
