"""Starts with less of the pre-trained weights, or with noise on them: what is changed, and what is not."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.errors import UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.train import starts
from transferscope.train.altered import basin_noise, top_singular
from transferscope.train.starts import Start


@pytest.fixture(scope="module")
def net():
    return build("fixup_resnet8", 5)


@pytest.fixture(scope="module")
def start(net):
    """A pre-trained body in which one bias was never trained, with a new head."""
    params = initialise(net, 0)
    g = torch.Generator().manual_seed(1)
    params = {k: v + 0.1 * torch.randn(v.shape, generator=g) for k, v in params.items()}
    params["layer1.0.conv1.bias_before"] = torch.zeros(1)
    return starts.pretrained(net, params, 7)


def is_matrix(name):
    return name.endswith("weight") and not name.startswith("fc.")


def test_only_weight_matrices_of_the_body_lose_directions(net, start):
    cut = top_singular(start, net, energy=0.8)
    for name, value in start.params.items():
        if not is_matrix(name):
            assert torch.equal(cut.params[name], value), f"{name} is untouched"
            continue
        rows = value.numpy().astype(np.float64).reshape(len(value), -1)
        sigma = np.linalg.svd(rows, compute_uv=False)
        k = int((np.cumsum(sigma**2) < 0.8 * (sigma**2).sum()).sum()) + 1
        kept = cut.params[name].numpy().astype(np.float64).reshape(len(value), -1)
        assert np.linalg.norm(rows - kept) == pytest.approx(np.sqrt((sigma[k:] ** 2).sum()), rel=1e-4)
        share = 100 * (sigma[:k] ** 2).sum() / (sigma**2).sum()
        assert f"{name.removesuffix('.weight')} {k} of {len(sigma)} ({share:.1f} % of Σσ²)" in cut.report[1]
    assert list(cut.params) == list(start.params)


def test_an_altered_start_has_no_role_and_keeps_what_was_said_before(net, start):
    cut = top_singular(start, net, count=3)
    assert (cut.role, cut.group) == ("", "P, top 3 singular values")
    assert cut.report[0] == start.report[0] and len(cut.report) == 2
    assert cut.report[1].startswith("top singular values: of each weight matrix of the body at most 3 kept, ")
    assert cut.report[1].endswith("; head fc as it was")
    both = basin_noise(cut, net, 0.1, seed=2)
    assert (both.role, both.group) == ("", "P, top 3 singular values, noise 0.1 seed 2")
    assert len(both.report) == 3
    assert (start.role, start.group, len(start.report)) == ("P", "P", 1), "what was given is as it was"


def test_all_singular_values_are_the_same_weights(net, start):
    whole = top_singular(start, net, energy=1.0)
    assert all(torch.equal(v, start.params[k]) for k, v in whole.params.items())


def test_noise_is_relative_to_each_tensor(net, start):
    shaken = basin_noise(start, net, 0.2, seed=3)
    moved, whole = 0.0, 0.0
    for name, value in start.params.items():
        change = (shaken.params[name] - value).double()
        if name.startswith("fc.") or not bool(value.any()):
            assert not change.any(), name
            continue
        assert change.any(), name
        moved, whole = moved + float(change.square().sum()), whole + float(value.double().square().sum())
        if value.numel() > 1000:
            assert float(change.norm() / value.norm()) == pytest.approx(0.2, rel=0.1)
            assert abs(float(change.mean() / change.std())) < 4 / value.numel() ** 0.5
    assert f"the noise has {100 * (moved / whole) ** 0.5:.1f} % of the norm of the body" in shaken.report[1]
    assert "σ = 0.2 of the root mean square of each tensor of the body, drawn from seed 3" in shaken.report[1]
    assert "no noise on 1 of 23 tensors, which is zero; head fc as it was" in shaken.report[1]


def test_the_same_seed_gives_the_same_noise_scaled_by_sigma(net, start):
    one, again, other, twice = (
        basin_noise(start, net, s, n).params for s, n in ((0.1, 0), (0.1, 0), (0.1, 1), (0.2, 0))
    )
    name = "layer2.0.conv1.weight"
    assert torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name])
    torch.testing.assert_close(
        2 * (one[name] - start.params[name]), twice[name] - start.params[name], rtol=1e-4, atol=1e-6
    )
    assert all(torch.equal(v, start.params[k]) for k, v in basin_noise(start, net, 0.0, 0).params.items())


def test_batch_norm_statistics_stay_and_are_named():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    net = wrap(module, name="normed", classes=2, input=Input((4, 4)))
    params = net.params() | {"1.running_mean": torch.ones(4)}
    start = starts.same(net, params, role="P")
    for altered in (top_singular(start, net, count=1), basin_noise(start, net, 0.5, 0)):
        for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked", "3.weight", "3.bias"):
            assert torch.equal(altered.params[name], params[name])
        assert not torch.equal(altered.params["0.weight"], params["0.weight"])
        assert altered.report[-1].endswith(
            "batch-norm statistics are those of the unaltered weights until they are trained"
        )


def test_a_network_without_known_head_says_so():
    net = wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), name="mine", classes=5, input=Input((2, 2)), head="")
    altered = basin_noise(Start(net.params(), "P", "P"), net, 0.1, 0)
    assert altered.report[0].endswith("no head is known, so all of it is body")
    assert not torch.equal(altered.params["1.weight"], net.params()["1.weight"])


def test_what_cannot_be_right_is_named(net, start):
    with pytest.raises(UsageError, match=r"energy: 1.5 is wrong; expected a share of Σσ²"):
        top_singular(start, net, energy=1.5)
    with pytest.raises(UsageError, match="count: 0 is wrong; expected 1 singular value or more"):
        top_singular(start, net, count=0)
    with pytest.raises(UsageError, match=r"give either energy, such as 0.9, or count"):
        top_singular(start, net)
    for sigma in (-0.1, float("nan")):
        with pytest.raises(UsageError, match=r"sigma: .* is wrong; expected 0 or more, such as 0.1"):
            basin_noise(start, net, sigma, 0)
