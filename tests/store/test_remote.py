"""Run folders at an address: in fsspec's own memory here; on an S3 server in ``tests/store/test_s3.py``."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'transferscope[s3]'")

import fsspec

from transferscope.errors import StoreError
from transferscope.store import claims, remote
from transferscope.store.folder import RunFolder
from transferscope.store.place import Place
from transferscope.store.step import Identity, StepRecord

STEP = Identity("train", "photo RI-T 0", "0123456789abcdef0123456789abcdef")
PARAMS = {"w": torch.arange(6.0).reshape(2, 3)}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of this machine's own, and an empty place."""
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "one machine"))
    yield
    fsspec.filesystem("memory").rm("/", recursive=True)


def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "another machine"))
    return RunFolder.open("memory://runs/mine")


def record(seconds: float) -> StepRecord:
    return StepRecord(STEP, {"n": 1}, {}, "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00", seconds, {})


def nobody(owner: str) -> None:
    raise AssertionError(f"waits for {owner}")


def test_what_is_put_is_found_on_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    folder.write("plan.json", {"steps": []})
    assert folder.find(STEP) is None
    with folder.claim(STEP, nobody):
        draft = folder.draft(STEP, resume=False)
        draft.save_weights("final", PARAMS)
        draft.list_weights(["final"])
        with draft.log() as log:
            log.row({"step": 1, "loss": 0.5})
        draft.finish(record(9.0), folder.place(STEP))
    other = another_machine(tmp_path, monkeypatch)
    assert other.root != folder.root and other.read("plan.json") == {"steps": []}
    stored = other.find(STEP)
    assert stored is not None and stored.record.seconds == 9.0
    assert [p.name for p in stored.folder.iterdir()] == ["step.json"], "the rest is fetched when it is asked for"
    assert torch.equal(stored.weights()["final"]["w"], PARAMS["w"])
    assert stored.history() == [{"step": 1, "loss": 0.5}]
    for path in folder.place(STEP).rglob("*"):
        if path.is_file():
            assert (other.place(STEP) / path.relative_to(folder.place(STEP))).read_bytes() == path.read_bytes()
    assert Place("memory://runs/mine").names("work/train-photo-RI-T-0-0123456789/") == []


def test_what_was_cut_while_it_was_written_is_not_put(tmp_path: Path) -> None:
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    with folder.claim(STEP, nobody):
        draft = folder.draft(STEP, resume=False)
        (draft.folder / ".writing-abc").write_text("cut by kill -9")
        draft.finish(record(9.0), folder.place(STEP))
    names = [name.rpartition("/")[2] for name in Place("memory://runs/mine").names("steps/")]
    assert names == ["step.json"]


def test_a_step_is_there_when_its_last_object_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    place = Place("memory://runs/mine")
    with folder.claim(STEP, nobody), monkeypatch.context() as patch:
        draft = folder.draft(STEP, resume=False)
        draft.save_weights("final", PARAMS)
        draft.list_weights(["final"])

        def cut(self: Place, name: str, content: bytes) -> bool:
            raise StoreError("the connection ended")

        patch.setattr(Place, "create", cut)
        with pytest.raises(StoreError, match="the connection ended"):
            draft.finish(record(9.0), folder.place(STEP))
    assert place.names("steps/") and folder.find(STEP) is None
    other = another_machine(tmp_path, monkeypatch)
    assert other.find(STEP) is None and other.steps() == []
    with other.claim(STEP, nobody):
        draft = other.draft(STEP, resume=True)
        draft.save_weights("final", PARAMS)
        draft.list_weights(["final"])
        draft.finish(record(3.0), other.place(STEP))
    stored = folder.find(STEP)
    assert stored is not None and stored.record.seconds == 3.0


def test_of_two_that_computed_the_same_the_first_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    other = another_machine(tmp_path, monkeypatch)
    drafts = [(f, f.draft(STEP, resume=False)) for f in (folder, other)]
    for seconds, (of, draft) in zip((1.0, 2.0), drafts, strict=True):
        stored = draft.finish(record(seconds), of.place(STEP))
        assert stored.record.seconds == 1.0


def test_another_machine_goes_on_with_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SYNC", 0.0)
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    draft = folder.draft(STEP, resume=False)
    with draft.log() as log:
        log.row({"step": 1})
        kept = log.flush()
        draft.save_weights("epoch 0", PARAMS)
        draft.save_state({"w": torch.ones(2)}, {"history": kept})
        log.row({"step": 2})
    draft.kept(lambda: 5.0).save("points", {"done": np.array(3)})
    other = another_machine(tmp_path, monkeypatch)
    assert other.in_work(STEP)
    again = other.draft(STEP, resume=True)
    state = again.load_state()
    assert state is not None and state[1] == {"history": kept} and state[0]["w"].tolist() == [1, 1]
    found = again.kept(lambda: 0.0)
    arrays = found.load("points")
    assert arrays is not None and int(arrays["done"]) == 3 and found.seconds() == 5.0
    assert (again.folder / "weights" / "epoch-0.safetensors").exists()
    other.draft(STEP, resume=False)
    assert not other.in_work(STEP) and not folder.in_work(STEP)


def test_failures_are_on_record_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create("memory://runs/mine", "study", "mine")
    other = another_machine(tmp_path, monkeypatch)
    folder.fail(STEP, "no luck", "trace")
    failure = other.failure(STEP)
    assert failure is not None and failure.error == "no luck"
    other.forgive(STEP)
    assert folder.failure(STEP) is None and other.failure(STEP) is None


def test_one_has_a_claim_and_the_next_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_POLL", 0.01)
    place = Place("memory://runs/mine")
    inside: list[str] = []
    waited: list[str] = []

    def work(name: str) -> None:
        with claims.claimed(place, "work/claims/a/", waited.append):
            inside.append(name)
            assert inside.count(name) == 1
            time.sleep(0.05)
            inside.append(name)

    threads = [threading.Thread(target=work, args=(str(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) == 8 and all(a == b for a, b in zip(inside[::2], inside[1::2], strict=True))
    assert waited and all(said.startswith("process ") for said in waited)
    assert place.names("work/claims/a/")[-1].endswith("000004.json")


def test_a_claim_whose_owner_is_not_heard_of_is_taken_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_POLL", 0.01)
    monkeypatch.setattr(claims, "PATIENCE", 0.3)
    monkeypatch.setattr(claims, "BEAT", 0.05)
    place = Place("memory://runs/mine")
    place.create("work/claims/a/000001.json", b'{"pid": 7, "host": "gone"}')
    waited: list[str] = []
    begun = time.monotonic()
    with claims.claimed(place, "work/claims/a/", waited.append):
        assert time.monotonic() - begun >= 0.3 and waited == ["process 7 on gone"]
        assert claims.claimant(place, "work/claims/a/") is not None
        # One that lives is left alone, however long it takes.
        late = threading.Thread(target=lambda: claims._acquire(place, "work/claims/a/", waited.append), daemon=True)
        late.start()
        time.sleep(0.8)
        assert late.is_alive()
        # Who saw the first claim stale, and decides only now, comes too late.
        assert not place.create("work/claims/a/000002.json", b"{}")
    late.join(5)
    assert not late.is_alive()


def test_one_line_for_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe_file("/theirs/thesis.tex", b"years")
    with pytest.raises(StoreError, match=r"memory://theirs: is not empty .* \(it holds 'thesis.tex'\)"):
        RunFolder.create("memory://theirs", "study", "mine")
    with pytest.raises(StoreError, match="memory://nowhere: is not a run folder"):
        RunFolder.open("memory://nowhere")
    RunFolder.create("memory://runs/mine", "study", "mine")
    with pytest.raises(StoreError, match="memory://runs/mine: holds the study 'mine', not the study 'other'"):
        RunFolder.create("memory://runs/mine", "study", "other")


def test_one_line_for_what_cannot_be_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        StoreError, match=r"^nope://runs: there is no address of the kind nope://; expected s3://…, gs"
    ):
        RunFolder.open("nope://runs")
    # As where they are not installed, whatever is: of each what it is called for pip.
    for module in ("gcsfs", "s3fs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys.modules["fsspec.registry"], "_registry", {})  # of kinds that were asked for before
    for address, name in (
        ("gs://bucket/x", "gcsfs"), ("s3://bucket/x", "'transferscope[s3]'"), ("az://bucket/x", "adlfs"),
    ):  # fmt: skip
        with pytest.raises(StoreError) as error:
            RunFolder.create(address, "study", "mine")
        assert str(error.value).startswith(f"{address}: wants ")
        assert str(error.value).endswith(f", which is not installed: pip install {name}")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StoreError, match=r"^gs://bucket/x: wants fsspec, which is not installed: pip install gcsfs$"):
        RunFolder.open("gs://bucket/x")
    with pytest.raises(StoreError, match=r": wants fsspec, .*: pip install 'transferscope\[s3\]'$"):
        RunFolder.open("s3://bucket/x")


def test_one_line_for_a_place_where_nothing_answers() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"ftp://127.0.0.1:{taken.getsockname()[1]}/runs"
        with pytest.raises(StoreError, match=rf"^{address}: cannot be reached \(.*refused\)$"):
            RunFolder.open(address)


def test_a_place_without_conditional_puts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.implementations.memory.MemoryFileSystem
    put = memory.pipe_file
    monkeypatch.setattr(memory, "pipe_file", lambda self, path, value, mode="overwrite": put(self, path, value))
    with pytest.raises(
        StoreError, match=r"^memory://runs/mine: this place puts an object over one .* give a place on"
    ):
        RunFolder.create("memory://runs/mine", "study", "mine")
    assert Place("memory://runs/mine").names("") == []


def test_a_folder_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder.create(f"file://{tmp_path}/runs/mine", "study", "mine")
    with folder.claim(STEP, nobody):
        folder.draft(STEP, resume=False).finish(record(9.0), folder.place(STEP))
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "another machine"))
    stored = RunFolder.open(f"file://{tmp_path}/runs/mine").find(STEP)
    assert stored is not None and stored.record.seconds == 9.0
    # What lies there is a run folder.
    local = RunFolder.open(tmp_path / "runs" / "mine").find(STEP)
    assert local is not None and local.record == stored.record
