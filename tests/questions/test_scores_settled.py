"""The best candidates settled by short trainings: who goes on, and which images decide."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import DataError, UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.footprint import footprint
from transferscope.probes.outcomes import outcomes
from transferscope.questions.scores.findings import settled as said
from transferscope.questions.scores.measure import Candidate, Scores, scores
from transferscope.questions.scores.settled import Settled, Tunable, settle
from transferscope.train.events import Record
from transferscope.train.fit import fit
from transferscope.train.recipe import Recipe
from transferscope.train.run import collect
from transferscope.train.starts import pretrained

WANTED = Input((8, 8), 1, (0.5,), (0.25,))
NET = build("mlp:16", 3, input=WANTED)


def pictures(n, part):
    draw = np.random.default_rng([n, len(part)])
    kinds = np.arange(n) % 3
    level = np.array([70, 128, 190])[kinds][:, None, None, None]
    pixels = np.clip(level + draw.normal(0, 40, (n, 8, 8, 1)), 0, 255).astype(np.uint8)
    return ImageSet(pixels, kinds, tuple("abc"), np.array([f"{part} {i}" for i in range(n)]), f"pictures {part}")


IMAGES = ImageSplits(pictures(48, "train"), pictures(60, "val"), pictures(90, "test"))


def tunable(seed, dead=False):
    params = initialise(NET, seed)
    if dead:
        params = {name: torch.zeros_like(value) for name, value in params.items()}
    return Tunable(f"net {seed}", NET, params, IMAGES)


@pytest.fixture(scope="module")
def found() -> Settled:
    return settle([tunable(0, dead=True), *(tunable(i) for i in range(1, 5))], lr=0.5, batch=8)


def test_the_better_half_goes_on_with_twice_the_epochs(found):
    rounds = {r: [t for t in found.trainings if t.round == r] for r in range(3)}
    assert [len(of) for of in rounds.values()] == [5, 3, 2]
    assert [of[0].epochs for of in rounds.values()] == [1, 2, 4]
    for now, then in ((0, 1), (1, 2)):
        best = sorted(rounds[now], key=lambda t: -t.validation)[: len(rounds[then])]
        assert {t.label for t in rounds[then]} == {t.label for t in best}
    assert "net 0" not in {t.label for t in rounds[1]}, "what cannot learn goes first"
    last = {t.label: t.validation for t in rounds[2]}
    assert found.chosen == max(last, key=last.get) and set(found.others) == set(last) - {found.chosen}


def test_test_images_decide_nothing_and_are_those_of_the_last_round(found):
    turned = ImageSplits(IMAGES.train, IMAGES.val, IMAGES.test.subset(np.arange(9)))
    given = [tunable(0, dead=True), *(tunable(i) for i in range(1, 5))]
    again = settle([Tunable(t.label, NET, t.params, turned) for t in given], lr=0.5, batch=8)
    assert again.trainings == found.trainings and again.chosen == found.chosen and again.n == 9
    seed = int(found.chosen.split()[1])
    recipe = Recipe(epochs=4, lr=0.5, batch=8, schedule="cosine")
    events = fit(NET, pretrained(NET, initialise(NET, seed), 0), IMAGES, recipe, record=Record(epochs=()))
    run = collect(events, label="alone", recipe=recipe)
    np.testing.assert_array_equal(found.right[0], outcomes(NET, run.final.params, IMAGES.test, device="cpu"))
    gap = found.gap()
    assert (
        gap.over == "images"
        and gap.n == 90
        and gap.value == pytest.approx(found.right[0].mean() - found.right[1].mean())
    )


def test_one_or_two_are_trained_once():
    assert len(settle([tunable(1)]).trainings) == 1 and settle([tunable(1)]).others == ()
    assert len(settle([tunable(1), tunable(2)]).trainings) == 2


def test_it_is_said_and_stored(found, tmp_path):
    result = scores(
        [Candidate("net 1", NET, initialise(NET, 1), IMAGES.train)], draws=0, permutations=0, device="cpu"
    )
    assert said(result) == []
    whole = replace(result, settled=found)
    (finding,) = said(whole)
    assert f"take {found.chosen}: " in finding.text and "10 trainings, 90 test images" in finding.text
    assert not finding.estimate.general and finding.claim is None
    whole.save(tmp_path)
    assert Scores.load(tmp_path).findings()[1].text == whole.findings()[1].text


def test_what_cannot_be():
    with pytest.raises(UsageError, match="no candidates to fine-tune"):
        settle([])
    bare = ImageSplits(IMAGES.train, IMAGES.val.subset([]), IMAGES.test)
    with pytest.raises(DataError, match="no validation images"):
        settle([Tunable("a", NET, initialise(NET, 0), bare)])
    with pytest.raises(UsageError, match=r"all trainings of the last round diverged"):
        settle([tunable(1)], lr=1e30)


def test_memory_is_the_weights_and_the_largest_step():
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3))
    net = wrap(module, name="small", classes=3, input=WANTED)
    weights, steps = 4 * 9 + 4 + 256 * 3 + 3, (64 + 256, 256 + 256, 256 + 256, 256 + 3)
    assert footprint(net, net.params()) == 4 * (weights + max(steps))
