import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from transferscope.errors import StoreError
from transferscope.store.folder import FORMAT, MARKER, RunFolder
from transferscope.store.step import Identity, Note, StepRecord, folder_name

IDENTITY = Identity("train", "clipart P-T 0", "0123456789abcdef" * 2)


@dataclass(frozen=True)
class Numbers:
    value: float
    curve: np.ndarray


def record(identity: Identity = IDENTITY) -> StepRecord:
    return StepRecord(
        identity, {"lr": 0.1}, {"data": "aa"}, "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:09+00:00", 9.0,
        {"device": "cpu", "threads": 1}, (Note("skipped", "2 images"),),
    )  # fmt: skip


def test_create_then_open(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a" / "b", "study", "demo")
    opened = RunFolder.open(tmp_path / "a" / "b")
    assert (opened.about, opened.name) == ("study", "demo")
    assert RunFolder.create(tmp_path / "a" / "b", "study", "demo") == opened
    assert json.loads((tmp_path / "a" / "b" / MARKER).read_text())["format"] == FORMAT


def test_a_strangers_folder_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(StoreError, match=r"is not empty and not a run folder \(it holds 'thesis.tex'\)"):
        RunFolder.create(tmp_path, "study", "demo")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(StoreError, match="is not a run folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(StoreError, match="is a file; give a new or empty folder"):
        RunFolder.create(tmp_path / "thesis.tex", "study", "demo")
    with pytest.raises(StoreError, match="a file is where a folder should be"):
        RunFolder.create(tmp_path / "thesis.tex" / "out", "study", "demo")
    assert (tmp_path / "thesis.tex").read_text() == "years"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".writing-abc").write_text("cut while the marker was written")
    assert RunFolder.create(tmp_path, "study", "demo").root == tmp_path


def test_another_study_is_named(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "study", "demo")
    with pytest.raises(StoreError, match="holds the study 'demo', not the study 'other'"):
        RunFolder.create(tmp_path, "study", "other")
    with pytest.raises(StoreError, match="holds the study 'demo', not the comparison 'demo'"):
        RunFolder.create(tmp_path, "compare", "demo")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('{"format": 99, "version": "7.0"}', "was written in format 99 by transferscope 7.0"),
        ("[]", "is damaged; expected the marker"),
        ('{"format": 1, "about": "poem", "name": "x"}', "is damaged; expected the marker"),
        ("{", "cannot be read"),
    ],
)
def test_bad_markers(tmp_path: Path, marker: str, message: str) -> None:
    (tmp_path / MARKER).write_text(marker)
    for attempt in (lambda: RunFolder.open(tmp_path), lambda: RunFolder.create(tmp_path, "study", "demo")):
        with pytest.raises(StoreError, match=message):
            attempt()
    assert (tmp_path / MARKER).read_text() == marker


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such folder"):
        RunFolder.open(tmp_path / "none")


def test_a_place_that_takes_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))  # what /proc says

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=r"/x: no folder can be made there; choose another folder with --out$"):
        RunFolder.create(tmp_path / "x", "study", "demo")


def test_full_disk_while_making_the_folder_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        RunFolder.create(tmp_path / "out", "study", "demo")
    assert not (tmp_path / "out").exists()


def test_a_step_is_seen_only_when_finished_and_comes_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    draft = folder.draft(IDENTITY, resume=True)
    draft.save(Numbers(0.1 + 0.2, np.arange(3.0)))
    with draft.log() as log:
        log.row({"step": 0})
    draft.save_weights("epoch 1", {"w": torch.ones(2)})
    draft.save_weights("final", {"w": torch.zeros(2)})
    draft.list_weights(["final"])
    assert folder.find(IDENTITY) is None and folder.steps() == []
    draft.finish(record(), folder.place(IDENTITY))

    stored = folder.find(IDENTITY)
    assert stored is not None and stored.record == record()
    numbers = stored.result(Numbers)
    assert numbers.value == 0.1 + 0.2 and numbers.curve.tolist() == [0.0, 1.0, 2.0]
    assert stored.history() == [{"step": 0}]
    assert list(stored.weights()) == ["final"] and stored.weights()["final"]["w"].tolist() == [0, 0]
    assert sorted(p.name for p in (stored.folder / "weights").iterdir()) == ["final.safetensors", "tags.json"]
    assert stored.folder.name == folder_name(IDENTITY)
    assert not (tmp_path / "work" / folder_name(IDENTITY)).exists()
    assert folder.find(Identity("train", "same under another name", IDENTITY.digest)) is not None
    assert folder.find(Identity("train", "x", IDENTITY.digest[:10] + "f" * 22)) is None


def test_what_was_cut_while_it_was_written_is_neither_kept_nor_published(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    draft = folder.draft(IDENTITY, resume=False)
    draft.save_state({"w": torch.ones(1)}, {"epoch": 2})
    draft.save_weights("final", {"w": torch.ones(1)})
    for place in (draft.folder, draft.folder / "weights"):
        (place / ".writing-abc").write_text("cut by kill -9")
    draft = folder.draft(IDENTITY, resume=True)
    assert draft.load_state() is not None and not list(draft.folder.rglob(".writing-*"))
    draft.list_weights(["final"])
    (draft.folder / "weights" / ".writing-def").write_text("cut by kill -9")
    stored = draft.finish(record(), folder.place(IDENTITY))
    assert sorted(p.name for p in stored.folder.rglob("*")) == [
        "final.safetensors",
        "step.json",
        "tags.json",
        "weights",
    ]


def test_a_draft_without_state_is_begun_again(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    draft = folder.draft(IDENTITY, resume=True)
    (draft.folder / "left-over").write_text("x")
    assert not folder.in_work(IDENTITY)
    draft = folder.draft(IDENTITY, resume=True)
    assert list(draft.folder.iterdir()) == [] and draft.load_state() is None
    draft.save_state({"w": torch.ones(1)}, {"epoch": 2})
    assert folder.in_work(IDENTITY)
    tensors, numbers = folder.draft(IDENTITY, resume=True).load_state() or ({}, None)
    assert tensors["w"].item() == 1 and numbers == {"epoch": 2}
    assert folder.draft(IDENTITY, resume=False).load_state() is None


def test_failures_are_kept_until_the_step_succeeds(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    assert folder.failure(IDENTITY) is None
    folder.fail(IDENTITY, "out of memory", "trace")
    failure = folder.failure(IDENTITY)
    assert failure is not None and (failure.error, failure.trace) == ("out of memory", "trace")
    folder.forgive(IDENTITY)
    assert folder.failure(IDENTITY) is None


def test_a_damaged_step_says_what_to_do(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    folder.draft(IDENTITY, resume=False).finish(record(), folder.place(IDENTITY))
    (folder.place(IDENTITY) / "step.json").write_text("{}")
    with pytest.raises(StoreError, match=r"is damaged .* delete its folder"):
        folder.find(IDENTITY)


def test_readable_without_this_software(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "study", "demo")
    draft = folder.draft(IDENTITY, resume=False)
    draft.save(Numbers(1.0, np.arange(3)))
    draft.finish(record(), folder.place(IDENTITY))
    header = json.loads((folder.place(IDENTITY) / "step.json").read_text())
    assert header["spec"] == {"lr": 0.1} and header["notes"] == [{"topic": "skipped", "text": "2 images"}]
    with np.load(folder.place(IDENTITY) / "arrays.npz") as arrays:
        assert arrays["curve"].tolist() == [0, 1, 2]


def test_of_the_same_files_with_other_content_it_is_said_that_they_changed(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", "compare", "a.pt, b.pt (0123abcd)")
    with pytest.raises(
        StoreError, match=r"not the comparison 'a\.pt, b\.pt \(4567abcd\)' \(weights, images or the netw"
    ):
        RunFolder.create(tmp_path / "run", "compare", "a.pt, b.pt (4567abcd)")
    with pytest.raises(StoreError, match=r"not the comparison 'a\.pt, c\.pt \(4567abcd\)'; give another folder"):
        RunFolder.create(tmp_path / "run", "compare", "a.pt, c.pt (4567abcd)")
