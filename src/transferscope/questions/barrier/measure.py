"""Is there a barrier on the straight line between two networks?  Row F7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

import numpy as np
from torch import Tensor

from ...data.imageset import ImageSet
from ...models.network import Network
from ...models.solution import Solution
from ...probes.evaluate import EngineOptions, How
from ...progress import Progress, silent
from .._members import as_solutions
from .._path_numbers import Gain, Height, gains_of, heights_of
from .._paths import BarePair, Joined, LeftOut, Path, Tracer, curve_rows, grid
from .._run_pairs import run_pairs
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Barrier", "BarrierPath", "barrier", "barriers", "run_pairs"]


@dataclass(frozen=True, eq=False)
class BarrierPath:
    """One pair of networks.

    Attributes:
        path: the metrics on the line between them.
        heights: of the barrier, by set, metric and definition.
        gains: by how much the middle beats the better end, by set.
    """

    path: Path
    heights: tuple[Height, ...]
    gains: tuple[Gain, ...]

    def height(self, images: str, metric: str, definition: str = "entezari") -> Height:
        """Return one height of this pair."""
        return next(h for h in self.heights if (h.images, h.metric, h.definition) == (images, metric, definition))


@dataclass(frozen=True, eq=False)
class Barrier(Result):
    """Metrics and barrier heights on the lines between pairs of networks.

    How claims are judged: by the Entezari height of the error (1 − AUC where there is an AUC), on every set but the
    training set. "No barrier" agrees when the 95 % interval of the height ends at or below ``threshold``, disagrees
    when it begins above it, and cannot be told otherwise; "a barrier" the other way round. With several pairs of one
    kind the interval is the hull of theirs, so all pairs must agree. A claim that a number is positive agrees when
    its interval lies above 0 and disagrees when it lies below.

    Attributes:
        paths: one a pair.
        left_out: pairs that could not be evaluated.
        train: name of the set that networks were trained on, empty when there is none.
        threshold: height up to which there is no barrier to speak of; of error, or of 1 − AUC.
        resamples: bootstrap resamples of every interval.
        how: how the numbers were computed.
    """

    question: ClassVar[str] = "barrier"
    cites: ClassVar[tuple[str, ...]] = ("F7", "000 §3.3", "000 Fig. 4", "000 B.4", "000 B.5", "000 Figs. 12–17")

    paths: tuple[BarrierPath, ...]
    left_out: tuple[LeftOut, ...]
    train: str
    threshold: float
    resamples: int
    how: How

    def frame(self) -> pd.DataFrame:
        """Return one row a pair, set, metric and λ."""
        import pandas as pd

        return pd.DataFrame([row for p in self.paths for row in curve_rows(p.path)])

    def heights(self) -> pd.DataFrame:
        """Return one row a pair, set, metric and definition of height."""
        import pandas as pd

        rows = [
            {"kind": p.path.kind, "a": p.path.a, "b": p.path.b, "images": h.images, "n": h.n, "metric": h.metric,
             "definition": h.definition, "height": h.height, "low": h.low, "high": h.high, "lambda": h.at}
            for p in self.paths
            for h in p.heights
        ]  # fmt: skip
        return pd.DataFrame(rows)


def barrier(
    net: Network,
    a: Solution | Mapping[str, Tensor],
    b: Solution | Mapping[str, Tensor],
    images: ImageSet,
    *,
    train: ImageSet | None = None,
    lambdas: int | Sequence[float] | np.ndarray = 21,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Barrier:
    """Measure a network on the straight line between two sets of its weights (F7; 000 §3.3).

    θ_λ = (1 − λ)θ_a + λθ_b; floating tensors only.

    Args:
        net: the network of both.
        a: weights at λ = 0; plain weights are called A.
        b: weights at λ = 1; plain weights are called B.
        images: to evaluate on, usually the test set.
        train: training images: evaluated as well, and those that batch norm is recalibrated on unless
            ``recalibrate_on`` names others.
        lambdas: number of points, or their λ; the end points are always among them.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: height of error, or of 1 − AUC, up to which there is no barrier to speak of.
        resamples: bootstrap resamples over images.
        seed: of the resamples.
        progress: told after every point.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when the two are of different networks, hold values that are not finite, or do not suit the
            images.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels, labels, ids = np.full((4, 1, 1, 1), 255, np.uint8), np.array([0, 0, 0, 1]), np.array(list("wxyz"))
    >>> white = ImageSet(pixels, labels, ("a", "b"), ids)
    >>> to_a, to_b = torch.tensor([[3.0], [0.0]]), torch.tensor([[0.0], [1.0]])
    >>> found = barrier(net, {"1.weight": to_a}, {"1.weight": to_b}, white, lambdas=[0.5], device="cpu")
    >>> found.paths[0].path.curve("images", "error").values  # 3(1 − λ) > λ as long as λ < 3/4
    array([0.25, 0.25, 0.75])
    """
    first, second = as_solutions((a, b))
    name = images.name if train is None or images.name != "train" else "images"
    sets = {name: images} if train is None else {name: images, "train": train}
    return barriers(
        net, [(first, second)], sets, lambdas=lambdas, metrics=metrics, threshold=threshold, resamples=resamples,
        seed=seed, progress=progress, **options,
    )  # fmt: skip


def barriers(
    net: Network,
    pairs: Sequence[BarePair],
    sets: Mapping[str, ImageSet],
    *,
    train: str = "train",
    left_out: Sequence[LeftOut] = (),
    lambdas: int | Sequence[float] | np.ndarray = 21,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Barrier:
    """Measure a network on the straight lines between many pairs of its weights, as :func:`barrier` does for one.

    A pair one of which holds values that are not finite is left out and named. Where the head of one of the two does
    not fit the network (a pre-trained one, say), the other's head is used all along, and the path says so.

    Args:
        net: the network of all.
        pairs: the end points of each path; plain weights are called A and B, of a second pair C and D, ….
        sets: image sets by name.
        train: which of them networks were trained on, if it is there; batch norm is recalibrated on it unless
            ``recalibrate_on`` names others.
        left_out: pairs that are known to be missing, as :func:`run_pairs` returns them; named in the result.
        lambdas: as for :func:`barrier`.
        metrics: as for :func:`barrier`.
        threshold: as for :func:`barrier`.
        resamples: as for :func:`barrier`.
        seed: as for :func:`barrier`.
        progress: told after every point, of the points of all pairs.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when solutions are not of this network, or no pair can be evaluated.
    """
    if train in sets and options.get("recalibrate_on") is None:
        options["recalibrate_on"] = sets[train]
    joined = Joined.of(net, pairs)
    tracer = Tracer(net, joined, sets, grid(lambdas), metrics=metrics, resamples=resamples, seed=seed, **options)
    paths = tuple(
        BarrierPath(t.path, heights_of(t), gains_of(t, seed=seed, resamples=resamples))
        for t in tracer.paths(progress)
    )
    return Barrier(
        paths, (*left_out, *joined.left_out), train if train in sets else "", threshold, resamples, tracer.how
    )
