"""Which one to take: numbers against a plain loop, the decision in each case, and what is said of batch norm."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.network import Input, Network
from transferscope.numerics.auc import macro_auroc
from transferscope.probes.evaluation import How
from transferscope.questions.which.measure import AVERAGE, ENSEMBLE, Which, which
from transferscope.rng import generator, numpy_generator

from .drawn import drawn
from .golden import golden


def network(norm: bool = False, classes: int = 3) -> Network:
    layers = [
        nn.Flatten(),
        nn.Linear(16, 8),
        *([nn.BatchNorm1d(8)] if norm else []),
        nn.ReLU(),
        nn.Linear(8, classes),
    ]
    return Network(
        nn.Sequential(*layers).eval(), "mlp", classes, Input((4, 4), 1, (0.5,), (0.25,)), head=str(len(layers) - 1)
    )


NET, NORMED = network(), network(norm=True)


def weights(net: Network, name: str) -> dict[str, torch.Tensor]:
    g = generator("which weights", name)
    return {
        k: v + 0.5 * torch.randn(v.shape, generator=g) if v.is_floating_point() and "running" not in k else v
        for k, v in net.params().items()
    }


def pictures(name: str, n: int, multilabel: bool = False) -> ImageSet:
    r = numpy_generator("which pictures", name)
    pixels = r.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    labels = r.integers(0, 2, (n, 3)).astype(np.int8) if multilabel else r.integers(0, 3, n)
    return ImageSet(pixels, labels, tuple("abc"), np.array([f"{name} {i}" for i in range(n)]), name=name)


TEST, TRAIN = pictures("test", 120), pictures("train", 64)


def logits(net: Network, params: dict[str, torch.Tensor], images: ImageSet) -> torch.Tensor:
    with torch.no_grad():
        return net(params, net.input.prepare(torch.from_numpy(images.images)))


def test_numbers_are_those_of_a_plain_loop() -> None:
    a, b, c = (weights(NET, name) for name in "abc")
    found = which(NET, {"a": a, "b": b, "c": c}, TEST, device="cpu")
    each = {name: logits(NET, params, TEST) for name, params in (("a", a), ("b", b), ("c", c))}
    mean = {k: ((a[k].double() + b[k] + c[k]) / 3).float() for k in a}
    each |= {AVERAGE: logits(NET, mean, TEST), ENSEMBLE: sum(v.double() for v in each.values()) / 3}
    labels = torch.from_numpy(TEST.labels)
    for name, of in each.items():
        assert found.metric_of(name).value == pytest.approx((of.argmax(1) == labels).double().mean().item()), name
    assert found.anew.shape == (0, 120) and found.moved("a") is None and found.n == 120
    lines = found.standings()
    assert [line.name for line in lines[3:]] == [AVERAGE, ENSEMBLE] and lines[0].less is None
    values = [line.metric.value for line in lines[:3]]
    assert values == sorted(values, reverse=True)
    frame = found.frame()
    assert list(frame["name"]) == [line.name for line in lines] and np.isnan(frame["p"][0])
    assert found.chance == max(np.bincount(TEST.labels)) / 120


def test_an_auc_for_several_labels() -> None:
    images = pictures("labels", 100, multilabel=True)
    a, b = weights(NET, "a"), weights(NET, "b")
    found = which(NET, [a, b], images, device="cpu")
    for name, params in (("A", a), ("B", b)):
        value = macro_auroc(logits(NET, params, images), torch.from_numpy(images.labels))
        assert found.metric_of(name).value == pytest.approx(value.macro, abs=1e-6)
    assert found.metric == "auc" and found.chance == 0.5 and "AUC" in found.findings()[0].text


def test_networks_with_batch_norm_are_looked_at_as_saved() -> None:
    a, b = weights(NORMED, "a"), weights(NORMED, "b")
    found = which(NORMED, [a, b], TEST, train=TRAIN, device="cpu")
    labels = torch.from_numpy(TEST.labels)
    for at, params in enumerate((a, b)):
        right = (logits(NORMED, params, TEST).argmax(1) == labels).double().mean().item()
        assert found.outcomes[at].mean() == pytest.approx(right)
    assert found.anew.shape == (2, 120)
    moved = found.moved("A")
    assert moved.value == pytest.approx(float(found.anew[0].mean()) - float(found.outcomes[0].mean()))
    assert found.standings()[2].note == "statistics of batch norm collected anew"


def test_what_gives_no_numbers_is_left_out_and_named() -> None:
    a, b, bad = weights(NET, "a"), weights(NET, "b"), weights(NET, "c")
    bad = bad | {"1.bias": torch.full((8,), torch.nan)}
    found = which(NET, {"a": a, "bad": bad, "b": b}, TEST, device="cpu")
    assert found.networks == ("a", "b") and [left.subject for left in found.left_out] == ["bad"]
    two = which(NET, {"a": a, "b": b}, TEST, device="cpu")
    assert found.metric_of(AVERAGE) == two.metric_of(AVERAGE) and found.metric_of(ENSEMBLE) == two.metric_of(ENSEMBLE)
    with pytest.raises(UsageError, match="no network gives numbers: bad"):
        which(NET, {"bad": bad}, TEST, device="cpu")
    with pytest.raises(UsageError, match="nothing is called 'c'"):
        found.metric_of("c")


def made(shares: list[float], average: float, ensemble: float, n: int = 2000, move: float | None = None) -> Which:
    """A result of networks with these accuracies; what one more is right on, another is wrong on."""
    names = tuple(f"{letter}.pt" for letter in "abcdef"[: len(shares)])
    r = numpy_generator("which made", n)
    own = r.random(n)

    def row(share: float) -> np.ndarray:
        shifted = np.where(r.random(n) < 0.8, own, r.random(n))
        return (np.argsort(np.argsort(shifted)) < share * n).astype(np.uint8)

    rows = np.stack([row(s) for s in shares])
    anew = np.zeros((0, n)) if move is None else np.stack([row(s + move) for s in shares])
    several = len(shares) > 1
    how = How("whole network", "float32", "cpu", 256, "none" if move is None else "recalibrated")
    return Which(
        "", "accuracy", "test", names, rows, anew, row(average) if several else np.zeros(0),
        row(ensemble) if several else np.zeros(0), 0.1, 0.02, how,
    )  # fmt: skip


CASES = {
    "one": made([0.80, 0.85], 0.40, 0.851),
    "average": made([0.80, 0.79], 0.85, 0.86),
    "ensemble": made([0.80, 0.75], 0.40, 0.86),
    "cannot tell": made([0.80, 0.801], 0.40, 0.802),
}


@pytest.mark.parametrize("take", CASES)
def test_the_first_sentence_decides(take: str) -> None:
    result = CASES[take]
    first = result.findings()[0]
    assert result.decision().take == take and first.weight == 1.0 and first.verdict is None
    begins = {"one": "Take b.pt: ", "average": "Average them: ", "ensemble": "Ensemble them, 2 networks an answer: "}
    assert first.text.startswith(begins.get(take, "Cannot tell: "))
    assert first.estimate.over == "images" and first.n == 2000
    if take == "cannot tell":
        assert "images would tell a true difference of this size in four of five cases" in first.text


def test_both_numbers_stand_in_the_sentence_where_batch_norm_moves_them() -> None:
    moved = made([0.80, 0.85], 0.40, 0.851, move=-0.06)
    first = moved.findings()[0]
    assert "b.pt has accuracy 85.0 % as saved and 79.0 % with statistics of batch norm collected anew" in first.text
    still = made([0.80, 0.85], 0.40, 0.851, move=0.01)
    assert "collected anew" not in still.findings()[0].text
    assert (
        made([0.80], 0, 0, move=-0.06).findings()[0].text.startswith("a.pt has accuracy 80.0 % as saved and 74.0 %")
    )


def test_a_single_network_is_held_against_chance() -> None:
    assert "always naming one class reaches 10.0 %; 2,000 images" in made([0.8], 0, 0).findings()[0].text
    assert "it does not clearly beat chance" in made([0.11], 0, 0).findings()[0].text


def test_it_is_stored_and_read_back(tmp_path) -> None:
    result = CASES["one"]
    result.save(tmp_path)
    again = Which.load(tmp_path)
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]
    np.testing.assert_array_equal(again.outcomes, result.outcomes)


def test_sentences() -> None:
    several = made([0.80, 0.85, 0.70], 0.40, 0.88, move=-0.05)
    golden(several, "which")


def test_it_is_drawn() -> None:
    figure = drawn(CASES["one"])
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b.pt", "a.pt", AVERAGE, ENSEMBLE]
    assert ax.get_xlabel() == "accuracy on test (%), n = 2,000"
