"""Which files a path to weights stands for: one file, an index of parts, or a folder."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import CheckpointError
from ..store.digest import digest, file_digest
from ..store.recording import weights_file
from .distributed import INDEX, pieces_of

__all__ = ["Format", "Source", "content_digest", "locate"]

Format: TypeAlias = Literal["safetensors", "pytorch", "distributed"]

_IN_FOLDERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""What Hugging Face puts into a folder; the first that is there is taken."""

_WEIGHTS = {".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt", ".tar", ".pkl"}
_OTHERS = (
    (b"\x89HDF", "an HDF5 file (Keras?)"),
    (b"GGUF", "a GGUF file of quantised weights"),
    (b"\x93NUMPY", "one NumPy array"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"BZh", "bzip2-compressed; unpack it first"),
    (b"\x08", "an ONNX file or another protocol buffer"),
    (b"<", "a web page; its download went wrong"),
    (b"{", "a JSON file and no index of weights"),
)


@dataclass(frozen=True)
class Source:
    """The files that hold a set of weights.

    Attributes:
        path: what was given.
        format: of the files.
        files: all of them; of a folder that is no single file, the index first.
        names: by file name the tensors that an index says are in it; empty without an index.
    """

    path: Path
    format: Format
    files: tuple[Path, ...]
    names: dict[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.stat().st_size for file in self.files)


def locate(path: Path) -> Source:
    """Find the files that a path stands for, and tell their format by content.

    Raises:
        CheckpointError: when there is nothing, or nothing of a known format, or a part without the others.
    """
    if path.is_dir():
        return _folder(path)
    if path.name.endswith(".index.json"):
        return _index(path, path)
    part = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})(\.\w+)", path.name)
    if part and part[3] != "00001" and path.exists():
        raise CheckpointError(
            f"{path}: is part {int(part[2])} of {int(part[3])}; give the folder, or {part[1]}{part[4]}.index.json"
        )
    return Source(path, _format(path), (path,), {})


def content_digest(path: str | Path, at: str | None = None) -> str:
    """Hash the bytes of all files that a path stands for; of a single file, its bytes alone.

    Args:
        path: of the files.
        at: which weights; decides of a recording's only.
    """
    files = locate(weights_file(Path(path), at)[0]).files
    return file_digest(files[0]) if len(files) == 1 else digest([[f.name, file_digest(f)] for f in files])


def _folder(path: Path) -> Source:
    if (path / INDEX).is_file():
        return Source(path, "distributed", pieces_of(path), {})
    for name in _IN_FOLDERS:
        if (path / name).is_file():
            return _index(path, path / name) if name.endswith(".json") else _one(path, path / name)
    files = sorted(f for f in path.iterdir() if f.suffix in _WEIGHTS and f.is_file())
    if any(f.name.startswith(("zero_pp_rank", "bf16_zero_pp_rank")) for f in files) or (path / "latest").is_file():
        raise CheckpointError(
            f"{path}: is a folder of DeepSpeed's; its weights lie in pieces: run the zero_to_fp32.py that lies "
            "beside it and give the file that it writes"
        )
    if len(files) == 1:
        return _one(path, files[0])
    found = f" ({', '.join(f.name for f in files[:6])}{', …' * (len(files) > 6)})" if files else ""
    raise CheckpointError(f"{path}: is a folder; give the file of weights in it{found}")


def _one(path: Path, file: Path) -> Source:
    return Source(path, _format(file), (file,), {})


def _index(path: Path, index: Path) -> Source:
    try:
        parts: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = {name: index.parent / Path(name).name for name in dict.fromkeys(parts.values())}
    except FileNotFoundError:
        raise CheckpointError(f"{index}: no such file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise CheckpointError(f"{index}: is no index of weights ({type(e).__name__}); expected a 'weight_map'") from e
    if not files:
        raise CheckpointError(f"{index}: names no weights")
    for file in files.values():
        if not file.exists():
            raise CheckpointError(f"{index}: names {file.name}, which is not beside it; fetch all parts")
    names = {file.name: tuple(k for k, v in parts.items() if v == name) for name, file in files.items()}
    return Source(path, _format(next(iter(files.values()))), (index, *files.values()), names)


def _format(path: Path) -> Format:
    """Tell by the first bytes what kind of file this is, or why it is none."""
    try:
        size = path.stat().st_size
        with path.open("rb") as f:
            start = f.read(16)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except OSError as e:
        raise CheckpointError(f"{path}: cannot be opened: {e.strerror}") from e
    if size == 0:
        raise CheckpointError(f"{path}: has zero bytes; its download or its writing failed")
    if start.startswith(b"version https:/"):
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the weights; fetch them with git lfs pull")
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header < 2**32:
        if header + 8 > size:
            raise CheckpointError(f"{path}: is damaged or truncated: {size} bytes, its header alone has {header}")
        return "safetensors"
    if start[:4] == b"PK\x03\x04":
        _check_archive(path)
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        return "pytorch"
    what = next((f"is {name}" for magic, name in _OTHERS if start.startswith(magic)), "is no checkpoint")
    raise CheckpointError(f"{path}: {what} (it starts with {start[:8]!r}); expected safetensors or PyTorch")


def _check_archive(path: Path) -> None:
    """Raise for zip files of other kinds than PyTorch's; damaged ones are found when they are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, EOFError, struct.error, zipfile.BadZipFile):
        return
    if names and all(name.endswith(".npy") for name in names):
        raise CheckpointError(f"{path}: is an archive of NumPy arrays; expected safetensors or PyTorch")
    if any(name.rpartition("/")[2] == "archive_format" for name in names):
        raise CheckpointError(f"{path}: is a program of torch.export; torch.save the state_dict of its module")
