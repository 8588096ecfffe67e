"""Whole studies, run for real: small, but with everything in them."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferscope.errors import SpecError, StoreError, UsageError
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.probes import partial_results as kept
from transferscope.questions import QUESTIONS
from transferscope.study import perform
from transferscope.study.events import StepEvent
from transferscope.study.load import parse_study
from transferscope.study.run import run_study
from transferscope.study.status import not_there
from transferscope.study.stored_study import StoredStudy, open_study
from transferscope.study.yaml_output import study_yaml
from transferscope.train.run import Run

Tree = Callable[..., dict[str, Any]]


NARROW = {"network": "fixup_resnet8?width=4"}
"""All modules of the network, which has a sixteenth of the weights."""


def contents(root: Path) -> dict[str, bytes]:
    """All files of the finished steps, but for what tells times."""
    steps = root / "steps"
    return {
        str(p.relative_to(steps)): p.read_bytes() for p in steps.rglob("*") if p.is_file() and p.name != "step.json"
    }


def without_times(root: Path) -> dict[str, Any]:
    found = {}
    for step in open_study(root).stored.values():
        record = step.record.to_json()
        found[record["digest"]] = {k: v for k, v in record.items() if k not in ("started", "finished", "seconds")}
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from .conftest import TINY, changing

    root = tmp_path_factory.mktemp("study") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
        _, outcome = run_study(parse_study(changing(TINY)(**NARROW)), root, device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    return root


@pytest.fixture
def loaded(done: Path) -> StoredStudy:
    return open_study(done)


def test_every_question_is_answered(loaded: StoredStudy) -> None:
    assert (
        set(loaded.items) == set(loaded.tree["analyses"]) and len(set(loaded.items.values()) & set(QUESTIONS)) >= 16
    )
    for item in loaded.items:
        for target, result in loaded.results(item).items():
            assert len(result.frame()), (item, target)
            assert result.findings(), (item, target)
    assert list(loaded.results("mistakes")) == ["clipart", "photo"]
    assert loaded.unfinished == ""


def test_runs_can_be_read(loaded: StoredStudy) -> None:
    run = loaded.run("photo", "RI-T same 1")
    assert isinstance(run, Run) and run.recipe.epochs == 2 and run.ended == "finished"
    assert run.group == loaded.run("photo", "RI-T 0").group == "RI 0"
    assert run.steps["step"].tolist() == [1, 2, 3, 4] and run.epochs["epoch"].tolist() == [1, 2]
    assert set(run.snapshots) == {"epoch 0", "epoch 1", "epoch 2", "best", "final"}
    start, other = run.start.params, loaded.run("photo", "RI-T 0").start.params
    assert all((start[k] == other[k]).all() for k in start)
    assert any((run.final.params[k] != start[k]).any() for k in start)


def test_tables_for_the_report(loaded: StoredStudy) -> None:
    runs = loaded.runs()
    assert len(runs) == 1 + 2 * 6 + 1 and set(runs["ended"]) == {"finished"}
    assert np.isfinite(runs["test_accuracy"]).all()
    steps = loaded.steps()
    assert (steps["state"] == "done").all() and (steps["threads"] == 1).all()
    notes = [(n.where, n.text) for n in loaded.notes]
    assert any("RI-T same 0 is the run RI-T 0" in text for _, text in notes)
    assert [where for where, text in notes if text == "computed in bfloat16"] == [
        "extrapolation clipart, extrapolation photo"
    ]
    assert any(where.startswith("clipart P-T 0, ") and "a new one of 12 was drawn" in text for where, text in notes)
    assert loaded.cost.count(" in ") == 3 and loaded.machine["device"] == "cpu"
    summary = loaded.data()["photo"]
    assert (
        summary.train.images == 64
        and sum(summary.train.per_class) == 64
        and summary.examples.shape[1:] == (16, 16, 3)
    )


def test_again_computes_nothing(done: Path, tree: Tree) -> None:
    before = {p: p.stat().st_mtime_ns for p in (done / "steps").rglob("*")}
    _, outcome = run_study(parse_study(tree(**NARROW)), done, device="cpu", threads=1)
    assert not outcome.done and len(outcome.reused) == len(open_study(done).plan.steps)
    steps = open_study(done).plan.steps
    assert not_there(steps, done) == () and not_there(steps, done / "elsewhere") == steps
    assert {p: p.stat().st_mtime_ns for p in (done / "steps").rglob("*")} == before


def test_side_by_side_gives_the_same_bits_as_one_after_the_other(done: Path, tree: Tree, tmp_path: Path) -> None:
    study = parse_study(tree(**NARROW))
    _, outcome = run_study(study, tmp_path / "out", only="extrapolation", jobs=2, device="cpu", threads=1)
    assert outcome.ok and len(outcome.done) == 10
    one, two = contents(tmp_path / "out"), contents(done)
    assert one == {name: two[name] for name in one}
    one, two = without_times(tmp_path / "out"), without_times(done)
    assert one == {name: two[name] for name in one}
    assert not list((tmp_path / "out" / "work").glob("worker-*"))


def test_only_what_is_asked_for(tree: Tree, tmp_path: Path) -> None:
    given = tree(starts={"RI-T": {"from": "random", "seeds": [0, 1]}}, source=None)
    given["analyses"] = {"distance": {"targets": ["photo"]}, "mistakes": True}
    folder, outcome = run_study(parse_study(given), tmp_path / "out", only="distance", device="cpu", threads=1)
    assert [s.title for s in outcome.done] == [
        "data photo", "train photo RI-T 0", "train photo RI-T 1", "analysis distance photo"
    ]  # fmt: skip
    loaded = open_study(folder.root)
    assert loaded.unfinished == "" and loaded.asked == ("distance",)
    assert list(loaded.items) == ["distance"] and list(loaded.results("distance")) == ["photo"]
    assert set(loaded.runs()["ended"]) == {"finished"}
    # What was asked for before stays; once all is asked for, that is so for good.
    _, outcome = run_study(parse_study(given), tmp_path / "out", only="mistakes", device="cpu", threads=1)
    assert len(outcome.reused) == 3 and open_study(folder.root).asked == ("distance", "mistakes")
    run_study(parse_study(given), tmp_path / "out", device="cpu", threads=1)
    run_study(parse_study(given), tmp_path / "out", only="mistakes", device="cpu", threads=1)
    loaded = open_study(folder.root)
    assert loaded.asked is None and set(loaded.results("mistakes")) == set(loaded.plan.runs)


def test_what_is_not_asked_for_need_not_be_right(tree: Tree, tmp_path: Path) -> None:
    given = tree(starts={"RI-T": {"from": "random", "seeds": [0]}}, source=None)
    given["analyses"] = {"learning_curves": {"targets": ["photo"]}, "barrier": {"points": 3}}
    with pytest.raises(SpecError, match=r"analyses\.barrier: needs 2 runs on photo"):
        run_study(parse_study(given), tmp_path / "out", device="cpu", threads=1)
    _, outcome = run_study(parse_study(given), tmp_path / "out", only="learning_curves", device="cpu", threads=1)
    assert outcome.ok and open_study(tmp_path / "out").unfinished == ""
    with pytest.raises(UsageError, match="--only bariers: the study has no such analysis; did you mean 'barrier'"):
        run_study(parse_study(given), tmp_path / "out", only="learning_curves,bariers", device="cpu", threads=1)


def test_a_diverged_run_stays_and_is_left_out(tree: Tree, tmp_path: Path) -> None:
    given = tree(source=None, targets__clipart=None)
    given["starts"] = {
        "RI-T": {"from": "random", "seeds": [0, 1]},
        "RI-T hot": {"from": "random", "seeds": [0], "recipe": {"lr": 1e30}},
    }
    given["analyses"] = {"learning_curves": True, "distance": True, "barrier": {"points": 3}}
    _, outcome = run_study(parse_study(given), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(tmp_path / "out")
    hot = loaded.runs().set_index("run").loc["RI-T hot 0"]
    assert hot["ended"].startswith("diverged at step")
    texts = [n.text for n in loaded.notes]
    assert any(t.startswith("diverged at step") for t in texts)
    left = [t for t in texts if t.startswith("RI-T hot 0 on photo: diverged at step")]
    assert left, "each question that leaves it out says so"


def test_where_too_few_runs_are_left_there_is_nothing_to_ask_and_the_study_ends(tree: Tree, tmp_path: Path) -> None:
    given = tree(targets__photo__recipe={"lr": 1e30}, **NARROW)
    given["starts"] = {"RI-T": {"from": "random", "seeds": [0, 1]}}
    given["analyses"] = {
        "learning_curves": True,
        "mistakes": True,
        "barrier": {"points": 3},
        "extrapolation": {"points": 5},
        "cross_domain": {"points": 3},
        "basin": {"samples": 2, "draws": 2, "images": 16, "extend": False},
        "spectrum": True,
        "hessian": {"k": 2, "images": 16, "targets": ["photo"]},
        "landscape": {"points": 3, "images": 16, "planes": 1, "targets": ["photo"]},
        "loss_variation": {"points": 3, "images": 16, "targets": ["photo"]},
    }
    _, outcome = run_study(parse_study(given), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, [step.title for step, _ in outcome.failed]
    loaded = open_study(tmp_path / "out")
    assert not loaded.unfinished
    assert {*loaded.results("mistakes"), *loaded.results("spectrum")} == {"clipart"} and not loaded.results(
        "cross_domain"
    )
    assert list(loaded.results("learning_curves")) == [""]  # diverged runs are an answer of this one
    told = [line for line in loaded.unanswered if line.startswith("mistakes, barrier")]
    assert len(told) == 1 and " on photo: too few networks are left to ask about; RI-T 0 and RI-T 1" in told[0]
    _, again = run_study(parse_study(given), tmp_path / "out", device="cpu", threads=1)
    assert not again.done


@pytest.mark.parametrize("head", ["other", "none", "kept"])
def test_a_checkpoint_as_source(tree: Tree, tmp_path: Path, head: str) -> None:
    net = build(NARROW["network"], 12 if head == "kept" else 7, input=Input((16, 16)))
    params = {k: v for k, v in net.params().items() if head != "none" or not k.startswith("fc.")}
    torch.save({"model": params, "epoch": 3}, tmp_path / "p.pt")
    given = tree(
        source={"checkpoint": "p.pt", "head": "keep" if head == "kept" else "drop"}, targets__clipart=None, **NARROW
    )
    given["starts"] = {"P-T": {"from": "source", "seeds": [0, 1]}}
    given["analyses"] = {"similarity": True, "distance": True, "barrier": {"points": 3}}
    folder, outcome = run_study(parse_study(given, tmp_path), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    run = loaded.run("photo", "P-T 0")
    same = [
        bool((run.start.params[k] == params[k]).all()) for k in params if run.start.params[k].shape == params[k].shape
    ]
    assert all(same) and len(same) >= len(params) - 3
    (similar,) = loaded.results("similarity").values()
    assert [m.label for m in similar.members] == ["P", "P-T 0", "P-T 1"]  # type: ignore[attr-defined]
    assert ("fc" in similar.modules[0]) == (head != "none")  # type: ignore[attr-defined]
    (barrier,) = loaded.results("barrier").values()
    kinds = [p.path.kind for p in barrier.paths]  # type: ignore[attr-defined]
    assert kinds == ["P-T & P-T", "P & P-T", "P & P-T"]
    texts = [n.text for n in loaded.notes]
    assert any("a new one of 12 was drawn from seed 1" in t for t in texts) == (head != "kept")
    assert any("compared without it" in t for t in texts) == (head == "none")


def test_folders_that_are_not_ours(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = parse_study(tree())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("years")
    with pytest.raises(StoreError, match="is not empty and not a run folder"):
        run_study(study, tmp_path / "thesis")
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["a.tex"]
    with pytest.raises(StoreError, match="is a file; give a new or empty folder"):
        run_study(study, tmp_path / "thesis" / "a.tex")
    with monkeypatch.context() as patch:

        def refused(self: Path, *_: object, **__: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(self))

        patch.setattr(Path, "mkdir", refused)
        with pytest.raises(StoreError, match=r"cannot be written \(Read-only file system\); choose another folder"):
            run_study(study, tmp_path / "new")


def test_a_bad_study_writes_nothing(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^recipe\.lr: "):
        run_study(parse_study(tree(recipe__lr=-1.0)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


ONE_RUN = {
    **NARROW,
    "source": None,
    "targets__clipart": None,
    "recipe__epochs": 6,
    "starts": {"RI-T": {"from": "random", "seeds": [0]}},
    "analyses": {"learning_curves": True},
}

SLOWLY = """
import sys, time
import transferscope.study.work.train as work
from transferscope.study.run import run_study
from transferscope.study.status import not_there

work._SAVE_SECONDS = 0.0
def slow(event):
    if event.what == "advanced" and event.unit == "steps":
        time.sleep(0.05)
run_study(sys.argv[1], sys.argv[2], device="cpu", threads=1, listener=slow)
"""


def wait_for(path: Path, changes: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file has been written so many times."""
    seen: set[int] = set()
    end = time.monotonic() + 60
    while len(seen) < changes and time.monotonic() < end and process.poll() is None:
        if path.exists():
            seen.add(path.stat().st_ino)
        time.sleep(0.002)
    assert len(seen) == changes, "training did not save its state"


def test_killed_in_training_it_goes_on_to_the_same_result(tree: Tree, tmp_path: Path) -> None:
    study = parse_study(tree(**ONE_RUN))
    (tmp_path / "s.yaml").write_text(study_yaml(study))
    run_study(study, tmp_path / "whole", device="cpu", threads=1)

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SLOWLY, str(tmp_path / "s.yaml"), str(tmp_path / "cut")])

    planned = open_study(tmp_path / "whole").plan.runs["photo"]["RI-T 0"].step
    state = tmp_path / "cut" / "work" / f"train-photo-RI-T-0-{planned.digest[:10]}" / "state.safetensors"
    process = begin()
    wait_for(state, 2, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    now = open_study(tmp_path / "cut")
    assert [s.state for s in now.status.steps] == ["done", "stopped", "missing"]
    assert now.unfinished == "1 of 3 steps are done; 1 begun and stopped, 1 not begun."

    events = []
    _, outcome = run_study(study, tmp_path / "cut", device="cpu", threads=1, listener=events.append)
    assert outcome.ok and "resumed" in [e.what for e in events]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert without_times(tmp_path / "cut") == without_times(tmp_path / "whole")
    assert not state.parent.exists()


def test_an_analysis_that_was_stopped_goes_on(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_SECONDS", 0.0)
    monkeypatch.setattr(perform, "_throttled", partial(perform._throttled, interval=0.0))
    starts = {"RI-T": {"from": "random", "seeds": [0, 1]}}
    changes = {"recipe__epochs": 1, "starts": starts, "analyses": {"extrapolation": {"points": 9}}}
    study = parse_study(tree(**{**ONE_RUN, **changes}))
    run_study(study, tmp_path / "whole", device="cpu", threads=1)
    seen: list[int] = []

    def listen(event: StepEvent) -> None:
        if event.what == "advanced" and event.step.startswith("analysis"):
            seen.append(event.done)
            if event.done == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "cut", device="cpu", threads=1, listener=listen)
    (begun,) = (tmp_path / "cut" / "work").glob("analysis-*")
    assert list((begun / "kept").glob("*.npz"))
    seen.clear()
    events = []
    run_study(study, tmp_path / "cut", device="cpu", threads=1, listener=lambda e: (events.append(e), listen(e)))
    assert "resumed" in [e.what for e in events]
    assert seen == [7, 8, 9, 10, 11]  # nine, and both solutions
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert not begun.exists()


def test_a_worker_dies_with_its_engine(tree: Tree, tmp_path: Path) -> None:
    study = parse_study(tree(**{**ONE_RUN, "recipe__epochs": 500}))
    (tmp_path / "s.yaml").write_text(study_yaml(study))
    code = "import sys; from transferscope.study.run import run_study; "
    code += "run_study(sys.argv[1], sys.argv[2], jobs=2, device='cpu', threads=1)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s.yaml"), str(tmp_path / "out")])
    end = time.monotonic() + 240
    while time.monotonic() < end and not list((tmp_path / "out" / "work").glob("train-*")):
        time.sleep(0.01)
    running = [s for s in open_study(tmp_path / "out").status.steps if s.state == "running"]
    assert [s.title for s in running] == ["train photo RI-T 0"]
    worker = int(running[0].text.split()[1])
    assert worker != process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 90
    while time.monotonic() < end and _alive(worker):
        time.sleep(0.02)
    assert not _alive(worker)
    assert open_study(tmp_path / "out").status.steps[1].state in ("stopped", "missing")


def test_a_worker_that_is_killed_is_a_failed_step_and_an_interrupt_ends_them(tree: Tree, tmp_path: Path) -> None:
    given = tree(source=None, targets__clipart=None, starts={"RI-T": {"from": "random", "seeds": [0]}})
    given["analyses"] = {"learning_curves": True}

    def kill(event: StepEvent) -> None:
        if event.what == "begun" and event.step.startswith("train"):
            now = open_study(tmp_path / "out").status
            (running,) = [s for s in now.steps if s.state == "running"]
            os.kill(int(running.text.split()[1]), signal.SIGKILL)

    _, outcome = run_study(parse_study(given), tmp_path / "out", jobs=2, device="cpu", threads=1, listener=kill)
    ((step, error),) = outcome.failed
    assert step.title == "train photo RI-T 0" and error.startswith(
        "its process was killed (signal 9); out of memory?"
    )
    assert [s.state for s in open_study(tmp_path / "out").status.steps] == ["done", "failed", "skipped"]

    workers = []

    def interrupt(event: StepEvent) -> None:
        if event.what == "begun" and event.step.startswith("train"):
            (running,) = [s for s in open_study(tmp_path / "out").status.steps if s.state == "running"]
            workers.append(int(running.text.split()[1]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"interrupted: 1 of 3 steps are done and kept"):
        run_study(parse_study(given), tmp_path / "out", jobs=2, device="cpu", threads=1, listener=interrupt)
    assert len(workers) == 1 and not _alive(workers[0])
    assert not list((tmp_path / "out" / "work").glob("worker-*"))


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except FileNotFoundError:
        return False
