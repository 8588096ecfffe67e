"""A disk that fills up at any write, and one that cannot be written at all; on small file systems in memory."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transferscope.cli.main import main
from transferscope.errors import StoreError
from transferscope.probes import partial_results
from transferscope.report import write_report
from transferscope.study.run import run_study
from transferscope.study.status import status
from transferscope.study.stored_study import open_study
from transferscope.study.work import train

from .made import TINY, contents, study

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A file system of its own, and what changes its options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if not (Path("/bin/mount").exists() and mount("size=64m")):
        pytest.skip("no file system can be mounted here (wants root on Linux)")

    def change(options: str) -> None:
        assert mount(f"remount,{options}")

    yield place, change
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(autouse=True)
def saved_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(partial_results, "_SECONDS", 0.0)


def fill(disk: tuple[Path, Callable[[str], None]], whole: Path, pages: int, more: int) -> int:
    """Run the study on a disk that is full, make it larger, and so on; return how often it was full."""
    place, change = disk
    full, there = 0, 0
    while True:
        change(f"size={pages * PAGE}")
        try:
            _, outcome = run_study(study(TINY), place / "out", device="cpu", threads=1)
        except StoreError as e:
            full += 1
            assert "the disk is full; nothing is half-written: free some space and give the same command" in str(e)
            assert "\n" not in str(e)
            if (place / "out" / "plan.json").exists():
                states = [s.state for s in status(place / "out").steps]
                assert "failed" not in states
                assert states.count("done") >= there, "a finished step was lost"
                there = states.count("done")
            pages += more
            assert pages < 4096
            continue
        assert outcome.ok, outcome.failed
        assert contents(place / "out") == contents(whole)
        return full


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    run_study(study(TINY), tmp_path / "whole", device="cpu", threads=1)
    return tmp_path / "whole"


def test_a_full_disk_loses_nothing(
    disk: tuple[Path, Callable[[str], None]], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fill(disk, whole, pages=8, more=12) >= 3


@pytest.mark.slow
def test_a_disk_that_is_full_at_each_write(disk: tuple[Path, Callable[[str], None]], whole: Path) -> None:
    assert fill(disk, whole, pages=2, more=1) >= 40
    place, change = disk
    used = sum(-(-p.stat().st_size // PAGE) for p in place.rglob("*") if p.is_file())
    change(f"size={(used + 4) * PAGE}")
    with pytest.raises(StoreError, match="the disk is full"):
        write_report(place / "out")
    assert contents(place / "out") == contents(whole)


def test_a_store_that_cannot_be_written_can_be_read(
    disk: tuple[Path, Callable[[str], None]], whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, change = disk
    (tmp_path / "s.yaml").write_text(TINY)
    run_study(study(TINY), place / "out", device="cpu", threads=1, only="distance")
    change("ro")
    assert status(place / "out").unfinished == ""
    assert open_study(place / "out").results("distance")
    assert main(["status", str(place / "out")]) == 0
    capsys.readouterr()
    for command in (["report", str(place / "out")], ["study", str(tmp_path / "s.yaml"), "--out", str(place / "out")]):
        assert main([*command, *(["--device", "cpu", "--jobs", "1"] if command[0] == "study" else [])]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {place}") and "cannot be written (Read-only file system)" in line
    change("rw")
    run_study(study(TINY), place / "out", device="cpu", threads=1)
    assert contents(place / "out") == contents(whole)
