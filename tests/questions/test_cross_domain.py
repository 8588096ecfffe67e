from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.questions._path_evidence import gain_of
from transferscope.questions.cross_domain.measure import CrossDomain, cross_domain
from transferscope.rng import numpy_generator

from .golden import golden

MODULE = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
NET = Network(MODULE, "two pixels", 2, Input((1, 2), 1, (0.5,), (0.5,)))


def domain(name: str, pixel: int | None, n: int = 400) -> ImageSet:
    """The class is the sign of one pixel; the other is weaker noise (``None``: either pixel, image by image)."""
    r = numpy_generator("domain", name)
    labels = r.integers(0, 2, n)
    signal, noise = np.where(labels == 1, 250, 5), r.integers(60, 190, n)
    which = r.integers(0, 2, n) if pixel is None else np.full(n, pixel)
    pixels = np.where(which[:, None] == np.arange(2), signal[:, None], noise[:, None])
    return ImageSet(
        pixels.astype(np.uint8).reshape(n, 1, 2, 1), labels, ("a", "b"), np.arange(n).astype(str), name=name
    )


def reads(first: float, second: float, label: str, role: str) -> Solution:
    w = torch.tensor([[-first, -second], [first, second]], dtype=torch.float32)
    return Solution(label, {"1.weight": w}, role, "P" if role == "P-T" else label)


SETS = {"left": domain("left", 0), "right": domain("right", 1), "either": domain("either", None)}
SOLUTIONS = {
    "left": [reads(3, -1, "left P-T 0", "P-T"), reads(3, -3, "left RI-T 0", "RI-T")],
    "right": [reads(-1, 3, "right P-T 0", "P-T"), reads(-3, 3, "right RI-T 0", "RI-T")],
}


@pytest.fixture(scope="module")
def found() -> CrossDomain:
    return cross_domain(NET, SOLUTIONS, SETS, device="cpu", lambdas=9)


def test_every_role_is_joined_and_evaluated_everywhere(found):
    assert [(p.trained_on, p.path.a, p.path.b, p.path.kind) for p in found.paths] == [
        (("left", "right"), "left P-T 0", "right P-T 0", "P-T & P-T"),
        (("left", "right"), "left RI-T 0", "right RI-T 0", "RI-T & RI-T"),
    ]
    assert found.paths[0].path.sets == ("left", "right", "either")
    ends = found.paths[0].path.curve("left", "error").values
    assert ends[0] == 0.0 and ends[-1] > 0.05  # at home and away


def test_the_middle_beats_both_ends_where_it_must(found):
    # On "either" each end fails on the images that carry the other's pixel; (1, 1) reads both.
    gain = gain_of(found.paths[:1], "either")
    curve = found.paths[0].path.curve("either", "error").values
    assert curve[4] == 0.0
    assert gain.value.value == pytest.approx(min(curve[0], curve[-1]))
    assert gain.value.low > 0 and found.paths[0].path.lambdas[gain.at] == 0.5
    home = gain_of(found.paths[:1], "left")
    assert home.value.value <= 0  # nothing beats no error


def test_one_network_of_each_kind_describes(found):
    findings = found.findings()
    middle = next(f for f in findings if f.claim == "000-B.7-b" and "evaluated on either" in f.text)
    assert (middle.verdict, middle.target, middle.estimate.over) == ("cannot tell", "left & right", "images")
    assert middle.low > 0.1 and middle.n == 400
    # of others than P-T it is said only where the middle is better, which it is not
    assert not [f for f in findings if "RI-T 0 (right), evaluated on" in f.text]
    away = [f for f in findings if f.claim == "000-B.7-a"]
    assert [f.target for f in away] == ["left", "left", "right", "right"]  # two domains, each on the two others
    assert {f.verdict for f in away} == {"cannot tell"} and len(found.advantages) == 4
    assert away[0].value == pytest.approx(found.advantages[0].difference)
    assert all(f.why == "a verdict needs at least three networks of each kind" for f in (middle, *away))


def several(n: int, unfit: str = "") -> dict[str, list[Solution]]:
    shift = [0.02 * i for i in range(n)]
    left = [reads(3 - x, -1, f"left P-T {i}", "P-T") for i, x in enumerate(shift)]
    left += [reads(3, -3 + x, f"left RI-T {i}", "RI-T") for i, x in enumerate(shift)]
    right = [reads(-1, 3 - x, f"right P-T {i}", "P-T") for i, x in enumerate(shift)]
    right += [reads(-3 + x, 3, f"right RI-T {i}", "RI-T") for i, x in enumerate(shift)]
    if unfit:
        left[n - 1] = replace(left[n - 1], unfit=unfit)
    return {"left": left, "right": right}


@pytest.fixture(scope="module")
def many() -> CrossDomain:
    return cross_domain(NET, several(3), SETS, device="cpu", lambdas=5)


def test_three_of_each_kind_decide(many):
    found = [f for f in many.findings() if f.claim]
    middle = next(f for f in found if f.claim == "000-B.7-b" and "evaluated on either" in f.text)
    assert (middle.verdict, middle.n, middle.estimate.over) == ("agrees", 6, "networks and images")
    assert middle.estimate.n == 3  # pairs share no network, so each is one number
    away = next(f for f in found if f.claim == "000-B.7-a" and "evaluated on right" in f.text)
    assert (away.verdict, away.target, away.n) == ("agrees", "left", 6)
    errors = {p.path.a: p.path.curve("right", "error").values[0] for p in many.paths}
    worse, better = (np.mean([e for k, e in errors.items() if k.startswith(r)]) for r in ("left RI-T", "left P-T"))
    assert away.value == pytest.approx(worse - better)


def test_a_run_that_diverged_counts_as_chance(many):
    solutions = several(3)
    solutions["left"].pop()
    witnesses = {
        "left": (*(Witness(f"P-T {i}", "P-T") for i in range(3)), *(Witness(f"RI-T {i}", "RI-T") for i in range(2)),
                 Witness("RI-T 2", "RI-T", "diverged at step 3"), Witness("the pre-training", "P")),
        "right": tuple(Witness(f"RI-T {i}", "RI-T") for i in range(3)),
    }  # fmt: skip
    found = cross_domain(NET, solutions, SETS, device="cpu", lambdas=5, witnesses=witnesses)
    away = next(f for f in found.findings() if f.target == "left" and "evaluated on right" in f.text)
    errors = [p.path.curve("right", "error").values[0] for p in found.paths if p.path.a.startswith("left RI-T")]
    right = [p.path.curve("right", "error").values[0] for p in found.paths if p.path.a.startswith("left P-T")]
    chance = 1 - np.bincount(SETS["right"].labels).max() / 400
    assert away.value == pytest.approx(np.mean([*errors, chance]) - np.mean(right)) and away.n == 6
    assert "(left RI-T 2 failed and counts as chance)" in away.text
    assert [o.text for o in found.left_out] == ["right RI-T 2: has no counterpart on another domain"]
    none = cross_domain(
        NET, {d: s[:3] for d, s in several(3).items()}, SETS, device="cpu", lambdas=3,
        witnesses={"left": tuple(Witness(f"RI-T {i}", "RI-T", "diverged at step 3") for i in range(3))},
    )  # fmt: skip
    lost = next(f for f in none.findings() if f.claim == "000-B.7-a")
    assert lost.value == pytest.approx(chance - np.mean(right)) and lost.estimate.general and lost.n == 6


def test_a_network_that_learned_nothing_is_left_out_of_the_middle_and_not_of_the_errors():
    found = cross_domain(NET, several(4, "learned nothing"), SETS, device="cpu", lambdas=5)
    assert [o.text for o in found.left_out] == ["left P-T 3: learned nothing"]
    middle = next(f for f in found.findings() if "P-T of left and of right (3 pairs), evaluated on either" in f.text)
    assert (middle.claim, middle.verdict) == ("000-B.7-b", "agrees")
    assert next(f for f in found.findings() if f.claim == "000-B.7-a").n == 8


def test_a_pre_training_of_both_domains_that_learned_nothing_is_named_once(many):
    both = (Witness("the pre-training", "P", "learned nothing"),)
    claimed = [f for f in replace(many, witnesses={"left": both, "right": both}).findings() if f.claim]
    assert {f.why for f in claimed} == {"the pre-training learned nothing"}


def test_sentences(many):
    golden(many, "cross_domain")


def test_an_unknown_option():
    with pytest.raises(UsageError, match=r"^cross_domain has no option 'lamdas'; did you mean 'lambdas'\?$"):
        cross_domain(NET, SOLUTIONS, SETS, lamdas=5)


def test_the_advantage_is_paired(found):
    a = next(a for a in found.advantages if (a.trained_on, a.images) == ("left", "right"))
    good, bad = (p.path.curve("right", "error").values[0] for p in found.paths)
    assert a.difference == pytest.approx(bad - good)
    x = NET.input.prepare(torch.from_numpy(SETS["right"].images)).flatten(1)
    wrong = [
        ((x @ s.params["1.weight"].T).argmax(1).numpy() != SETS["right"].labels).astype(float)
        for s in SOLUTIONS["left"]
    ]
    error = (wrong[1] - wrong[0]).std() / np.sqrt(400)
    assert a.high - a.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_storage(found, tmp_path):
    found.save(tmp_path)
    again = CrossDomain.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.findings() == found.findings()
    assert {"trained_on_a", "trained_on_b", "images", "lambda"} <= set(found.frame().columns)


def test_unions_belong_to_another_question():
    solutions = SOLUTIONS | {"left+right": [reads(1, 1, "both P-T 0", "P-T")]}
    found = cross_domain(NET, solutions, SETS, device="cpu", lambdas=3)
    assert {p.trained_on for p in found.paths} == {("left", "right")}


def test_batch_norm_is_recalibrated_on_both_domains():
    net = Network(
        nn.Sequential(nn.Flatten(), nn.BatchNorm1d(2), nn.Linear(2, 2)), "normed", 2, Input((1, 2), 1, (0.5,), (0.5,))
    )
    solutions = {d: [Solution(f"{d} P-T", net.params(), "P-T", "P")] for d in ("left", "right")}
    train = {d: domain(d, i, 100) for i, d in enumerate(("left", "right"))}
    found = cross_domain(net, solutions, SETS, train=train, device="cpu", lambdas=3)
    assert found.how.norm == "recalibrated" and found.how.recalibrated_on == "128 images of left + right"
    with pytest.raises(UsageError, match="normed has batch norm"):
        cross_domain(net, solutions, SETS, device="cpu", lambdas=3)


def test_what_cannot_be_compared():
    other = ImageSet(SETS["left"].images, SETS["left"].labels, ("a", "c"), SETS["left"].ids)
    with pytest.raises(UsageError, match="left and right have different classes"):
        cross_domain(NET, SOLUTIONS, {"left": SETS["left"], "right": other}, device="cpu")
    with pytest.raises(UsageError, match="no two solutions of one role on two of the domains left"):
        cross_domain(NET, {"left": SOLUTIONS["left"]}, SETS, device="cpu")
    with pytest.raises(UsageError, match="give one a domain"):
        cross_domain(NET, SOLUTIONS, {}, device="cpu")


def test_a_broken_network_is_left_out_and_named():
    bad = Solution("right P-T 0", {"1.weight": torch.full((2, 2), torch.nan)}, "P-T", "P")
    solutions = {"left": SOLUTIONS["left"], "right": [bad, SOLUTIONS["right"][1]]}
    found = cross_domain(NET, solutions, SETS, device="cpu", lambdas=3)
    assert [p.path.kind for p in found.paths] == ["RI-T & RI-T"] and len(found.left_out) == 1
    assert found.findings()[-1].text.startswith("Left out: left P-T 0 & right P-T 0: right P-T 0: '1.weight' holds")
