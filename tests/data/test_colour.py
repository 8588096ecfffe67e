"""Colours varied image by image: amounts, greys, and the same draws each time."""

import numpy as np
import torch

from transferscope.data.colour import jitter


def images(n=400, channels=3):
    return torch.from_numpy(np.random.default_rng(0).uniform(60, 190, (n, 3, 3, channels)).astype(np.float32))


def test_one_in_five_is_grey_and_one_in_five_as_it_was():
    x = images()
    y = jitter(x, 0.5, np.random.default_rng(1))
    grey = (y.amax(3) - y.amin(3)).amax((1, 2)) < 0.5
    same = (y - x).abs().amax((1, 2, 3)) < 0.5
    assert 0.12 < grey.float().mean() < 0.28 and 0.10 < same.float().mean() < 0.23
    assert float(y.min()) >= 0 and float(y.max()) <= 255


def test_nothing_changes_brightness_more_than_asked():
    x = images(channels=1)
    y = jitter(x, 0.25, np.random.default_rng(2))
    ratio = y.mean((1, 2, 3)) / x.mean((1, 2, 3))
    assert 0.79 < float(ratio.min()) < 0.85 and 1.15 < float(ratio.max()) < 1.21


def test_hue_keeps_the_grey_value_and_strength_0_all_colours():
    x = images(200)
    weights = torch.tensor([0.299, 0.587, 0.114])
    y = jitter(x, 0.0, np.random.default_rng(3))
    assert float(((y - x) @ weights).abs().max()) < 0.5  # greys included
    assert torch.equal(jitter(x, 0.5, np.random.default_rng(4)), jitter(x, 0.5, np.random.default_rng(4)))
