"""A network that one could start from, and what it makes of the target's images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...models.network import Network
from ...params import Params
from ...probes.footprint import footprint
from ...probes.partial_results import Kept
from ...probes.penultimate import penultimate
from ..protocols import NOT_LEARNED
from .source import Learned, learned

__all__ = ["Candidate", "Scored", "check", "observed"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that one could start from.

    Attributes:
        label: its name in tables and figures.
        net: the network, with as many outputs as its own final layer has.
        params: its weights; without a final layer of their own, scores of predictions are not defined.
        images: the target's training images, in the size that it wants to see; the same images for all candidates.
        softmax: whether its final layer was trained as a softmax over classes.
        source: images that it was pre-trained on, with the labels it learned and in the size it wants to see (a few
            hundred will do); or why there are none.
    """

    label: str
    net: Network
    params: Params
    images: ImageSet
    softmax: bool = True
    source: ImageSet | str = NOT_LEARNED


@dataclass(frozen=True)
class Scored:
    """What is known of a candidate besides its scores.

    Attributes:
        label: its name.
        network: what it is a network of.
        features: what its features are: ``input of fc``.
        width: how many features an image has.
        side: of its images, in pixels.
        parameters: how many numbers its weights are, without the final layer.
        milliseconds: of the forward pass, an image, on the machine that ran it.
        memory: bytes that one image takes: the weights, and the largest step of the forward pass.
        decomposing: seconds for what LogME, H-score, TransRate, GBC and ridge share.
        reasons: why a score is not defined, by its name.
        seconds: that each score took besides.
    """

    label: str
    network: str
    features: str
    width: int
    side: int
    parameters: int
    milliseconds: float
    memory: int
    decomposing: float
    reasons: dict[str, str]
    seconds: dict[str, float]


def check(candidates: Sequence[Candidate], draws: int, permutations: int) -> None:
    """Refuse candidates that cannot be told apart or are on different images, and numbers that make no sense.

    Raises:
        UsageError: naming what is wrong.
    """
    if not candidates:
        raise UsageError("scores of no candidates; give at least one")
    if draws == 1 or min(draws, permutations) < 0:
        raise UsageError(
            f"scores with {draws} subsets and {permutations} permutations; give 0, or 2 subsets at least"
        )
    twice = [label for label, count in Counter(c.label for c in candidates).items() if count > 1]
    if twice:
        raise UsageError(f"two candidates are called {twice[0]!r}; give each a label of its own")
    first = candidates[0].images
    for other in candidates[1:]:
        if not np.array_equal(other.images.ids, first.ids) or not np.array_equal(other.images.labels, first.labels):
            raise UsageError(f"{other.label} and {candidates[0].label} are on different images; give both the same")


def observed(
    number: int, candidate: Candidate, chosen: np.ndarray, device: str | torch.device, kept: Kept | None
) -> tuple[dict[str, object], np.ndarray, np.ndarray | str, Learned | str]:
    """Pass the images through a candidate, or take up what an earlier sitting kept of that.

    Args:
        number: of the candidate, under which its features are kept.
        candidate: the network.
        chosen: the images that count.
        device: where to compute.
        kept: where features are kept.

    Returns:
        What there is to say of it, its features ``(n, d)``, its logits or why there are none, and what it was
        pre-trained on or why that is not known.
    """
    net, params, images = candidate.net, candidate.params, candidate.source
    own = set(net.head_tensors()) <= params.keys()
    whole = params if own else {**net.params(), **params}
    known = kept.load(f"features-{number}") if kept is not None else None
    if known is None:
        seen = penultimate(net, whole, candidate.images, device=device)
        known = {"features": seen.features, "logits": seen.logits, "name": np.array(seen.name),
                 "took": np.array(seen.seconds)}  # fmt: skip
        if not isinstance(images, str):
            known["source"] = penultimate(net, whole, images, device=device).features
        if kept is not None:
            kept.save(f"features-{number}", known)
    features, logits = known["features"][chosen], known["logits"][chosen]
    head = set(net.head_tensors())
    about: dict[str, object] = {
        "label": candidate.label,
        "network": net.name,
        "features": str(known["name"]),
        "width": int(features.shape[1]),
        "side": candidate.images.size[0],
        "parameters": sum(p.numel() for name, p in net.module.named_parameters() if name not in head),
        "milliseconds": 1000 * float(known["took"]) / len(candidate.images),
        "memory": footprint(net, whole),
    }
    source = images if isinstance(images, str) else learned(known["source"], images)
    if not own:
        return about, features, "it has no final layer of its own", source
    if not candidate.softmax:
        return about, features, "its final layer was not trained as a softmax", source
    if not np.isfinite(logits).all():
        return about, features, "its predictions are not finite", source
    return about, features, logits, source
