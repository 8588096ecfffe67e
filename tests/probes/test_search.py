import dataclasses

import numpy as np
import pytest
import torch

from transferscope.data.imageset import IGNORED, ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.probes import evaluate
from transferscope.probes.evaluate import Engine
from transferscope.probes.points import Points
from transferscope.probes.search import Search, scan
from transferscope.probes.sweep import Sweep
from transferscope.progress import silent
from transferscope.rng import generator, numpy_generator

from .small import resnet8


def images_for(net: Network, n: int = 40, *, multilabel: bool = False) -> ImageSet:
    r = numpy_generator("images", n)
    pixels = r.integers(0, 256, (n, *net.input.size, net.input.channels), dtype=np.uint8)
    labels = r.integers(0, 2, (n, net.classes)).astype(np.int8) if multilabel else r.integers(0, net.classes, n)
    if multilabel:
        labels[0, 0] = IGNORED
    ids, classes = np.array([f"{i}" for i in range(n)]), tuple(f"c{i}" for i in range(net.classes))
    return ImageSet(pixels, labels, classes, ids, name="test")


def ladder(net: Network, draws: int = 3) -> tuple[Points, np.ndarray]:
    """Less and less noise on the second layer: its error falls to that of the origin."""
    theta, g = net.params(), generator("ladder")
    name = net.modules("layer")[1].tensors[0]
    noise = [{name: torch.randn(theta[name].shape, generator=g)} for _ in range(draws)]
    sigmas = np.geomspace(3, 0.001, 12)
    steps = [[s * (i == j) for j in range(draws)] for s in sigmas for i in range(draws)]
    return Points.moved(theta, noise, steps), np.repeat(np.arange(len(sigmas)), draws)


@pytest.mark.parametrize("metric", ["error", "loss"])
@pytest.mark.parametrize("quantile", [0.1, 0.4, 0.8])
def test_the_first_group_within_the_bound_is_that_of_the_whole_surface(metric, quantile):
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    images = images_for(net)
    points, groups = ladder(net)
    engine = Engine(net, {"test": images}, metrics=["loss", "error"], precision="float64", device="cpu", batch=8)
    means = engine.run(points)["test"].values[metric].reshape(-1, 3).mean(1)
    bound = float(np.quantile(means, quantile))
    found = engine.first_within(points, groups, bound, metric=metric)
    wanted = int(np.argmax(means <= bound + 1e-12))
    assert found.group == wanted
    assert found.value == pytest.approx(means[wanted], rel=1e-9)
    assert found.looked <= found.all


@pytest.mark.parametrize("screen", [False, True])
def test_a_loss_of_several_labels_an_image_is_searched(screen):
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    images = images_for(net, multilabel=True)
    points, groups = ladder(net)
    engine = Engine(net, {"test": images}, metrics=["loss"], device="cpu", batch=8, screen=screen)
    means = engine.run(points)["test"].values["loss"].reshape(-1, 3).mean(1)
    bound = float(means[-1]) * 1.001
    found = engine.first_within(points, groups, bound, metric="loss")
    assert found.group == int(np.argmax(means <= bound))
    assert found.value == pytest.approx(means[found.group], rel=1e-6)


def test_most_groups_are_left_early():
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    points, groups = ladder(net)
    engine = Engine(net, {"test": images_for(net)}, metrics=["loss"], precision="float64", device="cpu", batch=4)
    found = engine.first_within(points, groups, -1.0, metric="loss")
    assert (found.group, found.looked) == (None, len(points))  # the first batch is a quarter of four images
    assert np.isnan(found.value)


def test_a_loss_that_is_not_a_number_is_not_within():
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    theta = net.params()
    name = net.head_tensors()[0]
    points = Points.moved(theta, [{name: torch.full_like(theta[name], torch.inf)}], [[1.0], [0.0]])
    engine = Engine(net, {"test": images_for(net)}, metrics=["loss"], device="cpu")
    assert engine.first_within(points, np.array([0, 1]), 100.0, metric="loss").group == 1


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("mlp:20-10", "error"),
        ("mlp:20-10", "loss"),
        ("resnet20", "error"),
        pytest.param("resnet20", "loss", marks=pytest.mark.slow),
    ],
)
def test_screening_in_bfloat16_finds_the_same_group_and_the_same_value(metric, name):
    side = 6 if name.startswith("mlp") else 8
    net = build(name, 4, input=Input((side, side), 3, (0.1,) * 3, (0.3,) * 3))
    points, groups = ladder(net)
    images = images_for(net, 60)
    at_rest = net.fresh(net.params())(net.input.prepare(torch.from_numpy(images.images)))
    images = dataclasses.replace(images, labels=at_rest.argmax(1).numpy())  # so that noise does harm

    def search(bound: float, screen: bool) -> Search:
        engine = Engine(net, {"test": images}, device="cpu", batch=8, norm="interpolated", screen=screen)
        return engine.first_within(points, groups, bound, metric=metric)

    surface = Engine(net, {"test": images}, metrics=[metric], device="cpu", norm="interpolated").run(points)
    means = surface["test"].values[metric].reshape(-1, 3).mean(1)
    exact, screened = (search(float(means[-1]) * 1.001, screen) for screen in (False, True))
    assert screened.group == exact.group
    assert screened.value == pytest.approx(exact.value, rel=1e-6)
    assert exact.screened == 0
    beyond = means > means[-1] * 1.001 + 2 * (0.02 + 0.05 * means)
    assert screened.screened >= beyond[: exact.group].sum() > 0


def test_a_screen_that_is_off_is_not_believed():
    """It calls the first group bad, which is within the bound, and is found out at the second."""
    labels = torch.zeros(10, dtype=torch.int64)

    def right(number: int, chosen: range) -> torch.Tensor:
        return torch.tensor([5.0, 0.0]).expand(len(chosen), 10, 2)

    def wrong(number: int, chosen: range) -> torch.Tensor:
        bad = torch.tensor([0.0, 5.0]) if chosen[0] == 0 else torch.tensor([1.0, 0.0])
        return bad.expand(len(chosen), 10, 2)

    groups = [range(0, 1), range(1, 2)]
    found = scan(groups, [slice(0, 10)], labels, right, "loss", 0.3, silent, wrong)
    assert (found.group, found.screened) == (0, 0)
    assert found.value == pytest.approx(np.log1p(np.exp(-5)), rel=1e-6)
    assert found.looked == 10 * (1 + 2 + 1)  # the first screened, the second in both ways, the first again


@pytest.mark.parametrize("fails", ["live", "logits"])
def test_out_of_memory_in_a_search_takes_fewer_images(monkeypatch, fails):
    net = resnet8(4, Input((8, 8)))
    points, groups = ladder(net)
    images = images_for(net, 60)
    engines = [Engine(net, {"test": images}, device="cpu", batch=16, norm="interpolated") for _ in range(2)]
    surface = engines[0].run(points)["test"].values["loss"].reshape(-1, 3).mean(1)
    bound = float(np.sort(surface)[1])
    wanted = engines[0].first_within(points, groups, bound, metric="loss")
    before, most = getattr(Sweep, fails), [8]

    def full(self, given, *rest):
        if (len(given) if fails == "live" else given.batch) > most[0]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return before(self, given, *rest)

    monkeypatch.setattr(Sweep, fails, full)
    found = engines[1].first_within(points, groups, bound, metric="loss")
    assert (found.group, found.value) == (wanted.group, pytest.approx(wanted.value, rel=1e-6))
    assert engines[1].how.batch == 8
    most[0] = 0
    with pytest.raises(ModelError, match="one image does not fit into the memory of cpu"):
        engines[1].first_within(points, groups, bound, metric="loss")


def test_a_set_that_is_not_kept_is_searched_batch_by_batch(monkeypatch):
    net = resnet8(4, Input((8, 8)))
    points, groups = ladder(net)
    images, found = images_for(net, 60), []
    for share in (1 / 8, 0):
        monkeypatch.setattr(evaluate, "_PREPARED_SHARE", share)
        engine = Engine(net, {"test": images}, device="cpu", batch=16, norm="interpolated")
        found.append(engine.first_within(points, groups, 2.0, metric="loss"))
    assert found[0] == found[1]


def test_what_cannot_be_searched():
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    points, groups = ladder(net)
    engine = Engine(net, {"test": images_for(net, multilabel=True)}, device="cpu")
    with pytest.raises(UsageError, match="a search by 'error' cannot stop early; use the loss"):
        engine.first_within(points, groups, 0.1)
    with pytest.raises(UsageError, match="35 group numbers for 36 points"):
        engine.first_within(points, groups[1:], 0.1, metric="loss")
    with pytest.raises(UsageError, match="must follow one another"):
        engine.first_within(points, np.arange(36) % 2, 0.1, metric="loss")
    with pytest.raises(UsageError, match="no image set 'tset'; did you mean 'test'"):
        engine.first_within(points, groups, 0.1, metric="loss", images="tset")
