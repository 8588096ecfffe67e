"""The head moved to other layers of many pre-trainings: which tasks need the higher ones?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...data.imageset import ImageSplits
from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.crossfit import halves
from ...evidence.draws import with_draws
from ...evidence.estimate import Estimate
from ...evidence.guard import above_chance, chance_of
from ...evidence.left_out import LeftOut
from ...evidence.ranks import rank_correlation
from ...models.network import Granularity
from ...numerics.power_law import PowerLaw, fit_power_law
from ...probes.partial_results import Kept
from ...progress import Progress, silent
from .._configuration import configuration
from ..grid.measure import LEAST
from ..protocols import GridPoint
from ..result import Result
from .at_depths import DEPTHS, HALF_WAY, AtDepths, at_depths

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DepthLaw", "LayerPoint", "Layers", "TaskLayers", "layers", "together"]


@dataclass(frozen=True)
class LayerPoint:
    """A pre-training, upstream and at each depth downstream.

    Attributes:
        name: what it is called.
        family: its family.
        configuration: what it shares with those that differ in their seed alone.
        upstream: accuracy on the source's test images.
        places: the module at each depth.
        accuracy: few-shot on the target's test images at each depth, mean over draws.
    """

    name: str
    family: str
    configuration: str
    upstream: float
    places: tuple[str, ...]
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class DepthLaw:
    """The law of downstream against upstream accuracy with the head at one depth.

    Attributes:
        depth: from 0 to 1.
        accuracy: mean over the better half of configurations.
        gain: what raising upstream accuracy from the median configuration's to the best one's buys by the law.
        law: of errors, over configurations; ``None`` where all are alike.
    """

    depth: float
    accuracy: float
    gain: float
    law: PowerLaw | None


@dataclass(frozen=True)
class TaskLayers:
    """What a target needs of the layers.

    Attributes:
        target: its name.
        images: test images.
        classes: how many.
        chance: what is reached by chance.
        configurations: how many the pre-trainings are of.
        better: how many of these have at least median upstream accuracy.
        start: median upstream accuracy of configurations.
        end: the best one.
        points: every pre-training that did not diverge.
        laws: one a depth; empty where ``refused``.
        reached: accuracy with the head where it was, over the better half of configurations, draws and images.
        above: how far that lies over accuracy with the head half way, over the same.
        rise: what raising upstream accuracy from ``start`` to ``end`` buys by the law with the head where it was, as
            a share of what there is over chance at ``end``; by one half of the test images.
        need: ``above`` as a share of what the better half has over chance, by the other half of the test images.
        refused: why there are no laws and shares; empty where there are.
    """

    target: str
    images: int
    classes: int
    chance: float
    configurations: int
    better: int
    start: float
    end: float
    points: tuple[LayerPoint, ...]
    laws: tuple[DepthLaw, ...]
    reached: Estimate
    above: Estimate
    rise: float
    need: float
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Layers(Result):
    """Few-shot accuracy against upstream accuracy with the head at several depths, on each target.

    Attributes:
        tasks: one a target.
        shots: training images a class.
        draws: how often these were drawn.
        upstream_images: test images of the source.
        left_out: pre-trainings that diverged, and targets of which nothing can be said.
    """

    question: ClassVar[str] = "layers"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides), Move the head to different layers",)

    tasks: tuple[TaskLayers, ...]
    shots: int
    draws: int
    upstream_images: int
    left_out: tuple[LeftOut, ...]

    @property
    def known(self) -> tuple[TaskLayers, ...]:
        """The targets with laws."""
        return tuple(task for task in self.tasks if not task.refused)

    def association(self) -> Estimate:
        """Return Kendall's τ, over targets, of what is left to gain upstream and what higher layers give.

        Above 0: what saturates early needs the higher layers less. Each side is a share of what there is over chance,
        from test images of its own, so that chance on the images joins no two.
        """
        tau = rank_correlation([t.rise for t in self.known], [t.need for t in self.known])
        return replace(tau, over="targets") if tau.low is not None else tau

    def frame(self) -> pd.DataFrame:
        """Return one row for each target and depth."""
        import pandas as pd

        rows = [
            {
                "target": t.target, "depth": law.depth, "accuracy of the better half": law.accuracy,
                "gain": law.gain, "r2": math.nan if law.law is None else law.law.r2, "from": t.start, "to": t.end,
                "chance": t.chance,
                "above half way": t.above.value, "low": _number(t.above.low), "high": _number(t.above.high),
                "share upstream accuracy buys": t.rise, "share of higher layers": t.need,
                "configurations": t.configurations, "n": t.images,
            }
            for t in self.known
            for law in t.laws
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def points(self) -> pd.DataFrame:
        """Return one row for each target, pre-training and depth."""
        import pandas as pd

        rows = [
            {
                "target": t.target, "pre-training": p.name, "family": p.family, "upstream accuracy": p.upstream,
                "depth": depth, "module": place, "accuracy": value,
            }
            for t in self.tasks
            for p in t.points
            for depth, place, value in zip(DEPTHS, p.places, p.accuracy, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows)


def layers(
    points: Iterable[GridPoint],
    images: ImageSplits,
    *,
    target: str = "",
    shots: int = 10,
    draws: int = 5,
    modules: Granularity = "block",
    seed: int = 0,
    device: str = "auto",
    kept: Kept | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> Layers:
    """Evaluate pre-trainings on a target with the head at several depths (Abnar et al. 2022, Figure 6).

    At places evenly through each network, from its first module to what its final layer is given, ridge regression on
    ``shots`` images a class, λ by leave-one-out on these, gives test accuracy; the images are the same for all depths
    and pre-trainings. At each depth one law e_DS = k·e_US^α + e_∞ is fitted to all configurations.

    Args:
        points: the pre-trainings.
        images: of the target, one label an image.
        target: its name.
        shots: images a class, at least 2.
        draws: how often they are drawn.
        modules: between which places the depth counts.
        seed: of the draws.
        device: where features are computed.
        kept: where partial results are kept, a pre-training at a time.
        total: how many pre-trainings there are, for progress; 0 where it is not known.
        progress: told how many pre-trainings are done.

    Returns:
        The result for one target; :func:`together` joins several.

    Raises:
        UsageError: for several labels an image, or shots and draws that cannot be.
    """
    if images.train.labels.ndim == 2:
        raise UsageError(f"{target}: has several labels an image; a few-shot accuracy takes one label an image")
    if shots < 2 or draws < 1:
        raise UsageError(f"{shots} shots and {draws} draws; expected 2 shots or more, and a draw or more")
    rows, seen, left, upstream_images = list[LayerPoint](), list[AtDepths](), list[LeftOut](), 0
    for done, point in enumerate(points):
        upstream_images = point.images
        if point.params is None or not math.isfinite(point.accuracy):
            left.append(LeftOut(point.name, point.ended, target))
        else:
            found = at_depths(
                point.net, point.params, images, shots=shots, draws=draws, modules=modules, seed=seed, device=device,
                kept=kept, key=f"point {point.name}",
            )  # fmt: skip
            rows.append(
                LayerPoint(
                    point.name,
                    point.family,
                    configuration(point.family, point.factors),
                    point.accuracy,
                    found.places,
                    tuple(found.right.mean(1).tolist()),
                )
            )
            seen.append(found)
        progress(done + 1, max(total, done + 1), "pre-trainings")
    task = _task(target, rows, seen, len(images.train.classes), chance_of(images.test), len(images.test))
    if task.refused:
        left.append(LeftOut(target or "the target", task.refused))
    return Layers((task,), shots, draws, upstream_images, tuple(left))


def together(results: Sequence[Layers]) -> Layers:
    """Join what is known of several targets.

    Args:
        results: one or more, of the same pre-trainings.

    Raises:
        UsageError: when there is none, or their shots or draws differ.
    """
    if len({(r.shots, r.draws) for r in results}) != 1:
        raise UsageError("layers of several targets: expected results of the same shots and draws, one at least")
    first = results[0]
    tasks = tuple(task for r in results for task in r.tasks)
    return Layers(
        tasks, first.shots, first.draws, first.upstream_images, tuple(gone for r in results for gone in r.left_out)
    )


def _task(
    target: str, points: Sequence[LayerPoint], seen: Sequence[AtDepths], classes: int, chance: float, images: int
) -> TaskLayers:
    groups = list(dict.fromkeys(p.configuration for p in points))
    of = [[i for i, p in enumerate(points) if p.configuration == group] for group in groups]
    x = np.array([np.mean([points[i].upstream for i in rows]) for rows in of])
    nothing = Estimate(math.nan)
    start, end = (float(np.median(x)), float(x.max())) if len(x) else (math.nan, math.nan)
    task = TaskLayers(
        target, images, classes, chance, len(groups), int((x >= start).sum()), start, end, tuple(points), (), nothing,
        nothing, math.nan, math.nan,
    )  # fmt: skip
    if len(groups) < LEAST:
        return replace(task, refused=f"{len(groups)} configurations for laws by depth; it takes {LEAST}")
    if len(np.unique(x)) < 5:
        return replace(task, refused="upstream accuracies hardly differ")
    right = np.stack(
        [np.mean([seen[i].right for i in rows], axis=0) for rows in of]
    )  # configurations, depths, images
    drawn = np.stack([np.mean([seen[i].draws for i in rows], axis=0) for rows in of])
    better = x >= start
    reached = _over(right[better, -1], drawn[better, -1])
    above = _over(
        right[better, -1] - right[better, HALF_WAY], drawn[better, -1] - drawn[better, HALF_WAY]
    )  # fmt: skip
    task = replace(task, reached=reached, above=above)
    if not above_chance(reached.value, reached.low, chance):
        return replace(task, refused="the better half of pre-trainings did not clearly beat chance")
    first = halves(images, "layers")
    rise, top, _ = _risen(x, right[:, -1][:, first].mean(1), start, end)
    need = float((right[better, -1] - right[better, HALF_WAY])[:, ~first].mean())
    had = float(right[better, -1][:, ~first].mean())
    laws = []
    for depth, y in zip(DEPTHS, right.mean(2).T, strict=True):
        gain, _, law = _risen(x, y, start, end)
        laws.append(DepthLaw(depth, float(y[better].mean()), gain, law))
    return replace(task, laws=tuple(laws), rise=rise / (top - chance), need=need / (had - chance))


def _over(right: np.ndarray, drawn: np.ndarray) -> Estimate:
    """The mean over configurations, and images, and the draws that all of them share."""
    rows = right.astype(np.float64)
    return with_draws(mean(rows.mean(1), rows, over="pre-trainings"), drawn.mean(0))


def _risen(x: np.ndarray, y: np.ndarray, start: float, end: float) -> tuple[float, float, PowerLaw | None]:
    """What raising upstream accuracy buys by the law of all, where that ends, and the law; 0 where all are alike."""
    if np.ptp(y) == 0:
        return 0.0, float(y[0]), None
    law = fit_power_law(1 - x, 1 - y)
    return float(law(1 - start) - law(1 - end)), 1 - float(law(1 - end)), law


def _number(end: float | None) -> float:
    return math.nan if end is None else end
