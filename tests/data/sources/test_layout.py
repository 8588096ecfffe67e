import numpy as np
import pytest

from transferscope.data.sources.layout import part_called
from transferscope.data.spec import load_images, parse
from transferscope.errors import DataError

CLASSES = {"cat": 8, "dog": 8}


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "train",
            "train Training TRAIN_SET trainset train-data TrainingData train2017 seg_train 01_train train_images",
        ),
        ("val", "val valid Validation dev dev_set DevData val2014"),
        ("test", "test Testing test_set testset TestImages eval evaluation holdout test1"),
        (None, "cat trains contest latest devices value traintest train_test images 2017 invalid tester"),
    ],
)
def test_names_of_parts(part, names):
    assert {name: part_called(name) for name in names.split()} == dict.fromkeys(names.split(), part)


@pytest.mark.parametrize(
    "parts",
    [
        ("training", "testing"),
        ("train_set", "test_set"),
        ("train", "dev"),
        ("Train", "Eval"),
        ("TrainingData", "TestData"),
        ("train2017", "val2017"),
    ],
)
def test_parts_by_other_names_are_parts(write_folder, parts):
    train, test = parts
    images = load_images(f"folder:{write_folder({train: CLASSES, test: {'cat': 3, 'dog': 2}})}?val=0")
    assert images.classes == ("cat", "dog")
    assert (len(images.train), len(images.test)) == (16, 5)
    assert all(i.startswith(f"{test}/") for i in images.test.ids)
    assert not images.remarks


def test_three_parts_by_other_names(write_folder):
    root = write_folder({"training_set": CLASSES, "dev_set": {"cat": 2, "dog": 1}, "test_set": {"cat": 1, "dog": 1}})
    images = load_images(f"folder:{root}")
    assert [len(p) for p in (images.train, images.val, images.test)] == [16, 3, 2]


def test_what_is_no_part_is_left_out_by_name(write_folder):
    root = write_folder(
        {"train": CLASSES, "test": {"cat": 1, "dog": 1}, "extra": {"cat": 3}, "valid": CLASSES, "dev": CLASSES}
    )
    images = load_images(f"folder:{root}")
    assert len(images.val) == 16 and all(i.startswith("valid/") for i in images.val.ids), "usual names before others"
    assert images.remarks == (
        "the folder 'dev' left out: it is none of the parts (16 images)",
        "the folder 'extra' left out: it is none of the parts (3 images)",
    )


def test_two_folders_for_one_part_want_a_word(write_folder):
    root = write_folder({"train_a": CLASSES, "train_b": CLASSES, "test": CLASSES})
    with pytest.raises(DataError, match=r"no 'train'|hold the same folders|may each be"):
        load_images(f"folder:{root}")
    root = write_folder({"training": CLASSES, "train_set": CLASSES, "test": CLASSES}, name="other")
    with pytest.raises(DataError, match=r"'train_set', 'training' may each be the train part; .*\?split=TRAIN,TEST"):
        load_images(f"folder:{root}")
    images = load_images(f"folder:{root}?split=training,test&val=0")
    assert (len(images.train), len(images.test)) == (16, 16)
    assert images.remarks == ("the folder 'train_set' left out: it is none of the parts (16 images)",)


def test_folders_that_hold_the_same_folders_are_no_classes(write_folder):
    root = write_folder({"photo": CLASSES, "sketch": CLASSES, "notes": {}})
    with pytest.raises(DataError, match=r"'photo', 'sketch' hold the same folders \('cat', 'dog'\)") as caught:
        load_images(f"folder:{root}")
    for advice in ("?split=TRAIN,TEST", f"domains:{root}?domain=", "?split=none"):
        assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_domains_of_which_one_lacks_a_class_are_no_classes(write_folder):
    root = write_folder({"a": {"cat": 2, "dog": 2, "eel": 2}, "b": {"cat": 2, "dog": 2}})
    with pytest.raises(DataError, match=r"hold the same folders \('cat', 'dog'\)"):
        load_images(f"folder:{root}")


def test_split_none_takes_folders_for_classes(write_folder):
    root = write_folder({"COVID": {"images": 9, "masks": 9}, "Normal": {"images": 9, "masks": 9}})
    with pytest.raises(DataError, match="hold the same folders"):
        load_images(f"folder:{root}")
    assert load_images(f"folder:{root}?split=none").classes == ("COVID", "Normal")


def test_classes_with_folders_in_them_stay_classes(write_folder, write_image):
    root = write_folder({"n01": {"images": 9}, "n02": {"images": 9}, "n03": {"images": 9}})
    assert load_images(f"folder:{root}").classes == ("n01", "n02", "n03"), "one folder in each, as Tiny ImageNet has"
    root = write_folder({"cat": {"a": 5, "b": 5}, "dog": {"a": 5, "b": 5}}, name="some")
    write_image(root / "dog" / "x.png", 999)
    assert load_images(f"folder:{root}").classes == ("cat", "dog"), "an image right in a folder makes it a class"
    root = write_folder({"cat": {"2019": 5, "2020": 5}, "dog": {"2020": 5, "2021": 5}}, name="years")
    assert load_images(f"folder:{root}").classes == ("cat", "dog")


def test_parts_below_the_classes(write_folder):
    root = write_folder({c: {"train": 6, "test": 3, "other": 2} for c in ("bottle", "cable")})
    images = load_images(f"folder:{root}?val=0")
    assert images.classes == ("bottle", "cable") and (len(images.train), len(images.test)) == (12, 6)
    assert images.remarks == ("the folders 'other' in each class left out: they are no parts",)
    assert all("/test/" in i for i in images.test.ids)


def test_a_folder_in_the_folder_of_a_part(write_folder):
    root = write_folder({"seg_train": {"seg_train": CLASSES}, "seg_test": {"seg_test": {"cat": 2, "dog": 2}}})
    images = load_images(f"folder:{root}?val=0")
    assert images.classes == ("cat", "dog") and (len(images.train), len(images.test)) == (16, 4)
    assert "'seg_train/seg_train', the only one in it" in images.train.settings


def test_a_folder_that_only_holds_the_folder(write_folder):
    root = write_folder({"data": {"train": CLASSES, "test": CLASSES}})
    with pytest.raises(DataError, match=rf"only one class, 'data'; .* did you mean folder:{root}/data\?"):
        load_images(f"folder:{root}")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("photo,sketches", r"no folder 'sketches' for split=photo,sketches; did you mean 'sketch'\?"),
        ("photo", "give TRAIN,TEST or TRAIN,VAL,TEST, or none"),
        ("photo,photo", "give TRAIN,TEST or TRAIN,VAL,TEST, or none"),
    ],
)
def test_splits_that_cannot_be(write_folder, split, message):
    root = write_folder({"photo": CLASSES, "sketch": CLASSES})
    with pytest.raises(DataError, match=message):
        load_images(f"folder:{root}?split={split}")


def test_a_folder_that_cannot_be_opened_is_one_line(write_folder, monkeypatch):
    import os

    root = write_folder({"cat": 9, "dog": 9})
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"dog: cannot be opened \(permission denied\)"):
        load_images(f"folder:{root}")


def test_digests_of_before_stay():
    assert parse("folder:/x?val=0.2").digest == "e15167af734db01b026228a6e5497a1d"
    assert parse("chexpert:/x?split=official").digest == "84eec332b130bc211fd27fb2283866ad"
    assert parse("domainnet:/x?domain=a+b").digest == "a0142fa85ec0d77debdaa0acab6ed437"
    assert parse("folder:/x?split=a,b").digest != parse("folder:/x").digest


def test_classes_of_one_image_are_said(write_folder):
    images = load_images(f"folder:{write_folder({'ant': 1, 'bee': 9, 'cat': 9, 'eel': 1})}")
    assert images.remarks == ("2 classes of one image: 'ant', 'eel'",)
    assert np.bincount(images.train.labels, minlength=4)[[0, 3]].tolist() == [1, 1]


def test_names_that_join_part_and_class(write_folder):
    root = write_folder({f"{part}{name}": 5 for part in ("train", "test") for name in ("A", "B")})
    images = load_images(f"folder:{root}?val=0")
    assert images.classes == ("A", "B") and (len(images.train), len(images.test)) == (10, 10)
    assert images.remarks == ("the names of the folders are read as part and class: 'A', 'B' in train, test",)
    assert load_images(f"folder:{root}?val=0&split=none").classes == ("testA", "testB", "trainA", "trainB")


def test_names_of_classes_that_begin_like_parts_stay_classes(write_folder):
    root = write_folder({"train_station": 5, "test_tube": 5, "valley": 5})
    assert load_images(f"folder:{root}").classes == ("test_tube", "train_station", "valley")


def test_a_part_whose_one_folder_holds_all_its_images_is_left_out_by_name(write_folder):
    root = write_folder({"train": {"a": 8, "b": 8}, "val": {"images": 4}})
    images = load_images(f"folder:{root}")
    assert images.remarks == ("the folder 'val' left out: it has no class folders (4 images)",)
