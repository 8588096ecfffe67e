"""What fails on a page costs nothing but itself, and the command ends with 1."""

import re
from pathlib import Path

import pytest

from transferscope.cli.main import main
from transferscope.errors import StoreError
from transferscope.questions.barrier.measure import Barrier
from transferscope.questions.barrier.study import BarrierQuestion
from transferscope.report import page as page_module
from transferscope.report import write_report
from transferscope.report.attempts import Attempts

STUDY = """
name: small
network: lenet
images: {size: 16}
recipe: {epochs: 1, batch: 32, augmentation: {crop: none}}
targets:
  clipart: {data: "synthetic:clipart?train=48&test=40"}
starts:
  RI-T: {from: random, seeds: [0, 1]}
analyses:
  distance: true
  barrier: {points: 3}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("attempts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(root / "cache"))
        (root / "study.yaml").write_text(STUDY)
        assert (
            main(["study", str(root / "study.yaml"), "--out", str(root / "run"), "--device", "cpu", "--jobs", "1"])
            == 0
        )
    return root / "run"


def fails(*arguments: object, **more: object) -> None:
    raise ValueError("zero-size array\nto reduction operation")


def section(page: Path, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, name
    return found[0]


@pytest.mark.parametrize(
    ("method", "what"), [("plot", "the figure"), ("findings", "the findings"), ("frame", "the table")]
)
def test_what_raises_is_one_line_in_its_place(run, monkeypatch, capsys, method, what):
    monkeypatch.setattr(Barrier, method, fails)
    (run / "figures" / "drawn.json").unlink()  # so that figures are drawn again
    assert main(["report", str(run)]) == 1
    said = f"{what} could not be made: ValueError: zero-size array to reduction operation"
    shown = capsys.readouterr()
    assert shown.out.strip().splitlines()[-1] == str(run / "report.html")
    (line,) = (line for line in shown.err.splitlines() if "drawing" not in line)  # is told where it takes long
    assert line.startswith("failed: report: ") and line.endswith(said) and "clipart" in line
    barrier = section(run / "report.html", "barrier")
    assert said in barrier
    assert ("<figure>" in barrier, "<table>" in barrier, 'class="findings"' in barrier) == (
        method != "plot",
        method != "frame",
        method != "findings",
    )
    distance = section(run / "report.html", "distance")
    assert "<figure>" in distance and "<table>" in distance and "could not be made" not in distance
    assert "Not all of this page could be made" in (run / "report.html").read_text(encoding="utf-8")
    monkeypatch.undo()
    assert main(["report", str(run)]) == 0
    assert "could not be made" not in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["claims_section", "beside_section", "make_section"])
def test_whole_sections_that_raise(run, monkeypatch, name):
    monkeypatch.setattr(page_module, name, fails)
    told: list[str] = []
    page = write_report(run, told.append)
    assert told and all(
        line.endswith("could not be made: ValueError: zero-size array to reduction operation") for line in told
    )
    assert all(line in page.read_text(encoding="utf-8").replace("&#39;", "'") for line in told)


def test_views_and_results_that_raise(run, monkeypatch):
    monkeypatch.setattr(BarrierQuestion, "views", fails)
    told: list[str] = []
    page = write_report(run, told.append)
    assert [line.partition(" could")[0].rpartition(": ")[2] for line in told] == ["the list of figures"]
    assert "<figure>" in section(page, "barrier")


def test_a_study_whose_page_fails_ends_with_one(run, monkeypatch, capsys):
    monkeypatch.setattr(Barrier, "findings", fails)
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(run.parent / "cache"))
    assert main(["study", str(run.parent / "study.yaml"), "--out", str(run), "--device", "cpu", "--jobs", "1"]) == 1
    assert "failed: report: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_ends_it():
    def full() -> None:
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        Attempts().make("the figure", full, None)


def test_everything_is_raised_for_those_who_look(monkeypatch):
    monkeypatch.setenv("TRANSFERSCOPE_TRACEBACK", "1")
    with pytest.raises(ValueError, match="zero-size array"):
        Attempts().make("the figure", fails, None)
