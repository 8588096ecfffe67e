"""Workers of the local engine: processes that perform what they are sent, and run nothing else."""

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transferscope.errors import TransferscopeError
from transferscope.store.folder import RunFolder
from transferscope.study.check import check
from transferscope.study.crew import Crew, Mate
from transferscope.study.execute import execute
from transferscope.study.graph import Plan, Step, in_order
from transferscope.study.load import parse_study
from transferscope.study.perform import Context
from transferscope.study.plan import make_plan
from transferscope.study.workers import _Process, _Thread

Tree = Callable[..., dict[str, Any]]


@pytest.fixture
def pictures(tree: Tree) -> tuple[Step, ...]:
    """A step that takes no time, the images of a study: with one step there is one worker, which takes seconds."""
    steps = [s for s in make_plan(check(parse_study(tree()))).steps if s.kind == "data" and not s.inputs]
    return tuple(steps[:1])


def test_nothing_of_the_current_folder_is_run(
    pictures: tuple[Step, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "downloaded"
    here.mkdir()
    for name in ("json", "queue", "numpy", "torch"):
        (here / f"{name}.py").write_text(f"open({str(here / 'was run')!r}, 'w').close()\n")
    monkeypatch.chdir(here)
    folder = RunFolder.create("out", "study", "tiny")
    outcome = execute(pictures, folder, jobs=2, device="cpu", threads=1)
    assert outcome.ok and len(outcome.done) == len(pictures) == 1
    assert not (here / "was run").exists()


def test_steps_are_sent_whole_whatever_plan_is_in_the_folder(pictures: tuple[Step, ...], tmp_path: Path) -> None:
    """As where a second process with the study edited has put its own there."""
    folder = RunFolder.create(tmp_path / "out", "study", "tiny")
    folder.write("plan.json", Plan((), {}, {}).to_json())
    long = tuple(replace(step, spec={**step.spec, "more": "than a pipe holds" * 20_000}) for step in pictures)
    outcome = execute(long, folder, jobs=2, device="cpu", threads=1)
    assert outcome.ok and len(outcome.done) == len(pictures)


def test_a_process_that_ends_before_it_is_asked_is_told_of(pictures: tuple[Step, ...], tmp_path: Path) -> None:
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    mate = Mate.start(1, "no_such_module_anywhere")
    worker = _Process(mate, RunFolder.create(tmp_path / "out", "study", "tiny"), "cpu", 1, heard)
    mate.process.wait()
    worker.ask(replace(pictures[0], spec={"more": "than a pipe holds" * 20_000}))
    assert heard.get(timeout=60) == (worker, {"ended": mate.process.returncode})
    worker.stop()


def test_last_words_are_the_last_line_of_standard_error() -> None:
    mate = Mate.start(1, "no_such_module_anywhere")
    assert mate.process.wait() == 1
    assert mate.last_words().endswith("No module named no_such_module_anywhere")
    mate.stop()


def test_a_crew_and_this_process_compute_what_one_process_does(tree: Tree, tmp_path: Path) -> None:
    """Each step by whoever is free; then the crew waits for other work."""
    every = make_plan(check(parse_study(tree()))).steps
    steps = in_order(s for s in every if s.kind == "train" or s.name == "distance")
    alone = RunFolder.create(tmp_path / "alone", "study", "tiny")
    assert execute(steps, alone, device="cpu", threads=1).ok
    together = RunFolder.create(tmp_path / "together", "study", "tiny")
    with Crew(1, 1) as crew:
        (mate,) = crew._waiting
        outcome = execute(steps, together, jobs=2, device="cpu", threads=1, crew=crew)
        assert outcome.ok and len(outcome.done) == len(steps)
        assert crew.take(2) is None, "its libraries have one thread"
        assert crew.take(1) is mate and mate.process.poll() is None
        crew.back(mate)
    assert mate.process.poll() is not None
    assert not list((tmp_path / "together" / "work").glob("*worker*"))
    for step in alone.steps():
        other = together.find(step.record.identity)
        assert other is not None
        for name in ("result.json", "arrays.npz", "history.jsonl"):
            mine, its = step.folder / name, other.folder / name
            assert mine.exists() == its.exists() and (not mine.exists() or mine.read_bytes() == its.read_bytes())


def test_what_is_wrong_with_the_folder_ends_the_run_wherever_it_is_met(
    pictures: tuple[Step, ...], tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path / "out", "study", "tiny")
    (folder.root / "work").write_text("a file where the folder of what is under way would be")
    with Crew(0, 1) as crew, pytest.raises(TransferscopeError, match=r"work"):
        execute(pictures, folder, jobs=2, device="cpu", threads=1, crew=crew)


def test_a_thread_is_led_out_of_its_step_at_its_next_word(
    pictures: tuple[Step, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    begun, left, after = threading.Event(), threading.Event(), []

    def long(context: Context) -> None:
        begun.set()
        left.wait(60)
        context.progress(1, 1, "words")
        after.append("went on")

    monkeypatch.setattr("transferscope.study.work.data.prepare", long)
    folder = RunFolder.create(tmp_path / "out", "study", "tiny")
    worker = _Thread(folder, "cpu", 1, heard)
    worker.ask(pictures[0])
    assert begun.wait(60)
    threading.Timer(0.2, left.set).start()
    worker.stop()
    assert not worker._thread.is_alive() and not after
    assert folder.failure(pictures[0].identity) is None and folder.owner(pictures[0].identity) is None
