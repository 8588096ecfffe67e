import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import IGNORED, ImageSet, ImageSplits
from transferscope.errors import ModelError, UsageError
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.models.objective import sums
from transferscope.numerics.auc import macro_auroc
from transferscope.probes import evaluate as module_under_test
from transferscope.probes.evaluate import Engine, evaluate
from transferscope.probes.points import Points
from transferscope.rng import generator, numpy_generator

from .small import named

LAMBDAS = np.linspace(-0.5, 1.5, 5)


def drawn(net: Network, seed: int) -> dict[str, torch.Tensor]:
    g = generator("weights", seed)
    out = {}
    for name, value in net.params().items():
        if not value.is_floating_point():
            out[name] = torch.tensor(seed)
        elif "running_var" in name:
            out[name] = torch.rand(value.shape, generator=g) + 0.5
        else:
            out[name] = value + 0.1 * torch.randn(value.shape, generator=g)
    return out


def images_for(net: Network, n: int = 23, multilabel: bool = False) -> ImageSet:
    r = numpy_generator("images", n)
    k = net.classes
    labels = r.integers(0, 2, (n, k)).astype(np.int8) if multilabel else r.integers(0, k, n)
    if multilabel:
        labels[r.random(labels.shape) < 0.2] = IGNORED
    ids, classes = np.array([f"{i}" for i in range(n)]), tuple(f"c{i}" for i in range(k))
    return ImageSet(
        r.integers(0, 256, (n, *net.input.size, net.input.channels), dtype=np.uint8),
        labels,
        classes,
        ids,
        name="test",
    )


def plain_loop(net: Network, a, b, lambdas, images: ImageSet, dtype) -> dict[str, list[float]]:
    """Load a state dict, run the module on everything at once: slow and true."""
    x = net.input.prepare(torch.from_numpy(images.images)).contiguous().to(dtype)
    labels = torch.from_numpy(images.labels)
    labels = labels.float() if images.multilabel else labels
    out: dict[str, list[float]] = {"loss": [], "accuracy": [], "error": [], "auc": []}
    for t in lambdas:
        state = {k: ((1 - t) * v.double() + t * b[k].double()) if v.is_floating_point() else v for k, v in a.items()}
        module = net.fresh().to(dtype)
        module.load_state_dict(state)
        with torch.no_grad():
            logits = module(x)
        s = sums(logits, labels)
        out["loss"].append(s.mean_loss())
        out["accuracy"].append(s.accuracy())
        out["error"].append(1 - s.accuracy())
        out["auc"].append(macro_auroc(logits, labels).macro if images.multilabel else math.nan)
    return out


NETS = [
    ("fixup_resnet8", Input((16, 16))),
    ("resnet8", Input((16, 16))),
    ("lenet", None),
    ("mlp:20-10", Input((6, 6), 1, (0.1,), (0.3,))),
]


@pytest.mark.parametrize(("name", "wanted"), NETS, ids=[n for n, _ in NETS])
@pytest.mark.parametrize("multilabel", [False, True])
def test_equals_the_plain_loop(name, wanted, multilabel):
    net = named(name, 4, wanted)
    a, b, images = drawn(net, 1), drawn(net, 2), images_for(net, multilabel=multilabel)
    metrics = ("loss", "error", "accuracy", *(("auc",) if multilabel else ()))
    for precision, dtype, tolerance in (("float64", torch.float64, 1e-9), ("float32", torch.float32, 1e-4)):
        right = plain_loop(net, a, b, LAMBDAS, images, dtype)
        found = evaluate(
            net, Points.line(a, b, LAMBDAS), images,
            metrics=metrics, per_example=True, precision=precision, norm="interpolated", batch=5, device="cpu",
        )  # fmt: skip
        for metric in metrics:
            assert found.values[metric] == pytest.approx(right[metric], rel=tolerance), metric
            assert found.examples[metric].mean(1) == pytest.approx(found.values[metric], rel=1e-6, abs=1e-6)
        assert found.how.plan == "whole network" and found.how.precision == precision and found.how.batch == 5
    assert found.n == 23


@pytest.fixture
def net() -> Network:
    return Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), "small", 3, Input((2, 2)))


def test_the_template_and_the_given_weights_are_left_alone(net):
    a, b = drawn(net, 1), drawn(net, 2)
    before = [{k: v.clone() for k, v in w.items()} for w in (a, b, net.params())]
    evaluate(net, Points.line(a, b, LAMBDAS), images_for(net), device="cpu")
    assert all(torch.equal(x[k], y[k]) for x, y in zip(before, (a, b, net.params()), strict=True) for k in x)


def test_batch_and_memory_change_no_number(net, monkeypatch):
    a, b, images = drawn(net, 1), drawn(net, 2), images_for(net)
    line = Points.line(a, b, LAMBDAS)
    right = evaluate(net, line, images, precision="float64", device="cpu")
    monkeypatch.setattr(module_under_test, "_PREPARED_SHARE", 0)
    again = evaluate(net, line, images, precision="float64", batch=7, device="cpu")
    assert again.values["loss"] == pytest.approx(right.values["loss"], rel=1e-12)


def test_images_in_a_file(net, tmp_path):
    images = images_for(net)
    np.save(tmp_path / "x.npy", images.images)
    mapped = ImageSet(
        np.load(tmp_path / "x.npy", mmap_mode="r"), images.labels, images.classes, images.ids, name="test"
    )
    line = Points.line(drawn(net, 1), drawn(net, 2), LAMBDAS)
    found, right = (evaluate(net, line, s, device="cpu", batch=8).values["loss"] for s in (mapped, images))
    assert np.array_equal(found, right)


def test_several_sets_at_once(net):
    sets = {"one": images_for(net, 10), "two": images_for(net, 11)}
    line = Points.line(drawn(net, 1), drawn(net, 2), LAMBDAS)
    told = []
    found = Engine(net, sets, device="cpu").run(line, lambda *x: told.append(x))
    assert told == [(i + 1, 5, "points") for i in range(5)]
    for name, images in sets.items():
        assert np.array_equal(found[name].values["loss"], evaluate(net, line, images, device="cpu").values["loss"])
        assert found[name].examples == {}


def test_bfloat16_is_near_and_says_so(net):
    line, images = Points.line(drawn(net, 1), drawn(net, 2), LAMBDAS), images_for(net)
    exact = evaluate(net, line, images, device="cpu")
    found = evaluate(net, line, images, precision="bfloat16", device="cpu")
    assert found.how.precision == "bfloat16"
    assert found.values["loss"] == pytest.approx(exact.values["loss"], rel=0.03)
    assert not np.array_equal(found.values["loss"], exact.values["loss"])


def test_losses_that_are_not_finite_are_kept(net):
    a, b = drawn(net, 1), drawn(net, 2)
    b["1.weight"][0, 0] = torch.inf
    found = evaluate(net, Points.line(a, b, [0.0, 0.5, 1.0]), images_for(net), device="cpu")
    assert np.isfinite(found.values["loss"][0]) and not np.isfinite(found.values["loss"][1:]).any()
    assert found.values["error"][1] > 0


class Hungry(nn.Module):
    """Takes no more than eight images."""

    def __init__(self, most: int = 8) -> None:
        super().__init__()
        self.fc, self.most = nn.Linear(12, 3), most

    def forward(self, x):
        if len(x) > self.most:
            raise torch.cuda.OutOfMemoryError("too much")
        return self.fc(x.flatten(1))


def test_out_of_memory_halves_the_batch_and_loses_nothing():
    net = Network(Hungry(), "hungry", 3, Input((2, 2)))
    line, images = Points.line(drawn(net, 1), drawn(net, 2), LAMBDAS), images_for(net)
    found = evaluate(net, line, images, device="cpu", batch=20)
    assert found.how.batch == 5
    right = plain_loop(
        Network(Hungry(99), "sated", 3, Input((2, 2))), drawn(net, 1), drawn(net, 2), LAMBDAS, images, torch.float32
    )
    assert found.values["loss"] == pytest.approx(right["loss"], rel=1e-5)
    with pytest.raises(ModelError, match="starved: one image does not fit into the memory of cpu"):
        evaluate(Network(Hungry(0), "starved", 3, Input((2, 2))), line, images, device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": lambda i: i.subset([])}, "test: no images to evaluate on"),
        (
            {"images": lambda i: ImageSet(i.images[:, :1], i.labels, i.classes, i.ids, name="test")},
            "1×2 with 3 channel",
        ),
        ({"images": lambda i: ImageSet(i.images[..., :1], i.labels, i.classes, i.ids)}, "2×2 with 1 channel"),
        (
            {"images": lambda i: ImageSet(i.images, i.labels, (*i.classes, "d"), i.ids)},
            "4 classes, but small has 3 out",
        ),
        ({"precision": "float16"}, "precision 'float16'; did you mean 'bfloat16'"),
        ({"device": "tpu"}, "device 'tpu'"),
        ({"batch": -1}, "batch -1; expected at least 1 image"),
        ({"batch": 0}, "batch 0; expected at least 1 image"),
        ({"metrics": ["auc"]}, "'auc' is for multi-label"),
    ],
)
def test_what_cannot_be_evaluated(net, change, message):
    given = {"images": images_for(net), "device": "cpu"} | change
    if callable(given["images"]):
        given["images"] = given["images"](images_for(net))
    with pytest.raises(UsageError, match=message):
        evaluate(net, Points.listed([net.params()]), **given)


def test_weights_of_another_network(net):
    with pytest.raises(UsageError, match=r"two different networks: '1\.weight' is \(3, 12\)"):
        evaluate(net, Points.listed([net.params() | {"1.weight": torch.zeros(3, 9)}]), images_for(net), device="cpu")


def test_an_auc_of_one_class_is_refused():
    net = build("mlp:20-10", 3, input=Input((6, 6), 1, (0.1,), (0.3,)))
    images = images_for(net, multilabel=True)
    blank = ImageSet(images.images, np.zeros_like(images.labels), images.classes, images.ids, name="test")
    points = Points.listed([net.params()])
    with pytest.raises(UsageError, match="test: none of the 3 classes has images with and without it among these 23"):
        evaluate(net, points, blank, device="cpu")
    assert np.isfinite(evaluate(net, points, blank, metrics=["loss"], device="cpu").values["loss"]).all()


def test_an_option_that_there_is_not(net):
    line = Points.line(drawn(net, 1), drawn(net, 2), LAMBDAS)
    with pytest.raises(UsageError, match=r"^there is no option 'presision'; did you mean 'precision'\?$"):
        evaluate(net, line, images_for(net), device="cpu", presision="float64")


def test_all_parts_where_one_is_wanted_are_refused_in_one_line():
    net = build("lenet", 3)
    images = images_for(net)
    splits = ImageSplits(images, images, images)
    with pytest.raises(UsageError, match=r"all parts are given and one is wanted; give images\.test"):
        evaluate(net, net.params(), splits)
    assert not hasattr(splits, "name") and copy.copy(splits).test is images
