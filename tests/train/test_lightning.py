"""The recorder as a callback of the real Lightning, on the CPU, in one process and in two."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from transferscope.errors import UsageError
from transferscope.store.recording import Recording

from ..recorded import batches, bits, toy

pl = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed: pip install lightning")

from transferscope.lightning import LightningRecorder, Recorder  # noqa: E402  (wants Lightning)

QUIET: dict[str, Any] = {
    "accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
    "enable_model_summary": False, "devices": 1,
}  # fmt: skip


class Module(pl.LightningModule):  # type: ignore[misc, name-defined]
    """A network in a LightningModule, beside a loss without weights."""

    def __init__(self, *, compiled: bool = False, fails_at: int = -1) -> None:
        super().__init__()
        self.model: Any = torch.compile(toy(), backend="eager") if compiled else toy()
        self.criterion = nn.CrossEntropyLoss()
        self.fails_at = fails_at

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        if self.global_step == self.fails_at:
            raise RuntimeError("broken")
        loss = self.criterion(self.model(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        logits = self.model(batch[0])
        self.log("val_acc", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [
            {"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5), "interval": "step"}
        ]


def fit(module: Any, *callbacks: Any, count: int = 5, ckpt: Any = None, **options: Any) -> None:
    torch.manual_seed(1)
    given = DataLoader(batches(count), batch_size=None)
    pl.Trainer(**{**QUIET, "max_epochs": 2, **options}, callbacks=list(callbacks)).fit(
        module, given, given, ckpt_path=ckpt
    )


def test_training_does_not_notice_and_steps_are_those_of_the_optimiser(tmp_path: Path) -> None:
    plain, module = Module(), Module()
    start = bits(module.model)
    fit(plain, accumulate_grad_batches=2)
    after = torch.get_rng_state()
    recorder = Recorder(tmp_path / "mine", steps=[2], best="val_acc", model="py:a.py:f")
    assert isinstance(recorder, pl.Callback) and isinstance(recorder, LightningRecorder)
    fit(module, recorder, accumulate_grad_batches=2)
    assert torch.equal(torch.get_rng_state(), after)
    for name, value in bits(plain.model).items():
        assert torch.equal(value, module.model.state_dict()[name]), name

    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished" and found.about["head"] == "5"
    at = {tag: (a["epoch"], a["step"]) for tag, a in found.tags.items()}
    # Five batches are three steps: two of two batches, one of the last.
    assert {k: v for k, v in at.items() if k != "best"} == {
        "epoch 0": (0, 0), "step 2": (0, 2), "epoch 1": (1, 3), "epoch 2": (2, 6), "final": (2, 6)
    }  # fmt: skip
    assert all(
        torch.equal(found.weights["epoch 0"][k], v) for k, v in start.items()
    )  # no prefix, not the sanity check
    assert all(torch.equal(found.weights["final"][k], v) for k, v in bits(module.model).items())
    steps = [row for row in found.rows if row["kind"] == "step"]
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert [row["lr"] for row in steps] == pytest.approx([0.1 * 0.5**i for i in range(6)])
    assert found.best["by"] == "val_accuracy"
    evaluated = [row for row in found.rows if "val_accuracy" in row]
    assert [row["step"] for row in evaluated] == [3, 6]
    assert [row["epoch"] for row in found.rows if row.get("ended")] == [1, 2]
    assert all(
        "train_loss" in row or "val_accuracy" in row or "ended" in row for row in found.rows if row not in steps
    )


def test_the_loss_of_a_step_is_the_mean_over_its_batches(tmp_path: Path) -> None:
    module = Module()
    for part in module.modules():
        if isinstance(part, (nn.Dropout, nn.BatchNorm2d)):
            part.eval()  # the trainer's train() comes later: the toy without both
    module.model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    first = [functional.cross_entropy(module.model(x), y).item() for x, y in batches(2)]
    fit(module, Recorder(tmp_path / "mine"), accumulate_grad_batches=2, max_epochs=1)
    rows = [row for row in Recording.open(tmp_path / "mine").rows if row["kind"] == "step"]
    assert rows[0]["loss"] == pytest.approx(sum(first) / 2, rel=1e-5)


def test_compiled_parts_leave_no_trace_and_the_part_can_be_named(tmp_path: Path) -> None:
    fit(Module(compiled=True), Recorder(tmp_path / "mine"), count=2)
    assert Recording.open(tmp_path / "mine").weights["final"].keys() == toy().state_dict().keys()
    module = Module()
    module.other = nn.Linear(1, 1)
    fit(module, Recorder(tmp_path / "whole"), Recorder(tmp_path / "part", attribute="model"), count=2)
    names = {f"model.{k}" for k in toy().state_dict()} | {"other.weight", "other.bias"}
    assert Recording.open(tmp_path / "whole").weights["final"].keys() == names
    assert Recording.open(tmp_path / "part").weights["final"].keys() == toy().state_dict().keys()
    with pytest.raises(UsageError, match="has no part 'modell'; did you mean 'model'"):
        fit(Module(), Recorder(tmp_path / "no", attribute="modell"))
    with pytest.raises(UsageError, match="no option 'epoch'; did you mean 'epochs'"):
        Recorder(tmp_path / "no", epoch=[1])


def test_a_stopped_training_goes_on_and_repeats_no_step(tmp_path: Path) -> None:
    from lightning.pytorch.callbacks import ModelCheckpoint

    saved = ModelCheckpoint(dirpath=tmp_path / "ckpt", save_last=True, every_n_epochs=1)
    with pytest.raises(RuntimeError, match="broken"):
        fit(Module(fails_at=7), saved, Recorder(tmp_path / "mine"), enable_checkpointing=True, max_epochs=3)
    assert Recording.open(tmp_path / "mine").ended == "stopped at step 7 (RuntimeError)"
    last = tmp_path / "ckpt" / "last.ckpt"
    fit(Module(), Recorder(tmp_path / "mine"), ckpt=last, max_epochs=3)
    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished"
    assert [row["step"] for row in found.rows if row["kind"] == "step"] == list(range(1, 16))
    assert [row["epoch"] for row in found.rows if row.get("ended")] == [1, 2, 3]
    assert [*found.tags] == ["epoch 0", "epoch 1", "epoch 2", "final"]


def test_the_callback_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    assert pickle.loads(pickle.dumps(Recorder(tmp_path / "mine"))).folder == tmp_path / "mine"
    keys = {Recorder(tmp_path / name).state_key for name in "ab"}
    assert len(keys) == 2


PROCESS = """
import os, sys
sys.path.insert(0, {root!r})
from tests.train.test_lightning import Module, fit
from transferscope.lightning import Recorder
fit(Module(), Recorder(sys.argv[1]), count=4, devices=2, strategy="ddp", max_epochs=1)
"""


@pytest.mark.timeout(900)
def test_of_two_processes_one_writes(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(PROCESS.format(root=str(Path(__file__).parents[2])))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    environment |= {"NODE_RANK": "0"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "mine")],
            env={**os.environ, **environment, "LOCAL_RANK": str(rank), "RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=600)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished" and found.about["processes"] == 2
    assert found.weights["final"].keys() == toy().state_dict().keys()
