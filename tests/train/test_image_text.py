"""Pre-training on captions: what it trains, what it leaves alone, and that a stopped run goes on bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from transferscope.data.augmentation import Augmentation
from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.train.events import Ended, Epoch, Record, Saved, Snapshot, Steps
from transferscope.train.image_text import fit_clip
from transferscope.train.recipe import Recipe
from transferscope.train.state import FitState
from transferscope.train.text_tower import TextTower

NET = build("mlp:24", 3, input=Input((12, 12)))
RECIPE = Recipe(
    epochs=3,
    batch=16,
    lr=0.1,
    schedule="constant",
    precision="float32",
    augmentation=Augmentation("none", flip=False),
)


def part(n, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    pixels = rng.integers(0, 60, (n, 12, 12, 3))
    pixels[labels == 1, ::2] += 150
    pixels[labels == 2, :, ::2] += 150
    bright = np.arange(n) % 2  # something that captions tell and labels do not
    pixels[bright == 1, :6, :6] += 40
    said = [
        f"{('nothing', 'rows', 'columns')[k]} {('dark', 'bright')[b]}" for k, b in zip(labels, bright, strict=True)
    ]
    ids = np.array([f"{seed} {i}" for i in range(n)])
    return ImageSet(pixels.astype(np.uint8), labels, ("a", "b", "c"), ids, captions=np.array(said))


IMAGES = ImageSplits(part(48, 0), part(0, 1), part(24, 2), "made", ())


def run(recipe=RECIPE, net=NET, images=IMAGES, **more):
    return list(fit_clip(net, initialise(net, 0), images, recipe, seed=1, width=16, depth=1, embedding=8, **more))


def final(events):
    return next(e.params for e in events if isinstance(e, Snapshot) and e.tag == "final")


def test_it_learns_and_the_probe_says_how_good_the_features_are():
    events = run(Recipe(**{**vars(RECIPE), "epochs": 40, "lr": 0.8}), record=Record(evaluate_every=40))
    steps = np.concatenate([e.loss for e in events if isinstance(e, Steps)])
    # Six captions, 16 images a batch: the least loss is about log(16/6) ≈ 1; chance is log 16 ≈ 2.8.
    assert steps[:3].mean() > 2.5 and steps[-6:].mean() < 1.9
    last = [e.metrics for e in events if isinstance(e, Epoch)][-1]
    assert last["test_accuracy"] > 0.5
    assert isinstance(events[-1], Ended) and events[-1].reason == "finished"


def test_captions_move_the_body_and_labels_the_final_layer_alone():
    train, head = IMAGES.train, set(NET.head_tensors())
    relabelled = replace(IMAGES, train=replace(train, labels=(train.labels + 1) % 3))
    a, b = final(run()), final(run(images=relabelled))
    assert all(torch.equal(a[k], b[k]) for k in a if k not in head)
    assert not torch.equal(a[f"{NET.head}.weight"], b[f"{NET.head}.weight"])
    assert a.keys() == NET.params().keys(), "the towers are no part of the network"
    recaptioned = replace(IMAGES, train=replace(train, captions=train.captions[::-1]))
    c = final(run(images=recaptioned))
    assert not all(torch.equal(a[k], c[k]) for k in a if k not in head)


def test_a_stopped_run_goes_on_to_the_same_bits():
    whole = run()
    saved = next(e.state for e in whole if isinstance(e, Saved))
    state = FitState.of(saved.tensors(), saved.numbers())
    assert "towers/log_scale" in state.params and 0 < state.step < 9
    a, b = final(whole), final(run(state=state))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_caption_reads_the_same_whatever_follows_its_end():
    tower = TextTower(7, length=6, width=8, depth=2, out=4)
    words = torch.tensor([[2, 3, 4, 0, 0, 0], [2, 3, 4, 5, 6, 2]])
    assert torch.allclose(tower(words)[0], tower(words[:1, :3])[0], atol=1e-6)
    assert not torch.allclose(tower(words)[0], tower(words[:1].flip(1)[:, 3:])[0], atol=1e-4), "order is read"
    assert bool(tower(torch.zeros(1, 6, dtype=torch.long)).isfinite().all())


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        ({"augmentation": Augmentation(mixup=0.2)}, {}, "mixup: .* no caption; set it to 0 for clip"),
        ({"frozen": "body"}, {}, "frozen: .* that clip trains"),
        ({"batch": 1}, {}, "batch: 1 image has no other"),
    ],
)
def test_what_cannot_be(change, more, message):
    with pytest.raises(UsageError, match=message):
        run(Recipe(**{**vars(RECIPE), **change}), **more)


def test_widths_that_heads_cannot_share():
    with pytest.raises(UsageError, match="width 6 and depth 1; expected a multiple of 4"):
        fit_clip(NET, initialise(NET, 0), IMAGES, RECIPE, width=6, depth=1)
