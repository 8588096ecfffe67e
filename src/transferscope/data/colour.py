"""Colours of a whole batch varied on its device, each image with its own draw."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["jitter"]

_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_JITTERED, _GREY = 0.8, 0.2


def jitter(
    images: Float[Tensor, "b h w c"], strength: float, generator: np.random.Generator
) -> Float[Tensor, "b h w c"]:
    """Vary brightness, contrast, saturation and hue of 8 in 10 images, and take all colour from 2 in 10.

    With s = 0.8·strength: brightness times 1 ± s, contrast about the image's mean grey times 1 ± s, saturation times
    1 ± s and hue turned by ± 0.2·strength of a circle, each uniform, in this order; grey images have the first two.
    Saturation and hue are a scaling and a turn of the two colour channels of YIQ, all of it linear, and cut off at 0
    and 255. The amounts are those of Chen et al. 2020, Appendix A; their code turns hue in HSV and draws the order.

    Args:
        images: float ``(b, h, w, c)`` from 0 to 255, 1 or 3 channels.
        strength: 0 for nothing, 0.5 for small images, 1 for large ones.
        generator: where draws come from; the same draws for every device.

    >>> grey = torch.full((4, 2, 2, 3), 100.0)
    >>> bool((jitter(grey, 0.0, np.random.default_rng(0)) - grey).abs().max() < 0.1)  # nothing to take from grey
    True
    """
    count, channels = len(images), images.shape[3]
    s = 0.8 * strength
    bright, contrast, saturation = generator.uniform(max(0.0, 1 - s), 1 + s, (3, count))
    turn = generator.uniform(-0.2 * strength, 0.2 * strength, count) * 2 * math.pi
    on, grey = generator.random(count) < _JITTERED, generator.random(count) < _GREY
    x = images.to(torch.float32)

    def each(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(x.device)[:, None, None, None]

    x = (x * each(np.where(on, bright, 1.0))).clamp(0, 255)
    to_grey = _YIQ[0].to(x.device) if channels == 3 else torch.ones(1, device=x.device)
    mean = (x @ to_grey).mean((1, 2))[:, None, None, None]
    x = (mean + (x - mean) * each(np.where(on, contrast, 1.0))).clamp(0, 255)
    if channels == 3:
        scale = np.where(grey, 0.0, np.where(on, saturation, 1.0))
        angle = np.where(on, turn, 0.0)
        cos, sin = (each(scale * f(angle))[:, 0, 0, 0] for f in (np.cos, np.sin))
        mixing = torch.zeros(count, 3, 3, device=x.device)
        mixing[:, 0, 0] = 1
        mixing[:, 1, 1], mixing[:, 1, 2], mixing[:, 2, 1], mixing[:, 2, 2] = cos, -sin, sin, cos
        yiq = _YIQ.to(x.device)
        whole = torch.linalg.inv(yiq) @ mixing @ yiq
        x = (x.reshape(count, -1, 3) @ whole.transpose(1, 2)).reshape(x.shape).clamp(0, 255)
    return x
