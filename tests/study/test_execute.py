"""The engine, with steps that do next to nothing."""

import errno
import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from transferscope.errors import DataError, StoreError, UsageError
from transferscope.store.folder import RunFolder
from transferscope.study import perform
from transferscope.study.events import StepEvent
from transferscope.study.execute import execute
from transferscope.study.graph import Plan, Step
from transferscope.study.perform import Context
from transferscope.study.status import status


@dataclass(frozen=True)
class Number:
    value: float


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[[Context], None]]]:
    """What steps do, by name; by default they add one to the sum of their inputs."""
    special: dict[str, Callable[[Context], None]] = {}

    def do(context: Context) -> None:
        if context.step.name in special:
            special[context.step.name](context)
        context.progress(1, 2, "things")
        total = sum(context.stored(role).result(Number).value for role in context.step.inputs)
        context.draft.save(Number(total + 1))

    module = types.ModuleType("fake_work")
    module.do = do  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_work", module)
    for kind in perform._WORK:
        monkeypatch.setitem(perform._WORK, kind, "fake_work:do")
    yield special


A = Step("data", "a", {"n": 0})
B = Step("train", "b", {"n": 1}, {"x": A})
C = Step("train", "c", {"n": 2}, {"x": A})
D = Step("analysis", "d", {"n": 3}, {"x": B, "y": C})
E = Step("analysis", "e", {"n": 4}, {"x": C})
STEPS = (A, B, C, D, E)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "out", "study", "fake")
    made.write("plan.json", Plan(STEPS, {}, {}).to_json())
    return made


def run(folder: RunFolder) -> tuple[object, list[StepEvent]]:
    events: list[StepEvent] = []
    return execute(STEPS, folder, device="cpu", threads=1, listener=events.append), events


def test_computes_once(folder: RunFolder, work: object) -> None:
    outcome, events = run(folder)
    assert outcome.ok and len(outcome.done) == 5  # type: ignore[attr-defined]
    stored = folder.find(D.identity)
    assert stored is not None and stored.result(Number).value == 5
    assert stored.record.inputs == {"x": B.digest, "y": C.digest}
    assert stored.record.machine["threads"] == 1 and stored.record.machine["device"] == "cpu"
    assert [e.what for e in events if e.step == "data a"] == ["begun", "advanced", "done"]
    assert all(0 <= e.overall <= 1 for e in events)

    before = {p: p.stat().st_mtime_ns for p in folder.root.rglob("*") if p.is_file()}
    outcome, events = run(folder)
    assert len(outcome.reused) == 5 and not outcome.done  # type: ignore[attr-defined]
    assert {e.what for e in events} == {"reused"}
    assert {p: p.stat().st_mtime_ns for p in folder.root.rglob("*") if p.is_file()} == before


def test_a_failed_step_loses_only_what_needs_it(folder: RunFolder, work: dict[str, object]) -> None:
    def fails(context: Context) -> None:
        raise RuntimeError("no\nluck")

    work["b"] = fails
    outcome, _ = run(folder)
    assert not outcome.ok  # type: ignore[attr-defined]
    assert [(s.name, error) for s, error in outcome.failed] == [("b", "RuntimeError: no luck")]  # type: ignore[attr-defined]
    assert [(s.name, why) for s, why in outcome.skipped] == [("d", "train b")]  # type: ignore[attr-defined]
    assert folder.find(E.identity) is not None
    failure = json.loads(next((folder.root / "failed").iterdir()).read_text())
    assert failure["error"] == "RuntimeError: no luck" and "in fails" in failure["trace"]
    now = status(folder.root)
    assert [s.state for s in now.steps] == ["done", "failed", "done", "skipped", "done"]
    assert now.unfinished == "3 of 5 steps are done; 1 failed, 1 waiting for a failed one."
    assert "failed   train b: RuntimeError: no luck" in now.lines()

    del work["b"]
    outcome, _ = run(folder)
    assert outcome.ok and [s.name for s in outcome.done] == ["b", "d"]  # type: ignore[attr-defined]
    assert list((folder.root / "failed").iterdir()) == []
    assert status(folder.root).unfinished == ""


def test_software_that_changed_while_a_study_runs_is_told(folder: RunFolder, work: dict[str, object]) -> None:
    def fails(context: Context) -> None:
        from transferscope.params import not_there_yet  # type: ignore[attr-defined]  # noqa: F401

    def of_another(context: Context) -> None:
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401

    work["b"], work["c"] = fails, of_another
    outcome, _ = run(folder)
    said = {s.name: error for s, error in outcome.failed}  # type: ignore[attr-defined]
    assert said["b"].endswith("; was transferscope updated while this ran? Give the same command again")
    assert said["c"] == "ModuleNotFoundError: No module named 'no_such_package'"


def test_bad_images_stop_everything_at_once(folder: RunFolder, work: dict[str, object]) -> None:
    def fails(context: Context) -> None:
        raise DataError("1 of 3 images cannot be read: x.png")

    work["a"] = fails
    with pytest.raises(DataError, match="1 of 3 images cannot be read"):
        run(folder)


def test_a_full_disk_stops_everything_and_leaves_no_step(
    folder: RunFolder, work: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(context: Context) -> None:
        def refused(self: Path, *_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_text", refused)

    work["c"] = full
    with pytest.raises(StoreError, match="the disk is full; nothing is half-written") as caught:
        run(folder)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert folder.find(C.identity) is None and folder.find(A.identity) is not None


def test_a_full_disk_that_a_library_meets_is_told_the_same_way(folder: RunFolder, work: dict[str, object]) -> None:
    def full(context: Context) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    work["c"] = full
    with pytest.raises(StoreError, match="the disk is full; nothing is half-written"):
        run(folder)
    assert folder.failure(C.identity) is None


def test_whoever_listens_may_go_away(folder: RunFolder, work: object) -> None:
    def gone(event: StepEvent) -> None:
        if event.what == "advanced":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        execute(STEPS, folder, device="cpu", threads=1, listener=gone)
    assert folder.failure(A.identity) is None


def test_an_interrupt_says_what_is_kept(folder: RunFolder, work: dict[str, object]) -> None:
    def stops(context: Context) -> None:
        raise KeyboardInterrupt

    work["d"] = stops
    with pytest.raises(
        KeyboardInterrupt, match=r"interrupted: 3 of 5 steps are done and kept, .* same command again"
    ):
        run(folder)
    assert folder.failure(D.identity) is None
    assert [s.state for s in status(folder.root).steps] == ["done", "done", "done", "missing", "missing"]
    del work["d"]
    outcome, _ = run(folder)
    assert [s.name for s in outcome.done] == ["d", "e"]  # type: ignore[attr-defined]


def test_a_step_that_vanished_is_named(folder: RunFolder, work: dict[str, object]) -> None:
    run(folder)
    for identity in (B.identity, D.identity):
        stored = folder.find(identity)
        assert stored is not None
        for path in stored.folder.iterdir():
            path.unlink()
        stored.folder.rmdir()
    with pytest.raises(StoreError, match="the step 'train b' is needed and not there; was it deleted"):
        execute([D], folder, device="cpu", threads=1)


def test_bad_settings(folder: RunFolder) -> None:
    with pytest.raises(UsageError, match="jobs must be at least 1, got 0"):
        execute(STEPS, folder, jobs=0)
    with pytest.raises(UsageError, match="threads must be at least 1, got 0"):
        execute(STEPS, folder, threads=0)
    with pytest.raises(UsageError, match="device 'tpu'"):
        execute(STEPS, folder, device="tpu")
