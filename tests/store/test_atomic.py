import errno
import os
from pathlib import Path

import pytest

from transferscope.errors import StoreError
from transferscope.store import atomic


def test_write_replaces_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"x": [1]})
    atomic.write_json(tmp_path / "a.json", {"x": [2]})
    assert atomic.read_json(tmp_path / "a.json") == {"x": [2]}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_full_disk_is_one_line_and_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic.write_bytes(tmp_path / "a", b"before")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="a: the disk is full; nothing is half-written") as caught:
        atomic.write_bytes(tmp_path / "a", b"after")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_read_only_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path))

    monkeypatch.setattr(atomic.tempfile, "mkstemp", refused)
    with pytest.raises(StoreError, match=r"cannot be written \(Read-only file system\); choose another folder"):
        atomic.write_bytes(tmp_path / "a", b"x")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="a file is where a folder should be"):
        atomic.write_bytes(tmp_path / "out" / "a", b"x")
    assert (tmp_path / "out").read_text() == "mine"


def test_damaged_and_missing_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(StoreError, match=r"a\.json: cannot be read"):
        atomic.read_json(tmp_path / "a.json")
    with pytest.raises(StoreError, match=r"b\.json: there is no such file"):
        atomic.read_json(tmp_path / "b.json")


def test_publish_moves_whole_folders_and_keeps_the_first(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "draft" / "deep").mkdir(parents=True)
        (tmp_path / "draft" / "deep" / "f").write_text(content)
        atomic.publish(tmp_path / "draft", tmp_path / "steps" / "one")
        assert not (tmp_path / "draft").exists()
    assert (tmp_path / "steps" / "one" / "deep" / "f").read_text() == "first"


def test_publish_on_a_full_disk_keeps_the_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "f").write_text("x")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        atomic.publish(tmp_path / "draft", tmp_path / "one")
    assert not (tmp_path / "one").exists()
