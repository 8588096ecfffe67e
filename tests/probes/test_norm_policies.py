import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.batchnorm import statistics
from transferscope.models.network import Input, Network
from transferscope.params import lerp
from transferscope.probes.evaluate import evaluate
from transferscope.probes.points import Points
from transferscope.rng import generator, numpy_generator


def make() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4, momentum=0.3),
        nn.Flatten(),
        nn.Linear(4 * 9, 8),
        nn.BatchNorm1d(8),
        nn.Linear(8, 3),
    ).eval()


def drawn(module: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    g = generator("norm", seed)
    out = {}
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            out[name] = torch.tensor(7)
        elif "running_var" in name:
            out[name] = torch.rand(value.shape, generator=g) + 0.5
        else:
            out[name] = torch.randn(value.shape, generator=g) * 0.5
    return out


def images(n: int, name: str) -> ImageSet:
    r = numpy_generator(name, n)
    ids = np.array([str(i) for i in range(n)])
    return ImageSet(
        r.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), r.integers(0, 3, n), tuple("abc"), ids, name=name
    )


@pytest.fixture
def net() -> Network:
    return Network(make(), "normed", 3, Input((8, 8)))


def plain(net: Network, params, x: torch.Tensor, labels: np.ndarray) -> float:
    with torch.no_grad():
        return nn.functional.cross_entropy(net.fresh(params)(x), torch.from_numpy(labels)).item()


def test_interpolated(net):
    a, b, test = drawn(net.module, 1), drawn(net.module, 2), images(20, "test")
    found = evaluate(net, Points.line(a, b, [0.0, 0.5]), test, norm="interpolated", device="cpu")
    x = net.input.prepare(torch.from_numpy(test.images))
    assert found.values["loss"][0] == pytest.approx(plain(net, a, x, test.labels), rel=1e-5)
    assert found.values["loss"][1] == pytest.approx(plain(net, lerp(a, b, 0.5), x, test.labels), rel=1e-5)
    assert found.how.norm == "interpolated"


def test_kept(net):
    a, b, test = drawn(net.module, 1), drawn(net.module, 2), images(20, "test")
    found = evaluate(net, Points.line(a, b, [0.25, 1.0]), test, norm="kept", device="cpu")
    x = net.input.prepare(torch.from_numpy(test.images))
    for i, t in enumerate((0.25, 1.0)):
        params = lerp(a, b, t) | {k: a[k] for k in statistics(net.module)}
        assert found.values["loss"][i] == pytest.approx(plain(net, params, x, test.labels), rel=1e-5)


def test_recalibrated(net):
    a, b = drawn(net.module, 1), drawn(net.module, 2)
    train, test = images(300, "train"), images(20, "test")
    found = evaluate(
        net, Points.line(a, b, [0.0, 0.5, 1.0]), test, recalibrate_on=train, recalibrate_images=280, device="cpu"
    )
    assert found.how.norm == "recalibrated" and found.how.recalibrated_on == "256 images of train"
    order = numpy_generator("recalibrate", 300).permutation(300)[:256]
    batches = net.input.prepare(torch.from_numpy(train.images[order])).split(128)
    x = net.input.prepare(torch.from_numpy(test.images))
    for i, t in enumerate((0.0, 0.5, 1.0)):
        module = net.fresh(lerp(a, b, t))
        with torch.no_grad():
            update_bn(batches, module)
        assert found.values["loss"][i] == pytest.approx(plain(net, module.state_dict(), x, test.labels), rel=1e-4)


def test_recalibration_needs_images(net):
    line = Points.line(drawn(net.module, 1), drawn(net.module, 2), [0.5])
    with pytest.raises(
        UsageError, match=r"normed has batch norm.*give training images.*or choose norm='interpolated'"
    ):
        evaluate(net, line, images(4, "test"), device="cpu")
    with pytest.raises(UsageError, match="norm 'keep'; did you mean 'kept'"):
        evaluate(net, line, images(4, "test"), norm="keep", device="cpu")


def test_a_network_without_batch_norm_says_none():
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), "plain", 3, Input((8, 8)))
    found = evaluate(net, Points.listed([net.params()]), images(4, "test"), norm="recalibrated", device="cpu")
    assert found.how.norm == "none"
