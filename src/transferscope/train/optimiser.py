"""SGD with momentum: which parameters are trained, each at its own rate."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import StoreError, UsageError
from ..models.network import Network
from ..params import Params
from .recipe import Recipe

__all__ = ["Optimiser"]


class Optimiser:
    """Update the parameters of a module in place: v ← μv + g + λθ, θ ← θ − η·factor·v (Nesterov: g + λθ + μv).

    A parameter's factor is ``scalar_lr`` when it is a single number, times ``head_lr`` when it belongs to the head.

    Args:
        net: names the head.
        module: whose parameters are updated; those that are frozen stop requiring gradients.
        recipe: rates, momentum, decay.

    Raises:
        UsageError: when a setting is about the head and the network's head is unknown, or nothing is left to train.
    """

    def __init__(self, net: Network, module: nn.Module, recipe: Recipe) -> None:
        head = set(net.head_tensors())
        about_head = recipe.frozen == "body" or recipe.head_lr != 1 or recipe.head_weight_decay is not None
        if about_head and not head:
            what = "frozen" if recipe.frozen == "body" else "head_lr or head_weight_decay"
            raise UsageError(f"{what}: the final classifier of {net.name} is not known; give the network its head")
        self._momentum, self._nesterov = recipe.momentum, recipe.nesterov
        self._groups: dict[tuple[float, float], dict[str, nn.Parameter]] = {}
        self._velocity: Params = {}
        for name, parameter in module.named_parameters():
            if recipe.frozen == "body" and name not in head:
                parameter.requires_grad_(False)
            if not parameter.requires_grad:
                continue
            factor, decay = 1.0, recipe.weight_decay
            if parameter.numel() == 1:
                factor *= recipe.scalar_lr
            if name in head:
                factor *= recipe.head_lr
                decay = decay if recipe.head_weight_decay is None else recipe.head_weight_decay
            self._groups.setdefault((factor, decay), {})[name] = parameter
            if recipe.momentum:
                self._velocity[name] = torch.zeros_like(parameter)
        if not self._groups:
            raise UsageError(f"{net.name} has no parameter to train")

    # torch.optim.SGD would do the same, and imports torch's compiler when it is made, which takes seconds.
    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update the parameters by their gradients and forget the gradients; those without one stay as they are."""
        for (factor, decay), group in self._groups.items():
            used = {name: (p, p.grad) for name, p in group.items() if p.grad is not None}
            if not used:
                continue
            parameters: list[Tensor] = [p for p, _ in used.values()]
            moves = [gradient for _, gradient in used.values()]
            if decay:
                torch._foreach_add_(moves, parameters, alpha=decay)
            if self._momentum:
                velocity = [self._velocity[name] for name in used]
                torch._foreach_mul_(velocity, self._momentum)
                torch._foreach_add_(velocity, moves)
                if self._nesterov:
                    torch._foreach_add_(moves, velocity, alpha=self._momentum)
                else:
                    moves = velocity
            torch._foreach_add_(parameters, moves, alpha=-rate * factor)
            for parameter in parameters:
                parameter.grad = None

    @property
    def momentum(self) -> Params:
        """The momentum buffers by parameter name; empty without momentum."""
        return dict(self._velocity)

    def load_momentum(self, buffers: Mapping[str, Tensor]) -> None:
        """Set the momentum buffers to the values of these; those that are not named stay zero.

        Raises:
            StoreError: when one does not belong to a parameter that is trained, or has another shape.
        """
        for name, buffer in buffers.items():
            own = self._velocity.get(name)
            if own is None or own.shape != buffer.shape:
                raise StoreError(f"the saved momentum of {name!r} does not fit this network and recipe")
            own.copy_(buffer)
