"""The sixteen objects of `source`, none of which occurs in the other domains; built as in `_things`."""

from __future__ import annotations

from collections.abc import Iterator

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
    turned,
    union,
    within,
)
from transferscope.data.synthetic._things import DARK, LIGHT, MAIN, SECOND, Part, Place, Shape


def _airplane(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    span, sweep = 0.88 + 0.1 * v[0], 0.2 + 0.2 * v[1]
    side = np.abs(y)
    wing = convex(x, side, (-0.12, 0.0), (0.3, 0.0), (0.1 - sweep, span), (-0.12 - sweep, span))
    yield Part(wing, SECOND)
    x, y = at()
    side = np.abs(y)
    yield Part(convex(x, side, (-0.85, 0.0), (-0.58, 0.0), (-0.82, 0.36 + 0.06 * v[2]), (-0.98, 0.36)), SECOND)
    x, y = at()
    yield Part(capsule(x, y, (-0.85, 0.0), (0.8, 0.0), 0.08, 0.16 + 0.03 * v[3]), MAIN)
    x, y = at()
    yield Part(ellipse(x, y, 0.78, 0.0, 0.1, 0.09), LIGHT)


def _anchor(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    side = np.abs(x)
    r = 0.62 + 0.08 * v[0]
    arms = within(ring(side, y, 0.0, -0.2, r, 0.085), y + 0.2)
    fluke = convex(side, y, (r - 0.22, -0.26), (r + 0.22, -0.26), (r + 0.02, 0.1 + 0.08 * v[1]))
    stem = union(box(x, y, 0.0, -0.1, 0.085, 0.75), box(x, y, 0.0, 0.4, 0.36 + 0.08 * v[2], 0.075, 0.03))
    yield Part(union(arms, fluke, stem, ring(x, y, 0.0, 0.78, 0.15 + 0.02 * v[3], 0.06)), MAIN)


def _apple(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(capsule(x, y, (0.0, 0.3), (0.12 * v[0], 0.85), 0.05), DARK)
    x, y = at()
    side = np.abs(x)
    body = blend(circle(side, y, 0.27, 0.0, 0.5 + 0.04 * v[1]), circle(side, y, 0.16, -0.34, 0.46), 0.15)
    yield Part(body, MAIN)
    x, y = at()
    u, w = turned(x, y, 0.3, 0.68, 30.0)
    yield Part(np.maximum(circle(u, w, 0.0, -0.22, 0.36), circle(u, w, 0.0, 0.22, 0.36)), SECOND)


def _bell(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(circle(x, y, 0.25 * v[0], -0.68, 0.17), DARK)
    x, y = at()
    yield Part(ring(x, y, 0.0, 0.82, 0.11, 0.045), SECOND)
    x, y = at()
    flare = 0.72 + 0.1 * v[1]
    dome = circle(x, y, 0.0, 0.28, 0.44 + 0.05 * v[2])
    skirt = convex(x, y, (-flare, -0.55), (flare, -0.55), (0.36, 0.3), (-0.36, 0.3))
    yield Part(blend(dome, skirt, 0.2), MAIN)
    x, y = at()
    yield Part(box(x, y, 0.0, -0.52, flare + 0.04, 0.085, 0.07), SECOND)


def _bird(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    legs = union(capsule(x, y, (0.02, -0.3), (-0.02, -0.9), 0.03), capsule(x, y, (0.2, -0.3), (0.22, -0.9), 0.03))
    yield Part(legs, DARK)
    x, y = at()
    yield Part(convex(x, y, (0.7, 0.36), (1.0, 0.38 + 0.06 * v[0]), (0.7, 0.54)), SECOND)
    x, y = at()
    u, w = turned(x, y, 0.0, -0.08, 20.0)
    trunk = ellipse(u, w, 0.0, 0.0, 0.58 + 0.06 * v[1], 0.36 + 0.06 * v[2])
    tail = convex(x, y, (-0.98, -0.42), (-0.3, -0.25), (-0.4, 0.05), (-1.0, -0.12 + 0.12 * v[3]))
    yield Part(union(blend(trunk, circle(x, y, 0.5, 0.44, 0.27), 0.2), tail), MAIN)
    x, y = at()
    u, w = turned(x, y, -0.14, -0.06, 8.0)
    yield Part(within(ellipse(u, w, 0.0, 0.0, 0.42, 0.22 + 0.05 * v[4]), w - 0.12), SECOND)
    x, y = at()
    yield Part(circle(x, y, 0.56, 0.5, 0.06), DARK)


def _bottle(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    w, shoulder = 0.36 + 0.08 * v[0], 0.2 + 0.14 * v[1]
    body = box(x, y, 0.0, 0.5 * (shoulder - 0.95), w, 0.5 * (shoulder + 0.95), 0.12)
    neck = box(x, y, 0.0, 0.5, 0.12 + 0.03 * v[2], 0.42)
    yield Part(blend(body, neck, 0.25), MAIN)
    x, y = at()
    yield Part(box(x, y, 0.0, 0.9, 0.16 + 0.03 * v[2], 0.085, 0.03), DARK)
    x, y = at()
    yield Part(box(x, y, 0.0, -0.4 + 0.1 * v[3], w - 0.03, 0.22 + 0.06 * v[4]), LIGHT)


def _butterfly(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(ellipse(np.abs(x), y, 0.4, -0.4, 0.34 + 0.05 * v[0], 0.38), SECOND)
    x, y = at()
    u, w = turned(np.abs(x), y, 0.48, 0.35, 35.0)
    yield Part(ellipse(u, w, 0.0, 0.0, 0.54 + 0.05 * v[1], 0.38 + 0.05 * v[2]), MAIN)
    x, y = at()
    yield Part(circle(np.abs(x), y, 0.6, 0.46, 0.13 + 0.04 * v[3]), SECOND)
    x, y = at()
    feelers = capsule(np.abs(x), y, (0.02, 0.4), (0.24 + 0.06 * v[4], 0.95), 0.028)
    yield Part(union(capsule(x, y, (0.0, -0.6), (0.0, 0.45), 0.07, 0.1), feelers), DARK)


def _chair(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    seat = -0.12 + 0.1 * v[0]
    legs = box(np.abs(x), y, 0.42, 0.5 * (seat - 0.95), 0.075, 0.5 * (seat + 0.95))
    rung = box(x, y, 0.0, 0.5 * (seat - 0.85), 0.42, 0.045)
    yield Part(union(legs, rung), SECOND)
    x, y = at()
    tall = 0.92 + 0.06 * v[1]
    back = box(x, y, -0.42, 0.5 * (seat + tall), 0.085 + 0.02 * v[2], 0.5 * (tall - seat))
    yield Part(union(back, box(x, y, 0.02, seat, 0.56 + 0.06 * v[3], 0.095, 0.04)), MAIN)


def _crown(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    side, tip = np.abs(x), 0.6 + 0.1 * v[0]
    spikes = union(
        convex(side, y, (0.34, -0.35), (0.74, -0.35), (0.86, tip - 0.06)),
        convex(x, y, (-0.34, -0.35), (0.34, -0.35), (0.0, tip)),
        convex(side, y, (-0.2, -0.35), (0.7, -0.35), (0.72, -0.05 + 0.05 * v[1]), (-0.2, -0.05)),
    )
    yield Part(spikes, MAIN)
    x, y = at()
    balls = union(circle(x, y, 0.0, tip + 0.03, 0.1), circle(np.abs(x), y, 0.86, tip - 0.03, 0.09))
    yield Part(balls, LIGHT)
    x, y = at()
    yield Part(box(x, y, 0.0, -0.5, 0.74, 0.16 + 0.03 * v[2], 0.05), SECOND)
    x, y = at()
    yield Part(union(circle(x, y, 0.0, -0.5, 0.09), circle(np.abs(x), y, 0.42, -0.5, 0.075)), DARK)


def _glasses(at: Place, v: Array) -> Iterator[Part]:
    r, apart = 0.36 + 0.05 * v[0], 0.5 + 0.03 * v[1]
    x, y = at()
    side = np.abs(x)
    temple = capsule(side, y, (apart + r, 0.08), (0.98, 0.5 + 0.2 * v[2]), 0.055)
    yield Part(union(temple, within(ring(x, y, 0.0, -0.02, 0.16, 0.06), -y)), SECOND)
    x, y = at()
    side = np.abs(x)
    frame = np.where(v[4] > 0.0, circle(side, y, apart, -0.05, r), box(side, y, apart, -0.05, r, 0.8 * r, 0.12))
    yield Part(frame, MAIN)
    x, y = at()
    side, hole = np.abs(x), r - 0.11 + 0.02 * v[3]
    lens = np.where(
        v[4] > 0.0, circle(side, y, apart, -0.05, hole), box(side, y, apart, -0.05, hole, 0.75 * hole, 0.08)
    )
    yield Part(lens, LIGHT)


def _hammer(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(box(x, y, 0.0, -0.25, 0.1 + 0.02 * v[0], 0.72, 0.06), SECOND)
    x, y = at()
    tall = 0.17 + 0.04 * v[1]
    head = box(x, y, 0.12, 0.58, 0.36, tall)
    face = box(x, y, 0.52, 0.58, 0.1, tall + 0.06)
    claw = convex(x, y, (-0.8 - 0.08 * v[2], 0.42 + 0.1 * v[3]), (-0.2, 0.58 - tall), (-0.2, 0.58 + tall))
    yield Part(union(head, face, claw), MAIN)


def _hat(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(ellipse(x, y, 0.0, -0.5, 0.95, 0.2 + 0.05 * v[0]), MAIN)
    x, y = at()
    w, tall = 0.5 + 0.06 * v[1], 0.7 + 0.15 * v[2]
    tube = x * (1.0 - 0.2 * v[3] * (y + 0.4))
    crown = union(
        box(tube, y, 0.0, 0.5 * (tall - 0.5), w, 0.5 * (tall + 0.5), 0.06), ellipse(x, y, 0.0, -0.5, w, 0.1)
    )
    yield Part(crown, MAIN)
    x, y = at()
    tube = x * (1.0 - 0.2 * v[3] * (y + 0.4))
    yield Part(box(tube, y, 0.0, -0.3, w, 0.12 + 0.03 * v[4]), SECOND)


def _ladder(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    lean = x * (1.0 + (0.18 + 0.12 * v[0]) * y)
    w = 0.4 + 0.06 * v[1]
    step = 0.4 + 0.05 * v[2]
    rung = np.abs(y - step * np.round(y / step)) - 0.055
    rungs = within(box(lean, y, 0.0, 0.0, w, 0.9), rung)
    yield Part(rungs, SECOND)
    x, y = at()
    lean = x * (1.0 + (0.18 + 0.12 * v[0]) * y)
    yield Part(box(np.abs(lean), y, w, 0.0, 0.075, 0.95), MAIN)


def _lamp(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(union(box(x, y, 0.0, -0.35, 0.055, 0.5), ellipse(x, y, 0.0, -0.85, 0.42 + 0.06 * v[0], 0.11)), DARK)
    x, y = at()
    yield Part(ellipse(x, y, 0.0, -0.42, 0.15 + 0.05 * v[4], 0.25), SECOND)
    x, y = at()
    low, top, base = 0.66 + 0.1 * v[1], 0.3 + 0.1 * v[2], -0.02 + 0.08 * v[3]
    yield Part(convex(x, y, (-low, base), (low, base), (top, 0.88), (-top, 0.88)), MAIN)
    x, y = at()
    yield Part(box(x, y, 0.0, base + 0.05, low - 0.02, 0.05), LIGHT)


def _rocket(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    flame = convex(x, y, (-0.2, -0.55), (0.0, -0.98 + 0.08 * v[0]), (0.2, -0.55))
    yield Part(flame, LIGHT)
    x, y = at()
    yield Part(convex(np.abs(x), y, (0.1, -0.6), (0.6 + 0.06 * v[1], -0.78), (0.56, -0.4), (0.15, 0.05)), SECOND)
    x, y = at()
    wide = 0.32 + 0.05 * v[2]
    rad = (1.0 + wide**2) / (2.0 * wide)
    hull = within(circle(np.abs(x), y, wide - rad, -0.05, rad), -0.62 - y)
    yield Part(hull, MAIN)
    x, y = at()
    yield Part(within(circle(np.abs(x), y, wide - rad, -0.05, rad), 0.55 + 0.06 * v[3] - y), SECOND)
    x, y = at()
    yield Part(circle(x, y, 0.0, 0.2, 0.14 + 0.02 * v[4]), LIGHT)
    x, y = at()
    yield Part(circle(x, y, 0.0, 0.2, 0.085), DARK)


def _teapot(at: Place, v: Array) -> Iterator[Part]:
    x, y = at()
    yield Part(ring(x, y, -0.6, -0.02, 0.28 + 0.04 * v[0], 0.065), MAIN)
    x, y = at()
    yield Part(capsule(x, y, (0.35, -0.3), (0.9, 0.3 + 0.1 * v[1]), 0.17, 0.07), MAIN)
    x, y = at()
    tall = 0.48 + 0.07 * v[2]
    yield Part(within(ellipse(x, y, 0.0, -0.1, 0.62, tall), -y - tall + 0.02), MAIN)
    x, y = at()
    yield Part(ellipse(x, y, 0.0, tall - 0.13, 0.36 + 0.04 * v[3], 0.1), SECOND)
    x, y = at()
    yield Part(circle(x, y, 0.0, tall + 0.04, 0.1), DARK)


SHAPES: dict[str, Shape] = {
    "airplane": _airplane,
    "anchor": _anchor,
    "apple": _apple,
    "bell": _bell,
    "bird": _bird,
    "bottle": _bottle,
    "butterfly": _butterfly,
    "chair": _chair,
    "crown": _crown,
    "glasses": _glasses,
    "hammer": _hammer,
    "hat": _hat,
    "ladder": _ladder,
    "lamp": _lamp,
    "rocket": _rocket,
    "teapot": _teapot,
}
