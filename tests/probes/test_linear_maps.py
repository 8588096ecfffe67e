"""Geometry as the forward pass shows it, and spectra against the dense matrix of the layer."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.models.build import build, wrap
from transferscope.models.network import Input
from transferscope.probes.linear_maps import LinearMap, linear_maps
from transferscope.rng import generator


class Branching(nn.Module):
    """Registered in another order than it runs, with a transposed convolution and a part that never runs."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.idle = nn.Conv2d(2, 2, 3)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.first = nn.Conv2d(1, 4, 3, padding="same", dilation=2, padding_mode="circular")

    def forward(self, x):
        x = self.up(self.first(x).relu())
        return self.head(self.second(x[..., :-1]).mean((2, 3)))


@pytest.fixture(scope="module")
def branching():
    return wrap(Branching(), name="branching", classes=3, input=Input((5, 6), 1, (0.5,), (0.5,)))


def test_maps_are_in_forward_order_with_their_true_sizes(branching):
    maps, others = linear_maps(branching)
    assert [m.name for m in maps] == ["first", "second", "head"]
    assert others == (("up.weight", "no 2-D convolution and no matrix"), ("idle.weight", "never runs"))
    first, second, head = maps
    assert (first.seen, first.size, first.padding, first.dilation) == ((5, 6), (5, 6), "same", (2, 2))
    assert first.remark == "its own padding is circular"
    assert (second.seen, second.size, second.stride, second.groups) == ((10, 11), (10, 12), (2, 2), 2)
    assert "10×11 input is no multiple of the stride 2×2; the circular map is on 10×12" in second.remark
    assert (head.kind, head.shape, head.seen) == ("linear", (3, 6), (1, 1))


def test_the_network_keeps_no_hooks(branching):
    linear_maps(branching)
    assert not any(part._forward_pre_hooks for part in branching.module.modules())


def test_a_subclass_with_a_forward_of_its_own_is_remarked_on():
    class Standardised(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)

    module = nn.Sequential(Standardised(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    net = wrap(module, name="standardised", classes=2, input=Input((4, 4), 1, (0.5,), (0.5,)))
    (first, _), _ = linear_maps(net)
    assert first.remark == "a Standardised may change its weight or input on the way; the stored weight is taken"


def test_attention_has_its_matrices():
    from torch.nn import functional

    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Conv2d(1, 4, 2, stride=2)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            tokens = self.embed(x).flatten(2).transpose(1, 2)
            mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            return self.head(functional.relu(mixed).mean(1))

    maps, others = linear_maps(wrap(Attending(), name="a", classes=2, input=Input((4, 4), 1, (0.5,), (0.5,))))
    assert {m.tensor for m in maps} == {
        "embed.weight", "attention.in_proj_weight", "attention.out_proj.weight", "head.weight",
    }  # fmt: skip
    assert others == ()


def test_the_spectrum_of_a_strided_grouped_layer_is_that_of_its_dense_matrix(branching):
    second = linear_maps(branching)[0][1]
    weight = torch.randn(second.shape, generator=generator("second"), dtype=torch.float64)
    unit = torch.eye(4 * 10 * 12, dtype=torch.float64).reshape(-1, 4, 10, 12)
    wrapped = nn.functional.pad(unit, (1, 1, 1, 1), mode="circular")
    dense = nn.functional.conv2d(wrapped, weight, stride=2, groups=2).flatten(1)
    expected = np.linalg.svd(dense.numpy(), compute_uv=False)
    found = np.repeat(*second.spectrum(weight))
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-12 * expected[0], rtol=0)


def test_the_padded_norm_is_that_of_the_layer_on_what_it_sees(branching):
    second = linear_maps(branching)[0][1]
    layer = branching.module.second
    unit = torch.eye(4 * 10 * 11, dtype=torch.float64).reshape(-1, 4, 10, 11)
    with torch.no_grad():
        dense = nn.functional.conv2d(unit, layer.weight.double(), None, 2, 1, 1, 2).flatten(1)
    value, error = second.padded_norm(layer.weight)
    assert abs(value - float(torch.linalg.matrix_norm(dense, 2))) < 1e-8 * value
    assert error < 1e-8 * value


def test_cost_orders_layers():
    small = LinearMap("a", "a.weight", "conv", (8, 8, 3, 3), (8, 8), (8, 8))
    large = LinearMap("b", "b.weight", "conv", (16, 16, 3, 3), (8, 8), (8, 8))
    single = LinearMap("c", "c.weight", "conv", (16, 16, 1, 1), (8, 8), (8, 8))
    assert single.cost() < small.cost() < large.cost()


def test_every_layer_of_a_residual_network_is_there():
    net = build("resnet20", 10)
    maps, others = linear_maps(net)
    wanted = {name for name, value in net.params().items() if value.ndim >= 2}
    assert {m.tensor for m in maps} == wanted
    assert not others
    assert {m.seen for m in maps if m.name.startswith("layer3.1")} == {(8, 8)}
