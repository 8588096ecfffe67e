import math
import re

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet
from transferscope.errors import SpecError, UsageError
from transferscope.questions.theory.inputs import halves, task
from transferscope.questions.theory.measure import Theory, ntk_transfer, theory_scores
from transferscope.questions.theory.study import TheoryQuestion
from transferscope.records import to_tree
from transferscope.study.check import check
from transferscope.study.load import parse_study
from transferscope.study.run import run_study
from transferscope.study.stored_study import open_study
from transferscope.study.yaml_input import parse_yaml

from .drawn import drawn
from .golden import golden


def made(n=24, d=12, seed=0, turn=0.0, flip=1.0):
    """Inputs labelled by the side of a plane they lie on; ``turn`` turns the plane."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, flip * np.sign(math.cos(turn) * x[:, 0] + math.sin(turn) * x[:, 1])


def images(n=20, classes=2, seed=0, name="images", side=4):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    pixels = (rng.integers(0, 100, (n, side, side, 3)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    names = tuple(f"c{c}" for c in range(classes))
    return ImageSet(pixels, labels, names, np.arange(n).astype(str), name=name)


@pytest.fixture(scope="module")
def trained():
    return ntk_transfer(made(8), made(7, seed=1, turn=1.0), widths=(64, 512, 4096), seeds=4, resamples=30)


def slow_scores(P, Q, centre=True):
    """Both ratios and the alignment by dense algebra, pair by pair."""
    (p, y), (q, z) = ((np.array(x), np.array(labels, dtype=float)) for x, labels in (P, Q))
    shift = (p.mean(0) + q.mean(0)) / 2 if centre else 0
    p, q = ((x - shift) / np.linalg.norm(x - shift, axis=1, keepdims=True) for x in (p, q))

    def h(a, b):
        cosines = [[min(1.0, max(-1.0, float(u @ v))) for v in b] for u in a]
        return np.array([[c * (math.pi - math.acos(c)) / (2 * math.pi) for c in row] for row in cosines])

    said = h(p, q).T @ np.linalg.inv(h(p, p)) @ y
    r, inverse = z - said, np.linalg.inv(h(q, q))
    whole = z @ inverse @ z
    return r @ inverse @ r / whole, r @ r / (z @ z), z @ inverse @ said / math.sqrt(whole * (said @ inverse @ said))


@pytest.mark.parametrize("centre", [True, False])
def test_scores_are_those_of_dense_algebra(centre):
    P, Q = made(11), made(9, seed=1, turn=0.4)
    (one,) = ntk_transfer(P, Q, widths=(), centre=centre, resamples=20).scores
    assert (one.move, one.gradient, one.alignment) == pytest.approx(slow_scores(P, Q, centre), abs=1e-6)
    assert (one.source_images, one.target_images, one.merged, one.fitted) == (11, 9, 0, False)


def test_a_like_source_helps_a_flipped_one_is_in_the_way_and_a_turned_one_neither():
    found = theory_scores(
        {"P": made(150, 20)},
        {
            "like": made(150, 20, 1),
            "flipped": made(150, 20, 2, flip=-1),
            "turned": made(150, 20, 3, turn=math.pi / 2),
        },
    )
    like, flipped, turned = found.scores
    assert like.move < 1 and like.gradients.high < 1 and like.p <= 0.02 and like.alignment > 0.3
    assert flipped.moves.low > 1 and flipped.gradients.low > 1 and flipped.p <= 0.02 and flipped.alignment < -0.2
    assert turned.p > 0.05 and abs(turned.alignment) < 0.2
    words = [f.text for f in found.findings() if "pre-training" in f.text]
    assert ["pre-training helps:" in words[0], "pre-training is in the way:" in words[1]] == [True, True]
    assert like.target_complexity < like.random_complexity
    assert like.moves.over == "images" and like.moves.n == 300


def test_intervals_over_images_hold_what_other_images_give():
    """Of forty pairs of sets from one source of data the mean score is in the interval of nearly all."""
    found = [
        theory_scores({"P": made(60, 8, 2 * s)}, {"Q": made(60, 8, 2 * s + 1, turn=0.8)}, resamples=40).scores[0]
        for s in range(40)
    ]
    truth = math.exp(np.log([one.move for one in found]).mean())
    held = sum(one.moves.low < truth < one.moves.high for one in found)
    assert held >= 36  # of a 95 % interval 36 or more in 95 % of cases
    assert np.mean([one.moves.high / one.moves.low for one in found]) < 2


def test_shuffled_labels_of_a_source_are_found_as_often_as_by_chance():
    rng = np.random.default_rng(0)
    low = 0
    for s in range(40):
        x, y = made(40, 8, 2 * s)
        one = theory_scores({"P": (x, rng.permutation(y))}, {"Q": made(40, 8, 2 * s + 1)}, resamples=39).scores[0]
        low += one.p <= 0.1
    assert low <= 9  # 4 in the mean; more than 9 in 1 % of cases


def test_wide_networks_do_what_the_theorems_say(trained):
    (of,) = trained.experiments
    assert of.widths == (64, 512, 4096) and of.seeds == (0, 1, 2, 3) and of.converged
    for what in ("gradient", "moved"):
        excess = trained.excess(of, what)
        assert abs(excess.value) < 0.05 and excess.over == "pre-trainings" and excess.n == 4
    slope = trained.slope(of, "outputs")
    assert slope.low < -0.5 < slope.high and slope.high < -0.2
    flips = [np.mean([run.flips for run in of.of(m)]) for m in of.widths]
    assert flips[0] > 2 * flips[1] > 4 * flips[2] > 0
    for run in of.runs:
        assert run.at_start == pytest.approx(7) and run.gradient_printed == pytest.approx(run.gradient_exact)
        assert run.moved_printed == pytest.approx(run.moved_exact)
        assert run.gradient_finite == pytest.approx(run.gradient_exact, rel=0.01)
        assert run.source_left < 1e-3 and run.target_left < 1e-3


def test_predictions_are_those_of_dense_algebra(trained):
    P, Q = made(8), made(7, seed=1, turn=1.0)
    move, gradient, _ = slow_scores(P, Q)
    run = trained.experiments[0].runs[0]
    one = trained.scores[0]
    assert run.gradient_printed == pytest.approx(gradient * 7)
    assert run.moved_printed == pytest.approx(move * one.target_complexity**2 * 7 / 2)


def test_the_gradient_at_the_activations_is_the_length_of_the_error():
    """‖∂L/∂X₁‖² = ‖u − y‖² by automatic differentiation, whatever the network: a² = 1."""
    from transferscope.numerics.two_layer import start_two_layer
    from transferscope.rng import generator

    net = start_two_layer(30, 4, start="independent", generator=generator("identity"))
    x = torch.randn(5, 4, dtype=torch.float64, generator=generator("x"))
    y = torch.randn(5, dtype=torch.float64, generator=generator("y"))
    a = torch.cat([torch.ones(net.positive), -torch.ones(30 - net.positive)]).double()
    active = (x @ net.weights.T).relu().requires_grad_()
    loss = 0.5 * (y - active @ a / math.sqrt(30)).square().sum()
    (gradient,) = torch.autograd.grad(loss, active)
    assert float(gradient.square().sum()) == pytest.approx(float((net.outputs(x) - y).square().sum()))


def test_independent_units_need_the_form_with_what_they_say_at_the_start():
    found = ntk_transfer(made(8), made(7, seed=1), widths=(8192,), seeds=3, start="independent", resamples=20)
    (of,) = found.experiments
    assert abs(found.excess(of, "moved", "exact").value) < 0.1
    assert max(abs(run.moved / run.moved_printed - 1) for run in of.runs) > 0.3
    theorems = [f for f in found.findings() if "Theorem" in f.text]
    assert [f.claim for f in theorems] == [None, None], "the theorems as printed are not about them at κ = 1"
    assert all("than the form with what networks say at their start" in f.text for f in theorems)


def test_several_columns_are_networks_of_their_own_and_their_sum():
    x, y = made(8)
    z = np.sign(x[:, 1])
    q, w = made(7, seed=1)
    two = ntk_transfer((x, np.stack([y, z], 1)), (q, np.stack([w, w], 1)), widths=(64,), seeds=1, resamples=20)
    single = [ntk_transfer((x, labels), (q, w), widths=(64,), seeds=1, resamples=20) for labels in (y, z)]
    for what in ("gradient", "moved", "gradient_finite", "moved_finite"):
        parts = [getattr(of.experiments[0].runs[0], what) for of in single]
        assert getattr(two.experiments[0].runs[0], what) == pytest.approx(sum(parts))


def test_stopped_training_is_said_and_finite_steps_are_predicted():
    found = ntk_transfer(made(8), made(7, seed=1), widths=(4096,), seeds=3, most_steps=3, resamples=20)
    (of,) = found.experiments
    assert not of.converged and (of.source_steps, of.target_steps) == (3, 3)
    assert abs(found.excess(of, "moved", "finite").value) < 0.05 < abs(found.excess(of, "moved").value)
    assert any("training stopped after 3 and 3 steps" in f.text for f in found.findings())
    long = ntk_transfer(made(8), made(7, seed=1), widths=(4096,), seeds=4, most_steps=3, resamples=20)
    judged = [f for f in long.findings() if f.claim]
    assert {(f.verdict, f.p) for f in judged} == {("cannot tell", None)} and len(judged) == 2
    assert all("training was cut short" in f.why for f in judged)


def test_images_have_a_centred_column_a_class():
    found = task("t", images(6, 3))
    assert found.y.numpy() == pytest.approx(np.eye(3)[[0, 1, 2, 0, 1, 2]] - 1 / 3)
    assert found.x.shape == (6, 48) and float(found.x.max()) <= 1
    two = halves(images(6, 3), 10, "t")
    assert two.y[:, 0].tolist() == [1, 1, -1, 1, 1, -1]


def test_images_with_several_labels_have_theirs_less_the_mean_and_unknown_ones_none():
    labels = np.array([[1, 0], [0, -1], [1, 1]], np.int8)
    several = ImageSet(np.ones((3, 2, 2, 1), np.uint8), labels, ("a", "b"), np.arange(3).astype(str))
    assert task("t", several).y.numpy() == pytest.approx(np.array([[1 / 3, -0.5], [-2 / 3, 0], [1 / 3, 0.5]]))
    assert halves(several, 3, "t").y[:, 0].tolist() == [1, -1, 1]


def test_other_classes_have_a_fitted_head_which_is_said():
    found = theory_scores(images(24, 2, name="P"), {"Q": images(24, 3, seed=1)}, resamples=20)
    (one,) = found.scores
    assert one.fitted and (one.source, one.target) == ("P", "Q")
    assert one.gradient <= 1, "a fitted head can be zero"
    (said,) = [f.text for f in found.findings() if "a linear head between their classes fitted" in f.text]
    assert ("helps no more than one with shuffled labels" in said) == (one.p >= 0.05)
    alone = ntk_transfer(images(24, 2, name="P"), images(24, 3, seed=1, name="Q"), resamples=20)
    assert not alone.experiments and "other classes" in alone.left_out[0].reason
    assert any("networks from P on Q: labels are of other classes" in f.text for f in alone.findings())


def test_the_fitted_head_is_that_of_least_squares():
    p, q = images(24, 2, name="P"), images(24, 3, seed=1)
    (one,) = theory_scores(p, {"Q": q}, resamples=20).scores
    P, Q = task("P", p), task("Q", q)
    from transferscope.numerics.lazy import lazy_transfer
    from transferscope.questions.theory.inputs import both

    sides = both(P, Q, centre=True)
    theory = lazy_transfer(*sides)
    said = theory.transferred(sides[0].y).numpy()
    best = sides[1].y.numpy() - said @ np.linalg.lstsq(said, sides[1].y.numpy(), rcond=1e-6)[0]
    assert one.gradient == pytest.approx((best**2).sum() / float(sides[1].y.square().sum()), rel=1e-3)


def test_networks_are_trained_from_the_first_source_only_and_no_set_is_held_against_itself():
    sets = {"a": images(24, 2, side=4), "b": images(24, 2, seed=1), "c": images(24, 2, seed=2, side=8)}
    found = theory_scores(sets, sets, widths=(32,), seeds=1, network_images=6, images=20, resamples=20)
    assert [(s.source, s.target) for s in found.scores] == [("a", "b"), ("b", "a")]
    assert [(e.source, e.target) for e in found.experiments] == [("a", "b"), ("b", "a")]
    assert [(e.source_images, e.labels) for e in found.experiments] == [(6, "one half of the classes")] * 2
    assert (
        len(found.left_out) == 4 and "inputs have other sizes: 48 numbers and 192 numbers" in found.left_out[0].reason
    )


def test_equal_inputs_are_merged_and_counted_and_conflicts_refused():
    x, y = made(12)
    twice = np.concatenate([x, x[:3]]), np.concatenate([y, y[:3]])
    found = ntk_transfer(twice, made(9, seed=1), widths=(), centre=False, resamples=20)
    assert found.scores[0].merged == 3 and found.scores[0].source_images == 12
    assert any("3 inputs of 24 left out: the same input had come before" in f.text for f in found.findings())
    with pytest.raises(UsageError, match="P: rows 0 and 12 are the same input with other labels"):
        ntk_transfer((twice[0], np.concatenate([y, -y[:3]])), made(9, seed=1), widths=(), centre=False)


def test_a_ridge_is_in_the_kernels_and_is_said():
    plain, ridged = (ntk_transfer(made(12), made(9, seed=1), widths=(), ridge=r, resamples=20) for r in (0.0, 0.1))
    assert ridged.scores[0].target_least == pytest.approx(plain.scores[0].target_least + 0.05)
    assert any("a ridge of 0.1 of the mean of the diagonal" in f.text for f in ridged.findings())


def test_few_inputs_have_no_interval():
    (one,) = ntk_transfer(made(7), made(9, seed=1), widths=(), resamples=20).scores
    assert not one.moves.known and one.moves.value == one.move


def test_tables(trained):
    row = trained.frame().iloc[0]
    assert row["move_low"] != row["move_low"], "seven images give no interval"
    assert (row["source"], row["target"], row["source_images"]) == ("P", "Q", 8)
    networks = trained.network_frame()
    assert len(networks) == 12 and networks.groupby("units").size().tolist() == [4, 4, 4]
    assert {"gradient_printed", "gradient_exact", "gradient_finite", "flips"} <= set(networks.columns)


def test_both_claims_are_judged_by_the_widest_networks(trained):
    judged = {f.claim: f for f in trained.findings() if f.claim}
    assert {claim: f.verdict for claim, f in judged.items()} == {"002-6-a": "agrees", "002-6-b": "agrees"}
    assert judged["002-6-a"].value == trained.excess(trained.experiments[0], "gradient").value
    assert all(f.scope == "" for f in judged.values()), "each network has a pre-training of its own"
    two = ntk_transfer(made(8), made(7, seed=1), widths=(512,), seeds=2, resamples=20)
    assert {f.why for f in two.findings() if f.claim} == {
        "a verdict needs at least four networks, each pre-trained anew"
    }


def test_sentences(trained):
    golden(trained, "theory")


def test_round_trip(tmp_path, trained):
    trained.save(tmp_path)
    back = Theory.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(trained), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.findings() == trained.findings()


def test_pictures(trained):
    fig = drawn(trained)
    ratio, errors, flips, scores = fig.get_axes()
    assert ratio.get_title(loc="left") == "Measured over predicted" and errors.get_yscale() == "log"
    (line,) = flips.get_lines()
    assert list(line.get_xdata()) == [64, 512, 4096] and line.get_ydata()[0] > line.get_ydata()[-1]
    assert [t.get_text() for t in scores.get_yticklabels()] == ["P → Q"]
    alone = theory_scores({"a": made(30)}, {"b": made(30, seed=1), "c": made(30, seed=2)}, resamples=20)
    assert len(drawn(alone).get_axes()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"widths": 256}, "widths 256: expected several numbers of units"),
        ({"widths": ["a"]}, "widths 'a': expected a whole number, 1 or more"),
        ({"seeds": 0}, "seeds 0: expected a whole number, 1 or more"),
        ({"most_steps": -1}, "most_steps -1: expected a whole number, 1 or more"),
        ({"resamples": 1}, "resamples 1: expected a whole number, 2 or more"),
        ({"start": "foo"}, "start 'foo': expected 'mirrored' or 'independent'"),
    ],
)
def test_settings_are_what_they_are_taken_for(settings, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        ntk_transfer(made(8), made(7, seed=1), **{"widths": (8,), **settings})


def test_what_is_no_data_is_named():
    good, (x, y) = made(8), made(7, seed=1)
    for bad, said in (
        ("synthetic:photo", "Q: expected images, or inputs and labels as a pair (x, y); got str"),
        ((x, y, y), "got tuple of 3"),
        ((x, ["a"] * 7), "Q: its labels are no array of real numbers"),
        ((np.asarray(x) * 1j, y), "Q: its inputs are no array of real numbers (complex numbers)"),
        ((x, np.zeros(7)), "Q: all its labels are 0, so that there is nothing to learn"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            ntk_transfer(good, bad, widths=())
    one = images(classes=3)
    alike = ImageSet(one.images, np.zeros(len(one), np.int64), one.classes, one.ids, name="alike")
    with pytest.raises(UsageError, match=f"alike: its {len(one)} images are of one class"):
        theory_scores({"one": one}, {"alike": alike})


def test_bad_input_is_named():
    with pytest.raises(UsageError, match=r"P: inputs of shape \(3, 2\) and labels of shape \(2, 1\); expected"):
        ntk_transfer((np.eye(3)[:, :2], [1, -1]), made(4))
    with pytest.raises(UsageError, match="P: a label of 3; the theorems want labels from −1 to 1"):
        ntk_transfer((np.eye(3), [1, 2, 3]), made(4))
    with pytest.raises(UsageError, match="P has inputs of 12 numbers and Q of 5; both must have as many"):
        ntk_transfer(made(4), made(4, 5))
    with pytest.raises(UsageError, match="theory of no source and target"):
        theory_scores({}, {"Q": made(4)})
    same = images()
    with pytest.raises(UsageError, match="not the same for both"):
        theory_scores({"a": same}, {"a": same})


STUDY = """
name: theory
network: lenet
images: {size: 16}
recipe: {epochs: 1, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: none}, precision: float32}
SOURCE
targets:
  clipart: {data: "synthetic:clipart?train=48&test=24"}
  photo: {data: "synthetic:photo?train=48&test=24"}
starts: {RI-T: {from: random, seeds: [0]}}
analyses:
  theory: {images: 40, network_images: 8, widths: [64, 256], seeds: 3, resamples: 20BETWEEN}
"""


SOURCE = 'source: {data: "synthetic:source?train=48&test=24"}'


def asked(source="", between=""):
    return parse_study(parse_yaml(STUDY.replace("SOURCE", source).replace("BETWEEN", between)))


def test_in_a_study(tmp_path):
    folder, outcome = run_study(asked(SOURCE), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome
    (found,) = open_study(folder.root).results("theory").values()
    assert [(s.source, s.target, s.fitted) for s in found.scores] == [
        ("source", "clipart", True),
        ("source", "photo", True),
    ]
    assert [e.target for e in found.experiments] == ["clipart", "photo"]


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="greater than or equal to 8"):
        TheoryQuestion(question="theory", images=3)
    with pytest.raises(SpecError, match="needs images of a pre-training, and the study has weights only"):
        check(asked())
    with pytest.raises(SpecError, match="holds targets against one another and there is one; add a target"):
        check(asked(between=", between: targets, targets: [photo]"))
    with pytest.raises(SpecError, match=r"theory\.widths: 65 units cannot be mirrored; give even numbers"):
        check(parse_study(parse_yaml(STUDY.replace("SOURCE", SOURCE).replace("BETWEEN", "").replace("[64", "[65"))))


def test_targets_against_one_another(tmp_path):
    folder, outcome = run_study(asked(between=", between: targets"), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome
    (found,) = open_study(folder.root).results("theory").values()
    assert [(s.source, s.target, s.fitted) for s in found.scores] == [
        ("clipart", "photo", False),
        ("photo", "clipart", False),
    ]
