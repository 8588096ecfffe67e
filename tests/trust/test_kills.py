"""A study that is killed at random moments ends with the bytes of one that was left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from transferscope.study.status import status

from .made import contents, tables


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    # In a process of its own: one that has trained cannot be forked, and here other tests have.
    kills = ["--kills", os.environ.get("TRANSFERSCOPE_KILLS", "100")]
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "tests.trust.kills", str(tmp_path / "out"), *kills], cwd=root, check=True)
    whole, stores = tmp_path / "out" / "whole", sorted((tmp_path / "out").glob("killed-*"))
    assert stores
    expected, shown = contents(whole), tables(whole)
    for store in stores:
        assert status(store).unfinished == ""
        assert contents(store) == expected, store
        assert not [p for p in (store / "work").iterdir() if p.name != "locks"], "nothing is left under way"
    assert tables(stores[0]) == shown
