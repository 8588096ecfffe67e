"""Pre-training on images with captions: each image is to be told its caption among those of a batch (CLIP)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..data.augment import augment
from ..data.captions import captions_of
from ..data.feed import Feed
from ..data.imageset import ImageSplits
from ..data.words import Vocabulary
from ..errors import UsageError
from ..models.network import Network
from ..numerics.info_nce import info_nce
from ..progress import Progress, silent
from ..rng import numpy_generator
from ..runtime import pick_device
from .beside import Beside, course, suited
from .events import Event, Record
from .pace import Pace
from .recipe import Recipe
from .starts import Start
from .state import FitState
from .text_tower import TextTower

__all__ = ["fit_clip"]

_MOST = 100.0
"""Cosines are multiplied by no more than this, as in Radford et al. 2021."""


def fit_clip(
    net: Network,
    start: Start | Mapping[str, Tensor],
    images: ImageSplits,
    recipe: Recipe,
    *,
    temperature: float = 0.07,
    width: int = 64,
    depth: int = 2,
    embedding: int = 64,
    seed: int = 0,
    device: torch.device | str = "cpu",
    record: Record | None = None,
    state: FitState | None = None,
    pace: Pace | None = None,
    progress: Progress = silent,
) -> Iterator[Event]:
    """Train the body of a network on images with captions (CLIP, Radford et al. 2021), its final layer as a probe.

    What the final layer is given goes through one linear layer, the words of the caption through a small transformer
    (:class:`~transferscope.train.text_tower.TextTower`), both to the symmetric InfoNCE loss of the batch; the scale
    of cosines is learned, 1/τ at the start and 100 at most. Captions are the source's own, or made of the names of
    classes (:func:`~transferscope.data.captions.captions_of`). The network's own final layer learns the labels from
    the same features, of which it sends no gradient back: evaluations are its loss and accuracy. The layer, the
    transformer and the scale are no part of the network; they are in the state of a stopped run.

    Args:
        net: the network.
        start: the weights at the start.
        images: what to train on, choose by, and report.
        recipe: how to train; mixup must be off.
        temperature: τ at the start.
        width: of the transformer, a multiple of 4.
        depth: its blocks.
        embedding: numbers that images and captions are compared by.
        seed: of data order, augmentation, and what stands beside the network.
        device: where to compute.
        record: what to keep.
        state: where to go on, from :class:`~transferscope.train.events.Saved` of a run like this one.
        pace: which images come into play first; by default all are from the start.
        progress: told how many steps are done.

    Returns:
        The events of :func:`~transferscope.train.fit.fit`.

    Raises:
        UsageError: when settings, start or recipe do not suit the network or the images.
        DataError: when the images do not suit the network, or no caption has a word.
    """
    weights = suited(net, start, images, recipe, "clip")
    if width < 4 or width % 4 or depth < 1:
        raise UsageError(f"width {width} and depth {depth}; expected a multiple of 4, and 1 block or more")
    said = captions_of(images.train)
    learner = _ImageText(
        net, weights, recipe, seed, pick_device(device), said, temperature, (width, depth, embedding)
    )
    learner.pace = pace
    return course(learner, images, record, state, progress)


class _Towers(nn.Module):
    def __init__(self, features: int, vocabulary: Vocabulary, sizes: tuple[int, int, int], scale: float) -> None:
        super().__init__()
        width, depth, out = sizes
        self.images = nn.Linear(features, out, bias=False)
        self.texts = TextTower(len(vocabulary), length=vocabulary.length, width=width, depth=depth, out=out)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))


class _ImageText(Beside):
    """A network with a text tower beside it.

    Args:
        net: the network.
        params: where it starts.
        recipe: how it is trained.
        seed: names all streams.
        device: where.
        captions: of the training images.
        temperature: τ at the start.
        sizes: width and depth of the text tower, and numbers of an embedding.
    """

    stream = "towers"

    def __init__(
        self,
        net: Network,
        params: Mapping[str, Tensor],
        recipe: Recipe,
        seed: int,
        device: torch.device,
        captions: list[str],
        temperature: float,
        sizes: tuple[int, int, int],
    ) -> None:
        self._vocabulary = Vocabulary.of(captions)
        self._tokens = torch.from_numpy(self._vocabulary.tokens(captions)).to(device)
        self._scale, self._sizes = 1 / temperature, sizes
        super().__init__(net, params, recipe, seed, device)

    def modules_beside(self, width: int) -> nn.Module:
        """Make the text tower, the layer that images go through, and the scale."""
        self.towers = _Towers(width, self._vocabulary, self._sizes, self._scale)
        return self.towers

    def views(self, train: Feed, part: np.ndarray, step: int) -> tuple[Tensor, Tensor]:
        """Return each image once."""
        batch = train.gather(torch.from_numpy(part))
        generator = numpy_generator("fit", self.seed, "augment", step)
        return augment(batch.images, self.recipe.augmentation, generator), batch.labels

    def task(self, features: Tensor, part: np.ndarray) -> Tensor:
        """Return embeddings of images and of captions, one after the other."""
        words = self._tokens[torch.from_numpy(part).to(self.device)]
        return torch.cat([self.towers.images(features), self.towers.texts(words)])

    def loss(self, compared: Tensor, part: np.ndarray) -> Tensor:
        """Return the contrastive loss of images and captions."""
        n = len(part)
        return info_nce(compared[:n], compared[n:], self.towers.log_scale.exp().clamp(max=_MOST))
