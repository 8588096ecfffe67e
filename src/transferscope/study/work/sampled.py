"""Which training images a pre-training sees, or sees first, chosen with the network of its control."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from ...data.imageset import ImageSet, ImageSplits
from ...errors import UsageError
from ...models.network import Network
from ...numerics.samples import Seen, clusters_of, described, drawn, small
from ...params import Params
from ...probes.penultimate import penultimate
from ...rng import numpy_generator
from ...train.pace import Pace
from ..perform import Context

__all__ = ["chosen"]


def chosen(context: Context, net: Network, images: ImageSplits) -> tuple[ImageSplits, Pace | None, dict[str, float]]:
    """Return the images that a pre-training sees, which come first, and what they are.

    Args:
        context: of the step; its input ``probe`` is the control, where the choice is made with it.
        net: the network of both.
        images: all of them.

    Raises:
        UsageError: when the control diverged.
    """
    spec, seed = context.step.spec["sampler"], context.step.spec["seed"]
    train, how, total = images.train, spec["from"], spec["total"]
    pixels = np.concatenate([small(train.images[part]) for part in train.chunks(1024)])
    seen = None
    if "probe" in context.step.inputs:
        weights = context.stored("probe").weights()
        if "final" not in weights:
            raise UsageError(f"{context.step.title}: the control diverged, so no images can be chosen with it")
        seen = _seen(net, weights["final"], train, str(context.device))
    groups = None
    if how == "cluster":
        features = pixels if seen is None else seen.features
        groups = clusters_of(features, min(spec["clusters"], len(train)), numpy_generator("clusters", seed))
    places = drawn(how, total, train.labels, numpy_generator("sample of", seed), seen=seen, groups=groups)
    summary = described(pixels, train.labels, places, numpy_generator("diversity", seed))
    if "pace" in spec:
        return images, Pace(places, epochs=context.step.spec["recipe"]["epochs"], **spec["pace"]), summary
    return replace(images, train=train.subset(np.sort(places))), None, summary


def _seen(net: Network, params: Params, train: ImageSet, device: str) -> Seen:
    found = penultimate(net, params, train, device=device)
    logits, labels = torch.from_numpy(found.logits).double(), torch.from_numpy(np.asarray(train.labels))
    if train.multilabel:
        known = labels >= 0
        each = functional.binary_cross_entropy_with_logits(logits, labels.clamp(min=0).double(), reduction="none")
        losses = (each * known).sum(1) / known.sum(1).clamp(min=1)
        wrong = (((logits > 0) != (labels == 1)) & known).any(1)
    else:
        losses = functional.cross_entropy(logits, labels.long(), reduction="none")
        wrong = logits.argmax(1) != labels
    return Seen(found.features, losses.numpy(), wrong.numpy())
