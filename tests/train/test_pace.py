"""Images that come into play one after the other: as many steps, and only those that are in play."""

import numpy as np
import pytest

from transferscope.data.augmentation import Augmentation
from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.train.events import Snapshot, Steps
from transferscope.train.fit import fit
from transferscope.train.pace import Pace
from transferscope.train.recipe import Recipe

NET = build("mlp:4", 2, input=Input((8, 8)))
RECIPE = Recipe(epochs=4, batch=8, lr=0.1, schedule="constant", precision="float32", augmentation=Augmentation.off())


def part(n, seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (n, 8, 8, 3)).astype(np.uint8)
    return ImageSet(pixels, np.arange(n) % 2, ("a", "b"), np.arange(n).astype(str))


IMAGES = ImageSplits(part(40, 0), part(0, 1), part(8, 2), "made", ())


def final(pace):
    events = list(fit(NET, initialise(NET, 0), IMAGES, RECIPE, seed=1, pace=pace))
    steps = sum(len(e.step) for e in events if isinstance(e, Steps))
    return steps, next(e.params for e in events if isinstance(e, Snapshot) and e.tag == "final")


@pytest.mark.parametrize("form", ["linear", "step"])
def test_batches_are_of_what_is_in_play(form):
    first = np.random.default_rng(3).permutation(40)
    pace = Pace(first, form, start=0.3, full=0.5, epochs=4)
    for epoch in range(4):
        order = pace.order(7, epoch, 5)
        assert len(order) == 40 and np.array_equal(order, pace.order(7, epoch, 5))
        for step, batch in enumerate(np.split(order, 5)):
            done = (epoch + step / 5) / 4
            share = 0.3 + 0.7 * (done / 0.5 if form == "linear" else 0) if done < 0.5 else 1.0
            assert set(batch) <= set(first[: max(8, round(40 * share))]) and len(set(batch)) == 8
        if epoch >= 2:
            assert sorted(order) == list(range(40))


def test_a_paced_training_has_as_many_steps_and_another_end():
    easy_first = Pace(np.arange(40), "linear", 0.2, 0.8, epochs=4)
    hard_first = Pace(np.arange(40)[::-1], "linear", 0.2, 0.8, epochs=4)
    (plain, a), (paced, b), (turned, c) = final(None), final(easy_first), final(hard_first)
    assert plain == paced == turned == 20
    name = f"{NET.head}.weight"
    assert not (a[name] == b[name]).all() and not (b[name] == c[name]).all()
