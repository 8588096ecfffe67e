"""What a run says about itself."""

import math
from dataclasses import replace

import numpy as np
import pytest

from transferscope.data.augmentation import Augmentation
from transferscope.errors import UsageError
from transferscope.train.events import Ended, Record
from transferscope.train.fit import fit
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run, collect

RECIPE = Recipe(epochs=3, batch=16, lr=0.5, schedule="constant", augmentation=Augmentation.off(), precision="float32")


def made(**changes):
    epochs = {
        "epoch": np.array([1, 2, 3]),
        "train_accuracy": np.array([0.25, 0.5, 0.9]),
        "test_accuracy": np.array([0.2, 0.6, 0.55]),
    }
    steps = {"epoch": np.array([1, 1, 2, 2, 2]), "accuracy": np.array([0.0, 0.5, 0.5, 1.0, 0.75], np.float32)}
    run = Run("P-T 0", "P-T", "P", 0, "clipart", RECIPE, steps, epochs, {"epoch 0": {}, "best": {}, "final": {}})
    return replace(run, **changes)


def test_a_trained_run_has_all_its_events(small, images, drawn):
    start = drawn(small)
    events = list(fit(small, start, images, RECIPE, seed=2, record=Record(epochs=(0, 2))))
    run = collect(events, label="RI-T 2", recipe=RECIPE, role="RI-T", group="RI 2", seed=2, target="rows")
    assert run.steps["step"].tolist() == list(range(1, 13))
    assert run.steps["epoch"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert run.epochs["epoch"].tolist() == [1, 2, 3]
    assert run.epochs["step"].tolist() == [4, 8, 12]
    assert list(run.snapshots) == ["epoch 0", "epoch 2", "best", "final"]
    assert run.final_metric() == run.epochs["test_accuracy"][-1]
    assert run.optimisation_speed() == pytest.approx(run.epochs["train_accuracy"].mean())
    assert (run.ended, run.precision, run.chosen_by, run.metric) == (
        "finished",
        "float32",
        "val_accuracy",
        "accuracy",
    )
    assert run.start.params["fc.weight"].equal(start["fc.weight"])
    names = [(s.label, s.role, s.group) for s in (run.start, run.best, run.final, run.at("epoch 2"))]
    assert names == [
        ("RI-T 2 (start)", "RI", "RI 2"),
        ("RI-T 2 (best)", "RI-T", "RI 2"),
        ("RI-T 2", "RI-T", "RI 2"),
        ("RI-T 2 (epoch 2)", "RI-T", "RI 2"),
    ]


def test_speed_and_epochs_to():
    run = made()
    assert run.lr == 0.5
    assert run.optimisation_speed() == pytest.approx((0.25 + 0.5 + 0.9) / 3)
    assert [run.epochs_to(v) for v in (0.1, 0.6, 0.61)] == [1, 2, None]
    assert run.epochs_to(0.9, "train") == 3
    assert run.epochs_to(0.1, "val") is None
    assert run.final_metric() == 0.55
    assert math.isnan(run.final_metric("val"))


def test_speed_without_evaluations_is_from_the_steps():
    bare = made(epochs={"epoch": np.array([], int)})
    assert bare.optimisation_speed() == pytest.approx((0.25 + 0.75) / 2)


def test_a_multilabel_run_is_judged_by_auc():
    run = made(epochs={"epoch": np.array([1]), "test_auc": np.array([0.8]), "test_accuracy": np.array([0.9])})
    assert (run.metric, run.final_metric()) == ("auc", 0.8)


def test_a_diverged_run_stays_in_the_tables_without_numbers():
    run = made(ended="diverged at step 40", snapshots={"epoch 0": {}})
    assert run.diverged
    assert math.isnan(run.final_metric())
    assert math.isnan(run.optimisation_speed())
    with pytest.raises(UsageError, match="run 'P-T 0' on clipart diverged at step 40 and has no final weights"):
        _ = run.final
    with pytest.raises(UsageError, match="run 'P-T 0' on clipart kept no 'epoch 7'; did you mean 'epoch 0'"):
        run.at("epoch 7")


def test_a_run_that_diverges_at_once_can_be_collected(small, images, drawn):
    events = fit(small, drawn(small), images, replace(RECIPE, lr=1e30), record=Record(epochs=()))
    run = collect(events, label="x", recipe=RECIPE)
    assert run.diverged
    assert len(run.steps["loss"]) == int(run.ended.rsplit(" ", 1)[1])


def test_events_that_stop_early_are_refused():
    with pytest.raises(UsageError, match="run 'x': the events stop before the end of training"):
        collect([], label="x", recipe=RECIPE)
    assert collect([Ended("finished", 0, None, "last", "float32")], label="x", recipe=RECIPE).ended == "finished"
