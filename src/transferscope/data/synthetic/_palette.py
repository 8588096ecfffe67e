"""Colours of objects: a named hue, which is the picture's colour label, and what goes with it."""

from __future__ import annotations

import numpy as np

from transferscope.data.synthetic._draws import HUES, Index, chance, hsv, uniform
from transferscope.data.synthetic._sdf import Array
from transferscope.data.synthetic._things import DARK, LIGHT, MAIN, SECOND


def draw_hues(rng: np.random.Generator, n: int) -> tuple[Index, Array]:
    """A colour name for every image, by its place in `HUES`, and a hue near it in degrees."""
    names = rng.integers(len(HUES), size=n)
    middle = np.asarray(list(HUES.values()), np.float32)[names]
    return names, (middle + uniform(rng, -7.0, 7.0, n)) % 360.0


def draw_materials(
    rng: np.random.Generator, hue: Array, *, saturation: tuple[float, float], value: tuple[float, float]
) -> Array:
    """The colours (material, 3, n) of main part, second part, dark and light details.

    The second colour is half the time another tone of the main hue, half the time any hue.
    """
    n = len(hue)
    out = np.empty((4, 3, n), np.float32)
    main_s, main_v = uniform(rng, *saturation, n), uniform(rng, *value, n)
    out[MAIN] = hsv(hue, main_s, main_v)
    same = chance(rng, 0.5, n)
    other = hsv(uniform(rng, 0.0, 360.0, n), uniform(rng, 0.1, 0.7, n), uniform(rng, *value, n))
    darker = chance(rng, 0.5, n)
    tone = hsv(hue, main_s * (0.45 + 0.5 * darker), np.where(darker > 0, 0.55 * main_v, 0.4 + 0.6 * main_v))
    out[SECOND] = same * tone + (1.0 - same) * other
    any_hue = uniform(rng, 0.0, 360.0, n)
    out[DARK] = hsv(any_hue, uniform(rng, 0.0, 0.5, n), uniform(rng, 0.06, 0.25, n))
    out[LIGHT] = hsv(any_hue, uniform(rng, 0.0, 0.18, n), uniform(rng, 0.8, 1.0, n))
    return out
