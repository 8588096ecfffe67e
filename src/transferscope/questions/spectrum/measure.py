"""What are the singular values of the layers, and how many of them are near zero?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from torch import Tensor

from ...errors import ModelError, UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Granularity, Network
from ...models.solution import Solution, Solutions
from ...probes.linear_maps import LinearMap, linear_maps
from ...progress import Progress, silent
from ...runtime import cores
from .._members import Member, as_members, as_solutions
from .._sides import unlearned
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROBABILITIES", "Spectrum", "singular_values", "spectrum"]

PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Quantiles that are kept."""

_LINEAR = 200
_PER_DECADE = 10
_SMALLEST = 1e-6

_Values: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Singular values, descending, and how often each occurs."""


@dataclass(frozen=True, eq=False)
class Spectrum(Result):
    """Singular values of the linear maps of networks, by layer, by module, and of all of them together.

    A convolution counts as the linear map from images to images with circular padding; a network has millions of
    values, so they are kept as exact counts under many thresholds. :func:`singular_values` has them all.

    Attributes:
        members: the networks.
        maps: the convolutions and matrices, in forward order.
        modules: modules that hold any, in forward order; the whole network comes after them in what follows.
        module_of: the module of each map, ``(maps,)``.
        left_out: weights of linear maps without a spectrum (transposed convolutions, layers that never run, a final
            layer that is not among the weights, say), and networks that learned nothing and are not compared.
        top: ‖W‖₂, ``(members, maps)``.
        frobenius: ‖W‖_F of the map, the root of the sum of the squares of its singular values, ``(members, maps)``.
        weight_norm: Euclidean norm of the weight tensor, ``(members, maps)``.
        count: number of singular values, ``(maps,)``.
        padded: ‖W‖₂ with the zero padding that the layer really has, ``(members, maps)``; nan where not asked for.
        padded_error: bounds of their errors, by Lanczos.
        edges: thresholds, rising, ``(modules + 1, e)``; the same for all networks.
        under: number of singular values below each threshold, ``(members, modules + 1, e)``.
        quantiles: at :data:`PROBABILITIES`, ``(members, modules + 1, 9)``.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "spectrum"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, App. C", "Neyshabur et al. 2020, Fig. 31–33")

    members: tuple[Member, ...]
    maps: tuple[LinearMap, ...]
    modules: tuple[str, ...]
    module_of: np.ndarray
    left_out: tuple[LeftOut, ...]
    top: np.ndarray
    frobenius: np.ndarray
    weight_norm: np.ndarray
    count: np.ndarray
    padded: np.ndarray
    padded_error: np.ndarray
    edges: np.ndarray
    under: np.ndarray
    quantiles: np.ndarray
    witnesses: tuple[Witness, ...] = ()

    def ratio(self) -> np.ndarray:
        """Return ‖W_i‖_F/‖W_i‖₂ of each map, ``(members, maps)``; nan for a map that is zero."""
        return _quotient(self.frobenius, self.top)

    def ratio_sum(self, *, kernels: bool = False) -> np.ndarray:
        """Return Σ_i ‖W_i‖_F/‖W_i‖₂ of each network, ``(members,)`` (Neyshabur et al. 2020, App. C; Neyshabur et al.
        2018).

        Args:
            kernels: with the norm of the weight tensor for ‖W‖_F; a convolution's map has √positions times that,
                so the sum over maps is ruled by the layers on large images.
        """
        ratios = _quotient(self.weight_norm, self.top) if kernels else self.ratio()
        total: np.ndarray = np.nansum(ratios, axis=1)
        return total

    def log10_product(self) -> np.ndarray:
        """Return log₁₀ Π_i ‖W_i‖₂ of each network, ``(members,)``; −inf with a map that is zero."""
        with np.errstate(divide="ignore"):
            total: np.ndarray = np.log10(self.top).sum(1)
        return total

    def place(self, module: str | None = None) -> int:
        """Return where a module stands in ``edges``, ``under`` and ``quantiles``; the whole network for ``None``.

        Raises:
            UsageError: when there is no such module.
        """
        if module is None:
            return len(self.modules)
        if module not in self.modules:
            raise UsageError(f"no module {module!r} has singular values{nearest(module, self.modules)}")
        return self.modules.index(module)

    def total(self, module: str | None = None) -> int:
        """Return the number of singular values of a module, or of the whole network."""
        return int(self.under[0, self.place(module), -1])

    def frame(self) -> pd.DataFrame:
        """Return one row for each linear map of each network."""
        import pandas as pd

        rows, ratios = [], self.ratio()
        for m, member in enumerate(self.members):
            for i, one in enumerate(self.maps):
                rows.append(
                    {
                        "network": member.label,
                        "role": member.role,
                        "layer": one.name,
                        "module": self.modules[self.module_of[i]],
                        "kind": one.kind,
                        "size": f"{one.size[0]}×{one.size[1]}",
                        "values": int(self.count[i]),
                        "top": self.top[m, i],
                        "frobenius": self.frobenius[m, i],
                        "ratio": ratios[m, i],
                        "weight_norm": self.weight_norm[m, i],
                        "top_zero_padded": self.padded[m, i],
                        "remark": one.remark,
                    }
                )
        return pd.DataFrame(rows)

    def module_frame(self) -> pd.DataFrame:
        """Return one row for each module of each network, and ``(whole)``: count and quantiles."""
        import pandas as pd

        rows = []
        for m, member in enumerate(self.members):
            for g, module in enumerate((*self.modules, "(whole)")):
                quantiles = {f"q{100 * p:g}": q for p, q in zip(PROBABILITIES, self.quantiles[m, g], strict=True)}
                named = {"network": member.label, "role": member.role, "module": module}
                rows.append(named | {"values": int(self.under[m, g, -1])} | quantiles)
        return pd.DataFrame(rows)

    def network_frame(self) -> pd.DataFrame:
        """Return one row a network: Σ‖W‖_F/‖W‖₂, log₁₀ Π‖W‖₂, and how many values there are."""
        import pandas as pd

        return pd.DataFrame(
            {
                "network": [m.label for m in self.members],
                "role": [m.role for m in self.members],
                "values": self.under[:, -1, -1],
                "median": self.quantiles[:, -1, PROBABILITIES.index(0.5)],
                "ratio_sum": self.ratio_sum(),
                "ratio_sum_kernels": self.ratio_sum(kernels=True),
                "log10_product": self.log10_product(),
            }
        )


def spectrum(
    net: Network,
    solutions: Solutions,
    *,
    granularity: Granularity = "layer",
    zero_padding: bool = False,
    witnesses: Sequence[Witness] = (),
    workers: int | None = None,
    progress: Progress = silent,
) -> Spectrum:
    """Decompose every convolution, on its true input size, and every matrix of networks (Neyshabur et al. 2020, App.
    C).

    Convolutions are circular, with stride, dilation and groups as they are (Sedghi et al. 2019, extended; see
    :mod:`transferscope.numerics.conv_spectrum`). Where the stride does not divide the size of the input, the size is
    rounded up to a multiple, which the map's ``remark`` says.

    Args:
        net: the network; its input size gives those of the layers.
        solutions: one or more; plain weights are called A, B, C, ….
        granularity: of the modules over which singular values are counted together.
        zero_padding: also measure ‖W‖₂ with the padding that the layers really have, by Lanczos on the layer.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        workers: threads, a layer each; all cores by default.
        progress: told the number of layers done, over all networks.

    Returns:
        Norms by layer, counts and quantiles by module and of the whole.

    Raises:
        UsageError: for no solutions, or labels that are not distinct.
        ModelError: when a network has no linear map, or weights that are missing (of a final layer they may be), of
            other shapes, or not finite.
    """
    named = as_solutions(solutions, least=1, net=net)
    maps, others = linear_maps(net)
    left_out = [LeftOut(*other) for other in others]
    headless = {f"{net.head}.weight"} if any(f"{net.head}.weight" not in s.params for s in named) else set()
    left_out += [
        LeftOut(m.tensor, "a final layer that not all networks have here (--head leaves it out, or no file has it)")
        for m in maps
        if m.tensor in headless
    ]
    maps = tuple(m for m in maps if m.tensor not in headless)
    if not maps:
        raise ModelError(f"{net.name}: no convolution and no matrix runs in it, so it has no spectrum")
    for solution in named:
        _check(solution, maps, net)
    everything, padded = _decompose(named, maps, zero_padding, workers, progress)
    modules, module_of = _modules(net, maps, granularity)
    groups = [np.flatnonzero(module_of == g) for g in range(len(modules))] + [np.arange(len(maps))]
    edges = [_edges(max(float(v[i][0][0]) for v in everything for i in group)) for group in groups]
    pooled = [[_pool([values[i] for i in group]) for group in groups] for values in everything]
    members = as_members(named)
    return Spectrum(
        members=members,
        maps=maps,
        modules=modules,
        module_of=module_of,
        left_out=(*left_out, *unlearned(members, witnesses)),
        top=np.array([[values[0] for values, _ in one] for one in everything]),
        frobenius=np.array([[math.sqrt(float(counts @ values**2)) for values, counts in one] for one in everything]),
        weight_norm=np.array([[float(s.params[m.tensor].double().norm()) for m in maps] for s in named]),
        count=np.array([counts.sum() for _, counts in everything[0]], dtype=np.int64),
        padded=padded[..., 0],
        padded_error=padded[..., 1],
        edges=np.stack(edges),
        under=np.array([[_under(values, e) for values, e in zip(one, edges, strict=True)] for one in pooled]),
        quantiles=np.array([[_quantiles(values) for values in one] for one in pooled]),
        witnesses=tuple(witnesses),
    )


def singular_values(
    net: Network, params: Mapping[str, Tensor], *, workers: int | None = None
) -> dict[str, np.ndarray]:
    """Return all singular values of every convolution and matrix, by layer in forward order, each descending.

    Raises:
        ModelError: when weights are missing, of other shapes, or not finite.

    >>> from transferscope.models.build import build, initialise
    >>> net = build("lenet", 10)
    >>> {name: len(values) for name, values in singular_values(net, initialise(net, 0)).items()}
    {'conv1': 784, 'conv2': 1176, 'fc1': 120, 'fc2': 84, 'fc3': 10}
    """
    maps, _ = linear_maps(net)
    _check(Solution("these weights", dict(params)), maps, net)
    return {m.name: np.repeat(*m.spectrum(params[m.tensor], workers)) for m in maps}


def _decompose(
    named: Sequence[Solution], maps: Sequence[LinearMap], zero_padding: bool, workers: int | None, progress: Progress
) -> tuple[list[list[_Values]], np.ndarray]:
    """Values of every map of every network, and ``(members, maps, 2)`` padded norms with their errors."""

    def one(m: int, i: int) -> tuple[_Values, tuple[float, float]]:
        weight = named[m].params[maps[i].tensor]
        padded = zero_padding and maps[i].kind == "conv"
        return maps[i].spectrum(weight, workers=1), maps[i].padded_norm(weight) if padded else (math.nan, math.nan)

    found: dict[tuple[int, int], tuple[_Values, tuple[float, float]]] = {}
    # The longest first, so that no thread is left with one of them at the end.
    jobs = [(m, i) for i in sorted(range(len(maps)), key=lambda i: -maps[i].cost()) for m in range(len(named))]
    with ThreadPoolExecutor(workers or cores()) as pool:
        running: dict[Future[tuple[_Values, tuple[float, float]]], tuple[int, int]] = {
            pool.submit(one, *job): job for job in jobs
        }
        try:
            for done, future in enumerate(as_completed(running), 1):
                found[running[future]] = future.result()
                progress(done, len(jobs), "layers")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    values = [[found[m, i][0] for i in range(len(maps))] for m in range(len(named))]
    padded = [[found[m, i][1] for i in range(len(maps))] for m in range(len(named))]
    return values, np.array(padded)


def _check(solution: Solution, maps: Sequence[LinearMap], net: Network) -> None:
    for one in maps:
        if one.tensor not in solution.params:
            raise ModelError(f"{solution.label}: {one.tensor!r} is missing; give weights of {net.name}")
        weight = solution.params[one.tensor]
        if tuple(weight.shape) != one.shape:
            raise ModelError(
                f"{solution.label}: {one.tensor!r} is {tuple(weight.shape)}, {net.name} has {one.shape}; "
                "give weights of this network"
            )
        if not bool(weight.isfinite().all()):
            raise ModelError(f"{solution.label}: {one.tensor!r} is not finite, so it has no singular values")


def _modules(net: Network, maps: Sequence[LinearMap], granularity: Granularity) -> tuple[tuple[str, ...], np.ndarray]:
    owner = {tensor: module.name for module in net.modules(granularity) for tensor in module.tensors}
    names = tuple(dict.fromkeys(owner[m.tensor] for m in maps))
    return names, np.array([names.index(owner[m.tensor]) for m in maps], dtype=np.int64)


def _edges(top: float) -> np.ndarray:
    """Thresholds: 0, some a decade for small values, even steps beyond, and one just over the largest value."""
    top = top or 1.0
    steps = np.linspace(0.0, top, _LINEAR + 1)[1:]
    decades = math.log10(1 / (_LINEAR * _SMALLEST))
    small = steps[0] * 10 ** -np.linspace(decades, 1 / _PER_DECADE, round(decades * _PER_DECADE))
    steps[-1] = np.nextafter(top, np.inf)
    return np.concatenate([[0.0], small, steps])


def _pool(parts: Sequence[_Values]) -> _Values:
    values = np.concatenate([v for v, _ in parts])
    order = np.argsort(values, kind="stable")
    return values[order], np.concatenate([c for _, c in parts])[order]


def _under(rising: _Values, edges: np.ndarray) -> np.ndarray:
    cumulative = np.concatenate([[0], np.cumsum(rising[1])])
    counts: np.ndarray = cumulative[np.searchsorted(rising[0], edges, side="left")]
    return counts


def _quantiles(rising: _Values) -> np.ndarray:
    cumulative = np.cumsum(rising[1])
    places = np.searchsorted(cumulative, np.array(PROBABILITIES) * cumulative[-1], side="left")
    values: np.ndarray = rising[0][places]
    return values


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return out
