"""A page that is kept fresh: written when something was done, until nothing is to come."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from transferscope.cli.parser import build_parser
from transferscope.cli.watch import watch

STATES = [
    ["done", "running", "missing"],
    ["done", "running", "missing"],
    ["done", "done", "missing"],
    ["done", "done", "failed"],
]


def test_it_is_written_when_a_step_is_done_and_for_the_last_time_without_a_refresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter(STATES)
    written: list[int] = []
    waited: list[float] = []

    def page(folder: str, failed, *, refresh: int) -> Path:
        written.append(refresh)
        failed(f"try {len(written)}")
        return Path("report.html")

    monkeypatch.setattr(
        "transferscope.study.status.status",
        lambda folder: SimpleNamespace(steps=[SimpleNamespace(state=s) for s in next(looks)]),
    )
    monkeypatch.setattr("transferscope.report.write_report", page)
    failed: list[str] = []
    assert watch("runs/x", 7.0, failed.append, sleep=waited.append) == Path("report.html")
    assert written == [7, 7, 0] and waited == [7.0] * 3
    assert failed == ["try 3"], "only what the last page lacks is an error"


@pytest.mark.parametrize(("given", "seconds"), [([], None), (["--watch"], 30.0), (["--watch", "2.5"], 2.5)])
def test_how_often_it_looks(given: list[str], seconds: float | None) -> None:
    assert build_parser().parse_args(["report", "runs/x", *given]).watch == seconds


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan"])
def test_bad_input_is_named(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["report", "runs/x", f"--watch={given}"])
    assert "is no number of seconds above 0" in capsys.readouterr().err
