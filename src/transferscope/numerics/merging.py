"""Weights fine-tuned from one start, put together by how they moved away from it: their task vectors τᵢ = θᵢ − θ₀.

All in float64, rounded once. What has no start (a new head), or is to have none (running statistics of batch norm,
whose size has nothing to do with that of weights), is the plain mean; counters are those of the first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Float64
from torch import Tensor

from ..errors import UsageError
from ..params import Params, check_same, combine, floating
from .averaging import uniform

__all__ = ["dare", "model_stock", "task_arithmetic", "ties", "ties_vector", "wise_ft"]


def wise_ft(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> Params:
    """Return (1 − α)θ₀ + αθ: the line between pre-trained and fine-tuned weights.

    Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT), Eq. 1.

    Args:
        start: θ₀; tensors that it lacks stay those of ``tuned``.
        tuned: θ.
        alpha: 0 is the start, 1 the fine-tuned weights; beyond is allowed.

    Raises:
        UsageError: when the two are of two networks.

    >>> wise_ft({"w": torch.tensor([0.0])}, {"w": torch.tensor([4.0])}, 0.25)["w"].item()
    1.0
    """
    whole = {name: start.get(name, value) for name, value in tuned.items()}
    _check([tuned], whole)
    return combine([tuned, whole], [alpha, 1 - alpha])


def task_arithmetic(
    start: Mapping[str, Tensor],
    tuned: Sequence[Mapping[str, Tensor]],
    scale: float,
    *,
    plain: Collection[str] = (),
) -> Params:
    """Return θ₀ + λΣᵢτᵢ; λ = 1/n is the uniform soup.

    Source: Ilharco et al. 2023, "Editing models with task arithmetic", §2.

    Args:
        start: θ₀; may lack tensors.
        tuned: θᵢ, at least one.
        scale: λ.
        plain: tensors to average plainly.

    Raises:
        UsageError: when there are none, or they are of two networks.

    >>> tuned = [{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([1.0, 1.0])}]
    >>> task_arithmetic({"w": torch.ones(2)}, tuned, 0.5)["w"].tolist()
    [1.0, 2.0]
    """
    found, names = _plain_mean(start, tuned, plain)
    for name in names:
        first = start[name].to(torch.float64)
        total = torch.zeros_like(first)
        for one in tuned:
            total.add_(one[name].to(torch.float64) - first)
        found[name] = (first + scale * total).to(tuned[0][name].dtype)
    return found


def model_stock(
    start: Mapping[str, Tensor], tuned: Sequence[Mapping[str, Tensor]], *, plain: Collection[str] = ()
) -> Params:
    """Return, tensor by tensor, tθ̄ + (1 − t)θ₀ with t = n·cos/(1 + (n − 1)·cos).

    cos is the mean over pairs of the cosine between τᵢ and τⱼ. Where it is negative, for which the paper has no
    answer, t is 0: what the networks learned there has nothing in common. A tensor that did not move stays.

    Source: Jang, Yun and Han 2024, "Model Stock: All we need is just a few fine-tuned models", Eq. 6 and 7.

    Args:
        start: θ₀; may lack tensors.
        tuned: θᵢ, at least two.
        plain: tensors to average plainly.

    Raises:
        UsageError: when there are fewer than two, or they are of two networks.

    >>> tuned = [{"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([1.0, 1.0])}]
    >>> found = model_stock({"w": torch.zeros(2)}, tuned)["w"]  # cos = 1/√2, so t = √2/(1 + 1/√2) = 0.8284
    >>> [round(x, 4) for x in found.tolist()]
    [0.8284, 0.4142]
    """
    if len(tuned) < 2:
        raise UsageError(
            f"Model Stock takes the angle between fine-tuned networks; give at least 2, got {len(tuned)}"
        )
    found, names = _plain_mean(start, tuned, plain)
    n = len(tuned)
    for name in names:
        first = start[name].to(torch.float64)
        moved = torch.stack([(one[name].to(torch.float64) - first).reshape(-1) for one in tuned])
        lengths = moved.norm(dim=1)
        gram = moved @ moved.T
        pairs = [(i, j) for i, j in combinations(range(n), 2) if lengths[i] > 0 and lengths[j] > 0]
        cosine = sum(float(gram[i, j] / (lengths[i] * lengths[j])) for i, j in pairs) / len(pairs) if pairs else 1.0
        share = n * cosine / (1 + (n - 1) * cosine) if cosine > 0 else 0.0
        found[name] = (first + share * moved.mean(0).view_as(first)).to(tuned[0][name].dtype)
    return found


def ties(
    start: Mapping[str, Tensor],
    tuned: Sequence[Mapping[str, Tensor]],
    *,
    density: float = 0.2,
    scale: float = 1.0,
    plain: Collection[str] = (),
) -> Params:
    """Return θ₀ + λτ with the τ that :func:`ties_vector` makes of all task vectors, each taken as one long vector.

    Source: Yadav et al. 2023, "TIES-Merging: Resolving interference when merging models", Algorithm 1.

    Args:
        start: θ₀; may lack tensors.
        tuned: θᵢ, at least one.
        density: share of the largest numbers of each task vector that is kept, over the whole network.
        scale: λ.
        plain: tensors to average plainly.

    Raises:
        UsageError: when there are none, they are of two networks, or the density is not in (0, 1].

    >>> tuned = [{"w": torch.tensor([3.0, 0.1, -1.0])}, {"w": torch.tensor([1.0, -2.0, 0.2])}]
    >>> ties({"w": torch.zeros(3)}, tuned, density=2 / 3)["w"].tolist()
    [2.0, -2.0, -1.0]
    """
    _check_density(density)
    found, names = _plain_mean(start, tuned, plain)
    if not names:
        return found
    origin = torch.cat([start[name].to(torch.float64).reshape(-1) for name in names])
    moved = origin.new_empty(len(tuned), len(origin))  # the largest thing here by far, so there is one of it
    for row, one in zip(moved, tuned, strict=True):
        torch.sub(torch.cat([one[name].to(torch.float64).reshape(-1) for name in names]), origin, out=row)
    merged = origin + scale * _elected(moved, density)
    for name, part in zip(names, torch.split(merged, [start[name].numel() for name in names]), strict=True):
        like = tuned[0][name]
        found[name] = part.view(like.shape).to(like.dtype)
    return found


def ties_vector(moved: Float64[Tensor, "n d"], density: float) -> Float64[Tensor, " d"]:
    """Trim, elect signs, and average what agrees.

    Of each row only its ``round(density·d)`` largest numbers by size stay (at least one, ties among them all). The
    sign of a coordinate is that of the sum over rows; where that is 0, the sign that most coordinates have. The mean
    is over the rows that are not 0 there and have the sign.

    Args:
        moved: task vectors.
        density: share that is kept, in (0, 1].

    Raises:
        UsageError: when the density is out of range.

    >>> ties_vector(torch.tensor([[2.0, -1.0], [-1.0, -3.0]], dtype=torch.float64), 1.0).tolist()
    [2.0, -2.0]
    """
    _check_density(density)
    return _elected(moved.clone(), density)


def _check_density(density: float) -> None:
    if not 0 < density <= 1:
        raise UsageError(f"TIES density {density}; expected a share over 0 and up to 1, such as 0.2")


def _elected(moved: Float64[Tensor, "n d"], density: float) -> Float64[Tensor, " d"]:
    """Do as :func:`ties_vector` and overwrite the task vectors, as several networks in float64 take much memory."""
    size = moved.shape[1]
    dropped = size - max(1, round(density * size))
    if dropped:
        for row in moved:
            own = row.abs()
            row.masked_fill_(~(own >= own.kthvalue(dropped + 1).values), 0.0)
    signs = moved.sum(0).sign()
    signs[signs == 0] = signs.sum().sign()
    agree = torch.zeros(size, dtype=torch.int64, device=moved.device)
    for row in moved:
        agrees = (row.sign() == signs) & (row != 0)
        agree += agrees
        row.masked_fill_(~agrees, 0.0)
    return moved.sum(0) / agree.clamp(min=1)


def dare(
    start: Mapping[str, Tensor],
    tuned: Mapping[str, Tensor],
    *,
    keep: float,
    generator: torch.Generator,
    plain: Collection[str] = (),
) -> Params:
    """Return θ₀ + m∘τ/p with m ~ Bernoulli(p): most of what was learned dropped, the rest larger, the mean the same.

    What comes out is to be merged by another method; the mean of several is DARE with averaging.

    Source: Yu et al. 2024, "Language models are Super Mario: absorbing abilities from homologous models as a free
    lunch" (DARE), Eq. 2–4.

    Args:
        start: θ₀; tensors that it lacks stay those of ``tuned``.
        tuned: θ.
        keep: p, in (0, 1].
        generator: of the draws, on the CPU; tensors are drawn in the order of their names in ``tuned``.
        plain: tensors to leave as they are in ``tuned``.

    Raises:
        UsageError: when the two are of two networks, or ``keep`` is out of range.

    >>> kept = dare({"w": torch.zeros(8)}, {"w": torch.ones(8)}, keep=0.5, generator=torch.Generator().manual_seed(0))
    >>> sorted(set(kept["w"].tolist()))
    [0.0, 2.0]
    """
    if not 0 < keep <= 1:
        raise UsageError(f"DARE keeps a share of {keep}; expected one over 0 and up to 1, such as 0.5")
    found, names = _plain_mean(start, [tuned], plain)
    for name in names:
        first = start[name].to(torch.float64)
        moved = tuned[name].to(torch.float64) - first
        mask = torch.rand(moved.shape, generator=generator, dtype=torch.float64) < keep
        found[name] = (first + torch.where(mask.to(moved.device), moved / keep, 0.0)).to(tuned[name].dtype)
    return found


def _plain_mean(
    start: Mapping[str, Tensor], tuned: Sequence[Mapping[str, Tensor]], plain: Collection[str]
) -> tuple[Params, list[str]]:
    """The mean of what has no start, in the order of the network; and the names of the rest, still to be put in."""
    if not tuned:
        raise UsageError("no fine-tuned weights to merge; give at least one")
    _check(tuned, start)
    names = [name for name in floating(tuned[0]) if name in start and name not in plain]
    left = set(names)
    mean = uniform({k: v for k, v in one.items() if k not in left} for one in tuned)
    return {name: mean.get(name, value) for name, value in tuned[0].items()}, names


def _check(tuned: Sequence[Mapping[str, Tensor]], start: Mapping[str, Tensor]) -> None:
    """Raise unless all are of one network; the start may lack tensors, and then has those of the first."""
    check_same(*tuned)
    check_same({name: start.get(name, value) for name, value in tuned[0].items()}, tuned[0])
    if unknown := sorted(start.keys() - tuned[0].keys()):
        raise UsageError(f"two different networks: {unknown[0]!r} is only in the start; give weights of one network")
