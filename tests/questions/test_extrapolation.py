import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.questions.extrapolation.measure import Extrapolation, extrapolation

from .golden import golden


class Threshold(nn.Module):
    """Says class 0 where w > x and x > −w: pixels below |w| are right."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x.flatten(1)
        return torch.cat([self.w - x, x - self.w], 1)


NET = Network(Threshold(), "threshold", 2, Input((1, 1), 1, (0.0,), (1.0,)))


def ramp() -> ImageSet:
    """Grey levels 0…255 four times over, all of class 0: the error at w is the share of pixels ≥ 255·w."""
    pixels = np.tile(np.arange(256, dtype=np.uint8), 4).reshape(-1, 1, 1, 1)
    return ImageSet(pixels, np.zeros(1024, np.int64), ("a", "b"), np.arange(1024).astype(str), name="test")


def at(w: float, label: str, role: str = "", group: str = "") -> Solution:
    return Solution(label, {"w": torch.tensor([w])}, role, group)


@pytest.fixture(scope="module")
def found() -> Extrapolation:
    # w = 0.8 + 0.2λ: from 0.6 at λ = −1 over 0.8 and 1.0 to 1.2 at λ = 2; the error is 1 − w up to w = 1.
    pairs = [(at(0.8, "P-T 0", "P-T", "P"), at(1.0, "P-T 1", "P-T", "P"))]
    return extrapolation(NET, pairs, {"test": ramp()}, device="cpu", lambdas=61)


def test_edges_in_closed_form(found):
    path = found.paths[0]
    assert path.path.lambdas[[0, 20, 40, 60]].tolist() == [-1.0, 0.0, 1.0, 2.0]
    near = path.edge("test", "error", "a")
    assert near.beyond == pytest.approx(0.1, abs=0.025)  # 0.2·d = 0.02; grey levels are 1/255 apart
    assert near.at == -near.beyond and near.low <= near.beyond <= near.high and near.reach == 1.0
    far = path.edge("test", "error", "b")
    assert far.beyond == math.inf and far.at == math.inf and far.low == math.inf
    assert path.path.length == pytest.approx(0.2)


def test_loss_has_a_threshold_of_its_own(found):
    curve = found.paths[0].path.curve("test", "loss")
    edge = found.paths[0].edge("test", "loss", "a")
    assert edge.threshold == 0.1
    outward = curve.values[20::-1]
    risen = np.flatnonzero(outward > outward[0] + 0.1)
    if len(risen):
        k = risen[0]
        share = (outward[0] + 0.1 - outward[k - 1]) / (outward[k] - outward[k - 1])
        assert edge.beyond == pytest.approx(0.05 * (k - 1 + share))
    else:
        assert edge.beyond == math.inf


def test_findings_and_storage(found, tmp_path):
    first = found.findings()[0]
    assert first.text.startswith(
        "On the line through P-T 0 and P-T 1 the error on test has risen by 2.0 points: at 0.1"
    )
    assert "not within 1.00 beyond P-T 1; in units of the distance between the two (0.20)" in first.text
    assert (first.claim, first.verdict) == ("000-B.6-a", "cannot tell")  # of one pair
    assert first.value == pytest.approx((0.1 + 1.0) / 2, abs=0.02) and first.estimate.over == "images"
    found.save(tmp_path)
    again = Extrapolation.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.edges().equals(found.edges())
    assert again.findings() == found.findings()
    assert len(found.edges()) == 4 and len(found.frame()) == 2 * 61


class Bowl(nn.Module):
    """Right for pixels ≥ w²: solutions close to the rim on both sides of the bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x.flatten(1)
        return torch.cat([x - self.w**2, self.w**2 - x], 1)


BOWL = Network(Bowl(), "bowl", 2, Input((1, 1), 1, (0.0,), (1.0,)))


def bowl(left: tuple[float, ...], right: tuple[float, ...], role: str = "P-T", **options) -> Extrapolation:
    """Every network on the left of the bottom with every one on the right."""
    sides = [[at(w, f"{role} {i}", role, "P") for i, w in some] for some in (
        list(enumerate(left)), list(enumerate(right, len(left)))
    )]  # fmt: skip
    pairs = [(a, b) for a in sides[0] for b in sides[1]]
    chosen = {"lambdas": 61, "metrics": ["error"], **options}
    return extrapolation(BOWL, pairs, {"test": ramp()}, device="cpu", **chosen)


LEFT, RIGHT = (-0.40, -0.41, -0.42), (0.40, 0.41, 0.42)


def test_a_bowl():
    found = bowl((-0.4,), (0.4,))
    near = (math.sqrt(0.18) - 0.4) / 0.8  # (0.4 + 0.8·d)² = 0.16 + 0.02
    for side in ("a", "b"):
        assert found.paths[0].edge("test", "error", side).beyond == pytest.approx(near, abs=0.01)
    (reached,) = found.paths[0].reached
    assert reached.beyond == pytest.approx(near, abs=0.01) and (reached.capped, reached.rise) == (0, 0.02)
    assert reached.draws.dtype == np.float32 and reached.draws.shape == (1000,)
    assert reached.draws.mean() == pytest.approx(near, abs=0.01)


def test_two_p_t_close_to_the_boundary_over_networks_and_images():
    first = bowl(LEFT, RIGHT).findings()[0]
    assert (first.claim, first.verdict, first.n, first.unit) == ("000-B.6-a", "agrees", 6, "networks")
    assert (first.estimate.over, first.estimate.n) == ("networks and images", 6)
    values = [r.beyond for p in bowl(LEFT, RIGHT).paths for r in p.reached]
    assert first.value == pytest.approx(np.exp(np.log(values).mean())) and first.high < 0.1
    assert first.estimate.scale == "log", "distances over 0 are skewed"
    assert "range over pairs" in first.text and "not within reach" not in first.text


def test_an_edge_at_the_network_itself_counts_as_the_first_step():
    """Nothing is finite beyond one pair of nine: where in the first step it ends is not known."""
    found = bowl(LEFT, RIGHT)
    paths = list(found.paths)
    zero = dataclasses.replace(paths[0].reached[0], beyond=0.0, draws=np.zeros(1000, np.float32))
    paths[0] = dataclasses.replace(paths[0], reached=(zero,))
    first = dataclasses.replace(found, paths=tuple(paths)).findings()[0]
    values = [0.05, *(r.beyond for p in paths[1:] for r in p.reached)]
    assert first.value == pytest.approx(np.exp(np.log(values).mean()))
    assert "; beyond 1 pair nothing is finite, which counts as the first step of the grid" in first.text


def test_far_from_the_boundary_disagrees_as_far_as_the_line_goes():
    first = bowl((-0.001, -0.0011, -0.0012), (0.001, 0.0011, 0.0012)).findings()[0]
    assert (first.verdict, first.value) == ("disagrees", 1.0) and "18 of 18 edges" in first.text


def test_a_line_that_is_too_short_and_pairs_of_other_kinds_bear_on_no_claim():
    short = bowl(LEFT, RIGHT, lambdas=np.linspace(-0.5, 1.5, 41)).findings()[0]
    assert short.claim is None and short.estimate.general
    assert bowl(LEFT, RIGHT, "RI-T").findings()[0].claim is None


def test_the_threshold_only_describes():
    one, two = (bowl(LEFT, RIGHT, threshold=t).findings()[0] for t in (0.02, 0.1))
    assert (one.verdict, one.estimate) == (two.verdict, two.estimate)


def test_one_pair_decides_nothing():
    first = bowl((-0.4,), (0.4,)).findings()[0]
    assert (first.verdict, first.estimate.over) == ("cannot tell", "images")
    assert first.why == "a verdict needs at least three networks of each kind"


def test_networks_that_learned_nothing_are_left_out_and_named():
    bad = [
        Solution(f"P-T {i}", {"w": torch.tensor([w])}, "P-T", "P", "learned nothing") for i, w in ((6, 0.0), (7, 0.1))
    ]
    good = [at(w, f"P-T {i}", "P-T", "P") for i, w in enumerate((*LEFT, *RIGHT))]
    pairs = [(a, b) for a in good[:3] for b in good[3:]]
    found = extrapolation(
        BOWL,
        [*pairs, (good[0], bad[0]), (good[1], bad[1])],
        {"test": ramp()},
        device="cpu",
        lambdas=61,
        metrics=["error"],
    )
    assert found.findings()[0].estimate == bowl(LEFT, RIGHT).findings()[0].estimate
    assert [o.text for o in found.left_out] == ["P-T 6: learned nothing", "P-T 7: learned nothing"]
    alone = extrapolation(BOWL, [tuple(bad)], {"test": ramp()}, device="cpu", lambdas=31, metrics=["error"])
    assert alone.findings()[0].why == "P-T 6 and P-T 7 learned nothing"


def test_sentences():
    golden(bowl(LEFT, RIGHT, lambdas=13, metrics=["loss", "error"]), "extrapolation")


def test_an_unknown_option():
    with pytest.raises(UsageError, match=r"^extrapolation has no option 'lamdas'; did you mean 'lambdas'\?$"):
        bowl((-0.4,), (0.4,), lamdas=5)


def test_one_side_only_and_an_end_that_is_not_finite():
    pairs = [(at(0.8, "A"), at(0.9, "B"))]
    found = extrapolation(NET, pairs, {"test": ramp()}, device="cpu", lambdas=[-0.5, -1.0], metrics=["error"])
    assert found.paths[0].edge("test", "error", "b") is None
    assert "beyond A; in units" in found.findings()[0].text
    with pytest.raises(UsageError, match=r"nothing lies beyond the end points; expected a grid such as −1 to 2"):
        extrapolation(NET, pairs, {"test": ramp()}, lambdas=[0.5])


def test_a_loss_that_is_not_finite_ends_the_basin():
    pairs = [(at(0.5, "A"), at(3e38, "B"))]
    found = extrapolation(NET, pairs, {"test": ramp()}, device="cpu", lambdas=[-1.0, 1.5, 2.0], metrics=["loss"])
    edge = found.paths[0].edge("test", "loss", "b")
    assert edge.beyond == 0.0  # from the last point where it was finite
    assert any("not finite" in f.text for f in found.findings())


def test_plain_weights_have_letters_and_gaps_are_marked():
    pairs = [({"w": torch.tensor([0.8])}, {"w": torch.tensor([1.0])}), (at(0.5, "mine"), {"w": torch.tensor([3e38])})]
    got = extrapolation(NET, pairs, {"test": ramp()}, device="cpu", lambdas=5)
    assert [(p.path.a, p.path.b) for p in got.paths] == [("A", "B"), ("mine", "D")]
    fig = got.plot()
    assert (
        "the error is 2.0 points or the loss is 0.10 nats higher than at it" in fig.legends[0].get_title().get_text()
    )
    fig.canvas.draw()
    broken = [c.metric for c in got.paths[1].path.curves if not np.isfinite(c.values).all()]
    texts = [t.get_text() for ax in fig.axes for t in ax.texts]
    assert broken and texts == ["×: not finite"] * len(broken)


def test_a_rise_that_just_makes_the_threshold_is_an_edge_on_either_side():
    # w falls from 204 to 153 of 255, and to 102 at λ = 2: exactly 51 more of 256 grey levels are wrong than at λ = 1.
    pairs = [(at(204 / 255, "a"), at(153 / 255, "b"))]
    image = ramp()
    got = extrapolation(NET, pairs, {"test": image}, device="cpu", lambdas=[-1.0, 2.0], threshold=51 / 256)
    assert got.paths[0].edge("test", "error", "b").beyond == pytest.approx(1.0)
