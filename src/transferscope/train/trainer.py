"""One network in training: a gradient step, an evaluation, its weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..data.augment import augment, mixup
from ..data.feed import Batch, Feed
from ..errors import UsageError
from ..models.network import Network
from ..models.objective import Sums, correct, counted, mean_loss, mixed_loss, multilabel, sums
from ..models.placed import placed
from ..numerics.auc import macro_auroc
from ..params import Params
from ..rng import numpy_generator, seed_of
from ..runtime import fast_bfloat16, full_float32, has_bfloat16
from .optimiser import Optimiser
from .pace import Pace
from .recipe import Recipe

__all__ = ["Trainer", "measure", "on_cpu", "seed_torch", "share_right"]

_EVALUATION_PIXELS = 2**22
"""Most pixels of an evaluation batch: enough to keep a device busy, little enough to stay in memory."""


class Trainer:
    """A private copy of a network on a device, which steps change in place.

    Args:
        net: the network.
        params: where it starts.
        recipe: how it is trained.
        seed: names the streams of augmentation and dropout.
        device: where.
    """

    def __init__(
        self, net: Network, params: Mapping[str, Tensor], recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        self.net, self.recipe, self.seed, self.device = net, recipe, seed, device
        module = net.fresh(params)
        self.module = placed(module, device)
        self.optimiser = Optimiser(net, self.module, recipe)
        mixed = recipe.precision == "bfloat16" or (recipe.precision == "auto" and fast_bfloat16(device))
        self.precision = "bfloat16" if mixed else "float32"
        self.pace: Pace | None = None
        self._train_mode()

    def go_on_in(self, precision: str) -> None:
        """Compute in the number format in which a run was begun, whatever is fast here; empty for what it is now.

        Raises:
            UsageError: when the recipe wants another, or the device does not have it.
        """
        if not precision or precision == self.precision:
            return
        if self.recipe.precision != "auto":
            raise UsageError(f"precision: the run was begun in {precision}, and its recipe says {self.precision} now")
        if precision == "bfloat16" and not has_bfloat16(self.device):
            raise UsageError(
                f"precision: the run was begun in {precision}, and {self.device} has {self.precision} only; "
                "go on with it where it was begun"
            )
        self.precision = precision

    def step(self, batch: Batch, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update.

        Args:
            batch: images and labels.
            step: its number, from 0, over all epochs.
            rate: learning rate.

        Returns:
            Loss and accuracy before the update, each ``()``, still on the device.
        """
        generator = numpy_generator("fit", self.seed, "augment", step)
        how, labels = self.recipe.augmentation, batch.labels
        x = self.net.input.prepare(augment(batch.images, how, generator))
        x = x.contiguous(memory_format=torch.channels_last)
        partners = weight = None
        if how.mixup:
            mixed = mixup(x, how.mixup, generator)
            x, partners, weight = mixed.images, labels[mixed.partner], mixed.weight
        # Dropout and the like draw from torch's own generator: it gets a stream of the step, then its own back.
        rng = torch.random.fork_rng([self.device] if self.device.type == "cuda" else [])
        with rng, full_float32(self.device):
            seed_torch(seed_of("fit", self.seed, "dropout", step), self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits: Tensor = self.module(x)
            if partners is None or weight is None:
                loss = mean_loss(logits, labels, self.recipe.label_smoothing)
            else:
                loss = mixed_loss(logits, labels, partners, weight, self.recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step(rate)
        seen = logits.detach()
        if partners is None or weight is None:
            return loss.detach(), share_right(seen, labels).mean()
        right = weight * share_right(seen, labels) + (1 - weight) * share_right(seen, partners)
        return loss.detach(), right.mean()

    def order(self, epoch: int, images: int) -> np.ndarray:
        """Return the order of the training images in an epoch, ``(images,)``."""
        if self.pace is not None:
            return self.pace.order(self.seed, epoch, self.recipe.steps_per_epoch(images))
        return numpy_generator("fit", self.seed, "order", epoch).permutation(images)

    def advance(self, train: Feed, part: np.ndarray, step: int, rate: float) -> tuple[Tensor, Tensor]:
        """Do one update, as :meth:`step`, on the images at these places."""
        return self.step(train.gather(torch.from_numpy(part)), step, rate)

    def close(self, epoch: int) -> None:
        """Nothing is due after an epoch."""

    def evaluate(self, feed: Feed) -> dict[str, float]:
        """Return ``loss``, ``accuracy`` and for multi-label ``auc`` over a set, in eval mode and float32."""
        self.module.eval()
        metrics = measure(self.net, self.module, feed)
        self._train_mode()
        return metrics

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return bool(torch.stack([v.isfinite().all() for v in self.module.state_dict().values()]).all())

    def params(self) -> Params:
        """Return a copy of the weights on CPU."""
        return on_cpu(self.module.state_dict())

    def held(self) -> tuple[Params, Params]:
        """Return copies of the weights and the momentum buffers on CPU."""
        return self.params(), on_cpu(self.optimiser.momentum)

    def _train_mode(self) -> None:
        if self.recipe.frozen == "body":
            # A frozen body is as in evaluation throughout: batch statistics and dropout would change its features.
            self.module.eval()
            self.module.get_submodule(self.net.head).train()
        else:
            self.module.train()


def measure(net: Network, module: nn.Module, feed: Feed) -> dict[str, float]:
    """Return ``loss``, ``accuracy`` and for multi-label ``auc`` of a module in eval mode over a set."""
    height, width = feed.source.size
    size = max(16, min(512, _EVALUATION_PIXELS // (height * width)))
    total: Sums | None = None
    kept: list[Tensor] = []
    with torch.inference_mode(), full_float32(feed.device):
        for batch in feed.batches(size):
            x = net.input.prepare(batch.images).contiguous(memory_format=torch.channels_last)
            logits = module(x)
            part = sums(logits, batch.labels)
            total = part if total is None else total + part
            if multilabel(batch.labels):
                kept.append(logits)
    if total is None:
        return {}
    metrics = {"loss": total.mean_loss(), "accuracy": total.accuracy()}
    if kept:
        metrics["auc"] = macro_auroc(torch.cat(kept).cpu(), feed.labels.cpu()).macro
    return metrics


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's own generators; ``torch.manual_seed`` would besides queue a call for a GPU that is never used."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":  # torch.cuda.manual_seed would seed whichever GPU is the current one
        torch.cuda.default_generators[device.index].manual_seed(seed)


def share_right(logits: Tensor, labels: Tensor) -> Tensor:
    """Return of each image whether its answer is right; of several labels the share that is."""
    right = correct(logits, labels).to(torch.float32)
    if not multilabel(labels):
        return right
    return right.sum(1) / counted(labels).sum(1).clamp(min=1)


def on_cpu(tensors: Mapping[str, Tensor]) -> Params:
    """Return copies on CPU."""
    return {k: v.detach().to("cpu").clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
