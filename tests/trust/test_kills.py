"""A study that is killed at random moments ends with the bytes of one that was left alone."""

import os
from pathlib import Path

import pytest

from transferscope.study.status import status

from .kills import kill_often
from .made import contents, tables


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    whole, stores = kill_often(tmp_path, int(os.environ.get("TRANSFERSCOPE_KILLS", "100")))
    expected, shown = contents(whole), tables(whole)
    for store in stores:
        assert status(store).unfinished == ""
        assert contents(store) == expected, store
        assert not [p for p in (store / "work").iterdir() if p.name != "locks"], "nothing is left under way"
    assert tables(stores[0]) == shown
