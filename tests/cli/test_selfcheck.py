"""``transferscope selfcheck`` from the outside."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferscope.checks.listed import CHECKS
from transferscope.cli.main import main
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import _content, write
from transferscope.train.recorder import record

from ..checks.made import CLASSES, PIXELS, splits, trained
from .test_commands import fails

FILE = """
import torch
from torch import nn
from torch.nn import functional
from transferscope.models.network import Input

class Mine(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc = nn.Linear(192, classes)

    def forward(self, x):
        return self.fc(functional.dropout(x.flatten(1), 0.5))

def make(classes=3):
    return Mine(classes)

make.input = Input((8, 8))
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("size", ["4", "5000"])
@pytest.mark.parametrize(
    "words",
    [
        ["selfcheck"],
        ["inspect", "a.safetensors", "--data", "synthetic:clipart"],
        ["compare", "a.safetensors", "b.safetensors", "--data", "synthetic:clipart"],
        ["soup", "a.safetensors", "b.safetensors", "--data", "synthetic:clipart"],
    ],
)
def test_a_size_that_no_images_have(words: list[str], size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--model", "mlp:32", "--size", size]) == 2
    assert capsys.readouterr().err == f"error: --size {size}: expected 8 to 4096 pixels\n"


def test_a_checkpoint_with_its_images(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, net = splits(), build("mlp:32", CLASSES, input=PIXELS)
    write("mine.safetensors", trained(net.fresh(initialise(net, 0)), given).state_dict())
    parts = {"train": given.train, "val": given.test, "test": given.test}
    arrays = {f"{n}_{k}": v for n, p in parts.items() for k, v in (("images", p.images), ("labels", p.labels))}
    np.savez("mine.npz", **arrays)
    usual = ["--model", "mlp:32", "--size", "8"]
    asked = [*usual, "--data", "npz:mine.npz", "--mean", "0,0,0", "--std", ",".join([str(1 / 255)] * 3)]
    assert main(["selfcheck", "mine.safetensors", *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[: len(CHECKS)]] == [check.__name__ for check in CHECKS]
    assert lines[-1].startswith("mlp:32: ") and ", 0 failed, " in lines[-1]
    np.savez("bgr.npz", **{k: v[..., ::-1] if "images" in k else v for k, v in arrays.items()})
    otherwise = ["npz:bgr.npz" if word == "npz:mine.npz" else word for word in asked]
    assert main(["selfcheck", "mine.safetensors", *otherwise, "--only", "normalisation"]) == 1
    assert "normalised otherwise, blue, green, red" in capsys.readouterr().out
    assert main(["selfcheck", *usual, "--only", "tied,labels"]) == 0
    assert "skipped  labels  no trained weights were given" in capsys.readouterr().out
    fails(["selfcheck", *asked, "--only", "label"], "there is no check 'label'; did you mean 'labels'", capsys)
    record(net.fresh(), place / "recorded").close()
    assert main(["selfcheck", "recorded", *usual, "--only", "round_trip"]) == 0
    wrong = ["selfcheck", "recorded", *usual, "--at", "epoch 3"]
    fails(wrong, "kept no weights 'epoch 3'", capsys)
    fails(["selfcheck", *asked, "--classes", "7"], "--classes 7: the images of --data have 4; leave it out", capsys)


def test_a_file_is_read_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def counted(source: Any, mapped: bool) -> Any:
        taken.append(source.path.name)
        return _content(source, mapped)

    write("mine.safetensors", initialise(build("mlp:32", CLASSES, input=PIXELS), 0))
    monkeypatch.setattr("transferscope.models.checkpoint._content", counted)
    arguments = ["--model", "mlp:32", "--size", "8", "--classes", str(CLASSES), "--only", "tied"]
    assert main(["selfcheck", "mine.safetensors", *arguments]) == 0
    assert taken == ["mine.safetensors"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--at", "ema"], "--at ema: says which weights of a file; give the CHECKPOINT, too"),
        (["--mean", "0.5,nan,0.5"], "--mean '0.5,nan,0.5': expected numbers joined by commas"),
        (["--samples", "9"], "--samples: is about images; give them with --data"),
        (["--skip-unreadable"], "--skip-unreadable: is about images; give them with --data"),
    ],
)
def test_no_option_is_ignored(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    fails(["selfcheck", "--model", "mlp:32", "--size", "8", *more], said, capsys)


def test_a_module_of_ones_own_of_which_no_network_can_be_made(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(FILE)
    assert main(["selfcheck", "--model", "py:mine.py:make", "--classes", "4"]) == 1
    shown = capsys.readouterr().out
    assert "failed   repeatable" in shown and "dropout" in shown
    assert "skipped  ends" in shown and "no network can be made of it: two passes of one image differ" in shown
    torch.save({"fc.weight": torch.zeros(4, 192), "fc.bias": torch.zeros(4)}, "zero.pt")
    assert main(["selfcheck", "zero.pt", "--model", "py:mine.py:make", "--classes", "4", "--only", "repeatable"]) == 0
