"""Photographs: textured, lit objects with shadow, clutter behind and in front, and a camera's defects."""

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
    smooth,
    uniform,
)
from transferscope.data.synthetic._noise import Spectrum
from transferscope.data.synthetic._palette import draw_materials
from transferscope.data.synthetic._sdf import Array, box
from transferscope.data.synthetic._things import MAIN, Shape

_ABSENT = 99.0  # an absent piece of clutter is put as far outside as this
_BEHIND, _CLUTTER = 6, 7  # pieces of clutter behind the object, and in all (the last lies in front)


@dataclass(frozen=True)
class _Photo(Draws):
    pose: Pose
    materials: Array  # (4, 3, n)
    # Backdrop: two colours meeting at a line that may be a horizon or a slow gradient, and 1/f texture.
    near: Array  # (3, n)
    far: Array
    horizon: Array  # (3, n): direction (2) and offset
    sharpness: Array
    spectrum: Array  # (3, n): exponent, grain, angle
    relief: Array  # (n,): contrast of the texture
    tint: Array  # (3, n): colour along which the second field varies
    # Clutter: rounded boxes.
    clutter: Array  # (_CLUTTER, 8, n): centre (2), half sides (2), direction (2), roundness, raggedness
    clutter_colour: Array  # (3, _CLUTTER, n)
    # Surface of the object.
    weave: Array  # (3, n): wave vector (2) of stripes in the object's frame, contrast
    rough: Array  # (n,): contrast of its texture
    round: Array  # (n,): how far in the edges are rounded
    light: Array  # (2, n): direction in the picture
    steep: Array
    ambient: Array
    gloss: Array
    shadow: Array  # (3, n): strength, reach, softness
    # Camera.
    gain: Array  # (3, n)
    curve: Array  # (n,): how much the tone curve lifts or lowers the middle
    vignette: Array
    sensor: Array


def _draw(rng: np.random.Generator, n: int, hue: Array) -> _Photo:
    pose = draw_pose(rng, n, scale=(0.38, 0.8), turn=38.0, stretch=0.2, roam=0.95)
    materials = draw_materials(rng, hue, saturation=(0.45, 0.95), value=(0.4, 0.95))
    # Grounds are earth, stone, grass or sand more often than violet; what is far is bluish more often.
    natural = chance(rng, 0.75, n)
    base = uniform(rng, 0.0, 360.0, n)
    earth = np.where(natural > 0, 20.0 + 110.0 * uniform(rng, 0.0, 1.0, n) ** 1.5, base)
    sky = np.where(chance(rng, 0.6, n) > 0, uniform(rng, 190.0, 240.0, n), earth + uniform(rng, -40.0, 40.0, n))
    near = hsv(earth, uniform(rng, 0.05, 0.55, n), uniform(rng, 0.25, 0.85, n))
    far = hsv(sky, uniform(rng, 0.0, 0.45, n), uniform(rng, 0.45, 1.0, n))
    lean = uniform(rng, -0.3, 0.3, n)
    horizon = np.stack([np.sin(lean), np.cos(lean), uniform(rng, -0.5, 0.6, n)])
    grainy = chance(rng, 0.35, n)
    spectrum = np.stack(
        [uniform(rng, 1.1, 1.9, n), 1.0 + grainy * uniform(rng, 0.5, 1.8, n), uniform(rng, 0.0, np.pi, n)]
    )
    clutter = np.empty((_CLUTTER, 8, n), np.float32)
    clutter[:, :2] = uniform(rng, -1.0, 1.0, _CLUTTER, 2, n)
    clutter[:, 2:4] = log_uniform(rng, 0.08, 0.5, _CLUTTER, 2, n)
    clutter[:, 4:6] = directions(rng, _CLUTTER, n).swapaxes(0, 1)
    clutter[:, 6] = uniform(rng, 0.0, 1.0, _CLUTTER, n)
    clutter[:, 7] = chance(rng, 0.6, _CLUTTER, n) * uniform(rng, 0.02, 0.09, _CLUTTER, n)
    clutter[:_BEHIND, 0] += _ABSENT * (uniform(rng, 0.0, _BEHIND, n) < np.arange(_BEHIND)[:, None])
    # What lies in front covers a rim of the object, seldom its middle.
    rim = directions(rng, n) * uniform(rng, 0.55, 1.0, n) * pose.scale
    clutter[_BEHIND, :2] = pose.centre + rim + _ABSENT * (1.0 - chance(rng, 0.4, n))
    clutter[_BEHIND, 2:4] *= 0.6
    shades = hsv(
        np.where(chance(rng, 0.6, _CLUTTER, n) > 0, earth, uniform(rng, 0.0, 360.0, _CLUTTER, n)),
        uniform(rng, 0.05, 0.75, _CLUTTER, n),
        uniform(rng, 0.15, 0.95, _CLUTTER, n),
    )
    waves = directions(rng, n) * uniform(rng, 6.0, 16.0, n)
    weave = np.concatenate([waves, (chance(rng, 0.35, n) * uniform(rng, 0.1, 0.35, n))[None]])
    return _Photo(
        pose=pose,
        materials=materials,
        near=near,
        far=far,
        horizon=horizon,
        sharpness=log_uniform(rng, 0.5, 12.0, n),
        spectrum=spectrum,
        relief=uniform(rng, 0.04, 0.22, n),
        tint=uniform(rng, -0.03, 0.03, 3, n),
        clutter=clutter,
        clutter_colour=shades,
        weave=weave,
        rough=uniform(rng, 0.02, 0.2, n),
        round=uniform(rng, 0.12, 0.4, n),
        light=directions(rng, n),
        steep=uniform(rng, 0.5, 1.3, n),
        ambient=uniform(rng, 0.3, 0.7, n),
        gloss=chance(rng, 0.5, n) * uniform(rng, 0.1, 0.5, n),
        shadow=np.stack([uniform(rng, 0.2, 0.65, n), uniform(rng, 0.05, 0.25, n), uniform(rng, 0.06, 0.3, n)]),
        gain=uniform(rng, 0.88, 1.12, 3, n) * uniform(rng, 0.8, 1.3, n),
        curve=uniform(rng, -0.4, 0.4, n),
        vignette=uniform(rng, 0.0, 0.25, n),
        sensor=uniform(rng, 0.003, 0.025, n),
    )


class PhotoStyle:
    """Photographs of one chunk: everything random drawn at once, pixels made block by block."""

    def __init__(self, rng: np.random.Generator, hue: Array, size: int, shapes: Sequence[Shape]) -> None:
        scene, texture, self._sensor = rng.spawn(3)
        self._draws = _draw(scene, len(hue), hue)
        self._texture = Spectrum(texture, len(hue), size)
        self._size = size
        self._shapes = shapes

    def pixels(self, which: Index, labels: Index) -> Array:
        """Planes (3, n, size, size) of the images `which`, whose labels must be sorted."""
        p = self._draws.of(which)
        x, y = grid(self._size)
        rough, mottle = self._texture.fields(which, *p.spectrum)
        rgb = _backdrop(p, x, y, rough, mottle)
        for piece in range(_BEHIND):
            _lay(rgb, p, piece, x, y, rough)
        surface, relief, distance = _objects(p, self._shapes, labels, x, y, mottle)
        _cast_shadow(rgb, p, distance)
        _light(surface, p, relief)
        surface -= rgb
        surface *= inside(distance, self._size)
        rgb += surface
        _lay(rgb, p, _BEHIND, x, y, mottle)
        # Drawn in the block's own order, so that a picture's noise does not hang on its neighbours' labels.
        noise = self._sensor.standard_normal(distance.shape, dtype=np.float32)[which - which.min()]
        _expose(rgb, p, x, y, noise)
        return rgb


def _expose(rgb: Array, p: _Photo, x: Array, y: Array, noise: Array) -> None:
    """White balance, vignette, tone curve and noise, in place."""
    light = 1.0 - col(p.vignette) * (x * x + y * y)
    noise *= col(p.sensor)
    for plane, gain in zip(rgb, p.gain, strict=True):
        plane *= light * col(gain)
        clip01(plane)
        plane *= 1.0 + col(p.curve) * (1.0 - plane)
        plane += noise


def _backdrop(p: _Photo, x: Array, y: Array, rough: Array, mottle: Array) -> Array:
    above: Array = x * col(p.horizon[0]) + y * col(p.horizon[1])
    above -= col(p.horizon[2])
    above *= col(p.sharpness)
    above += 0.5
    t = smooth(above)
    # Ground is more textured than sky.
    fade = (1.0 - 0.6 * t) * col(p.relief)
    rgb = col(p.near) + col(p.far - p.near) * t
    rgb *= 1.0 + rough * fade
    rgb += col(p.tint) * mottle
    return rgb


def _lay(rgb: Array, p: _Photo, piece: int, x: Array, y: Array, texture: Array) -> None:
    """Lay one piece of clutter on the pictures that have it, in place, shaded across its width."""
    some = np.flatnonzero(p.clutter[piece, 0] < _ABSENT / 2.0)
    cx, cy, hx, hy, c, s, r, ragged = col(p.clutter[piece][:, some])
    u, v = x - cx, y - cy
    u, v = u * c + v * s, v * c - u * s
    grain = texture[some]
    alpha = inside(box(u, v, 0.0, 0.0, hx, hy, r * np.minimum(hx, hy)) + ragged * grain, rgb.shape[-1])
    v *= 0.25 / hy
    np.maximum(v, -0.25, out=v)
    np.minimum(v, 0.25, out=v)
    v += 1.0 + (0.5 * col(p.relief[some])) * grain
    v *= alpha
    alpha = 1.0 - alpha
    for plane, colour in zip(rgb, p.clutter_colour[:, piece, some], strict=True):
        plane[some] = plane[some] * alpha + col(colour) * v


def _objects(
    p: _Photo, shapes: Sequence[Shape], labels: Index, x: Array, y: Array, texture: Array
) -> tuple[Array, Array, Array]:
    """Surface colour (3, n, h, w), height and signed distance (n, h, w) of every image's object."""
    n, h, w = texture.shape
    surface, relief, distance = (
        np.empty((3, n, h, w), np.float32),
        np.empty((n, h, w), np.float32),
        np.empty((n, h, w), np.float32),
    )
    for label, part_of in runs(labels):
        q = p.of(part_of)
        u, v = object_frame(q.pose, x, y)
        scale, inset = col(q.pose.scale), col(q.round)
        rgb = np.repeat(np.repeat(col(q.materials[MAIN]), h, 2), w, 3)
        height = np.zeros_like(u)
        nearest = np.full_like(u, 9.0)
        for d, material in shapes[label](lambda: (u, v), col(q.pose.bend)):  # noqa: B023
            np.minimum(nearest, d, out=nearest)
            alpha = inside(d * scale, h)
            t = clip01(d / -inset)
            edge = 2.0 - t
            edge *= t
            edge *= inset
            edge += 0.04
            edge *= alpha
            # Each part lies over those before it.
            rest = 1.0 - alpha
            height *= rest
            height += edge
            for plane, colour in zip(rgb, q.materials[material], strict=True):
                plane *= rest
                plane += alpha * col(colour)
        stripes = np.sin(u * col(q.weave[0]) + v * col(q.weave[1])) * col(q.weave[2])
        rgb *= 1.0 + stripes + col(q.rough) * texture[part_of]
        surface[:, part_of], relief[part_of], distance[part_of] = rgb, height * scale, nearest * scale
    return surface, relief, distance


def _cast_shadow(rgb: Array, p: _Photo, distance: Array) -> None:
    """Darken the ground where the object, moved away from the light, would lie."""
    n, size, _ = distance.shape
    strength, reach, softness = p.shadow
    move = np.rint(reach * p.light * (size / 2.0)).astype(np.int64)
    axis = np.arange(size)
    across = np.clip(axis + move[0][:, None], 0, size - 1)
    down = np.clip(axis - move[1][:, None], 0, size - 1)
    moved = distance[np.arange(n)[:, None, None], down[:, :, None], across[:, None, :]]
    rgb *= 1.0 - col(strength) * smooth(0.5 - moved / (2.0 * col(softness)))


def _light(surface: Array, p: _Photo, relief: Array) -> None:
    """Lambert shading with a highlight, the normals being those of the relief; in place."""
    half = relief.shape[-1] / 4.0
    slope_x, slope_y = np.zeros_like(relief), np.zeros_like(relief)
    np.subtract(relief[:, :, 2:], relief[:, :, :-2], out=slope_x[:, :, 1:-1])
    np.subtract(relief[:, :-2], relief[:, 2:], out=slope_y[:, 1:-1])
    lx, ly, steep = col(p.light[0] * half), col(p.light[1] * half), col(p.steep)
    facing = -(slope_x * lx + slope_y * ly) * (1.6 * steep)
    length = np.sqrt(1.0 + (slope_x * slope_x + slope_y * slope_y) * (half * half))
    lambert = np.maximum((facing + 0.75) / length, 0.0)
    shade = col(p.ambient) + (1.15 - col(p.ambient)) * lambert
    surface *= shade
    surface += (1.5 * col(p.gloss)) * np.maximum(lambert - 0.85, 0.0)
