"""The recorder as a callback of the real Trainer of transformers, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.errors import UsageError
from transferscope.store.recording import Recording

from ..recorded import batches, bits, toy

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
pytest.importorskip("accelerate", reason="the Trainer needs accelerate: pip install accelerate")

from transferscope.huggingface import Recorder  # noqa: E402  (wants transformers)


class Model(nn.Module):
    """What the Trainer takes: a module that returns its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.net = toy()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.net(x)
        return {"loss": functional.cross_entropy(logits, labels), "logits": logits}


class Images(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __init__(self) -> None:
        given = batches(5)
        self.x, self.y = torch.cat([x for x, _ in given]), torch.cat([y for _, y in given])

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"x": self.x[i], "labels": self.y[i]}


def trainer(place: Path, *callbacks: Any, **options: Any) -> Any:
    torch.manual_seed(5)
    how = transformers.TrainingArguments(
        str(place / "out"), per_device_train_batch_size=8, num_train_epochs=3, use_cpu=True, report_to=[],
        disable_tqdm=True, eval_strategy="epoch", save_strategy="epoch", learning_rate=0.05, logging_steps=2,
        label_names=["labels"], **options,
    )  # fmt: skip

    def metrics(found: Any) -> dict[str, float]:
        return {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())}

    return transformers.Trainer(
        Model(), how, train_dataset=Images(), eval_dataset=Images(), compute_metrics=metrics, callbacks=[*callbacks]
    )


def test_training_does_not_notice_and_losses_are_means(tmp_path: Path) -> None:
    plain = trainer(tmp_path / "plain", gradient_accumulation_steps=2)
    plain.train()
    recorded = trainer(tmp_path, Recorder(tmp_path / "mine", steps=[4]), gradient_accumulation_steps=2)
    start = bits(recorded.model)
    recorded.train()
    recorded.evaluate()  # after training: not of it
    for name, value in bits(plain.model).items():
        assert torch.equal(value, recorded.model.state_dict()[name]), name
    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished"
    assert {tag: (a["epoch"], a["step"]) for tag, a in found.tags.items()} == {
        "epoch 0": (0, 0), "epoch 1": (1, 3), "step 4": (1, 4), "epoch 2": (2, 6), "final": (3, 9)
    }  # fmt: skip
    assert all(torch.equal(found.weights["epoch 0"][k], v) for k, v in start.items())
    assert all(torch.equal(found.weights["final"][k], v) for k, v in bits(recorded.model).items())
    steps = [row for row in found.rows if row["kind"] == "step"]
    assert [row["step"] for row in steps] == list(range(1, 10)) and steps[0]["lr"] == pytest.approx(0.05)
    said = {log["step"]: log["loss"] for log in recorded.state.log_history if "loss" in log}
    assert {row["step"]: row["loss"] for row in found.rows if row["kind"] == "mean"} == said and said
    evaluated = {row["step"]: row for row in found.rows if "val_accuracy" in row}
    assert [*evaluated] == [3, 6, 9]
    assert not [k for row in evaluated.values() for k in row if "runtime" in k or "second" in k]


def test_the_best_weights_that_are_loaded_at_the_end_are_not_the_final_ones(tmp_path: Path) -> None:
    best = trainer(
        tmp_path, Recorder(tmp_path / "mine", epochs=[1, 2, 3]), load_best_model_at_end=True,
        metric_for_best_model="loss", greater_is_better=True,  # of rising ones the worst, so that it is not the last
    )  # fmt: skip
    best.train()
    found = Recording.open(tmp_path / "mine")
    chosen = found.best
    assert chosen["by"] == "val_loss" and chosen["step"] == best.state.best_global_step
    assert all(torch.equal(found.weights["final"][k], v) for k, v in found.weights["epoch 3"].items())
    epoch = chosen["epoch"]
    assert all(torch.equal(found.weights["best"][k], v) for k, v in found.weights[f"epoch {epoch}"].items())
    assert all(torch.equal(found.weights["best"][k], v) for k, v in bits(best.model).items())
    assert (epoch == 3) == all(torch.equal(found.weights["best"][k], v) for k, v in found.weights["final"].items())


def test_a_training_that_goes_on_repeats_no_step(tmp_path: Path) -> None:
    class Stop(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if state.global_step == 7:
                raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        first = trainer(tmp_path, Recorder(tmp_path / "mine", best="eval_loss"), Stop())
        first.train()
    # The process lives on here, and with it the lock; a real one is gone.
    next(c for c in first.callback_handler.callbacks if isinstance(c, Recorder)).recorder.stop(RuntimeError)
    again = trainer(tmp_path, Recorder(tmp_path / "mine", best="eval_loss"))
    again.train(resume_from_checkpoint=True)
    found = Recording.open(tmp_path / "mine")
    assert found.ended == "finished"
    assert [row["step"] for row in found.rows if row["kind"] == "step"] == list(range(1, 16))
    assert [row["epoch"] for row in found.rows if row.get("ended")] == [1, 2, 3]
    values = {row["epoch"]: row["val_loss"] for row in found.rows if "val_loss" in row}
    assert found.best == {"epoch": min(values, key=lambda epoch: values[epoch]), "step": found.tags["best"]["step"],
                          "by": "val_loss"}  # fmt: skip


def test_wrong_options_are_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no option 'step'; did you mean 'steps'"):
        Recorder(tmp_path / "mine", step=[1])
