"""How much does the loss vary along the gradient while a network is trained?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import TooFewError, UsageError, nearest
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.images import Resampled
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...models.solution import Solution, as_solution
from ...numerics.bootstrap import resampled_means
from ...params import Params
from ...probes.evaluate import Engine, How
from ...probes.gradients import Precision, gradients
from ...probes.normed import with_statistics_of
from ...probes.points import Points
from ...progress import Progress, silent
from ...rng import numpy_generator
from ...runtime import pick_device
from ...train.run import Run
from .._sides import unlearned
from .._trajectories import Trajectory, given, single, trajectory
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LossVariation", "Protocol", "Statistics", "VariationCurve", "loss_variation"]

Protocol: TypeAlias = Literal["own", "fixed"]
Statistics: TypeAlias = Literal["recalibrated", "kept"]


@dataclass(frozen=True, eq=False)
class VariationCurve:
    """One training run, looked at along the gradient at t of its steps.

    Attributes:
        label: the run.
        role: ``P-T``, ``RI-T`` or empty.
        group: runs from one and the same start share it.
        ended: ``finished`` or ``diverged at step s``.
        steps: number of steps done before each look, ``(t,)``, rising.
        gradient_norm: ‖g‖₂ there, ``(t,)``.
        losses: mean loss at each place along −g, ``(t, m)``, the first of them at the weights themselves; not finite
            where the network's output is not, nan along a gradient that is not.
        draws: range of the loss on resampled images, the same for all runs, ``(t, resamples)``.
        n: number of images.
        unfit: why the run is no witness for claims about networks that learned; empty where it is one.
    """

    label: str
    role: str
    group: str
    ended: str
    steps: np.ndarray
    gradient_norm: np.ndarray
    losses: np.ndarray
    draws: np.ndarray
    n: int = 0
    unfit: str = ""

    def lowest(self) -> np.ndarray:
        """Return the smallest finite loss along the gradient, ``(t,)``; infinite where none is finite."""
        return np.asarray(np.where(np.isfinite(self.losses), self.losses, np.inf).min(1))

    def highest(self) -> np.ndarray:
        """Return the largest loss along the gradient, ``(t,)``; infinite where one is not finite."""
        return np.where(self.broken() > 0, np.inf, self.losses.max(1))

    def variation(self) -> np.ndarray:
        """Return the largest minus the smallest loss, ``(t,)``; infinite where a loss is not finite."""
        with np.errstate(invalid="ignore"):
            return np.where(self.broken() > 0, np.inf, self.losses.max(1) - self.losses.min(1))

    def broken(self) -> np.ndarray:
        """Return at how many places the loss is not finite, ``(t,)``."""
        return np.asarray((~np.isfinite(self.losses)).sum(1))

    def estimate(self, i: int) -> Estimate:
        """Return the variation at look i with its bootstrap interval over images, the gradient held fixed.

        It is of this run, and says nothing of others.
        """
        value = float(self.variation()[i])
        if not np.isfinite(self.draws[i]).all() or not math.isfinite(value):
            return Estimate(value)
        return Resampled(self.draws[i][None], self.n).estimate(value)


@dataclass(frozen=True, eq=False)
class LossVariation(Result):
    """The loss at L(θ − s·g), g the gradient at θ, for weights θ that runs went through.

    Attributes:
        curves: one a run.
        images: name of the image set on which gradients and losses are taken.
        n: number of images, the same for all.
        protocol: ``own``: s up to ``size``; ``fixed``: up to ``size``/‖g‖, the same distance for all weights.
        size: how far: in gradients, or as a distance in weight space.
        places: 0 … ``size`` in equal steps, ``(m,)``.
        how: how losses were computed.
        left_out: runs that diverged before anything that is looked at was recorded, and those that learned nothing
            and are not compared.
        witnesses: what is known of the runs and the pre-trainings they are from.
    """

    question: ClassVar[str] = "loss_variation"
    cites: ClassVar[tuple[str, ...]] = (
        "Liu et al. 2019, §4",
        "Liu et al. 2019, Fig. 6",
        "Liu et al. 2019, Fig. 11",
        "Santurkar et al. 2018 §3.2",
    )

    curves: tuple[VariationCurve, ...]
    images: str
    n: int
    protocol: Protocol
    size: float
    places: np.ndarray
    how: How
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether these are single weights (files, say), not what runs went through."""
        return all(not c.role and c.steps.tolist() == [0] for c in self.curves)

    def frame(self) -> pd.DataFrame:
        """Return one row for each look at each run; ``low`` and ``high`` are a 95 % interval over its images."""
        import pandas as pd

        rows = []
        for c in self.curves:
            lowest, highest, variation, broken = c.lowest(), c.highest(), c.variation(), c.broken()
            for i, step in enumerate(c.steps):
                found = c.estimate(i)
                rows.append(
                    {
                        "run": c.label,
                        "role": c.role,
                        "step": int(step),
                        "loss": c.losses[i, 0],
                        "lowest": lowest[i],
                        "highest": highest[i],
                        "variation": variation[i],
                        "low": found.low,
                        "high": found.high,
                        "at_end": c.losses[i, -1],
                        "gradient_norm": c.gradient_norm[i],
                        "not_finite": int(broken[i]),
                        "n": self.n,
                    }
                )
        return pd.DataFrame(rows)

    def ray_frame(self) -> pd.DataFrame:
        """Return one row for each place along each gradient, with its distance from the weights."""
        import pandas as pd

        parts = []
        for c in self.curves:
            for step, size, losses in zip(c.steps, c.gradient_norm, c.losses, strict=True):
                distance = self.places * (size if self.protocol == "own" else 1.0)
                columns = {"place": self.places, "distance": distance, "loss": losses}
                parts.append(pd.DataFrame({"run": c.label, "role": c.role, "step": int(step), **columns}))
        return pd.concat(parts, ignore_index=True)


def loss_variation(
    net: Network,
    runs: Solution | Sequence[Run | Solution] | Mapping[str, Mapping[int, Solution | Mapping[str, Tensor]]],
    images: ImageSet,
    *,
    protocol: Protocol = "own",
    size: float = 1.0,
    points: int = 100,
    tags: Sequence[str] | None = None,
    examples: int | None = 256,
    statistics: Statistics = "recalibrated",
    resamples: int = 1000,
    precision: Precision = "float32",
    batch: int | None = None,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> LossVariation:
    """Walk from recorded weights against the gradient and take the range of the loss (Liu et al. 2019, §4, Fig. 6 and
    11).

    V(θ) = max_s L(θ − s·g) − min_s L(θ − s·g), g = ∂L/∂θ, with s from 0 to ``size`` in ``points`` equal steps
    (``own``: out to the gradient's own size), or to ``size``/‖g‖ (``fixed``: out to the same distance for all).
    Gradient and losses are of the same images, without augmentation and weight decay, in eval mode. With batch norm,
    statistics are collected over these images at the recorded weights, as training would see them, and held along
    the gradient.

    Args:
        net: the network.
        runs: with weights recorded at several epochs or steps; solutions as they are; or weights by step by label.
        images: training images, with labels.
        protocol: ``own`` or ``fixed``.
        size: how far, in gradients (``own``) or as ‖Δθ‖₂ (``fixed``).
        points: steps along the gradient.
        tags: which recorded weights (``"epoch 3"``, ``"step 100"``, ``"final"``); all by default.
        examples: draw this many of the images at random, once for all runs (the paper: 256); all for ``None``.
        statistics: of batch norm: ``recalibrated`` as above, or ``kept`` as recorded.
        resamples: of the bootstrap over images.
        precision: ``float32`` or ``float64``.
        batch: images a pass; by default what suits the device.
        seed: of the drawn images and the bootstrap.
        witnesses: what is known of the runs and the pre-trainings they are from.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the points done, over all runs.

    Raises:
        UsageError: for runs that recorded nothing on the way (with what to record), labels that are not distinct, or
            options that cannot be.
    """
    if isinstance(runs, Mapping):
        tracks = [single(as_solution(runs, "network", net))] if isinstance(runs, Solution) else given(runs, net)
    else:
        tracks = [
            single(as_solution(run, "network", net)) if isinstance(run, Solution) else trajectory(run, tags)
            for run in runs
        ]
    early = [t for t in tracks if not t.steps]
    left_out = tuple(LeftOut(t.label, f"{t.ended}, before anything was recorded") for t in early)
    seen = (*(Witness(t.label, t.role, t.unfit) for t in early), *witnesses)
    tracks = [t for t in tracks if t.steps]
    if early and not tracks:
        raise TooFewError(f"{early[0].label} {early[0].ended}, before any weights that are asked for; no run is left")
    _check(tracks, protocol, size, points, examples, statistics)
    if examples is not None and examples < len(images):
        drawn = numpy_generator("loss variation", seed, len(images)).choice(len(images), examples, replace=False)
        images = images.subset(np.sort(drawn))
    walk = _Walk(net, images, statistics, precision, batch, pick_device(device))
    places = np.linspace(0.0, size, points + 1)
    done, total = 0, len(places) * sum(len(t.steps) for t in tracks)
    curves = []
    for track in tracks:
        looks: list[tuple[float, np.ndarray, np.ndarray]] = []
        for weights in track.weights():
            norm, losses, each = walk(weights, places, protocol, _onward(progress, done, total))
            looks.append((norm, losses, _ranges(each, seed, resamples)))
            done += len(places)
        curves.append(
            VariationCurve(
                label=track.label,
                role=track.role,
                group=track.group,
                ended=track.ended,
                steps=np.array(track.steps, dtype=np.int64),
                gradient_norm=np.array([norm for norm, _, _ in looks]),
                losses=np.stack([losses for _, losses, _ in looks]),
                draws=np.stack([draws for _, _, draws in looks]),
                n=len(images),
                unfit=track.unfit,
            )
        )
    gone = {one.subject for one in left_out}
    left_out += tuple(one for one in unlearned(curves, seen) if one.subject not in gone)
    return LossVariation(
        tuple(curves), images.name, len(images), protocol, float(size), places, walk.how, left_out,
        tuple(dict.fromkeys(seen)),
    )  # fmt: skip


class _Walk:
    """Takes the gradient at weights and the losses along it, always on the same images."""

    def __init__(
        self,
        net: Network,
        images: ImageSet,
        statistics: Statistics,
        precision: Precision,
        batch: int | None,
        device: torch.device,
    ) -> None:
        self._net, self._images, self._device = net, images, device
        self._precision, self._batch = precision, batch or 64
        self._collect = statistics == "recalibrated"
        self._engine = Engine(
            net,
            {images.name: images},
            metrics=["loss"],
            per_example=True,
            norm="interpolated",  # what a direction leaves out stays at the origin: the statistics
            precision=precision,
            batch=batch,
            device=str(device),
        )

    def __call__(
        self, weights: Params, places: np.ndarray, protocol: Protocol, progress: Progress
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return ‖g‖, mean losses ``(m,)`` and losses of each image ``(m, n)``."""
        net, images = self._net, self._images
        origin = weights
        if self._collect:
            origin = with_statistics_of(net, weights, images, precision=self._precision, device=self._device)
        slope = gradients(net, origin, images, precision=self._precision, batch=self._batch, device=self._device)
        if not slope.finite:
            each = np.full((len(places), len(images)), np.nan)
            each[0] = slope.losses
            progress(len(places), len(places), "points")
            return slope.size, each.mean(1), each
        reach = places if protocol == "own" else places / (slope.size or 1.0)
        direction = {name: value.cpu() for name, value in slope.weights.items()}
        seen = self._engine.run(Points.ray(origin, direction, -reach), progress)[images.name]
        return slope.size, seen.values["loss"], seen.examples["loss"]

    @property
    def how(self) -> How:
        """How losses are computed, with what was done about batch norm."""
        how = self._engine.how
        if how.norm == "none":
            return how
        if not self._collect:
            return replace(how, norm="kept")
        on = f"{len(self._images):,} images of {self._images.name}, at each recorded step"
        return replace(how, norm="recalibrated", recalibrated_on=on)


def _ranges(each: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Largest minus smallest mean loss on each resample of the images; nan where a loss is not finite."""
    means = resampled_means(torch.from_numpy(each), seed=seed, resamples=resamples)
    return np.asarray((means.amax(1) - means.amin(1)).numpy())


def _onward(progress: Progress, before: int, whole: int) -> Progress:
    """Tell of one part of the work as of the whole."""

    def told(done: int, total: int, unit: str) -> None:
        progress(before + done, whole, unit)

    return told


def _check(
    tracks: Sequence[Trajectory], protocol: str, size: float, points: int, examples: int | None, statistics: str
) -> None:
    if not tracks:
        raise UsageError("no runs given; the loss is followed along at least one")
    if twice := [label for label, count in Counter(t.label for t in tracks).items() if count > 1]:
        raise UsageError(f"two runs are called {twice[0]!r}; give each a label of its own")
    for what, value, known in (
        ("protocol", protocol, get_args(Protocol)),
        ("statistics", statistics, get_args(Statistics)),
    ):
        if value not in known:
            raise UsageError(f"{what} {value!r}{nearest(value, known)}")
    if not (math.isfinite(size) and size > 0) or points < 1 or (examples is not None and examples < 1):
        raise UsageError(
            f"{points} points out to {size:g} on {examples} examples; give at least 1 point, a size over 0, 1 example"
        )
