"""The doctor of checkpoints, on files made here and on real ones where they are."""

import os
from pathlib import Path

import pytest
import torch

from transferscope.errors import CheckpointError, ModelError
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import read, write
from transferscope.models.guess import guess
from transferscope.models.heads import fit_to
from transferscope.models.network import Input
from transferscope.questions.doctor.measure import Diagnosis, doctor

REAL = os.environ.get("TRANSFERSCOPE_REAL_DATA")


def saved(path, params, **beside):
    torch.save({"state_dict": {f"module.{k}": v for k, v in params.items()}, **beside}, path)
    return path


@pytest.fixture
def path(tmp_path):
    return saved(tmp_path / "r20.th", build("resnet20", 10, seed=1).params(), best_prec1=91.5, epoch=12, args=["a"])


def test_a_file_alone(path):
    d = doctor(path)
    assert (d.model, d.classes, d.guessed, d.healthy) == ("resnet20", 10, True, True)
    assert (d.format, d.nested, d.prefix, d.dropped) == ("pytorch", "state_dict", "module.", ("args",))
    assert d.extra == {"best_prec1": "91.5", "epoch": "12"}
    assert d.numbers == sum(v.numel() for v in build("resnet20", 10).params().values())
    lines = d.text().splitlines()
    assert lines[0] == str(path)
    assert "  network    looks like resnet20 with 10 outputs: fits" in lines
    assert "  beside     best_prec1 = 91.5, epoch = 12" in lines


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("timm/vit_tiny_patch16_224?img_size=32&embed_dim=24", "&depth=2"),
        ("timm/convnext_atto?dims=8,8,16,16", "&depths=1,1,2,1"),
        ("timm/resnet18", "?layers=1,1,2,1"),
    ],
)
def test_a_file_of_fewer_blocks_is_held_against_a_network_of_as_many(tmp_path, name, option):
    d = doctor(saved(tmp_path / "a.pt", build(name + option, 3, input=Input((32, 32))).params()), name, size=32)
    assert (d.model, d.classes, d.usable) == (name + option, 3, True)
    assert name + option in d.use


def test_it_says_what_else_a_file_looks_like(path):
    d = doctor(path, "resnet32")
    assert not d.usable and d.instead == "resnet20"
    assert "  hint       it looks like resnet20 (--model resnet20)" in d.text().splitlines()
    assert doctor(path, "resnet20").instead == ""


def test_tensors_as_a_table(path):
    d = doctor(path)
    frame = d.frame()
    params = build("resnet20", 10, seed=1).params()
    assert list(frame["name"]) == list(params)
    row = frame[frame["name"] == "layer2.0.conv1.weight"].iloc[0]
    assert (row["shape"], row["dtype"], row["numbers"], row["status"]) == ("32×16×3×3", "float32", 4608, "fits")
    assert row["rms"] == pytest.approx(params["layer2.0.conv1.weight"].double().square().mean().sqrt().item())


def test_against_a_given_model(path):
    d = doctor(path, "resnet32")
    assert not d.healthy and not d.guessed
    assert "layer1.3.conv1.weight" in d.fit.missing
    assert "does not fit" in d.text() and "  missing    … and" in d.text()
    head = doctor(path, "resnet20", 100)
    assert {t.name for t in head.tensors if t.status == "other shape"} == {"linear.weight", "linear.bias"}
    assert "fits but for its head; leave that out with --head drop" in head.text()
    assert "linear.weight: (10, 64) in the file, (100, 64) in the network" in head.text()
    left = doctor(saved(path, {**build("resnet20", 10).params(), "more.w": torch.ones(3)}), build("resnet20", 10))
    assert left.fit.left_over == ("more.w",) and "  left over  more.w" in left.text()
    assert left.tensors[-1].status == "left over"


@pytest.mark.parametrize(
    ("name", "size", "channels", "said"),
    [
        ("lenet", 28, 1, "lenet with 7 outputs for images of 28×28 pixels, 1 channel (--channels 1): fits"),
        (
            "fixup_resnet8",
            32,
            1,
            "fixup_resnet8 with 7 outputs for images of 32×32 pixels, 1 channel (--channels 1): fits",
        ),
        (
            "timm/resnet18",
            224,
            1,
            "timm/resnet18 with 7 outputs for images of 224×224 pixels, 1 channel (--channels 1): fits",
        ),
        ("lenet", 40, 3, "lenet with 7 outputs for images of 40×40 pixels, 3 channels (--size 40): fits"),
        ("fixup_resnet8", 32, 3, "fixup_resnet8 with 7 outputs: fits"),
    ],
)
def test_a_named_network_is_built_for_the_images_of_the_file(tmp_path, name, size, channels, said):
    seen = Input((size, size), channels, (0.5,) * channels, (0.5,) * channels)
    d = doctor(saved(tmp_path / "a.pt", build(name, 7, input=seen).params()), name)
    assert f"  network    {said}" in d.text().splitlines()
    assert d.usable and d.healthy and not d.guessed
    other = doctor(tmp_path / "a.pt", name, classes=5)
    assert other.usable and not other.healthy and "fits but for its head" in other.text()


def test_what_can_be_used(path, tmp_path):
    assert doctor(path).usable and doctor(path, "resnet20", 100).usable
    assert not doctor(path, "resnet32").usable
    params = build("lenet", 10).params()
    params["fc1.weight"][0, 0] = torch.nan
    assert not doctor(saved(tmp_path / "a.pt", params)).usable


def test_weights_that_are_not_finite_are_reported(tmp_path):
    params = build("lenet", 10).params()
    params["fc1.weight"][0, :3] = torch.nan
    d = doctor(saved(tmp_path / "a.pt", params))
    assert d.model == "lenet" and not d.healthy
    assert "  not finite fc1.weight: 3 of 48,000" in d.text()
    assert d.findings()[0].text == "1 of the 10 tensors in a.pt have NaN or infinite entries."
    assert all(t.rms == t.rms for t in d.tensors)


def test_unknown_networks(tmp_path):
    d = doctor(saved(tmp_path / "a.pt", {"mine.weight": torch.ones(3, 2)}))
    assert (d.model, d.fit) == ("", None)
    assert "none known fits; compare with one by --model NAME" in d.text()
    with pytest.raises(ModelError, match="did you mean 'resnet20'"):
        doctor(tmp_path / "a.pt", "resnt20")
    with pytest.raises(CheckpointError, match="no such file"):
        doctor(tmp_path / "b.pt")


def test_saved_and_loaded_and_drawn(path, tmp_path):
    d = doctor(path, "resnet20", 100)
    d.save(tmp_path / "result")
    assert Diagnosis.load(tmp_path / "result") == d
    axes = d.plot().axes[0]
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"fits", "other shape"}


@pytest.mark.parametrize(
    ("name", "size", "channels"),
    [
        ("fixup_resnet8", 32, 1),
        ("fixup_resnet20", 32, 3),
        ("fixup_resnet18", 224, 3),
        ("resnet32", 32, 3),
        ("lenet", 64, 3),
        ("lenet", 28, 1),
        ("mlp:30-20", 28, 1),
        ("mlp:30,bias=false", 8, 3),
        ("torchvision/resnet18", 224, 3),
        ("torchvision/mobilenet_v3_small", 224, 3),
        ("torchvision/squeezenet1_1", 224, 3),
    ],
)
def test_known_networks_are_recognised(name, size, channels):
    net = build(name, 6, input=Input((size, size), channels, (0.5,) * channels, (0.5,) * channels))
    found = guess({k: v for k, v in sorted(net.params().items()) if "num_batches" not in k})
    assert (found.name, found.classes, found.input.channels) == (name, 6, channels)
    assert found.input.size == (size, size)


@pytest.mark.real
@pytest.mark.skipif(REAL is None, reason="TRANSFERSCOPE_REAL_DATA is not set")
def test_real_checkpoints():
    for depth in (20, 32, 44, 56):
        [path] = Path(REAL, "weights_cifar10_resnets").glob(f"resnet{depth}-*.th")
        d = doctor(path)
        assert (d.model, d.classes, d.healthy) == (f"resnet{depth}", 10, True)
        loaded = fit_to(build(f"resnet{depth}", 10), read(path))
        assert all(name.endswith("num_batches_tracked") for name in loaded.report.filled)
    for path in Path(REAL, "weights_mnist_mlp_pair").glob("*.checkpoint"):
        d = doctor(path)
        assert (d.model, d.classes, d.healthy) == ("mlp:400-200-100,bias=false", 10, True)


def test_what_was_written_here_is_recognised(tmp_path):
    net = build("fixup_resnet8", 4)
    write(tmp_path / "a.safetensors", initialise(net, 2), {"epoch": "5"})
    d = doctor(tmp_path / "a.safetensors")
    assert (d.model, d.classes, d.extra["epoch"]) == ("fixup_resnet8", 4, "5")


ODD = {
    "empty": {"a.b": torch.empty(0, 3), "conv1.bias_after": torch.tensor([1.0]), "fc.weight": torch.tensor([1.0])},
    "names of a network, shapes of none": {"layer1.0.conv1.weight": torch.ones(1), "linear.weight": torch.ones(2)},
    "one number": {"fc1.weight": torch.tensor(1.0)},
    "complex": {"a.b": torch.ones(2, dtype=torch.complex64)},
    "bool": {"a.b": torch.ones(2, dtype=torch.bool)},
    "uint16": {"a.b": torch.ones(2).to(torch.uint16)},
    "float8 of exponents": {"a.b": torch.ones(2).to(torch.float8_e8m0fnu)},
    "float4": {"a.b": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)},
    "nested": {"a.b": torch.nested.as_nested_tensor([torch.ones(2), torch.ones(3)])},
    "sparse": {"a.b": torch.eye(3).to_sparse()},
    "blocks": {"a.b": torch.eye(4).to_sparse_bsr((2, 2))},
    "parameters": {"a.b": torch.nn.Parameter(torch.ones(2))},
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("model", [None, "lenet"])
def test_no_file_that_torch_loads_is_too_odd(tmp_path, kind, model):
    torch.save(ODD[kind], tmp_path / "a.pt")
    d = doctor(tmp_path / "a.pt", model)
    assert len(d.tensors) == len(ODD[kind]) and d.text() and d.findings() and len(d.frame()) == len(d.tensors)
    assert d.use == "" and bool(d.unusable) == (kind in ("float4", "nested"))
    d.plot()


@pytest.mark.parametrize("head", ["fc.0.weight", "fc.2.weight"])
def test_a_pre_training_of_torchvisions_is_recognised(tmp_path, head):
    body = {k: v for k, v in build("torchvision/resnet18", 2).params().items() if not k.startswith("fc.")}
    d = doctor(saved(tmp_path / "a.pt", {f"encoder.{k}": v for k, v in (body | {head: torch.ones(4, 512)}).items()}))
    assert (d.model, d.usable, d.healthy, d.prefix + d.fit.prefix) == (
        "torchvision/resnet18",
        True,
        False,
        "module.encoder.",
    )


def test_the_name_that_a_file_gives_its_network_is_tried(tmp_path):
    params = build("timm/vit_tiny_patch16_224", 3, input=Input((32, 32))).params()
    torch.save({"arch": "vit_tiny_patch16_224", "state_dict": params}, tmp_path / "last.pth.tar")
    d = doctor(tmp_path / "last.pth.tar")
    assert (d.model, d.classes, d.healthy, d.guessed) == ("timm/vit_tiny_patch16_224", 3, True, True)
    assert "--model timm/vit_tiny_patch16_224 --size 32 --data" in d.use


def test_a_network_twice_in_a_file_is_to_be_chosen(tmp_path):
    net = build("resnet20", 2)
    first, second = net.params(), initialise(net, 1)
    both = {f"policy.{k}": v for k, v in first.items()} | {f"critic.{k}": v for k, v in second.items()}
    torch.save({"state_dict": both}, tmp_path / "a.pt")
    for model in (None, "resnet20"):
        found = doctor(tmp_path / "a.pt", model)
        assert found.fit is not None and found.fit.ambiguous
        assert "fits in several places; choose one: --at policy, --at critic" in found.text()
        assert "--at policy --data" in found.use.replace("--size 32 ", "")
    assert read(tmp_path / "a.pt", at="policy").params.keys() == first.keys()  # as the command that is offered does
    assert not doctor(tmp_path / "a.pt", at="critic").fit.ambiguous


def test_the_head_of_a_network_that_is_told_by_its_body_counts(tmp_path):
    """GoogLeNet with its auxiliary heads: the documented number of parameters is without them."""
    net = build("torchvision/googlenet", 2)
    more = {f"aux1.fc1.{k}": torch.ones(2, 2) for k in ("weight", "bias")}
    torch.save(dict(net.params()) | more, tmp_path / "a.pt")
    found = doctor(tmp_path / "a.pt")
    assert (found.model, found.classes, found.guessed) == ("torchvision/googlenet", 2, True)
    assert found.fit.complete and "--head" not in found.use
