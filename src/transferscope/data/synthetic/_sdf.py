"""Signed distances to a few plane figures, negative inside, for a whole batch of images at once.

`x` and `y` are pixel coordinates of shape (n, h, w); every other number is a float or an array (n, 1, 1),
so that each image of the batch has its own figure. Formulas after I. Quilez, "2D distance functions".
Some distances are bounds rather than exact: their zero line is right, which is what drawing needs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Scalar = float | Array
Point = tuple[Scalar, Scalar]


def circle(x: Array, y: Array, cx: Scalar, cy: Scalar, r: Scalar) -> Array:
    """Distance to a disc of radius `r` around (cx, cy)."""
    u, v = x - cx, y - cy
    out: Array = np.sqrt(u * u + v * v) - r
    return out


def ring(x: Array, y: Array, cx: Scalar, cy: Scalar, r: Scalar, half_width: Scalar) -> Array:
    """Distance to a ring of mean radius `r`."""
    out: Array = np.subtract(np.abs(circle(x, y, cx, cy, r)), half_width)
    return out


def ellipse(x: Array, y: Array, cx: Scalar, cy: Scalar, rx: Scalar, ry: Scalar) -> Array:
    """Distance to an axis-parallel ellipse, to first order: |q|(|q| − 1)/|∇| with q = p/r."""
    u, v = (x - cx) / rx, (y - cy) / ry
    near = np.sqrt(u * u + v * v)
    slope = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
    out: Array = near * (near - 1.0) / (slope + 1e-6)
    return out


def box(x: Array, y: Array, cx: Scalar, cy: Scalar, hx: Scalar, hy: Scalar, r: Scalar = 0.0) -> Array:
    """Distance to a box with half sides (hx, hy) and corners rounded by `r`."""
    u = np.abs(x - cx) - (hx - r)
    v = np.abs(y - cy) - (hy - r)
    inside = np.minimum(np.maximum(u, v), 0.0)
    np.maximum(u, 0.0, out=u)
    np.maximum(v, 0.0, out=v)
    out: Array = np.sqrt(u * u + v * v) + inside - r
    return out


def capsule(x: Array, y: Array, a: Point, b: Point, ra: Scalar, rb: Scalar | None = None) -> Array:
    """Distance to the segment a–b thickened by a radius going from `ra` to `rb`."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    u, v = x - a[0], y - a[1]
    t = np.clip((u * dx + v * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    radius = ra if rb is None else ra + (rb - ra) * t
    u = u - t * dx
    v = v - t * dy
    out: Array = np.sqrt(u * u + v * v) - radius
    return out


def convex(x: Array, y: Array, *corners: Point) -> Array:
    """Distance bound to a convex polygon: the largest distance to its sides' lines.

    The corners go round anticlockwise (x to the right, y up).
    """
    out: Array | None = None
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        ex, ey = bx - ax, by - ay
        length = (ex * ex + ey * ey) ** 0.5
        side = (x - ax) * (ey / length) - (y - ay) * (ex / length)
        out = side if out is None else np.maximum(out, side, out=out)
    assert out is not None
    return out


def star(x: Array, y: Array, r: Scalar, depth: Scalar) -> Array:
    """Distance to a five-pointed star of radius `r`; `depth` ∈ (0.2, 0.8) sets how sharp its points are."""
    kx, ky = 0.809016994375, -0.587785252292
    # Fold the five points onto one.
    u, v = np.abs(x), y.copy()
    for sign in (1.0, -1.0):
        over = 2.0 * np.maximum(sign * kx * u + ky * v, 0.0)
        u -= over * (sign * kx)
        v -= over * ky
    u, v = np.abs(u), v - r
    bx, by = -depth * ky, depth * kx - 1.0
    t = np.clip((u * bx + v * by) / (bx * bx + by * by), 0.0, r)
    out: Array = np.hypot(u - bx * t, v - by * t) * np.sign(v * bx - u * by)
    return out


def union(*parts: Array) -> Array:
    """Distance to the union."""
    out = parts[0]
    for part in parts[1:]:
        out = np.minimum(out, part)
    return out


def blend(a: Array, b: Array, k: float) -> Array:
    """Distance to the union of two figures whose joint is filled softly over a width `k`."""
    h = np.maximum(k - np.abs(a - b), 0.0)
    out: Array = np.minimum(a, b) - h * h * (0.25 / k)
    return out


def without(a: Array, *holes: Array) -> Array:
    """Distance to `a` with holes cut out."""
    out = a
    for hole in holes:
        out = np.maximum(out, -hole)
    return out


def within(a: Array, *others: Array) -> Array:
    """Distance to the intersection."""
    out = a
    for other in others:
        out = np.maximum(out, other)
    return out


def turned(x: Array, y: Array, cx: Scalar, cy: Scalar, degrees: float) -> tuple[Array, Array]:
    """Coordinates in a frame at (cx, cy) turned anticlockwise by `degrees`."""
    c, s = float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
    u, v = x - cx, y - cy
    return u * c + v * s, v * c - u * s
