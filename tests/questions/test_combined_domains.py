import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.questions.combined_domains.measure import CombinedDomains, combined_domains

from .golden import golden

NET = Network(
    nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False)), "two pixels", 2, Input((1, 2), 1, (0.5,), (0.5,))
)


def domain(name: str, pixel: int, n: int = 400) -> ImageSet:
    """One pixel is black or white and says the class, the other is grey."""
    labels = np.arange(n) % 2
    pixels = np.full((n, 2), 128)
    pixels[:, pixel] = 255 * labels
    ids = np.arange(n).astype(str)
    return ImageSet(pixels.astype(np.uint8).reshape(n, 1, 2, 1), labels, ("a", "b"), ids, name=name)


def reads(left: float, right: float, label: str, role: str = "P-T") -> Solution:
    return Solution(label, {"1.weight": torch.tensor([[-left, -right], [left, right]])}, role)


SETS = {"left": domain("left", 0), "right": domain("right", 1)}
SOLUTIONS = {
    "left": [reads(2.0, -1.0, "left 0"), reads(1.0, 0.0, "left R", "RI-T")],
    "right": [reads(-1.0, 2.0, "right 0")],
    "left+right": [reads(1.0, 1.0, "both 0"), reads(-1.0, 2.0, "both R", "RI-T")],
}


@pytest.fixture(scope="module")
def found() -> CombinedDomains:
    return combined_domains(NET, SOLUTIONS, SETS, device="cpu", lambdas=5)


def test_every_union_is_joined_with_every_other_domain(found):
    assert [(p.trained_on, p.path.kind) for p in found.paths] == [
        (("left", "left+right"), "P-T & P-T"),
        (("left", "left+right"), "RI-T & RI-T"),
        (("right", "left+right"), "P-T & P-T"),
    ]
    assert found.paths[0].path.sets == ("left", "right")


def test_errors_in_closed_form(found):
    # On "right" the weight of the right pixel is −1 + 2λ: wrong everywhere while it is negative, half right at 0.
    errors = found.paths[0].path.curve("right", "error").values
    assert errors[[0, 1, 3, 4]].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert found.paths[0].height("right", "error").height == pytest.approx(max(0.25, errors[2] - 0.5))
    assert found.paths[0].path.curve("left", "error").values.tolist() == [0.0] * 5


def test_findings_claim_nothing(found):
    findings = found.findings()
    assert (findings[0].value, findings[0].target) == (pytest.approx(0.25), "left & left+right")
    assert findings[0].estimate.over == "images" and findings[0].n == 400
    assert all(f.claim is None and f.verdict is None for f in findings)
    golden(found, "combined_domains")


def test_several_networks_are_one_sentence():
    solutions = {
        "left": [reads(2.0, -1.0 + 0.1 * i, f"left {i}") for i in range(3)],
        "left+right": [reads(1.0, 1.0 + 0.1 * i, f"both {i}") for i in range(3)],
    }
    first, *_ = combined_domains(NET, solutions, SETS, device="cpu", lambdas=5).findings()
    assert first.text.startswith("Between P-T of left and of left+right (3 pairs) the error rises")
    assert (first.estimate.over, first.estimate.n, first.n, first.unit) == ("networks and images", 3, 6, "networks")


def test_an_unknown_option():
    with pytest.raises(UsageError, match=r"^combined_domains has no option 'lamdas'; did you mean 'lambdas'\?$"):
        combined_domains(NET, SOLUTIONS, SETS, lamdas=5)


def test_storage_and_progress(found, tmp_path):
    told: list[tuple[int, int, str]] = []
    again = combined_domains(
        NET,
        SOLUTIONS,
        SETS,
        device="cpu",
        lambdas=5,
        progress=lambda done, total, unit: told.append((done, total, unit)),
    )
    assert told == [(i, 15, "points") for i in range(1, 16)]
    assert again.frame().equals(found.frame())
    found.save(tmp_path)
    assert CombinedDomains.load(tmp_path).frame().equals(found.frame())


def test_without_a_union():
    with pytest.raises(UsageError, match="no two solutions of one role on two of the domains left, right"):
        combined_domains(NET, {k: SOLUTIONS[k] for k in ("left", "right")}, SETS, device="cpu")
