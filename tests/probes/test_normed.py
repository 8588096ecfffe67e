import numpy as np
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.normed import with_statistics_of

SMALL = Input((6, 6), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def image_set(n):
    pixels = np.random.default_rng(0).integers(0, 256, (n, 6, 6, 3), np.uint8)
    return ImageSet(pixels, np.zeros(n, np.int64), ("a", "b"), np.arange(n).astype(str))


def test_statistics_are_those_of_one_batch_in_training_mode():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    net, images = wrap(module, name="normed", classes=2, input=SMALL), image_set(9)
    params = initialise(net, 0)
    got = with_statistics_of(net, params, images)
    y = net.fresh(params)[0](net.input.prepare(torch.from_numpy(images.images))).detach()
    torch.testing.assert_close(got["1.running_mean"], y.mean((0, 2, 3)))
    torch.testing.assert_close(got["1.running_var"], y.var((0, 2, 3)))
    same = [k for k in params if "running" not in k]
    assert all(torch.equal(got[k], params[k]) for k in same)
    assert torch.equal(params["1.running_mean"], torch.zeros(4))


def test_a_last_batch_that_is_not_full_has_no_part():
    net = build("resnet20", 2, input=SMALL)
    params, images = initialise(net, 0), image_set(9)
    got = with_statistics_of(net, params, images, batch=4)
    want = with_statistics_of(net, params, images.subset(range(8)), batch=4)
    assert all(torch.equal(got[k], want[k]) for k in params)


def test_without_batch_norm_there_is_nothing_to_do():
    net = build("fixup_resnet8", 2, input=SMALL)
    params = initialise(net, 0)
    got = with_statistics_of(net, params, image_set(2))
    assert got.keys() == params.keys()
    assert all(torch.equal(got[k], params[k]) for k in params)
