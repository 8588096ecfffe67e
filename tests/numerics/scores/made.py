"""Features and labels of known kinds, made from a seed."""

import torch
from torch import Tensor


def made(
    n: int, width: int, classes: int, *, signal: float = 1.0, shift: float = 0.5, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Gaussian classes around random centres, with a mean that is not 0; every class has two images at least."""
    draws = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(classes).repeat(2), torch.randint(classes, (n - 2 * classes,), generator=draws)])
    centres = signal * torch.randn(classes, width, generator=draws, dtype=torch.float64)
    noise = torch.randn(n, width, generator=draws, dtype=torch.float64)
    return centres[labels] + noise + shift, labels
