"""Quick sketches: a hand draws every part's contour in black, a little off, shaky and with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferscope.data.synthetic._draws import (
    Draws,
    Index,
    Pose,
    chance,
    clip01,
    col,
    directions,
    draw_pose,
    grid,
    inside,
    log_uniform,
    object_frame,
    runs,
    uniform,
)
from transferscope.data.synthetic._sdf import Array, circle, ring
from transferscope.data.synthetic._things import MAIN, Shape

_PARTS = 8  # no object has more
_STRAYS = 2


@dataclass(frozen=True)
class _Sketch(Draws):
    pose: Pose
    line: Array  # (n,): half width
    off: Array  # (_PARTS, 4, n): shift (2), turn and growth of each part
    wave: Array  # (_PARTS, 8, n): frequencies and phases of the wobble, two along x and two along y
    shake: Array  # (n,): amplitude of the wobble
    lift: Array  # (n,): above it, the pen is off the paper
    again: Array  # (n,): how far a second line strays from the first; 0 when there is none
    opaque: Array  # (n,): whether parts in front hide what is behind
    left_out: Array  # (_PARTS, n): whether a detail is not drawn
    stray: Array  # (_STRAYS, 5, n): arcs that belong to nothing: centre (2), radius, and a mask's centre (2)


def _draw(rng: np.random.Generator, n: int) -> _Sketch:
    wave = np.empty((_PARTS, 8, n), np.float32)
    wave[:, 0:4:2] = uniform(rng, 1.5, 4.0, _PARTS, 2, n)
    wave[:, 1:4:2] = uniform(rng, 5.0, 11.0, _PARTS, 2, n)
    wave[:, 4:] = uniform(rng, 0.0, 2.0 * np.pi, _PARTS, 4, n)
    haste = uniform(rng, 0.3, 1.5, n)  # one hand is shaky and inexact throughout, another is neither
    off = rng.standard_normal((_PARTS, 4, n), dtype=np.float32)
    off *= np.asarray([0.035, 0.035, 0.06, 0.07], np.float32)[:, None] * haste
    # Ground, sun, rain, a slip of the pen: an arc about a far or near centre, as far as its mask reaches.
    stray = uniform(rng, -1.0, 1.0, _STRAYS, 5, n)
    radius = log_uniform(rng, 0.12, 2.5, _STRAYS, n)
    stray[:, 3:] = stray[:, :2] * 0.95
    stray[:, :2] = stray[:, 3:] + directions(rng, _STRAYS, n).swapaxes(0, 1) * radius[:, None]
    stray[:, 2] = np.where(rng.random((_STRAYS, n)) < 0.35, radius, -9.0)
    return _Sketch(
        pose=draw_pose(rng, n, scale=(0.4, 0.9), turn=35.0, stretch=0.28, roam=0.9),
        line=uniform(rng, 0.022, 0.034, n),
        off=off,
        wave=wave,
        shake=0.03 * haste,
        lift=uniform(rng, 0.9, 2.4, n),
        again=chance(rng, 0.2, n) * uniform(rng, 0.05, 0.09, n),
        opaque=chance(rng, 0.75, n),
        left_out=chance(rng, 0.15, _PARTS, n),
        stray=stray,
    )


class SketchStyle:
    """Sketches of one chunk: everything random drawn at once, pixels made block by block."""

    def __init__(self, rng: np.random.Generator, n: int, size: int, shapes: Sequence[Shape]) -> None:
        self._draws = _draw(rng, n)
        self._size = size
        self._shapes = shapes

    def pixels(self, which: Index, labels: Index) -> Array:
        """Planes (3, n, size, size) of the images `which`, whose labels must be sorted."""
        p = self._draws.of(which)
        ink = np.empty((len(which), self._size, self._size), np.float32)
        for label, part_of in runs(labels):
            ink[part_of] = _sketch(p.of(part_of), self._shapes[label], self._size)
        _scribble(ink, p, self._size)
        return np.broadcast_to(1.0 - ink, (3, *ink.shape))


class _Hand:
    """A place that is a little elsewhere each time it is asked for."""

    def __init__(self, p: _Sketch, size: int) -> None:
        self._p = p
        self._x, self._y = grid(size)
        self._part = -1
        self.waver = self._x

    def __call__(self) -> tuple[Array, Array]:
        self._part += 1
        p = self._p
        f1, g1, f2, g2, a, b, c, d = col(p.wave[self._part])
        # Waves along one axis each: the sums are cheap, and bend every line.
        slow_x, fast_x = np.sin(f1 * self._x + a), np.sin(g1 * self._x + b)
        slow_y, fast_y = np.sin(f2 * self._y + c), np.sin(g2 * self._y + d)
        self.waver = 0.6 * (slow_x + slow_y) + 0.7 * (fast_x * fast_y)
        right, up, turn, growth = col(p.off[self._part])
        shake = col(p.shake)
        x = self._x + (shake * (slow_y + 0.5 * fast_x))
        y = self._y + (shake * (slow_x + 0.5 * fast_y))
        u, v = object_frame(p.pose, x, y)
        u, v = (u - right) * (1.0 + growth), (v - up) * (1.0 + growth)
        return u + turn * v, v - turn * u


def _sketch(p: _Sketch, shape: Shape, size: int) -> Array:
    hand = _Hand(p, size)
    scale, lift, opaque = col(p.pose.scale), col(p.lift), col(p.opaque)
    twice = np.flatnonzero(p.again)
    again = col(p.again[twice])
    ink = np.zeros((len(p.line), size, size), np.float32)
    for number, (distance, material) in enumerate(shape(hand, col(p.pose.bend))):
        d = distance * scale
        if material != MAIN:
            d = d + 9.0 * col(p.left_out[number])
        line = col(p.line) * (1.0 + 0.2 * hand.waver)
        stroke = inside(np.abs(d) - line, size)
        stroke *= clip01((lift - hand.waver) * 6.0)
        if len(twice):
            second = np.abs(d[twice] + again * hand.waver[twice]) - line[twice]
            stroke[twice] = np.maximum(stroke[twice], inside(second, size))
        ink *= 1.0 - opaque * inside(d, size)
        np.maximum(ink, stroke, out=ink)
    return ink


def _scribble(ink: Array, p: _Sketch, size: int) -> None:
    """Add the strokes that belong to nothing, in place."""
    x, y = grid(size)
    for piece in range(_STRAYS):
        some = np.flatnonzero(p.stray[piece, 2] > 0.0)
        cx, cy, radius, at_x, at_y = col(p.stray[piece][:, some])
        arc = ring(x, y, cx, cy, radius, col(p.line[some]))
        stroke = inside(np.maximum(arc, circle(x, y, at_x, at_y, 0.35)), size)
        ink[some] = np.maximum(ink[some], stroke)
