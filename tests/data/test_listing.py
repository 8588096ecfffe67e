import numpy as np
import pytest

from transferscope.data.imageset import ImageSet
from transferscope.data.listing import Listing, arrange, portion
from transferscope.data.pixels import ArrayPixels
from transferscope.errors import DataError


def listing(labels: object, prefix: str = "") -> Listing:
    target = np.asarray(labels)
    pixels = np.zeros((len(target), 2, 2, 1), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(len(target))
    return Listing(ArrayPixels(pixels), target, np.array([f"{prefix}{i}" for i in range(len(target))]))


def arranged(train, val=None, test=None, **changes):
    options = {"val_share": 0.1, "test_share": 0.2, "samples": None, "seed": 2020} | changes
    return arrange("set", ("a", "b", "c"), train, val, test, **options)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 7, 0])
def test_portion_is_in_proportion_and_exact(share):
    labels = np.repeat([0, 1, 2], [50, 30, 11])
    chosen = portion(labels, share, 0, "x")
    total = round(share * 91) if share < 1 else share
    assert len(chosen) == total == len(set(chosen.tolist()))
    counts = np.bincount(labels[chosen], minlength=3)
    assert np.abs(counts - np.array([50, 30, 11]) * total / 91).max() < 1


def test_portion_leaves_one_of_each_class():
    labels = np.array([0, 1, 1, 2, 2, 2])
    rest = np.setdiff1d(np.arange(6), portion(labels, 0.9, 0, "x"))
    assert set(labels[rest]) == {0, 1, 2}


def test_portion_is_seeded_and_has_streams():
    labels = np.zeros(100, np.int64)
    draws = [
        portion(labels, 0.2, seed, purpose).tolist()
        for seed, purpose in ((0, "val"), (0, "val"), (1, "val"), (0, "test"))
    ]
    assert draws[0] == draws[1]
    assert len({tuple(d) for d in draws}) == 3


def test_portion_draws_everything_equally_often():
    hits = np.zeros(10)
    for seed in range(2000):
        hits[portion(np.array([0, 1] * 5), 0.3, seed, "x")] += 1
    assert np.abs(hits / 2000 - 0.3).max() < 5 * np.sqrt(0.3 * 0.7 / 2000)


def test_absent_parts_are_taken_from_train():
    parts = arranged(listing(np.arange(300) % 3))
    assert (len(parts.train), len(parts.val), len(parts.test)) == (216, 24, 60)
    ids = np.concatenate([parts.train.ids, parts.val.ids, parts.test.ids])
    assert len(set(ids.tolist())) == 300
    for part in (parts.train, parts.val, parts.test):
        assert part.pixels.array[:, 0, 0, 0].tolist() == [int(i) % 256 for i in part.ids]
        assert part.labels.tolist() == [int(i) % 3 for i in part.ids]
    assert "val: 10 % of train" in parts.notes[1]


def test_parts_that_are_there_are_kept():
    train, val, test = (listing(np.arange(30) % 3, p) for p in "xyz")
    parts = arranged(train, val, test)
    assert (parts.train, parts.val, parts.test) == (train, val, test)


def test_validation_never_comes_from_test_and_may_be_empty():
    parts = arranged(listing(np.arange(30) % 3, "x"), None, listing(np.arange(30) % 3, "y"))
    assert len(parts.val) == 3 and all(i.startswith("x") for i in parts.val.ids)
    assert len(arranged(listing(np.arange(30) % 3), val_share=0).val) == 0


def test_samples_are_those_an_image_set_would_take():
    parts = arranged(listing(np.arange(300) % 3, "x"), None, listing(np.arange(200) % 3, "y"))
    few = arranged(listing(np.arange(300) % 3, "x"), None, listing(np.arange(200) % 3, "y"), samples=50)
    assert (len(few.train), len(few.val), len(few.test)) == (50, 5, 50)
    whole = ImageSet(parts.train.pixels.array, parts.train.labels, parts.classes, parts.train.ids)
    assert few.train.ids.tolist() == whole.sample(50, seed=2020).ids.tolist()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((listing([0, 1] * 9), None, listing([0, 1])), "'0' is in train and test|'1' is in train and test"),
        ((listing([0, 1, 0]), None, listing([0, 2], "y")), "no train image of 'c', which val or test have"),
        ((listing([1, 1, 1]), None, listing([1, 1], "y")), "all train images are of one class, 'b'"),
        ((listing([0, 1]), None, listing([], "y")), "no test images are left"),
    ],
)
def test_refusals(parts, message):
    with pytest.raises(DataError, match=message):
        arranged(*parts, val_share=0)


def test_ids_twice_in_one_part():
    train = listing([0, 1, 0])
    train.ids[2] = train.ids[0]
    with pytest.raises(DataError, match="'0' is twice in train"):
        arranged(train, None, listing([0, 1], "y"), val_share=0)


def test_more_than_there_is():
    with pytest.raises(DataError, match="val=500: only 30 images"):
        arranged(listing(np.arange(30) % 3), None, listing([0, 1, 2], "y"), val_share=500)
