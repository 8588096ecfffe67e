"""Fixup ResNets against the paper's rules and torchvision's parameter counts."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.errors import ModelError
from transferscope.models.build import build
from transferscope.models.fixup import CIFAR_DEPTHS, IMAGENET_DEPTHS, FixupConv2d, fixup_resnet, fixup_scalars
from transferscope.rng import generator


@pytest.mark.parametrize("depth", IMAGENET_DEPTHS)
def test_as_many_weights_as_torchvision_without_batch_norm(depth):
    from torchvision.models import get_model_weights

    net = fixup_resnet(depth, 1000)
    convolutions = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    norms = sum(2 * c.out_channels for c in convolutions)
    scalars = len(fixup_scalars(net))
    documented = get_model_weights(f"resnet{depth}").DEFAULT.meta["num_params"]
    assert sum(p.numel() for p in net.parameters()) == documented - norms + scalars
    blocks = sum(IMAGENET_DEPTHS[depth])
    projections = 4 if depth >= 50 else 3
    assert scalars == blocks * (7 if depth >= 50 else 5) + projections + 2


@pytest.mark.parametrize("depth", CIFAR_DEPTHS)
def test_depth_is_the_number_of_layers(depth):
    net = fixup_resnet(depth, 10)
    assert sum(isinstance(part, (nn.Conv2d, nn.Linear)) for part in net.modules()) == depth


def test_scalars_are_all_that_is_one_number():
    net = fixup_resnet(14, 10)
    assert set(fixup_scalars(net)) == {name for name, p in net.named_parameters() if p.numel() == 1}
    assert {name.rpartition(".")[2] for name in fixup_scalars(net)} == {"bias_before", "scale", "bias_after"}
    assert fixup_scalars(nn.Linear(1, 1)) == ()


@pytest.mark.parametrize(("depth", "size"), [(20, 32), (18, 32), (50, 32)])
def test_branches_start_at_zero(depth, size):
    net = build(f"fixup_resnet{depth}", 10).fresh()
    last = "conv3" if depth >= 50 else "conv2"
    seen = []
    for path, part in net.named_modules():
        if path.startswith("layer") and path.endswith(last):
            part.register_forward_hook(lambda _, __, out: seen.append(out.abs().max().item()))
    net(torch.randn(2, 3, size, size, generator=generator("images")))
    assert len(seen) == sum(IMAGENET_DEPTHS.get(depth, (3, 3, 3)))
    assert max(seen) == 0.0


@pytest.mark.parametrize(("depth", "inner", "power"), [(56, ("conv1",), -1 / 2), (50, ("conv1", "conv2"), -1 / 4)])
def test_scale_of_the_inner_layers(depth, inner, power):
    params = build(f"fixup_resnet{depth}", 10).params()
    branches = 27 if depth == 56 else 16
    for layer in inner:
        weight = params[f"layer3.1.{layer}.weight"]
        he = math.sqrt(2 / (weight.shape[0] * weight.shape[2] * weight.shape[3]))
        assert weight.std().item() == pytest.approx(he * branches**power, rel=0.05)
    stem = params["conv1.weight"]
    assert stem.std().item() == pytest.approx(math.sqrt(2 / (stem.shape[0] * stem[0, 0].numel())), rel=0.1)


def test_the_head_starts_uniform_not_zero():
    weight = build("fixup_resnet50", 100).params()["fc.weight"]
    bound = 1 / math.sqrt(weight.shape[1])
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_outputs_and_first_step_do_not_grow_with_depth():
    """What the initialisation is for: neither the logits nor what one step of SGD does to them depend on depth."""
    x = torch.randn(32, 3, 32, 32, generator=generator("images"))
    y = torch.randint(10, (32,), generator=generator("labels"))
    spread, moved = {}, {}
    for depth in (8, 110):
        net = build(f"fixup_resnet{depth}", 10).fresh()
        before = net(x)
        spread[depth] = before.std().item()
        functional.cross_entropy(before, y).backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.01 * p.grad
            moved[depth] = (net(x) - before).norm().item()
    assert spread[110] == pytest.approx(spread[8], rel=0.5)
    assert 0.1 < moved[110] / moved[8] < 10


def test_layer_is_affine_around_the_convolution():
    layer = FixupConv2d(3, 4, 3, 2, scaled=True)
    with torch.no_grad():
        layer.bias_before.fill_(0.5), layer.scale.fill_(2.0), layer.bias_after.fill_(-1.0)
    x = torch.randn(1, 3, 8, 8, generator=generator("images"))
    expected = 2 * functional.conv2d(x + 0.5, layer.weight, stride=2, padding=1) - 1
    assert torch.equal(layer(x), expected)


def test_shortcut_subsamples_and_pads_channels():
    net = build("fixup_resnet8", 10).fresh()
    x = torch.rand(2, 16, 8, 8, generator=generator("images"))
    out = net.layer2[0](x)
    assert torch.equal(out[:, :16], x[:, :, ::2, ::2]) and out[:, 16:].abs().max() == 0


@pytest.mark.parametrize(("name", "stage", "shape"), [
    ("fixup_resnet20", "layer3", (64, 8, 8)),
    ("fixup_resnet18", "layer4", (512, 2, 2)),
    ("fixup_resnet50", "layer4", (2048, 2, 2)),
])  # fmt: skip
def test_shapes_of_features(name, stage, shape):
    net = build(name, 5).fresh()
    seen = {}
    net.get_submodule(stage).register_forward_hook(lambda _, __, out: seen.update(out=out))
    size = 32 if stage == "layer3" else 64
    assert net(torch.zeros(2, 3, size, size)).shape == (2, 5)
    assert seen["out"].shape == (2, *shape)


def test_unknown_depth():
    with pytest.raises(ModelError, match="no Fixup ResNet of depth 21; known: 8, 14, 18"):
        fixup_resnet(21, 10)


@pytest.mark.parametrize("name", ["fixup_resnet8", "resnet20"])
def test_width_is_that_of_the_first_stage(name):
    usual, same, narrow = (build(n, 10) for n in (name, f"{name}?width=16", f"{name}?width=4"))
    assert all(torch.equal(a, b) for a, b in zip(usual.params().values(), same.params().values(), strict=True))
    shapes = {k: v.shape for k, v in narrow.params().items()}
    assert shapes["conv1.weight"] == (4, 3, 3, 3) and shapes[f"{narrow.head}.weight"] == (10, 16)
    assert narrow.input == usual.input
