"""What each image adds to a network's metric: one number an image whose mean is the metric."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..data.imageset import ImageSet
from ..models.network import Network
from ..progress import Progress, silent
from .metrics import Contributions, Metric
from .predictions import predictions

__all__ = ["outcomes"]


def outcomes(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    metric: Metric | None = None,
    *,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> np.ndarray:
    """Return one number an image whose mean is the metric (see :class:`~transferscope.probes.metrics.Contributions`).

    Args:
        net: the network.
        params: its weights.
        images: n images with labels.
        metric: by default ``accuracy``, for several labels an image ``auc``.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Returns:
        float64 ``(n,)``: 1 where a single label is right, else 0; for the AUC the area plus the image's influence.

    Raises:
        DataError: when the network cannot look at these images.
        ModelError: when the network has another number of outputs than the set has classes.
    """
    chosen: Metric = metric or ("auc" if images.multilabel else "accuracy")
    logits = predictions(net, params, images, device=device, progress=progress)
    labels = np.asarray(images.labels)
    kept = torch.from_numpy(labels.astype(np.float32) if images.multilabel else labels.astype(np.int64))
    return Contributions(kept)(chosen, torch.from_numpy(logits)).to(torch.float64).numpy()
