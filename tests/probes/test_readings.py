"""Readings of modules whose entries are not one an image."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.readings import readings

WANTED = Input((6, 6), 1, (0.5,), (0.25,))
IMAGES = ImageSet(
    np.random.default_rng(0).integers(0, 256, (9, 6, 6, 1)).astype(np.uint8), np.arange(9) % 4, tuple("abcd"),
    np.arange(9).astype(str), "noise",
)  # fmt: skip


class Rows(nn.Module):
    """Nine tokens an image: in one row with those of other images, or before the images."""

    def __init__(self, images_first):
        super().__init__()
        self.images_first, self.each, self.head = images_first, nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x):
        tokens = x.flatten(1).view(len(x), 9, 4)
        if self.images_first:
            return self.head(self.each(tokens.flatten(0, 1)).view(len(x), 9, 5).mean(1))
        return self.head(self.each(tokens.transpose(0, 1)).mean(0))


def test_tokens_in_one_row_are_read_by_image():
    net = wrap(Rows(True), name="rows", classes=4, input=WANTED)
    params = initialise(net, 1)
    tokens, before = readings(net, params, IMAGES, ["each"], batch=4, device="cpu")
    assert (tokens.name, before.name) == ("each (mean of tokens)", "input of head")
    module, x = net.fresh(params), WANTED.prepare(torch.from_numpy(IMAGES.images))
    with torch.no_grad():
        wanted = module.each(x.flatten(1).view(9, 9, 4)).mean(1)
    np.testing.assert_allclose(tokens.features, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(before.features, wanted, rtol=1e-5, atol=1e-6)


def test_tokens_before_images_are_not_read_as_images():
    """Nine images of nine tokens: the number of entries alone does not show it."""
    net = wrap(Rows(False), name="rows", classes=4, input=WANTED)
    with pytest.raises(ModelError, match="'each' has no features: its output does not have image after image"):
        readings(net, initialise(net, 1), IMAGES, ["each"], device="cpu")
