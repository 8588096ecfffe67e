"""A file of weights as every question takes it."""

import re

import pytest
import torch

import transferscope as ts
from transferscope.errors import CheckpointError, UsageError
from transferscope.models.network import Input


@pytest.fixture(scope="module")
def net():
    return ts.build("lenet", 12, input=Input((16, 16)))


@pytest.fixture(scope="module")
def images():
    return ts.load_images("synthetic:photo?train=96&test=24", size=16)


@pytest.fixture
def two(net, tmp_path):
    ts.write(tmp_path / "a.safetensors", ts.initialise(net, 0))
    torch.save({"state_dict": {f"module.{k}": v.half() for k, v in ts.initialise(net, 1).items()}}, tmp_path / "b.pt")
    return [ts.load_weights(net, tmp_path / name) for name in ("a.safetensors", "b.pt")]


def test_names_prefixes_and_formats_are_seen_through(net, two):
    assert [s.label for s in two] == ["a.safetensors", "b.pt"]
    for solution, seed in zip(two, (0, 1), strict=True):
        for name, value in ts.initialise(net, seed).items():
            assert solution.params[name].dtype == value.dtype
            torch.testing.assert_close(solution.params[name], value, rtol=1e-3, atol=1e-4)


def test_every_question_takes_them_alone_or_together(net, two, images):
    a, b = two
    few = {"device": "cpu", "progress": lambda *_: None}
    assert ts.hessian(net, a, images.train, k=1, **few).members[0].label == "a.safetensors"
    assert [m.label for m in ts.spectrum(net, two).members] == ["a.safetensors", "b.pt"]
    assert ts.rewind(net, [(a, b)], images.test, draws=0, **few).networks[0].network == "b.pt"
    found = ts.criticality(net, [(a, a, b)], images.train, alphas=3, sigmas=[0.1], draws=1, **few)
    assert {v.path for v in found.valleys} == {"direct", "optimisation"}
    walked = ts.loss_variation(net, two, images.train, points=2, **few)
    assert walked.alone
    again = ts.loss_variation(net, {"a.safetensors": {0: a}, "b.pt": {0: b}}, images.train, points=2, **few)
    assert again.frame().equals(walked.frame())
    assert ts.barrier(net, [(a, b)], images.test, lambdas=3, **few).paths[0].path.b == "b.pt"
    assert ts.extrapolation(net, [(a, b)], {"test": images.test}, lambdas=5, **few).paths[0].path.a == "a.safetensors"


def test_weights_in_every_form_are_the_same_weights(net, two, tmp_path, images):
    a, b = two
    few = {"device": "cpu", "progress": lambda *_: None}
    forms = [a, dict(a.params), net.fresh(a.params), str(tmp_path / "a.safetensors"), tmp_path / "a.safetensors"]
    values = [
        ts.barrier(net, [(form, b)], images.test, lambdas=3, **few)
        .paths[0]
        .path.curve(images.test.name, "loss")
        .values
        for form in forms
    ]
    assert all((v == values[0]).all() for v in values)
    assert all(
        ts.distance(net, [form, b]).frame().iloc[:, 3:].equals(ts.distance(net, two).frame().iloc[:, 3:])
        for form in forms
    )
    ends = [ts.evaluate(net, form, images.test, device="cpu").values["loss"][0] for form in forms]
    assert ends == [pytest.approx(values[0][0])] * len(forms)
    line = ts.Points.line(a, net.fresh(b.params), [0.5])
    assert torch.equal(line.at(0)["fc1.bias"], ts.Points.line(a.params, b.params, [0.5]).at(0)["fc1.bias"])
    with pytest.raises(
        UsageError, match=r"a\.safetensors: a file is read into a network; give load_weights\(net, PATH\)"
    ):
        ts.Points.line(str(tmp_path / "a.safetensors"), b, [0.5])
    with pytest.raises(UsageError, match="int given; expected weights: what load_weights returns, a state dict"):
        ts.barrier(net, [(3, b)], images.test)


def test_one_checkpoint_with_batch_norm_is_evaluated_as_saved(images):
    net = ts.build("resnet20", 12, input=Input((16, 16)))
    params = ts.initialise(net, 0)
    params |= {k: v + 0.3 for k, v in params.items() if k.endswith(("running_mean", "running_var"))}
    found = ts.evaluate(net, params, images.test, device="cpu")
    with torch.no_grad():
        logits = net.fresh(params)(net.input.prepare(torch.from_numpy(images.test.images[:])))
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(images.test.labels).long()).item()
    assert found.values["loss"][0] == pytest.approx(expected, rel=1e-4) and found.how.norm == "kept"
    other = ts.initialise(net, 1)
    with pytest.raises(UsageError, match=r"batch norm, whose statistics .*: give training images \(train=…\)"):
        ts.barrier(net, [(params, other)], images.test, lambdas=3, device="cpu")
    joined = ts.barrier(net, [(params, other)], images, lambdas=3, device="cpu")
    assert joined.how.norm == "recalibrated" and joined.paths[0].path.sets == ("train", "test")


def test_a_head_of_another_size_is_refused_or_left_out(two, tmp_path):
    other = ts.build("lenet", 5, input=Input((16, 16)))
    with pytest.raises(CheckpointError, match=re.escape("a.safetensors: its head is of another size")):
        ts.load_weights(other, tmp_path / "a.safetensors")
    body = ts.load_weights(other, tmp_path / "a.safetensors", head="keep", label="mine")
    assert body.label == "mine"
    assert not any(name.startswith("fc3") for name in body.params)
