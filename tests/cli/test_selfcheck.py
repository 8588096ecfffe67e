"""``transferscope selfcheck`` from the outside."""

from pathlib import Path

import pytest
import torch

from transferscope.checks.listed import CHECKS
from transferscope.cli.main import main

from ..recorded import DATA, loop
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


def test_a_checkpoint_with_its_images(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop(place / "mine", epochs=30)
    capsys.readouterr()
    asked = ["--model", "lenet", "--size", "16", "--data", DATA]
    assert main(["selfcheck", "mine", *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[: len(CHECKS)]] == [check.__name__ for check in CHECKS]
    assert lines[-1].startswith("lenet: ") and ", 0 failed, " in lines[-1]
    assert main(["selfcheck", "--model", "lenet", "--size", "16", "--only", "tied,labels"]) == 0
    assert "skipped  labels  no trained weights were given" in capsys.readouterr().out
    fails(
        ["selfcheck", "mine", *asked, "--only", "label"], "there is no check 'label'; did you mean 'labels'", capsys
    )
    fails(["selfcheck", "mine", *asked, "--at", "epoch 3"], "kept no weights 'epoch 3'", capsys)


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
