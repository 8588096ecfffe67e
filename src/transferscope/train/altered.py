"""Starts with less, or something else, than pre-trained weights hold: what Neyshabur et al. 2020 propose.

Source: §5.

An altered start has no role: what is trained from it is not a plain P-T and is never taken for one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UsageError
from ..models.batchnorm import norm_layers
from ..models.network import Network
from ..numerics.truncation import check_kept, truncated
from ..params import Params, norm
from ..rng import generator
from .starts import Start

__all__ = ["basin_noise", "top_singular"]


def top_singular(start: Start, net: Network, *, energy: float | None = None, count: int | None = None) -> Start:
    """Keep only the leading singular values and directions of each weight matrix of the body (Neyshabur et al. 2020,
    §5).

    Kernels are taken as matrices ``(out, in·kh·kw)``. The head, biases, scales, norms and what else has a single row
    or one dimension stay as they are.

    Args:
        start: whose weights are cut.
        net: their network.
        energy: of each matrix keep the fewest that hold this share of Σσ², in (0, 1].
        count: or keep so many of each.

    Returns:
        A start without role, in a group of its own, which says what was kept of each matrix.

    Raises:
        UsageError: when not exactly one of energy and count is given, or it is out of range.

    >>> from transferscope.models.build import build
    >>> from transferscope.train.starts import random
    >>> net = build("lenet", 10)
    >>> print(*top_singular(random(net, 0), net, count=2).report)
    top singular values: of each weight matrix of the body at most 2 kept, 8 of 226 in all;
    conv1 2 of 6 (59.8 % of Σσ²), conv2 2 of 16 (18.7 % of Σσ²), fc1 2 of 120 (3.9 % of Σσ²),
    fc2 2 of 84 (7.7 % of Σσ²); head fc3 as it was
    """
    check_kept(energy, count)
    changed: Params = {}
    told, kept, of = [], 0, 0
    for name, value in _body(start, net).items():
        if value.ndim < 2 or min(value.flatten(1).shape) < 2:
            continue
        found = truncated(value.flatten(1), energy=energy, count=count)
        changed[name] = found.matrix.view(value.shape)
        kept, of = kept + found.kept, of + found.of
        told.append(f"{name.removesuffix('.weight')} {found.kept} of {found.of} ({100 * found.energy:.1f} % of Σσ²)")
    each = f"at most {count} kept" if energy is None else f"the fewest kept that hold {100 * energy:g} % of Σσ²"
    sentence = (
        f"top singular values: of each weight matrix of the body {each}, {kept:,} of {of:,} in all; "
        f"{', '.join(told)}; {_rest(net)}"
    )
    how = f"top {count}" if energy is None else f"top {100 * energy:g} %"
    return _altered(start, changed, f"{how} singular values", sentence)


def basin_noise(start: Start, net: Network, sigma: float, seed: int) -> Start:
    """Add noise to the body that is small against each tensor (Neyshabur et al. 2020, §5): θ_i + σ‖θ_i‖_F/√numel_i ·
    N(0, I).

    The relative noise of module criticality. A tensor of zeros (a bias that was never trained) gets none.
    Running statistics of batch norm are no weights and stay as they are.

    Args:
        start: whose weights are shaken.
        net: their network.
        sigma: σ, size of the noise relative to the root mean square of each tensor; 0 or more.
        seed: of the noise.

    Returns:
        A start without role, in a group of its own, which says how large the noise came out.

    Raises:
        UsageError: when σ is negative or not finite.

    >>> from transferscope.models.build import build
    >>> from transferscope.train.starts import random
    >>> net = build("lenet", 10)
    >>> print(*basin_noise(random(net, 0), net, 0.1, seed=3).report)
    noise: σ = 0.1 of the root mean square of each tensor of the body, drawn from seed 3; the noise has 10.0 % of the
    norm of the body; head fc3 as it was
    """
    if not (math.isfinite(sigma) and sigma >= 0):
        raise UsageError(f"sigma: {sigma!r} is wrong; expected 0 or more, such as 0.1")
    changed: Params = {}
    body, still = _body(start, net), 0
    drawn: Params = {}
    for name, value in body.items():
        exact = value.to(torch.float64)
        size = float(exact.norm()) / math.sqrt(value.numel())
        still += size == 0
        draws = torch.randn(value.shape, generator=generator("basin noise", seed, name), dtype=torch.float64)
        drawn[name] = sigma * size * draws
        changed[name] = (exact + drawn[name]).to(value.dtype)
    whole = norm(body)
    share = f"{100 * norm(drawn) / whole:.1f} %" if whole else "0 %"
    zeros = (
        f"; no noise on {still} of {len(body)} tensors, which {'is' if still == 1 else 'are'} zero" if still else ""
    )
    sentence = (
        f"noise: σ = {sigma:g} of the root mean square of each tensor of the body, drawn from seed {seed}; the noise "
        f"has {share} of the norm of the body{zeros}; {_rest(net)}"
    )
    return _altered(start, changed, f"noise {sigma:g} seed {seed}", sentence)


def _body(start: Start, net: Network) -> dict[str, Tensor]:
    """The parameters that are not the head's."""
    head = set(net.head_tensors())
    named = net.module.named_parameters()
    return {name: start.params[name] for name, _ in named if name not in head}


def _rest(net: Network) -> str:
    head = f"head {net.head} as it was" if net.head else "no head is known, so all of it is body"
    norms = "; batch-norm statistics are those of the unaltered weights until they are trained"
    return head + norms * bool(norm_layers(net.module))


def _altered(start: Start, changed: Params, how: str, sentence: str) -> Start:
    return replace(
        start,
        params={name: changed.get(name, value) for name, value in start.params.items()},
        role="",
        group=f"{start.group}, {how}",
        report=(*start.report, sentence),
    )
