"""Beginnings of names, what is beside a network, and heads of other forms."""

import pytest
import safetensors.torch
import torch
from torch import nn

from transferscope.errors import CheckpointError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.checkpoint import read
from transferscope.models.heads import compare, fit_to
from transferscope.models.network import Input
from transferscope.questions.doctor.measure import doctor


@pytest.fixture(scope="module")
def net():
    return build("resnet20", 3)


@pytest.fixture(scope="module")
def params(net):
    return initialise(net, 1)


def saved(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    return read(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "prefix",
    ["backbone.", "encoder.", "module.encoder_q.", "net.backbone.encoder.", "model.model.net.", "student.0."],
)
def test_any_beginning_comes_off(net, params, tmp_path, prefix):
    loaded = fit_to(net, saved(tmp_path, {"state_dict": {prefix + k: v for k, v in params.items()}}))
    assert all(torch.equal(loaded.params[k], v) for k, v in params.items())
    assert loaded.report.complete and loaded.report.renamed == ()
    d = doctor(tmp_path / "a.pt")
    assert (d.prefix + d.fit.prefix, d.model, d.classes, d.healthy) == (prefix, "resnet20", 3, True)
    assert {t.status for t in d.tensors} == {"fits"}


def test_what_was_trained_beside_the_network_is_named(net, params, tmp_path):
    beside = {"criterion.weight": torch.ones(3), "model_ema.0.weight": torch.ones(2, 2), "queue": torch.ones(4)}
    report = compare(net, saved(tmp_path, {f"model.{k}": v for k, v in params.items()} | beside))
    assert report.complete and set(report.aside) == set(beside)
    flat = compare(net, saved(tmp_path, {**params, "criterion.weight": torch.ones(3), "queue": torch.ones(4)}))
    assert flat.complete and flat.aside == ("criterion.weight", "queue")
    other = compare(net, saved(tmp_path, {**params, "layer4.0.conv1.weight": torch.ones(4)}))
    assert not other.complete and other.left_over == ("layer4.0.conv1.weight",), "a larger network is another one"


def test_a_network_within_a_module(params, tmp_path):
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = build("resnet20", 3).module

        def forward(self, x):
            return self.body(x)

    net = wrap(Holder(), name="holder", classes=3, input=Input((32, 32)))
    loaded = fit_to(net, saved(tmp_path, params))
    assert torch.equal(loaded.params["body.conv1.weight"], params["conv1.weight"])
    assert loaded.report.complete and loaded.report.notes() == ("under 'body.' in the network",)
    both = fit_to(net, saved(tmp_path, {f"backbone.{k}": v for k, v in params.items()}))
    assert (both.report.prefix, both.report.added, both.report.complete) == ("backbone.", "body.", True)


def test_auxiliary_heads_are_set_aside(tmp_path):
    net = build("torchvision/googlenet", 2)
    more = {"aux1.fc2.weight": torch.ones(2, 1024), "aux2.fc2.bias": torch.ones(2)}
    report = compare(net, saved(tmp_path, net.params() | more))
    assert report.complete and report.aside == tuple(more)


def test_a_projection_in_the_place_of_the_head(net, params, tmp_path):
    body = {k: v for k, v in params.items() if not k.startswith("linear.")}
    head = {"linear.0.weight": torch.ones(64, 64), "linear.2.weight": torch.ones(8, 64)}
    file = saved(tmp_path, {f"module.encoder_q.{k}": v for k, v in (body | head).items()})
    with pytest.raises(
        CheckpointError, match=r"it has another head \(.*linear\.0\.weight.*\); take it without \(--head"
    ):
        fit_to(net, file)
    loaded = fit_to(net, file, head="drop")
    assert loaded.report.complete and len(loaded.report.head_left_out) == 2
    d = doctor(tmp_path / "a.pt", "resnet20")
    assert d.usable and not d.healthy and "--head drop" in d.use


def test_a_pre_training_without_a_head(net, params, tmp_path):
    body = {k: v for k, v in params.items() if not k.startswith("linear.")}
    d = doctor_of(tmp_path, {f"backbone.{k}": v for k, v in body.items()})
    assert (d.model, d.usable, d.healthy) == ("resnet20", True, False)
    masked = build("timm/vit_tiny_patch16_224", 5, input=Input((32, 32)))
    kept = {k: v for k, v in masked.params().items() if not k.startswith("head.")}
    kept |= {
        "mask_token": torch.ones(1, 1, 8),
        "decoder_blocks.0.w": torch.ones(2),
        "decoder_pos_embed": torch.ones(2),
    }
    report = compare(masked, saved(tmp_path, {"model": kept}))
    assert report.but_for_head and len(report.aside) == 3


def doctor_of(tmp_path, content, *more, **how):
    torch.save(content, tmp_path / "a.pt")
    return doctor(tmp_path / "a.pt", *more, **how)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.c0, self.c1, self.c2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.c2.weight = self.c1.weight
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.c2(self.c1(self.c0(x))).mean((2, 3)))


def test_tied_weights_that_safetensors_keeps_once(tmp_path):
    net = wrap(Tied(), name="tied", classes=2, input=Input((12, 12)))
    other = Tied()
    safetensors.torch.save_model(other, str(tmp_path / "a.safetensors"))
    loaded = fit_to(net, read(tmp_path / "a.safetensors"))
    assert loaded.report.complete and len(loaded.report.aliases) == 1
    assert torch.equal(loaded.params["c1.weight"], other.c1.weight)
    assert "c2.weight" not in loaded.params, "one weight, under the first of its names"
    assert loaded.report.notes()[0].startswith("1 filled in, as the network ties them: c")


class TopScalar(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.fc = nn.Parameter(torch.tensor(2.0)), nn.Linear(12, 2)

    def forward(self, x):
        return self.scale * self.fc(x.flatten(1))


def test_a_number_at_the_top_that_the_network_wants_is_a_weight(tmp_path):
    net = wrap(TopScalar(), name="scaled", classes=2, input=Input((2, 2)))
    loaded = fit_to(net, saved(tmp_path, net.params() | {"scale": torch.tensor(3.0), "n_averaged": torch.tensor(4)}))
    assert loaded.params["scale"].item() == 3 and loaded.report.complete


def test_size_and_depth_of_a_transformer(tmp_path):
    import timm

    narrow = "timm/vit_tiny_patch16_224?embed_dim=24"
    small = timm.create_model("vit_tiny_patch16_224", num_classes=3, img_size=48, embed_dim=24, depth=2)
    d = doctor_of(tmp_path, small.state_dict(), narrow)
    assert d.usable and f"--model '{narrow}&depth=2' --size 48" in d.use
    with pytest.raises(CheckpointError, match=r"the file has 2 blocks in blocks where .* has 12"):
        fit_to(build(narrow, 3, input=Input((48, 48))), read(tmp_path / "a.pt"))
    net = build(narrow, 3, input=Input((48, 48)))
    assert doctor_of(tmp_path, net.params(), narrow).input.endswith("(--size 48)")
    d = doctor_of(tmp_path, net.params(), narrow, size=48)
    assert d.healthy and "--size 48" in d.use
    d = doctor_of(tmp_path, net.params(), narrow, size=64)
    assert not d.usable and "for images of 48 pixels" in d.text()
    with pytest.raises(CheckpointError, match=r"position embedding is for images of 48×48 pixels; give --size 48"):
        fit_to(build(narrow, 3), read(tmp_path / "a.pt"))
