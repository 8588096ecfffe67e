"""A file of weights as every question takes it."""

import re

import pytest
import torch

import transferscope as ts
from transferscope.errors import CheckpointError
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


def test_a_head_of_another_size_is_refused_or_left_out(two, tmp_path):
    other = ts.build("lenet", 5, input=Input((16, 16)))
    with pytest.raises(CheckpointError, match=re.escape("a.safetensors: its head is of another size")):
        ts.load_weights(other, tmp_path / "a.safetensors")
    body = ts.load_weights(other, tmp_path / "a.safetensors", head="keep", label="mine")
    assert body.label == "mine"
    assert not any(name.startswith("fc3") for name in body.params)
