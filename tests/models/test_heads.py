"""Weights of a file into a network: exactly what was asked for, and everything named."""

import pytest
import torch

from transferscope.errors import CheckpointError, UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.checkpoint import CheckpointFile, read
from transferscope.models.heads import compare, fit_to
from transferscope.models.network import Input


def file(params, prefix=""):
    return CheckpointFile("a.pt", "pytorch", dict(params), prefix=prefix)


@pytest.fixture(scope="module")
def net():
    return build("resnet20", 10)


@pytest.fixture(scope="module")
def other(net):
    return initialise(net, 9)


def test_a_file_that_fits_is_loaded_whole(net, other):
    loaded = fit_to(net, file(other))
    assert list(loaded.params) == list(net.module.state_dict())
    assert all(torch.equal(v, other[k]) for k, v in loaded.params.items())
    assert loaded.report.complete and loaded.report.notes() == ()
    loaded.params["linear.bias"].fill_(3)
    assert not torch.equal(other["linear.bias"], loaded.params["linear.bias"]), "nothing is shared with the file"


def test_types_become_those_of_the_network(net, other):
    loaded = fit_to(net, file({k: v.double() if v.is_floating_point() else v for k, v in other.items()}))
    assert all(torch.equal(v, other[k]) and v.dtype == other[k].dtype for k, v in loaded.params.items())


def test_absent_counters_count_from_zero_and_are_named(net, other):
    bare = {k: v for k, v in other.items() if not k.endswith("num_batches_tracked")}
    loaded = fit_to(net, file(bare), fresh={k: v + 5 for k, v in net.params().items()})
    assert loaded.report.complete
    assert loaded.report.filled == tuple(k for k in other if k.endswith("num_batches_tracked"))
    assert all(loaded.params[k].item() == 0 for k in loaded.report.filled)
    assert loaded.report.notes()[0].startswith("19 counters of batch norm set to 0: bn1.num_batches_tracked, ")


def test_head_of_another_size(net):
    wide = build("resnet20", 7, seed=9).params()
    fresh = initialise(net, 4)
    said = (
        r"a\.pt: its head is of another size, 7 classes in the file and 10 wanted "
        r"\(linear\.weight \(7, 64\), resnet20 as built here \(10, 64\)\); .*--head drop"
    )
    with pytest.raises(CheckpointError, match=said):
        fit_to(net, file(wide))
    for policy in ("drop", "keep"):
        loaded = fit_to(net, file(wide), head=policy, fresh=fresh)
        assert loaded.report.head_left_out == ("linear.weight", "linear.bias")
        assert loaded.report.notes() == ("2 of the head left out: linear.weight, linear.bias",)
        for name, value in loaded.params.items():
            assert torch.equal(value, fresh[name] if name.startswith("linear.") else wide[name])


def test_head_of_the_same_size(net, other):
    kept = fit_to(net, file(other), head="keep")
    assert torch.equal(kept.params["linear.weight"], other["linear.weight"]) and kept.report.head_left_out == ()
    dropped = fit_to(net, file(other), head="drop")
    assert torch.equal(dropped.params["linear.weight"], net.params()["linear.weight"])
    assert dropped.report.head_left_out == ("linear.weight", "linear.bias")


def test_no_head_in_the_file(net, other):
    body = {k: v for k, v in other.items() if not k.startswith("linear.")}
    with pytest.raises(CheckpointError, match=r"2 missing in the file: linear\.weight, linear\.bias"):
        fit_to(net, file(body))
    loaded = fit_to(net, file(body), head="drop")
    assert loaded.report.complete and loaded.report.head_left_out == ()
    assert torch.equal(loaded.params["linear.bias"], net.params()["linear.bias"])


def test_a_head_policy_changes_nothing_else(net, other):
    broken = {k: v for k, v in other.items() if k != "layer2.0.conv1.weight"}
    with pytest.raises(
        CheckpointError, match=r"does not fit resnet20: 1 missing in the file: layer2\.0\.conv1\.weight"
    ):
        fit_to(net, file(broken), head="drop")
    loaded = fit_to(net, file(broken), head="drop", partial=True)
    assert loaded.report.missing == ("layer2.0.conv1.weight",)
    assert torch.equal(loaded.params["layer2.0.conv1.weight"], net.params()["layer2.0.conv1.weight"])


def test_what_is_left_over_is_refused_or_named(net, other):
    more = {**other, "extra.weight": torch.ones(2)}
    with pytest.raises(CheckpointError, match=r"1 left over in the file: extra\.weight"):
        fit_to(net, file(more))
    assert fit_to(net, file(more), partial=True).report.left_over == ("extra.weight",)


def test_another_architecture(net):
    with pytest.raises(CheckpointError, match="is of another architecture than resnet20: it has conv1"):
        fit_to(net, file(build("lenet", 10, input=Input((32, 32))).params()))
    deeper = build("resnet32", 10)
    with pytest.raises(
        CheckpointError,
        match=r"the file has 5 blocks in layer1 where resnet20 has 3, .*; 72 left over in the file: layer1\.3",
    ):
        fit_to(net, file(deeper.params()))


def test_a_prefix_that_only_some_names_have(net, other):
    """A Lightning module that holds its loss weights beside the model."""
    names = {**{f"model.{k}": v for k, v in other.items()}, "criterion.weight": torch.ones(10)}
    report = compare(net, file(names))
    assert report.complete and report.fits == tuple(other) and report.aside == ("criterion.weight",)
    assert (report.prefix, report.renamed) == ("model.", ())
    assert report.notes() == (
        "under 'model.' in the file",
        "1 beside the network in the file, left out: criterion.weight",
    )


def test_a_prefix_that_is_the_networks_own(tmp_path):
    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = torch.nn.Linear(12, 2)

        def forward(self, x):
            return self.model(x.flatten(1))

    net = wrap(Holder(), name="holder", classes=2, input=Input((2, 2)))
    for prefix in ("", "module."):
        torch.save({prefix + k: v + 1 for k, v in net.params().items()}, tmp_path / "a.pt")
        loaded = fit_to(net, read(tmp_path / "a.pt"))
        assert torch.equal(loaded.params["model.bias"], net.params()["model.bias"] + 1)
        assert loaded.report.complete and loaded.report.renamed == ()


def test_wrong_use(net, other):
    with pytest.raises(UsageError, match="head 'replace': expected refuse, drop or keep"):
        fit_to(net, file(other), head="replace")
    headless = wrap(torch.nn.Flatten(), name="flat", classes=12, input=Input((2, 2)))
    with pytest.raises(UsageError, match="head 'drop': flat has no head to tell apart"):
        fit_to(headless, file({}), head="drop")
    bad = CheckpointFile("a.pt", "pytorch", other, nonfinite={"bn1.weight": 3})
    with pytest.raises(CheckpointError, match=r"'bn1\.weight' is not finite"):
        fit_to(net, bad)
