"""Weights that a file keeps as parts: under a mask, as length and direction, or over their largest singular value.

Pruning, weight norm and spectral norm put parts of a weight into the state dict in its place. A network that has the
weight itself gets what the parts make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..params import Params

__all__ = ["Composed", "compose"]


@dataclass(frozen=True, eq=False)
class Composed:
    """Tensors with every weight that was kept as parts put together.

    Attributes:
        params: the tensors.
        made: name of each weight that was put together → of what, e.g. ``"conv1.weight_orig · conv1.weight_mask"``.
    """

    params: Params
    made: Mapping[str, str]


def compose(params: Mapping[str, Tensor]) -> Composed:
    """Put together the weights that are there as parts.

    Masks as ``torch.nn.utils.prune`` keeps them: w = orig · mask. Weight norm (Salimans and Kingma 2016, equation 2):
    w = g · v/‖v‖, norms over the dimensions in which g has size 1. Spectral norm (Miyato et al. 2018, equation 8):
    w = orig/σ with σ = uᵀ·W·v, as in eval mode.

    >>> kept = {"fc.weight_orig": torch.tensor([[1.0, 2.0]]), "fc.weight_mask": torch.tensor([[1.0, 0.0]])}
    >>> compose(kept).params, dict(compose(kept).made)
    ({'fc.weight': tensor([[1., 0.]])}, {'fc.weight': 'fc.weight_orig · fc.weight_mask'})
    """
    out: Params = {}
    made: dict[str, str] = {}
    used: set[str] = set()
    for name in params:
        for part, others, rule, said in _RULES:
            base = name.removesuffix(part)
            names = [name, *(base + other for other in others)]
            if base == name or not all(n in params for n in names):
                continue
            whole = base + "weight" if part.startswith("parametrizations") else base
            value = rule(*(params[n] for n in names))
            if value is not None and whole not in params:
                out[whole] = value
                made[whole] = said.format(*names)
                used |= set(names)
                break
        else:
            out[name] = params[name]
    return Composed({k: v for k, v in out.items() if k not in used}, made)


def _masked(orig: Tensor, mask: Tensor) -> Tensor | None:
    return orig * mask.to(orig.dtype) if orig.shape == mask.shape else None


def _scaled(length: Tensor, direction: Tensor) -> Tensor | None:
    if length.ndim not in (0, direction.ndim):
        return None
    dims = [d for d in range(direction.ndim) if length.ndim == 0 or length.shape[d] == 1]
    norms = torch.linalg.vector_norm(direction, dim=dims, keepdim=True) if dims else direction.abs()
    return direction * (length / norms)


def _over_sigma(orig: Tensor, u: Tensor, v: Tensor) -> Tensor | None:
    matrix = orig.flatten(1)
    if matrix.shape != (len(u), len(v)) and orig.ndim > 1:  # a transposed convolution has its outputs second
        matrix = orig.transpose(0, 1).flatten(1)
    if matrix.shape != (len(u), len(v)):
        return None
    return orig / torch.dot(u, torch.mv(matrix, v))


_RULES: tuple[tuple[str, tuple[str, ...], Callable[..., Tensor | None], str], ...] = (
    ("_orig", ("_mask",), _masked, "{0} · {1}"),
    ("_orig", ("_u", "_v"), _over_sigma, "{0} over its largest singular value"),
    ("_g", ("_v",), _scaled, "{0} · {1}/‖{1}‖"),
    (
        "parametrizations.weight.original0",
        ("parametrizations.weight.original1",),
        _scaled,
        "{0} · {1}/‖{1}‖",
    ),
    (
        "parametrizations.weight.original",
        ("parametrizations.weight.0._u", "parametrizations.weight.0._v"),
        _over_sigma,
        "{0} over its largest singular value",
    ),
)
"""Ending of the first part; endings of the others; what they make; in words."""
