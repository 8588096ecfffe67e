"""What is done to images once they are decoded: turned, then shuffled, without decoding them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .mapped import changed
from .shuffle import BlockSize, check_block, shuffle_blocks

__all__ = ["Turn", "View"]

Turn = Literal[0, 90, 180, 270]
"""Degrees, anticlockwise."""


@dataclass(frozen=True)
class View:
    """How decoded images are looked at.

    Attributes:
        turn: by how many degrees they are turned, anticlockwise.
        shuffle: side of the blocks that are then shuffled, ``"*"`` for all values, ``None`` for no shuffle.
        seed: of the shuffle.

    >>> View(turn=180)(np.array([[[[1], [2]], [[3], [4]]]], np.uint8))[0, :, :, 0].tolist()
    [[4, 3], [2, 1]]
    """

    turn: Turn = 0
    shuffle: BlockSize | None = None
    seed: int = 0

    def moves(self, height: int, width: int) -> bool:
        """Whether images of this size look different.

        Raises:
            UsageError: when they cannot be cut into the blocks.
        """
        if self.shuffle is not None:
            check_block(self.shuffle, height, width)
        whole = self.shuffle is None or self.shuffle == height == width
        return self.turn != 0 or not whole

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the images as they look.

        Args:
            images: ``(n, h, w, c)``; those in a large memory map are read bit by bit, into an unnamed file.

        Raises:
            UsageError: when they cannot be cut into the blocks.
            DataError: when the disk has no room for the unnamed file.
        """
        height, width = images.shape[1:3]
        if not self.moves(height, width):
            return images
        shape = (width, height) if self.turn % 180 else (height, width)
        return changed(images, self._of, (len(images), *shape, images.shape[3]))

    @property
    def described(self) -> tuple[str, ...]:
        """What is done, in words.

        >>> View(turn=180, shuffle=8).described
        ('turned by 180°', '8×8 blocks shuffled with seed 0')
        """
        said = (f"turned by {self.turn}°",) if self.turn else ()
        if self.shuffle is None:
            return said
        what = "all values" if self.shuffle == "*" else f"{self.shuffle}×{self.shuffle} blocks"
        where = " across pixels and channels" if self.shuffle == "*" else ""
        return (*said, f"{what} shuffled{where} with seed {self.seed}")

    def _of(self, images: np.ndarray) -> np.ndarray:
        turned = np.rot90(images, self.turn // 90, axes=(1, 2))
        if self.shuffle is None:
            return np.ascontiguousarray(turned)
        return shuffle_blocks(turned, self.shuffle, seed=self.seed)
