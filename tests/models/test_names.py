"""Networks by name with options, from a local Hugging Face folder, and from a factory in the user's own file."""

import importlib.util
import json
import os
import pickle

import pytest
import torch

from transferscope.errors import ModelError
from transferscope.models.build import build, designed_for, initialise, outputs_of, sources_of
from transferscope.models.network import Input
from transferscope.models.options import split_name, taken_by, typed
from transferscope.study.image_settings import ImageSettings
from transferscope.study.network_spec import network_spec

TINY_VIT = "timm/vit_tiny_patch16_224?img_size=32&depth=1&drop_rate=0.25"
MINE = """
import helper
from torch import nn
from transferscope import Input

def make(classes=2, width: int = 8, drop=0.0):
    return nn.Sequential(
        nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(drop),
        nn.Linear(width, classes),
    )

def sized(num_classes):
    return make(num_classes)

sized.input = Input((24, 20), 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))

def like_timm(num_classes=2):
    module = make(num_classes)
    module.pretrained_cfg = {"input_size": (3, 40, 40), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    return module

def fixed():
    return make(helper.CLASSES)

def broken():
    return 1 / 0

def nothing():
    return 3

def alters(classes=2):
    raise SystemExit(4)

class Two(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.main, self.aux = nn.Linear(48, classes), nn.Linear(48, classes)

    def forward(self, x):
        return self.main(x.flatten(1)), self.aux(x.flatten(1))

def auxiliary(classes=2):
    return Two(classes)

auxiliary.output = 1
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "helper.py").write_text("CLASSES = 5\n")
    (tmp_path / "mine.py").write_text(MINE)
    return f"py:{tmp_path}/mine.py"


def test_options_reach_the_constructor():
    net = build(TINY_VIT, 3)
    assert net.name == TINY_VIT and net.input.size == (32, 32) and net.input.mean == (0.5, 0.5, 0.5)
    assert len(net.module.blocks) == 1 and net.module.head_drop.p == 0.25
    assert net.module.training is False
    assert pickle.loads(pickle.dumps(net)).params().keys() == net.params().keys()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "timm/resnet18?drp_rate=0.1",
            r"timm/resnet18: unknown option 'drp_rate'; did you mean 'drop_rate'\? \(there",
        ),
        ("timm/resnet18?zzz=1", "unknown option 'zzz'; known: act_layer, avg_down, base_width"),
        ("timm/resnet18?drop_rate=much", "timm/resnet18: option drop_rate='much' must be a number"),
        ("timm/resnet18?zero_init_last=1.5", "option zero_init_last='1.5' must be true or false"),
        ("timm/resnet18?num_classes=3", "option 'num_classes' follows from the images and cannot be given"),
        ("timm/resnet18?drop_rate", r"expected options as in timm/resnet18\?KEY=VALUE&KEY=VALUE, got 'drop_rate'"),
        ("timm/resnet18?drop_rate=0&drop_rate=1", "option 'drop_rate' is given twice"),
        ("timm/vit_tiny_patch16_224?img_size=0", "a size of '0'; expected pixels, e.g. 64"),
        ("torchvision/resnet18?drop_rate=0.1", "torchvision/resnet18: unknown option 'drop_rate'"),
        ("torchvision/resnet18?groups=2", "cannot be built .*BasicBlock only supports groups=1"),
        ("lenet?drop_rate=0.1", r"lenet\?drop_rate=0\.1: unknown option 'drop_rate'; known: width"),
        ("fixup_resnet8?depth=3", r"fixup_resnet8\?depth=3: unknown option 'depth'; did you mean 'width'"),
        ("resnet20?width=wide", r"resnet20\?width=wide: option width='wide' must be a whole number"),
        ("fixup_resnet8?width=0", "a Fixup ResNet of width 0; expected 1 channel or more"),
        ("resnet20?width=0", "a CIFAR ResNet of width 0; expected 1 channel or more"),
    ],
)
def test_options_that_cannot_be(name, message):
    with pytest.raises(ModelError, match=message) as e:
        build(name, 3)
    assert "\n" not in str(e.value)


def test_a_size_is_said_once():
    with pytest.raises(ModelError, match=r"is built for images of 32×32 pixels .* and gets 48×48; leave one"):
        build(TINY_VIT, 3, input=Input((48, 48)))


def test_kinds_of_options_come_from_the_signature():
    def make(a: int | None = None, b=0.5, c: bool = True, d=(1, 2), e=print, f: "unreadable" = 3):
        """Take options."""

    known = taken_by(make)
    assert "e" not in known
    assert typed("n", {"a": "3", "b": "1", "c": "False", "d": "4,5.5"}, known) == {
        "a": 3,
        "b": 1.0,
        "c": False,
        "d": (4, 5.5),
    }
    assert split_name("plain") == ("plain", {})


def test_torchvision_says_how_its_weights_want_images():
    assert designed_for("torchvision/inception_v3").size == (299, 299)
    net = build("torchvision/googlenet", 2, input=Input((64, 64)))
    assert net.module.transform_input is True and "?transform_input=false" in net.notes[0]
    assert not any(k.startswith("aux") for k in net.params())
    assert (
        build("torchvision/googlenet?transform_input=false", 2, input=Input((64, 64))).module.transform_input is False
    )


def test_a_factory_in_a_file_of_ones_own(mine):
    net = build(f"{mine}:make?width=4&drop=0.5", 3, input=Input((8, 8)))
    assert net.params()["5.weight"].shape == (3, 4) and net.head == "5"
    a, b = initialise(net, 1), initialise(net, 1)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["0.weight"], initialise(net, 2)["0.weight"])


def test_a_factory_says_what_its_network_sees(mine):
    assert designed_for(f"{mine}:sized") == Input((24, 20), 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert designed_for(f"{mine}:like_timm") == Input((40, 40), 3, (0.5,) * 3, (0.25,) * 3)
    assert designed_for(f"{mine}:make") == Input((224, 224))


def test_of_two_outputs_the_first_is_taken_or_the_one_that_the_factory_names(mine):
    for name, part, said in (
        ("Two", "main", "of its outputs (tuple) 0 is taken, the first of 2 with a number for each class"),
        ("auxiliary", "aux", "of its outputs (tuple) 1 is taken"),
    ):
        net = build(f"{mine}:{name}", 3, input=Input((4, 4)))
        x = torch.rand(2, 3, 4, 4)
        assert torch.equal(net(net.params(), x), getattr(net.module, part)(x.flatten(1))) and said in net.notes


def test_a_factory_may_decide_its_outputs(mine):
    assert outputs_of(f"{mine}:fixed", 2) == 5 and outputs_of(f"{mine}:make", 2) == 2
    with pytest.raises(ModelError, match=r"returns a Tensor of shape \(b, 5\); expected a Tensor of logits \(b, 2\)"):
        build(f"{mine}:fixed", 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (":mak", "has no factory 'mak'; did you mean 'make'"),
        (":broken", r"broken\(\) fails: ZeroDivisionError: division by zero \(line 26\)"),
        (":nothing", r"nothing\(\) returns a int, expected a torch\.nn\.Module"),
        (":alters", r"alters\(\) fails: SystemExit: 4"),
        ("", "expected py:FILE:FACTORY, e.g. py:my_models.py:make"),
        (":make?widht=3", r"unknown option 'widht'; did you mean 'width'\? \(there are drop, width\)"),
        (":make?classes=3", "option 'classes' follows from the images"),
    ],
)
def test_factories_that_cannot_be(mine, name, message):
    with pytest.raises(ModelError, match=message) as e:
        build(mine + name, 2)
    assert "\n" not in str(e.value)


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(ModelError, match=r"there is no file .*nope\.py"):
        build(f"py:{tmp_path}/nope.py:make", 2)
    (tmp_path / "bad.py").write_text("def make(:\n")
    with pytest.raises(ModelError, match=r"bad\.py: cannot be run: SyntaxError: .*\(line 1\)"):
        build(f"py:{tmp_path}/bad.py:make", 2)


def test_a_file_that_changes_is_another_network(mine):
    assert [p.name for p in sources_of(f"{mine}:make?width=4")] == ["mine.py", "helper.py"]
    assert sources_of("timm/resnet18") == ()


def test_what_a_file_imports_beside_it_is_part_of_the_network(tmp_path):
    mine = tmp_path / "nets" / "net.py"
    for name, text in {
        "net.py": "import parts_beside.deep as deep, json\nfrom torch import nn\n\n\ndef make(classes):\n"
        "    from later_beside import bias\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3, classes, bias=bias()))\n"
        "\n\nmake.input = deep.seen\n",
        "later_beside.py": "def bias():\n    return True\n",
        "parts_beside/__init__.py": "",
        "parts_beside/deep.py": "from .deeper import seen\n",
        "parts_beside/deeper.py": "import transferscope as ts\n\nseen = ts.Input((1, 1))\n",
        "parts_beside/other.py": "1 / 0\n",
        "unrelated.py": "",
        "transferscope/__init__.py": "",
    }.items():
        (tmp_path / "nets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "nets" / name).write_text(text)
    name = f"py:{mine}:make"
    files = [p.relative_to(mine.parent).as_posix() for p in sources_of(name)]
    assert files == ["net.py", "later_beside.py", *(f"parts_beside/{n}.py" for n in ("__init__", "deep", "deeper"))]
    assert designed_for(name).size == (1, 1) and "1.bias" in build(name, 2).params()
    before = network_spec(name, ImageSettings(size=8), None, None)["files"]
    (mine.parent / "later_beside.py").write_text("def bias():\n    return False\n")
    os.utime(mine.parent / "later_beside.py", ns=(1, 1))
    assert network_spec(name, ImageSettings(size=8), None, None)["files"] != before
    assert "1.bias" not in build(name, 2).params(), "the same process, too, imports it as it is now"


def hf_folder(tmp_path, **preprocessor):
    folder = tmp_path / "vit"
    folder.mkdir()
    config = {
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "image_size": 32, "patch_size": 8,
        "num_channels": 3,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({}, Input((32, 32))),
        (
            {"size": {"height": 48, "width": 40}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3},
            Input((48, 40), 3, (0.5,) * 3, (0.25,) * 3),
        ),
        ({"size": 64, "crop_size": {"height": 56, "width": 56}}, Input((56, 56))),
        ({"size": {"shortest_edge": 64}, "do_normalize": False}, Input((64, 64), 3, (0.0,) * 3, (1.0,) * 3)),
        (
            {"rescale_factor": 2 / 255, "image_mean": [1.0] * 3, "image_std": [0.5] * 3},
            Input((32, 32), 3, (0.5,) * 3, (0.25,) * 3),
        ),
    ],
)
def test_a_hugging_face_folder_says_what_its_network_sees(tmp_path, told, seen):
    found = designed_for(f"hf/{hf_folder(tmp_path, **told)}")
    assert (found.size, found.channels) == (seen.size, seen.channels)
    assert found.mean == pytest.approx(seen.mean) and found.std == pytest.approx(seen.std)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config.json: cannot be read: Expecting property name"),
        ("[]", "config.json: holds a list, expected a block of settings"),
    ],
)
def test_hugging_face_folders_that_cannot_be(tmp_path, text, message):
    with pytest.raises(ModelError, match=r"hf/.*nope: no such folder; expected a local folder with config\.json"):
        designed_for(f"hf/{tmp_path}/nope")
    with pytest.raises(ModelError, match=r"config\.json: no such file; a Hugging Face folder has one"):
        designed_for(f"hf/{tmp_path}")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        designed_for(f"hf/{tmp_path}")


def test_without_the_library_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(
        ModelError, match=r"hf/.*: wants the library transformers .*pip install 'transferscope\[hf\]'"
    ):
        build(f"hf/{hf_folder(tmp_path)}", 3)


needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the optional library transformers is not installed"
)


@needs_transformers
def test_a_hugging_face_network(tmp_path):
    folder = hf_folder(tmp_path)
    net = build(f"hf/{folder}?hidden_dropout_prob=0.5", 3)
    assert net.head == "classifier" and net.params()["classifier.weight"].shape == (3, 32)
    assert net.notes == ("of its outputs (ImageClassifierOutput) 'logits' is taken",)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(net(net.params(), x), net.fresh(net.params())(x))
    assert any(m.p == 0.5 for m in net.module.modules() if isinstance(m, torch.nn.Dropout))
    assert torch.equal(initialise(net, 1)["classifier.weight"], initialise(net, 1)["classifier.weight"])
    assert build(f"hf/{folder}", 3, input=Input((48, 48))).input.size == (48, 48)
    with pytest.raises(ModelError, match="unknown option 'hiden_size'; did you mean 'hidden_size'"):
        build(f"hf/{folder}?hiden_size=3", 3)


@needs_transformers
@pytest.mark.parametrize("config", [{"model_type": "bert"}, {"model_type": "nothing"}, {"hidden_size": 3}])
def test_hugging_face_networks_that_cannot_be(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as e:
        build(f"hf/{tmp_path}", 3)
    assert "\n" not in str(e.value)


@needs_transformers
def test_code_in_a_folder_is_not_run(tmp_path):
    (tmp_path / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "configuration_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    auto = {"AutoConfig": "configuration_mine.Mine", "AutoModelForImageClassification": "modeling_mine.Mine"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": auto}))
    with pytest.raises(ModelError, match=r"config\.json"):
        build(f"hf/{tmp_path}", 3)
    assert not (tmp_path / "ran").exists()
