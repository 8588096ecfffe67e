"""Logits that one evaluation has left are taken by the next, with the bits that it would have computed."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from transferscope.models.batchnorm import norm_layers
from transferscope.models.network import Input
from transferscope.probes import calibration, shelf
from transferscope.probes.evaluate import Engine
from transferscope.probes.outputs import Outputs
from transferscope.probes.points import Points
from transferscope.rng import generator
from transferscope.store.partial_results import KeptArrays

from .small import resnet8
from .test_remembered import images

LINE = [-0.5, 0.0, 0.25, 0.5, 1.0]


class Memory(dict[str, Mapping[str, np.ndarray]]):
    def load(self, key: str) -> Mapping[str, np.ndarray] | None:
        return self.get(key)

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        assert key not in self, "what is there is not computed again"
        self[key] = arrays


@pytest.fixture(scope="module")
def net():
    return resnet8(3, Input((8, 8)))


@pytest.fixture(scope="module")
def ends(net):
    draw = generator("shelf")
    return [
        {
            k: v + 0.1 * torch.randn(v.shape, generator=draw).abs() if v.is_floating_point() else v
            for k, v in net.params().items()
        }
        for _ in range(2)
    ]


@pytest.fixture
def collected(monkeypatch):
    """How often statistics of batch norm are collected anew."""
    times = []
    collect = calibration.recalibrate
    monkeypatch.setattr(calibration, "recalibrate", lambda module, x: times.append(1) or collect(module, x))
    return times


def options(norm="recalibrated", **more):
    return {"device": "cpu", "norm": norm, "recalibrate_on": images(16, "train"), **more}


@pytest.mark.parametrize("norm", ["recalibrated", "interpolated"])
def test_a_second_line_computes_only_its_own_points(net, ends, norm, collected):
    test, memory = images(20, "test"), Memory()
    plain = Engine(net, {"test": test}, per_example=True, **options(norm)).run(Points.line(*ends, LINE))["test"]
    collected.clear()
    first = Engine(net, {"a": test}, metrics=["loss"], **options(norm, shared=memory))
    first.run(Points.line(*ends, [0.0, 0.5, 1.0]))
    assert len(memory) == 3
    found = Engine(net, {"b": test}, per_example=True, **options(norm, shared=memory)).run(Points.line(*ends, LINE))
    assert len(memory) == 5
    if norm == "recalibrated":
        assert len(collected) == 5
    for metric, values in plain.values.items():
        assert np.array_equal(found["b"].values[metric], values)
        assert np.array_equal(found["b"].examples[metric], plain.examples[metric])


def test_outputs_and_lines_share(net, ends, collected):
    test, memory = images(20, "test"), Memory()
    outputs = Outputs(net, {"test": test}, **options())
    right = [outputs.of(ends[0], as_saved=as_saved)["test"].numpy() for as_saved in (True, False)]
    collected.clear()
    shared = Outputs(net, {"test": test}, **options(shared=memory))
    found = [shared.of(ends[0], as_saved=as_saved)["test"].numpy() for as_saved in (True, False)]
    assert len(memory) == 2 and len(collected) == 1, "as it was saved, and with statistics collected anew"
    assert all(np.array_equal(a, b) for a, b in zip(found, right, strict=True))
    Engine(net, {"test": test}, **options(shared=memory)).run(Points.line(*ends, [0.0, 1.0]))
    assert len(memory) == 3 and len(collected) == 2
    again = [shared.of(ends[0], as_saved=as_saved)["test"].numpy() for as_saved in (True, False)]
    assert all(np.array_equal(a, b) for a, b in zip(again, right, strict=True)) and len(collected) == 2
    with_statistics = shared.anew(ends[0])
    assert len(collected) == 3
    means = [f"{name}.running_mean" for name, part in net.module.named_modules() if part in norm_layers(net.module)]
    assert means and any(not np.array_equal(with_statistics[m].numpy(), ends[0][m].numpy()) for m in means)


@pytest.mark.parametrize("what", ["images", "calibration", "batch", "normalisation", "precision", "weights"])
def test_whatever_changes_the_bits_is_told_apart(net, ends, what):
    memory, line = Memory(), Points.line(*ends, [0.0, 1.0])
    Engine(net, {"test": images(20, "test")}, **options(shared=memory)).run(line)
    more, other, test = options(shared=memory), net, images(20, "test")
    if what == "images":
        test = images(20, "others")
    elif what == "calibration":
        more["recalibrate_on"] = images(16, "others")
    elif what == "batch":
        more["batch"] = 7
    elif what == "precision":
        more["precision"] = "float64"
    elif what == "normalisation":
        other = resnet8(3, Input((8, 8), mean=(0.1, 0.2, 0.3)))
    else:
        line = Points.line(*ends, [0.1, 0.9])
    Engine(other, {"test": test}, **more).run(line)
    assert len(memory) == 4


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "garbage", "an array", "no logits", "fewer images", "whole numbers"]
)
def test_what_is_damaged_is_computed_again(net, ends, damage, tmp_path):
    test, line = images(20, "test"), Points.line(*ends, [0.0, 1.0])
    right = Engine(net, {"test": test}, per_example=True, **options()).run(line)["test"]
    Engine(net, {"test": test}, **options(shared=KeptArrays(tmp_path / "logits"))).run(line)
    files = sorted((tmp_path / "logits").iterdir())
    assert len(files) == 2
    for path in files:
        content = path.read_bytes()
        logits = np.load(path)["logits"]
        if damage in ("empty", "cut", "garbage"):
            path.write_bytes({"empty": b"", "cut": content[:-40], "garbage": b"x" * 99}[damage])
        elif damage == "an array":
            with path.open("wb") as file:
                np.save(file, logits)
        else:
            arrays = {
                "no logits": {},
                "fewer images": {"logits": logits[:3]},
                "whole numbers": {"logits": logits.astype(int)},
            }
            np.savez(path, **arrays[damage])
    found = Engine(net, {"test": test}, per_example=True, **options(shared=KeptArrays(tmp_path / "logits"))).run(line)
    assert all(np.array_equal(found["test"].examples[m], right.examples[m]) for m in ("loss", "error"))
    assert all(np.load(path)["logits"].shape == (20, 3) for path in files), "and is there again"


def test_where_nothing_can_be_kept_all_is_computed(net, ends, tmp_path):
    (tmp_path / "logits").write_text("a file in the place of the folder")
    test, line = images(20, "test"), Points.line(*ends, [0.0, 1.0])
    found = Engine(net, {"test": test}, **options(shared=KeptArrays(tmp_path / "logits"))).run(line)
    right = Engine(net, {"test": test}, **options()).run(line)
    assert np.array_equal(found["test"].values["loss"], right["test"].values["loss"])


def test_there_is_an_end_to_what_is_kept(net, ends, monkeypatch):
    monkeypatch.setattr(shelf, "_ROOM", 3 * 20 * 3 * 4)
    memory = Memory()
    Engine(net, {"test": images(20, "test")}, **options(shared=memory)).run(Points.line(*ends, LINE))
    assert len(memory) == 3
