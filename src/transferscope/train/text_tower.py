"""A small transformer that reads captions: words in, one embedding out."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from ..data.words import PADDING

__all__ = ["TextTower"]

_HEADS = 4


class TextTower(nn.Module):
    """Embeddings of words and of their places, blocks of self-attention and two linear layers, and their mean.

    Each block normalises first, as in CLIP (Radford et al. 2021); words see those before and after them; places
    without a word are seen by none and have no part in the mean.

    Args:
        tokens: how many there are, padding and the unknown word among them.
        length: of a caption.
        width: of embeddings, a multiple of 4.
        depth: blocks.
        out: numbers of the embedding that is returned.

    >>> tower = TextTower(5, length=3, width=8, depth=1, out=6)
    >>> words = torch.tensor([[2, 3, 0], [2, 3, 4]])
    >>> tower(words).shape, bool(torch.allclose(tower(words)[:1], tower(words[:1, :2]), atol=1e-6))
    (torch.Size([2, 6]), True)
    """

    def __init__(self, tokens: int, *, length: int, width: int, depth: int, out: int) -> None:
        super().__init__()
        self.words = nn.Embedding(tokens, width)
        self.places = nn.Parameter(0.01 * torch.randn(length, width))
        nn.init.normal_(self.words.weight, std=0.02 * 8)  # a vocabulary of dozens: words must stand out from places
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, out, bias=False)

    def forward(self, words: Int64[Tensor, "n l"]) -> Float[Tensor, "n d"]:
        """Return an embedding for each caption."""
        there = words != PADDING
        x = self.words(words) + self.places[: words.shape[1]]
        for block in self.blocks:
            x = block(x, there)
        x = self.norm(x) * there[:, :, None]
        mean = x.sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        found: Tensor = self.out(mean)
        return found


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed, self.back = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        n, length, width = x.shape
        parts = self.mixed(self.before(x)).view(n, length, 3, _HEADS, width // _HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        # A caption without a word sees its own padding, so that no mean is over nothing.
        seen = there | ~there.any(1, keepdim=True)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None, :])
        x = x + self.back(found.transpose(1, 2).reshape(n, length, width))
        more: Tensor = x + self.down(functional.gelu(self.up(self.between(x))))
        return more
