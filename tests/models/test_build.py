"""Networks by name, around any module, and their random weights."""

import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from transferscope.errors import ModelError
from transferscope.models.build import _registered, build, initialise, known, wrap
from transferscope.models.network import Input
from transferscope.rng import generator

SMALL = ("fixup_resnet8", "resnet20", "lenet", "mlp:20-10", "mlp:20-10,bias=false")


@pytest.mark.parametrize("name", SMALL)
def test_a_network_is_a_function_of_its_weights(name):
    net = build(name, 7)
    params = initialise(net, 3)
    x = torch.randn(4, net.input.channels, *net.input.size, generator=generator("x"))
    logits = net(params, x)
    assert logits.shape == (4, 7)
    assert torch.equal(logits, net.fresh(params)(x))
    assert not torch.equal(logits, net(net.params(), x))


def test_incomplete_weights_do_not_fall_back_on_the_template():
    net = build("lenet", 7)
    params = net.params()
    del params["fc3.bias"]
    with pytest.raises(RuntimeError, match=r"fc3\.bias"):
        net(params, torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize("name", [n for n in known() if "resnet1" not in n and "resnet5" not in n and "34" not in n])
def test_every_name_of_ours_is_built(name):
    net = build(name, 3)
    assert net.name == name and net.head in ("fc", "linear", "fc3", "fc4")
    assert net.module.training is False
    assert net.head_tensors()


def test_seed_decides_the_weights_and_nothing_else_does():
    torch.rand(3)
    state = torch.get_rng_state()
    first = build("fixup_resnet8", 7, seed=1)
    assert torch.equal(torch.get_rng_state(), state), "the global generator is as it was"
    torch.rand(3)
    again, other = build("fixup_resnet8", 7, seed=1), build("fixup_resnet8", 7, seed=2)
    assert all(torch.equal(v, again.params()[k]) for k, v in first.params().items())
    assert not torch.equal(first.params()["conv1.weight"], other.params()["conv1.weight"])
    state = torch.get_rng_state()
    drawn = initialise(other, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, drawn[k]) for k, v in first.params().items()), "initialise does what build does"


def test_initialise_of_a_library_network_is_the_constructor():
    net = build("timm/resnet18", 5, input=Input((32, 32)))
    state = torch.get_rng_state()
    a, b = initialise(net, 0), initialise(net, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, net.params()[k]) for k, v in a.items())
    assert not torch.equal(a["fc.weight"], b["fc.weight"])


def test_initialise_resets_a_wrapped_module():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    module[1].running_mean.fill_(7.0)
    net = wrap(module, name="mine", classes=2, input=Input((4, 4)))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    a, b, c = initialise(net, 1), initialise(net, 1), initialise(net, 2)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["3.weight"], c["3.weight"]) and not torch.equal(a["3.weight"], before["3.weight"])
    assert a["1.running_mean"].abs().max() == 0
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items()), "the user's module stays as it is"


class Scaled(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.gamma, self.fc = nn.Parameter(torch.ones(1)), nn.Linear(12, width)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.gamma * self.fc(x.flatten(1)))


def test_initialise_needs_to_know_how():
    net = wrap(Scaled(), name="scaled", classes=2, input=Input((2, 2)))
    with pytest.raises(
        ModelError, match=r"scaled: .*Scaled has 'gamma' but no reset_parameters\(\); give wrap\(..., make"
    ):
        initialise(net, 0)
    made = wrap(Scaled(), name="scaled", classes=2, input=Input((2, 2)), make=Scaled)
    assert torch.equal(initialise(made, 0)["fc.weight"], initialise(made, 0)["fc.weight"])
    other = wrap(Scaled(), name="scaled", classes=2, input=Input((2, 2)), make=lambda: Scaled(5))
    with pytest.raises(ModelError, match=r"its make\(\) returns another architecture"):
        initialise(other, 0)


def test_wrap_finds_the_head_or_takes_it():
    assert wrap(Scaled(), name="s", classes=2, input=Input((2, 2))).head == "out"
    assert wrap(Scaled(), name="s", classes=2, input=Input((2, 2)), head="fc").head_tensors() == (
        "fc.weight",
        "fc.bias",
    )
    assert wrap(Scaled(), name="s", classes=2, input=Input((2, 2)), head="").head_tensors() == ()
    with pytest.raises(ModelError, match=r"no tensor is called outt\.…; did you mean 'out'"):
        wrap(Scaled(), name="s", classes=2, input=Input((2, 2)), head="outt")
    with pytest.raises(ModelError, match=r"expected a Tensor of logits \(b, 3\)"):
        wrap(Scaled(), name="s", classes=3, input=Input((2, 2)))


def test_a_network_travels_to_other_processes():
    net = pickle.loads(pickle.dumps(build("fixup_resnet8", 7)))
    assert torch.equal(initialise(net, 4)["fc.weight"], initialise(build("fixup_resnet8", 7), 4)["fc.weight"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fixup_resnet21", r"unknown network 'fixup_resnet21'; did you mean 'fixup_resnet\d+'"),
        ("resnet50", "unknown network 'resnet50'; did you mean 'torchvision/resnet50'"),
        ("vit_tiny_patch16_224", "did you mean 'timm/vit_tiny_patch16_224'"),
        ("torchvision/resnet5", r"unknown network 'torchvision/resnet5'; did you mean 'torchvision/resnet\d+'"),
        ("torchvision/fcn_resnet50", "unknown network 'torchvision/fcn_resnet50'"),
        ("timm/resnet5", r"unknown network 'timm/resnet5'; did you mean 'timm/resnet\d+'"),
        ("timm/hf-hub:someone/something", "unknown network 'timm/hf-hub:someone/something'"),
        ("mlp", "hidden widths are given as in 'mlp:400-200-100'"),
        ("mlp:4-x", "mlp:4-x: expected hidden widths, e.g. mlp:400-200-100"),
        ("", "unknown network ''; known: fixup_resnet101"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ModelError, match=message) as e:
        build(name, 10)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_names_are_found_in_the_text_of_a_library(library):
    assert {f"{library}/{name}" for name in _registered(library)} >= set(known(library))
    assert _registered("no_such_library") == []


def test_a_misspelt_name_is_told_without_importing_a_library():
    code = """
import sys
from transferscope.errors import ModelError
from transferscope.models.build import build
for name in ("resnet50", "lenett", "vit_tiny_patch16_244", "zzz"):
    try:
        build(name, 10)
    except ModelError as e:
        print(e)
assert not {"timm", "torchvision"} & sys.modules.keys()
"""
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert said[0] == "unknown network 'resnet50'; did you mean 'torchvision/resnet50'?"
    assert said[1] == "unknown network 'lenett'; did you mean 'lenet'?"
    assert said[2] == "unknown network 'vit_tiny_patch16_244'; did you mean 'timm/vit_tiny_patch16_224'?"
    assert said[3].startswith("unknown network 'zzz'; known: ") and len(said) == 4


def test_what_cannot_be_built():
    with pytest.raises(ModelError, match="lenet: images of 8×8 are too small; at least 12×12"):
        build("lenet", 10, input=Input((8, 8)))
    with pytest.raises(ModelError, match="lenet: 0 classes; expected at least 1"):
        build("lenet", 0)
    with pytest.raises(ModelError, match="torchvision/resnet18 sees 3 channels, not 1"):
        build("torchvision/resnet18", 10, input=Input((32, 32), 1, (0.5,), (0.5,)))
    with pytest.raises(ModelError, match=r"torchvision/vit_b_16: cannot be built .*indivisible by patch size"):
        build("torchvision/vit_b_16", 10, input=Input((50, 50)))


def test_defaults_of_libraries():
    assert build("torchvision/squeezenet1_1", 10).input == Input((224, 224))
    net = build("timm/vit_tiny_patch16_224", 10)
    assert net.input == Input((224, 224), 3, (0.5,) * 3, (0.5,) * 3)
    grey = build("timm/resnet18", 10, input=Input((32, 32), 1, (0.5,), (0.5,)))
    assert grey.params()["conv1.weight"].shape[1] == 1


@pytest.mark.parametrize(("depth", "count"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_cifar_resnets_have_the_published_size(depth, count):
    """He et al. 2016, Table 6, in millions."""
    net = build(f"resnet{depth}", 10)
    assert sum(p.numel() for p in net.module.parameters()) / 1e6 == pytest.approx(count, abs=0.04)
    assert {"conv1.weight", "bn1.running_mean", "layer3.2.bn2.weight", "linear.bias"} <= net.params().keys()


def test_mlp_names_and_biases():
    net = build("mlp:400-200-100,bias=false", 10)
    shapes = {k: tuple(v.shape) for k, v in net.params().items()}
    assert shapes == {
        "fc1.weight": (400, 784),
        "fc2.weight": (200, 400),
        "fc3.weight": (100, 200),
        "fc4.weight": (10, 100),
    }
