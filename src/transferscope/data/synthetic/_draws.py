"""What is random about a chunk of pictures: numbers drawn once, whatever the size in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from transferscope.data.synthetic._sdf import Array

Index = npt.NDArray[np.int64]

HUES: dict[str, float] = {
    "red": 0.0,
    "orange": 27.0,
    "yellow": 52.0,
    "green": 118.0,
    "cyan": 180.0,
    "blue": 222.0,
    "purple": 275.0,
    "pink": 325.0,
}


def uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Array:
    """Uniform float32 numbers in [low, high)."""
    return low + (high - low) * rng.random(shape, dtype=np.float32)


def log_uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Array:
    """Numbers in [low, high) whose logarithms are uniform."""
    return np.exp(uniform(rng, math.log(low), math.log(high), *shape))


def chance(rng: np.random.Generator, share: float, *shape: int) -> Array:
    """1 with the given probability, else 0."""
    return (rng.random(shape, dtype=np.float32) < share).astype(np.float32)


def directions(rng: np.random.Generator, *shape: int) -> Array:
    """Unit vectors, (2, …)."""
    angle = uniform(rng, 0.0, 2.0 * np.pi, *shape)
    return np.stack([np.cos(angle), np.sin(angle)])


def col(values: Array) -> Array:
    """(…, n) → (…, n, 1, 1), to meet pixel grids (n, h, w)."""
    return values[..., None, None]


def clip01(values: Array) -> Array:
    """`values` held in [0, 1], in place (on small arrays `np.clip` costs three times this)."""
    np.maximum(values, 0.0, out=values)
    np.minimum(values, 1.0, out=values)
    return values


def smooth(values: Array) -> Array:
    """Smooth step from 0 to 1 as `values`, which are used up, go from 0 to 1."""
    t = clip01(values)
    out = 3.0 - 2.0 * t
    out *= t
    out *= t
    return out


def inside(distance: Array, size: int) -> Array:
    """Share of each pixel that lies inside, for distances in picture half-widths; its edge is one pixel wide."""
    share = distance * (-0.5 * size)
    share += 0.5
    return clip01(share)


def hsv(hue: Array, saturation: Array, value: Array) -> Array:
    """Colours in [0, 1], channels first; hue in degrees."""
    turn = np.asarray([5.0, 3.0, 1.0], np.float32).reshape(3, *[1] * hue.ndim)
    k = (turn + hue / 60.0) % 6.0
    out: Array = value - value * saturation * np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0)
    return out


@dataclass(frozen=True)
class Draws:
    """Arrays whose last axis is the images of a chunk."""

    def of(self, which: Index | slice) -> Self:
        """The draws of some images."""
        return replace(
            self,
            **{
                f.name: value.of(which) if isinstance(value, Draws) else value[..., which]
                for f in fields(self)
                for value in [getattr(self, f.name)]
            },
        )


@dataclass(frozen=True)
class Pose(Draws):
    """Where the objects are and how they are bent."""

    matrix: Array  # (4, n): offset from the centre → object frame, row by row
    centre: Array  # (2, n)
    scale: Array  # (n,): one object unit in picture half-widths
    bend: Array  # (6, n) in [−1, 1]


def draw_pose(
    rng: np.random.Generator, n: int, *, scale: tuple[float, float], turn: float, stretch: float, roam: float
) -> Pose:
    """Poses by a style's freedom: size, place, rotation (degrees), aspect and shear, mirror image.

    `roam` is how far the centre goes, as a share of the room the object leaves in the picture.
    """
    size = uniform(rng, *scale, n)
    room = np.maximum(1.05 - size, 0.05) * roam
    centre = uniform(rng, -1.0, 1.0, 2, n) * room
    angle = np.deg2rad(turn) * uniform(rng, -1.0, 1.0, n)
    aspect = np.exp(stretch * uniform(rng, -1.0, 1.0, n))
    shear = stretch * uniform(rng, -1.0, 1.0, n)
    flip = 1.0 - 2.0 * chance(rng, 0.5, n)
    c, s = np.cos(angle), np.sin(angle)
    wide, tall = size * np.sqrt(aspect) * flip, size / np.sqrt(aspect)
    # Turn back, undo the shear, divide by the sides.
    matrix = np.stack([(c + shear * s) / wide, (s - shear * c) / wide, -s / tall, c / tall])
    return Pose(matrix.astype(np.float32), centre, size, uniform(rng, -1.0, 1.0, 6, n))


def grid(size: int) -> tuple[Array, Array]:
    """Pixel centres, x (1, 1, size) to the right and y (1, size, 1) up, the picture being [−1, 1]²."""
    axis = ((np.arange(size) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
    return axis[None, None, :], -axis[None, :, None]


def object_frame(pose: Pose, x: Array, y: Array) -> tuple[Array, Array]:
    """Picture coordinates → coordinates in the objects' own frames, (n, h, w) each."""
    a, b, c, d = col(pose.matrix)
    u, v = x - col(pose.centre[0]), y - col(pose.centre[1])
    return a * u + b * v, c * u + d * v


def runs(labels: Index) -> list[tuple[int, slice]]:
    """The classes of sorted labels and where each lies.

    >>> runs(np.array([2, 2, 5]))
    [(2, slice(0, 2, None)), (5, slice(2, 3, None))]
    """
    cuts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    starts, ends = [0, *cuts.tolist()], [*cuts.tolist(), len(labels)]
    return [(int(labels[a]), slice(a, b)) for a, b in zip(starts, ends, strict=True)]


def as_pixels(rgb: Array) -> npt.NDArray[np.uint8]:
    """Planes (3, n, h, w) in [0, 1] → bytes (n, h, w, 3)."""
    scaled = np.clip(rgb * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(scaled.transpose(1, 2, 3, 0))
