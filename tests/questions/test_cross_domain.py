import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.questions.cross_domain.measure import CrossDomain, cross_domain
from transferscope.rng import numpy_generator

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
    gain = next(g for g in found.paths[0].gains if g.images == "either")
    curve = found.paths[0].path.curve("either", "error").values
    assert curve[4] == 0.0
    assert gain.gain == pytest.approx(min(curve[0], curve[-1])) and gain.low > 0 and gain.at == 0.5
    home = next(g for g in found.paths[0].gains if g.images == "left")
    assert home.gain <= 0  # nothing beats no error


def test_findings(found):
    texts = {f.text: f for f in found.findings()}
    middle = next(
        f for t, f in texts.items() if t.startswith("Between left P-T 0 (left) and right P-T 0 (right), eva")
    )
    assert middle.claim.startswith("000 B.7")
    on_either = next(f for t, f in texts.items() if "P-T 0 (right), evaluated on either" in t and f.claim)
    assert on_either.verdict == "agrees" and "points lower than at the better end" in on_either.text
    # of others than P-T it is said only where the middle is better
    of_random = [f for t, f in texts.items() if "RI-T 0 (right), evaluated on" in t]
    assert all(f.claim is None and f.low > 0 for f in of_random)
    advantage = next(
        f for t, f in texts.items() if t.startswith("Trained on left and evaluated on right, left P-T 0")
    )
    assert advantage.claim.endswith("on a domain neither was trained on")
    assert len(found.advantages) == 4  # two domains, each on the two others


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
    assert any("left P-T 0 & right P-T 0 left out" in f.text for f in found.findings())
