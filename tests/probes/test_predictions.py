import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.predictions import predictions


def image_set(n=7, classes=3):
    images = np.random.default_rng(1).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return ImageSet(images, np.arange(n) % classes, tuple("abc"[:classes]), np.arange(n).astype(str))


@pytest.fixture
def net():
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(0.5), nn.Linear(20, 3)
    )
    return wrap(module, name="tiny", classes=3, input=Input((4, 4), 3, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)))


def test_logits_are_those_of_a_plain_pass_in_eval_mode(net):
    params, images = initialise(net, 0), image_set()
    params["1.running_mean"] += 0.3
    params["1.running_var"] *= 2.5
    told = []
    got = predictions(net, params, images, batch=3, progress=lambda *x: told.append(x))
    module = net.fresh(params).double()
    x = (torch.from_numpy(images.images).double() / 255 - 0.5) / 0.2
    want = module(x.permute(0, 3, 1, 2)).detach().numpy()
    assert got.dtype == np.float32 and told == [(3, 7, "images"), (6, 7, "images"), (7, 7, "images")]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_weights_of_another_network_are_refused(net):
    params = initialise(net, 0)
    with pytest.raises(UsageError, match=r"do not fit tiny: '5.weight' is \(3, 20\) in the network and \(7, 20\) in"):
        predictions(net, params | {"5.weight": torch.zeros(7, 20)}, image_set())
    with pytest.raises(UsageError, match=r"'9\.weight' is absent in the network"):
        predictions(net, params | {"9.weight": torch.zeros(1)}, image_set())
    del params["0.bias"]
    with pytest.raises(UsageError, match=r"'0.bias' is \(5,\) in the network and absent in the weights"):
        predictions(net, params, image_set())


def test_a_head_for_other_classes_is_refused(net):
    with pytest.raises(ModelError, match=r"tiny gives outputs of shape \(3,\) for the 2 classes of images"):
        predictions(net, initialise(net, 0), image_set(classes=2))
