"""Pre-training without labels: two views of each image are to be found among all others (SimCLR)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..data.augment import augment
from ..data.colour import jitter
from ..data.feed import Feed
from ..data.imageset import ImageSplits
from ..models.network import Network
from ..numerics.nt_xent import nt_xent
from ..progress import Progress, silent
from ..rng import numpy_generator
from ..runtime import pick_device
from .beside import Beside, course, suited
from .events import Event, Record
from .pace import Pace
from .recipe import Recipe
from .starts import Start
from .state import FitState

__all__ = ["fit_simclr"]


def fit_simclr(
    net: Network,
    start: Start | Mapping[str, Tensor],
    images: ImageSplits,
    recipe: Recipe,
    *,
    temperature: float = 0.2,
    hidden: int = 256,
    projection: int = 64,
    jitter: float = 0.5,
    seed: int = 0,
    device: torch.device | str = "cpu",
    record: Record | None = None,
    state: FitState | None = None,
    pace: Pace | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Train the body of a network by SimCLR (Chen et al. 2020), and its final layer as an online probe.

    Each step sees two views of every image of the batch in one pass (so that batch statistics are of both): boxes,
    flips and colours drawn anew. What the final layer is given goes through two linear layers with a ReLU between to
    the NT-Xent loss. The network's own final layer learns the labels from the same features, of which it sends no
    gradient back: evaluations are its loss and accuracy, and say from epoch to epoch how good the features are, which
    the contrastive loss hardly does. :class:`~transferscope.train.events.Steps` tell the contrastive loss and the
    probe's accuracy on the views. The two layers are no part of the network; they are in the state of a stopped run.

    Args:
        net: the network; for small images one whose first layer keeps the resolution.
        start: the weights at the start.
        images: what to train on, choose by, and report.
        recipe: how to train; mixup and label smoothing must be off.
        temperature: τ.
        hidden: units between the two layers.
        projection: numbers that views are compared by.
        jitter: how strongly colours vary, 0 for not at all; 0.5 for small images.
        seed: of data order, views, and the two layers.
        device: where to compute.
        record: what to keep.
        state: where to go on, from :class:`~transferscope.train.events.Saved` of a run like this one.
        pace: which images come into play first; by default all are from the start.
        progress: told how many steps are done.

    Returns:
        The events of :func:`~transferscope.train.fit.fit`.

    Raises:
        UsageError: when settings, start or recipe do not suit the network or the images.
        DataError: when the images do not suit the network.
    """
    weights = suited(net, start, images, recipe, "simclr")
    how, sizes = (temperature, jitter), (hidden, projection)
    learner = _Contrastive(net, weights, recipe, seed, pick_device(device), how, sizes)
    learner.pace = pace
    return course(learner, images, record, state, progress)


class _Contrastive(Beside):
    """A network with two layers beside its final one.

    Args:
        net: the network.
        params: where it starts.
        recipe: how it is trained.
        seed: names all streams.
        device: where.
        how: temperature, and strength of colours.
        sizes: hidden units and projections.
    """

    stream = "projector"

    def __init__(
        self,
        net: Network,
        params: Mapping[str, Tensor],
        recipe: Recipe,
        seed: int,
        device: torch.device,
        how: tuple[float, float],
        sizes: tuple[int, int],
    ) -> None:
        self._temperature, self._jitter = how
        self._sizes = sizes
        super().__init__(net, params, recipe, seed, device)

    def modules_beside(self, width: int) -> nn.Module:
        """Make the two layers."""
        return nn.Sequential(nn.Linear(width, self._sizes[0]), nn.ReLU(), nn.Linear(*self._sizes))

    def views(self, train: Feed, part: np.ndarray, step: int) -> tuple[Tensor, Tensor]:
        """Return two views of each image, all first ones before all second ones."""
        batch = train.gather(torch.from_numpy(part))
        generator = numpy_generator("fit", self.seed, "augment", step)
        views = []
        for _ in range(2):
            seen = augment(batch.images, self.recipe.augmentation, generator).to(torch.float32)
            views.append(jitter(seen, self._jitter, generator) if self._jitter else seen)
        return torch.cat(views), torch.cat([batch.labels, batch.labels])

    def task(self, features: Tensor, part: np.ndarray) -> Tensor:
        """Return projections."""
        found: Tensor = self.beside(features)
        return found

    def loss(self, compared: Tensor, part: np.ndarray) -> Tensor:
        """Return the contrastive loss."""
        n = len(part)
        return nt_xent(compared[:n], compared[n:], self._temperature)
