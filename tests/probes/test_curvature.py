"""Against the dense Hessian of a small network in float64 (``torch.func.hessian``)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from transferscope.data.imageset import ImageSet
from transferscope.errors import DataError, ModelError, UsageError
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.probes.curvature import Curvature
from transferscope.rng import generator, numpy_generator


def small(classes=3):
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Softplus(), nn.Conv2d(3, 2, 3, stride=2),
        nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, classes),
    )  # fmt: skip
    return wrap(module, name="small", classes=classes, input=Input((6, 6), 1, (0.4,), (0.3,)))


def pictures(n=10, classes=3, multilabel=False):
    random = numpy_generator("curvature", n)
    labels = random.integers(0, classes, n)
    if multilabel:
        labels = random.integers(-1, 2, (n, classes)).astype(np.int8)
    names = tuple("abcdef"[:classes])
    return ImageSet(random.integers(0, 256, (n, 6, 6, 1), np.uint8), labels, names, np.arange(n).astype(str))


def dense(net, params, images, wanted=None):
    """Hessian over the flattened parameters, by torch.func on the plain mean loss."""
    module = net.fresh().double()
    state = {k: v.double() if v.is_floating_point() else v for k, v in params.items()}
    names = [n for n, _ in module.named_parameters() if wanted is None or n in wanted]
    shapes = [state[n].shape for n in names]
    x = net.input.prepare(torch.from_numpy(images.images)).double()
    y = torch.from_numpy(images.labels)
    y = y.double() if images.multilabel else y

    def loss(flat):
        parts = torch.split(flat, [s.numel() for s in shapes])
        moved = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return mean_loss(functional_call(module, state | moved, (x,)), y)

    flat = torch.cat([state[n].flatten() for n in names])
    return torch.func.hessian(loss)(flat), torch.func.grad(loss)(flat), float(loss(flat)), names


@pytest.fixture(scope="module")
def net():
    return small()


def test_products_equal_the_dense_hessian(net):
    params, images = initialise(net, 0), pictures()
    matrix, gradient, loss, names = dense(net, params, images)
    curvature = Curvature(net, params, images, precision="float64", batch=4)
    assert curvature.names == tuple(names)
    assert curvature.size == len(matrix)
    assert curvature.kept == 10
    assert np.isclose(curvature.loss, loss, rtol=1e-12)
    torch.testing.assert_close(curvature.gradient, gradient, rtol=1e-10, atol=1e-13)
    for i in range(2):
        v = torch.randn(curvature.size, generator=generator("v", i), dtype=torch.float64)
        torch.testing.assert_close(curvature(v), matrix @ v, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("memory", [0, 1, 400_000])
def test_what_memory_keeps_changes_no_digit_that_counts(net, memory):
    params, images = initialise(net, 1), pictures()
    whole = Curvature(net, params, images, precision="float64", batch=3)
    bounded = Curvature(net, params, images, precision="float64", batch=3, memory=memory)
    assert bounded.kept <= whole.kept == 10
    assert bounded.kept == 0 or memory > 1
    v = torch.randn(whole.size, generator=generator("memory"), dtype=torch.float64)
    torch.testing.assert_close(bounded(v), whole(v), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(bounded(v), bounded(v), rtol=0, atol=0)


def test_some_memory_keeps_some_graphs(net):
    params, images = initialise(net, 1), pictures(40)
    bytes_ = Curvature(net, params, images, batch=10)._bytes(
        next(iter(Curvature(net, params, images)._feed.batches(10)))
    )
    assert Curvature(net, params, images, batch=10, memory=int(2.5 * bytes_)).kept == 20


@pytest.mark.parametrize("module", ["3", "6"])
def test_one_module(net, module):
    params, images = initialise(net, 2), pictures()
    wanted = {f"{module}.weight", f"{module}.bias"}
    matrix, _, _, _ = dense(net, params, images, wanted)
    curvature = Curvature(net, params, images, module=module, precision="float64")
    assert set(curvature.names) == wanted
    v = torch.randn(curvature.size, generator=generator("module"), dtype=torch.float64)
    torch.testing.assert_close(curvature(v), matrix @ v, rtol=1e-9, atol=1e-12)


def test_multilabel_losses_with_unknown_labels(net):
    params, images = initialise(net, 3), pictures(multilabel=True)
    matrix, _, loss, _ = dense(net, params, images)
    curvature = Curvature(net, params, images, precision="float64")
    v = torch.randn(curvature.size, generator=generator("multi"), dtype=torch.float64)
    assert np.isclose(curvature.loss, loss, rtol=1e-12)
    torch.testing.assert_close(curvature(v), matrix @ v, rtol=1e-9, atol=1e-12)


def test_float32_is_near_float64(net):
    params, images = initialise(net, 0), pictures()
    v = torch.randn(Curvature(net, params, images).size, generator=generator("single"), dtype=torch.float64)
    exact = Curvature(net, params, images, precision="float64")(v)
    found = Curvature(net, params, images)(v.float())
    assert found.dtype == torch.float32
    assert float((found - exact).norm() / exact.norm()) < 1e-5


def test_parameters_that_do_nothing_have_rows_of_zeros():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(36, 2), nn.Linear(3, 1)

        def forward(self, x):
            return self.used(x.flatten(1))

    net = wrap(Idle(), name="idle", classes=2, input=Input((6, 6), 1, (0.4,), (0.3,)))
    images = pictures(classes=2)
    curvature = Curvature(net, net.params(), images, precision="float64")
    out = curvature(torch.ones(curvature.size, dtype=torch.float64))
    assert (out[-4:] == 0).all()
    assert (out[:-4] != 0).any()
    with pytest.raises(ModelError, match=r"idle: idle\.weight, idle\.bias never run in the forward pass"):
        Curvature(net, net.params(), images, module="idle", precision="float64")


def test_the_networks_own_weights_are_not_touched(net):
    before = net.params()
    Curvature(net, initialise(net, 5), pictures())
    assert all(bool((v == before[k]).all()) for k, v in net.params().items())
    assert not any(p.grad is not None for p in net.module.parameters())


def test_bad_input(net):
    params, images = initialise(net, 0), pictures()
    with pytest.raises(ModelError, match="small has no module '33'; did you mean '3'"):
        Curvature(net, params, images, module="33")
    with pytest.raises(UsageError, match="a batch of 0 images"):
        Curvature(net, params, images, batch=0)
    with pytest.raises(DataError, match="no images"):
        Curvature(net, params, images.subset([]))
    with pytest.raises(UsageError, match="precision 'bfloat16'"):
        Curvature(net, params, images, precision="bfloat16")
    with pytest.raises(UsageError, match="4 classes, but small has 3 outputs"):
        Curvature(net, params, pictures(classes=4))
    with pytest.raises(ModelError, match="loss or gradient on images is not finite"):
        Curvature(net, params | {"6.bias": torch.full((3,), torch.nan)}, images)
