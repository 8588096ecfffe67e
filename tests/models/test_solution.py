"""Names of solutions and of pairs of them."""

import pytest
import torch

from transferscope.errors import CheckpointError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.solution import Solution, as_solution, pair_kind


def solution(text: str) -> Solution:
    label, role, group = (part.strip() for part in text.split("|"))
    return Solution(label, {}, role, group)


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("P-T 0|P-T|P", "P-T 1|P-T|P", "P-T & P-T"),
        ("P-T 0|P-T|P", "RI-T 0|RI-T|RI 0", "P-T & RI-T"),
        ("RI-T 0|RI-T|RI 0", "RI-T 1|RI-T|RI 1", "RI-T & RI-T"),
        ("RI-T 0|RI-T|RI 0", "RI-T 1|RI-T|RI 0", "RI-T & RI-T (same start)"),
        ("RI-T 0|RI-T|", "RI-T 1|RI-T|", "RI-T & RI-T"),
        ("P|P|P", "P-T 0|P-T|P", "P & P-T"),
        ("RI 0|RI|RI 0", "RI-T 0|RI-T|RI 0", "RI & RI-T"),
        ("P|P|P", "RI 0|RI|RI 0", "P & RI"),
        ("RI-T 0 (best)|RI-T|RI 0", "RI-T 0 (final)|RI-T|RI 0", "RI-T best & final"),
        ("P-T 0 (best)|P-T|P", "P-T 1 (final)|P-T|P", "P-T & P-T"),
    ],
)
def test_kind_of_pair_either_way(a, b, kind):
    assert pair_kind(solution(a), solution(b)) == kind
    assert pair_kind(solution(b), solution(a)) == kind


def test_unknown_roles_keep_their_labels_and_order():
    a, b = Solution("b.pt", {}), Solution("a.pt", {}, "P-T")
    assert pair_kind(a, b) == "b.pt & a.pt"


def test_as_solution():
    params = {"w": torch.ones(1)}
    named = as_solution(params, "mine")
    assert (named.label, named.role, named.params) == ("mine", "", params)
    assert as_solution(named, "other") is named


def test_roles_are_the_papers():
    with pytest.raises(UsageError, match="role 'pretrained' of 'x': expected P, RI, P-T, RI-T or nothing"):
        Solution("x", {}, "pretrained")


def test_weights_in_wrappers_and_under_other_names_are_those_of_the_network():
    net = build("resnet20", 3)
    params = initialise(net, 1)
    module = net.fresh(params)
    given = (
        torch.nn.DataParallel(module),
        torch.compile(module),
        torch.nn.DataParallel(module).state_dict(),
        {f"model.encoder.{k}": v for k, v in params.items()},
    )
    for weights in given:
        found = as_solution(weights, "a", net).params
        assert found.keys() == params.keys() and all(torch.equal(found[k], v) for k, v in params.items())
    with pytest.raises(CheckpointError, match="a: is of another architecture than resnet20"):
        as_solution({"body.weight": torch.ones(2, 2)}, "a", net)
    assert list(as_solution({"conv1.weight": params["conv1.weight"]}, "a", net)) == ["conv1.weight"], "part of one"
