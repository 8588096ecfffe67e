"""Workers of the local engine: processes that perform what they are sent, and run nothing else."""

import queue
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from transferscope.store.folder import RunFolder
from transferscope.study.check import check
from transferscope.study.execute import execute
from transferscope.study.graph import Plan, Step
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.workers import _Worker

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
    command = [sys.executable, "-c", "import sys; sys.exit('no luck')"]
    worker = _Worker(0, command, 1, tmp_path / "log", heard)
    worker.ask(replace(pictures[0], spec={"more": "than a pipe holds" * 20_000}))
    assert heard.get(timeout=60) == (worker, {"ended": 1}) and worker.last_words() == "no luck"
    worker.stop()
