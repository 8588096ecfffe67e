"""Steps of kind ``checkpoint``: a file of weights, held against the network and kept with the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...models.build import outputs_of
from ...models.checkpoint import CheckpointFile, read
from ...models.heads import FitReport, Loaded, fit_to, outputs
from ...models.network import Network
from ..perform import Context
from .network import network_of

__all__ = ["Taken", "file_into", "take"]


@dataclass(frozen=True)
class Taken:
    """What was taken from a file of weights.

    Attributes:
        path: of the file.
        nested: where in the file the weights lay.
        prefix: what was taken off every name.
        dropped: what else is in the file and was not looked at.
        classes: number of outputs of the network they were put into.
        report: what fits, was renamed, filled or left out.
    """

    path: str
    nested: str
    prefix: str
    dropped: tuple[str, ...]
    classes: int
    report: FitReport


def take(context: Context) -> None:
    """Read a file of weights and keep them, with what was left out on record."""
    net, file, loaded = file_into(context.step.spec)
    for sentence in loaded.report.notes():
        context.draft.note("dropped", sentence)
    for sentence in net.notes:
        context.draft.note("network", f"{net.name}: {sentence}")
    if file.dropped:
        context.draft.note("dropped", f"not looked at in the file: {', '.join(file.dropped)}")
    for place in file.others:
        context.draft.note("dropped", f"other weights in the file: at {place or 'the top'}")
    # A head that is not the file's would be random: left out, so that nothing can take it for the file's.
    drawn = set(loaded.report.head) - set(loaded.report.fits)
    context.draft.save_weights("given", {k: v for k, v in loaded.params.items() if k not in drawn})
    context.draft.list_weights(["given"])
    context.draft.save(Taken(file.path, file.nested, file.prefix, file.dropped, net.classes, loaded.report))


def file_into(spec: Mapping[str, Any], file: CheckpointFile | None = None) -> tuple[Network, CheckpointFile, Loaded]:
    """Read a file of weights into the network.

    Args:
        spec: ``network``, ``path``, ``head`` (the policy), ``at`` where the file holds several sets of weights, and
            ``classes``: ``None`` for as many as the file's head has; then a file without a head will do, too.
        file: the file, where it has been read already.

    Raises:
        CheckpointError: when it cannot be read, is not finite, or does not fit.
        ModelError: when the network cannot be built.
    """
    if file is None:
        file = read(spec["path"], at=spec.get("at"))
    classes, policy = spec["classes"], spec["head"]
    if classes is None:
        classes = outputs(network_of(spec["network"], outputs_of(spec["network"]["name"], 2)), file)
        classes, policy = (classes, policy) if classes is not None else (2, "drop")
    net = network_of(spec["network"], classes)
    return net, file, fit_to(net, file, head=policy if net.head else "refuse")
