"""The formats in which files keep tensors: made plain where that is exact, and what there is to say of each.

Plain is a dense tensor of numbers. Integers that stand for real numbers in PyTorch's quantised tensors have scale and
zero point beside them, so that they have exact values. Bare integers have none, and are never turned into weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Plain", "cast", "coarser", "make_plain", "not_finite", "why_no_cast"]


@dataclass(frozen=True, eq=False)
class Plain:
    """A tensor of a file, as it can be computed with.

    Attributes:
        value: dense; without data where there is none.
        done: what was done to it, e.g. ``"dequantised (qint8)"``; ``""`` for nothing.
        unusable: why it cannot be computed with; ``""`` when it can.
    """

    value: Tensor
    done: str = ""
    unusable: str = ""


def make_plain(value: Tensor) -> Plain:
    """Return a tensor dense and dequantised, which changes no value, or say why that cannot be.

    >>> quantised = torch.quantize_per_tensor(torch.tensor([0.5, -1.0]), 0.5, 0, torch.qint8)
    >>> make_plain(quantised).value.tolist(), make_plain(quantised).done
    ([0.5, -1.0], 'dequantised (qint8)')
    >>> make_plain(torch.empty(2, device="meta")).unusable
    'has a shape but no data (it was saved from the meta device)'
    """
    value = value.detach()
    kind = _name(value.dtype)
    try:
        if value.is_meta:
            shapeless = value.shape == (0,)
            return Plain(
                value,
                unusable="has no shape yet (a lazy layer that never saw data)"
                if shapeless
                else "has a shape but no data (it was saved from the meta device)",
            )
        if value.is_nested:
            return Plain(torch.empty(0, device="meta"), unusable="is a nested tensor, which has no one shape")
        if value.is_quantized:
            return Plain(value.dequantize(), f"dequantised ({kind})")
        if value.layout != torch.strided:
            return Plain(value.to_dense(), f"made dense ({str(value.layout).removeprefix('torch.')})")
        if value.is_floating_point() and value.dtype not in _COMMON:
            value.to(torch.float32)  # a format that torch can hold but not compute with fails here
    except (RuntimeError, NotImplementedError, TypeError) as e:
        return Plain(
            torch.empty(value.shape, device="meta"), unusable=f"is a tensor of {kind}, not readable here ({e})"
        )
    if kind.startswith(("uint", "int", "bits", "quint")) and value.dtype not in _INTEGERS:
        return Plain(torch.empty(value.shape, device="meta"), unusable=f"is packed ({kind}) without saying how")
    return Plain(value)


_COMMON = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_INTEGERS = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint16, torch.uint32, torch.uint64),
)


def not_finite(params: Mapping[str, Tensor]) -> dict[str, int]:
    """Count the entries that are NaN or infinite, of the tensors that have any.

    >>> not_finite({"a": torch.tensor([1.0, torch.nan]), "b": torch.ones(2, dtype=torch.float8_e4m3fn)})
    {'a': 1}
    """
    found = {}
    for name, value in params.items():
        if not value.is_meta and (value.is_floating_point() or value.is_complex()):
            known = value if value.dtype in _COMMON or value.is_complex() else value.to(torch.float32)
            if bad := int((~known.isfinite()).sum()):
                found[name] = bad
    return found


def why_no_cast(value: Tensor, wanted: Tensor) -> str:
    """Say why numbers of one kind are not those of another; ``""`` when they are.

    >>> why_no_cast(torch.ones(2, dtype=torch.int8), torch.ones(2))
    'int8 in the file, float32 in the network; its scale is not in the file'
    >>> why_no_cast(torch.tensor(3.0), torch.tensor(0)), why_no_cast(torch.ones(2).half(), torch.ones(2))
    ('', '')
    """
    a, b = value.dtype, wanted.dtype
    told = f"{_name(a)} in the file, {_name(b)} in the network"
    if a == b or (a.is_floating_point and b.is_floating_point) or (a.is_complex and b.is_complex):
        return ""
    if b.is_floating_point:
        return f"{told}; its scale is not in the file" if not (a.is_complex or a == torch.bool) else told
    if b.is_complex:
        return "" if a.is_floating_point else told
    if value.is_meta or a.is_complex:
        return told
    # Counters and indices: the same whole numbers in another format.
    fits = torch.equal(value.to(torch.float64), value.to(b).to(torch.float64))
    return "" if fits else f"{told}, and not whole numbers that it can hold"


def cast(value: Tensor, wanted: Tensor) -> Tensor:
    """Return numbers in the format of the network's tensor, in memory of their own."""
    return value.to(wanted.dtype, copy=True)


def coarser(params: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[str, ...]:
    """Say of which formats the numbers of a file are, where those are not the network's.

    Args:
        params: by name the tensor of the file and of the network.

    >>> coarser({"a": (torch.ones(2).half(), torch.ones(2)), "b": (torch.ones(2), torch.ones(2))})
    ('1 stored as float16, used as float32: a',)
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, (value, wanted) in params.items():
        if value.dtype != wanted.dtype and value.is_floating_point():
            found.setdefault((_name(value.dtype), _name(wanted.dtype)), []).append(name)
    return tuple(
        f"{len(names)} stored as {a}, used as {b}: {', '.join(names[:4])}{', …' * (len(names) > 4)}"
        for (a, b), names in found.items()
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
