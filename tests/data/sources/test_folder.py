import numpy as np
import pytest
from PIL import Image

from transferscope.data.spec import load_images
from transferscope.errors import DataError


def test_three_parts(write_folder):
    root = write_folder({"train": {"cat": 4, "dog": 5}, "valid": {"cat": 2, "dog": 1}, "test": {"cat": 3, "dog": 2}})
    images = load_images(f"folder:{root}")
    assert [len(p) for p in (images.train, images.val, images.test)] == [9, 3, 5]
    assert images.classes == ("cat", "dog")
    assert images.train.labels.tolist() == [0] * 4 + [1] * 5
    assert images.val.ids.tolist() == ["valid/cat/000.png", "valid/cat/001.png", "valid/dog/000.png"]
    assert images.train.name == "pictures train"
    for part in (images.train, images.val, images.test):
        for pixels, name in zip(part.images, part.ids, strict=True):
            assert np.array_equal(pixels, np.asarray(Image.open(root / name)))


def test_equals_torchvisions_image_folder(write_folder):
    datasets = pytest.importorskip("torchvision.datasets")
    root = write_folder({"train": {"b": 3, "A": 2, "10": 2, "9": 2}, "test": {"b": 1, "A": 1, "10": 1, "9": 1}})
    (root / "train" / "b" / "deeper").mkdir()
    Image.new("RGB", (8, 8)).save(root / "train" / "b" / "deeper" / "x.png")
    theirs = datasets.ImageFolder(str(root / "train"))
    ours = load_images(f"folder:{root}?val=0").train
    assert ours.classes == tuple(theirs.classes)
    assert sorted(zip(ours.ids, ours.labels, strict=True)) == sorted(
        (str(path).removeprefix(f"{root}/"), label) for path, label in theirs.samples
    )


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test"])
def test_the_only_other_part_is_the_test_part(write_folder, name):
    root = write_folder({"train": {"a": 20, "b": 20}, name: {"a": 2, "b": 3}})
    images = load_images(f"folder:{root}")
    assert [len(p) for p in (images.train, images.val, images.test)] == [36, 4, 5]
    assert all(i.startswith("train/") for i in images.val.ids)
    assert ("as no other is there" in images.test.settings) == (name != "test")


def test_no_parts_are_split_by_seed(write_folder):
    root = write_folder({"a": 20, "b": 10})
    images = load_images(f"folder:{root}?test=0.3&val=4", seed=1)
    assert [np.bincount(p.labels).tolist() for p in (images.train, images.val, images.test)] == [
        [11, 6],
        [3, 1],
        [6, 3],
    ]
    again, other = (
        load_images(f"folder:{root}?test=0.3&val=4", seed=1),
        load_images(f"folder:{root}?test=0.3&val=4", seed=2),
    )
    assert images.test.ids.tolist() == again.test.ids.tolist() != other.test.ids.tolist()


def test_a_class_may_be_called_train(write_folder):
    root = write_folder({"bus": 8, "train": 8})
    assert load_images(f"folder:{root}").classes == ("bus", "train")


def test_hidden_and_other_files_are_left_out(write_folder):
    root = write_folder({"train": {"a": 3, "b": 3}, "test": {"a": 1, "b": 1}, ".git": {"x": 1}})
    (root / "train" / "a" / "notes.txt").write_text("x")
    (root / "train" / "a" / ".hidden.png").write_text("x")
    images = load_images(f"folder:{root}?val=0")
    assert len(images.train) == 6 and "1 files that are not images" in images.train.settings


def test_a_test_folder_without_classes_is_left_out_and_said_so(write_folder):
    root = write_folder({"train": {"a": 10, "b": 10}, "test": {}})
    images = load_images(f"folder:{root}")
    assert len(images.test) == 4 and "'test' left out" in images.train.settings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": {"cat": 2, "dog": 0}, "test": {"cat": 1, "dog": 1}}, "no images in the class folder 'dog'"),
        ({"train": {"cat": 2, "dog": 2}, "test": {"cat": 1, "dog": 0}}, "test: no images in the class folder 'dog'"),
        ({"train": {"cat": 2}, "test": {"cat": 1}}, "only one class, 'cat'"),
        ({"cat": 5}, "only one class, 'cat'"),
        ({}, "no folders in it; images are expected in one folder for each class"),
        (
            {"train": {"cat": 2, "dog": 2}, "test": {"cat": 2, "cow": 2}},
            "different classes: 'dog' only in train; 'cow' only in test",
        ),
        ({"val": {"cat": 2}, "test": {"cat": 1}}, "has test, val and no 'train'"),
    ],
)
def test_folders_that_cannot_be_right(write_folder, content, message):
    root = write_folder(content)
    with pytest.raises(DataError, match=message) as caught:
        load_images(f"folder:{root}")
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_folder_names_its_sibling(write_folder):
    root = write_folder({"a": 5, "b": 5})
    with pytest.raises(DataError, match=r"no such folder; did you mean 'pictures'\?"):
        load_images(f"folder:{root.parent}/pictrues")
    with pytest.raises(DataError, match="is not there either"):
        load_images(f"folder:{root.parent}/x/y")
    with pytest.raises(DataError, match="is a file"):
        load_images(f"folder:{root}/a/000.png")
