"""The final layer that is fitted before fine-tuning, against plain regression on plain features."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input, Network
from transferscope.numerics.frozen.linear_probe import linear_probe
from transferscope.probes.probed_head import probed_head
from transferscope.rng import numpy_generator
from transferscope.train.starts import pretrained, probed

INPUT = Input((3, 3), 1, (0.5,), (0.25,))
NET = build("mlp:6", 3, input=INPUT)
SOURCE = initialise(build("mlp:6", 7, input=INPUT), 4)


def pictures(name, n, size=(3, 3), channels=1):
    r = numpy_generator("probed", name)
    labels = np.arange(n) % 3
    pixels = r.integers(0, 120, (n, *size, channels), dtype=np.uint8)
    pixels[np.arange(n), labels, labels] += 100
    return ImageSet(pixels, labels, ("a", "b", "c"), np.arange(n).astype(str), name=name)


TRAIN, VAL = pictures("train", 48), pictures("val", 30)


@pytest.fixture(scope="module")
def found():
    return probed_head(NET, SOURCE, TRAIN, VAL, device="cpu")


def features(images):
    x = NET.input.prepare(torch.from_numpy(images.images)).flatten(1)
    return torch.relu(x @ SOURCE["fc1.weight"].T + SOURCE["fc1.bias"])


def test_it_is_the_linear_probe_of_the_features_before_it(found):
    y, held = (torch.from_numpy(images.labels) for images in (TRAIN, VAL))
    want = linear_probe(features(TRAIN), y, features(VAL), held, features(VAL), 3)
    assert found.decay == want.decay and found.accuracy == max(want.validation) > 0.5
    torch.testing.assert_close(found.params["fc2.weight"], want.weights.T.float())
    torch.testing.assert_close(found.params["fc2.bias"], want.bias.float())
    assert found.features == "input of fc2" and (found.images, found.validation) == (48, 30)
    assert f"weight decay {want.decay:g}, with which {100 * found.accuracy:.1f} % of 30" in found.text


def test_runs_begin_with_it_and_with_nothing_drawn(found):
    start = probed(NET, SOURCE, found.params)
    assert all(torch.equal(start.params[k], found.params[k]) for k in NET.head_tensors())
    assert torch.equal(start.params["fc1.weight"], SOURCE["fc1.weight"]) and start.role == "P"
    assert "a linear probe of the pre-trained features" in start.report[0]
    assert not torch.equal(pretrained(NET, SOURCE, 0).params["fc2.weight"], found.params["fc2.weight"])
    again = probed_head(NET, SOURCE, TRAIN, VAL, device="cpu")
    assert all(torch.equal(again.params[k], v) for k, v in found.params.items())


def test_a_final_layer_with_more_than_weight_and_bias():
    """Of Fixup's three tensors the scalar before the layer stays as it is drawn: zero."""
    net = build("fixup_resnet8?width=2", 3, input=Input((8, 8), 3))
    images = pictures("coloured", 24, (8, 8), 3)
    head = probed_head(net, initialise(net, 1), images, images, device="cpu").params
    assert sorted(head) == ["fc.bias", "fc.bias_before", "fc.weight"] and float(head["fc.bias_before"]) == 0


class Cosine(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(nn.functional.normalize(x), self.weight, self.bias)


def test_what_cannot_be_probed_is_said():
    odd = Network(nn.Sequential(nn.Flatten(), Cosine(9, 3)), "odd", 3, NET.input, head="1")
    with pytest.raises(ModelError, match="odd: its final layer does something else than a weight and a bias"):
        probed_head(odd, odd.params(), TRAIN, VAL, device="cpu")
    bare = build("mlp:6,bias=false", 3, input=INPUT)
    with pytest.raises(ModelError, match=r"a probed final layer is a weight and a bias, that .* has fc2.weight"):
        probed_head(bare, bare.params(), TRAIN, VAL, device="cpu")
    several = ImageSet(TRAIN.images, np.eye(3, dtype=np.int8)[TRAIN.labels], TRAIN.classes, TRAIN.ids, name="x-rays")
    with pytest.raises(UsageError, match="x-rays: a probed final layer takes one label an image"):
        probed_head(NET, SOURCE, several, several, device="cpu")
    with pytest.raises(UsageError, match="train: no validation images, on which the weight decay"):
        probed_head(NET, SOURCE, TRAIN, VAL.subset([]), device="cpu")
