"""A share of the training images: nested, in proportion, and nothing else changes."""

import numpy as np
import pytest

from transferscope.data.spec import load_images, parse
from transferscope.data.subset import nested_order
from transferscope.errors import DataError, SpecError

SPEC = "synthetic:clipart?train=96&test=24"


def test_shares_are_nested_and_in_proportion():
    rng = np.random.default_rng(0)
    labels = rng.choice(5, 400, p=[0.5, 0.2, 0.2, 0.07, 0.03])
    order = nested_order(labels, 3)
    assert sorted(order) == list(range(400))
    counts = np.bincount(labels)
    for n in (5, 40, 200, 400):
        here = np.bincount(labels[order[:n]], minlength=5)
        assert (here >= 1).all() and np.abs(here - counts * n / 400).max() <= 2
    assert not np.array_equal(order, nested_order(labels, 4))


def test_several_labels_are_in_random_order():
    labels = np.eye(4, dtype=np.int8)[np.arange(40) % 4]
    assert sorted(nested_order(labels, 0)) == list(range(40))


def test_only_training_images_are_fewer(tmp_path):
    whole, third, sixth = (
        load_images(f"{SPEC}{keep}", size=8, cache=tmp_path) for keep in ("", "&keep=0.5", "&keep=24")
    )
    n = len(whole.train)
    assert len(third.train) == round(n / 2) and len(sixth.train) == 24
    assert set(sixth.train.ids) < set(third.train.ids) < set(whole.train.ids)
    for part in ("val", "test"):
        assert np.array_equal(getattr(whole, part).images, getattr(third, part).images)
    where = {name: i for i, name in enumerate(whole.train.ids)}
    assert np.array_equal(third.train.images, whole.train.images[[where[name] for name in third.train.ids]])


def test_all_of_them_is_what_it_was():
    assert parse(f"{SPEC}&keep=1").spec == parse(SPEC).spec
    assert parse(f"{SPEC}&keep=1").digest == parse(SPEC).digest
    assert parse(f"{SPEC}&keep=0.5").digest != parse(SPEC).digest


@pytest.mark.parametrize("keep", ["0", "-1", "nan", "2.5"])
def test_what_is_no_share(keep):
    with pytest.raises(SpecError, match="must be a share up to 1, or a number of training images"):
        parse(f"{SPEC}&keep={keep}")


@pytest.mark.parametrize("keep", ["4", "97"])
def test_too_few_and_too_many(keep, tmp_path):
    with pytest.raises(DataError, match=rf"keep={keep} of \d+ training images gives {keep}; expected 12 \(an image"):
        load_images(f"{SPEC}&keep={keep}", size=8, cache=tmp_path)


def test_fewer_classes_are_among_the_more_and_have_more_images_each(tmp_path):
    whole, six, three = (
        load_images(f"{SPEC}{more}", size=8, cache=tmp_path)
        for more in ("", "&class_count=6&keep=18", "&class_count=3&keep=18")
    )
    assert set(three.classes) < set(six.classes) < set(whole.classes)
    assert len(three.train) == len(six.train) == 18
    assert np.bincount(three.train.labels).min() > np.bincount(six.train.labels).min()
    where = {name: i for i, name in enumerate(whole.test.ids)}
    for images in (six, three):
        named = [images.classes[c] for c in images.test.labels]
        assert named == [whole.classes[whole.test.labels[where[name]]] for name in images.test.ids]


def test_classes_that_cannot_be(tmp_path):
    with pytest.raises(SpecError, match="class_count=1 are too few"):
        parse(f"{SPEC}&class_count=1")
    with pytest.raises(DataError, match="class_count=13 of 12 classes"):
        load_images(f"{SPEC}&class_count=13", size=8, cache=tmp_path)
    with pytest.raises(DataError, match="class_count=3 is for one label an image"):
        load_images("synthetic:xray?train=24&test=12&class_count=3", size=8, cache=tmp_path)


def test_some_training_labels_are_wrong_and_the_fewer_are_among_the_more(tmp_path):
    whole, some, more = (
        load_images(f"{SPEC}&val=0{noise}", size=8, cache=tmp_path)
        for noise in ("", "&label_noise=0.1", "&label_noise=0.5")
    )
    few, many = (images.train.labels != whole.train.labels for images in (some, more))
    assert (few.sum(), many.sum()) == (round(0.1 * 96), 48) and not (few & ~many).any()
    assert np.array_equal(some.train.labels[few], more.train.labels[few])
    assert some.train.labels.max() < len(whole.classes) and len(np.unique(more.train.labels)) == len(whole.classes)
    assert np.array_equal(some.train.ids, whole.train.ids) and np.array_equal(some.train.images, whole.train.images)
    assert np.array_equal(some.test.labels, whole.test.labels)
    assert parse(SPEC).digest == parse(f"{SPEC}&label_noise=0").digest != parse(f"{SPEC}&label_noise=0.1").digest
    with pytest.raises(SpecError, match=r"label_noise=1\.5 must be a share from 0 to 1"):
        parse(f"{SPEC}&label_noise=1.5")
    with pytest.raises(DataError, match=r"label_noise=0\.1 is for one label an image"):
        load_images("synthetic:xray?train=24&test=12&label_noise=0.1", size=8, cache=tmp_path)
