"""The engine: metrics of a network at many points of weight space over one data set, or several at once.

Plan *whole network*: one pass over the data a point. What can be done once is done once: weights are combined in
place in a flat buffer, images are decoded and normalised before the first point and kept where they fit in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict, Unpack, get_args

import numpy as np
import torch
from torch import Tensor

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..errors import ModelError, UsageError, nearest
from ..models.network import Network
from ..params import check_same
from ..progress import Progress, silent
from ..rng import numpy_generator
from ..runtime import pick_device
from .batchnorm import NormPolicy, norm_layers, recalibrate, statistics
from .flat import FlatWeights
from .metrics import Meter, Metric, check_metrics, default_metrics
from .points import Points

__all__ = ["Engine", "EngineOptions", "Evaluation", "How", "Precision", "evaluate"]

Precision: TypeAlias = Literal["float32", "bfloat16", "float64"]

_RECALIBRATION_BATCH = 128
"""Fixed, as the statistics depend on it a little; ``batch`` may be halved on the way without changing a number."""

_PREPARED_BYTES = 2**30
"""Normalised images up to this size are kept; larger sets are normalised again batch by batch at every point."""


class EngineOptions(TypedDict, total=False):
    """How to compute, for every analysis that evaluates points.

    Attributes:
        device: ``cpu``, ``cuda`` or ``auto`` (default).
        precision: ``float32`` (default; never TF32), ``bfloat16`` (autocast, to screen) or ``float64``.
        batch: images at a time; by default what suits the device and the image size.
        norm: batch-norm policy ``recalibrated`` (default), ``interpolated`` or ``kept``.
        recalibrate_on: training images for ``recalibrated``.
        recalibrate_images: how many of them, drawn once with a fixed seed (default 2,048).
    """

    device: str
    precision: Precision
    batch: int | None
    norm: NormPolicy
    recalibrate_on: ImageSet | None
    recalibrate_images: int


@dataclass(frozen=True)
class How:
    """How numbers were computed, for the result and the report.

    Attributes:
        plan: ``"whole network"``.
        precision: ``float32``, ``bfloat16`` or ``float64``.
        device: ``cpu`` or the GPU's index.
        batch: images at a time.
        norm: batch-norm policy; ``none`` for a network without batch norm.
        recalibrated_on: number and name of the images, or ``""``.
    """

    plan: str
    precision: str
    device: str
    batch: int
    norm: str
    recalibrated_on: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics at m points over n images.

    Attributes:
        values: float64 ``(m,)`` a metric; what is not finite is kept as it is.
        examples: ``(m, n)`` a metric, one number an example whose mean is the metric; empty unless asked for.
        n: number of images.
        how: how they were computed.
    """

    values: Mapping[Metric, np.ndarray]
    examples: Mapping[Metric, np.ndarray]
    n: int
    how: How


class Engine:
    """A network and image sets made ready once, to be evaluated at any number of points.

    Args:
        net: the network; its own weights play no part.
        sets: image sets by name; all are evaluated at each point.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        per_example: whether to keep one number an example and metric.
        options: see :class:`EngineOptions`.

    Raises:
        UsageError: when a set does not suit the network, or batch norm is to be recalibrated without images.
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
        if not sets:
            raise UsageError("no image set to evaluate on")
        self._net = net
        self._precision = _chosen("precision", options.get("precision", "float32"), get_args(Precision))
        self._device = pick_device(options.get("device", "auto"))
        self._per_example = per_example
        self._metrics: dict[str, tuple[Metric, ...]] = {}
        for name, images in sets.items():
            _check_images(net, images, name)
            self._metrics[name] = (
                default_metrics(images.multilabel) if metrics is None else check_metrics(metrics, images.multilabel)
            )
        dtype = torch.float64 if self._precision == "float64" else torch.float32
        self._dtype = dtype
        self._module = net.fresh()
        self._weights = FlatWeights(self._module, self._device, dtype)
        room = _PREPARED_BYTES
        self._sets: dict[str, _Prepared] = {}
        for name, images in sets.items():
            self._sets[name] = _Prepared(net, images, self._device, dtype, room)
            room -= self._sets[name].kept
        self._set_up_norm(room, options)
        first = next(iter(sets.values()))
        self._batch = options.get("batch") or _default_batch(self._device, first.size)
        if self._batch < 1:
            raise UsageError(f"batch {self._batch}; expected at least 1 image")

    def _set_up_norm(self, room: int, options: EngineOptions) -> None:
        policy = _chosen("norm", options.get("norm", "recalibrated"), get_args(NormPolicy))
        self._statistics = statistics(self._module)
        self._norm = policy if norm_layers(self._module) else "none"
        self._recalibrated_on, self._calibration = "", None
        if self._norm != "recalibrated":
            return
        images = options.get("recalibrate_on")
        if images is None or not len(images):
            raise UsageError(
                f"{self._net.name} has batch norm, whose statistics must be collected anew between networks: "
                "give training images (train=…), or choose norm='interpolated' or norm='kept'"
            )
        _check_images(self._net, images, images.name)
        order = numpy_generator("recalibrate", len(images)).permutation(len(images))
        count = min(len(images), max(1, options.get("recalibrate_images", 2048)))
        if count > _RECALIBRATION_BATCH:
            count -= count % _RECALIBRATION_BATCH  # each batch has the same weight, so all have the same size
        self._calibration = _Prepared(self._net, images.subset(order[:count]), self._device, self._dtype, room)
        self._recalibrated_on = f"{count:,} images of {images.name}"

    @property
    def how(self) -> How:
        """How numbers are computed, as of the last point."""
        return How(
            "whole network", self._precision, str(self._device), self._batch, self._norm, self._recalibrated_on
        )

    def run(self, points: Points, progress: Progress = silent) -> dict[str, Evaluation]:
        """Evaluate all points on all sets.

        Args:
            points: where.
            progress: told after every point.

        Raises:
            UsageError: when the points are not weights of this network.
            ModelError: when not even one image fits into the device's memory.
        """
        check_same(self._net.module.state_dict(), points.basis[0])
        meters = {
            name: Meter(s.labels, self._net.classes, len(points), self._metrics[name], self._per_example, self._dtype)
            for name, s in self._sets.items()
        }
        with self._arithmetic():
            for i in range(len(points)):
                self._move(points, i)
                for name, images in self._sets.items():
                    self._measure(images, meters[name], i)
                progress(i + 1, len(points), "points")
        return {
            name: Evaluation(m.values(), m.examples(), len(self._sets[name]), self.how) for name, m in meters.items()
        }

    def _move(self, points: Points, i: int) -> None:
        self._weights.move(points, i)
        if self._norm == "kept":
            self._weights.put(points.basis[0], self._statistics)
        elif self._calibration is not None:
            try:
                recalibrate(self._module, (x for _, x in self._calibration.batches(_RECALIBRATION_BATCH)))
            except torch.cuda.OutOfMemoryError as e:
                raise ModelError(
                    f"{self._net.name}: batch norm is recalibrated on {_RECALIBRATION_BATCH} images at a time, which "
                    f"do not fit into the memory of {self._device}; choose norm='interpolated' or 'kept'"
                ) from e

    def _measure(self, images: _Prepared, meter: Meter, i: int) -> None:
        while True:
            try:
                for start, x in images.batches(self._batch):
                    meter.add(start, self._module(x))
            except torch.cuda.OutOfMemoryError as e:
                if self._batch == 1:
                    raise ModelError(
                        f"{self._net.name}: one image does not fit into the memory of {self._device}"
                    ) from e
                self._batch //= 2
            else:
                meter.close(i)
                return
            torch.cuda.empty_cache()

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self._device.type == "cuda":
                stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=False))
            if self._precision == "bfloat16":
                stack.enter_context(torch.autocast(self._device.type, dtype=torch.bfloat16))
            yield


def evaluate(
    net: Network,
    points: Points,
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
        points: where.
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
    engine = Engine(net, {images.name: images}, metrics=metrics, per_example=per_example, **options)
    return engine.run(points, progress)[images.name]


class _Prepared:
    """A set on the device, normalised once and kept when that takes no more than ``room`` bytes."""

    def __init__(self, net: Network, images: ImageSet, device: torch.device, dtype: torch.dtype, room: int) -> None:
        self._input, self._dtype = net.input, dtype
        self._feed = Feed(images, device)
        self.labels = self._feed.labels
        self._pixels: Tensor | None = None
        self.kept = images.images.size * dtype.itemsize
        if self.kept > room:
            self.kept = 0
            return
        n, h, w, c = images.images.shape
        self._pixels = torch.empty((n, h, w, c), device=device, dtype=dtype).permute(0, 3, 1, 2)
        for batch in self._feed.batches(1024):
            self._pixels[batch.start : batch.start + len(batch.images)] = self._input.prepare(batch.images)

    def __len__(self) -> int:
        return len(self._feed)

    def batches(self, size: int) -> Iterator[tuple[int, Tensor]]:
        if self._pixels is not None:
            for start in range(0, len(self), size):
                yield start, self._pixels[start : start + size]
            return
        for batch in self._feed.batches(size):
            yield batch.start, self._input.prepare(batch.images).to(self._dtype)


def _default_batch(device: torch.device, size: tuple[int, int]) -> int:
    """Choose a power of two whose activations stay in the cache of a CPU, or fill a GPU."""
    pixels = max(1, size[0] * size[1])
    least, most, room = (8, 64, 2**16) if device.type == "cpu" else (16, 4096, 2**22)
    return min(most, max(least, 1 << (room // pixels).bit_length() >> 1))


def _check_images(net: Network, images: ImageSet, name: str) -> None:
    wanted, found = (*net.input.size, net.input.channels), (*images.size, images.channels)
    if wanted != found:
        raise UsageError(
            f"{name}: images are {found[0]}×{found[1]} with {found[2]} channel(s), {net.name} wants "
            f"{wanted[0]}×{wanted[1]} with {wanted[2]}; load them so"
        )
    if len(images.classes) != net.classes:
        raise UsageError(f"{name}: {len(images.classes)} classes, but {net.name} has {net.classes} outputs")
    if not len(images):
        raise UsageError(f"{name}: no images to evaluate on")


def _chosen(what: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise UsageError(f"{what} {value!r}{nearest(value, known)}")
    return value
