"""The recorder in plain loops: what it keeps, that nobody notices it, and what is left when the process is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from torch import nn

from transferscope.errors import StoreError, UsageError
from transferscope.store.folder import RunFolder
from transferscope.store.recording import Recording, is_recording
from transferscope.train.host_copies import host_copy
from transferscope.train.recorder import Recorder, record
from transferscope.train.wrappers import own_weights

from ..pretended import GPU, pretended_gpu
from ..recorded import batches, bits, toy, train


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_what_is_kept_and_that_training_does_not_notice(tmp_path: Path) -> None:
    given = batches()
    plain, recorded = toy(), toy()
    start = bits(recorded)
    torch.manual_seed(1)
    train(plain, None, given)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    recorder = record(recorded, tmp_path / "mine", steps=[3, 13], best="val_acc", model="py:m.py:toy", seed=1)
    train(recorded, recorder, given)
    assert recorded.training and torch.equal(torch.get_rng_state(), after)
    assert same(bits(plain), bits(recorded))  # with and without: the same bits
    recorder.close()
    recorder.close()  # does nothing

    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished"
    assert {tag: (at["epoch"], at["step"]) for tag, at in found.tags.items()} == {
        "epoch 0": (0, 0), "step 3": (0, 3), "best": (1, 12), "epoch 1": (1, 12), "step 13": (1, 13),
        "epoch 2": (2, 24), "final": (2, 24),
    }  # fmt: skip
    assert same(found.weights["epoch 0"], start) and same(found.weights["final"], bits(recorded))
    again = toy()
    torch.manual_seed(1)
    train(again, None, given[:3], epochs=1)
    assert same(found.weights["step 3"], bits(again))  # weights, not references to them
    assert found.best == {"epoch": 1, "step": 12, "by": "val_accuracy"}  # equal later ones are not better
    steps = [row for row in found.rows if row["kind"] == "step"]
    assert [row["step"] for row in steps] == list(range(1, 25)) and {row["lr"] for row in steps} == {0.01}
    assert all(row["loss"] > 0 for row in steps)  # although the loop wrote to its losses
    assert [row["epoch"] for row in found.rows if row.get("ended")] == [1, 2]
    assert found.about["head"] == "5" and found.about["model"] == "py:m.py:toy" and found.about["seed"] == 1
    assert is_recording(tmp_path / "mine") and RunFolder.open(tmp_path / "mine").about == "recording"


def test_epochs_of_ones_own_and_the_best_said_at_the_end(tmp_path: Path) -> None:
    module = nn.Linear(2, 1)
    recorder = record(module, tmp_path / "mine", epochs=[0, 3])
    for epoch in range(1, 5):
        with torch.no_grad():
            module.weight.fill_(epoch)
        recorder.step(1.0 / epoch, correct=0.25)
        recorder.evaluated(val_loss=float(epoch))
        recorder.epoch()
    recorder.close(best="epoch 3")
    found = Recording.open(tmp_path / "mine")
    assert [*found.tags] == ["epoch 0", "epoch 3", "final", "best"]
    assert found.best == {"epoch": 3, "step": 3, "by": "given"}
    assert found.weights["best"]["weight"].tolist() == [[3.0, 3.0]]
    assert [row.get("accuracy") for row in found.rows if row["kind"] == "step"] == [0.25] * 4


@pytest.mark.parametrize("metric", ["val_error_rate", "val_nll", "val_wer", "perplexity_val", "val_ce_mean"])
def test_the_best_of_errors_is_the_least(metric: str, tmp_path: Path) -> None:
    recorder = record(nn.Linear(2, 1), tmp_path / "mine", best=metric)
    for value in (0.4, 0.1, 0.3):
        recorder.step(1.0)
        recorder.epoch(**{metric: value})
    recorder.close()
    assert Recording.open(tmp_path / "mine").best == {"epoch": 2, "step": 2, "by": metric}


def test_going_on_with_a_recording_repeats_no_step(tmp_path: Path) -> None:
    module = nn.Linear(2, 1)
    recorder = record(module, tmp_path / "mine", best="val_loss")
    for epoch in range(3):
        recorder.step(float(epoch))
        recorder.epoch(val_loss=3.0 - epoch)
        if epoch == 1:
            saved = recorder.state_dict()
    recorder.stop(KeyboardInterrupt)
    found = Recording.open(tmp_path / "mine")
    assert found.ended == "stopped at step 3 (KeyboardInterrupt)" and "final" not in found.tags
    with pytest.raises(StoreError, match=r"stopped at step 3 .* no final weights; say with --at .*epoch 0, epoch 1"):
        found.file()
    with pytest.raises(StoreError, match="holds a recording already"):
        record(module, tmp_path / "mine")
    recorder = record(module, tmp_path / "mine", best="val_loss", resume=saved)
    assert "best" not in Recording.open(tmp_path / "mine").tags  # it was of a step that is done again
    for _ in range(2):
        recorder.step(9.0)
        recorder.epoch(val_loss=0.5)
    recorder.close()
    found = Recording.open(tmp_path / "mine")
    assert [(r["step"], r["loss"]) for r in found.rows if r["kind"] == "step"] == [(1, 0), (2, 1), (3, 9), (4, 9)]
    assert [*found.tags] == ["epoch 0", "epoch 1", "epoch 2", "best", "epoch 4", "final"]
    assert found.best == {"epoch": 3, "step": 3, "by": "val_loss"}


def test_weights_that_are_not_finite_are_told(tmp_path: Path) -> None:
    module = nn.Linear(2, 1)
    with record(module, tmp_path / "mine") as recorder:
        recorder.step(1.0)
        recorder.step(torch.tensor(float("nan")))
        with torch.no_grad():
            module.weight.fill_(float("nan"))
        recorder.step(torch.tensor(float("inf")))
    assert Recording.open(tmp_path / "mine").ended == "diverged at step 2"


def test_names_are_the_modules_own_whatever_it_is_wrapped_in() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(2, 2)  # a name of somebody's own
            self.part = nn.DataParallel(nn.BatchNorm1d(2))

    plain = {"module.weight", "module.bias", "part.weight", "part.bias"}
    plain |= {f"part.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    inner = Own()
    assert own_weights(inner).keys() == plain
    assert own_weights(torch.compile(nn.DataParallel(inner))).keys() == plain  # never run, so never compiled
    assert own_weights(nn.DataParallel(torch.compile(inner))).keys() == plain
    assert own_weights(torch.optim.swa_utils.AveragedModel(inner)).keys() == plain


def test_no_gpu_is_waited_for_within_a_step(tmp_path: Path) -> None:
    """Copies off the device are queued; only the thread that writes waits for them."""
    arrived: list[str] = []

    def event() -> SimpleNamespace:
        return SimpleNamespace(record=lambda: None, synchronize=lambda: arrived.append("waited"))

    with pretended_gpu() as waits, mock.patch("torch.cuda.Event", event), mock.patch("torch.cuda.device"):
        module = nn.Linear(2, 1).to(GPU)
        assert module.weight.is_cuda
        recorder = record(module, tmp_path / "mine", steps=[2])
        before = len(waits)
        for step in range(4):
            recorder.step(module.weight.sum() * step, correct=module.weight.flatten() > 0)
        assert waits[before:] == []
        recorder.close()
        wanted = module.weight.detach().cpu()
    found = Recording.open(tmp_path / "mine")
    assert arrived and torch.equal(found.weights["step 2"]["weight"], wanted)
    losses = [row["loss"] for row in found.rows if row["kind"] == "step"]
    assert losses == pytest.approx([float(wanted.sum()) * step for step in range(4)])


def test_copies_are_of_the_moment_they_were_asked_for() -> None:
    weights = {"w": torch.arange(6.0).view(2, 3).t(), "n": torch.tensor(3)}
    copied = host_copy(weights)
    weights["w"].zero_(), weights["n"].zero_()
    found = copied.wait()
    assert found["w"].is_contiguous() and found["w"].tolist() == [[0, 3], [1, 4], [2, 5]] and found["n"] == 3


ENDLESS = """
import os, sys, torch
from transferscope.train.recorder import record

def endless(folder):
    module = torch.nn.Linear(64, 64)
    recorder = record(module, folder, epochs=range(10**6), best="val_loss")
    print(os.getpid(), flush=True)
    for epoch in range(10**6):
        with torch.no_grad():
            module.weight.fill_(epoch + 1)
        recorder.step(float(epoch))
        recorder.epoch(val_loss=-float(epoch))

for line in sys.stdin:  # a process for each folder, of which none imports torch again
    if (child := os.fork()) == 0:
        endless(line.strip())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_killed_process_leaves_a_readable_folder(tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", ENDLESS], **pipes) as parent:
        for attempt in range(3):
            folder = tmp_path / f"run {attempt}"
            print(folder, file=parent.stdin, flush=True)
            recording = int(parent.stdout.readline())
            until = time.monotonic() + 60
            while not (folder / "weights" / "epoch-3.safetensors").exists() and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(0.05 * attempt)
            os.kill(recording, signal.SIGKILL)
            assert int(parent.stdout.readline()) == -signal.SIGKILL
    for attempt in range(3):
        folder = tmp_path / f"run {attempt}"
        found = Recording.open(folder)
        assert found.ended == "" and "is being recorded, or was killed" in found.line()
        assert len(found.tags) > 2
        for tag, at in found.tags.items():
            if tag.startswith("epoch ") and tag != "epoch 0":
                assert found.weights[tag]["weight"].unique().tolist() == [at["epoch"]]
        steps = [row["step"] for row in found.rows if row["kind"] == "step"]
        assert steps == list(range(1, len(steps) + 1))
        with pytest.raises(StoreError, match="no final weights"):
            found.file()
        assert found.file("start").exists()
        # The lock went with its owner: the folder can be gone on with.
        record(nn.Linear(64, 64), folder, resume={"step": 1, "epoch": 1}).close()
        assert Recording.open(folder).ended == "finished"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epoch": [1]}, "there is no option 'epoch'; did you mean 'epochs'"),
        ({"epochs": [-1]}, "epochs: -1 is wrong"),
        ({"steps": [0]}, "steps: 0 is wrong"),
        ({"resume": {"step": "x"}}, "resume: .* is wrong; expected what state_dict"),
    ],
)
def test_wrong_options_are_said_in_one_line(options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        record(nn.Linear(1, 1), tmp_path / "mine", **options)
    assert not (tmp_path / "mine").exists()


def test_wrong_use_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the torch\.nn\.Module"):
        record(lambda x: x, tmp_path / "mine")  # type: ignore[arg-type]
    recorder = record(nn.Linear(1, 1), tmp_path / "mine")
    with pytest.raises(StoreError, match=r"process .* records there now"):
        record(nn.Linear(1, 1), tmp_path / "mine", resume={})
    with pytest.raises(UsageError, match=r"loss: \(2,\) numbers are wrong"):
        recorder.step(torch.ones(2))
    with pytest.raises(UsageError, match="val: str is wrong; expected one number"):
        recorder.evaluated(val="high")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing was kept under 'epoch 5'"):
        recorder.close(best="epoch 5")
    with pytest.raises(UsageError, match="is closed"):
        recorder.step(1.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing").touch()
    with pytest.raises(StoreError, match="is not empty and not a run folder"):
        record(nn.Linear(1, 1), tmp_path / "other")
    with pytest.raises(StoreError, match="holds no recording to go on with"):
        record(nn.Linear(1, 1), tmp_path / "new", resume={})
    with pytest.raises(StoreError, match="of another kind"):
        RunFolder.create(tmp_path / "study", "study", "mine")
        Recording.open(tmp_path / "study")


def test_only_the_first_of_several_processes_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with record(nn.Linear(1, 1), tmp_path / "mine", steps=[1]) as recorder:
        recorder.step(torch.tensor(1.0))
        recorder.epoch(val_loss=1.0)
    assert not (tmp_path / "mine").exists()


def test_those_that_only_help_collect_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights in pieces are put together by all processes; losses are the first one's affair."""
    monkeypatch.setenv("RANK", "1")
    with Recorder(nn.Linear(1, 1), tmp_path / "mine", everywhere=True) as recorder:
        for _ in range(5):
            recorder.step(torch.tensor(1.0), lr=0.1)
        assert recorder._losses.take() is None
    assert not (tmp_path / "mine").exists()
