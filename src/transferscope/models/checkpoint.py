"""Files of weights: read without ever running code from them, written whole or not at all.

Read are safetensors and PyTorch's own files (``.pt``, ``.pth``, ``.th``, …; told apart by content), the latter by
``torch.load(weights_only=True)`` and nothing else. Written is safetensors.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import CheckpointError, StoreError
from ..params import Params

__all__ = ["FORMAT_VERSION", "CheckpointFile", "read", "write"]

FORMAT_VERSION = "1"
"""Written into the metadata of every file, under ``transferscope``."""

PREFIXES: tuple[str, ...] = ("module.", "model.", "_orig_mod.", "net.")
"""What wrappers put in front of names (DataParallel, Lightning and others, torch.compile)."""

_NESTS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
)
"""Where weights lie in a file that holds more; the first that is there is taken."""
_NOT_WEIGHTS = re.compile(r"optim|sched|scaler|loss|criterion|callback|loop|rng", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class CheckpointFile:
    """What a file of weights holds.

    Attributes:
        path: of the file.
        format: ``safetensors`` or ``pytorch``.
        params: the tensors, without the prefix.
        nested: the place in the file where they lay, e.g. ``"state_dict"``; ``""`` at the top.
        prefix: what was taken off every name, e.g. ``"module."``; ``""`` for nothing.
        extra: numbers and strings beside the weights (epoch, metadata), as text.
        dropped: names of what else is in the file and was not looked at (an optimiser, other weights).
        nonfinite: tensors with NaN or infinite entries, and how many.
    """

    path: str
    format: Literal["safetensors", "pytorch"]
    params: Params
    nested: str = ""
    prefix: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    nonfinite: Mapping[str, int] = field(default_factory=dict)


def read(path: str | Path, *, at: str | None = None, finite: bool = True, mapped: bool = False) -> CheckpointFile:
    """Read a file of weights; nothing in it is ever run.

    Args:
        path: of the file.
        at: place of the weights in a file that holds several, e.g. ``"ema"`` or ``"ema.module"``.
        finite: refuse weights that are not finite, as every analysis must.
        mapped: leave tensors in the file until they are looked at, where its format allows it; not for files that
            may be written to meanwhile. Without ``finite`` nothing is then said of what is not finite.

    Raises:
        CheckpointError: when there is no such file, or it is no checkpoint, damaged, a program, not finite, or holds
            several sets of weights none of which has a usual name.
    """
    path = Path(path)
    kind = _format(path)
    content, extra = _read_safetensors(path) if kind == "safetensors" else (_read_pytorch(path, mapped), {})
    nested, weights, beside = _unnest(path, content, at)
    params: Params = {}
    dropped: list[str] = []
    for place, value in (*beside.items(), *weights.items()):
        if isinstance(value, Tensor) and place in weights and not (value.ndim == 0 and "." not in place):
            params[place] = value.detach()
        elif isinstance(value, (bool, int, float, str)) or (isinstance(value, Tensor) and value.ndim == 0):
            extra[place] = str(value.item() if isinstance(value, Tensor) else value)
        else:
            dropped.append(place)
    params, prefix = _without_prefix(params)
    looked = params if finite or not mapped else {}  # to look at a tensor is to read it
    bad = {k: n for k, v in looked.items() if v.is_floating_point() and (n := int((~v.isfinite()).sum()))}
    if bad and finite:
        name, count = next(iter(bad.items()))
        more = f" and in {len(bad) - 1} other tensors" if len(bad) > 1 else ""
        raise CheckpointError(
            f"{path}: {count} of {params[name].numel()} entries of {name!r} are NaN or infinite{more}; "
            "take a checkpoint from before the training diverged"
        )
    return CheckpointFile(str(path), kind, params, nested, prefix, extra, tuple(dropped), bad)


def write(path: str | Path, params: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors; a file of this name is replaced in one step, or stays as it was.

    The same weights and metadata give the same bytes.

    Args:
        path: of the file; its folder exists.
        params: the tensors by name.
        metadata: strings to keep beside them.

    Raises:
        StoreError: when the file cannot be written (no such folder, not permitted, disk full).
    """
    from safetensors.torch import save

    path = Path(path)
    # A clone each: safetensors refuses tensors that share memory (tied weights).
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in params.items()}
    said = {"format": "pt", "transferscope": FORMAT_VERSION, **(metadata or {})}
    header, values = _in_order(save(tensors, said))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as f:
            f.write(header)
            f.write(values)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(path)
    except OSError as e:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot be written: {_line(e)}") from e


def _in_order(content: bytes) -> tuple[bytes, memoryview]:
    """Take a safetensors file apart into its header, metadata sorted, and its values.

    The library writes several entries of metadata in an order of chance.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text, memoryview(content)[end:]


def _format(path: Path) -> Literal["safetensors", "pytorch"]:
    """Tell by the first bytes what kind of file this is, or why it is none."""
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; give the file of weights in it")
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
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        return "pytorch"
    raise CheckpointError(f"{path}: is no checkpoint (it starts with {start[:8]!r}); expected safetensors or PyTorch")


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as f:
            return {k: f.get_tensor(k) for k in f.keys()}, dict(f.metadata() or {})  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError) as e:
        raise CheckpointError(f"{path}: is damaged or truncated: {_line(e)}") from e


def _read_pytorch(path: Path, mapped: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said again in the error, where it matters
            mmap = mapped and zipfile.is_zipfile(path)  # the older format has no place that could be mapped
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as e:  # a damaged file can end in any of a dozen types
        raise CheckpointError(f"{path}: {_why_not(str(e) or type(e).__name__)}") from e


def _why_not(text: str) -> str:
    """Turn what torch.load says, over many lines, into one."""
    asked = re.search(r"GLOBAL\s+([\w.]+)", text)
    if "TorchScript" in text:
        what = "is a TorchScript program"
    elif asked and re.search(r"^(torch\.nn|torchvision|timm|__main__)\.|\bmodels?\b", asked[1]):
        what = f"refused: it holds a whole module ({asked[1]}), which only its own code can load"
    elif asked:
        what = f"refused: its pickle asks to run {asked[1]}, which is code and not weights"
    elif "Weights only load failed" in text:
        what = "refused: its pickle holds more than weights"
    else:
        return f"is damaged or truncated: {text.splitlines()[0].partition('. ')[0]}"
    return f"{what}; save only the weights, torch.save(model.state_dict(), …), where it was made"


def _unnest(path: Path, content: Any, at: str | None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Find the weights in the content: their place, everything there, and everything beside them on the way."""
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, expected a dict of tensors by name")
    places = dict(_weights_in(content, ""))
    if not places:
        raise CheckpointError(
            f"{path}: holds no tensors by name (keys: {', '.join(map(str, [*content][:8])) or 'none'})"
        )
    if at is not None:
        if at not in places:
            raise CheckpointError(f"{path}: no weights at {at!r}; there are some at {_listed(places)}")
        place = at
    elif len(places) == 1:
        place = next(iter(places))
    else:
        usual = [p for p in places if all(part in _NESTS for part in p.split(".") if p)]
        if not usual:
            raise CheckpointError(
                f"{path}: holds several sets of weights, at {_listed(places)}; choose one with at=…"
            )
        place = min(usual, key=lambda p: [_NESTS.index(part) for part in p.split(".") if p])
    beside: dict[str, Any] = {}
    inner: Any = content
    walked = ""
    for part in place.split(".") if place else ():
        beside |= {f"{walked}{k}": v for k, v in inner.items() if k != part}
        inner, walked = inner[part], f"{walked}{part}."
    return place, {str(k): v for k, v in inner.items()}, beside


def _weights_in(content: Mapping[Any, Any], place: str, depth: int = 3) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield every dict of tensors by name that is not an optimiser's, with its place."""
    if any(isinstance(v, Tensor) and isinstance(k, str) and (v.ndim or "." in k) for k, v in content.items()):
        yield place, content
        return
    for key, value in content.items():
        if depth and isinstance(value, Mapping) and isinstance(key, str) and not _NOT_WEIGHTS.search(key):
            yield from _weights_in(value, f"{place}.{key}" if place else key, depth - 1)


def _without_prefix(params: Params) -> tuple[Params, str]:
    """Take off prefixes that all names share, stacked ones too, and ``_orig_mod.`` wherever it stands."""
    taken = ""
    while params:
        prefix = next((p for p in PREFIXES if all(k.startswith(p) for k in params)), "")
        if not prefix:
            break
        params = {k.removeprefix(prefix): v for k, v in params.items()}
        taken += prefix
    plain = {k.replace("_orig_mod.", ""): v for k, v in params.items()}
    return (plain if len(plain) == len(params) else params), taken


def _listed(places: Mapping[str, Any]) -> str:
    return ", ".join(repr(p) if p else "the top" for p in places)


def _line(e: Exception) -> str:
    text = (isinstance(e, OSError) and e.strerror) or str(e) or type(e).__name__
    return text.splitlines()[0]
