from pathlib import Path

import numpy as np
import pytest

from transferscope.data.spec import load_images
from transferscope.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 8, 8, 3), np.uint8)
Y = np.arange(40) % 4


@pytest.fixture
def save(tmp_path: Path):
    def save(**arrays: object) -> str:
        np.savez(tmp_path / "set.npz", **arrays)
        return f"npz:{tmp_path}/set.npz"

    return save


def test_arrays_for_each_part(save, own_cache):
    images = load_images(
        save(x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9], x_val=X[:5], y_val=Y[:5], classes=list("abcd"))
    )
    assert np.array_equal(images.train.images, X) and images.train.labels.tolist() == Y.tolist()
    assert (len(images.val), len(images.test), images.classes) == (5, 9, ("a", "b", "c", "d"))
    assert images.test.ids[0] == "test/0000000" and images.train.name == "set train"
    assert not list(own_cache.iterdir()), "nothing to decode, nothing to cache"


@pytest.mark.parametrize(
    "split", [np.repeat([0, 1, 2], [20, 8, 12]), np.repeat(["train", "valid", "test"], [20, 8, 12])]
)
def test_one_array_with_a_split(save, split):
    images = load_images(save(images=X, labels=Y, split=split, ids=[f"n{i}" for i in range(40)]))
    assert [len(p) for p in (images.train, images.val, images.test)] == [20, 8, 12]
    assert np.array_equal(images.test.images, X[28:]) and images.val.ids[0] == "n20"


def test_one_array_without_a_split(save):
    images = load_images(save(x=X, y=Y))
    assert [len(p) for p in (images.train, images.val, images.test)] == [29, 3, 8]
    assert images.classes == ("0", "1", "2", "3")


def test_class_names_may_be_called_labels(save):
    y = (RNG.random((40, 3)) < 0.5).astype(np.uint8)
    images = load_images(save(x=X[..., 0], y=y, labels=["p", "q", "r"]))
    assert images.classes == ("p", "q", "r") and images.multilabel and images.train.channels == 3


def test_names_may_be_stored_as_bytes(save):
    names = np.array(["chat", "été", "b", "d"], dtype=object)
    images = load_images(save(x=X, y=Y, classes=np.array([n.encode() for n in names])))
    assert images.classes == ("chat", "été", "b", "d")


def test_vectors_with_exactly_one_class_are_classes(save):
    images = load_images(save(x=X, y=np.eye(4)[Y], classes=list("abcd")))
    assert not images.multilabel and images.classes == ("a", "b", "c", "d")
    assert images.train.labels.tolist() == [Y[int(i)] for i in images.train.ids]
    assert images.remarks == ("each image has exactly one of the labels and is read as of that class",)
    two = np.eye(4)[Y[:9]]
    two[0, 1] = 1
    images = load_images(save(x_train=X, y_train=np.eye(4)[Y], x_test=X[:9], y_test=two))
    assert images.multilabel and not any("exactly one" in remark for remark in images.remarks)


@pytest.mark.parametrize("names", [("X_train", "Y_train", "X_test", "Y_test"), ("data", "targets"), ("X", "target")])
def test_other_usual_names(save, names):
    images = load_images(save(**dict(zip(names, (X, Y, X[:9], Y[:9]), strict=False))))
    assert images.classes == ("0", "1", "2", "3") and images.train.size == (8, 8)
    with pytest.raises(
        DataError, match=r"no labels \(y\) in it; .*labels are numbers, and their names are called classes"
    ):
        load_images(save(x=X, y=np.array(list("abcd"))[Y]))


def test_resized(save, own_cache):
    images = load_images(save(x=X, y=Y), size=4)
    assert images.train.size == (4, 4) and list(own_cache.iterdir())
    area = X.reshape(40, 4, 2, 4, 2, 3).mean((2, 4))
    kept = [int(i) for i in images.train.ids]
    assert np.abs(images.train.images.astype(float) - area[kept]).mean() < 25, "antialiased: near the mean of areas"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, r"no images \(x\) in it; it has a \(40, 8, 8, 3\)"),
        ({"x": X}, r"no labels \(y\)"),
        ({"x_train": X, "x_test": X}, "x_train is there and y_train is missing"),
        ({"x_test": X, "y_test": Y}, "none for train"),
        ({"x": X, "y": Y, "split": Y}, "split holds 3"),
        ({"x": X, "y": Y, "split": Y[:3]}, r"split has shape \(3,\)"),
        ({"x": X, "y": Y, "classes": ["a", "b", "c"]}, "the label 3 and 3 class names"),
        ({"x": X, "y": Y[:39]}, "40 images, 39 labels"),
        ({"x": X, "y": Y * 0}, "all train images are of one class"),
        ({"x": X, "y": Y, "ids": ["a"] * 40}, "'a' is in train and val"),
        ({"x_train": X, "y_train": Y % 2, "x_test": X, "y_test": Y}, "no train image of '2', '3'"),
        ({"x": X, "y": np.array([{}] * 40)}, "without pickles"),
    ],
)
def test_arrays_that_cannot_be_right(save, arrays, message):
    with pytest.raises(DataError, match=message):
        load_images(save(**arrays))


def test_files_that_cannot_be_right(tmp_path):
    (tmp_path / "a.npz").write_text("nothing")
    with pytest.raises(DataError, match="cannot be read as an npz file"):
        load_images(f"npz:{tmp_path}/a.npz")
    np.save(tmp_path / "b.npy", X)
    with pytest.raises(DataError, match="is a single array"):
        load_images(f"npz:{tmp_path}/b.npy")
    with pytest.raises(DataError, match=r"no such file; did you mean 'a\.npz'"):
        load_images(f"npz:{tmp_path}/aa.npz")


@pytest.mark.parametrize("multilabel", [False, True])
def test_medmnists_files(save, multilabel):
    arrays = {}
    for part, n in (("train", 24), ("val", 6), ("test", 9)):
        arrays[f"{part}_images"] = RNG.integers(0, 256, (n, 8, 8), np.uint8)
        columns = [np.arange(n) % 2, np.arange(n) % 3 == 0, np.arange(n) % 5 == 0]
        arrays[f"{part}_labels"] = np.stack(columns[: 3 if multilabel else 1], 1).astype(np.uint8)
    images = load_images(save(**arrays))
    assert [len(p) for p in (images.train, images.val, images.test)] == [24, 6, 9]
    assert images.multilabel == multilabel and len(images.classes) == (3 if multilabel else 2)
    assert np.array_equal(images.test.labels, arrays["test_labels"] if multilabel else arrays["test_labels"][:, 0])
    assert np.array_equal(images.val.images[..., 0], arrays["val_images"])
    del arrays["test_labels"]
    with pytest.raises(DataError, match="test_images is there and test_labels is missing"):
        load_images(save(**arrays))


def test_floats_are_read_by_one_scale_for_all_parts(save):
    x, dark = X / 255, X[:9] // 255 / 255  # alone, the dark part would be of numbers up to 1/255
    images = load_images(save(x_train=x, y_train=Y, x_test=dark, y_test=Y[:9]) + "?val=0")
    assert np.array_equal(images.train.images, X) and np.array_equal(images.test.images, X[:9] // 255)
    assert images.remarks == ("images of float64 from 0 to 1 are multiplied by 255 and rounded to 8 bits",)
    images = load_images(save(train_images=X.astype(float), train_labels=Y, test_images=dark, test_labels=Y[:9]))
    assert np.array_equal(images.test.images, np.rint(dark)), "of the scale that the training images are of"
    with pytest.raises(DataError, match=r"set\.npz: images are of float64 and uint8; give all parts in one format"):
        load_images(save(x_train=x, y_train=Y, x_test=X[:9], y_test=Y[:9]))
