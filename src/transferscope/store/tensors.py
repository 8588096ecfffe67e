"""Named tensors on disk: safetensors files, whole or absent, the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from .atomic import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from ..params import Params

__all__ = ["WeightFiles", "read_about", "read_tensors", "write_tensors"]

_ABOUT = "about"
"""The one metadata entry we write, as JSON: safetensors writes several entries in an order of chance."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Any = None) -> None:
    """Write tensors and what there is to say about them, in one move.

    Args:
        path: a ``.safetensors`` file.
        tensors: moved to CPU and made contiguous; tensors that share memory are written twice.
        about: plain data, kept as JSON in the file's metadata.

    Raises:
        StoreError: when the place cannot be written or the disk is full.
    """
    import torch
    from safetensors.torch import save

    whole = {k: v.detach().to("cpu").clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    text = json.dumps(about, ensure_ascii=False)
    write_bytes(path, save(whole, metadata={_ABOUT: text}))


def read_tensors(path: Path) -> Params:
    """Read the tensors of a file that :func:`write_tensors` wrote.

    Raises:
        StoreError: when it is absent or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: Params = load_file(path)
    except (OSError, SafetensorError) as e:
        raise StoreError(f"{path}: cannot be read as safetensors ({e})") from e
    return tensors


def read_about(path: Path) -> Any:
    """Read what a file says about itself, without reading its tensors.

    Raises:
        StoreError: when it is absent, damaged, or says nothing.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as f:
            return json.loads(f.metadata()[_ABOUT])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as e:
        raise StoreError(f"{path}: cannot be read as safetensors of ours ({e})") from e


class WeightFiles(Mapping[str, "Params"]):
    """The weights in a folder by tag, each file read when it is asked for and not kept.

    Args:
        folder: holds ``TAG.safetensors`` files, spaces in tags written as ``-``.
        tags: the tags, in the order they were recorded.
    """

    def __init__(self, folder: Path, tags: tuple[str, ...]) -> None:
        self.folder = folder
        self.tags = tags

    @staticmethod
    def file_name(tag: str) -> str:
        """Name of the file of a tag.

        >>> WeightFiles.file_name("epoch 3")
        'epoch-3.safetensors'
        """
        return tag.replace(" ", "-") + ".safetensors"

    def __getitem__(self, tag: str) -> Params:
        if tag not in self.tags:
            raise KeyError(tag)
        return read_tensors(self.folder / self.file_name(tag))

    def __iter__(self) -> Iterator[str]:
        return iter(self.tags)

    def __len__(self) -> int:
        return len(self.tags)
