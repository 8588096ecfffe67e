"""Clip art: flat colours, dark outlines, plain or simply patterned backgrounds."""

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
    hsv,
    inside,
    log_uniform,
    object_frame,
    runs,
    uniform,
)
from transferscope.data.synthetic._palette import draw_materials
from transferscope.data.synthetic._sdf import Array, box, circle, convex
from transferscope.data.synthetic._things import Shape

_SPRINKLES = 5
_BACKGROUNDS = ("plain", "plain", "stripes", "dots", "checks", "rays", "fade", "disc")


@dataclass(frozen=True)
class _Clipart(Draws):
    pose: Pose
    materials: Array  # (4, 3, n)
    paper: Array  # (3, n)
    ink: Array  # (3, n): second colour of the background
    kind: Array  # (n,): place in _BACKGROUNDS
    tile: Array  # (4, n): direction (2), tiles a half-width, phase
    line: Array  # (n,): half width of the outline, 0 for none
    line_colour: Array  # (3, n)
    border: Array  # (n,): width of a white sticker border, 0 for none
    tone: Array  # (3, n): direction (2) and depth of a two-tone shade
    sprinkle: Array  # (_SPRINKLES, 4, n): centre (2), radius (below 0 for none), and disc, square or triangle
    sprinkle_colour: Array  # (3, _SPRINKLES, n)


def _draw(rng: np.random.Generator, n: int, hue: Array) -> _Clipart:
    pose = draw_pose(rng, n, scale=(0.36, 0.84), turn=35.0, stretch=0.2, roam=0.9)
    materials = draw_materials(rng, hue, saturation=(0.6, 1.0), value=(0.6, 1.0))
    base = uniform(rng, 0.0, 360.0, n)
    pale = chance(rng, 0.65, n)
    paper = hsv(base, uniform(rng, 0.0, 0.35, n) * pale + 0.55 * (1.0 - pale), uniform(rng, 0.82, 1.0, n))
    paper = np.where(rng.random(n) < 0.25, np.float32(1.0), paper)
    ink = hsv(base + uniform(rng, -90.0, 90.0, n), uniform(rng, 0.15, 0.55, n), uniform(rng, 0.65, 1.0, n))
    tile = np.concatenate([directions(rng, n), uniform(rng, 2.0, 4.5, 1, n), uniform(rng, 0.0, 1.0, 1, n)])
    sprinkle = uniform(rng, -1.0, 1.0, _SPRINKLES, 4, n)
    sprinkle[:, 2] = log_uniform(rng, 0.07, 0.3, _SPRINKLES, n)
    absent = uniform(rng, -2.0, _SPRINKLES, n) < np.arange(_SPRINKLES)[:, None]
    sprinkle[:, 2] -= 9.0 * absent
    return _Clipart(
        pose=pose,
        materials=materials,
        paper=paper,
        ink=ink,
        kind=rng.integers(len(_BACKGROUNDS), size=n).astype(np.float32),
        tile=tile,
        line=uniform(rng, 0.018, 0.05, n) * chance(rng, 0.88, n),
        line_colour=hsv(hue, uniform(rng, 0.0, 0.7, n), uniform(rng, 0.0, 0.3, n)),
        border=uniform(rng, 0.05, 0.1, n) * chance(rng, 0.25, n),
        tone=np.concatenate([directions(rng, n), (chance(rng, 0.6, n) * uniform(rng, 0.08, 0.25, n))[None]]),
        sprinkle=sprinkle,
        sprinkle_colour=hsv(
            uniform(rng, 0.0, 360.0, _SPRINKLES, n),
            uniform(rng, 0.1, 0.9, _SPRINKLES, n),
            uniform(rng, 0.5, 1.0, _SPRINKLES, n),
        ),
    )


class ClipartStyle:
    """Clip art of one chunk: everything random drawn at once, pixels made block by block."""

    def __init__(self, rng: np.random.Generator, hue: Array, size: int, shapes: Sequence[Shape]) -> None:
        self._draws = _draw(rng, len(hue), hue)
        self._size = size
        self._shapes = shapes

    def pixels(self, which: Index, labels: Index) -> Array:
        """Planes (3, n, size, size) of the images `which`, whose labels must be sorted."""
        p = self._draws.of(which)
        x, y = grid(self._size)
        rgb = _backgrounds(p, x, y)
        for piece in range(_SPRINKLES):
            _strew(rgb, p, piece, x, y)
        for label, part_of in runs(labels):
            planes = np.ascontiguousarray(rgb[:, part_of])
            _print_object(planes, p.of(part_of), self._shapes[label], x, y)
            rgb[:, part_of] = planes
        return rgb


def _backgrounds(p: _Clipart, x: Array, y: Array) -> Array:
    n, size = len(p.kind), x.shape[-1]
    mix = np.zeros((n, size, size), np.float32)
    for kind, name in enumerate(_BACKGROUNDS):
        some = np.flatnonzero(p.kind == kind)
        if name != "plain" and len(some):
            mix[some] = _pattern(name, p.of(some), x, y)
    return col(p.paper) + col(p.ink - p.paper) * mix


def _pattern(name: str, p: _Clipart, x: Array, y: Array) -> Array:
    """How much of the second colour is where, (n, h, w)."""
    c, s, tiles, phase = col(p.tile)
    edge = x.shape[-1] / 2.0  # pixels a half-width
    u, v = (x * c + y * s) * tiles + phase, (y * c - x * s) * tiles + phase
    to_pixels = edge / tiles
    if name == "stripes":
        wave = np.abs(u % 1.0 - 0.5) - 0.25
        return clip01(0.5 - wave * to_pixels)
    if name == "dots":
        dots = np.hypot(u % 1.0 - 0.5, v % 1.0 - 0.5) - 0.26
        return clip01(0.5 - dots * to_pixels)
    if name == "checks":
        across, along = (np.abs(t % 2.0 - 1.0) - 0.5 for t in (u, v))
        return clip01(0.5 + np.sign(across * along) * np.minimum(np.abs(across), np.abs(along)) * to_pixels)
    if name == "rays":
        dx, dy = x - col(p.pose.centre[0]), y - col(p.pose.centre[1])
        turn = np.arctan2(dy, dx) * (np.rint(tiles * 2.0) + 4.0) + phase * 6.3
        return clip01(0.5 + np.sin(turn) * np.hypot(dx, dy) * edge / (tiles * 2.0 + 4.0))
    if name == "fade":
        return clip01(0.5 + 0.5 * (x * c + y * s))
    return inside(circle(x, y, 0.0, 0.0, 0.86), x.shape[-1])


def _strew(rgb: Array, p: _Clipart, piece: int, x: Array, y: Array) -> None:
    """Lay one small flat shape on the pictures that have it, in place."""
    some = np.flatnonzero(p.sprinkle[piece, 2] > 0.0)
    cx, cy, r, kind = col(p.sprinkle[piece][:, some])
    u, v = x - cx + 0.0 * y, y - cy + 0.0 * x
    square = box(u, v, 0.0, 0.0, 0.8 * r, 0.8 * r, 0.2 * r)
    triangle = convex(u, v, (-r, -0.7 * r), (r, -0.7 * r), (0.0, r))
    d = np.where(kind < -0.4, circle(u, v, 0.0, 0.0, r), np.where(kind < 0.2, square, triangle))
    line = col(p.line[some])
    outer, inner = inside(d - line, x.shape[-1]) * (line > 0), inside(d + 0.3 * line, x.shape[-1])
    strokes, fills = p.line_colour[:, some], p.sprinkle_colour[:, piece, some]
    for plane, stroke, fill in zip(rgb, strokes, fills, strict=True):
        under = plane[some]
        under += outer * (col(stroke) - under)
        under += inner * (col(fill) - under)
        plane[some] = under


def _print_object(rgb: Array, p: _Clipart, shape: Shape, x: Array, y: Array) -> None:
    """Border, then every part from back to front as outline and flat fill; in place."""
    u, v = object_frame(p.pose, x, y)
    size = x.shape[-1]
    scale = col(p.pose.scale)
    parts = [(d * scale, material) for d, material in shape(lambda: (u, v), col(p.pose.bend))]
    if p.border.any():
        around = parts[0][0]
        for d, _ in parts[1:]:
            around = np.minimum(around, d)
        border = inside(around - (col(p.border) + col(p.line)), size) * col((p.border > 0).astype(np.float32))
        rgb += border * (1.0 - rgb)
    dim = 1.0 - col(p.tone[2]) * (u * col(p.tone[0]) + v * col(p.tone[1]) > 0.15)
    line, outlined = col(p.line), col((p.line > 0).astype(np.float32))
    for d, material in parts:
        outer = inside(d - line, size) * outlined
        inner = inside(d + 0.3 * line, size)
        # The fill lies on the outline, and that on what is behind.
        beside = 1.0 - inner
        behind = (1.0 - outer) * beside
        outer *= beside
        inner *= dim
        for plane, stroke, fill in zip(rgb, p.line_colour, p.materials[material], strict=True):
            plane *= behind
            plane += outer * col(stroke)
            plane += inner * col(fill)
