"""The two-layer ReLU network of the theorems, trained by plain gradient descent: f(x) = aᵀσ(Wx)/√m, a fixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from ..errors import UsageError

__all__ = ["Start", "TwoLayer", "rotated", "start_two_layer"]

Start = Literal["mirrored", "independent"]
"""``mirrored``: units in pairs of equal weights and opposite signs, so that f = 0; ``independent``: as the paper."""


@dataclass(eq=False)
class TwoLayer:
    """A network of m units, those with a = +1 first; only the first layer is trained, in place.

    Attributes:
        weights: W, ``(m, d)``, a unit a row.
        positive: how many units have a = +1; the others have −1.
    """

    weights: Tensor
    positive: int

    def copy(self) -> TwoLayer:
        """Return a network of its own with the same weights."""
        return TwoLayer(self.weights.clone(), self.positive)

    def outputs(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return f of each input."""
        return self._said((self.weights @ x.T).relu_())

    def active(self, x: Float[Tensor, "n d"]) -> Tensor:
        """Return which units are on, ``(m, n)``: the activation patterns that lazy training leaves as they are."""
        return self.weights @ x.T > 0

    def train(self, x: Float[Tensor, "n d"], y: Float[Tensor, " n"], rate: float, steps: int) -> None:
        """Take steps of full-batch gradient descent on L = ½‖y − f(x)‖², a sum over examples.

        W_r ← W_r − η·a_r/√m·Σ_i (f(x_i) − y_i)·1{w_rᵀx_i > 0}·x_i (Liu et al. 2019, eq. 4). Two products a step: what
        the examples weigh is put into them, not into the larger matrix of patterns.

        Args:
            x: inputs, in the number format of the weights.
            y: labels.
            rate: η.
            steps: how many.

        Raises:
            UsageError: when an output is not finite at the end: the rate was too large.
        """
        scale = rate / math.sqrt(len(self.weights))
        plus, minus = self.weights[: self.positive], self.weights[self.positive :]
        units = self.weights.new_empty(len(self.weights), len(x))
        for _ in range(steps):
            torch.mm(self.weights, x.T, out=units)
            units.relu_()
            weighted = (self._said(units) - y)[:, None] * x
            units.sign_()  # 1 where a unit is on, else 0
            plus.addmm_(units[: self.positive], weighted, alpha=-scale)
            minus.addmm_(units[self.positive :], weighted, alpha=scale)
        if not bool(self.weights.isfinite().all()):
            raise UsageError(f"training at rate {rate:g} diverged; any rate under 2/λ_max of the kernel converges")

    def _said(self, units: Tensor) -> Tensor:
        both = units[: self.positive].sum(0) - units[self.positive :].sum(0)
        return both / math.sqrt(len(self.weights))


def start_two_layer(
    units: int, inputs: int, *, start: Start = "mirrored", size: float = 1.0, generator: Generator
) -> TwoLayer:
    """Draw a network: w_r ~ N(0, κ²I), a_r = ±1.

    With independent units f is not 0 at the start but of size κ, so that the theorems as printed are off by O(κ)
    however wide the network is; and κ → 0 at a given width leaves the lazy regime. Mirrored units (w, +1), (w, −1)
    have f = 0 exactly at any κ.

    Args:
        units: m; even where units are mirrored.
        inputs: d.
        start: how units are drawn.
        size: κ.
        generator: of the numbers.

    Raises:
        UsageError: for no units, an odd number of mirrored ones, or a size that is not over 0.

    >>> from transferscope.rng import generator
    >>> net = start_two_layer(4, 2, generator=generator("doctest"))
    >>> net.outputs(torch.eye(2, dtype=torch.float64)).tolist(), net.positive
    ([0.0, 0.0], 2)
    """
    if units < 1 or (start == "mirrored" and units % 2):
        raise UsageError(f"{units} units; expected at least 1, and an even number of mirrored ones")
    if not size > 0:
        raise UsageError(f"weights of size {size}; expected κ over 0, such as 1")
    if start == "mirrored":
        half = size * torch.randn(units // 2, inputs, dtype=torch.float64, generator=generator)
        return TwoLayer(torch.cat([half, half]), units // 2)
    weights = size * torch.randn(units, inputs, dtype=torch.float64, generator=generator)
    return TwoLayer(weights, int(torch.randint(0, 2, (units,), generator=generator).sum()))


def rotated(sets: Sequence[Float[Tensor, "_ d"]]) -> list[Tensor]:
    """Turn inputs into the span of all of them together: d → at most n numbers each, all inner products as before.

    Weights across that span never move, and Gaussian weights are Gaussian in it; so networks on the turned inputs
    are those on the inputs, at a d/n-th of the work. Nothing is turned where there are no fewer inputs than numbers.

    >>> a, b = rotated([torch.eye(5, dtype=torch.float64)[:2], torch.ones(1, 5, dtype=torch.float64)])
    >>> a.shape[1], (a @ b.T).flatten().round(decimals=12).tolist()
    (3, [1.0, 1.0])
    """
    every = torch.cat(list(sets))
    if every.shape[0] >= every.shape[1]:
        return list(sets)
    basis, _ = torch.linalg.qr(every.T)
    return list((every @ basis).split([len(s) for s in sets]))
