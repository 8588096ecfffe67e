"""Recordings where the command line takes files of weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from transferscope.cli.main import main
from transferscope.models.checkpoint import read
from transferscope.models.load import load_weights
from transferscope.study.stored_study import open_study

from ..recorded import DATA, loop, network
from .test_commands import fails


@pytest.fixture(autouse=True)
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_inspect_and_compare_take_recordings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = loop(place / "runs/a", 0)
    loop(place / "runs/b", 1)
    assert main(["status", "runs/a"]) == 0
    kept = "epoch 0, epoch 1, epoch 2, final"
    assert capsys.readouterr().out == f"a: finished; 3 epochs, 12 steps; weights kept: {kept}\n"

    usual = ["--size", "16", "--jobs", "1", "--device", "cpu"]
    asked = ["--only", "distance,barrier", "--set", "barrier.points=3"]
    assert main(["compare", "runs/a", "runs/b", *usual, *asked, "--out", "cmp"]) == 0
    found = open_study(place / "cmp")
    assert [step.name for step in found.plan.steps if step.kind == "checkpoint"] == ["a", "b"]
    (distance,) = found.results("distance").values()
    net, _ = network()
    ends = [load_weights(net, place / f"runs/{name}") for name in "ab"]
    apart = sum(float((ends[0][k].double() - ends[1][k].double()).square().sum()) for k in ends[0]) ** 0.5
    frame = distance.frame()
    assert np.isclose(frame.select_dtypes("number").to_numpy(), apart, rtol=1e-9).any()
    assert all(torch.equal(ends[0][k], v) for k, v in first.state_dict().items())

    only = ["--only", "criticality,spectrum", "--set", "criticality.alphas=3", "--set", "criticality.images=16"]
    only += ["--set", "criticality.only=[fc3]", "--set", "criticality.sigmas=[0.1]", "--set", "criticality.draws=1"]
    assert main(["inspect", "runs/a", *usual, *only, "--out", "ins"]) == 0  # its start need not be given
    found = open_study(place / "ins")
    (critical,) = found.results("criticality").values()
    assert {v.path for v in critical.valleys} == {"direct"}  # type: ignore[attr-defined]

    assert read(place / "runs/a", at="epoch 1").params.keys() == first.state_dict().keys()
    fails(
        ["inspect", "runs/a", *usual, "--at", "epoch 9"], "kept no weights 'epoch 9'; did you mean 'epoch 2'", capsys
    )
    fails(["report", "runs/a"], "is a recorded training, which has no report; ask about it with", capsys)
    assert main(["doctor", "runs/a", "--model", "lenet"]) == 0


def test_what_a_recording_does_not_say_must_be_given(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop(place / "a", epochs=1, model=None, data=None)
    fails(["inspect", "a"], "--model: a does not name its network", capsys)
    fails(["inspect", "a", "--model", "lenet"], "--data: a does not name its images", capsys)
    fails(["inspect", "x.pt"], "--model: the network must be given", capsys)
    loop(place / "b", epochs=1)
    loop(place / "c", epochs=1, data=DATA.replace("48", "40"))
    fails(["compare", "b", "c"], "--data: the recordings name several", capsys)
