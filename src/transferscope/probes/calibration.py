"""Whose statistics of batch norm a network has at points of weight space, and how they are collected anew there."""

from __future__ import annotations

from typing import get_args

import torch
from torch import nn

from ..errors import ModelError, UsageError
from ..models.batchnorm import RECALIBRATION_BATCH, norm_layers, recalibrate, recalibration_sample, statistics
from ..models.network import Network
from ..runtime import out_of_memory
from .evaluation import EngineOptions, NormPolicy, check_images, checked
from .prepared import Prepared

__all__ = ["Calibration"]


class Calibration:
    """The policy of one engine.

    Args:
        net: whose input images become.
        module: the network on its device.
        device: where.
        dtype: of the network.
        room: bytes that may be kept for images.
        options: ``norm``, ``recalibrate_on`` and ``recalibrate_images``.

    Attributes:
        norm: ``recalibrated``, ``interpolated``, ``kept``; ``none`` without batch norm.
        on: number and name of the images, or ``""``.
        statistics: names of the tensors.

    Raises:
        UsageError: for an unknown policy, or nothing to collect on.
    """

    def __init__(
        self,
        net: Network,
        module: nn.Module,
        device: torch.device,
        dtype: torch.dtype,
        room: int,
        options: EngineOptions,
    ) -> None:
        policy = checked("norm", options.get("norm", "recalibrated"), get_args(NormPolicy))
        self._net, self._module, self._device = net, module, device
        self.statistics = statistics(module)
        self.norm = policy if norm_layers(module) else "none"
        self.on = ""
        self._images: Prepared | None = None
        if self.norm != "recalibrated":
            return
        images = options.get("recalibrate_on")
        if images is None or not len(images):
            raise UsageError(
                f"{net.name} has batch norm, whose statistics must be collected anew between networks: "
                "give training images (train=…), or choose norm='interpolated' or norm='kept'"
            )
        check_images(net, images, images.name)
        chosen = recalibration_sample(len(images), options.get("recalibrate_images", 2048))
        self._images = Prepared(net, images.subset(chosen), device, dtype, room)
        self.on = f"{len(chosen):,} images of {images.name}"

    @property
    def digest(self) -> str:
        """Of the images that statistics are collected on, or ``""``."""
        return "" if self._images is None else self._images.digest

    def collect(self) -> None:
        """Collect the statistics for the weights that the module has now, where that is the policy.

        Raises:
            ModelError: when so many images at a time do not fit into the device's memory.
        """
        if self._images is None:
            return
        try:
            recalibrate(self._module, (x for _, x in self._images.batches(RECALIBRATION_BATCH)))
        except RuntimeError as e:
            if not out_of_memory(e):
                raise
            raise ModelError(
                f"{self._net.name}: batch norm is recalibrated on {RECALIBRATION_BATCH} images at a time, which "
                f"do not fit into the memory of {self._device}; choose norm='interpolated' or 'kept'"
            ) from e
