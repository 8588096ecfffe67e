"""Margins against the closed form at the head, and against one gradient after another."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import DataError, ModelError, UsageError
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.margins import margins

WANTED = Input((6, 6), 1, (0.5,), (0.25,))
CLASSES = tuple("abcd")
IMAGES = ImageSet(
    np.random.default_rng(0).integers(0, 256, (23, 6, 6, 1)).astype(np.uint8), np.arange(23) % 4, CLASSES,
    np.arange(23).astype(str), "noise",
)  # fmt: skip


def small():
    module = nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Conv2d(5, 7, 3, stride=2),
        nn.Tanh(), nn.Flatten(), nn.Linear(28, 4),
    )  # fmt: skip
    return wrap(module, name="small", classes=4, input=WANTED)


NET = small()
PARAMS = {k: v.double() if v.is_floating_point() else v for k, v in initialise(NET, 0).items()}


def one_by_one(place, form, k):
    """Each image alone: the part of the network after the place, and one gradient for each other class."""
    module = NET.fresh().double()
    module.load_state_dict(PARAMS)
    values = []
    for i in range(len(IMAGES)):
        x = WANTED.prepare(torch.from_numpy(IMAGES.images[i : i + 1])).double()
        h = module[:place](x).detach().clone().requires_grad_(True)
        out = module[place:](h.clone())[0]
        out = out.softmax(0) if form == "softmax" else out
        y = int(IMAGES.labels[i])
        others = sorted((j for j in range(4) if j != y), key=lambda j: -float(out[j].detach()))[:k]
        found = []
        for j in others:
            (gradient,) = torch.autograd.grad(out[y] - out[j], h, retain_graph=True)
            found.append(float((out[y] - out[j]).detach()) / float(gradient.norm()))
        values.append(min(found))
    return np.array(values)


@pytest.mark.parametrize(("form", "k"), [("logit", 1), ("logit", 3), ("softmax", 1)])
def test_they_are_one_gradient_after_another(form, k):
    found = margins(NET, PARAMS, IMAGES, "layer", form=form, top_k=k, precision="float64", batch=8, device="cpu")
    assert found.places == ("0", "3", "input of 6")
    for row, place in enumerate((2, 4, 6)):
        np.testing.assert_allclose(found.values[row], one_by_one(place, form, k), rtol=1e-9)


def test_at_the_head_they_are_exact():
    found = margins(NET, PARAMS, IMAGES, [], precision="float64", device="cpu")
    module = NET.fresh().double()
    module.load_state_dict(PARAMS)
    with torch.no_grad():
        h = module[:6](WANTED.prepare(torch.from_numpy(IMAGES.images)).double())
    w, b = PARAMS["6.weight"].numpy(), PARAMS["6.bias"].numpy()
    expected = []
    for row, y in zip(h.numpy(), IMAGES.labels, strict=True):
        out = w @ row + b
        j = max((c for c in range(4) if c != y), key=lambda c: out[c])
        expected.append((out[y] - out[j]) / np.linalg.norm(w[y] - w[j]))
    np.testing.assert_allclose(found.head, expected, rtol=1e-12, atol=1e-12)
    right = (h.numpy() @ w.T + b).argmax(1) == IMAGES.labels
    assert ((found.head > 0) == right).all(), "negative where it is wrong"
    assert found.spread[0] == pytest.approx(np.sqrt(h.numpy().var(0).sum()), rel=1e-12)


def test_float32_is_near_and_batches_do_not_matter():
    a = margins(NET, PARAMS, IMAGES, "layer", precision="float64", batch=23, device="cpu")
    b = margins(NET, PARAMS, IMAGES, "layer", batch=5, device="cpu")
    np.testing.assert_allclose(a.values, b.values, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(a.spread, b.spread, rtol=1e-5)


def test_what_cannot_be():
    with pytest.raises(UsageError, match="form 'logits'"):
        margins(NET, PARAMS, IMAGES, form="logits")
    with pytest.raises(UsageError, match="nearest of 4 others"):
        margins(NET, PARAMS, IMAGES, top_k=4)
    with pytest.raises(DataError, match="several labels"):
        labels = np.zeros((23, 4), np.int8)
        margins(NET, PARAMS, ImageSet(IMAGES.images, labels, CLASSES, IMAGES.ids))
    with pytest.raises(ModelError, match="no final layer"):
        margins(replace(NET, head=""), PARAMS, IMAGES)


class Rows(nn.Module):
    """Tokens stand in one row with images, those of an image together or not; or tokens come before images."""

    def __init__(self, form="image by image"):
        super().__init__()
        self.form, self.each, self.head = form, nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x):
        tokens = x.flatten(1).view(len(x), 9, 4)
        if self.form == "image by image":
            return self.head(self.each(tokens.flatten(0, 1)).tanh().view(len(x), 9, 5).mean(1))
        return self.head(self.each(tokens.transpose(0, 1)).tanh().mean(0))


def test_rows_of_an_image_are_its_features():
    net = wrap(Rows(), name="rows", classes=4, input=WANTED)
    whole = wrap(nn.Sequential(Tokens(), nn.Linear(5, 4)), name="tokens", classes=4, input=WANTED)
    params = initialise(net, 3)
    same = {k.replace("each", "0.each").replace("head", "1"): v for k, v in params.items()}
    # The last batch has one image.
    found = margins(net, params, IMAGES, ["each"], precision="float64", batch=11, device="cpu")
    wanted = margins(whole, same, IMAGES, ["0.each"], precision="float64", device="cpu")
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-9)
    np.testing.assert_allclose(found.spread, wanted.spread, rtol=1e-9)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Linear(4, 5)

    def forward(self, x):
        return self.each(x.flatten(1).view(len(x), 9, 4)).tanh().mean(1)


@pytest.mark.parametrize("batch", [4, 9])  # 9: as many images as tokens, so that the number of entries is right
def test_tokens_before_images_have_no_margins(batch):
    net = wrap(Rows("tokens first"), name="rows", classes=4, input=WANTED)
    with pytest.raises(ModelError, match="'each' passes on does not have image after image on its first axis"):
        margins(net, initialise(net, 3), IMAGES, ["each"], batch=batch, device="cpu")
