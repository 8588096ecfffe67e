"""Steps of kind ``head``: the final layer that runs on a target begin with, fitted to pre-trained features."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import UsageError
from ...probes.probed_head import probed_head
from ..perform import Context
from .data import images_of
from .network import network_of

__all__ = ["PROBED", "Probed", "fit_head"]

PROBED = "probed"
"""The tag of its weights."""


@dataclass(frozen=True)
class Probed:
    """How a final layer was fitted.

    Attributes:
        text: how, in a sentence.
        decay: the weight decay that was chosen.
        accuracy: on validation images.
    """

    text: str
    decay: float
    accuracy: float


def fit_head(context: Context) -> None:
    """Fit it, and keep its tensors."""
    images = images_of(context.step.inputs["images"])
    net = network_of(context.step.spec["network"], len(images.classes))
    weights, tag = context.stored("source").weights(), context.step.spec["weights"]
    if tag not in weights:
        raise UsageError(f"the pre-training diverged and has no {tag} weights to probe; lower its learning rate")
    found = probed_head(net, weights[tag], images.train, images.val, device=context.device, progress=context.progress)
    context.draft.save_weights(PROBED, found.params)
    context.draft.list_weights([PROBED])
    context.draft.note("head", f"head {net.head}: {found.text}")
    context.draft.save(Probed(found.text, found.decay, found.accuracy))
