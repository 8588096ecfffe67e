"""Chest radiographs, as a drawing: grey, several findings a picture. A caricature for experiments, not medicine.

Brightness is built as a film shows it: the body is grey, air in the lungs darkens it, and bone, heart and
fluid brighten it again. The five findings have the names and, roughly, the looks of CheXpert's:
`cardiomegaly` and `pleural effusion` are large, `edema` is everywhere but faint, `consolidation` is a
cloud of any place, `atelectasis` a thin plate. Healthy pictures vary in the same ways, only less, so that
none is certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transferscope.data.synthetic._draws import (
    Draws,
    Index,
    Pose,
    chance,
    clip01,
    col,
    draw_pose,
    grid,
    inside,
    object_frame,
    smooth,
    uniform,
)
from transferscope.data.synthetic._noise import Spectrum
from transferscope.data.synthetic._sdf import Array, blend, box, capsule, circle, ellipse

PREVALENCE: dict[str, float] = {
    "atelectasis": 0.30,
    "cardiomegaly": 0.16,
    "consolidation": 0.10,
    "edema": 0.24,
    "pleural effusion": 0.38,
}
_LUNG = 0.41  # distance of a lung's middle from the spine


@dataclass(frozen=True)
class _Chest(Draws):
    pose: Pose
    spectrum: Array  # (3, n)
    body: Array  # (3, n): brightness of air, tissue and lungs
    shape: Array  # (6, n) in [−1, 1]: lungs' width, height, dome, heart's place (2), clavicles
    raised: Array  # (2, n): height of the diaphragm at the picture's left and right
    heart: Array  # (2, n): half axes
    ribs: Array  # (4, n): spacing, slope, phase, contrast
    vessels: Array
    plate: Array  # (5, n): side, place (2), slope, contrast
    cloud: Array  # (5, n): side, place (2), radius, contrast
    haze: Array  # (n,)
    fluid: Array  # (2, 2, n): level and contrast at the left and right
    lead: Array  # (3, n): two heights of a wire and its contrast
    mark: Array  # (3, n): place and brightness of the side marker
    curve: Array  # (n,): exposure
    sensor: Array


def draw_findings(rng: np.random.Generator, n: int) -> npt.NDArray[np.uint8]:
    """Which findings each picture has, (n, 5), independent of each other."""
    return (rng.random((n, len(PREVALENCE))) < list(PREVALENCE.values())).astype(np.uint8)


def _draw(rng: np.random.Generator, found: npt.NDArray[np.uint8]) -> _Chest:
    n = len(found)
    plate_, heart_, cloud_, haze_, fluid_ = found.T.astype(np.float32)  # in the order of PREVALENCE
    pose = draw_pose(rng, n, scale=(0.95, 1.12), turn=7.0, stretch=0.07, roam=0.6)
    side = 1.0 - 2.0 * chance(rng, 0.5, n)
    plate = np.stack(
        [
            side,
            uniform(rng, -0.12, 0.12, n),
            uniform(rng, -0.32, 0.1, n),
            uniform(rng, -0.5, 0.5, n),
            plate_ * uniform(rng, 0.25, 0.65, n),
        ]
    )
    # A plate comes with lost volume, so that the diaphragm rises on its side; it also rises by itself.
    raised = uniform(rng, -0.06, 0.09, 2, n)
    raised += plate_ * uniform(rng, 0.0, 0.12, n) * np.stack([side < 0, side > 0])
    width = 0.27 + uniform(rng, -0.035, 0.045, n) + heart_ * uniform(rng, 0.07, 0.18, n)
    cloud = np.stack(
        [
            1.0 - 2.0 * chance(rng, 0.5, n),
            uniform(rng, -0.14, 0.14, n),
            uniform(rng, -0.35, 0.5, n),
            uniform(rng, 0.12, 0.24, n),
            cloud_ * uniform(rng, 0.3, 0.75, n),
        ]
    )
    left = chance(rng, 0.6, n)
    sides = np.stack([left, np.maximum(1.0 - left, chance(rng, 0.35, n))]) * fluid_
    fluid = np.stack([uniform(rng, 0.08, 0.4, 2, n), sides * uniform(rng, 0.45, 0.95, 2, n)])
    return _Chest(
        pose=pose,
        spectrum=np.stack([uniform(rng, 1.4, 2.0, n), np.ones(n, np.float32), np.zeros(n, np.float32)]),
        body=np.stack([uniform(rng, 0.0, 0.08, n), uniform(rng, 0.5, 0.68, n), uniform(rng, 0.13, 0.26, n)]),
        shape=uniform(rng, -1.0, 1.0, 6, n),
        raised=raised,
        heart=np.stack([width, width * uniform(rng, 0.95, 1.2, n)]),
        ribs=np.stack(
            [
                uniform(rng, 0.185, 0.225, n),
                uniform(rng, 0.35, 0.8, n),
                uniform(rng, 0.0, 1.0, n),
                uniform(rng, 0.05, 0.12, n),
            ]
        ),
        vessels=uniform(rng, 0.015, 0.045, n),
        plate=plate,
        cloud=cloud,
        haze=uniform(rng, 0.0, 0.12, n) + haze_ * uniform(rng, 0.08, 0.35, n),
        fluid=fluid,
        lead=np.stack([uniform(rng, -0.9, 0.9, n), uniform(rng, -0.9, 0.9, n), 0.25 * chance(rng, 0.25, n)]),
        mark=np.stack([1.0 - 2.0 * chance(rng, 0.5, n), uniform(rng, 0.6, 0.85, n), chance(rng, 0.7, n)]),
        curve=uniform(rng, -0.3, 0.5, n),
        sensor=uniform(rng, 0.008, 0.03, n),
    )


class XrayStyle:
    """Radiographs of one chunk: everything random drawn at once, pixels made block by block."""

    def __init__(self, rng: np.random.Generator, found: npt.NDArray[np.uint8], size: int) -> None:
        scene, texture, self._sensor = rng.spawn(3)
        self._draws = _draw(scene, found)
        self._texture = Spectrum(texture, len(found), size)
        self._size = size

    def pixels(self, which: Index, labels: Index) -> Array:
        """Planes (3, n, size, size) of the images `which`; the labels are already drawn in."""
        del labels
        p = self._draws.of(which)
        picture_x, picture_y = grid(self._size)
        x, y = object_frame(p.pose, picture_x, picture_y)
        cloudy, fine = self._texture.fields(which, *p.spectrum)
        film = _film(p, x, y, cloudy, fine)
        letter = _letter(picture_x - 0.84 * col(p.mark[0]), picture_y - col(p.mark[1]))
        film = np.maximum(film, 0.85 * col(p.mark[2]) * inside(letter, self._size))
        clip01(film)
        film *= 1.0 + col(p.curve) * (1.0 - film)
        film += self._sensor.standard_normal(film.shape, dtype=np.float32) * col(p.sensor)
        return np.broadcast_to(film, (3, *film.shape))


def _film(p: _Chest, x: Array, y: Array, cloudy: Array, fine: Array) -> Array:
    """Brightness in the patient's frame."""
    air, tissue, dark = col(p.body)
    wide, tall, bulge, *_ = col(p.shape)
    side = np.abs(x)
    torso = blend(box(side, y, 0.0, -0.55, 0.86, 1.25, 0.35), capsule(side, y, (0.0, 1.1), (0.3, 0.75), 0.25), 0.3)
    body = smooth(0.5 - torso / 0.1)
    film: Array = air + (tissue - air + 0.03 * cloudy) * body

    # Lungs above the two domes of the diaphragm.
    left = x < 0.0
    raised = np.where(left, col(p.raised[0] + 0.04), col(p.raised[1]))
    across = (side - _LUNG) / 0.34
    dome = raised - 0.56 + (0.13 + 0.04 * bulge) * (1.0 - across * across)
    lung = ellipse(side, y, _LUNG + 0.02 * (0.3 - y), 0.02, 0.325 + 0.03 * wide, 0.78 + 0.05 * tall)
    lung = np.maximum(lung, dome - y)
    lungs = smooth(0.5 - lung / 0.09)
    film -= (tissue - dark) * lungs * (0.85 + 0.15 * smooth(0.5 + 0.6 * y))

    film += _bones(p, x, y, side, body, lungs)
    hilum = np.exp(-4.0 * ((side - 0.2) ** 2 + (y - 0.05) ** 2))
    film += col(p.vessels) * lungs * fine * (0.4 + 1.6 * hilum)

    # Heart and great vessels, the heart's tip at the picture's right.
    hx, hy = col(p.heart)
    u, v = x - (0.05 + 0.35 * hx) - 0.02 * col(p.shape[3]), y + 0.27 - 0.02 * col(p.shape[4])
    heart = blend(ellipse(u + 0.35 * v, v, 0.0, 0.0, hx * 1.1, hy), ellipse(x, y, 0.03, 0.2, 0.13, 0.42), 0.2)
    film += 0.3 * smooth(0.5 - heart / 0.09) * (0.35 + 0.65 * lungs)
    clear = _clear(p, x, y, dome, hilum, cloudy)
    film += (1.0 - clear) * lungs * (tissue + 0.15 - film)
    return film


def _letter(x: Array, y: Array) -> Array:
    """Distance to the L with which the patient's left side is marked."""
    return np.minimum(box(x, y, -0.04, 0.0, 0.02, 0.08), box(x, y, 0.0, -0.06, 0.055, 0.02))


def _bones(p: _Chest, x: Array, y: Array, side: Array, body: Array, lungs: Array) -> Array:
    spacing, slope, phase, contrast = col(p.ribs)
    # Ribs fall away from the spine behind and rise again in front, fainter.
    behind = (y + slope * side * side * 0.9 - 0.15 * side) / spacing + phase
    front = (y - 0.75 * slope * (side - 0.1)) / spacing + 1.7 * phase
    fade = body * smooth((side - 0.08) * 4.0) * smooth((y + 0.8) * 3.0) * (0.3 + 0.7 * lungs)
    bones: Array = contrast * fade * (smooth(1.6 * np.cos(2.0 * np.pi * behind)) - 0.2)
    bones += 0.5 * contrast * fade * smooth(1.5 * np.cos(2.0 * np.pi * front) - 0.4)
    collar = capsule(side, y, (0.1, 0.62 + 0.02 * col(p.shape[5])), (0.75, 0.8 + 0.05 * col(p.shape[5])), 0.045)
    bones += 0.13 * body * smooth(0.5 - collar / 0.05)
    spine = smooth((0.13 - side) * 14.0) * body
    bones += spine * (0.1 + 0.035 * np.cos(2.0 * np.pi * y / (0.8 * spacing)))
    top, bottom, strength = col(p.lead)
    wire = capsule(x, y, (-0.9, top), (0.9, bottom), 0.008)
    bones += strength * inside(wire, x.shape[-1])
    return bones


def _clear(p: _Chest, x: Array, y: Array, dome: Array, hilum: Array, cloudy: Array) -> Array:
    """How much of the lungs' darkness the findings leave, from 0 to 1."""
    # Edema: haze over both lungs, densest about the hila, patchy.
    patches = np.clip(1.0 + 0.35 * cloudy, 0.3, 1.7)
    out: Array = 1.0 - col(p.haze) * (0.6 + 0.9 * hilum) * patches
    # Atelectasis: a plate.
    on, dx, dy, slope, contrast = col(p.plate)
    at_x, at_y = on * _LUNG + dx, dy - 0.1
    plate = capsule(x, y, (at_x - 0.17, at_y - 0.17 * slope), (at_x + 0.17, at_y + 0.17 * slope), 0.03)
    out *= 1.0 - contrast * smooth(0.5 - plate / 0.05)
    # Consolidation: a cloud.
    on, dx, dy, radius, contrast = col(p.cloud)
    cloud = circle(x, y, on * _LUNG + dx, dy, radius)
    cloud -= 0.07 * cloudy
    out *= 1.0 - contrast * smooth(0.5 - cloud / 0.16)
    # Effusion: fluid up to a level that climbs at the chest wall.
    level, amount = (np.where(x < 0.0, col(pair[0]), col(pair[1])).astype(np.float32) for pair in p.fluid)
    climb = np.maximum(np.abs(x) - _LUNG, -0.1)
    below: Array = climb * np.abs(climb)
    below *= 2.5
    below += dome - 0.12 + level - y
    below /= 0.12
    below += 0.5
    out *= 1.0 - amount * smooth(below)
    return out
