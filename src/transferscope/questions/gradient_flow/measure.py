"""How large is the gradient that reaches each layer, and how do the weights scale it on its way?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.batchnorm import norm_layers
from ...models.network import Granularity, Network
from ...models.solution import Solutions
from ...params import Params
from ...probes.gradients import Precision, Side, gradients
from ...probes.linear_maps import LinearMap, linear_maps
from ...probes.normed import with_statistics_of
from ...progress import Progress, silent
from ...rng import numpy_generator
from ...runtime import pick_device
from .._members import Member, as_members, as_solutions
from .._sides import unlearned
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROBABILITIES", "GradientFlow", "gradient_flow"]

Statistics: TypeAlias = Literal["recalibrated", "kept"]

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles over images that the table has."""


@dataclass(frozen=True, eq=False)
class GradientFlow(Result):
    """Gradients of activations, image by image, and weights seen along the singular vectors of their own gradients.

    Attributes:
        members: the networks.
        images: name of the image set.
        n: number of images, the same for all networks.
        side: whether x_l is what layer l passes on (``output``) or receives (``input``).
        statistics: of batch norm: ``recalibrated``, ``kept``, or ``none`` without batch norm.
        precision: number format of the gradients.
        layers: where gradients were taken, in forward order.
        losses: Lᵢ in nats, ``(members, n)``.
        norms: ‖∂Lᵢ/∂x_l‖₂, ``(members, layers, n)``; not finite where the gradient is not.
        weights: the weights that are matrices W, in forward order; none where not asked for.
        shapes: rows and columns of each, ``(weights, 2)``: a convolution is (c_out, c_in·k·k), as it is stored.
        left_out: weights of linear maps that are no such matrix, and networks that learned nothing and are not
            compared.
        singular_values: σ_i of ∂L/∂W = Σ_i σ_i u_i v_iᵀ, descending, ``(members, weights, r)``; nan beyond the last.
        projections: |u_iᵀ W v_i|, likewise; nan beyond the rank that the gradient has in its precision, where u_i and
            v_i are any, for a gradient that is zero or not finite, and for W = 0.
        entry: root mean square of the entries of W, ``(members, weights)``: that of u_iᵀ W v_i for directions that
            have nothing to do with W.
        head: the last layer where that passes on the logits; growth is measured from the layer before, as the head is
            new in all networks.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "gradient_flow"
    cites: ClassVar[tuple[str, ...]] = ("Liu et al. 2019, §4", "Liu et al. 2019, Fig. 7")

    members: tuple[Member, ...]
    images: str
    n: int
    side: Side
    statistics: str
    precision: str
    layers: tuple[str, ...]
    losses: np.ndarray
    norms: np.ndarray
    weights: tuple[str, ...]
    shapes: np.ndarray
    left_out: tuple[LeftOut, ...]
    singular_values: np.ndarray
    projections: np.ndarray
    entry: np.ndarray
    head: str = ""
    witnesses: tuple[Witness, ...] = ()

    @property
    def last(self) -> int:
        """Place of the layer from which the gradient's way back is measured: the last one that is not the head."""
        return len(self.layers) - (2 if self.head and len(self.layers) > 1 else 1)

    def mean(self) -> np.ndarray:
        """Return the mean of ‖∂Lᵢ/∂x_l‖ over images, ``(members, layers)``."""
        return np.asarray(self.norms.mean(2))

    def scale(self) -> np.ndarray:
        """Return the mean of each layer in units of that of :attr:`last`, ``(members, layers)``.

        Source: Liu et al. 2019, Fig. 7d.
        """
        return _quotient(self.mean(), self.mean()[:, [self.last]])

    def factor(self) -> np.ndarray:
        """Return by what each step back multiplies the mean: from layer l + 1 to l, ``(members, layers − 1)``."""
        return _quotient(self.mean()[:, :-1], self.mean()[:, 1:])

    def leading(self) -> np.ndarray:
        """Return √(Σσ_i²(u_iᵀ W v_i)² / Σσ_i²), ``(members, weights)``: W along what its gradient mostly consists of.

        Directions that have nothing to do with W give ``entry``; nan where there are no projections.
        """
        share = np.square(self.singular_values)
        total = np.nansum(share, axis=2)
        summed = np.nansum(share * np.square(self.projections), axis=2)
        gone = np.isnan(self.projections).all(2)
        return np.where(gone, np.nan, np.sqrt(_quotient(summed, total)))

    def frame(self) -> pd.DataFrame:
        """Return one row for each layer of each network."""
        import pandas as pd

        mean, scale, factor = self.mean(), self.scale(), self.factor()
        quantiles = np.quantile(self.norms, PROBABILITIES, axis=2)
        rows = []
        for m, member in enumerate(self.members):
            for i, layer in enumerate(self.layers):
                spread = {f"q{100 * p:g}": quantiles[q, m, i] for q, p in enumerate(PROBABILITIES)}
                rows.append(
                    {
                        "network": member.label,
                        "role": member.role,
                        "layer": layer,
                        "mean": mean[m, i],
                        **spread,
                        "scale": scale[m, i],
                        "factor": factor[m, i] if i < len(self.layers) - 1 else np.nan,
                        "zero": int((self.norms[m, i] == 0).sum()),
                        "n": self.n,
                    }
                )
        return pd.DataFrame(rows)

    def weight_frame(self) -> pd.DataFrame:
        """Return one row for each matrix of each network: its gradient, and its size along it."""
        import pandas as pd

        leading, rows = self.leading(), []
        for m, member in enumerate(self.members):
            for i, name in enumerate(self.weights):
                values = self.singular_values[m, i]
                rows.append(
                    {
                        "network": member.label,
                        "role": member.role,
                        "weight": name,
                        "rows": int(self.shapes[i, 0]),
                        "columns": int(self.shapes[i, 1]),
                        "gradient": float(np.sqrt(np.nansum(values**2))),
                        "top": float(values[0]),
                        "leading": leading[m, i],
                        "entry": self.entry[m, i],
                    }
                )
        return pd.DataFrame(rows)

    def projection_frame(self, weight: str) -> pd.DataFrame:
        """Return one row for each singular value of one matrix's gradient in each network (Liu et al. 2019, Fig. 7c).

        Raises:
            UsageError: when there is no such matrix.
        """
        import pandas as pd

        at = self.place(weight)
        parts = []
        for m, member in enumerate(self.members):
            count = int(self.shapes[at].min())
            columns = {
                "index": np.arange(1, count + 1),
                "singular_value": self.singular_values[m, at, :count],
                "projection": self.projections[m, at, :count],
            }
            parts.append(pd.DataFrame({"network": member.label, "role": member.role, "weight": weight, **columns}))
        return pd.concat(parts, ignore_index=True)

    def place(self, weight: str) -> int:
        """Return where a matrix stands in ``weights``.

        Raises:
            UsageError: when there is none of this name.
        """
        if weight not in self.weights:
            known = nearest(weight, self.weights) if self.weights else "; none were asked for"
            raise UsageError(f"no weight {weight!r} was decomposed{known}")
        return self.weights.index(weight)


def gradient_flow(
    net: Network,
    solutions: Solutions,
    images: ImageSet,
    *,
    modules: Granularity | Sequence[str] = "layer",
    side: Side = "output",
    projections: bool = True,
    examples: int | None = 256,
    statistics: Statistics = "recalibrated",
    precision: Precision = "float32",
    batch: int = 64,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> GradientFlow:
    """Take the gradient of each image's loss at every layer, and decompose that of the weights (Liu et al. 2019, §4,
    Fig. 7).

    ∂L/∂x_{l−1} is ∂L/∂x_l through the weights of layer l: they scale the gradient. How much of it they let through is
    seen along the singular vectors u_i, v_i of ∂L/∂W, a matrix of c_out rows. Losses are without augmentation and
    weight decay, in eval mode. With batch norm, statistics are collected over the same images, as training would see
    them, and held.

    Args:
        net: the network.
        solutions: one or more, before and after training; plain weights are called A, B, C, ….
        images: training images, with labels.
        modules: the layers: a granularity, or names of modules. Where residual branches start at zero (Fixup), no
            gradient reaches their inside at the start; ask for blocks then.
        side: take x_l to be what layer l passes on, or what it receives.
        projections: whether to decompose the gradients of the weights.
        examples: draw this many of the images at random, once for all networks; all of them for ``None``.
        statistics: of batch norm: ``recalibrated`` as above, or ``kept`` as given.
        precision: ``float32`` or ``float64``.
        batch: images a pass.
        seed: of the drawn images.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the networks done.

    Raises:
        UsageError: for no solutions, labels that are not distinct, or options that cannot be.
        ModelError: when a module does not exist, never runs, or has no gradient of single images.
    """
    named = as_solutions(solutions, least=1, net=net)
    if statistics not in get_args(Statistics):
        raise UsageError(f"statistics {statistics!r}{nearest(statistics, get_args(Statistics))}")
    if examples is not None and examples < 1:
        raise UsageError(f"{examples} examples; give at least 1")
    if examples is not None and examples < len(images):
        drawn = numpy_generator("gradient flow", seed, len(images)).choice(len(images), examples, replace=False)
        images = images.subset(np.sort(drawn))
    where = pick_device(device)
    maps, left_out = _matrices(net) if projections else ((), ())
    seen, parts = [], []
    for i, solution in enumerate(named):
        origin = solution.params
        if statistics == "recalibrated":
            origin = with_statistics_of(net, origin, images, precision=precision, device=where)
        found = gradients(
            net,
            origin,
            images,
            weights=projections,
            modules=modules,
            side=side,
            precision=precision,
            batch=batch,
            device=where,
        )
        seen.append((found.losses, found.activations))
        parts.append([_decompose(one, origin, found.weights) for one in maps])
        progress(i + 1, len(named), "networks")
    layers = tuple(seen[0][1])
    width = max((min(_shape(one)) for one in maps), default=0)
    members = as_members(named)
    return GradientFlow(
        members=members,
        images=images.name,
        n=len(images),
        side=side,
        statistics=statistics if norm_layers(net.module) else "none",
        precision=precision,
        layers=layers,
        losses=np.stack([losses for losses, _ in seen]),
        norms=np.stack([np.stack([norms[layer] for layer in layers]) for _, norms in seen]),
        weights=tuple(one.name for one in maps),
        shapes=np.array([_shape(one) for one in maps], dtype=np.int64).reshape(-1, 2),
        left_out=(*left_out, *unlearned(members, witnesses)),
        singular_values=_padded([[values for values, _, _ in of] for of in parts], width),
        projections=_padded([[projected for _, projected, _ in of] for of in parts], width),
        entry=np.array([[entry for _, _, entry in of] for of in parts]).reshape(len(named), len(maps)),
        head=net.head if side == "output" and layers[-1] == net.head else "",
        witnesses=tuple(witnesses),
    )


def _matrices(net: Network) -> tuple[tuple[LinearMap, ...], tuple[LeftOut, ...]]:
    """Return the linear maps that have a gradient, and what else is one."""
    maps, others = linear_maps(net)
    trained = {name for name, _ in net.module.named_parameters()}
    fixed = [(one.tensor, "not trained") for one in maps if one.tensor not in trained]
    return tuple(one for one in maps if one.tensor in trained), tuple(LeftOut(*one) for one in (*others, *fixed))


def _decompose(one: LinearMap, weights: Params, slopes: Params) -> tuple[np.ndarray, np.ndarray, float]:
    """Return σ_i of the gradient, |u_iᵀ W v_i|, and the root mean square of the entries of W."""
    slope, rounding = slopes[one.tensor].double().flatten(1), torch.finfo(slopes[one.tensor].dtype).eps
    weight = weights[one.tensor].to(slope).flatten(1)
    entry, count = float(weight.square().mean().sqrt()), min(slope.shape)
    if not bool(slope.isfinite().all()):
        return np.full(count, np.nan), np.full(count, np.nan), entry
    left, values, right = torch.linalg.svd(slope, full_matrices=False)
    projected = ((left.T @ weight) * right).sum(1).abs()
    known = (values > max(slope.shape) * rounding * values[0]) & (entry > 0)
    projected = torch.where(known, projected, torch.nan)
    return values.cpu().numpy(), projected.cpu().numpy(), entry


def _shape(one: LinearMap) -> tuple[int, int]:
    rows, *rest = one.shape
    return rows, int(np.prod(rest))


def _padded(parts: Sequence[Sequence[np.ndarray]], width: int) -> np.ndarray:
    out = np.full((len(parts), len(parts[0]), width), np.nan)
    for m, of in enumerate(parts):
        for i, values in enumerate(of):
            out[m, i, : len(values)] = values
    return out


def _quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)
