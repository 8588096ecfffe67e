"""A network with given weights, ready to look at images: eval mode, on its device, input checked once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..data.feed import Batch
from ..data.imageset import ImageSet, ImageSplits, one_part_wanted
from ..errors import DataError, UsageError
from ..models.network import Network, put
from ..models.placed import placed
from ..params import floating
from ..runtime import full_float32, out_of_memory

__all__ = ["Forward"]


class Forward:
    """Run a network with given weights on batches of uint8 images.

    Batch norm uses its stored statistics and dropout is off. Weights are copied, laid out channels-last where they
    are convolutions; their number format is that of the computation, so float64 weights give float64 logits.

    Args:
        net: the network.
        params: its weights.
        device: where to compute.

    Raises:
        UsageError: when the weights are not those of this network, naming the first tensor that differs.
    """

    def __init__(self, net: Network, params: Mapping[str, Tensor], device: torch.device) -> None:
        _check_fits(net, params)
        self.net = net
        weights = list(floating(params).values())
        self.dtype = torch.float64 if any(w.dtype == torch.float64 for w in weights) else torch.float32
        module = net.fresh(params) if self.dtype == torch.float32 else _in_float64(net, params)
        self.module: nn.Module = placed(module, device)

    def check(self, images: ImageSet) -> None:
        """Raise unless the network can look at these images; their size is looked at by :meth:`__call__`.

        Raises:
            DataError: when there are none, or their channels are not those of the network's input.
            UsageError: for all parts of a source.
        """
        if isinstance(images, ImageSplits):
            raise one_part_wanted()
        wanted = self.net.input
        if not len(images):
            raise DataError(f"{images.name}: no images; give at least one")
        if images.channels != wanted.channels:
            kinds = {1: "grey", 3: "RGB"}
            raise DataError(
                f"{images.name}: images are {kinds[images.channels]} and {self.net.name} wants "
                f"{kinds.get(wanted.channels, f'{wanted.channels} channels')}; "
                f"load them with channels={wanted.channels}"
            )

    def check_task(self, images: ImageSet) -> None:
        """Raise unless the images are, besides, of the network's size and task, so that they have a loss.

        Raises:
            DataError: when they are of another size.
            UsageError: when there are not as many classes as outputs.
        """
        net, wanted = self.net, self.net.input.size
        if images.size != tuple(wanted):
            raise DataError(
                f"{images.name}: images are {images.size[0]}×{images.size[1]}, {net.name} wants "
                f"{wanted[0]}×{wanted[1]}; load them so"
            )
        if len(images.classes) != net.classes:
            raise UsageError(
                f"{images.name}: {len(images.classes)} classes, but {net.name} has {net.classes} outputs"
            )

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Tensor:
        """Return logits ``(b, classes)`` on the device.

        Raises:
            DataError: when the network cannot take images of this size.
        """
        x = self.net.input.prepare(batch.images).to(self.dtype)
        try:
            with full_float32(x.device):
                logits: Tensor = self.module(x)
        except (RuntimeError, AssertionError) as e:
            got, wanted = tuple(x.shape[-2:]), self.net.input.size
            if got == tuple(wanted) or out_of_memory(e):
                raise
            raise DataError(
                f"{self.net.name} cannot take images of {got[0]}×{got[1]} pixels, it wants {wanted[0]}×{wanted[1]}; "
                f"load them with size={wanted[0]}"
            ) from e
        return logits


def _check_fits(net: Network, params: Mapping[str, Tensor]) -> None:
    wanted = {name: tuple(value.shape) for name, value in net.module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in params.items()}
    for name in [*wanted, *given]:
        if wanted.get(name) != given.get(name):
            raise UsageError(
                f"weights do not fit {net.name}: {name!r} is {wanted.get(name, 'absent')} in the network and "
                f"{given.get(name, 'absent')} in the weights; give weights of this network, or each its own network"
            )


def _in_float64(net: Network, params: Mapping[str, Tensor]) -> nn.Module:
    module = net.fresh().double()
    put(module, params)
    return module
