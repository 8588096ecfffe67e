"""The twelve objects of `photo`, `clipart` and `quickdraw`, each a list of parts from back to front.

A shape is a function of a place and of six free numbers in [−1, 1] that bend its proportions. The place is
called once for every part, so that a style may put each part a little elsewhere (a hand does). Objects
fill about [−1, 1]², x to the right and y up. A part has a distance and a material; which colour a material
has is the scene's business, so that no colour gives a class away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from transferscope.data.synthetic._sdf import (
    Array,
    blend,
    box,
    capsule,
    circle,
    convex,
    ellipse,
    ring,
    star,
    turned,
    union,
    within,
    without,
)

MAIN, SECOND, DARK, LIGHT = range(4)


class Part(NamedTuple):
    """One piece of an object: its signed distance (n, h, w) and what it is made of."""

    distance: Array
    material: int


Place = Callable[[], tuple[Array, Array]]
Shape = Callable[[Place, Array], Iterator[Part]]


def _mug(at: Place, v: Array) -> Iterator[Part]:
    w, h = 0.5 + 0.1 * v[0], 0.62 + 0.12 * v[1]
    x, y = at()
    yield Part(ring(x, y, w + 0.04, 0.05 * v[4], 0.3 + 0.06 * v[2], 0.075), MAIN)
    x, y = at()
    yield Part(box(x * (1.0 - 0.16 * v[3] * y), y, 0.0, 0.0, w, h, 0.13), MAIN)
    x, y = at()
    top = w / (1.0 - 0.16 * v[3] * h)
    yield Part(ellipse(x, y, 0.0, h - 0.03, top, 0.15 + 0.04 * v[5]), LIGHT)
    x, y = at()
    yield Part(ellipse(x, y, 0.0, h - 0.05, top * 0.83, 0.1 + 0.03 * v[5]), DARK)


def _house(at: Place, v: Array) -> Iterator[Part]:
    w, eaves = 0.62 + 0.12 * v[0], 0.12 * v[4]
    x, y = at()
    yield Part(box(x, y, 0.36 * np.sign(v[5]), 0.5, 0.1, 0.32), DARK)
    x, y = at()
    yield Part(box(x, y, 0.0, 0.5 * (eaves - 0.9), w, 0.5 * (eaves + 0.9)), MAIN)
    x, y = at()
    apex = (0.25 * v[1], 0.78 + 0.14 * v[2])
    yield Part(convex(x, y, (-w - 0.17, eaves), (w + 0.17, eaves), apex), SECOND)
    x, y = at()
    yield Part(box(x, y, 0.3 * v[3], -0.62, 0.13, 0.28), DARK)
    x, y = at()
    yield Part(box(np.abs(x - 0.15 * v[3]), y, 0.4, -0.32 + 0.4 * eaves, 0.115, 0.13), LIGHT)


def _tree(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(capsule(x, y, (0.06 * v[0], -0.92), (0.0, 0.1), 0.15 + 0.04 * v[1], 0.08), SECOND)
    x, y = at()
    wide = 0.42 + 0.08 * v[2]
    leafy = blend(circle(x, y, 0.0, 0.42, 0.42 + 0.05 * v[3]), circle(np.abs(x), y, wide, 0.1, 0.34), 0.12)
    leafy = blend(leafy, circle(x, y, 0.22 * v[4], 0.66, 0.32), 0.1)
    s = 0.64 + 0.12 * v[2]
    tiers = [
        convex(x, y, (-s * k, base), (s * k, base), (0.0, tip))
        for k, base, tip in ((1.0, -0.42, 0.3), (0.8, -0.05, 0.65), (0.6, 0.3, 1.0))
    ]
    yield Part(np.where(v[5] > 0.2, union(*tiers), leafy), MAIN)


def _fish(at: Place, v: Array) -> Iterator[Part]:
    tall = 0.38 + 0.1 * v[0]
    x, y = at()
    flap = 0.4 + 0.1 * v[1]
    tail = convex(x, y, (-0.4, 0.0), (-0.98, flap), (-0.98, -flap))
    yield Part(without(tail, circle(x, y, -1.06, 0.0, 0.2)), SECOND)
    x, y = at()
    yield Part(convex(x, y, (-0.25, tall - 0.14), (0.4, tall - 0.14), (-0.2 + 0.15 * v[2], tall + 0.28)), SECOND)
    x, y = at()
    # A lens: two large circles meet at nose and tail root.
    rad = (0.72**2 + tall**2) / (2.0 * tall)
    body = np.maximum(circle(x, y, 0.15, tall - rad, rad), circle(x, y, 0.15, rad - tall, rad))
    yield Part(body, MAIN)
    x, y = at()
    gill = ring(x, y, 0.72 + 0.04 * v[3], 0.0, 0.4, 0.028)
    yield Part(within(gill, x - 0.5, np.abs(y) - 0.62 * tall), DARK)
    x, y = at()
    yield Part(circle(x, y, 0.57, 0.1, 0.095 + 0.02 * v[4]), LIGHT)
    x, y = at()
    yield Part(circle(x, y, 0.585, 0.1, 0.05), DARK)


def _star(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    r, depth = 0.95 + 0.05 * v[0], 0.42 + 0.12 * v[1]
    yield Part(star(x, y, r, depth), MAIN)
    x, y = at()
    absent = np.float32(0.4) * (v[3] > 0.1)
    yield Part(star(x, y, (0.52 + 0.1 * v[2]) * r, depth) + absent, SECOND)


def _key(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    r = 0.38 + 0.06 * v[0]
    round_bow, square_bow = circle(x, y, -0.57, 0.0, r), box(x, y, -0.57, 0.0, 0.9 * r, 0.9 * r, 0.1)
    bow = np.where(v[5] > 0.4, square_bow, round_bow)
    bow = without(bow, circle(x, y, -0.62, 0.0, 0.19 + 0.05 * v[1]))
    shaft = box(x, y, 0.32, 0.0, 0.62, 0.085)
    teeth = union(
        box(x, y, 0.86, -0.16, 0.075, 0.17 + 0.05 * v[2]),
        box(x, y, 0.62 + 0.03 * v[4], -0.13, 0.06, 0.14 + 0.06 * v[3]),
        box(x, y, 0.43, -0.1, 0.05, 0.11 - 0.05 * v[3]),
    )
    yield Part(union(bow, shaft, teeth), MAIN)


def _car(at: Place, v: Array) -> Iterator[Part]:
    roof, nose = 0.45 + 0.1 * v[0], 0.45 + 0.18 * v[1]
    x, y = at()
    cabin = convex(x, y, (-0.72, -0.05), (nose + 0.18, -0.05), (nose - 0.1, roof), (-0.55 + 0.15 * v[2], roof))
    yield Part(union(cabin, box(x, y, 0.0, -0.18, 0.95, 0.24, 0.15)), MAIN)
    x, y = at()
    glass = convex(
        x, y, (-0.58, 0.05), (nose + 0.02, 0.05), (nose - 0.17, roof - 0.09), (-0.45 + 0.15 * v[2], roof - 0.09)
    )
    yield Part(without(glass, np.abs(x - 0.02) - 0.045), LIGHT)
    x, y = at()
    apart = 0.53 + 0.05 * v[3]
    yield Part(circle(np.abs(x), y, apart, -0.42, 0.23 + 0.03 * v[4]), DARK)
    x, y = at()
    yield Part(circle(np.abs(x), y, apart, -0.42, 0.1), LIGHT)
    x, y = at()
    yield Part(ellipse(x, y, 0.88, -0.13, 0.07, 0.09), SECOND)


def _umbrella(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    end = -0.72 + 0.08 * v[0]
    hook = within(ring(x, y, 0.15, end, 0.15, 0.045), y - end)
    yield Part(union(capsule(x, y, (0.0, 0.98), (0.0, end), 0.04), hook), DARK)
    x, y = at()
    tall = 0.85 + 0.1 * v[1]
    dome = within(ellipse(x, y, 0.0, 0.0, 0.95, tall), -y)
    scallop = union(circle(np.abs(x), y, 0.63, -0.12, 0.34), circle(x, y, 0.0, -0.12, 0.34))
    canopy = without(dome, scallop)
    yield Part(canopy, MAIN)
    x, y = at()
    panel = without(ellipse(x, y, 0.0, 0.0, 0.33 + 0.03 * v[2], tall), circle(x, y, 0.0, -0.12, 0.34))
    yield Part(within(panel, canopy, -y), SECOND)


def _mushroom(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    thick = 0.24 + 0.06 * v[0]
    yield Part(capsule(x, y, (0.1 * v[1], -0.72), (0.0, 0.1), thick + 0.05, thick - 0.04), LIGHT)
    x, y = at()
    low, wide, tall = -0.02 + 0.1 * v[2], 0.82 + 0.1 * v[3], 0.78 + 0.14 * v[4]
    cap = within(ellipse(x, y, 0.0, low, wide, tall), low - 0.04 - y + 0.06 * np.cos(3.0 * x))
    yield Part(cap, MAIN)
    x, y = at()
    dots = union(
        circle(x, y, -0.36, low + 0.25, 0.13 + 0.03 * v[5]),
        circle(x, y, 0.08, low + 0.5, 0.14),
        circle(x, y, 0.42, low + 0.2, 0.11 - 0.03 * v[5]),
    )
    yield Part(within(dots, cap), SECOND)


def _sailboat(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(capsule(x, y, (0.0, -0.5), (0.0, 0.97), 0.035), DARK)
    x, y = at()
    boom, top = 0.66 + 0.12 * v[0], 0.86 + 0.08 * v[1]
    yield Part(convex(x, y, (0.06, -0.32), (boom, -0.32), (0.06, top)), MAIN)
    x, y = at()
    yield Part(convex(x, y, (-0.06, -0.32), (-0.06, top - 0.2 + 0.1 * v[3]), (-0.52 - 0.1 * v[2], -0.32)), LIGHT)
    x, y = at()
    keel = 0.52 + 0.1 * v[4]
    hull = convex(x, y, (-0.9, -0.45), (-keel, -0.88), (keel, -0.88), (0.9, -0.45 + 0.06 * v[5]))
    yield Part(hull, SECOND)


def _cat(at: Place, v: Array) -> Iterator[Part]:
    wide, tall = 0.72 + 0.1 * v[0], 0.6 + 0.08 * v[1]
    ear = 0.9 + 0.08 * v[2]
    x, y = at()
    ears = convex(np.abs(x), y, (0.12, 0.3), (wide - 0.03, 0.1), (0.62 + 0.06 * v[3], ear))
    yield Part(union(ears, ellipse(x, y, 0.0, -0.1, wide, tall)), MAIN)
    x, y = at()
    yield Part(convex(np.abs(x), y, (0.34, 0.44), (wide - 0.14, 0.3), (0.6 + 0.06 * v[3], ear - 0.16)), SECOND)
    x, y = at()
    gaze = 0.3 + 0.03 * v[4]
    yield Part(ellipse(np.abs(x), y, gaze, 0.02, 0.14, 0.13 + 0.03 * v[5]), LIGHT)
    x, y = at()
    yield Part(ellipse(np.abs(x), y, gaze, 0.02, 0.05, 0.11), DARK)
    x, y = at()
    yield Part(convex(x, y, (-0.1, -0.2), (0.0, -0.32), (0.1, -0.2)), DARK)
    x, y = at()
    side = np.abs(x)
    hairs = union(
        capsule(side, y, (0.28, -0.3), (0.98, -0.2), 0.02),
        capsule(side, y, (0.28, -0.38), (0.95, -0.46), 0.02),
        within(ring(side, y, 0.1, -0.36, 0.1, 0.022), y + 0.36),
    )
    yield Part(hairs, DARK)


def _guitar(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(union(box(x, y, 0.0, 0.5, 0.08, 0.5), box(x, y, 0.0, 0.93, 0.14 + 0.02 * v[0], 0.13, 0.03)), DARK)
    x, y = at()
    low = circle(x, y, 0.0, -0.5, 0.47 + 0.05 * v[1])
    body = blend(low, circle(x, y, 0.0, 0.06 + 0.05 * v[3], 0.33 + 0.05 * v[2]), 0.16)
    u, w = turned(x, y, 0.3, 0.3, -30.0)
    yield Part(np.where(v[5] > 0.3, without(body, ellipse(u, w, 0.0, 0.0, 0.12, 0.22)), body), MAIN)
    x, y = at()
    yield Part(circle(x, y, 0.0, -0.12, 0.15 + 0.03 * v[4]), DARK)
    x, y = at()
    yield Part(box(x, y, 0.0, -0.62, 0.22, 0.045), SECOND)
    x, y = at()
    yield Part(box(x, y, 0.0, 0.1, 0.022, 0.7), LIGHT)


SHAPES: dict[str, Shape] = {
    "car": _car,
    "cat": _cat,
    "fish": _fish,
    "guitar": _guitar,
    "house": _house,
    "key": _key,
    "mug": _mug,
    "mushroom": _mushroom,
    "sailboat": _sailboat,
    "star": _star,
    "tree": _tree,
    "umbrella": _umbrella,
}
