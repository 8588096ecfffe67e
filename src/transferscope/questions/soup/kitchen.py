"""Answers of networks, soups and ensembles on all sets of images, and what each image adds to the metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Unpack

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...models.network import Network
from ...params import Params
from ...probes.evaluation import EngineOptions
from ...probes.metrics import Contributions
from ...probes.outputs import Outputs

__all__ = ["HELD_OUT", "Kitchen", "Rows"]

HELD_OUT = "held-out"
"""What the images to choose on are called among the sets."""

Rows = dict[str, np.ndarray]
"""What each image adds to the metric, ``(n,)`` float64, by set."""


class Kitchen:
    """Evaluates weights and ensembles.

    Args:
        net: the network of all.
        held_out: images to choose on.
        tests: images to judge on, by name.
        options: of the engine.
    """

    def __init__(
        self,
        net: Network,
        held_out: ImageSet,
        tests: Mapping[str, ImageSet],
        **options: Unpack[EngineOptions],
    ) -> None:
        sets = {HELD_OUT: held_out, **tests}
        self.outputs = Outputs(net, sets, **options)
        self.metric: Literal["accuracy", "auc"] = "auc" if held_out.multilabel else "accuracy"
        self._multilabel = held_out.multilabel
        self._contributions = {name: Contributions(_labels(images)) for name, images in sets.items()}

    def answers(
        self, params: Params, sets: Sequence[str] | None = None, *, as_saved: bool = False
    ) -> dict[str, Tensor]:
        """Return logits by set, with statistics of batch norm as the engine has them or as they were saved."""
        return self.outputs.of(params, sets, as_saved=as_saved)

    def rows(self, answers: Mapping[str, Tensor]) -> Rows:
        """Return what each image adds to the metric; nan where an answer is no number."""
        found = {}
        for name, logits in answers.items():
            if not bool(logits.isfinite().all()):
                found[name] = np.full(len(logits), np.nan)
                continue
            found[name] = self._contributions[name](self.metric, logits).to(torch.float64).numpy()
        return found

    def probabilities(self, answers: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return probabilities of classes, or of each label."""
        return {k: v.sigmoid() if self._multilabel else v.softmax(1) for k, v in answers.items()}

    def ensemble(self, members: Sequence[Mapping[str, Tensor]], sets: Sequence[str] | None = None) -> Rows:
        """Return what the mean of some answers says of each image."""
        chosen = members[0] if sets is None else sets
        return self.rows({name: _mean([one[name] for one in members]) for name in chosen})


def _mean(parts: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(parts[0], dtype=torch.float64)
    for part in parts:
        total += part
    return total / len(parts)


def _labels(images: ImageSet) -> Tensor:
    labels = np.asarray(images.labels)
    return torch.from_numpy(labels.astype(np.float32) if images.multilabel else labels.astype(np.int64))
