from dataclasses import replace

import numpy as np
import pytest

from transferscope.data.imageset import ImageSet
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.probes import evaluate
from transferscope.probes import partial_results as kept
from transferscope.probes.evaluate import Engine
from transferscope.probes.points import Points
from transferscope.rng import numpy_generator
from transferscope.store.partial_results import KeptArrays


@pytest.fixture
def work():
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    r = numpy_generator("kept")
    pixels, labels = r.integers(0, 256, (9, 6, 6, 1), dtype=np.uint8), r.integers(0, 4, 9)
    images = ImageSet(pixels, labels, tuple("abcd"), np.arange(9).astype(str), name="test")
    return net, images, Points.line(initialise(net, 0), initialise(net, 1), np.linspace(0, 1, 11))


class Stopped(Exception):
    pass


def stop_at(point):
    def progress(done, total, unit):
        if done == point:
            raise Stopped

    return progress


def engine(net, images, folder=None, **options):
    options = {"per_example": True, "device": "cpu", **options}
    return Engine(net, {"test": images}, kept=None if folder is None else KeptArrays(folder), **options)


@pytest.mark.parametrize("per_example", [True, False])
def test_a_stopped_evaluation_goes_on(work, tmp_path, monkeypatch, per_example):
    net, images, points = work
    monkeypatch.setattr(kept, "_SECONDS", 0.0)
    wanted = engine(net, images, per_example=per_example).run(points)["test"]
    with pytest.raises(Stopped):
        engine(net, images, tmp_path / "kept", per_example=per_example).run(points, stop_at(6))
    seen = []
    again = engine(net, images, tmp_path / "kept", per_example=per_example)
    found = again.run(points, lambda done, *_: seen.append(done))["test"]
    assert seen == [7, 8, 9, 10, 11]
    for metric, values in wanted.values.items():
        np.testing.assert_array_equal(found.values[metric], values)
    assert found.examples.keys() == wanted.examples.keys()
    for metric, values in wanted.examples.items():
        np.testing.assert_array_equal(found.examples[metric], values)


def test_a_part_that_moves_goes_on(work, tmp_path, monkeypatch):
    net, images, _ = work
    monkeypatch.setattr(kept, "_SECONDS", 0.0)
    monkeypatch.setattr(evaluate, "_KEPT_AT_ONCE", 4)
    theta = initialise(net, 0)
    name = net.head_tensors()[0]
    points = Points.moved(theta, [{name: theta[name]}], np.linspace(0, 1, 11)[:, None])
    wanted = engine(net, images, tmp_path / "unstopped").run(points)["test"]
    with pytest.raises(Stopped):
        engine(net, images, tmp_path / "kept").run(points, stop_at(8))
    seen = []
    found = engine(net, images, tmp_path / "kept").run(points, lambda done, *_: seen.append(done))["test"]
    assert seen == [11]
    assert found.how.plan == "affine"
    np.testing.assert_array_equal(found.values["loss"], wanted.values["loss"])


def test_other_points_are_not_taken_for_these(work, tmp_path):
    net, images, points = work
    folder = tmp_path / "kept"
    engine(net, images, folder).run(points)
    others = Points(points.basis, points.coefficients[::-1].copy())
    found = engine(net, images, folder).run(others)["test"].values["loss"]
    np.testing.assert_array_equal(found, engine(net, images).run(others)["test"].values["loss"])
    seen = []
    engine(net, images, folder).run(points, lambda *_: seen.append(1))
    assert not seen  # all of it was there
    engine(net, images, folder, metrics=["error"]).run(points, lambda *_: seen.append(1))
    assert len(seen) == len(points)


def test_other_images_of_the_same_name_are_not_taken_for_these(work, tmp_path):
    net, images, points = work
    folder = tmp_path / "kept"
    engine(net, images, folder).run(points)
    for others in (replace(images, images=255 - images.images), replace(images, labels=images.labels[::-1].copy())):
        found = engine(net, others, folder).run(points)["test"].values["loss"]
        np.testing.assert_array_equal(found, engine(net, others).run(points)["test"].values["loss"])


def test_a_damaged_file_counts_as_none(work, tmp_path):
    net, images, points = work
    folder = tmp_path / "kept"
    wanted = engine(net, images, folder).run(points)["test"].values["loss"]
    (file,) = folder.glob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(engine(net, images, folder).run(points)["test"].values["loss"], wanted)
