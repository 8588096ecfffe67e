"""The head at other layers: places, laws by depth, shares of targets and what is said of them, of made networks."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.evidence.crossfit import halves
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.numerics.frozen import draw_supports, few_shot
from transferscope.probes.readings import readings
from transferscope.questions.layers.at_depths import DEPTHS, HALF_WAY, AtDepths, at_depths, places_at
from transferscope.questions.layers.measure import LayerPoint, Layers, _task, layers, together
from transferscope.questions.protocols import GridPoint
from transferscope.records import from_tree, to_tree

from .golden import golden

PLACES = ("conv1", "conv2", "fc1", "fc2", "input of fc3")
NUMBERS = {"shots": 10, "draws": 3}


def made(target="houses", rises=0.3, high=0.2, n=24, seeds=1, images=400, seed=0, base=0.25):
    """Configurations from 10 to 80 % upstream; half way accuracy rises less, by what the higher layers give."""
    rng = np.random.default_rng(seed)
    points, seen = [], []
    hard = rng.standard_normal(images)
    for i, x in enumerate(np.linspace(0.1, 0.8, n)):
        for s in range(seeds):
            last = base + rises * (x - 0.1) / 0.7
            depths = last - high * (x > 0.4) * np.array([1.2, 1.1, 1.0, 0.3, 0.0])
            levels = np.clip(depths, 0.02, 0.98)
            right = np.stack([(hard < np.quantile(hard, level)).astype(float) for level in levels])
            seen.append(AtDepths(PLACES, right, np.repeat(right.mean(1)[:, None], 3, 1)))
            points.append(LayerPoint(f"{i} {s}", "plain", f"plain {i}", x, PLACES, tuple(right.mean(1).tolist())))
    return Layers((_task(target, points, seen, 10, 0.1, images),), **NUMBERS, upstream_images=1000, left_out=())


def test_places_lie_evenly():
    assert places_at(list("abcdefghi")) == ["a", "c", "e", "g", "i"]
    assert places_at(["a", "b", "c", "d"]) == ["a", "a", "b", "c", "d"]
    assert places_at(["only"]) == ["only"] * len(DEPTHS)


def small(labels=None, n=60, classes=3, side=12):
    rng = np.random.default_rng(1)
    y = np.arange(n) % classes if labels is None else labels
    pixels = rng.integers(0, 200, (n, side, side, 3)) + 20 * np.reshape(y if y.ndim == 1 else y[:, 0], (n, 1, 1, 1))
    ids = np.arange(n).astype(str)
    return ImageSet(pixels.clip(0, 255).astype(np.uint8), y, tuple(map(str, range(classes))), ids)


def splits():
    test = small(n=30)
    return ImageSplits(small(), small(n=0), replace(test, ids=np.array([f"t{i}" for i in range(30)])))


def test_each_depth_is_ridge_on_its_features_alone():
    """Against a fit to the features of one module, taken from all training images."""
    net = build("fixup_resnet8?width=4", 3, input=Input((12, 12), 3, (0.5,) * 3, (0.25,) * 3))
    params, images = initialise(net, 3), splits()
    found = at_depths(net, params, images, shots=5, draws=4, modules="block", seed=7, device="cpu")
    assert found.right.shape == (5, 30) and found.draws.shape == (5, 4)
    train, test = (
        {r.module: torch.from_numpy(r.features) for r in readings(net, params, part, "block", device="cpu")}
        for part in (images.train, images.test)
    )
    assert found.places[0] == next(iter(train)) and found.places[-1] == "input of fc"
    labels = torch.from_numpy(images.train.labels)
    drawn = draw_supports(images.train.labels, 3, 5, 4, 7).reshape(4, -1)
    for place, right in zip(found.places, found.right, strict=True):
        (ridge,) = few_shot(train[place], labels, test[place], [torch.from_numpy(d) for d in drawn], 3,
                            penalties=(None,))  # fmt: skip
        assert np.array_equal(right, (ridge.predicted.numpy() == images.test.labels).mean(0)), place


def test_it_is_kept_and_read_back():
    class Memory(dict):
        def load(self, key):
            return self.get(key)

        def save(self, key, arrays):
            self[key] = arrays

    net = build("lenet", 3, input=Input((12, 12), 3, (0.5,) * 3, (0.25,) * 3))
    kept, asked = Memory(), {"shots": 5, "draws": 2, "modules": "block", "seed": 0, "device": "cpu", "key": "a"}
    first = at_depths(net, initialise(net, 0), splits(), kept=kept, **asked)
    again = at_depths(net, {}, splits(), kept=kept, **asked)  # nothing is computed: there are no weights
    assert again.places == first.places and np.array_equal(again.right, first.right)


def test_shares_are_of_what_there_is_over_chance():
    (task,) = made().tasks
    better = [p for p in task.points if p.upstream >= task.start]
    reached = np.mean([p.accuracy[-1] for p in better])
    assert task.reached.value == pytest.approx(reached)
    assert task.above.value == pytest.approx(reached - np.mean([p.accuracy[HALF_WAY] for p in better]))
    assert task.above.over == "networks and images" or task.above.over == "pre-trainings"
    # By halves of the images, so only about: a rise of 0.15 and a gap of 0.2 over chance 0.1.
    assert task.rise == pytest.approx(task.laws[-1].gain / (0.55 - 0.1), abs=0.06)
    assert task.need == pytest.approx(task.above.value / (reached - 0.1), abs=0.1)
    assert task.laws[-1].gain == pytest.approx(0.15, abs=0.01) and task.laws[-1].law.r2 > 0.98
    assert [law.depth for law in task.laws] == list(DEPTHS)


def test_the_two_shares_come_from_images_of_their_own():
    """An image that all get right where the head was, and half way not, says nothing of what is left to gain."""
    points, seen, first = made().tasks[0].points, _seen(made()), halves(400, "layers")
    before = _task("", points, seen, 10, 0.1, 400)
    for image in (int(np.flatnonzero(first)[0]), int(np.flatnonzero(~first)[0])):
        lucky = [replace(of, right=of.right.copy()) for of in seen]
        for of in lucky:
            of.right[-1, image], of.right[HALF_WAY, image] = 1.0, 0.0
        task = _task("", points, lucky, 10, 0.1, 400)
        assert (task.need != before.need) == (not first[image]) and (task.rise != before.rise) == first[image]


def test_seeds_of_a_configuration_count_once():
    one, three = made().tasks[0], made(seeds=3).tasks[0]
    assert three.configurations == one.configurations == 24 and len(three.points) == 72
    assert three.above.n == one.above.n and three.above.low == pytest.approx(one.above.low)


@pytest.mark.parametrize(("joined", "verdict"), [(1, "agrees"), (-1, "disagrees")])
def test_tasks_that_saturate_early_need_no_higher_layers_or_do(joined, verdict):
    rises = np.linspace(0.02, 0.6, 14)
    shares = (0.1 + rises) if joined > 0 else (0.7 - rises)
    parts = [
        made(f"t{i}", r, s * (0.15 + 0.8 * r), seed=i) for i, (r, s) in enumerate(zip(rises, shares, strict=True))
    ]
    (found,) = [f for f in together(parts).findings() if f.claim == "003-l"]
    assert found.verdict == verdict and found.estimate.over == "targets" and found.estimate.n == 14
    (few,) = [f for f in together(parts[:11]).findings() if f.claim == "003-l"]
    assert few.verdict == "cannot tell" and "at least twelve targets" in few.why


def test_sentences():
    parts = [made(f"t{i}", rises=r, high=0.05 + 0.3 * r, seed=i) for i, r in enumerate(np.linspace(0.05, 0.6, 3))]
    golden(together([*parts, made("noise", base=0.1, rises=0.0, high=0.0)]), "layers")


def test_what_says_nothing_is_left_out_and_named():
    few = made(n=8)
    assert few.tasks[0].refused.startswith("8 configurations") and not few.known and not few.findings()
    chance = made(base=0.1, rises=0.0, high=0.0)
    assert chance.tasks[0].refused == "the better half of pre-trainings did not clearly beat chance"
    assert math.isnan(chance.association().value) and chance.frame().empty
    equal, at = made(), made().tasks[0]
    flat = _task("x", [replace(p, upstream=0.3) for p in at.points], _seen(equal), 10, 0.1, 400)
    assert flat.refused == "upstream accuracies hardly differ"
    gone = layers([_diverged()], splits(), target="houses", shots=5)
    assert (gone.left_out[0].subject, gone.left_out[0].reason) == ("a", "diverged at step 3")
    assert len(gone.left_out) == 2 and gone.findings()[0].text.startswith("2 of ")


def _seen(result):
    """Networks that are right on every image in as many draws."""
    numbers = [np.array(p.accuracy)[:, None] for p in result.tasks[0].points]
    return [AtDepths(PLACES, np.tile(of, (1, 400)), np.tile(of, (1, 3))) for of in numbers]


def _diverged():
    net = build("lenet", 3, input=Input((12, 12), 3, (0.5,) * 3, (0.25,) * 3))
    return GridPoint("a", "plain", {}, 0, net, None, math.nan, 100, 0, "diverged at step 3")


def test_what_cannot_be_asked():
    many = ImageSplits(small(np.ones((60, 3), np.uint8)), small(n=0), small(np.ones((30, 3), np.uint8), n=30))
    with pytest.raises(UsageError, match="several labels an image"):
        layers([], many)
    with pytest.raises(UsageError, match="1 shots and 5 draws; expected 2 shots or more"):
        layers([], splits(), shots=1)
    with pytest.raises(UsageError, match="same shots and draws"):
        together([made(), replace(made(), shots=5)])


def test_it_survives_the_store():
    one = together([made("a"), made("b", rises=0.5)])
    tree, arrays = to_tree(one)
    back = from_tree(Layers, tree, arrays)
    assert back.findings() == one.findings() and len(one.frame()) == 10 and len(one.points()) == 240


@pytest.mark.parametrize("what", ["depths", "targets"])
def test_figures(what):
    result = together([made(f"t{i}", rises=0.1 * i, seed=i) for i in range(1, 6)])
    fig = result.plot(what=what)
    shown = [ax for ax in fig.axes if ax.axison]
    assert len(shown) == (5 if what == "depths" else 1)
    if what == "depths":
        lines = [line for line in shown[0].lines if line.get_label().startswith("law at depth")]
        assert (
            len(lines) == 5
            and len({line.get_linestyle() for line in lines} | {str(line._dash_pattern) for line in lines}) > 4
        )
    with pytest.raises(UsageError, match="did you mean 'depths'"):
        result.plot(what="depth")
