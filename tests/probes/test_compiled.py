import numpy as np
import pytest
import torch
from torch import Tensor

from transferscope.data.imageset import ImageSet
from transferscope.models.build import build
from transferscope.models.network import Input
from transferscope.probes.compiled import Compiled
from transferscope.probes.evaluate import Engine
from transferscope.probes.points import Points
from transferscope.rng import generator, numpy_generator


@pytest.mark.parametrize("policy", ["suffix", "affine", "whole network"])
def test_a_compiled_engine_gives_the_numbers_of_a_plain_one(policy: str) -> None:
    net = build("mlp:20-10-8", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    r, g, theta = numpy_generator("images"), generator("points"), net.params()
    pixels = r.integers(0, 256, (50, 6, 6, 1), dtype=np.uint8)
    images = ImageSet(pixels, r.integers(0, 4, 50), tuple("abcd"), np.arange(50).astype(str))
    layers = net.modules("layer")
    names = {
        "suffix": [layers[1].tensors[0], layers[2].tensors[0]],
        "affine": [layers[1].tensors[0]],
        "whole network": list(theta),
    }[policy]
    step = {name: torch.randn(theta[name].shape, generator=g) for name in names}
    points = Points.moved(theta, [step], [[0.1 * i] for i in range(5)])
    plain, compiled = (
        Engine(net, {"x": images}, metrics=["loss"], device="cpu", batch=16, compiled=compiled)
        for compiled in (False, True)
    )
    wanted, found = plain.run(points)["x"], compiled.run(points)["x"]
    assert (wanted.how.plan, found.how.plan) == (policy, policy)
    # Where there is no compiler, it says so and runs as it is.
    assert found.how.compiled or found.how.reason.startswith("it cannot be compiled: ")
    assert not wanted.how.compiled and not wanted.how.reason
    np.testing.assert_allclose(found.values["loss"], wanted.values["loss"], rtol=1e-6)


def test_what_cannot_be_compiled_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fails(x: Tensor) -> Tensor:
        calls.append(1)
        raise ValueError("no g++\nand more")

    monkeypatch.setattr(torch, "compile", lambda function: fails)
    doubled = Compiled(lambda x: 2 * x)
    for _ in range(2):
        assert doubled(torch.ones(1)).tolist() == [2.0]
    assert doubled.failed == "it cannot be compiled: no g++"
    assert len(calls) == 1


def test_memory_that_runs_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "compile", lambda function: fails)
    with pytest.raises(torch.OutOfMemoryError):
        Compiled(lambda x: 2 * x)(torch.ones(1))
