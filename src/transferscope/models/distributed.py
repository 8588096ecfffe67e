"""Folders that ``torch.distributed.checkpoint`` wrote: one index, a pickle, and pieces of tensors in many files.

The index is read by an unpickler that knows its few classes by name and puts plain records in their place; anything
else that it asks for is an error. The pieces are files of PyTorch each and are read as such.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ..errors import CheckpointError
from .inert import DATA
from .pickled import read_pickled
from .places import holds_no_weights

__all__ = ["INDEX", "pieces_of", "read_distributed"]

INDEX = ".metadata"
"""Name of the index in the folder."""

_CONVERT = "convert it with 'python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE.pt'"


class _Record:
    """Any object of the index: its attributes, or what its own class would have been made from."""

    def __init__(self, *made_from: object) -> None:
        self.made_from = made_from

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)
        else:
            self.made_from = state


def _sizes(values: Any = ()) -> tuple[int, ...]:
    return tuple(values)


_RECORDS = (
    *("Metadata", "MetadataIndex", "TensorStorageMetadata", "TensorProperties", "BytesStorageMetadata"),
    *("ChunkStorageMetadata", "StorageMeta", "_MEM_FORMAT_ENCODING"),
)
_KNOWN: Mapping[str, Any] = {
    **{f"torch.distributed.checkpoint.metadata.{name}": _Record for name in _RECORDS},
    "torch.distributed.checkpoint.filesystem._StorageInfo": _Record,
    "torch.serialization._get_layout": _Record,
    "torch.Size": _sizes,
    **{str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)},
    **{name: value for name, value in DATA.items() if name.startswith("pathlib")},
}


class _IndexUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _KNOWN:
            raise pickle.UnpicklingError(full)
        return _KNOWN[full]


def read_distributed(folder: Path) -> dict[str, Any]:
    """Put the tensors of a distributed checkpoint together, on the CPU; optimisers are left out and stay as names.

    Args:
        folder: that holds ``.metadata``.

    Raises:
        CheckpointError: when the index asks for more than a known list of records, or pieces are missing or damaged.
    """
    index = _index(folder)
    try:
        paths: Mapping[str, Any] = getattr(index, "planner_data", None) or {}
        pieces: dict[str, list[tuple[Any, Any]]] = {}
        for key, where in index.storage_data.items():
            pieces.setdefault(key.fqn, []).append((key, where))
        content: dict[str, Any] = {}
        for name, described in index.state_dict_metadata.items():
            path = [str(part) for part in paths.get(name, (name,))]
            aside = next((i for i, part in enumerate(path) if holds_no_weights(part)), None)
            value = None if aside is not None else _value(folder, described, pieces.get(name, []))
            _place(content, path if aside is None else path[: aside + 1], value)
    except (AttributeError, TypeError, ValueError) as e:
        raise CheckpointError(f"{folder / INDEX}: is of a form that is not known here ({e}); {_CONVERT}") from e
    return content


def pieces_of(folder: Path) -> tuple[Path, ...]:
    """List the files of a distributed checkpoint, the index first."""
    return (folder / INDEX, *sorted(folder.glob("*.distcp")))


def _index(folder: Path) -> Any:
    path = folder / INDEX
    try:
        return _IndexUnpickler(BytesIO(path.read_bytes())).load()
    except pickle.UnpicklingError as e:
        raise CheckpointError(f"{path}: refused: it asks for {e}, which is not of an index; {_CONVERT}") from e
    except Exception as e:  # a damaged pickle can end in any of a dozen types
        raise CheckpointError(f"{path}: is damaged or truncated: {type(e).__name__}") from e


def _value(folder: Path, described: Any, pieces: list[tuple[Any, Any]]) -> Any:
    parts = list(_read(folder, pieces))
    if not hasattr(described, "size"):
        return parts[0][1] if parts else None
    if not parts:
        raise CheckpointError(f"{folder}: has no piece of a tensor that its index names")
    if len(parts) > 1 and any(offset is None for offset, _ in parts):
        raise CheckpointError(f"{folder}: does not say where the pieces of a tensor belong; {_CONVERT}")
    dtype = described.properties.made_from[0]
    whole = torch.zeros(described.size, dtype=dtype)
    filled = 0
    for offset, part in parts:
        where = tuple(slice(o, o + n) for o, n in zip(offset or (0,) * part.ndim, part.shape, strict=True))
        whole[where] = part
        filled += part.numel()
    if filled != whole.numel():
        raise CheckpointError(f"{folder}: has {filled} of the {whole.numel()} entries of a tensor; a file is missing")
    return whole


def _read(folder: Path, pieces: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Tensor]]:
    for key, where in pieces:
        path = folder / where.relative_path
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CheckpointError(f"{folder / INDEX}: names a file outside of its folder, {where.relative_path}")
        if getattr(where, "transform_descriptors", None):
            raise CheckpointError(f"{path}: its pieces are compressed; {_CONVERT}")
        try:
            with path.open("rb") as f:
                content = _part(f, where.offset, where.length)
        except OSError as e:
            raise CheckpointError(f"{path}: cannot be opened: {e.strerror}") from e
        yield getattr(key, "offset", None), read_pickled(content, path)  # what is None is not in the index


def _part(f: BinaryIO, offset: int, length: int) -> bytes:
    f.seek(offset)
    return f.read(length)


def _place(content: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        content = content.setdefault(part, {})
    content[path[-1]] = value
