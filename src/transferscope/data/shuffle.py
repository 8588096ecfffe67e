"""Block shuffle: one fixed permutation of b×b blocks, or of all values, for every image (Neyshabur et al. 2020, §3.1,
Fig. 1).

Blocks move as rows of b pixels, which lie together in memory, so that a whole set is one gather into a buffer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..rng import numpy_generator

__all__ = ["BlockSize", "Layout", "check_block", "divisors", "restore_blocks", "shuffle_blocks"]

BlockSize = int | Literal["*"]
"""Side of a block in pixels, or ``"*"``: every value moves by itself, across pixels and channels."""

Layout = Literal["nhwc", "nchw"]
"""Order of the axes: channels last, as image sets have them, or first, as networks take them."""


def divisors(height: int, width: int | None = None) -> tuple[int, ...]:
    """Return the block sizes that images can be cut into, the smallest first.

    Args:
        height: of the images in pixels.
        width: of the images; by default the height.

    >>> divisors(12), divisors(12, 8)
    ((1, 2, 3, 4, 6, 12), (1, 2, 4))
    """
    width = height if width is None else width
    return tuple(b for b in range(1, min(height, width) + 1) if height % b == 0 and width % b == 0)


def check_block(block: BlockSize, height: int, width: int | None = None) -> None:
    """See that images can be cut into such blocks.

    Args:
        block: side of a block, or ``"*"``, which always can be had.
        height: of the images in pixels.
        width: of the images; by default the height.

    Raises:
        UsageError: when they cannot, naming the sizes that can be had.

    >>> check_block(5, 32)
    Traceback (most recent call last):
    transferscope.errors.UsageError: blocks of side 5 do not fill images of 32×32; use 1, 2, 4, 8, 16, 32 or *
    """
    width = height if width is None else width
    if block == "*":
        return
    if block not in (sizes := divisors(height, width)):
        raise UsageError(
            f"blocks of side {block!r} do not fill images of {height}×{width}; use {', '.join(map(str, sizes))} or *"
        )


@overload
def shuffle_blocks(
    images: np.ndarray, block: BlockSize, *, seed: int = ..., layout: Layout = ..., out: np.ndarray | None = ...
) -> np.ndarray: ...
@overload
def shuffle_blocks(
    images: Tensor, block: BlockSize, *, seed: int = ..., layout: Layout = ..., out: Tensor | None = ...
) -> Tensor: ...
def shuffle_blocks(
    images: np.ndarray | Tensor,
    block: BlockSize,
    *,
    seed: int = 0,
    layout: Layout = "nhwc",
    out: np.ndarray | Tensor | None = None,
) -> np.ndarray | Tensor:
    """Move the blocks of all images to the same new places (Neyshabur et al. 2020, §3.1).

    With π a permutation drawn from the seed, other than the identity: block j of the result is block π(j) of the
    image, blocks counted row by row; for ``"*"``, value j is value π(j), counted over (h, w, c) whatever the layout.
    Images of one size are shuffled in one way by one seed, in any batch and layout.

    Args:
        images: ``(n, h, w, c)`` or ``(n, c, h, w)``, of any type of number.
        block: side b of a block in pixels, which divides h and w (b = h = w moves nothing), or ``"*"``.
        seed: of the permutation.
        layout: which of the two shapes the images have.
        out: where to put the result: of the images' shape and type and contiguous; by default a new array.

    Returns:
        The shuffled images, contiguous.

    Raises:
        UsageError: for a block that does not divide the sides, or images or ``out`` of another shape.

    >>> x = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    >>> shuffle_blocks(x, 2, seed=1)[0, :, :, 0]
    array([[ 0,  1,  8,  9],
           [ 4,  5, 12, 13],
           [10, 11,  2,  3],
           [14, 15,  6,  7]], dtype=uint8)
    """
    return _gathered(images, block, seed, layout, out, back=False)


@overload
def restore_blocks(
    images: np.ndarray, block: BlockSize, *, seed: int = ..., layout: Layout = ..., out: np.ndarray | None = ...
) -> np.ndarray: ...
@overload
def restore_blocks(
    images: Tensor, block: BlockSize, *, seed: int = ..., layout: Layout = ..., out: Tensor | None = ...
) -> Tensor: ...
def restore_blocks(
    images: np.ndarray | Tensor,
    block: BlockSize,
    *,
    seed: int = 0,
    layout: Layout = "nhwc",
    out: np.ndarray | Tensor | None = None,
) -> np.ndarray | Tensor:
    """Undo :func:`shuffle_blocks`; arguments and errors are its own.

    >>> x = torch.arange(48).reshape(1, 3, 4, 4)
    >>> moved = shuffle_blocks(x, "*", layout="nchw")
    >>> torch.equal(restore_blocks(moved, "*", layout="nchw"), x), torch.equal(moved, x)
    (True, False)
    """
    return _gathered(images, block, seed, layout, out, back=True)


def _gathered(
    images: np.ndarray | Tensor,
    block: BlockSize,
    seed: int,
    layout: Layout,
    out: np.ndarray | Tensor | None,
    *,
    back: bool,
) -> np.ndarray | Tensor:
    if layout not in ("nhwc", "nchw"):
        raise UsageError(f"layout {layout!r}; expected 'nhwc' or 'nchw'")
    if images.ndim != 4:
        raise UsageError(f"images of shape {tuple(images.shape)}; expected ({', '.join(layout)})")
    n, *shape = (int(length) for length in images.shape)
    height, width, channels = (shape[layout.index(axis) - 1] for axis in "hwc")
    check_block(block, height, width)
    # Of Python's own types: the stream of random numbers is named by type and value.
    block, seed = block if block == "*" else int(block), int(seed)
    if out is not None:
        _check_out(images, out)
    # What moves as one: a row of a block, with its channels where these lie together; or a single value.
    together = 1 if block == "*" else block * (channels if layout == "nhwc" else 1)
    planes = channels if layout == "nchw" and block != "*" else 1
    index = _index(block, seed, (height, width, channels), layout, back)
    if isinstance(images, Tensor):
        if images.device.type != "cpu" or images.requires_grad:
            rows = images.reshape(n * planes, len(index), together)
            where = torch.tensor(index, device=images.device)
            if not isinstance(out, Tensor):
                return torch.index_select(rows, 1, where).view(images.shape)
            torch.index_select(rows, 1, where, out=out.view(rows.shape))
            return out
        result = torch.empty_like(images, memory_format=torch.contiguous_format) if out is None else out
        assert isinstance(result, Tensor)
        # As bytes, since NumPy lacks some of torch's types.
        source, target = (t.view(-1).view(torch.uint8).numpy() for t in (images.contiguous(), result))
        nbytes = images.element_size()
    else:
        result = np.empty(images.shape, images.dtype) if out is None else out
        assert isinstance(result, np.ndarray)
        source, target = (a.reshape(-1).view(np.uint8) for a in (np.ascontiguousarray(images), result))
        nbytes = images.itemsize
    if n:
        _take(source.reshape(n * planes, -1), target.reshape(n * planes, -1), index, together * nbytes)
    return result


def _take(source: np.ndarray, target: np.ndarray, index: np.ndarray, nbytes: int) -> None:
    """Fill ``target`` with the pieces of ``nbytes`` bytes of each row of ``source`` at ``index``."""
    if nbytes == 3:  # NumPy moves single bytes faster than pieces of three
        index, nbytes = (3 * index[:, None] + np.arange(3)).ravel(), 1
    kind = np.dtype({1: "u1", 2: "u2", 4: "u4", 8: "u8"}.get(nbytes, f"V{nbytes}"))
    # Under the default mode, NumPy fills a buffer first and then copies it.
    np.take(source.view(kind), index, axis=1, out=target.view(kind), mode="clip")


def _check_out(images: np.ndarray | Tensor, out: np.ndarray | Tensor) -> None:
    if isinstance(out, Tensor) != isinstance(images, Tensor):
        raise UsageError(f"out is a {type(out).__name__}, the images are a {type(images).__name__}")
    contiguous = out.is_contiguous() if isinstance(out, Tensor) else out.flags.c_contiguous
    if tuple(out.shape) != tuple(images.shape) or out.dtype != images.dtype or not contiguous:
        raise UsageError(
            f"out must be contiguous, {images.dtype} {tuple(images.shape)}; got {out.dtype} {tuple(out.shape)}"
        )


@lru_cache(maxsize=32)
def _index(block: BlockSize, seed: int, shape: tuple[int, int, int], layout: Layout, back: bool) -> np.ndarray:
    """Where each piece of the result comes from."""
    height, width, channels = shape
    if block == "*":
        moved = _permutation(("*", seed, *shape), height * width * channels, back)
        if layout == "nchw":
            order = np.arange(len(moved)).reshape(shape).transpose(2, 0, 1).ravel()
            moved = np.argsort(order)[moved[order]]
    else:
        across = width // block
        moved = _permutation((block, seed, height, width), (height // block) * across, back)
        row, column = np.arange(height)[:, None], np.arange(across)
        come_from = moved[row // block * across + column]
        moved = ((come_from // across * block + row % block) * across + come_from % across).ravel()
    moved.flags.writeable = False
    return moved


def _permutation(path: tuple[str | int, ...], count: int, back: bool) -> np.ndarray:
    """A permutation that moves something: of four blocks, one draw in 24 would not."""
    generator = numpy_generator("block shuffle", *path)
    drawn = generator.permutation(count)
    while count > 1 and (drawn == np.arange(count)).all():
        drawn = generator.permutation(count)
    return np.argsort(drawn) if back else drawn
