"""Files of weights: read without ever running code from them, written whole or not at all.

Read are safetensors and PyTorch's own files (``.pt``, ``.pth``, ``.th``, …; told apart by content), an index of parts
as Hugging Face writes it, and folders of ``torch.distributed.checkpoint``. Pickles are read by
``torch.load(weights_only=True)`` and nothing else. Written is safetensors.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, StoreError
from ..params import Params
from ..store.recording import weights_file
from .distributed import read_distributed
from .inert import WholeModule
from .locate import Format, Source, locate
from .number_formats import make_plain, not_finite
from .pickled import read_pickled
from .places import find_weights

__all__ = ["FORMAT_VERSION", "CheckpointFile", "read", "write"]

FORMAT_VERSION = "1"
"""Written into the metadata of every file, under ``transferscope``."""

PREFIXES: tuple[str, ...] = ("module.", "model.", "_orig_mod.", "net.")
"""What wrappers put in front of names (DataParallel, Lightning and others, torch.compile)."""

_WITHIN = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What wrappers put into the middle of names."""


@dataclass(frozen=True, eq=False)
class CheckpointFile:
    """What a file of weights holds.

    Attributes:
        path: of the file or folder.
        format: ``safetensors``, ``pytorch`` or ``distributed``.
        params: the tensors, dense and dequantised, without the prefix.
        nested: the place in the file where they lay, e.g. ``"state_dict"``; ``""`` at the top.
        prefix: what was taken off every name, e.g. ``"module."``; ``""`` for nothing.
        extra: numbers and strings beside the weights (epoch, metadata), as text.
        dropped: names of what else is in the file and was not looked at (an optimiser, other weights).
        nonfinite: tensors with NaN or infinite entries, and how many.
        others: places of other weights in the file.
        done: tensors that are kept in the file in another form, and what was done to make them plain.
        unusable: tensors that cannot be computed with, and why.
        at: which weights were asked for, ``""`` when nobody said.
        size: bytes of the file, or of all files.
    """

    path: str
    format: Format
    params: Params
    nested: str = ""
    prefix: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    nonfinite: Mapping[str, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    done: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    scalars: Params = field(default_factory=dict)
    at: str = ""
    size: int = 0


def read(path: str | Path, *, at: str | None = None, finite: bool = True, mapped: bool = False) -> CheckpointFile:
    """Read a file of weights; nothing in it is ever run.

    Args:
        path: of a file; of an index of parts (``model.safetensors.index.json``); or of a folder that holds one of
            them, that ``torch.distributed.checkpoint`` wrote, or that a recorder made (its final weights).
        at: which weights in a file that holds several: their place (``"ema"``, ``"ema.module"``), the beginning of
            their names (``"encoder_q"``), or both joined by a dot; of a recording ``"best"``, ``"epoch 3"``, ….
        finite: refuse weights that are not finite or have no values, as every analysis must.
        mapped: leave tensors in the file until they are looked at, where its format allows it; not for files that
            may be written to meanwhile. Without ``finite`` nothing is then said of what is not finite.

    Raises:
        CheckpointError: when there is no such file, or it is no checkpoint, damaged, a program, not finite, or holds
            several sets of weights none of which has a usual name.
    """
    path, at = weights_file(Path(path), at)
    source = locate(path)
    path = source.path
    content, extra = _content(source, mapped)
    place = find_weights(path, content, at)
    params: Params = {}
    scalars: Params = {}
    dropped: list[str] = []
    others = set(place.others)
    for name, value in place.beside.items():
        _put_beside(name, value, extra, dropped)
    for name, value in place.content.items():
        if not name.startswith(place.within):
            dropped.append(name)
        elif isinstance(value, Tensor) and (value.ndim or "." in name):
            params[name.removeprefix(place.within)] = value
        else:
            if isinstance(value, Tensor):
                scalars[name] = value.detach()
            _put_beside(name, value, extra, dropped)
    plain = {name: make_plain(value) for name, value in params.items()}
    params, prefix = _without_prefix({name: found.value for name, found in plain.items()})
    renamed = dict(zip(plain, params, strict=True))
    unusable = {renamed[name]: found.unusable for name, found in plain.items() if found.unusable}
    bad = not_finite(params) if finite or not mapped else {}  # to look at a tensor is to read it
    if finite:
        _check_values(path, params, bad, unusable)
    return CheckpointFile(
        str(path),
        source.format,
        params,
        place.name,
        place.within + prefix,
        extra,
        _grouped(dropped, others),
        bad,
        place.others,
        {renamed[name]: found.done for name, found in plain.items() if found.done},
        unusable,
        scalars,
        at or "",
        source.size,
    )


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


def _content(source: Source, mapped: bool) -> tuple[Any, dict[str, str]]:
    """Read everything that is in the files: the content, and what safetensors say of themselves."""
    if source.format == "distributed":
        return read_distributed(source.path), {}
    files = [file for file in source.files if not source.names or file.name in source.names]
    content: Any = {}
    extra: dict[str, str] = {}
    for file in files:
        if source.format == "safetensors":
            part, said = _read_safetensors(file)
        else:
            part, said = read_pickled(file, file, mapped=mapped), {}
        if lacking := [name for name in source.names.get(file.name, ()) if name not in part]:
            raise CheckpointError(f"{file}: lacks {lacking[0]!r}, which the index says is in it")
        content = {**content, **part} if source.names else part
        extra |= said
    return content, extra


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as f:
            return {k: f.get_tensor(k) for k in f.keys()}, dict(f.metadata() or {})  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError, AttributeError) as e:
        raise CheckpointError(f"{path}: is damaged or truncated: {_line(e)}") from e


def _put_beside(name: str, value: Any, extra: dict[str, str], dropped: list[str]) -> None:
    """Note what is no weight: numbers and strings as they are, of all else the name."""
    if isinstance(value, Tensor) and value.ndim == 0 and not value.is_meta:
        value = value.item()
    if isinstance(value, (bool, int, float, str)):
        extra[name] = str(value)
    elif isinstance(value, WholeModule):
        dropped.append(f"{name} (a whole module, {value.name})")
    elif isinstance(value, dict) and value and all(isinstance(v, _SCALAR) for v in value.values()):
        extra.update({f"{name}.{k}": str(v) for k, v in value.items()})
    else:
        dropped.append(name)


_SCALAR = (bool, int, float, str, type(None))


def _grouped(names: list[str], others: set[str]) -> tuple[str, ...]:
    """Name what was left out; many names of one beginning by that, with their number."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition(".")[0].partition(".")[0] or name, []).append(name)
    return tuple(
        told
        for group, found in groups.items()
        for told in (found if len(found) < 4 or set(found) & others else [f"{group}.… ({len(found)} names)"])
    )


def _check_values(path: Path, params: Params, bad: Mapping[str, int], unusable: Mapping[str, str]) -> None:
    if unusable:
        name, why = next(iter(unusable.items()))
        more = f", and so with {len(unusable) - 1} other tensors" if len(unusable) > 1 else ""
        raise CheckpointError(f"{path}: {name!r} {why}{more}; save the weights where they have values")
    if bad:
        name, count = next(iter(bad.items()))
        more = f" and in {len(bad) - 1} other tensors" if len(bad) > 1 else ""
        raise CheckpointError(
            f"{path}: {count} of {params[name].numel()} entries of {name!r} are NaN or infinite{more}; "
            "take a checkpoint from before the training diverged"
        )


def _without_prefix(params: Params) -> tuple[Params, str]:
    """Take off prefixes that all names share, stacked ones too, and what wrappers put into the middle of names."""
    taken = ""
    while params:
        prefix = next((p for p in PREFIXES if all(k.startswith(p) for k in params)), "")
        if not prefix:
            break
        params = {k.removeprefix(prefix): v for k, v in params.items()}
        taken += prefix
    plain = {re.sub("|".join(map(re.escape, _WITHIN)), "", k): v for k, v in params.items()}
    return (plain if len(plain) == len(params) else params), taken


def _line(e: Exception) -> str:
    text = (isinstance(e, OSError) and e.strerror) or str(e) or type(e).__name__
    return text.splitlines()[0]
