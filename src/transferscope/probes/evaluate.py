"""The engine: metrics of a network at many points of weight space over one data set, or several at once.

What can be done once is done once: images are decoded and normalised before the first point and kept where they fit
in memory, weights are combined in place in a flat buffer. The plan follows from what the points move:

* all of the network: one pass over the data a point;
* a part of it: see :mod:`~transferscope.probes.sweep`, and :mod:`~transferscope.probes.planner` for when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal, Unpack, get_args

import numpy as np
import torch
from torch import Tensor

from ..data.imageset import ImageSet
from ..errors import ModelError, UsageError, nearest
from ..models.network import Network
from ..models.objective import multilabel
from ..models.solution import Given, as_solution
from ..params import Params, check_same
from ..progress import Progress, silent
from ..runtime import fast_bfloat16, full_float32, out_of_memory, pick_device, room
from .calibration import Calibration
from .evaluation import (
    EngineOptions,
    Evaluation,
    How,
    Precision,
    check_images,
    check_options,
    checked,
    usual_batch,
)
from .flat import FlatWeights
from .metrics import Contributions, Meter, Metric, check_labels, check_metrics, default_metrics
from .partial_results import Keeper, digest_of
from .planner import Planner
from .points import Points
from .prepared import Prepared
from .search import Looks, Search, members_of, scan
from .shelf import Shelf
from .sweep import Sweep

__all__ = ["Engine", "EngineOptions", "Evaluation", "How", "Precision", "evaluate", "usual_batch"]

_LOGIT_BYTES = 2**27
"""Logits of points that are under way at once."""

_KEPT_AT_ONCE = 256
"""Points under way at once where what is evaluated is kept: all of them are lost when it is stopped."""

_PREPARED_BYTES, _PREPARED_SHARE = {"cpu": 2**30, "cuda": 2**35}, 1 / 8
"""Normalised images up to this size, and this share of free memory, are kept; larger sets are normalised again, batch
by batch, at every point. The same for what a search keeps at the cut."""


class Engine:
    """A network and image sets made ready once, to be evaluated at any number of points.

    Args:
        net: the network; its own weights play no part.
        sets: image sets by name; all are evaluated at each point.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        per_example: whether to keep one number an example and metric.
        options: see :class:`EngineOptions`.

    Raises:
        UsageError: for an unknown option, a set that does not suit the network, or norms recalibrated on nothing.
    """

    def __init__(
        self,
        net: Network,
        sets: Mapping[str, ImageSet],
        *,
        metrics: Sequence[str] | None = None,
        per_example: bool = False,
        **options: Unpack[EngineOptions],
    ) -> None:
        check_options(options)
        if not sets:
            raise UsageError("no image set to evaluate on")
        self._net = net
        self._precision = checked("precision", options.get("precision", "float32"), get_args(Precision))
        self._device = pick_device(options.get("device", "auto"))
        self._per_example = per_example
        self._metrics: dict[str, tuple[Metric, ...]] = {}
        for name, images in sets.items():
            check_images(net, images, name)
            self._metrics[name] = (
                default_metrics(images.multilabel) if metrics is None else check_metrics(metrics, images.multilabel)
            )
        dtype = torch.float64 if self._precision == "float64" else torch.float32
        self._dtype = dtype
        self._module = net.fresh()
        self._weights = FlatWeights(self._module, self._device, dtype)
        self._kept, self._screen = options.get("kept"), options.get("screen")
        self._compiles = options.get("compiled", False)
        self._shelf = Shelf(
            options.get("shared"),
            net.name,
            net.classes,
            net.input,
            self._precision,
            str(self._device),
            self._compiles,
        )
        self._planner = Planner(
            self._module, self._weights.tensors, self._move, self._first, self._precision, compiles=self._compiles
        )
        self._sorted: tuple[str, Params, Prepared] | None = None
        self._room = left = room(self._device, _PREPARED_BYTES[self._device.type], _PREPARED_SHARE)
        self._sets: dict[str, Prepared] = {}
        for name, images in sets.items():
            self._sets[name] = Prepared(net, images, self._device, dtype, left)
            left -= self._sets[name].kept
            check_labels(self._metrics[name], self._sets[name].labels, name)
        self._calibration = Calibration(net, self._module, self._device, dtype, left, options)
        first = next(iter(sets.values()))
        given = options.get("batch")
        self._batch = usual_batch(self._device, first.size) if given is None else given
        if self._batch < 1:
            raise UsageError(f"batch {self._batch}; expected at least 1 image")

    @property
    def how(self) -> How:
        """How numbers are computed, as of the last point."""
        planner, norms = self._planner, self._calibration
        failed = "" if planner.compiled is None else planner.compiled.failed
        return How(
            planner.plan, self._precision, str(self._device), self._batch, norms.norm, norms.on,
            planner.reason or failed, planner.compiled is not None and not failed,
        )  # fmt: skip

    def run(self, points: Points, progress: Progress = silent) -> dict[str, Evaluation]:
        """Evaluate all points on all sets.

        Args:
            points: where.
            progress: told after every point, or after every few that are evaluated together.

        Raises:
            UsageError: when the points are not weights of this network.
            ModelError: when not even one image fits into the device's memory.
        """
        check_same(self._net.module.state_dict(), points.basis[0])
        points = self._held(points)
        with self._arithmetic():
            sweep = self._sweep(points)
            slots = 1 if sweep is None else self._slots(len(points))
            meters = {name: self._meter(name, len(points), slots) for name in self._sets}
            keeper = Keeper(self._kept, self._key(points), meters)
            for start in range(keeper.restore(), len(points), slots):
                count = min(slots, len(points) - start)
                if sweep is None:
                    self._measure_whole(points, meters, start)
                else:
                    for name, images in self._sets.items():
                        self._measure_stacked(sweep, images, meters[name], range(start, start + count))
                keeper.save(start + count, len(points))
                progress(start + count, len(points), "points")
        return {
            name: Evaluation(m.values(), m.examples(), len(self._sets[name]), self.how) for name, m in meters.items()
        }

    def first_within(
        self,
        points: Points,
        groups: np.ndarray,
        bound: float,
        *,
        images: str | None = None,
        metric: Literal["loss", "error"] = "error",
        progress: Progress = silent,
    ) -> Search:
        """Find the first group of points whose mean metric is at most ``bound``; the others are left early.

        Args:
            points: in the order in which they are tried.
            groups: int ``(m,)``, the same for the points that are averaged, which follow one another.
            bound: on the mean over the points of a group and the images.
            images: name of the set; the first by default.
            metric: ``loss``, or ``error`` of single labels.
            progress: told after every group.

        Raises:
            UsageError: for a metric that is no sum over images, or groups that do not fit the points.
        """
        check_same(self._net.module.state_dict(), points.basis[0])
        name = next(iter(self._sets)) if images is None else images
        if name not in self._sets:
            raise UsageError(f"no image set {name!r}{nearest(name, self._sets)}")
        if metric not in ("loss", "error") or (metric == "error" and multilabel(self._sets[name].labels)):
            raise UsageError(f"a search by {metric!r} cannot stop early; use the loss, or the error of one label")
        members, points = members_of(groups, len(points)), self._held(points)
        with self._arithmetic():
            while True:
                try:
                    return self._searched(name, points, members, bound, metric, progress)
                except RuntimeError as e:
                    self._smaller(e)
                torch.cuda.empty_cache()

    def _searched(
        self, name: str, points: Points, members: list[range], bound: float, metric: Metric, progress: Progress
    ) -> Search:
        hardest = self._hardest_first(name, points)
        places = hardest.growing(max(1, self._batch // 4), self._batch)
        sweep = self._sweep(points, folds=not self._screens)

        def images(number: int) -> Tensor:
            return hardest.part(places[number])

        def whole(i: int, x: Tensor) -> Tensor:
            self._move(points, i)
            return self._planner.whole(x)

        looks = Looks(sweep, whole, images, self._room)
        screen = Looks(sweep, whole, images, self._room, screen=self._device.type) if self._screens else None
        return scan(members, places, hardest.labels, looks, metric, bound, progress, screen)

    @property
    def _screens(self) -> bool:
        """Whether searches look in bfloat16 first."""
        fast = self._device.type == "cpu" and fast_bfloat16(self._device)
        return self._precision == "float32" and (fast if self._screen is None else self._screen)

    def _hardest_first(self, name: str, points: Points) -> Prepared:
        """Return a set in the order of the losses at the first operand, the largest first."""
        origin = points.basis[0]
        if self._sorted is not None:
            of, where, found = self._sorted
            if of == name and all(where[k] is v for k, v in origin.items()):
                return found
        images = self._sets[name]
        self._move(Points.listed([origin]), 0)
        each = [
            Contributions(images.labels[at : at + len(x)])("loss", self._module(x))
            for at, x in images.batches(self._batch)
        ]
        order = torch.cat(each).to(torch.float64).nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)
        self._sorted = (name, origin, images.reordered(order.cpu().numpy(), self._room))
        return self._sorted[2]

    def _meter(self, name: str, points: int, slots: int) -> Meter:
        labels = self._sets[name].labels
        return Meter(labels, self._net.classes, points, self._metrics[name], self._per_example, self._dtype, slots)

    def _slots(self, points: int) -> int:
        """How many points are under way at once: as many as keep their logits in little memory, at least 1."""
        one = max(len(s) for s in self._sets.values()) * self._net.classes * self._dtype.itemsize
        return max(1, min(points, _LOGIT_BYTES // one, points if self._kept is None else _KEPT_AT_ONCE))

    def _key(self, points: Points) -> str:
        if self._kept is None:
            return ""
        sets = [(name, images.digest, self._metrics[name]) for name, images in self._sets.items()]
        how = (
            self._net.name,
            self._precision,
            self._calibration.norm,
            self._calibration.digest,
            self._per_example,
            self._compiles,
        )
        return digest_of(points, sets, how)

    def _sweep(self, points: Points, *, folds: bool = True) -> Sweep | None:
        moving = None if self._calibration.norm == "recalibrated" else points.moving
        return self._planner.sweep(points, moving, folds=folds)

    def _held(self, points: Points) -> Points:
        """The points with the statistics of batch norm that they are to have."""
        return points.holding(self._calibration.statistics) if self._calibration.norm == "kept" else points

    def _first(self, count: int) -> Tensor:
        _, x = next(next(iter(self._sets.values())).batches(count))
        return x

    def _move(self, points: Points, i: int) -> None:
        self._weights.move(points, i)
        self._calibration.collect()

    def _shelved(self, images: Prepared, *, as_saved: bool = False) -> tuple[str, Tensor | None]:
        """Return the key of logits on a set, by the weights before statistics are collected, and what is there."""
        on = self._calibration if not as_saved else None
        key = self._shelf.key(self._weights.tensors, images, on, self._batch)
        return key, self._shelf.load(key, (len(images), self._net.classes), self._dtype)

    def _measure_whole(self, points: Points, meters: Mapping[str, Meter], i: int) -> None:
        """Measure a point in whole passes, on the sets whose logits are not there already."""
        self._weights.move(points, i)
        shelved = {name: self._shelved(images) for name, images in self._sets.items()}
        if any(found is None for _, found in shelved.values()):
            self._calibration.collect()
        for name, (key, found) in shelved.items():
            if found is None:
                self._measure(self._sets[name], meters[name], i)
                self._shelf.save(key, meters[name].logits)
            else:
                meters[name].add(0, found)
                meters[name].close(i)

    def _measure(self, images: Prepared, meter: Meter, i: int) -> None:
        while True:
            try:
                for start, x in images.batches(self._batch):
                    meter.add(start, self._planner.whole(x))
            except RuntimeError as e:
                self._smaller(e)
            else:
                meter.close(i)
                return
            torch.cuda.empty_cache()

    def _measure_stacked(self, sweep: Sweep, images: Prepared, meter: Meter, chosen: range) -> None:
        while True:
            try:
                for start, x in images.batches(self._batch):
                    for some, logits in sweep.logits(sweep.live(x), chosen):
                        meter.add(start, logits, some[0] - chosen.start)
            except RuntimeError as e:
                self._smaller(e, sweep)
            else:
                meter.close(chosen.start, len(chosen))
                return
            torch.cuda.empty_cache()

    def _smaller(self, error: RuntimeError, sweep: Sweep | None = None) -> None:
        """Stack fewer points when memory was full, or take fewer images.

        Raises:
            ModelError: when one image at one point is too much.
            RuntimeError: when it is another error.
        """
        if not out_of_memory(error):
            raise error
        if sweep is not None and sweep.halve():
            return
        if self._batch == 1:
            raise ModelError(f"{self._net.name}: one image does not fit into the memory of {self._device}") from error
        self._batch //= 2
        if sweep is not None:
            sweep.restack()

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(full_float32(self._device))
            if self._precision == "bfloat16":
                stack.enter_context(torch.autocast(self._device.type, dtype=torch.bfloat16))
            yield


def evaluate(
    net: Network,
    points: Points | Given,
    images: ImageSet,
    *,
    metrics: Sequence[str] | None = None,
    per_example: bool = False,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Evaluation:
    """Evaluate a network at points of its weight space over one image set.

    Args:
        net: the network; its own weights play no part.
        points: where; or weights, a module or a file, with its own statistics of batch norm.
        images: on what.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        per_example: whether to keep one number an example and metric.
        progress: told after every point.
        options: see :class:`EngineOptions`.

    Raises:
        UsageError: when points or images do not suit the network, or an option is wrong.
        ModelError: when not even one image fits into the device's memory.

    >>> from torch import nn
    >>> from transferscope.models.network import Input
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((2, 2), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 2, 2, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> right, wrong = torch.tensor([[1.0] * 4, [0.0] * 4]), torch.tensor([[0.0] * 4, [1.0] * 4])
    >>> line = Points.line({"1.weight": right}, {"1.weight": wrong}, [0.0, 0.25, 1.0])
    >>> evaluate(net, line, white, metrics=["error"], device="cpu").values["error"]
    array([0., 0., 1.])
    """
    if not isinstance(points, Points):
        points = Points.listed([as_solution(points, "weights", net)])
        options = {"norm": "kept", **options}
    engine = Engine(net, {images.name: images}, metrics=metrics, per_example=per_example, **options)
    return engine.run(points, progress)[images.name]
