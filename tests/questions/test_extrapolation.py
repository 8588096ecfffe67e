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
    assert (
        "not within 1.00 beyond P-T 1; in units of the distance between the two (0.20), n = 1,024 images."
        in first.text
    )
    assert first.claim.startswith("000 B.6") and first.verdict == "cannot tell"  # near on one side only
    found.save(tmp_path)
    again = Extrapolation.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.edges().equals(found.edges())
    assert again.findings() == found.findings()
    assert len(found.edges()) == 4 and len(found.frame()) == 2 * 61


@pytest.mark.parametrize(
    ("ends", "role", "verdict"),
    [
        ((0.5, 0.6), "P-T", "cannot tell"),  # falls on the side of the second
        ((0.5, 0.5 + 1e-6), "P-T", "disagrees"),
        ((0.5, 0.6), "RI-T", None),
    ],
)
def test_the_claim_is_about_both_sides_of_two_p_t(ends, role, verdict):
    pairs = [(at(ends[0], "0", role, "P"), at(ends[1], "1", role, "P"))]
    found = extrapolation(NET, pairs, {"test": ramp()}, device="cpu", lambdas=31, metrics=["error"])
    assert found.findings()[0].verdict == verdict


def test_a_bowl_agrees():
    class Bowl(nn.Module):
        """Right for pixels ≥ w²: two solutions close to the rim on both sides of the bottom."""

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))

        def forward(self, x):
            x = x.flatten(1)
            return torch.cat([x - self.w**2, self.w**2 - x], 1)

    net = Network(Bowl(), "bowl", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    pairs = [(at(-0.4, "P-T 0", "P-T", "P"), at(0.4, "P-T 1", "P-T", "P"))]
    found = extrapolation(net, pairs, {"test": ramp()}, device="cpu", lambdas=61, metrics=["error"])
    for side in ("a", "b"):
        # (0.4 + 0.8·d)² = 0.16 + 0.02
        assert found.paths[0].edge("test", "error", side).beyond == pytest.approx(
            (math.sqrt(0.18) - 0.4) / 0.8, abs=0.01
        )
    assert found.findings()[0].verdict == "agrees"


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
