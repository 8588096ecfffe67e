"""Where weights come from: what is kept, what is drawn, what is said."""

import pytest
import torch
from torch import nn

from transferscope.errors import CheckpointError, ModelError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input, Network
from transferscope.train import starts

HEAD = ("fc.weight", "fc.bias", "fc.bias_before")


@pytest.fixture(scope="module")
def net():
    return build("fixup_resnet8", 5)


@pytest.fixture(scope="module")
def source():
    return initialise(build("fixup_resnet8", 11), 0)


def equal(a, b, names):
    return all(torch.equal(a[k], b[k]) for k in names)


def test_random_starts_are_fresh_and_named_by_their_seed(net):
    first, again, other = (starts.random(net, s) for s in (4, 4, 5))
    assert equal(first.params, again.params, first.params)
    assert not equal(first.params, other.params, ["fc.weight"])
    assert (first.role, first.group, other.group, first.report) == ("RI", "RI 4", "RI 5", ())


def test_two_pretrained_starts_share_the_body_and_not_the_head(net, source):
    first, second = (starts.pretrained(net, source, s) for s in (0, 1))
    body = [k for k in first.params if k not in HEAD]
    assert equal(first.params, source, body)
    assert equal(first.params, second.params, body)
    assert not equal(first.params, second.params, ["fc.weight"])
    assert first.params["fc.weight"].shape == (5, 64)
    assert (first.role, first.group, second.group) == ("P", "P", "P")
    assert first.params["conv1.weight"] is not source["conv1.weight"]
    assert first.report == (
        "head fc (fc.bias, fc.bias_before, fc.weight): the given one of 11 outputs was left out, "
        "a new one of 5 was drawn from seed 0",
    )
    assert list(first.params) == list(net.module.state_dict())


def test_a_head_of_the_right_size_is_drawn_anew_as_well(net):
    given = initialise(net, 9)
    start = starts.pretrained(net, given, 0)
    assert not equal(start.params, given, ["fc.weight"])
    headless = {k: v for k, v in given.items() if k not in HEAD}
    assert equal(starts.pretrained(net, headless, 0).params, start.params, start.params)
    assert "none was given" in starts.pretrained(net, headless, 0).report[0]


def test_same_keeps_everything(net):
    given = initialise(net, 9)
    start = starts.same(net, given, group="shared")
    assert equal(start.params, given, given)
    assert start.params["fc.weight"] is not given["fc.weight"]
    assert (start.role, start.group) == ("RI", "shared")


def test_what_does_not_fit_is_refused(net, source):
    with pytest.raises(
        CheckpointError, match=r"weights for fixup_resnet8: 'fc.weight' is \(11, 64\) and .* \(5, 64\)"
    ):
        starts.same(net, source)
    with pytest.raises(CheckpointError, match=r"the start misses 'layer1.0.conv1.weight'"):
        starts.pretrained(net, {k: v for k, v in source.items() if k != "layer1.0.conv1.weight"}, 0)
    with pytest.raises(CheckpointError, match=r"the start has, and the network has not, 'layer9.weight'"):
        starts.pretrained(net, source | {"layer9.weight": torch.zeros(1)}, 0)
    with pytest.raises(CheckpointError, match=r"'conv1.weight' is \(16, 1, 3, 3\)"):
        starts.pretrained(net, source | {"conv1.weight": torch.zeros(16, 1, 3, 3)}, 0)
    with pytest.raises(ModelError, match="the final classifier of headless is not known"):
        starts.pretrained(Network(nn.Linear(2, 2), "headless", 2, Input()), {}, 0)
