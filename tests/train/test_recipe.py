"""The form: its rates against the closed form, its messages."""

import math

import pytest

from transferscope.data.augmentation import Augmentation
from transferscope.errors import UsageError
from transferscope.train.events import Record
from transferscope.train.recipe import Recipe


def test_defaults_are_those_of_the_paper():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch, recipe.momentum, recipe.weight_decay) == (100, 32, 0.9, 1e-4)
    assert (recipe.schedule, recipe.milestones, recipe.decay) == ("step", (30, 60, 90), 0.1)
    assert recipe == Recipe.paper("domainnet", "random")
    assert Recipe.paper("domainnet", "pretrained") == Recipe(lr=0.02)
    xray = Recipe.paper("chexpert")
    assert (xray.epochs, xray.batch, xray.schedule, xray.lr) == (400, 256, "constant", 0.1)
    assert recipe.augmentation == Augmentation(crop="resized", flip=True, mixup=0)


def test_step_schedule_falls_tenfold_at_each_milestone():
    recipe, per_epoch = Recipe(batch=64, lr=0.4), 7
    for epoch, factor in ((0, 1), (29, 1), (30, 0.1), (59, 0.1), (60, 0.01), (90, 0.001), (99, 0.001)):
        for step in (epoch * per_epoch, epoch * per_epoch + per_epoch - 1):
            assert recipe.rate(step, per_epoch) == pytest.approx(0.1 * factor, rel=1e-12)


def test_cosine_and_constant_schedules():
    cosine = Recipe(batch=256, lr=0.3, epochs=10, schedule="cosine")
    for step in range(40):
        assert cosine.rate(step, 4) == pytest.approx(0.15 * (1 + math.cos(math.pi * step / 40)), rel=1e-12)
    assert {Recipe(batch=256, lr=0.3, schedule="constant").rate(s, 4) for s in (0, 50, 399)} == {0.3}


def test_rate_scales_with_the_batch_and_warms_up_linearly():
    assert Recipe(batch=512, lr=0.1, schedule="constant").rate(0, 9) == pytest.approx(0.2)
    warm = Recipe(batch=256, lr=1.0, schedule="constant", warmup=4)
    assert [warm.rate(s, 100) for s in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_an_epoch_has_enough_steps():
    assert [Recipe(batch=32).steps_per_epoch(n) for n in (1, 32, 33, 64)] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs: 0 is wrong; expected 1 or more"),
        ({"batch": 0}, "batch: 0 is wrong"),
        ({"lr": -0.1}, "lr: -0.1 is wrong; expected a positive number; the paper uses 0.1"),
        ({"lr": float("nan")}, "lr: nan is wrong"),
        ({"momentum": 1.0}, "momentum: 1.0 is wrong"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov: True is wrong; expected False when momentum is 0"),
        ({"weight_decay": -1e-4}, "weight_decay: -0.0001 is wrong"),
        ({"scalar_lr": -1.0}, "scalar_lr: -1.0 is wrong; .* Fixup"),
        ({"head_lr": float("inf")}, "head_lr: inf is wrong"),
        ({"head_weight_decay": -1.0}, "head_weight_decay: -1.0 is wrong"),
        ({"frozen": "head"}, "frozen: 'head' is wrong; expected 'none' or 'body'"),
        ({"schedule": "linear"}, "schedule: 'linear' is wrong; expected 'constant', 'step' or 'cosine'"),
        ({"milestones": (60, 30)}, r"milestones: \(60, 30\) is wrong; expected epochs that rise"),
        ({"milestones": (0, 30)}, r"milestones: \(0, 30\) is wrong"),
        ({"decay": 0.0}, "decay: 0.0 is wrong"),
        ({"warmup": -1}, "warmup: -1 is wrong"),
        ({"precision": "float16"}, "precision: 'float16' is wrong; expected 'auto', 'float32' or 'bfloat16'"),
    ],
)
def test_wrong_settings_are_named(setting, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**setting)


def test_unknown_recipes_are_named():
    with pytest.raises(UsageError, match="task 'domainet'; did you mean 'domainnet'"):
        Recipe.paper("domainet")
    with pytest.raises(UsageError, match="start 'pretraind'; did you mean 'pretrained'"):
        Recipe.paper("chexpert", "pretraind")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": (-1,)}, r"epochs: \(-1,\) is wrong"),
        ({"steps": (0,)}, r"steps: \(0,\) is wrong; expected steps, each 1 or more; the start is epoch 0"),
        ({"evaluate_every": 0}, "evaluate_every: 0 is wrong"),
        ({"evaluate_train": "some"}, "evaluate_train: 'some' is wrong; expected 'all', 'none' or a number"),
        ({"evaluate_train": 0}, "evaluate_train: 0 is wrong"),
        ({"evaluate_test": "never"}, "evaluate_test: 'never' is wrong; expected 'every' or 'last'"),
        ({"save_epochs": 0}, "save_epochs: 0 is wrong"),
        ({"save_steps": -5}, "save_steps: -5 is wrong"),
    ],
)
def test_wrong_records_are_named(setting, message):
    with pytest.raises(UsageError, match=message):
        Record(**setting)
