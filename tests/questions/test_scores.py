"""Scores of candidates: order, what is told apart, intervals, the null, and what is not defined."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet
from transferscope.errors import DataError, UsageError
from transferscope.evidence.estimate import Estimate
from transferscope.models.build import build, initialise
from transferscope.models.network import Input, Network
from transferscope.numerics.scores import decompose, logme, loo_ridge, targets_of, task_move
from transferscope.probes.penultimate import penultimate
from transferscope.questions._some_images import at_most
from transferscope.questions.scores.findings import choice
from transferscope.questions.scores.measure import Candidate, Scores, scores
from transferscope.questions.scores.values import SCORES

CLASSES = 4
WANTED = Input((6, 6), 1, (0.5,), (0.25,))


def pictures(n: int, *, signal: float = 40.0, seed: int = 0, labels: np.ndarray | None = None) -> ImageSet:
    """Noise around a picture of each class."""
    draw = np.random.default_rng(seed)
    kinds = np.arange(n) % CLASSES if labels is None else labels
    means = np.random.default_rng(99).normal(128, signal, (CLASSES, 6, 6, 1))
    first = kinds if kinds.ndim == 1 else kinds.argmax(1)
    pixels = np.clip(means[first] + draw.normal(0, 40, (n, 6, 6, 1)), 0, 255).astype(np.uint8)
    return ImageSet(pixels, kinds, tuple("abcd"), np.arange(n).astype(str), "pictures")


OTHERS = replace(pictures(60, seed=8), classes=tuple("wxyz"))


def net(classes: int = 3) -> Network:
    return build("mlp:20-12", classes, input=WANTED)


def blind(of: Network, seed: int) -> dict[str, torch.Tensor]:
    """Weights whose features hold nothing of the image but one pixel's noise."""
    params = initialise(of, seed)
    first = next(name for name in params if name.endswith("weight"))
    params[first] = torch.zeros_like(params[first])
    params[first][:, 0] = 1.0
    return params


def offered(images: ImageSet, *, weak: int = 1) -> list[Candidate]:
    of = net()
    good = [Candidate(f"good {i}", of, initialise(of, i), images) for i in range(2)]
    return [*[Candidate(f"weak {i}", of, blind(of, 7 + i), images) for i in range(weak)], *good]


@pytest.fixture(scope="module")
def found() -> Scores:
    """The first candidate has learned the same classes; of the second nothing is known; the third learned others."""
    return scores(with_sources(), device="cpu")


def with_sources() -> list[Candidate]:
    weak, good, other = offered(pictures(200))
    return [replace(weak, source=pictures(80, seed=5)), good, replace(other, source=OTHERS)]


def test_the_order_is_that_of_ridge_and_the_weak_one_is_told_apart(found: Scores) -> None:
    assert found.labels == ("weak 0", "good 0", "good 1")
    assert found.order()[-1] == 0 and set(found.told_apart()) >= {0}
    gap = found.told_apart()[0]
    assert gap.known and gap.low is not None and gap.low > 0 and gap.over == "images" and gap.n == 200
    assert not gap.general, "intervals are over images, so nothing is said of kinds of networks"
    assert found.tied()[0] == found.order()[0] and 0 not in found.tied()


def test_numbers_are_those_of_the_features(found: Scores) -> None:
    candidate = offered(pictures(200))[1]
    seen = penultimate(candidate.net, candidate.params, candidate.images, device="cpu")
    features, targets = (
        decompose(torch.from_numpy(seen.features)),
        targets_of(torch.from_numpy(candidate.images.labels)),
    )
    assert seen.name == found.candidates[1].features and found.candidates[1].width == 12
    assert found.of("ridge")[1] == loo_ridge(features, targets).accuracy
    assert found.of("logme")[1] == pytest.approx(logme(features, targets), abs=1e-12)
    x = torch.from_numpy(candidate.images.images[..., 0].reshape(200, -1)).float().div(255).sub(0.5).div(0.25)
    weights = list(candidate.params.values())
    by_hand = torch.relu(torch.relu(x @ weights[0].T + weights[1]) @ weights[2].T + weights[3])
    np.testing.assert_allclose(seen.features, by_hand.numpy(), atol=1e-4)


def test_every_score_has_a_null_and_an_interval(found: Scores) -> None:
    frame = found.frame()
    assert list(frame["score"].unique()) == list(SCORES) and len(frame) == 3 * len(SCORES)
    good = frame[(frame["candidate"] != "weak 0") & ~frame["score"].isin(["task_move", "task_gradient"])]
    assert good["value"].notna().all() and good["p"].notna().all() and (good["low"] <= good["value"]).all()
    ridge = good[good["score"] == "ridge"]
    assert ridge["p"].tolist() == pytest.approx([1 / 21] * 2) and (ridge["null_mean"] < 0.4).all()
    assert (frame["seconds"] >= 0).all() and (frame["ms_an_image"] > 0).all()
    assert list(found.table()["candidate"])[-1] == "weak 0"


def test_what_is_left_to_learn_of_source_and_target(found: Scores) -> None:
    """By features of both, against the numerics; not defined where the source is not known."""
    of, images = net(), pictures(200)
    for place, (source, alike) in {0: (pictures(80, seed=5), True), 2: (OTHERS, False)}.items():
        params = offered(images)[place].params
        x, z = (torch.from_numpy(penultimate(of, params, s, device="cpu").features) for s in (source, images))
        y, t = (torch.eye(4, dtype=torch.float64)[torch.from_numpy(s.labels)] - 0.25 for s in (source, images))
        want = task_move(x, y, z).ratios(t, alike=alike)
        got = found.of("task_move")[place], found.of("task_gradient")[place]
        assert got == pytest.approx(want, rel=1e-9)
        assert found.estimate(place, "task_move").known and 0 < found.p(place, "task_move") <= 1
    assert found.candidates[1].reasons["task_move"] == "the images it was pre-trained on are not known"
    assert found.oriented("task_move")[0] == -found.of("task_move")[0]
    assert any("(Theorem 2) of good 0: not defined because the images" in left.text for left in found.left_out)


def test_it_is_the_same_again_and_pairs_subsets_over_candidates(found: Scores) -> None:
    again = scores(with_sources(), device="cpu")
    np.testing.assert_array_equal(again.subsets, found.subsets)
    np.testing.assert_array_equal(again.null, found.null)
    twin = offered(pictures(200))[1]
    same = scores([twin, Candidate("twin", twin.net, twin.params, twin.images)], device="cpu", permutations=0)
    assert same.difference(0, 1).value == 0 and same.difference(0, 1).spread == 0
    assert same.tied() == [0, 1] and same.images_needed(0, 1) is None


def test_more_images_are_needed_for_less_difference(found: Scores) -> None:
    best, other = found.tied()[0], 0
    assert found.images_needed(best, other) == 200, "they are told apart already"
    close = scores(offered(pictures(80))[1:], device="cpu", permutations=0)
    needed = close.images_needed(*close.order())
    assert len(close.tied()) == 1 or (needed is not None and needed > 80)


@pytest.mark.slow
def test_intervals_of_ridge_hold_the_mean_over_other_images() -> None:
    """The variance over subsets against what other images of the same kind give, 24 times over."""
    estimates, values = [], []
    for seed in range(24):
        found = scores(offered(pictures(120, signal=15.0, seed=seed), weak=0)[:1], device="cpu", permutations=0)
        estimates.append(found.estimate(0))
        values.append(found.of("ridge")[0])
    centre = np.mean(values)
    held = sum(e.low <= centre <= e.high for e in estimates)  # type: ignore[operator]
    assert held >= 20, f"{held} of 24 intervals of level 95 % hold the mean"
    width = np.mean([e.high - e.low for e in estimates])  # type: ignore[operator]
    assert width < 8 * np.std(values, ddof=1), "nor are they much too wide"


def test_several_labels_an_image() -> None:
    labels = np.zeros((160, CLASSES), np.int8)
    labels[np.arange(160), np.arange(160) % CLASSES] = 1
    labels[:40, 0] = 1
    labels[5, 1] = -1
    found = scores(offered(pictures(160, labels=labels)), device="cpu", draws=6, permutations=3)
    assert found.multilabel and found.n == 159 and found.chance == 0.5
    assert np.isfinite(found.of("ridge")).all() and np.isfinite(found.of("logme")).all()
    for name in ("h_score", "transrate", "gbc", "leep", "nce"):
        assert np.isnan(found.of(name)).all()
        assert found.candidates[0].reasons[name] == "an image may have several labels"
    told = [left.text for left in found.left_out]
    assert "1 of 160 images: a label is unknown" in told
    assert "AUC" in found.findings()[0].text


def test_predictions_without_a_softmax_or_a_final_layer() -> None:
    images, of = pictures(80), net()
    params = initialise(of, 0)
    bare = {name: value for name, value in params.items() if name not in of.head_tensors()}
    found = scores(
        [Candidate("a", of, params, images, softmax=False), Candidate("b", of, bare, images)],
        device="cpu", draws=0, permutations=0,
    )  # fmt: skip
    assert found.candidates[0].reasons == dict.fromkeys(
        ("leep", "nce"), "its final layer was not trained as a softmax"
    ) | dict.fromkeys(("task_move", "task_gradient"), "the images it was pre-trained on are not known")
    assert found.candidates[1].reasons["leep"] == "it has no final layer of its own"
    assert found.of("ridge")[0] == found.of("ridge")[1]
    assert "there is no interval, so nothing is told apart" in choice(found).text
    assert any("LEEP of b and NCE of b: not defined because it has no final" in f.text for f in found.findings())


def test_features_that_do_not_vary() -> None:
    images, of = pictures(60), net()
    dead = {name: torch.zeros_like(value) for name, value in initialise(of, 0).items()}
    found = scores(
        [Candidate("dead", of, dead, images), Candidate("a", of, initialise(of, 1), images)],
        device="cpu", draws=4, permutations=2,
    )  # fmt: skip
    assert found.candidates[0].reasons["ridge"] == "features are the same for all images"
    assert found.order() == [1, 0] and found.tied() == [1] and found.findings()


def test_what_cannot_be(tmp_path: Path) -> None:
    images, of = pictures(40), net()
    params = initialise(of, 0)
    one = Candidate("a", of, params, images)
    with pytest.raises(UsageError, match="scores of no candidates"):
        scores([])
    with pytest.raises(UsageError, match="two candidates are called 'a'"):
        scores([one, one])
    with pytest.raises(UsageError, match="b and a are on different images"):
        scores([one, Candidate("b", of, params, images.subset(np.arange(39)))])
    with pytest.raises(DataError, match="3 training images of 4 classes"):
        scores([Candidate("a", of, params, images.subset(np.arange(3)))])
    with pytest.raises(DataError, match="class 'd' has a single training image"):
        scores([Candidate("a", of, params, images.subset([0, 1, 2, 3, 4, 5, 6]))])
    with pytest.raises(DataError, match="images are RGB and mlp"):
        rgb = ImageSet(np.repeat(images.images, 3, 3), images.labels, images.classes, images.ids)
        scores([Candidate("a", of, params, rgb)])


def test_small_classes_give_no_intervals_and_say_so() -> None:
    images = pictures(12)
    found = scores([Candidate("a", net(), initialise(net(), 0), images)], device="cpu", permutations=0)
    assert not found.estimate(0).known
    assert found.left_out[0].text == "intervals: 12 of 12 images are of classes with fewer than 4 images"


def test_a_stored_result_speaks_as_the_first(found: Scores, tmp_path: Path) -> None:
    found.save(tmp_path)
    again = Scores.load(tmp_path)
    assert [f.text for f in again.findings()] == [f.text for f in found.findings()]
    assert again.frame().equals(found.frame())


def test_sentences(found: Scores) -> None:
    first, *others = [f.text for f in found.findings()]
    assert first.startswith(("Take good", "Cannot tell: good")) and "over these images" in first
    assert "test images" not in first
    assert any("orders are only described" in text for text in others)
    five = scores(offered(pictures(80), weak=3), device="cpu", draws=4, permutations=0)
    assert any(
        "Weighted τ with the order by leave-one-out ridge over 5 candidates" in f.text for f in five.findings()
    )
    assert math.isfinite(five.agreement()["logme"])
    pair = scores(offered(pictures(400))[:2], device="cpu", permutations=0)
    assert choice(pair).text.startswith("Take good 0: leave-one-out ridge accuracy")
    alone = scores(offered(pictures(80))[:1], device="cpu", draws=4, permutations=0)
    assert "there is no other candidate" in choice(alone).text


def test_what_was_kept_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory(dict):  # type: ignore[type-arg]
        def load(self, key: str) -> object:
            return self.get(key)

        def save(self, key: str, arrays: object) -> None:
            self[key] = arrays

    memory = Memory()
    first = scores(offered(pictures(60)), device="cpu", draws=3, permutations=2, kept=memory)
    assert set(memory) == {f"{what}-{i}" for what in ("features", "scores") for i in range(3)}
    monkeypatch.setattr("transferscope.questions.scores.candidate.penultimate", None)
    again = scores(offered(pictures(60)), device="cpu", draws=3, permutations=2, kept=memory)
    np.testing.assert_array_equal(again.values, first.values)
    np.testing.assert_array_equal(again.subsets, first.subsets)


def test_the_figure(found: Scores, tmp_path: Path) -> None:
    figure = found.plot()
    figure.savefig(tmp_path / "scores.svg")
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [found.labels[i] for i in found.order()]
    assert "LogME" in [label.get_text() for label in right.get_xticklabels()]


def test_an_interval_down_to_zero_is_drawn_down_to_zero(found: Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scores, "estimate", lambda *_: Estimate(0.1, 0.0, 0.3, over="images", n=80))
    left = found.plot().axes[0]
    (bar,) = left.containers[0].lines[2]
    assert bar.get_segments()[0][:, 0].tolist() == pytest.approx([0.0, 0.3])


def test_fewer_images_keep_the_shares_of_the_classes_and_four_of_each() -> None:
    labels = np.array([0] * 60 + [1] * 30 + [2] * 5 + [3] * 3)
    images = pictures(98, labels=labels)
    some = at_most(images, 20)
    assert np.bincount(some.labels).tolist() == [12, 6, 4, 3]
    small = ImageSet(images.images[:, ::2, ::2], labels, images.classes, images.ids)
    assert at_most(small, 20).ids.tolist() == some.ids.tolist(), "the same images in every size"
    assert at_most(images, None) is images and at_most(images, 98) is images
