import numpy as np
import pytest

from transferscope.data.arrays import images_from_arrays, split_images
from transferscope.data.mapped import is_mapped
from transferscope.errors import DataError

X = np.random.default_rng(0).integers(0, 256, (10, 6, 5, 3), np.uint8)
Y = np.arange(10) % 2


@pytest.mark.parametrize("x", [X, X.transpose(0, 3, 1, 2)])
def test_both_orders_of_axes(x):
    assert np.array_equal(images_from_arrays(x, Y).images, X)


def test_grey_multilabel_and_names():
    s = images_from_arrays(X[..., 0], np.eye(10)[:, :3], classes=["a", "b", "c"], ids=[f"n{i}" for i in range(10)])
    assert s.images.shape == (10, 6, 5, 1) and s.multilabel and s.labels.dtype == np.int8 and s.ids[3] == "n3"


def test_a_map_stays_one(tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert is_mapped(images_from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"), Y).images)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X.astype(complex), Y, {}, "must be uint8 from 0 to 255, got complex128"),
        (X / 127.5 - 1, Y, {}, r"float64 from -1 to 1; give them as they were before they were normalised"),
        (X / 25.5, Y, {}, r"float64 from 0 to 10, whose scale cannot be told; give uint8 from 0 to 255, or 0 to 1"),
        (X.astype(np.uint16) * 257, Y, {}, r"uint16 from 0 to 65535, whose scale cannot be told"),
        ((X % 2).astype(int), Y, {}, r"int64 from 0 to 1, whose scale cannot be told; give uint8 from 0 to 255"),
        (np.where(X == 3, np.nan, X), Y, {}, "float64 with NaN or infinite entries"),
        (X[..., :2], Y, {}, r"got \(10, 6, 5, 2\)"),
        (X, Y - 1, {}, "the label -1 is below 0"),
        (X, Y + 0.5, {}, "whole numbers"),
        (X, Y.astype(str), {}, "whole numbers"),
        (X, np.full((10, 2), 3), {}, "0, 1 or -1"),
        (X, Y, {"classes": ["a"]}, "the label 1 and 1 class names"),
        (X, np.eye(10), {"classes": ["a"]}, "10 label columns and 1 class names"),
        (X, Y[:9], {}, "10 images, 9 labels"),
        (X, Y, {"ids": ["a"] * 10}, "ids occur twice"),
    ],
)
def test_refusals(x, y, options, message):
    with pytest.raises(DataError, match=message):
        images_from_arrays(x, y, **options)


def test_split_is_in_proportion_and_disjoint():
    s = images_from_arrays(np.zeros((200, 2, 2), np.uint8), (np.arange(200) % 4 == 0).astype(int))
    parts = split_images(s, val=20, test=0.25)
    counts = [np.bincount(p.labels) for p in (parts.train, parts.val, parts.test)]
    assert [c.sum() for c in counts] == [130, 20, 50]
    assert all(abs(c[1] - c.sum() / 4) <= 1 for c in counts)
    assert len(set(np.concatenate([parts.train.ids, parts.val.ids, parts.test.ids]))) == 200
    assert parts.test.name == "arrays test"


@pytest.mark.parametrize(
    "x", [X / 255, (X / 255).astype(np.float32), X.astype(float), X + 0.3 * (X < 255), X.astype(int)]
)
def test_numbers_of_a_plain_scale_are_the_same_images(x):
    assert np.array_equal(images_from_arrays(x, Y).images, X)


def test_false_and_true_are_black_and_white():
    assert np.array_equal(images_from_arrays(X > 99, Y).images, np.where(X > 99, 255, 0))
