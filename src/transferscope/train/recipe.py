"""How a network is trained: one frozen form that is the help and the configuration as well."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ..data.augmentation import Augmentation
from ..errors import UsageError, nearest

__all__ = ["Recipe"]

_PAPER_EPOCHS = {("chexpert", "pretrained"): 200, ("chexpert", "random"): 400}


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum as in Neyshabur et al. 2020, Appendix A, whose DomainNet settings are the defaults.

    The learning rate of step t is ``lr`` · ``batch``/256 · schedule(t), times ``scalar_lr`` or ``head_lr`` for the
    parameters these name.

    Attributes:
        epochs: passes over the training images.
        batch: most images of a step; an epoch is cut into steps of equal size (up to one image), none left out.
        lr: base learning rate for 256 images, scaled linearly with ``batch``; the paper uses 0.1 from random weights
            and 0.02 from pre-trained ones.
        momentum: of SGD.
        nesterov: Nesterov's momentum instead of the classical one.
        weight_decay: L2 penalty on every parameter.
        scalar_lr: factor on the rate of parameters that are a single number: the biases and scales of Fixup networks.
        head_lr: factor on the rate of the final classifier.
        head_weight_decay: weight decay of the final classifier; none given is that of the rest.
        frozen: "body" trains the final classifier only, with the rest as in evaluation; "none" trains everything.
        schedule: "constant", "step" (times ``decay`` at each of ``milestones``) or "cosine" (to zero at the end).
        milestones: epochs after which "step" lowers the rate.
        decay: factor of "step".
        warmup: steps over which the rate rises linearly at the beginning.
        augmentation: how training images are varied.
        precision: "float32", "bfloat16" (mixed: weights stay float32) or "auto", bfloat16 where the device is fast
            at it.

    Raises:
        UsageError: naming the field that cannot be right.

    >>> recipe = Recipe(batch=256, lr=0.1, epochs=100)
    >>> [round(recipe.rate(step, steps_per_epoch=10), 6) for step in (0, 299, 300, 999)]
    [0.1, 0.1, 0.01, 0.0001]
    """

    epochs: int = 100
    batch: int = 32
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    scalar_lr: float = 0.1
    head_lr: float = 1.0
    head_weight_decay: float | None = None
    frozen: Literal["none", "body"] = "none"
    schedule: Literal["constant", "step", "cosine"] = "step"
    milestones: tuple[int, ...] = (30, 60, 90)
    decay: float = 0.1
    warmup: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip((0, *self.milestones), self.milestones, strict=False))
        head_decay = 0.0 if self.head_weight_decay is None else self.head_weight_decay
        checks = {
            "epochs": (self.epochs >= 1, "1 or more"),
            "batch": (self.batch >= 1, "1 or more images"),
            "lr": (0 < self.lr < math.inf, "a positive number; the paper uses 0.1 from random weights, else 0.02"),
            "momentum": (0 <= self.momentum < 1, "0 or more and under 1, such as 0.9"),
            "nesterov": (not self.nesterov or self.momentum > 0, "False when momentum is 0"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "0 or more, such as 0.0001"),
            "scalar_lr": (0 <= self.scalar_lr < math.inf, "a factor, 0 or more; Fixup networks want 0.1"),
            "head_lr": (0 <= self.head_lr < math.inf, "a factor, 0 or more; 1 for none"),
            "head_weight_decay": (0 <= head_decay < math.inf, "0 or more, or None for that of the rest"),
            "frozen": (self.frozen in ("none", "body"), "'none' or 'body'"),
            "schedule": (self.schedule in ("constant", "step", "cosine"), "'constant', 'step' or 'cosine'"),
            "milestones": (rising, "epochs that rise, such as (30, 60, 90)"),
            "decay": (0 < self.decay <= 1, "a factor over 0 and up to 1, such as 0.1"),
            "warmup": (self.warmup >= 0, "a number of steps, 0 for none"),
            "precision": (self.precision in ("auto", "float32", "bfloat16"), "'auto', 'float32' or 'bfloat16'"),
        }
        for name, (right, wanted) in checks.items():
            if not right:
                raise UsageError(f"{name}: {getattr(self, name)!r} is wrong; expected {wanted}")

    @classmethod
    def paper(
        cls,
        task: Literal["domainnet", "chexpert"] = "domainnet",
        start: Literal["random", "pretrained"] = "random",
    ) -> Recipe:
        """Return the recipe of Neyshabur et al. 2020, Appendix A for a task and a start, with the rate that suits the
        start (B.1).

        >>> Recipe.paper("chexpert", "pretrained").epochs, Recipe.paper("chexpert", "pretrained").schedule
        (200, 'constant')
        """
        rates = {"random": 0.1, "pretrained": 0.02}
        if start not in rates:
            raise UsageError(f"start {start!r}{nearest(start, rates)}")
        if task == "domainnet":
            return cls(lr=rates[start])
        if task == "chexpert":
            return cls(epochs=_PAPER_EPOCHS[task, start], batch=256, lr=rates[start], schedule="constant")
        raise UsageError(f"task {task!r}{nearest(task, ('domainnet', 'chexpert'))}")

    def steps_per_epoch(self, images: int) -> int:
        """How many steps an epoch over this many images has.

        >>> Recipe(batch=32).steps_per_epoch(100)
        4
        """
        return math.ceil(images / self.batch)

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step, counted from 0 over all epochs.

        Args:
            step: the step.
            steps_per_epoch: as in :meth:`steps_per_epoch`.

        >>> recipe = Recipe(batch=128, lr=0.2, epochs=2, schedule="cosine", warmup=2)
        >>> [round(recipe.rate(step, 5), 4) for step in (0, 1, 5)]
        [0.05, 0.0976, 0.05]
        """
        rate = self.lr * self.batch / 256
        if self.schedule == "step":
            rate *= self.decay ** sum(step >= epoch * steps_per_epoch for epoch in self.milestones)
        elif self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * step / (self.epochs * steps_per_epoch)))
        return rate * min(1.0, (step + 1) / self.warmup) if self.warmup else rate
