"""A final layer fitted to the features of a network as it is: what fine-tuning begins with after linear probing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.imageset import ImageSet
from ..errors import ModelError, UsageError
from ..models.build import initialise
from ..models.network import Network
from ..numerics.frozen.linear_probe import linear_probe
from ..params import Params
from ..progress import Progress, silent
from .penultimate import Penultimate, penultimate

__all__ = ["ProbedHead", "probed_head"]


_NEAR = 1e-3
"""How near the network's answers come to those of the fitted layer, in shares of the largest."""

_OTHER = (
    "its final layer does something else than a weight and a bias on the features before it, so none can be fitted"
)


@dataclass(frozen=True, eq=False)
class ProbedHead:
    """A final layer, and how it was found.

    Attributes:
        params: its tensors, by their names in the network.
        features: what it was fitted to: ``input of fc``.
        images: how many training images.
        decay: the weight decay that was best on validation images.
        accuracy: on the validation images.
        validation: how many these are.
        converged: whether the optimiser reached its tolerance.
    """

    params: Params
    features: str
    images: int
    decay: float
    accuracy: float
    validation: int
    converged: bool

    @property
    def text(self) -> str:
        """How it came about, in a sentence."""
        short = "" if self.converged else "; the optimiser did not reach its tolerance"
        return (
            f"fitted by logistic regression to the {self.features} of {self.images:,} training images, everything "
            f"before it as pre-trained; weight decay {self.decay:g}, with which {100 * self.accuracy:.1f} % of "
            f"{self.validation:,} validation images are right, the most of all{short}"
        )


def probed_head(
    net: Network,
    params: Mapping[str, Tensor],
    train: ImageSet,
    validation: ImageSet,
    *,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> ProbedHead:
    """Fit the final layer alone, all before it as it is: the first half of LP-FT.

    Fine-tuning that begins with a final layer drawn at random pulls good features to where it happens to point; one
    that begins with this layer does not, and all such runs of a target begin as the same numbers, so that their
    weights can be averaged. It is drawn from nothing: the same images and weights give the same layer.

    Source: Kumar et al. 2022 (LP-FT); Kornblith, Shlens, Le 2019, A.4 (the regression).

    Args:
        net: the network of the task.
        params: pre-trained weights; their own final layer plays no part and may be of another size or absent.
        train: images to fit to, one class each.
        validation: images by which the weight decay is chosen.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Raises:
        UsageError: for images with several labels, or no validation images.
        ModelError: when the final layer of the network is not a weight and a bias on what it is given.

    >>> import numpy as np
    >>> from ..models.build import build
    >>> from ..models.network import Input
    >>> net = build("mlp:4", 2, input=Input((2, 2), 1, (0.5,), (0.25,)))
    >>> pixels = np.array([[0] * 4, [255] * 4] * 4, np.uint8).reshape(8, 2, 2, 1)
    >>> images = ImageSet(pixels, np.array([0, 1] * 4), ("dark", "light"), np.arange(8).astype(str))
    >>> found = probed_head(net, net.params(), images, images, device="cpu")
    >>> sorted(found.params), found.accuracy
    (['fc2.bias', 'fc2.weight'], 1.0)
    """
    if train.multilabel:
        raise UsageError(f"{train.name}: a probed final layer takes one label an image; these images have several")
    if not len(validation):
        raise UsageError(f"{train.name}: no validation images, on which the weight decay of a probed layer is chosen")
    weight, bias = f"{net.head}.weight", f"{net.head}.bias"
    names = net.head_tensors()
    if not {weight, bias} <= set(names):
        raise ModelError(
            f"{net.name}: a probed final layer is a weight and a bias, that of this network has "
            f"{', '.join(names) or 'nothing that can be told apart'}"
        )
    blank = initialise(net, 0)
    body = {k: blank[k] if k in names else params[k] for k in blank}
    total = len(train) + len(validation)

    def seen(weights: Params, images: ImageSet, before: int) -> Penultimate:
        return penultimate(
            net, weights, images, device=device, progress=lambda done, _, unit: progress(before + done, total, unit)
        )

    found = [seen(body, images, before) for images, before in ((train, 0), (validation, len(train)))]
    x, held = (torch.from_numpy(one.features) for one in found)
    y, truth = (torch.from_numpy(images.labels.astype("int64")) for images in (train, validation))
    probe = linear_probe(x, y, held, truth, held, net.classes)
    fitted = {weight: probe.weights.T, bias: probe.bias}
    if any(blank[k].numel() != v.numel() for k, v in fitted.items()):
        raise ModelError(f"{net.name}: {_OTHER}")
    head = {k: blank[k] for k in names} | {k: v.reshape(blank[k].shape).to(blank[k].dtype) for k, v in fitted.items()}
    logits = held.to(torch.float64) @ probe.weights + probe.bias
    given = torch.from_numpy(penultimate(net, {**body, **head}, validation, device=device).logits).to(torch.float64)
    if not bool((given - logits).abs().max() <= _NEAR * logits.abs().max().clamp(min=1)):
        raise ModelError(f"{net.name}: {_OTHER}")
    return ProbedHead(
        head, found[0].name, len(train), probe.decay, max(probe.validation), len(validation), probe.converged
    )
