"""Networks of a local Hugging Face folder, with random weights: ``hf/FOLDER``, which holds a ``config.json``.

Nothing is downloaded, and no code that lies in the folder is run. The library ``transformers`` is imported only here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import ModelError
from .libraries import made
from .network import Input
from .options import Option, typed

__all__ = ["CONFIGURATIONS", "constructed", "input_of", "saved_names"]

CONFIGURATIONS = ("config.json", "preprocessor_config.json")
"""Files of the folder that say what the network is; weights are read as any other file."""

_RESERVED = ("num_labels", "num_channels", "id2label", "label2id", "architectures", "auto_map")
_IMAGENET = Input()


def input_of(folder: str, options: Mapping[str, str]) -> Input:
    """Return what the network wants to see, as ``preprocessor_config.json`` has it, else ``config.json``.

    Raises:
        ModelError: for a folder or file that is not there, or cannot be read.
    """
    path = _folder(folder)
    config = _json(path / "config.json")
    if "image_size" in options:
        given = {"image_size": (frozenset((int, tuple)), None)}
        config["image_size"] = typed(f"hf/{folder}", {"image_size": options["image_size"]}, given)["image_size"]
    described = path / "preprocessor_config.json"
    told = _json(described) if described.exists() else {}
    size = None if "image_size" in options else _size(told.get("crop_size")) or _size(told.get("size"))
    channels = config.get("num_channels", 3)
    mean, std = _statistics(told, channels, described)
    try:
        return Input(size or _size(config.get("image_size")) or (224, 224), channels, mean, std)
    except (TypeError, ModelError) as e:
        raise ModelError(f"{described}: {e}") from e


def constructed(folder: str, options: Mapping[str, str], classes: int, wanted: Input) -> nn.Module:
    """Construct the network of a folder.

    Raises:
        ModelError: when ``transformers`` is not there, the network is no image classifier that it knows, or it cannot
            be built.
    """
    path, name = _folder(folder), f"hf/{folder}"
    try:
        from transformers import AutoConfig, AutoModelForImageClassification
    except ImportError as e:
        raise ModelError(f"{name}: wants the library transformers ({e}); pip install 'transferscope[hf]'") from e
    try:
        # Without trust_remote_code=False it would ask on the terminal whether to run what lies in the folder.
        config = AutoConfig.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ModelError(f"{path / 'config.json'}: {_line(e)}") from e
    for key, value in typed(name, options, _options(config), _RESERVED).items():
        setattr(config, key, value)
    config.num_labels = classes
    if hasattr(config, "num_channels"):
        config.num_channels = wanted.channels
    if hasattr(config, "image_size") and _size(config.image_size) != tuple(wanted.size):
        height, width = wanted.size
        config.image_size = height if height == width else [height, width]
    make = partial(AutoModelForImageClassification.from_config, config, trust_remote_code=False)
    return made(name, make)


def saved_names(module: nn.Module) -> dict[str, str]:
    """Return the names that tensors have in the files ``transformers`` writes, name there → name in the module.

    Since version 5 its networks call their layers otherwise than the files, which keep the names they always had.
    Tensors that are put together or taken apart on the way are left out; nothing for modules of other libraries.
    """
    library = sys.modules.get("transformers")
    if library is None or not isinstance(module, library.PreTrainedModel):
        return {}
    try:
        from transformers.core_model_loading import revert_weight_conversion
    except ImportError:  # before version 5 both had the same names
        return {}
    state = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    name_of = {id(value): name for name, value in state.items()}
    try:
        written = revert_weight_conversion(module, dict(state))
    except Exception:  # no part of its public face: without it a file of other names does not fit, and that is said
        return {}
    found = {name: name_of[id(value)] for name, value in written.items() if id(value) in name_of}
    return found if any(a != b for a, b in found.items()) else {}


def _folder(folder: str) -> Path:
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ModelError(
            f"hf/{folder}: no such folder; expected a local folder with config.json (nothing is downloaded)"
        )
    return path


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; a Hugging Face folder has one") from None
    except (OSError, ValueError, RecursionError) as e:
        raise ModelError(f"{path}: cannot be read: {_line(e)}") from e
    if not isinstance(found, dict):
        raise ModelError(f"{path}: holds a {type(found).__name__}, expected a block of settings")
    return found


def _size(told: Any) -> tuple[int, int] | None:
    """Understand a size as these files have it: a number, two, or a block; ``None`` where there is none."""
    if isinstance(told, Mapping):
        told = [told["height"], told["width"]] if {"height", "width"} <= told.keys() else told.get("shortest_edge")
    if isinstance(told, int) and not isinstance(told, bool) and told > 0:
        return told, told
    if isinstance(told, (list, tuple)) and len(told) == 2 and all(isinstance(v, int) and v > 0 for v in told):
        return told[0], told[1]
    return None


def _statistics(told: Mapping[str, Any], channels: int, path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std on the 0…1 scale, for the scale on which the file's numbers are."""
    if not told:
        fitting = channels == 3
        return (_IMAGENET.mean, _IMAGENET.std) if fitting else ((0.5,) * channels, (0.5,) * channels)
    scale = 255.0
    try:
        if told.get("do_rescale", True):
            scale *= float(told.get("rescale_factor", 1 / 255))
        plain = not told.get("do_normalize", True)
        mean = [0.0] * channels if plain else [float(v) for v in told.get("image_mean") or _IMAGENET.mean]
        std = [1.0] * channels if plain else [float(v) for v in told.get("image_std") or _IMAGENET.std]
        return tuple(v / scale for v in mean), tuple(v / scale for v in std)
    except (TypeError, ValueError, ZeroDivisionError) as e:
        raise ModelError(f"{path}: image_mean, image_std and rescale_factor must be numbers: {_line(e)}") from e


def _options(config: Any) -> dict[str, Option]:
    simple = {key: value for key, value in config.to_dict().items() if isinstance(value, (bool, int, float, str))}
    sized = {"image_size": (frozenset((int, tuple)), None)} if hasattr(config, "image_size") else {}
    return {key: (frozenset([type(value)]), value) for key, value in simple.items()} | sized


def _line(e: Exception) -> str:
    return next(iter(str(e).strip().splitlines()), "") or type(e).__name__
