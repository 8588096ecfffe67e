"""Modules of any network: a partition of all tensors, in the order of the forward pass."""

from functools import lru_cache

import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.errors import ModelError
from transferscope.models.build import build, wrap
from transferscope.models.modules import GRANULARITIES, find_head, list_modules, partition
from transferscope.models.network import Input
from transferscope.models.tracing import trace

RGB = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
NETWORKS = [
    ("fixup_resnet20", 32),
    ("fixup_resnet50", 64),
    ("resnet20", 32),
    ("lenet", 28),
    ("mlp:20-10", 28),
    ("torchvision/resnet18", 64),
    ("torchvision/vgg11_bn", 32),
    ("torchvision/mobilenet_v3_small", 64),
    ("torchvision/densenet121", 64),
    ("torchvision/convnext_tiny", 64),
    ("torchvision/vit_b_16", 32),
    ("torchvision/efficientnet_b0", 64),
    ("torchvision/swin_t", 64),
    ("timm/resnetv2_50", 64),
    ("timm/vit_tiny_patch16_224", 32),
    ("timm/convnextv2_atto", 64),
    ("timm/regnetx_002", 64),
]


def narrow(name):
    """A large network of torchvision with few channels: all of its modules, under their names."""
    from torchvision.models import vgg, vision_transformer

    if name == "torchvision/vit_b_16":
        return vision_transformer.VisionTransformer(32, 16, 3, 2, 24, 48, num_classes=7)
    with torch.device("meta"):  # without its linear layers of 120 million weights
        module = vgg.VGG(nn.Identity(), 7, init_weights=False)
    module.features = vgg.make_layers([4, "M", 4, "M", 6, 6, "M", 8, 8, "M", 8, 8, "M"], batch_norm=True)
    for place, (inputs, outputs) in {"0": (8 * 49, 9), "3": (9, 9), "6": (9, 7)}.items():
        assert isinstance(module.classifier[int(place)], nn.Linear)
        module.classifier[int(place)] = nn.Linear(inputs, outputs)
    return module


@lru_cache
def network(name, size):
    if name in ("torchvision/vgg11_bn", "torchvision/vit_b_16"):
        return wrap(narrow(name), name=name, classes=7, input=Input((size, size), **RGB))
    return build(name, 7, input=None if size == 28 else Input((size, size), **RGB))


@pytest.fixture(autouse=True, scope="module")
def forget_networks():
    yield
    network.cache_clear()


@pytest.mark.parametrize(("name", "size"), NETWORKS)
def test_partition(name, size):
    net = network(name, size)
    state = list(net.module.state_dict())
    finer = None
    for granularity in GRANULARITIES:
        modules = net.modules(granularity)
        assert sorted(t for m in modules for t in m.tensors) == sorted(state)
        assert len({m.name for m in modules}) == len(modules)
        home = {t: m.name for m in modules for t in m.tensors}
        if finer is not None:
            assert all(len({home[t] for t in m.tensors}) == 1 for m in finer), "coarser modules hold whole finer ones"
            merged = [home[m.tensors[0]] for m in finer]
            kept = [n for i, n in enumerate(merged) if i == 0 or n != merged[i - 1]]
            assert kept == [m.name for m in modules], "the order is the same at every granularity"
        finer = modules
    # The head is in the last module, whatever the granularity.
    assert set(net.head_tensors()) <= set(modules[-1].tensors)
    assert net.head_tensors()


@pytest.mark.parametrize(
    ("name", "size"), [n for n in NETWORKS if n[0] not in ("torchvision/vit_b_16", "torchvision/swin_t")]
)
def test_forward_order_is_that_of_the_calls(name, size):
    """Against a plain list of which convolution or linear layer is called when."""
    net = network(name, size)
    module, called = net.fresh(), []
    for path, part in module.named_modules():
        if isinstance(part, (nn.Linear, nn.Conv2d)):
            part.register_forward_hook(lambda *_, path=path: called.append(path))
    module(torch.zeros(1, net.input.channels, *net.input.size))
    assert [m.name for m in net.modules("layer") if m.runs] == called


@pytest.mark.parametrize(
    ("name", "size", "stages"),
    [
        ("fixup_resnet20", 32, "conv1 layer1 layer2 layer3 fc"),
        ("fixup_resnet8", 32, "conv1 layer1 layer2 layer3 fc"),
        ("fixup_resnet50", 64, "conv1 layer1 layer2 layer3 layer4 fc"),
        ("torchvision/resnet18", 64, "conv1 layer1 layer2 layer3 layer4 fc"),
        ("torchvision/vgg11_bn", 32, "features.0 features.4 features.8 features.15 features.22 classifier"),
        ("torchvision/convnext_tiny", 64, " ".join(f"features.{i}" for i in range(8)) + " classifier"),
        ("torchvision/vit_b_16", 32, "conv_proj encoder.layers heads"),
        ("timm/vit_tiny_patch16_224", 32, "patch_embed blocks head"),
        ("timm/resnetv2_50", 64, "stem stages.0 stages.1 stages.2 stages.3 head"),
        ("timm/regnetx_002", 64, "stem s1 s2 s3 s4 head"),
        ("lenet", 28, "conv1 conv2 fc1 fc2 fc3"),
    ],
)
def test_stages(name, size, stages):
    assert [m.name for m in network(name, size).modules("stage")] == stages.split()


@pytest.mark.parametrize(
    ("name", "size", "blocks"),
    [
        ("fixup_resnet14", 32, "conv1 layer1.0 layer1.1 layer2.0 layer2.1 layer3.0 layer3.1 fc"),
        ("torchvision/mobilenet_v3_small", 64, " ".join(f"features.{i}" for i in range(13)) + " classifier"),
        ("timm/regnetx_002", 64, "stem s1.b1 s2.b1 " + " ".join(f"s3.b{i}" for i in range(1, 5)) + " "
         + " ".join(f"s4.b{i}" for i in range(1, 8)) + " head"),
        ("lenet", 28, "conv1 conv2 fc1 fc2 fc3"),
    ],
)  # fmt: skip
def test_blocks(name, size, blocks):
    assert [m.name for m in network(name, size).modules("block")] == blocks.split()


def layer(net, name):
    return next(m for m in net.modules("layer") if m.name == name)


def kin(net, name):
    """Tensors of a layer that are not its own."""
    return {
        t
        for t in layer(net, name).tensors
        if not t.startswith(f"{name}.") and "running" not in t and "num_b" not in t
    }


def test_norms_follow_or_precede():
    resnet = network("torchvision/resnet18", 64)
    assert kin(resnet, "layer2.0.conv1") == {"layer2.0.bn1.weight", "layer2.0.bn1.bias"}
    assert kin(resnet, "layer2.0.downsample.0") == {"layer2.0.downsample.1.weight", "layer2.0.downsample.1.bias"}
    assert layer(resnet, "layer2.0.conv1").output == "layer2.0.bn1"
    preact = network("timm/resnetv2_50", 64)
    assert kin(preact, "stages.0.blocks.0.conv2") == {
        "stages.0.blocks.0.norm2.weight",
        "stages.0.blocks.0.norm2.bias",
    }
    # The shortcut runs before the main path and takes the same normed input; the norm is the main path's.
    assert kin(preact, "stages.0.blocks.0.downsample.conv") == set()
    assert layer(preact, "stages.0.blocks.0.conv2").output == "stages.0.blocks.0.conv2"
    assert kin(preact, "head.fc") == {"norm.weight", "norm.bias"}


def test_what_transformers_hold_besides_layers():
    vit = network("torchvision/vit_b_16", 32)
    block = "encoder.layers.encoder_layer_0"
    assert kin(vit, "conv_proj") == {"class_token", "encoder.pos_embedding"}
    assert kin(vit, f"{block}.self_attention") == {f"{block}.ln_1.weight", f"{block}.ln_1.bias"}
    assert f"{block}.self_attention.out_proj.weight" in layer(vit, f"{block}.self_attention").tensors
    assert kin(vit, f"{block}.mlp.0") == {f"{block}.ln_2.weight", f"{block}.ln_2.bias"}
    assert kin(vit, "heads.head") == {"encoder.ln.weight", "encoder.ln.bias"}
    convnext = network("torchvision/convnext_tiny", 64)
    assert kin(convnext, "features.1.0.block.5") == {"features.1.0.layer_scale"}
    swin = network("torchvision/swin_t", 64)
    assert "features.1.0.attn.relative_position_bias_table" in layer(swin, "features.1.0.attn").tensors


def test_scalars_around_a_convolution_without_a_module_of_their_own():
    """The layout of the authors' Fixup code: each scalar goes to the nearer convolution."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            for name in ("bias1a", "bias1b", "bias2a", "scale", "bias2b"):
                self.register_parameter(name, nn.Parameter(torch.zeros(1)))
            self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            y = functional.relu(self.conv1(x + self.bias1a) + self.bias1b)
            return functional.relu(self.conv2(y + self.bias2a) * self.scale + self.bias2b + x)

    modules = list_modules(nn.Sequential(Block(), Block()), (8, 8), 3, "layer")
    assert [sorted(t.split(".")[1] for t in m.tensors if "conv" not in t) for m in modules[:2]] == [
        ["bias1a", "bias1b"],
        ["bias2a", "bias2b", "scale"],
    ]
    assert [m.name for m in list_modules(nn.Sequential(Block(), Block()), (8, 8), 3, "block")] == ["0", "1"]


def test_registration_order_does_not_matter():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.norm, self.first = nn.Linear(4, 2), nn.LayerNorm(4), nn.Linear(12, 4)

        def forward(self, x):
            return self.last(self.norm(self.first(x.flatten(1))))

    modules = list_modules(Backwards(), (2, 2), 3, "layer")
    assert [m.name for m in modules] == ["first", "last"]
    assert modules[0].tensors == ("norm.weight", "norm.bias", "first.weight", "first.bias")
    assert modules[0].output == "norm"


def test_what_never_runs_comes_last_and_says_so():
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.aux = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
            self.body, self.fc = nn.Linear(12, 4), nn.Linear(4, 2)
            self.spare = nn.Parameter(torch.zeros(3))

        def forward(self, x):
            x = self.body(x.flatten(1))
            return (self.fc(x), self.aux(x)) if self.training else self.fc(x)

    for granularity in GRANULARITIES:
        modules = list_modules(Auxiliary(), (2, 2), 3, granularity)
        assert [(m.name, m.runs) for m in modules] == [("body", True), ("fc", True), ("spare", False), ("aux", False)]


def test_tied_weights_and_modules_called_twice():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(12, 12)
            self.again = self.first
            self.out = nn.Linear(12, 2)

        def forward(self, x):
            return self.out(self.again(functional.relu(self.first(x.flatten(1)))))

    modules = list_modules(Tied(), (2, 2), 3, "layer")
    assert sorted(t for m in modules for t in m.tensors) == sorted(Tied().state_dict())
    assert modules[-1].name == "out"


def test_weights_held_by_the_network_itself():
    class TwoLayers(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.W = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5, 12))

        def forward(self, x):
            return (functional.relu(x.flatten(1) @ self.W.t()) @ self.a)[:, None]

    modules = list_modules(TwoLayers(), (2, 2), 3, "layer")
    assert [(m.name, m.tensors, m.output) for m in modules] == [("W", ("W",), ""), ("a", ("a",), "")]


def test_parametrised_weights_belong_to_their_layer():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(144, 2))
    modules = list_modules(net, (8, 8), 3, "layer")
    assert [(m.name, len(m.tensors)) for m in modules] == [("0", 3), ("2", 2)]


@pytest.mark.parametrize(
    ("name", "size"), [("timm/vit_tiny_patch16_224", 32), ("torchvision/vit_b_16", 32), ("fixup_resnet14", 32)]
)
def test_outputs_are_called(name, size):
    """Features can be taken at every module that runs, and return in the order of the modules."""
    net = network(name, size)
    module, called = net.fresh(), []
    for path, part in module.named_modules():
        part.register_forward_hook(lambda *_, path=path: called.append(path))
    module(torch.zeros(1, 3, *net.input.size))
    for granularity in GRANULARITIES:
        outputs = [called.index(m.output) for m in net.modules(granularity)]
        assert outputs == sorted(outputs)


def test_the_network_is_not_touched():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    seen = trace(module, (8, 8), 3)
    assert module.training and all(p.requires_grad for p in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert partition(module, seen, "layer") == list_modules(module, (8, 8), 3, "layer")


def test_find_head_takes_the_last_layer_of_that_many_outputs():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 3))
    seen = trace(net, (2, 2), 3)
    assert (find_head(seen, 5), find_head(seen, 3), find_head(seen, 9)) == ("3", "4", "")


def test_errors():
    with pytest.raises(ModelError, match=r"a forward pass of a \(1, 3, 8, 8\) image fails: .*give the input size"):
        list_modules(nn.Linear(5, 2), (8, 8), 3, "layer")
    with pytest.raises(ModelError, match="granularity 'layers'; did you mean 'layer'"):
        list_modules(nn.Flatten(), (8, 8), 3, "layers")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"returns a tuple .*expected a Tensor of logits \(b, 3\)"):
        wrap(_Pair(), name="pair", classes=3, input=Input((2, 2)))


class _Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 2)

    def forward(self, x):
        return self.fc(x.flatten(1)), x
