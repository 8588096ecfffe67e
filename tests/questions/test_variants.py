import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import IGNORED, ImageSet, ImageSplits
from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast, mean
from transferscope.evidence.guard import Witness
from transferscope.evidence.pairs import Pairs, pair_mean
from transferscope.evidence.peaks import excess, kind_peak
from transferscope.models.network import Input, Network
from transferscope.numerics.auc import macro_auroc
from transferscope.questions.barrier.measure import barrier
from transferscope.questions.variants.measure import Variants, variants
from transferscope.records import to_tree
from transferscope.rng import generator, numpy_generator
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run

from .golden import golden

AVERAGE = "000-5-a"
CLASSES = 3
NET = Network(
    nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES)),
    "linear",
    CLASSES,
    Input((4, 4), 1, (0.5,), (0.25,)),
    head="1",
)
TEACHER = torch.randn(CLASSES, 16, generator=generator("teacher"))


def pictures(n=400, name="test", multilabel=False):
    r = numpy_generator("pictures", name, n)
    pixels = r.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    with torch.no_grad():
        logits = NET(
            {"1.weight": TEACHER, "1.bias": torch.zeros(CLASSES)}, NET.input.prepare(torch.from_numpy(pixels))
        )
    labels = logits.argmax(1).numpy()
    if multilabel:
        labels = (logits > 0).numpy().astype(np.int8)
        labels[r.random(labels.shape) < 0.1] = IGNORED
    return ImageSet(pixels, labels, tuple("abc"), np.arange(n).astype(str), name=name)


SPLITS = ImageSplits(pictures(64, "train"), pictures(0, "val"), pictures())


def run(start, seed, noise, *, speed=0.5, ended="finished", net=NET, params=None, role=""):
    """A run that ends at the teacher plus noise of its own."""
    g = generator("run", start, seed)
    params = params or {"1.weight": TEACHER + noise * torch.randn(CLASSES, 16, generator=g), "1.bias": torch.zeros(3)}
    epochs = {"epoch": np.array([1]), "step": np.array([10]), "train_accuracy": np.array([speed])}
    kept = {"epoch 0": params} | ({"final": params, "best": params} if ended == "finished" else {})
    return Run(f"{start} {seed}", role, start, seed, "clipart", Recipe(), {}, epochs, kept, ended)


def three(start, noise, **more):
    return [run(start, seed, noise * (1 + 0.2 * seed), speed=0.5 + 0.1 * seed, **more) for seed in range(3)]


@pytest.fixture(scope="module")
def found():
    groups = {
        "RI-T": three("RI-T", 1.5, role="RI-T"),
        "P-T": three("P-T", 0.4, role="P-T"),
        "half": three("half", 0.45),
        "noisy": three("noisy", 0.5),
    }
    kinds = {"half": ["top_singular"], "noisy": ["basin_noise"]}
    return variants(NET, groups, SPLITS, kinds=kinds, points=5, device="cpu")


def logits_of(solution, images=None):
    pixels = (images or SPLITS.test).images
    x = NET.input.prepare(torch.from_numpy(pixels)).double().flatten(1).numpy()
    return x @ solution["1.weight"].double().numpy().T + solution["1.bias"].double().numpy()


def slow(groups, start):
    return [logits_of(r.final.params) for r in groups[start]]


def test_the_table_against_plain_numpy(found):
    frame = found.frame().set_index("start")
    assert list(frame.index) == ["P-T", "half", "noisy", "RI-T"]
    assert list(frame["what"]) == ["reference", "top_singular", "basin_noise", "scratch"]
    labels, n = SPLITS.test.labels, len(SPLITS.test)
    noise = {"P-T": 0.4, "half": 0.45, "noisy": 0.5, "RI-T": 1.5}
    for start in frame.index:
        logits = [logits_of(r.final.params) for r in three(start, noise[start])]
        right = np.array([x.argmax(1) == labels for x in logits])
        finals = right.mean(1)
        assert frame.loc[start, "final"] == pytest.approx(finals.mean())
        want = mean(finals, right)
        assert (frame.loc[start, "final_low"], frame.loc[start, "final_high"]) == pytest.approx(want.interval())
        assert frame.loc[start, "final_over"] == "networks and images" and frame.loc[start, "speed"] == pytest.approx(
            0.6
        )
        pairs = list(combinations(range(3), 2))
        one = sum((right[a] != right[b]).sum() for a, b in pairs)
        both = sum((~right[a] & ~right[b]).sum() for a, b in pairs)
        assert frame.loc[start, "disagreement"] == pytest.approx(one / 3 / n)
        assert frame.loc[start, "uncommon"] == pytest.approx(one / (one + 2 * both))
        ensemble = (np.mean(logits, 0).argmax(1) == labels).mean()
        assert frame.loc[start, "ensemble"] == pytest.approx(ensemble)
        assert frame.loc[start, "ensemble_low"] <= ensemble <= frame.loc[start, "ensemble_high"]
        half = np.sqrt(ensemble * (1 - ensemble) / n)
        assert found.ensemble(start).over == "images", "an ensemble is one predictor"
        assert frame.loc[start, "ensemble_high"] - ensemble == pytest.approx(1.96 * half, rel=0.35)
        two = (np.mean(logits[:2], 0).argmax(1) == labels).mean()
        assert found.ensemble(start, 2).value == pytest.approx(two)
        assert found.ensemble_gain(start).value == pytest.approx(ensemble - finals.mean())


def test_differences_are_over_networks_and_images_from_three_runs_on(found):
    mine, other = (found.group(name) for name in ("noisy", "P-T"))
    gap = found.final_over("noisy", "P-T")
    want = contrast(mine.finals, other.finals, (mine.scores, other.scores))
    assert gap.interval() == pytest.approx(want.interval()) and gap.over == "networks and images"
    assert gap.value == pytest.approx(np.mean(mine.finals) - np.mean(other.finals))
    speed = found.speed_over("noisy", "P-T")
    assert speed.over == "networks" and speed.low == pytest.approx(-speed.high)


def test_mistakes_of_pairs_are_over_networks(found):
    """Three pairs of three networks are three numbers; the ratio is linearised, as a plain loop has it."""
    right = found.group("noisy").right[:, :, 0] == 1
    pairs = list(combinations(range(3), 2))
    one = [(right[a] != right[b]).astype(float) for a, b in pairs]
    alone = found.disagreement("noisy")
    names = tuple((f"noisy {a}", f"noisy {b}") for a, b in pairs)
    sample = Pairs(names, np.mean(one, 1), {f"noisy {i}": "noisy" for i in range(3)}, np.array(one))
    assert alone.interval() == pytest.approx(pair_mean(sample).interval())
    assert alone.over == "networks and images" and alone.n == 3
    uncommon = found.uncommon("noisy")
    of = [x + 2 * (~right[a] & ~right[b]) for x, (a, b) in zip(one, pairs, strict=True)]
    left = [np.sum([o for o, p in zip(one, pairs, strict=True) if i not in p]) for i in range(3)]
    all_of = [np.sum([o for o, p in zip(of, pairs, strict=True) if i not in p]) for i in range(3)]
    theta = np.sum(one) / np.sum(of) + (left - np.sum(one) / np.sum(of) * np.array(all_of)) / (np.sum(of) / 3)
    assert uncommon.spread == pytest.approx(2 / 3 * ((theta - theta.mean()) ** 2).sum())


def test_with_fewer_they_are_paired_over_images():
    groups = {"P-T": three("P-T", 0.4)[:2], "noisy": three("noisy", 0.8)[:2]}
    few = variants(NET, groups, SPLITS, points=3, device="cpu", resamples=2000)
    gap = few.final_over("noisy", "P-T")
    right = {k: np.mean([x.argmax(1) == SPLITS.test.labels for x in slow(groups, k)], 0) for k in groups}
    each = right["noisy"] - right["P-T"]
    assert gap.over == "images" and gap.value == pytest.approx(each.mean())
    assert (gap.high - gap.low) / 2 == pytest.approx(1.96 * each.std() / math.sqrt(len(each)), rel=0.1)
    assert few.final("P-T").over == "images" and few.speed("P-T").low is None
    found = [f for f in few.findings() if "learn" in f.text]
    assert "does not clearly learn faster or slower than" in found[0].text


def test_lines_join_runs_of_other_seeds_and_are_those_of_barrier(found):
    joined = {start: [{p.path.a, p.path.b} for p in found.paths(start)] for start in ("P-T", "half", "RI-T")}
    assert joined["P-T"] == [{"P-T 0", "P-T 1"}, {"P-T 0", "P-T 2"}, {"P-T 1", "P-T 2"}]
    assert len(joined["half"]) == 6 and {"P-T 0", "half 0"} not in joined["half"]
    assert len(found.lines.paths) == 3 + 3 * 6 and found.same_seed == () and found.how == found.lines.how
    path = found.paths("half")[0]
    ends = {r.label: r.final for name, noise in (("P-T", 0.4), ("half", 0.45)) for r in three(name, noise)}
    alone = barrier(NET, [(ends[path.path.a], ends[path.path.b])], SPLITS.test, lambdas=5, device="cpu").paths[0]
    assert path.height("test", "error") == alone.height("test", "error")
    heights = [p.height("test", "error").height for p in found.paths("half")]
    assert found.barrier("half").value == pytest.approx(np.mean(heights)) and not found.barrier("half").known
    row = found.frame().set_index("start").loc["half"]
    assert (row["barrier_least"], row["barrier_most"]) == (min(heights), max(heights)), "a range over pairs"


def test_the_rise_on_lines_is_over_networks_and_images(found):
    paths = found.paths("half")
    rises = [excess(p.errors[0].each(), p.path.lambdas) for p in paths]
    names = [(p.path.a, p.path.b) for p in paths]
    want = kind_peak(rises, names, {label: label.rsplit(" ", 1)[0] for pair in names for label in pair})
    rise = found.rise("half")
    assert rise.height == want.height and rise.ceiling == want.ceiling
    assert rise.height.over == "networks and images" and rise.height.n == 6, "six pairs are six networks"
    assert found.rise("P-T").height.n == 3


class Product(nn.Module):
    """Logits (u·v·x, 1): (u, v) and (−u, −v) are the same function with a barrier between."""

    def __init__(self):
        super().__init__()
        self.u, self.v = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        first = self.u * self.v * x.flatten(1)
        return torch.cat([first, torch.ones_like(first)], 1)


def test_who_stays_in_the_basin():
    net = Network(Product(), "product", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    n = 2000
    labels = (np.arange(n) >= 1800).astype(np.int64)
    white = ImageSet(np.full((n, 1, 1, 1), 255, np.uint8), labels, ("a", "b"), np.arange(n).astype(str), name="test")

    def at(start, seed, scale):
        return run(start, seed, 0, params={"u": torch.tensor([scale]), "v": torch.tensor([scale])})

    groups = {
        "P-T": [at("P-T", 0, 2.0), at("P-T", 1, 2.1)],
        "near": [at("near", 0, 2.2), at("near", 1, 2.3)],
        "far": [at("far", 0, -2.0), at("far", 1, -2.1)],
    }
    got = variants(
        net, groups, ImageSplits(white, white, white), kinds={"near": ["basin_noise"]}, points=11, device="cpu"
    )
    told = [f.text for f in got.findings()]
    assert any(
        t.startswith("near (noise on the start) ends in the basin of P-T (no barrier over 2.0 points)") for t in told
    )
    [far] = [
        f
        for f in got.findings()
        if f.text.startswith("far ends outside the basin of P-T (a barrier over 2.0 points)")
    ]
    assert far.value == pytest.approx(0.8) and far.low > 0.7 and "between two P-T 0.0 points" in far.text
    assert far.estimate.over == "images", "two networks of a start are these two"
    assert got.final_over("far", "P-T").value == 0.0
    one = variants(
        net, {k: v[:1] for k, v in groups.items()}, ImageSplits(white, white, white), points=3, device="cpu"
    )
    assert one.same_seed == ("near", "far")
    [same] = [f.text for f in one.findings() if f.text.startswith("far ends outside")]
    assert "1 pair of the same seeds, which share the head they began with" in same and "no two P-T" in same
    assert math.isnan(one.uncommon("far").value) and math.isnan(one.ensemble_gain("far").value)


def of_average(noises, reference, **more):
    groups = {
        "P-T": [run("P-T", s, x) for s, x in enumerate(reference)],
        "soup": [
            run("soup", s, x, ended="finished" if x < 9 else "diverged at step 3") for s, x in enumerate(noises)
        ],
    }
    got = variants(NET, groups, SPLITS, kinds={"soup": ["average"]}, points=3, resamples=300, device="cpu", **more)
    [claimed] = [f for f in got.findings() if f.claim]
    assert claimed.claim == AVERAGE
    return claimed


def test_the_claim_about_averages_is_judged_over_networks_and_images():
    fine = of_average([0.1, 0.1, 0.1], [0.6, 0.6, 0.6])
    assert fine.verdict == "agrees" and fine.estimate.over == "networks and images"
    assert fine.low > 0 and "soup (average of parallel runs) ends better than P-T" in fine.text
    worse = of_average([2.0, 2.0, 2.0], [0.1, 0.1, 0.1])
    assert worse.verdict == "disagrees" and worse.high < -0.02 and "ends more than 2.0 points below P-T" in worse.text
    wide = of_average([0.3, 0.9, 0.3], [0.3, 0.9, 0.3], threshold=0.5)
    assert wide.verdict == "cannot tell" and "does not clearly end within 2.0 points" in wide.text


def test_one_run_against_one_does_not_decide():
    for runs in (1, 2):
        few = of_average([0.1] * runs, [1.5] * runs)
        assert few.verdict == "cannot tell" and few.low > 0 and few.estimate.over == "images"
        assert "a verdict needs at least three networks of each kind" in few.text


def test_an_averaged_run_that_fails_counts_as_chance():
    got = of_average([0.1, 0.1, 99.0], [0.1, 0.1, 0.1])
    chance = np.bincount(SPLITS.test.labels).max() / 400
    assert got.value < (chance - 1) / 3 + 0.1 and got.verdict == "cannot tell"
    gone = of_average([99.0] * 3, [0.1] * 3)
    assert gone.verdict == "disagrees" and gone.value == pytest.approx(chance - 1, abs=0.1)


def test_who_has_learned_nothing_has_nothing_to_lose():
    constant = {"1.weight": torch.zeros(CLASSES, 16), "1.bias": torch.tensor([0.0, 0.0, 1.0])}
    groups = {name: [run(name, seed, 0, params=constant) for seed in range(3)] for name in ("P-T", "soup", "top")}
    got = variants(NET, groups, SPLITS, kinds={"soup": ["average"], "top": ["top_singular"]}, points=3, device="cpu")
    assert got.chance == np.bincount(SPLITS.test.labels).max() / 400 and not got.learned
    first, average, *rest = got.findings()
    assert "P-T is not clearly better than always naming the most frequent class" in first.text
    assert average.claim == AVERAGE and average.verdict == "cannot tell" and average.value == 0.0
    assert "did not clearly beat chance" in average.why
    assert not any("good transfer" in f.text for f in rest)


def test_a_pretraining_that_learned_nothing_decides_nothing():
    silenced = of_average([0.1] * 3, [0.6] * 3, witnesses=[Witness("the pre-training", "P", "learned nothing")])
    assert silenced.verdict == "cannot tell" and silenced.why == "the pre-training learned nothing"


def test_a_run_that_learned_nothing_has_no_part_in_barriers_and_mistakes():
    constant = {"1.weight": torch.zeros(CLASSES, 16), "1.bias": torch.tensor([0.0, 0.0, 1.0])}
    groups = {"P-T": three("P-T", 0.4), "noisy": [*three("noisy", 0.5), run("noisy", 7, 0, params=constant)]}
    got = variants(NET, groups, SPLITS, points=3, device="cpu")
    [left] = got.left_out
    assert (left.subject, left.target) == ("noisy 7", "clipart") and "did not clearly beat chance" in left.reason
    assert not any("noisy 7" in (p.path.a, p.path.b) for p in got.paths("noisy"))
    without = variants(NET, groups | {"noisy": three("noisy", 0.5)}, SPLITS, points=3, device="cpu")
    assert got.uncommon("noisy") == without.uncommon("noisy")
    assert len(got.group("noisy").finals) == 4, "its metric counts"
    assert any(f.text.startswith("Left out of barriers and mistakes: noisy 7 on clipart") for f in got.findings())


def test_what_is_said_of_each_variant(found):
    half = [f for f in found.findings() if f.text.startswith(("half", "Two runs of half"))]
    assert "half (top singular values only)" in half[0].text and "good transfer" in half[0].text
    assert "over RI-T; 3" in half[0].text and "3 and 3 runs, 400 test images" in half[0].text
    assert all(f.claim is None for f in found.findings()), "open questions of the paper"
    noisy = next(f for f in found.findings() if f.text.startswith("Two runs of noisy"))
    assert noisy.value == pytest.approx(found.uncommon("noisy").value - found.uncommon("P-T").value)
    assert noisy.low < noisy.value < noisy.high and "3 and 3 pairs" in noisy.text
    ensemble = next(f for f in found.findings() if f.text.startswith("The logit ensemble of 3 runs of noisy"))
    gap = found.ensemble("noisy").value - found.ensemble("P-T").value
    assert ensemble.value == pytest.approx(gap)
    golden(found, "variants")


def test_diverged_runs_are_named_and_count_as_chance():
    gone = run("noisy", 7, 0.5, ended="diverged at step 3")
    groups = {
        "P-T": three("P-T", 0.4),
        "noisy": [*three("noisy", 0.5), gone],
        "lost": [run("lost", 0, 0, ended="diverged at step 1")],
    }
    got = variants(NET, groups, SPLITS, points=3, device="cpu")
    assert got.group("noisy").members == ("noisy 0", "noisy 1", "noisy 2")
    frame, runs = got.frame().set_index("start"), got.run_frame().set_index("run")
    assert (frame.loc["noisy", "seeds"], frame.loc["noisy", "diverged"]) == (3, 1)
    finals = got.group("noisy").finals
    assert frame.loc["noisy", "final"] == pytest.approx(np.mean([*finals, got.chance]))
    assert frame.loc["lost", "final"] == pytest.approx(got.chance) and math.isnan(runs.loc["noisy 7", "final"])
    assert runs.loc["noisy 2", "final"] == got.group("noisy").finals[2]
    last = got.findings()[-1]
    assert last.value == 2 and last.text.startswith("2 runs of 8 diverged, counted as chance in metric and speed")
    lost = [f for f in got.findings() if f.text.startswith("lost")]
    assert len(lost) == 2 and lost[0].value == pytest.approx(got.chance - got.final("P-T").value)


def test_multi_label_is_judged_by_auc():
    test = pictures(multilabel=True)
    groups = {"P-T": three("P-T", 0.4)[:2], "noisy": three("noisy", 0.8)[:2]}
    got = variants(NET, groups, ImageSplits(test, test, test), points=3, device="cpu")
    logits = [torch.from_numpy(x) for x in slow(groups, "noisy")]
    labels = torch.from_numpy(test.labels).float()
    aucs = [macro_auroc(x, labels).macro for x in logits]
    assert got.group("noisy").finals == pytest.approx(aucs, abs=1e-6)
    assert got.ensemble("noisy").value == pytest.approx(macro_auroc(sum(logits) / 2, labels).macro, abs=1e-6)
    known = test.labels >= 0
    right = [((x > 0).numpy() == (test.labels == 1)) & known for x in logits]
    assert got.disagreement("noisy").value == pytest.approx((right[0] != right[1]).sum() / known.sum())
    assert got.final("noisy").over == "images"
    assert any("test AUC" in f.text for f in got.findings())
    assert any("the 1 − AUC rises by" in f.text for f in got.findings())


def test_round_trip(found, tmp_path):
    found.save(tmp_path)
    back = Variants.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(found), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == found.findings() and back.frame().equals(found.frame())


def test_scratch_may_be_missing():
    got = variants(
        NET, {"P-T": three("P-T", 0.4)[:1], "noisy": three("noisy", 0.5)[:1]}, SPLITS, points=3, device="cpu"
    )
    assert got.scratch == "" and not any("RI-T" in f.text for f in got.findings())


def test_bad_input_is_named():
    one, other = three("P-T", 0.4)[:1], three("noisy", 0.5)[:1]
    with pytest.raises(UsageError, match="reference 'P-T'; did you mean 'P-T2'"):
        variants(NET, {"P-T2": one, "noisy": other}, SPLITS)
    with pytest.raises(UsageError, match="nothing to compare with 'P-T'; give the runs of another start"):
        variants(NET, {"P-T": one}, SPLITS)
    with pytest.raises(UsageError, match="no runs from the start 'noisy'"):
        variants(NET, {"P-T": one, "noisy": []}, SPLITS)
    with pytest.raises(UsageError, match="two runs are called 'P-T 0'"):
        variants(NET, {"P-T": one, "noisy": one}, SPLITS)
    with pytest.raises(UsageError, match="kinds: no runs from a start 'nosy'; did you mean 'noisy'"):
        variants(NET, {"P-T": one, "noisy": other}, SPLITS, kinds={"nosy": ["average"]})
    with pytest.raises(UsageError, match="kinds of 'noisy': 'averag'; did you mean 'average'"):
        variants(NET, {"P-T": one, "noisy": other}, SPLITS, kinds={"noisy": ["averag"]})
    with pytest.raises((UsageError, TypeError), match="devise"):
        variants(NET, {"P-T": one, "noisy": other}, SPLITS, devise="cpu")
    sketch = Run("noisy 0", "", "", 0, "sketch", Recipe(), {}, {}, {})
    with pytest.raises(UsageError, match="runs on several targets: clipart, sketch; ask about one at a time"):
        variants(NET, {"P-T": one, "noisy": [sketch]}, SPLITS)
