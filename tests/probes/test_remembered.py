"""Weights are evaluated once, however many lines end with them, and with the same bits."""

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet
from transferscope.models.network import Input
from transferscope.probes.evaluate import Engine
from transferscope.probes.points import Points
from transferscope.probes.remembered import Remembered
from transferscope.rng import generator, numpy_generator

from .small import named

LAMBDAS = [0.0, 0.5, 0.8, 1.0]


@pytest.fixture(scope="module")
def net():
    return named("resnet8", 3, Input((8, 8)))


@pytest.fixture(scope="module")
def three(net):
    """Three networks; the third differs from the second in its last layer only."""
    draw = generator("remembered")

    def moved(params):
        return {k: v + 0.1 * torch.randn(v.shape, generator=draw) if v.is_floating_point() else v
                for k, v in params.items()}  # fmt: skip

    first, second = moved(net.params()), moved(net.params())
    head = net.head_tensors()
    return first, second, {**second, **moved({k: second[k] for k in head})}


def images(n: int, name: str) -> ImageSet:
    r = numpy_generator("remembered", name)
    pixels, labels = r.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), r.integers(0, 3, n)
    return ImageSet(pixels, labels, tuple("abc"), np.arange(n).astype(str), name=name)


def engine(net, norm: str) -> Engine:
    sets = {"test": images(20, "test"), "other": images(12, "other")}
    return Engine(net, sets, per_example=True, device="cpu", norm=norm, recalibrate_on=images(16, "train"))


@pytest.mark.parametrize(("norm", "asked"), [("recalibrated", 9), ("interpolated", 9), ("kept", 12)])
def test_an_end_is_evaluated_once_and_lines_have_the_same_bits(norm, asked, net, three, monkeypatch):
    a, b, c = three
    lines = [Points.line(a, b, LAMBDAS), Points.line(a, c, LAMBDAS), Points.line(c, {**b}, LAMBDAS)]
    plain = [engine(net, norm).run(points) for points in lines]
    counted: list[int] = []
    whole = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, p, progress: counted.append(len(p)) or whole(self, p, progress))
    told: list[tuple[int, int]] = []
    remembered = Remembered(engine(net, norm))
    for points, right in zip(lines, plain, strict=True):
        found = remembered.run(points, lambda done, total, unit: told.append((done, total)))
        for name, of in right.items():
            assert found[name].n == of.n and found[name].how.norm == norm
            for metric in of.values:
                assert np.array_equal(found[name].values[metric], of.values[metric])
                assert np.array_equal(found[name].examples[metric], of.examples[metric])
    # The third line moves the head alone, so that its ends are evaluated from the head on, like its other points.
    assert sum(counted) == (asked + 2 if norm != "kept" else asked)
    assert {total for _, total in told} == {len(LAMBDAS)} and told[-1][0] == len(LAMBDAS)
