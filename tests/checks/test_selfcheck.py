"""Sound networks pass every check, and each planted fault is found by the check that is about it."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.checks.listed import CHECKS, Check, CheckFailedError
from transferscope.checks.run import SelfCheck, selfcheck, selfchecks
from transferscope.data.imageset import ImageSplits
from transferscope.errors import UsageError
from transferscope.models.build import build, wrap
from transferscope.models.network import Input
from transferscope.rng import numpy_generator

from .made import CLASSES, PIXELS, Alive, Base, Batchy, Counting, Sound, TiedBehind, asked, splits, trained


@cache
def given() -> ImageSplits:
    return splits()


@cache
def sound() -> nn.Module:
    torch.manual_seed(0)
    return trained(Sound(), given())


def failures(found: SelfCheck) -> dict[str, str]:
    return {check.check_name: check.reason for check in found.failed}


def test_a_sound_module_passes_every_check() -> None:
    before = {k: v.clone() for k, v in sound().state_dict().items()}
    state = torch.get_rng_state()
    found = selfcheck(sound(), None, given(), **asked(name="sound"))
    assert [(c.check_name, c.status) for c in found] == [(f.__name__, "passed") for f in CHECKS], found.text()
    assert all(torch.equal(v, before[k]) for k, v in sound().state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert found.text().splitlines()[-1] == f"sound: {len(CHECKS)} passed, 0 failed, 0 skipped"
    assert list(found.frame()["status"]) == ["passed"] * len(found) and found.ok


@pytest.mark.parametrize("name", ["lenet", "mlp:16", "fixup_resnet8"])
def test_networks_of_ours_pass(name: str) -> None:
    net = build(name, 3, input=Input((16, 16)))
    found = selfcheck(net)
    assert found.ok, found.text()
    skipped = {c.check_name: c.reason for c in found if c.status == "skipped"}
    assert skipped["labels"] == "no trained weights were given"
    assert set(skipped) <= {"labels", "normalisation", "recalibrated", "label_range", "pixels", "spectrum"}


@pytest.mark.parametrize(
    ("make", "check", "said"),
    [
        (Alive, "repeatable", r"first seen at 'fc' .*dropout"),
        (Counting, "forward_leaves_state", r"a pass in eval mode changes seen"),
        (TiedBehind, "tied", r"first\.weight, second\.weight lie in one memory and are several parameters"),
        (Batchy, "batches", r"in batches of 1 differs .*first seen at 'fc'"),
    ],
)
def test_a_planted_fault_is_found(make: Callable[[], nn.Module], check: str, said: str) -> None:
    torch.manual_seed(1)
    found = selfcheck(make(), None, given(), **asked(trained=False))
    wrong = failures(found)
    assert set(wrong) == {check}, found.text()
    with pytest.raises(CheckFailedError, match=said):
        Check(selfchecks(make(), **asked())[0].subject, next(f for f in CHECKS if f.__name__ == check))()
    assert len(found) == len(CHECKS)  # all are run, whatever is found


def test_another_normalisation_than_in_training_is_found() -> None:
    usual = Input((8, 8))
    found = selfcheck(sound(), None, given(), **asked(input=usual))
    wrong = failures(found)
    assert "normalised otherwise, 0 … 255, none" in wrong["normalisation"], found.text()
    assert "with statistics of the training images" in wrong["recalibrated"]
    assert set(wrong) <= {"normalisation", "recalibrated", "labels"}


def test_channels_the_other_way_round_are_found() -> None:
    turned = ImageSplits(
        given().train,
        given().val,
        replace(given().test, images=np.ascontiguousarray(given().test.images[..., ::-1])),
    )
    assert "blue, green, red" in failures(selfcheck(sound(), None, turned, **asked()))["normalisation"]


def test_labels_in_another_order_are_found() -> None:
    order = np.array([1, 0, 2, 3])
    test = given().test
    shuffled = replace(test, labels=order[test.labels])
    found = selfcheck(sound(), None, replace(given(), test=shuffled), **asked())
    wrong = failures(found)
    assert set(wrong) == {"labels"}, found.text()
    assert "with the classes exchanged the accuracy is" in wrong["labels"]
    assert "'north' to the output of 'east', 'east' to the output of 'north'" in wrong["labels"]


def test_weights_that_have_not_learned_are_found() -> None:
    blind = Base()
    nn.init.zeros_(blind.fc.weight)
    found = selfcheck(blind, None, given(), **asked(), only=["labels", "normalisation"])
    assert "the commonest class: other weights, other classes, or another normal" in failures(found)["labels"]


def test_images_that_the_network_never_learned_are_asked_about_first() -> None:
    test = given().test
    drawn = numpy_generator("other images", 0)
    moved = np.where(drawn.random(len(test)) < 0.9, drawn.integers(1, 4, len(test)), 1)  # any class but the true one
    labels = (test.labels + moved) % 4
    found = selfcheck(sound(), None, replace(given(), test=replace(test, labels=labels)), **asked(), only=["labels"])
    assert "even so it is mostly wrong: did it learn other images" in failures(found)["labels"]


def test_labels_and_pixels_out_of_range_are_found() -> None:
    fewer = selfcheck(sound(), None, given(), **asked(classes=CLASSES), only=["label_range"])
    assert fewer.ok
    three = selfcheck(wrap(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), name="three", classes=3, input=PIXELS),
                      None, given(), only=["label_range", "labels"])  # fmt: skip
    assert failures(three) == {"label_range": "the images have 4 classes and the network 3 outputs"}
    dark = replace(given().test, images=(given().test.images > 100).astype(np.uint8))
    assert "all pixels are 0 … 1" in failures(selfcheck(sound(), None, dark, **asked(), only=["pixels"]))["pixels"]
    scaled = Input((8, 8), 3, (124.0,) * 3, (58.0,) * 3)
    assert "on the scale of 0 … 255" in failures(
        selfcheck(sound(), None, given(), **asked(input=scaled), only=["pixels"])
    )["pixels"]  # fmt: skip


def test_a_part_that_stays_in_training_mode_is_found() -> None:
    class Stubborn(nn.Dropout):
        def train(self, mode: bool = True) -> nn.Dropout:
            return super().train(True)

    module = nn.Sequential(nn.Flatten(), Stubborn(0.5), nn.Linear(192, CLASSES))
    wrong = failures(selfcheck(module, **asked()))
    assert (
        wrong["eval_mode"].startswith("stays in training mode after eval(): 1 (Stubborn)") and "repeatable" in wrong
    )


def test_a_module_that_breaks_down_is_told_and_all_are_run() -> None:
    class Broken(Base):
        def features(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) == 1:
                raise ValueError("one is too few")
            return super().features(x)

    found = selfcheck(Broken(), **asked())
    wrong = failures(found)
    assert wrong["batches"] == "broke down: ValueError: one is too few" and len(found) == len(CHECKS)
    skipped = {c.check_name: c.reason for c in found if c.status == "skipped"}
    assert "no network can be made of it" in skipped["ends"]


def test_as_parameters_of_tests_and_with_what_to_do_on_failure(tmp_path: Path) -> None:
    checks = selfchecks(sound(), **asked(), only=["repeatable", "labels"])
    assert [str(check) for check in checks] == ["repeatable", "labels"] and all(check.about for check in checks)
    checks[0]()
    with pytest.raises(unittest.SkipTest, match="no images were given"):
        checks[1]()
    with pytest.raises(CheckFailedError, match="repeatable: passes of the same images differ"):
        selfcheck(Alive(), **asked(), only=["repeatable"], on_fail="raise")
    with pytest.warns(UserWarning, match="repeatable: "):
        selfcheck(Alive(), **asked(), only=["repeatable"], on_fail="warn")
    told: list[str] = []
    selfcheck(sound(), **asked(), only=["tied"], callback=lambda check: told.append(check.check_name))
    assert told == ["tied"]
    with pytest.raises(UsageError, match="no check 'labl'; did you mean 'labels'"):
        selfcheck(sound(), **asked(), only=["labl"])
    with pytest.raises(UsageError, match="needs input="):
        selfcheck(sound())
    torch.save(sound().state_dict(), tmp_path / "sound.pt")
    fresh = selfcheck(Base(), tmp_path / "sound.pt", given(), **asked(), only=["labels"])
    assert fresh.ok, fresh.text()
