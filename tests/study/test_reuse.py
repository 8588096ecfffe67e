"""What a study hands to questions about reuse."""

from types import SimpleNamespace

import numpy as np
import pytest

from transferscope.data.imageset import ImageSet
from transferscope.questions.block_shuffle.study import BlockShuffleQuestion
from transferscope.questions.checkpoints.study import CheckpointsQuestion
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run


def run(role, condition):
    epochs = {"epoch": np.array([1]), "test_accuracy": np.array([0.3]), "train_accuracy": np.array([0.3])}
    return Run(f"{role} 0", role, "", 0, "photo", Recipe(), {}, epochs, {}, condition=condition)


def inputs(runs):
    test = ImageSet(
        np.zeros((5, 4, 4, 3), np.uint8), np.array([0, 1, 1, 1, 2]), ("a", "b", "c"), np.array(list("vwxyz")), "photo"
    )
    splits = SimpleNamespace(test=test, train=test, val=test)
    return SimpleNamespace(
        runs=runs, splits=splits, images={"photo": splits}, counts=lambda part: {"photo": 5},
        shown=lambda name: splits, pretraining=lambda name: run("P", ""),
        targets=["photo"], outcomes=lambda run, images=None: np.array([1.0, 0.0, 0.0, 1.0, 0.0]),
        witnesses=lambda target=None: (),
    )  # fmt: skip


def test_chance_is_the_share_of_the_most_frequent_class_of_the_test_images():
    runs = [run(role, "4") for role in ("P-T", "RI-T")]
    got = BlockShuffleQuestion(question="block_shuffle", blocks=(4,), pictures=0).answer(inputs(runs))
    assert got.chance == {"photo": pytest.approx(0.6)}
    got = CheckpointsQuestion(question="checkpoints").answer(inputs([run("P-T", "epoch 0"), run("P-T", "epoch 1")]))
    assert got.chance == {"photo": pytest.approx(0.6)}
