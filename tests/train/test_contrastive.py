"""Pre-training without labels: what it trains, what it leaves alone, and that a stopped run goes on bit for bit."""

import numpy as np
import pytest
import torch

from transferscope.data.augmentation import Augmentation
from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.train.contrastive import fit_simclr
from transferscope.train.events import Ended, Epoch, Saved, Snapshot, Steps
from transferscope.train.recipe import Recipe
from transferscope.train.state import FitState

NET = build("fixup_resnet8?width=4", 3, input=Input((12, 12)))
RECIPE = Recipe(
    epochs=3, batch=16, lr=0.1, schedule="constant", precision="float32", augmentation=Augmentation(scale=(0.3, 1.0))
)


def part(n, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.integers(0, 60, (n, 12, 12, 3))
    pixels[labels == 1, ::2] += 150  # stripes, which boxes and flips leave as they are
    pixels[labels == 2, :, ::2] += 150
    return ImageSet(pixels.astype(np.uint8), labels, ("a", "b", "c"), np.array([f"{seed} {i}" for i in range(n)]))


IMAGES = ImageSplits(part(48, 0), part(0, 1), part(24, 2), "made", ())


def run(recipe=RECIPE, net=NET, **more):
    return list(fit_simclr(net, initialise(net, 0), IMAGES, recipe, seed=1, **more))


def final(events):
    return next(e.params for e in events if isinstance(e, Snapshot) and e.tag == "final")


def test_it_learns_and_says_how_good_the_features_are():
    events = run(Recipe(**{**vars(RECIPE), "epochs": 30, "lr": 0.8}), jitter=0.0)
    steps = np.concatenate([e.loss for e in events if isinstance(e, Steps)])
    assert steps[-6:].mean() < steps[:6].mean() < np.log(31) + 0.5  # log of all other views at the start
    last = [e.metrics for e in events if isinstance(e, Epoch)][-1]
    assert {"test_loss", "test_accuracy"} <= last.keys() and last["test_accuracy"] > 0.5
    assert isinstance(events[-1], Ended) and events[-1].reason == "finished"


def test_labels_move_the_final_layer_alone():
    wrong = ImageSet(IMAGES.train.images, (IMAGES.train.labels + 1) % 3, IMAGES.train.classes, IMAGES.train.ids)
    other = list(
        fit_simclr(NET, initialise(NET, 0), ImageSplits(wrong, IMAGES.val, IMAGES.test, "made", ()), RECIPE, seed=1)
    )
    a, b = final(run()), final(other)
    head = set(NET.head_tensors())
    assert all(torch.equal(a[k], b[k]) for k in a if k not in head)
    assert not torch.equal(a[f"{NET.head}.weight"], b[f"{NET.head}.weight"])
    assert a.keys() == NET.params().keys(), "the two layers are no part of the network"


def test_a_stopped_run_goes_on_to_the_same_bits():
    whole = run()
    saved = next(e.state for e in whole if isinstance(e, Saved))
    state = FitState.of(saved.tensors(), saved.numbers())
    assert any(k.startswith("projector/") for k in state.params) and 0 < state.step < 9
    rest = run(state=state)
    a, b = final(whole), final(rest)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_both_views_are_in_one_pass():
    seen = []
    net = build("resnet20?width=2", 3, input=Input((12, 12)))
    handle = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda m, args: seen.append(len(args[0])) if isinstance(m, torch.nn.BatchNorm2d) and m.training else None
    )
    try:
        run(Recipe(**{**vars(RECIPE), "epochs": 1}), net)
    finally:
        handle.remove()
    assert set(seen) == {32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_smoothing": 0.1}, "label_smoothing: there are no labels to smooth"),
        ({"augmentation": Augmentation(mixup=0.2)}, "mixup: a mixed image has no other view"),
        ({"frozen": "body"}, "frozen: with a frozen body nothing is left"),
        ({"batch": 1}, "batch: 1 image has no other"),
    ],
)
def test_what_cannot_be(change, message):
    with pytest.raises(UsageError, match=message):
        run(Recipe(**{**vars(RECIPE), **change}))
