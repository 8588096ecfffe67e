"""A clock that jumps, in months and both ways, changes nothing but the times on record."""

import datetime
import random
import time
from pathlib import Path

import pytest

from transferscope.probes import partial_results
from transferscope.store import folder
from transferscope.study.events import StepEvent
from transferscope.study.run import run_study
from transferscope.study.status import status
from transferscope.study.stored_study import open_study
from transferscope.study.work import train

from .made import TINY, contents, study


def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(partial_results, "_SECONDS", 0.0)
    run_study(study(TINY), tmp_path / "whole", device="cpu", threads=1)
    chance = random.Random(1)

    def jumping() -> float:
        return chance.uniform(0.0, 4e9)  # 1970 to 2096

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(
        folder, "now", lambda: datetime.datetime.fromtimestamp(jumping(), datetime.UTC).isoformat(timespec="seconds")
    )

    def stop(event: StepEvent) -> None:
        if event.what == "advanced" and event.step == "train photo RI-T 1":
            raise KeyboardInterrupt

    for listener in (stop, stop, lambda event: None):
        try:
            run_study(study(TINY), tmp_path / "out", device="cpu", threads=1, listener=listener)
        except KeyboardInterrupt:
            continue
    assert status(tmp_path / "out").unfinished == ""
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    seconds = [step.record.seconds for step in open_study(tmp_path / "out").stored.values()]
    assert all(0 <= s < 600 for s in seconds), "how long a step took is not told by the clock"
