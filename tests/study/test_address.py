"""Questions about files with a run folder at an address: whole there, whichever machine looks at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'transferscope[s3]'")

import fsspec

from transferscope.cli import main
from transferscope.errors import UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.study.compare import Comparison
from transferscope.study.files import run_files
from transferscope.study.stored_study import open_study

DATA = "synthetic:clipart?train=60&test=24"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two files of weights, an empty place, and a cache of this machine's own."""
    net = build("mlp:12", 12, input=Input((16, 16)))
    for seed, name in enumerate(("a.pt", "b.pt")):
        torch.save(initialise(net, seed), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "one machine"))
    yield
    fsspec.filesystem("memory").rm("/", recursive=True)


def test_a_comparison_says_there_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Comparison(("a.pt", "b.pt"), model="mlp:12", data=DATA, size=16, only=("distance",))
    _, outcome = run_files(asked, "memory://runs/compared", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "another machine"))
    found = open_study("memory://runs/compared")
    assert found.tree["compare"] == [str(tmp_path / "a.pt"), str(tmp_path / "b.pt")]
    assert found.description.startswith("2 checkpoints of mlp:12 compared") and len(found.results("distance"))


def test_a_ranking_is_read_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["--set", "scores.draws=2", "--set", "scores.permutations=1", "--device", "cpu", "--jobs", "1"]
    asked = ["rank", "--data", DATA, "mlp:12=a.pt", "mlp:12=b.pt", *quick, "--out", "memory://runs/ranked"]
    assert main(asked) == 0
    first = capsys.readouterr().out
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "another machine"))
    assert main(asked) == 0
    again = capsys.readouterr()
    assert "0 steps computed" in again.err and again.out.split("\n")[0] == first.split("\n")[0] != ""
    assert len(open_study("memory://runs/ranked").tree["rank"]) == 2
    assert fsspec.filesystem("memory").exists("/runs/ranked/report.html")


def test_several_processes_share_no_memory() -> None:
    asked = Comparison(("a.pt", "b.pt"), model="mlp:12", data=DATA, size=16, only=("distance",))
    with pytest.raises(
        UsageError, match=r"^memory://runs/two: other processes do not see this one's memory; give --jobs 1"
    ):
        run_files(asked, "memory://runs/two", device="cpu", threads=1, jobs=2)
