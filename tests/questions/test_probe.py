"""Probes: numbers against the features by hand, pairing, the earliest near the best, the claim, what is left out."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import DataError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input, Network
from transferscope.numerics.frozen import few_shot, linear_probe, nearest
from transferscope.probes.activations import features
from transferscope.questions.probe.measure import Method, Probe, Probed, ProbeProtocol, probe

from .golden import golden

CLASSES = 4
WANTED = Input((8, 8), 1, (0.5,), (0.25,))
QUICK = ProbeProtocol(shots=(1, 5), draws=3, k=5)


def pictures(n, part, *, signal=40.0, labels=None):
    draw = np.random.default_rng([n, len(part)])
    kinds = np.arange(n) % CLASSES if labels is None else labels
    means = np.random.default_rng(99).normal(128, signal, (CLASSES, 8, 8, 1))
    first = kinds if kinds.ndim == 1 else kinds.argmax(1)
    pixels = np.clip(means[first] + draw.normal(0, 40, (n, 8, 8, 1)), 0, 255).astype(np.uint8)
    ids = np.array([f"{part} {i}" for i in range(n)])
    return ImageSet(pixels, kinds, tuple("abcd"), ids, f"pictures {part}")


IMAGES = ImageSplits(pictures(80, "train"), pictures(40, "val"), pictures(400, "test"))


def convolutions() -> Network:
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 9, 3, padding=1, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 3),
    )  # fmt: skip
    return wrap(module, name="small", classes=3, input=WANTED)


NET = build("mlp:30-20-8", 3, input=WANTED)


def drawn(seed, net=NET):
    return initialise(net, seed)


def blind(net=NET):
    """Weights whose last hidden layer gives the same for all images."""
    params = drawn(5, net)
    last = [name for name in params if name not in net.head_tensors()][-2:]
    return params | {name: torch.zeros_like(params[name]) for name in last}


@pytest.fixture(scope="module")
def found() -> Probe:
    networks = [Probed("a", NET, drawn(0), IMAGES), Probed("blind", NET, blind(), IMAGES)]
    return probe(networks, modules="layer", protocol=QUICK, device="cpu")


def test_every_number_is_that_of_the_features_by_hand(found):
    ask, truth = QUICK, torch.from_numpy(IMAGES.test.labels)
    net = convolutions()
    params = drawn(3, net)
    result = probe([Probed("a", net, params, IMAGES)], modules="layer", protocol=ask, device="cpu")
    assert [p.name for p in result.places] == ["0", "2", "input of 6"] and [p.width for p in result.places] == [
        6,
        9,
        9,
    ]
    x = {
        part: features(net, params, getattr(IMAGES, part), ["0", "2"], pooled=True, device="cpu")
        for part in ("train", "val", "test")
    }
    at = {str(name): i for i, name in enumerate(IMAGES.train.ids)}
    y = torch.from_numpy(IMAGES.train.labels)
    for row, module in enumerate(("0", "2")):
        train, val, test = (torch.from_numpy(x[part][module]) for part in ("train", "val", "test"))
        for shots in ask.shots:
            for d in range(ask.draws):
                support = torch.tensor(sorted(at[name] for name in result.support_ids[d, :, :shots].ravel()))
                assert torch.bincount(y[support]).tolist() == [shots] * CLASSES
                for kind, penalty in (("fixed", 1024.0), ("loo", None)):
                    if kind == "loo" and shots == 1:
                        assert Method("loo", 1) not in result.methods
                        continue
                    (alone,) = few_shot(train, y, test, [support], CLASSES, penalties=(penalty,))
                    place = result.methods.index(Method(kind, shots))
                    right = (alone.predicted[0] == truth).double().mean()
                    assert result.values[row, place, d] == pytest.approx(float(right))
                    assert result.used[row, place, d] == alone.penalties[0]
        v = torch.from_numpy(IMAGES.val.labels)
        line = linear_probe(train, y, val, v, test, CLASSES)
        place = result.methods.index(Method("linear"))
        assert result.values[row, place, 0] == float((line.predicted == truth).double().mean())
        assert result.used[row, place, 0] == line.decay and np.isnan(result.values[row, place, 1:]).all()
        votes = nearest(train, y, test, CLASSES, k=5)
        assert result.values[row, -1, 0] == float((votes == truth).double().mean())
    np.testing.assert_allclose(np.nanmean(result.values, 2), result.each.mean(2), atol=1e-6)


def test_supports_are_those_that_are_given_and_shared(found):
    again = probe(
        [Probed("a", NET, drawn(0), IMAGES)], modules="layer", protocol=QUICK, support=found.support_ids, device="cpu"
    )
    rows = found.of("a")
    np.testing.assert_array_equal(again.values, found.values[rows])
    twin = probe(
        [Probed("a", NET, drawn(0), IMAGES), Probed("b", NET, drawn(0), IMAGES)],
        modules="layer", protocol=QUICK, device="cpu",
    )  # fmt: skip
    gap = twin.difference(0, len(twin.of("a")), twin.headline)
    assert gap.value == 0 and gap.spread == 0, "the same network has the same numbers: draws are paired"


def test_the_blind_layer_is_not_near_the_best(found):
    method = found.headline
    assert method == Method("loo", 5)
    near, names = found.near("blind", method), [found.places[i].name for i in found.of("blind")]
    assert len(names) - 1 not in near.tied and near.best != len(names) - 1
    last = found.estimate(found.of("blind")[-1], method)
    assert last.value == pytest.approx(0.25, abs=1e-6) and found.chance == 0.25
    first = found.estimate(found.of("a")[0], method)
    assert (
        first.over == "draws" and first.images == 400 and first.low < first.value < first.high and not first.general
    )


def test_tokens_and_all_values_are_named():
    from transferscope.probes.readings import readings

    net = convolutions()
    kinds = {r.name: r.features.shape[1] for r in readings(net, drawn(0, net), IMAGES.val, "layer", pooled=False)}
    assert kinds == {"0 (all values)": 6 * 64, "2 (all values)": 9 * 16, "input of 6": 9}
    wide = nn.Sequential(nn.Conv2d(1, 64, 1), nn.Flatten(), nn.Linear(64 * 64, 3))
    over = wrap(wide, name="wide", classes=3, input=WANTED)
    first, _ = readings(over, drawn(0, over), IMAGES.val, "layer", pooled=False)
    assert first.kind == "grid of 5×5" and first.features.shape == (40, 64 * 25)
    vit = build("timm/vit_tiny_patch16_224", 3)
    images = ImageSet(
        np.random.default_rng(0).integers(0, 255, (3, 224, 224, 3)).astype(np.uint8), np.arange(3), tuple("abc"),
        np.arange(3).astype(str),
    )  # fmt: skip
    params = initialise(vit, 0)
    read = {(r.module, r.kind): r.features for r in readings(vit, params, images, "block", device="cpu")}
    block = next(m for m, kind in read if kind == "class token")
    tokens = features(vit, params, images, [block], device="cpu")[block].reshape(3, 197, -1)
    np.testing.assert_allclose(read[block, "class token"], tokens[:, 0], atol=1e-6)
    np.testing.assert_allclose(read[block, "mean of tokens"], tokens.mean(1), atol=1e-5)
    patches = [m for m, kind in read if kind == "mean of tokens" and (m, "class token") not in read]
    assert all("patch" in m or "stem" in m for m in patches)
    assert not any(kind.startswith("class token of") for _, kind in read)


@cache
def claimed(kinds=4):
    """The probe of some pre-trainings whose last features are made of the label, more or less."""
    networks = [Probed(f"P {seed}", NET, drawn(seed), IMAGES, "source") for seed in range(kinds)]
    return probe(
        networks, modules="layer", protocol=QUICK, target="pictures", witnesses=witnesses(kinds), device="cpu"
    )


def witnesses(kinds=4, unfit=""):
    return tuple(Witness(f"the pre-training {s}", "P", unfit if s == 1 else "") for s in range(kinds))


def test_the_claim_is_over_pre_trainings_alone(found):
    result = claimed()
    (finding,) = [f for f in result.findings() if f.claim == "003-m"]
    assert finding.estimate.over == "pre-trainings" and finding.n == 4 and finding.target == "pictures"
    at = result.methods.index(result.headline)
    gains = [
        np.nanmean(result.values[result.of(n)[-1], at]) - np.nanmean(result.values[result.half_way(n), at])
        for n in result.networks
    ]
    assert finding.value == pytest.approx(np.mean(gains), abs=1e-6)
    assert not any(f.claim for f in found.findings()), "without pre-trainings of a kind there is no claim"
    few = [f for f in claimed(3).findings() if f.claim == "003-m"]
    assert few[0].verdict == "cannot tell" and "at least four pre-trainings" in few[0].why
    with_one_diverged = replace(result, witnesses=witnesses(unfit="diverged at step 3"))
    failed = [f for f in with_one_diverged.findings() if f.claim == "003-m"]
    assert failed[0].verdict == "cannot tell" and "diverged at step 3" in failed[0].text
    other = replace(with_one_diverged, kin={"source": tuple(f"the pre-training {s}" for s in (0, 2, 3))})
    (judged,) = [f for f in other.findings() if f.claim == "003-m"]
    assert not judged.silenced and judged.value == finding.value, "one of another kind says nothing of this one"


def test_shots_without_images_are_left_out_and_said():
    result = probe(
        [Probed("a", NET, drawn(0), IMAGES)], protocol=ProbeProtocol(shots=(5, 50), draws=2, linear=False, k=0),
        device="cpu",
    )  # fmt: skip
    assert [m.name for m in result.methods] == ["5-shot", "5-shot with λ by leave-one-out"]
    assert "50 shots: class 'a' has 20 training images" in [left.text for left in result.left_out]
    bare = ImageSplits(IMAGES.train, IMAGES.val.subset([]), IMAGES.test)
    without = probe([Probed("a", NET, drawn(0), bare)], protocol=QUICK, device="cpu")
    assert Method("linear") not in without.methods and "no validation images" in without.left_out[0].text


def test_what_cannot_be():
    one = Probed("a", NET, drawn(0), IMAGES)
    with pytest.raises(UsageError, match="a probe of no networks"):
        probe([])
    with pytest.raises(UsageError, match="two networks are called 'a'"):
        probe([one, one])
    other = ImageSplits(IMAGES.train, IMAGES.val, IMAGES.test.subset(np.arange(9)))
    with pytest.raises(UsageError, match="b and a are on different images"):
        probe([one, Probed("b", NET, drawn(0), other)])
    with pytest.raises(UsageError, match=r"\(5, 1\) shots, 5 draws; expected rising"):
        probe([one], protocol=ProbeProtocol(shots=(5, 1)))
    with pytest.raises(DataError, match="class 'a' has 20 training images for 21 shots"):
        probe([one], protocol=ProbeProtocol(shots=(21,)))
    labels = np.zeros((20, CLASSES), np.int8)
    several = pictures(20, "train", labels=labels)
    with pytest.raises(DataError, match="may have several labels"):
        probe([Probed("a", NET, drawn(0), ImageSplits(several, several, several))])
    ids = np.full((1, CLASSES, 5), "train 0")
    with pytest.raises(DataError, match="not of the class in whose row"):
        probe([one], protocol=QUICK, support=ids)
    with pytest.raises(DataError, match="no training image 'elsewhere'"):
        probe([one], protocol=QUICK, support=np.full((1, CLASSES, 5), "elsewhere"))
    with pytest.raises(DataError, match=r"support of shape \(1, 2\)"):
        probe([one], protocol=QUICK, support=np.zeros((1, 2)))


def test_what_was_kept_is_taken_up(monkeypatch):
    class Memory(dict):
        def load(self, key):
            return self.get(key)

        def save(self, key, arrays):
            self[key] = arrays

    memory, networks = Memory(), [Probed("a", NET, drawn(0), IMAGES)]
    first = probe(networks, protocol=QUICK, device="cpu", kept=memory)
    monkeypatch.setattr("transferscope.questions.probe.measure.readings", None)
    again = probe(networks, protocol=QUICK, device="cpu", kept=memory)
    np.testing.assert_array_equal(again.values, first.values)


def test_a_stored_result_speaks_as_the_first(found, tmp_path):
    found.save(tmp_path)
    again = Probe.load(tmp_path)
    assert [f.text for f in again.findings()] == [f.text for f in found.findings()]
    assert again.frame().equals(found.frame())
    frame = found.frame()
    assert len(frame) == len(found.places) * len(found.methods) and frame["tied_with_best"].any()


def test_sentences():
    golden(claimed(), "probe")


def test_the_figure(found, tmp_path):
    figure = found.plot()
    figure.savefig(tmp_path / "probe.svg")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Few-shot", "Linear probe", "Nearest neighbours"]
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == [found.places[i].name for i in found.of("a")]


def test_of_many_networks_the_first_of_each_kind_is_drawn(found, monkeypatch):
    monkeypatch.setattr("transferscope.questions.probe.plot._NETWORKS", 1)
    figure = replace(found, kinds=("a",) * len(found.networks)).plot()
    told = f"1 of {len(found.networks)} networks, the first of each kind; all are in the table"
    assert figure.get_suptitle() == told
    assert {text.get_text().partition(",")[0] for text in figure.legends[0].get_texts()} == {found.networks[0]}
