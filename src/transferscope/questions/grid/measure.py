"""Many pre-trainings, each with a few labelled images of a target: is there one curve?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.imageset import ImageSplits
from ...errors import UsageError
from ...evidence.estimate import Estimate, measured
from ...evidence.guard import Witness, chance_of, on_target
from ...evidence.left_out import LeftOut
from ...numerics.frozen import PENALTY
from ...numerics.power_law import fit_power_law
from ...numerics.same_curve import curve_offsets
from ...probes.partial_results import Kept
from ...progress import Progress, silent
from .._configuration import configuration
from .._few_shot import few_shot_right
from ..protocols import GridPoint
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST", "Curve", "Grid", "Offset", "PointRow", "grid"]

LEAST = 12
"""Configurations that a curve with factors takes."""


@dataclass(frozen=True)
class PointRow:
    """A pre-training, upstream and downstream.

    Attributes:
        name: what it is called.
        family: its family.
        factors: width, depth, share, epochs, … as far as the family gives them.
        seed: of initialisation and training.
        parameters: weights of the network.
        seen: training images it has seen, with repetitions.
        upstream: accuracy on the source's test images; nan where it diverged.
        accuracy: on the target's test images for each number of shots, mean over draws; then, where it was
            fine-tuned, after that. nan where it diverged.
        spread: standard deviation over draws of the few images.
        ended: ``finished`` or how it did not.
    """

    name: str
    family: str
    factors: dict[str, float]
    seed: int
    parameters: int
    seen: int
    upstream: float
    accuracy: tuple[float, ...]
    spread: tuple[float, ...]
    ended: str

    @property
    def configuration(self) -> str:
        """Family and factors: what pre-trainings share that differ in their seed alone."""
        return configuration(self.family, self.factors)


@dataclass(frozen=True)
class Offset:
    """What a factor adds at equal upstream accuracy, from its least to its greatest value.

    Attributes:
        factor: its name; ``family NAME`` of a family against the first.
        added: downstream accuracy, over configurations: those that differ in their seed alone count once.
    """

    factor: str
    added: Estimate


@dataclass(frozen=True)
class Curve:
    """The law of all pre-trainings at one number of shots, and what factors add to it.

    Attributes:
        shots: images a class; infinite after fine-tuning on all.
        n: pre-trainings.
        r2: of the law of upstream accuracy alone.
        rmse: what it leaves.
        offsets: of each factor that varies.
        refused: why there is none; empty where there is.
        configurations: how many the pre-trainings are of.
    """

    shots: float
    n: int
    r2: float
    rmse: float
    offsets: tuple[Offset, ...]
    refused: str = ""
    configurations: int = 0


@dataclass(frozen=True, eq=False)
class Grid(Result):
    """The pre-trainings of a grid on one target.

    Attributes:
        target: its name.
        shots: images a class, several numbers; infinite last where they were fine-tuned.
        draws: how often the few images were drawn.
        upstream_images: test images of the source.
        target_images: test images of the target.
        points: every pre-training.
        curves: one a number of shots.
        left_out: pre-trainings that diverged.
        chance: what is reached on the target by chance.
    """

    question: ClassVar[str] = "grid"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides), Exploring the limits of large scale pre-training",)

    target: str
    shots: tuple[float, ...]
    draws: int
    upstream_images: int
    target_images: int
    points: tuple[PointRow, ...]
    curves: tuple[Curve, ...]
    left_out: tuple[LeftOut, ...]
    chance: float = 0.0

    def judged_by(self, shots: float) -> tuple[Witness, ...]:
        """Return the pre-trainings, with whether they clearly beat chance on the target with so many shots."""
        at = self.shots.index(shots)
        ends = ((p.name, p.accuracy[at], "" if p.ended == "finished" else p.ended) for p in self.points)
        return on_target(ends, self.target_images, self.chance)

    def frame(self) -> pd.DataFrame:
        """Return one row a pre-training and number of shots."""
        import pandas as pd

        rows = [
            {
                "target": self.target, "pre-training": p.name, "family": p.family, "seed": p.seed, **p.factors,
                "parameters": p.parameters, "images seen": p.seen, "upstream accuracy": p.upstream, "shots": shots,
                "accuracy": value, "sd over draws": spread, "ended": p.ended,
            }
            for p in self.points
            for shots, value, spread in zip(self.shots, p.accuracy, p.spread, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows)


def grid(
    points: Iterable[GridPoint],
    images: ImageSplits,
    *,
    target: str = "",
    shots: Sequence[int] = (1, 5, 10),
    draws: int = 5,
    penalty: float = PENALTY,
    seed: int = 0,
    device: str = "auto",
    kept: Kept | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> Grid:
    """Evaluate pre-trainings with a few labelled images of a target, and fit one curve to all (Abnar et al. 2022).

    Features are what the final layer is given; ridge regression on ``shots`` images a class, the same images for
    every pre-training, gives test accuracy.

    Args:
        points: the pre-trainings.
        images: of the target, one label an image.
        target: its name.
        shots: images a class, rising.
        draws: how often they are drawn.
        penalty: λ of ridge regression on standardised features.
        seed: of the draws.
        device: where features are computed.
        kept: where partial results are kept, a pre-training at a time.
        total: how many pre-trainings there are, for progress; 0 where it is not known.
        progress: told how many pre-trainings are done.

    Raises:
        UsageError: for several labels an image, or numbers of shots that cannot be.
    """
    if images.train.labels.ndim == 2:
        raise UsageError(f"{target}: has several labels an image; a few-shot accuracy takes one label an image")
    if not shots or list(shots) != sorted(set(shots)) or shots[0] < 1 or draws < 1:
        raise UsageError(f"shots {list(shots)} and {draws} draws; expected rising numbers from 1, and a draw or more")
    rows, left = [], []
    finetuned, upstream_images = False, 0
    for done, point in enumerate(points):
        found = np.full((len(shots), draws), math.nan)
        if point.params is not None:
            _, found = few_shot_right(point, images, shots, draws, penalty, seed, device, kept)
        accuracy, spread = found.mean(1).tolist(), found.std(1, ddof=1 if draws > 1 else 0).tolist()
        if point.finetuned is not None:
            finetuned = True
            accuracy, spread = [*accuracy, point.finetuned], [*spread, math.nan]
        if point.params is None:
            left.append(LeftOut(point.name, point.ended, target))
        upstream_images = point.images
        weights = sum(p.numel() for p in point.net.module.parameters())
        rows.append(
            PointRow(
                point.name,
                point.family,
                dict(point.factors),
                point.seed,
                weights,
                point.trained_on,
                point.accuracy,
                tuple(accuracy),
                tuple(spread),
                point.ended,
            )
        )
        progress(done + 1, max(total, done + 1), "pre-trainings")
    numbers = (*map(float, shots), *([math.inf] if finetuned else []))
    curves = tuple(_curve(rows, i, count, upstream_images or None) for i, count in enumerate(numbers))
    return Grid(
        target, numbers, draws, upstream_images, len(images.test), tuple(rows), curves, tuple(left),
        chance_of(images.test),
    )  # fmt: skip


def _curve(rows: Sequence[PointRow], at: int, shots: float, tested: int | None = None) -> Curve:
    there = [r for r in rows if math.isfinite(r.upstream) and math.isfinite(r.accuracy[at])]
    x, y = (np.array(v) for v in ([r.upstream for r in there], [r.accuracy[at] for r in there]))
    names, levels = _levels(there)
    least, groups = max(LEAST, 4 + len(names)), [r.configuration for r in there]
    n, refused = len(set(groups)), ""
    if n < least:
        refused = f"{n} configurations for a law and {len(names)} factors; it takes {least}"
    elif len(np.unique(x)) < 5 or np.ptp(y) == 0:
        refused = "accuracies hardly differ"
    elif (law := fit_power_law(1 - x, 1 - y)).k <= 0:
        refused = "downstream accuracy does not rise with upstream accuracy"
    if refused:
        return Curve(shots, len(there), math.nan, math.nan, (), refused, n)
    offsets = tuple(
        Offset(
            o.factor,
            measured(o.offset, over="networks", n=n, spread=o.variance, freedom=float(o.freedom)),
        )
        for o in curve_offsets(x, y, names, levels, tested, groups)
    )
    return Curve(shots, len(there), law.r2, law.rmse, offsets, "", n)


def _levels(rows: Sequence[PointRow]) -> tuple[list[str], np.ndarray]:
    """Factors that vary, as columns from 0 (least value of the family) to 1, and a column for each family but one.

    A factor that does not vary within a family stands in the middle there.
    """
    families = list(dict.fromkeys(r.family for r in rows))
    names, columns = [], []
    for factor in dict.fromkeys(f for r in rows for f in r.factors):
        values = {
            f: sorted({r.factors[factor] for r in rows if r.family == f and factor in r.factors}) for f in families
        }
        if any(len(of) > 1 for of in values.values()):
            names.append(factor)
            columns.append([_place(values[r.family], r.factors.get(factor)) for r in rows])
    for family in families[1:]:
        names.append(f"family {family}")
        columns.append([float(r.family == family) for r in rows])
    return names, np.array(columns, dtype=np.float64).reshape(len(names), len(rows)).T


def _place(values: Sequence[float], value: float | None) -> float:
    return 0.5 if value is None or len(values) < 2 else values.index(value) / (len(values) - 1)


def all_points(grids: Sequence[Grid]) -> Iterator[tuple[PointRow, ...]]:
    """Yield each pre-training with its row on every target, in the order of the first."""
    by_name = [{p.name: p for p in g.points} for g in grids]
    for point in grids[0].points if grids else ():
        if all(point.name in rows for rows in by_name):
            yield tuple(rows[point.name] for rows in by_name)
