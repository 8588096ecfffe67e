"""Is there a barrier on the straight line between two networks?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

import numpy as np

from ...data.imageset import ImageSet, ImageSplits
from ...errors import TooFewError
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut, joined
from ...models.network import Network
from ...probes.evaluate import EngineOptions, How
from ...probes.evaluation import check_options
from ...progress import Progress, silent
from .._path_evidence import ImageErrors, errors_of, unlearned
from .._path_numbers import Height, Heights, heights_of
from .._paths import BarePair, Joined, Path, Tracer, curve_rows, grid
from .._run_pairs import run_pairs
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Barrier", "BarrierPath", "barrier", "run_pairs"]


@dataclass(frozen=True, eq=False)
class BarrierPath(Heights):
    """One pair of networks.

    Attributes:
        path: the metrics on the line between them.
        heights: of the barrier, by set, metric and definition.
        errors: of each image, by set but the training set: what claims are judged by.
    """

    path: Path
    heights: tuple[Height, ...]
    errors: tuple[ImageErrors, ...] = ()


@dataclass(frozen=True, eq=False)
class Barrier(Result):
    """Metrics and barrier heights on the lines between pairs of networks.

    Curves and heights are those of the papers, with bootstrap bands over images. What is said of them does not
    rest on these bands, since a height is the largest of many numbers: its λ is chosen on one half of the images and
    the rise there measured on the other (:mod:`transferscope.evidence.peaks`), in the error, or 1 − AUC where there
    is an AUC, on every set but the training set. Of pairs of one kind the interval is over networks, each of which is
    left out in turn, and images; networks that learned nothing are left out.

    Attributes:
        paths: one a pair.
        left_out: pairs that could not be evaluated, and networks that learned nothing.
        train: name of the set that networks were trained on, empty when there is none.
        threshold: height up to which there is no barrier to speak of; of error, or of 1 − AUC. It only describes:
            each claim has a margin of its own.
        resamples: bootstrap resamples of every band.
        how: how the numbers were computed.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "barrier"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.3",
        "Neyshabur et al. 2020, Fig. 4",
        "Neyshabur et al. 2020, B.4",
        "Neyshabur et al. 2020, B.5",
        "Neyshabur et al. 2020, Figs. 12–17",
    )

    paths: tuple[BarrierPath, ...]
    left_out: tuple[LeftOut, ...]
    train: str
    threshold: float
    resamples: int
    how: How
    witnesses: tuple[Witness, ...] = ()

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
    pairs: Sequence[BarePair],
    images: ImageSet | ImageSplits | Mapping[str, ImageSet],
    *,
    train: ImageSet | str = "train",
    left_out: Sequence[LeftOut] = (),
    witnesses: Sequence[Witness] = (),
    lambdas: int | Sequence[float] | np.ndarray = 21,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Barrier:
    """Measure a network on the straight lines between pairs of its weights (Neyshabur et al. 2020, §3.3).

    θ_λ = (1 − λ)θ_a + λθ_b; floating tensors only. One pair is a list of one. A pair one of which holds values that
    are not finite is left out and named. Where the head of one of the two does not fit the network (a pre-trained
    one, say), the other's head is used all along, and the path says so.

    Args:
        net: the network of all.
        pairs: weights at λ = 0 and at λ = 1; plain weights are called A and B, of a second pair C and D, ….
        images: to evaluate on, usually the test set; or several sets by name; or all parts of a source, of which the
            training and the test part are taken.
        train: training images: evaluated as well, and those that batch norm is recalibrated on unless
            ``recalibrate_on`` names others; or which of the sets holds them, if it is there.
        left_out: what is known to be missing, as :func:`run_pairs` returns it; named in the result.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        lambdas: number of points, or their λ; the end points are always among them.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: height of error, or of 1 − AUC, up to which there is no barrier to speak of.
        resamples: bootstrap resamples over images.
        seed: of the resamples.
        progress: told after every point, of the points of all pairs.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when solutions are not of this network or do not suit the images, no pair can be evaluated, or an
            option is unknown.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels, labels, ids = np.full((4, 1, 1, 1), 255, np.uint8), np.array([0, 0, 0, 1]), np.array(list("wxyz"))
    >>> white = ImageSet(pixels, labels, ("a", "b"), ids)
    >>> to_a, to_b = torch.tensor([[3.0], [0.0]]), torch.tensor([[0.0], [1.0]])
    >>> found = barrier(net, [({"1.weight": to_a}, {"1.weight": to_b})], white, lambdas=[0.5], device="cpu")
    >>> found.paths[0].path.curve("images", "error").values  # 3(1 − λ) > λ as long as λ < 3/4
    array([0.25, 0.25, 0.75])
    """
    check_options(options, barrier)
    sets, name = _sets(images, train)
    if name and options.get("recalibrate_on") is None:
        options["recalibrate_on"] = sets[name]
    fit = Joined.of(net, pairs)
    if left_out and not fit.pairs and not fit.left_out:
        raise TooFewError(f"no two networks to compare; {'; '.join(joined(left_out))}")
    tracer = Tracer(net, fit, sets, grid(lambdas), metrics=metrics, resamples=resamples, seed=seed, **options)
    paths = tuple(BarrierPath(t.path, heights_of(t), errors_of(t, without=name)) for t in tracer.paths(progress))
    missing = (*left_out, *fit.left_out, *unlearned(paths))
    return Barrier(paths, missing, name, threshold, resamples, tracer.how, tuple(witnesses))


def _sets(
    images: ImageSet | ImageSplits | Mapping[str, ImageSet], train: ImageSet | str
) -> tuple[dict[str, ImageSet], str]:
    """All sets by name, and the name of the training set if there is one."""
    if isinstance(images, ImageSplits):
        images = {"train": images.train, "test": images.test}
    sets = {images.name: images} if isinstance(images, ImageSet) else dict(images)
    if isinstance(train, str):
        return sets, train if train in sets else ""
    return {("images" if name == "train" else name): of for name, of in sets.items()} | {"train": train}, "train"
