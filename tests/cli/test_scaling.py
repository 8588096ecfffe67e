"""The command scaling: the plain answer, the page, and one line for what is wrong."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transferscope.cli.main import main
from transferscope.cli.scaling import _given, add_options
from transferscope.questions.prediction_power.measure import prediction_power

TABLE = Path(__file__).parents[1] / "tables" / "openclip.csv"


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What covariates explain is asked on one division into folds, not on three."""
    monkeypatch.setitem(prediction_power.__kwdefaults__, "repeats", 1)


def small(folder: Path, rows: int = 30) -> Path:
    lines = TABLE.read_text().splitlines()
    path = folder / "models.csv"
    path.write_text("\n".join([lines[0], *lines[1::4][:rows]]) + "\n")
    return path


def test_it_prints_the_answer_and_what_was_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["scaling", str(small(tmp_path)), "--us", "imagenet1k", "--ds", "food101", "--covariates", "--draws", "20"]
    assert main(args) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Food-101: raising ImageNet 1k accuracy from ") and " over 30 models" in shown.out
    assert shown.out.count("\n") == 1
    assert "note: 'food101' is the column 'Food-101'" in shown.err


@pytest.mark.timeout(900)
def test_it_writes_a_page_tables_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    args = ["scaling", str(small(tmp_path)), "--us", "imagenet1k", "--ds", "food101", "--draws", "20",
            "--images", "food101=25250", "--out", str(out)]  # fmt: skip
    assert main(args) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.html")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Food-101: raising ImageNet 1k accuracy" in page and "Prediction power of upstream accuracy" in page
    assert "is the column" in page and "food101=25250" in page  # what was changed, and the command
    assert "http://" not in page.replace("http://www.w3.org", "")  # asks nothing of any network
    tables = {p.name for p in (out / "tables").iterdir()}
    assert {"scaling.csv", "points.csv", "prediction-power.csv", "scaling-task-food-101.csv"} <= tables
    assert len(list((out / "figures").glob("*.svg"))) == len(list((out / "figures").glob("*.pdf"))) >= 5


@pytest.mark.parametrize(
    ("words", "said"), [([], False), (["--covariates"], True), (["--covariates", "Params"], True)]
)
def test_the_command_on_the_page_says_no_covariates_where_none_were_wanted(words: list[str], said: bool) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args(["models.csv", *words, "--group", "none", "--out", "out"])
    shown = _given(options)
    assert ("--covariates" in shown) is said and shown[0] == "models.csv"
    assert parser.parse_args(shown) == options


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--us", "imagenet9k"], "there is no column 'imagenet9k'; did you mean 'ImageNet 1k'?"),
        (["--us", "imagenet1k", "--images", "cars"], "--images 'cars': expected NAME=N with a whole number"),
        (["--us", "imagenet1k", "--ds", "food101", "--from", "70"], "start 70.0: expected an accuracy as a share"),
        (["--us", "imagenet1k", "--ds", "food101", "--covariates", "parms"], "there is no column 'parms'"),
        (
            ["--us", "imagenet1k", "--ds", "food101", "--covariates", "--group", "Params"],
            "--group Params: is about what covariates explain",
        ),
    ],
)
def test_one_line_for_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["scaling", str(small(tmp_path)), *more]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1 and lines[0].startswith("error: ") and said in lines[0]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty place for objects, and a cache of this machine's own."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'transferscope[s3]'")
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    place = fsspec.filesystem("memory")
    yield place
    place.rm("/", recursive=True)


@pytest.mark.timeout(900)
def test_it_writes_the_same_to_an_address(bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["scaling", str(small(tmp_path)), "--us", "imagenet1k", "--ds", "food101", "--covariates", "--draws", "20"]
    assert main([*args, "--out", "memory://pages/scaling"]) == 0
    mirror = Path(capsys.readouterr().out.splitlines()[-1]).parent
    assert mirror.is_relative_to(tmp_path / "cache"), "where the page lies on this machine"
    there = {name.removeprefix("/pages/scaling/"): bucket.cat_file(name) for name in bucket.find("/pages/scaling")}
    assert {"report.html", "tables/points.csv", "tables/scaling.csv"} <= there.keys()
    assert sum(name.endswith(".svg") for name in there) == sum(name.endswith(".pdf") for name in there) >= 3
    here = {str(p.relative_to(mirror)): p.read_bytes() for p in mirror.rglob("*") if p.is_file()}
    assert there == here and b"memory://pages/scaling" in there["report.html"], "the command to make it again"


def test_an_address_that_cannot_be_reached_is_said_before_the_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'transferscope[s3]'")
    monkeypatch.setattr("transferscope.cli.scaling._table", lambda options: pytest.fail("reads the table first"))
    args = ["scaling", str(small(tmp_path)), "--us", "imagenet1k", "--out", "nowhere://pages/scaling"]
    assert main(args) == 2
    assert "error: nowhere://pages/scaling: there is no address of the kind nowhere://" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("unit", "percent"), ("duplicates", "mean"), ("dataset", "task")])
def test_what_is_for_tables_is_not_taken_silently_for_a_run_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    monkeypatch.setattr("transferscope.study.grid_table.is_run_folder", lambda _: True)
    assert main(["scaling", "run", f"--{option}", value]) == 2
    assert capsys.readouterr().err.startswith(f"error: --{option}: is for tables; run is a run folder")
