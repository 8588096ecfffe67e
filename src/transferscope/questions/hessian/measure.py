"""How sharp is the minimum: the largest eigenvalues of the loss's Hessian, and their density?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...models.solution import Solutions
from ...numerics.lanczos import Density, Which, spectral_density, top_eigenvalues
from ...probes.curvature import Curvature, Precision
from ...progress import Progress, silent
from ...rng import generator, numpy_generator
from .._members import Member, as_members, as_networks, as_solutions
from .._sides import unlearned
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Hessian", "hessian"]


@dataclass(frozen=True, eq=False)
class Hessian(Result):
    """The top of the Hessian's spectrum at the weights of networks, and its density.

    Attributes:
        members: the networks.
        images: name of the image set.
        n: number of images, the same for all networks.
        module: whose parameters; ``""`` for all.
        size: number of these parameters, ``(members,)``.
        which: ``magnitude`` (the largest |λ|) or ``algebraic`` (the largest λ).
        tolerance: relative error at which an eigenvalue was taken as found.
        precision: number format of the products.
        values: eigenvalues, the largest first, ``(members, k)``.
        residuals: ‖Hv − λv‖₂ of the unit Ritz vectors, ``(members, k)``; there is an eigenvalue within it.
        errors: estimates of |λ − true|, ``(members, k)``.
        products: how many products with the Hessian it took, those of the search for missed ones included,
            ``(members,)``.
        converged: whether all of the errors are under the tolerance, and no larger eigenvalue is missing,
            ``(members,)``.
        loss: at the weights, in nats, ``(members,)``.
        gradient_norm: of the loss, ``(members,)``; near zero at a minimum.
        nodes: Ritz values of the density, ``(members, probes, steps)``; nan beyond the end of a Krylov space.
        weights: their weights, rows sum to 1; no probes where no density was asked for.
        left_out: networks that learned nothing and are not compared.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "hessian"
    cites: ClassVar[tuple[str, ...]] = ("Liu et al. 2019, §3", "Liu et al. 2019, Fig. 3a")

    members: tuple[Member, ...]
    images: str
    n: int
    module: str
    size: np.ndarray
    which: Which
    tolerance: float
    precision: str
    values: np.ndarray
    residuals: np.ndarray
    errors: np.ndarray
    products: np.ndarray
    converged: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    def density(self, member: int) -> Density:
        """Return the density of a network's eigenvalues.

        Raises:
            UsageError: when none was asked for.
        """
        if not self.nodes.shape[1]:
            raise UsageError("no density was computed; ask for hessian(…, probes=4)")
        return Density(self.nodes[member], self.weights[member])

    def frame(self) -> pd.DataFrame:
        """Return one row for each eigenvalue of each network, with its residual and estimated error."""
        import pandas as pd

        count, k = self.values.shape
        return pd.DataFrame(
            {
                "network": np.repeat([m.label for m in self.members], k),
                "role": np.repeat([m.role for m in self.members], k),
                "index": np.tile(np.arange(1, k + 1), count),
                "eigenvalue": self.values.ravel(),
                "residual": self.residuals.ravel(),
                "error": self.errors.ravel(),
                "n": self.n,
            }
        )

    def network_frame(self) -> pd.DataFrame:
        """Return one row a network: loss, gradient, sum of the eigenvalues found, and what it took."""
        import pandas as pd

        return pd.DataFrame(
            {
                "network": [m.label for m in self.members],
                "role": [m.role for m in self.members],
                "loss": self.loss,
                "gradient_norm": self.gradient_norm,
                "top": self.values[:, 0],
                "sum": self.values.sum(1),
                "products": self.products,
                "converged": self.converged,
            }
        )


def hessian(
    net: Network | Sequence[Network],
    solutions: Solutions,
    images: ImageSet,
    k: int = 20,
    *,
    which: Which = "magnitude",
    module: str | None = None,
    examples: int | None = 256,
    tolerance: float = 1e-3,
    most: int | None = None,
    probes: int = 0,
    steps: int = 60,
    precision: Precision = "float32",
    batch: int = 64,
    memory: int = 4 * 2**30,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Hessian:
    """Find the k largest eigenvalues of the Hessian of the mean loss, by Lanczos (Liu et al. 2019, §3, Fig. 3a).

    All networks are measured on the same images. Batch norm uses its stored statistics, held fixed.

    Args:
        net: the network, or one a solution where architectures differ.
        solutions: one or more; plain weights are called A, B, C, ….
        images: the examples, with labels.
        k: how many eigenvalues.
        which: ``magnitude`` or ``algebraic``.
        module: only of the parameters of this module; all for ``None``.
        examples: draw this many of the images at random, once for all networks; all of them for ``None``.
        tolerance: relative error of each eigenvalue at which to stop.
        most: products a network after which to stop all the same; ``20·k + 100`` by default.
        probes: random vectors for the density of eigenvalues; 0 leaves it out.
        steps: of Lanczos a probe.
        precision: ``float32`` or ``float64``.
        batch: images a pass.
        memory: bytes of graphs to keep between products (see :class:`~transferscope.probes.curvature.Curvature`).
        seed: of the drawn images and the starting vectors.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the products done over all networks, of at most how many.

    Returns:
        Eigenvalues in order with residuals, and the density where asked for.

    Raises:
        UsageError: for no solutions, or k, probes or steps that cannot be.
        ModelError: for a module that does not exist, or a loss that is not finite.
    """
    named = as_solutions(solutions, least=1, net=net)
    nets = as_networks(net, len(named))
    if probes < 0 or steps < 1 or (examples is not None and examples < 1):
        raise UsageError(f"{probes} probes, {steps} steps, {examples} examples; give 0, 1 and 1 at least")
    if examples is not None and examples < len(images):
        drawn = numpy_generator("hessian", seed, len(images)).choice(len(images), examples, replace=False)
        images = images.subset(np.sort(drawn))
    limit = (20 * k + 100 if most is None else most) + probes * steps
    tops, densities, curvatures = [], [], []
    for i, (one, solution) in enumerate(zip(nets, named, strict=True)):
        curvature = Curvature(
            one,
            solution.params,
            images,
            module=module,
            batch=batch,
            memory=memory,
            precision=precision,
            device=device,
        )
        counted = _Counted(curvature, i * limit, len(named) * limit, progress)
        top = top_eigenvalues(counted, _start(curvature, seed, "top"), k, which=which, tolerance=tolerance, most=most)
        tops.append(
            replace(top, vectors=top.vectors[:, :0].clone())
        )  # k times the size of the network, and not asked for
        densities.append(_density(counted, curvature, probes, steps, seed))
        progress((i + 1) * limit, len(named) * limit, "products")
        curvatures.append((curvature.size, curvature.loss, float(curvature.gradient.double().norm())))
        del curvature, counted  # its graphs are large; the next network needs their memory
    members = as_members(named)
    return Hessian(
        members=members,
        images=images.name,
        n=len(images),
        module=module or "",
        size=np.array([size for size, _, _ in curvatures], dtype=np.int64),
        which=which,
        tolerance=tolerance,
        precision=precision,
        values=np.stack([t.values for t in tops]),
        residuals=np.stack([t.residuals for t in tops]),
        errors=np.stack([t.errors for t in tops]),
        products=np.array([t.products for t in tops], dtype=np.int64),
        converged=np.array([t.converged for t in tops]),
        loss=np.array([loss for _, loss, _ in curvatures]),
        gradient_norm=np.array([norm for _, _, norm in curvatures]),
        nodes=np.stack([d.nodes for d in densities]),
        weights=np.stack([d.weights for d in densities]),
        left_out=unlearned(members, witnesses),
        witnesses=tuple(witnesses),
    )


class _Counted:
    """Products that are counted for whoever waits."""

    def __init__(self, curvature: Curvature, done: int, total: int, progress: Progress) -> None:
        self.curvature, self.done, self.total, self.progress = curvature, done, total, progress

    def __call__(self, v: Tensor) -> Tensor:
        out = self.curvature(v)
        self.done += 1
        self.progress(self.done, self.total, "products")
        return out


def _start(curvature: Curvature, seed: int, *purpose: str | int) -> Tensor:
    drawn = torch.randn(curvature.size, generator=generator("hessian", seed, *purpose), dtype=torch.float64)
    return drawn.to(curvature.gradient)


def _density(product: _Counted, curvature: Curvature, probes: int, steps: int, seed: int) -> Density:
    if not probes:
        return Density(np.zeros((0, steps)), np.zeros((0, steps)))
    starts = torch.stack([_start(curvature, seed, "probe", i) for i in range(probes)])
    found = spectral_density(product, starts, steps)
    missing = ((0, 0), (0, steps - found.nodes.shape[1]))  # a module of fewer parameters than steps
    return Density(np.pad(found.nodes, missing, constant_values=np.nan), np.pad(found.weights, missing))
