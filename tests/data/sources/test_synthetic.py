import numpy as np
import pytest

from transferscope.data import synthetic
from transferscope.data.spec import load_images
from transferscope.errors import SpecError


def test_counts_and_labels():
    images = load_images("synthetic:photo?train=150&test=40&val=30", size=16)
    assert (len(images.train), len(images.val), len(images.test)) == (150, 30, 40)
    assert images.classes == synthetic.classes("photo") and images.train.size == (16, 16)
    ids = np.concatenate([images.train.ids, images.val.ids, images.test.ids])
    assert len(set(ids)) == 220
    assert not np.array_equal(images.train.images[:40], images.test.images)


def test_pictures_belong_to_their_labels():
    """Labels are listed before the pictures are drawn, at another size: both must be of the same scene."""
    from transferscope.rng import seed_of

    images = load_images("synthetic:clipart?train=200&test=2&val=0", size=24)
    for number, part in enumerate((slice(0, 128), slice(128, 200))):
        seed = seed_of("synthetic source", 0, "train", number)
        pixels, labels = synthetic.render("clipart", part.stop - part.start, 24, seed)
        assert np.array_equal(images.train.images[part], pixels)
        assert np.array_equal(images.train.labels[part], labels)


def test_more_images_begin_with_the_fewer():
    few = load_images("synthetic:quickdraw?train=50&test=10&val=0", size=8).train
    many = load_images("synthetic:quickdraw?train=300&test=10&val=0", size=8).train
    assert np.array_equal(few.images, many.images[:50]) and np.array_equal(few.labels, many.labels[:50])
    other = load_images("synthetic:quickdraw?train=50&test=10&val=0&seed=1", size=8).train
    assert not np.array_equal(few.images, other.images)


def test_samples_are_of_the_whole():
    whole = load_images("synthetic:photo?train=300&test=10&val=0", size=8).train
    few = load_images("synthetic:photo?train=300&test=10&val=0", size=8, samples=90).train
    assert np.array_equal(few.images, whole.sample(90).images) and few.ids.tolist() == whole.sample(90).ids.tolist()


def test_a_union_is_its_domains_one_after_the_other():
    both = load_images("synthetic:photo+clipart?train=140&test=10&val=0", size=8)
    clipart = load_images("synthetic:clipart?train=140&test=10&val=0", size=8)
    assert len(both.train) == 280 and np.array_equal(both.train.images[140:], clipart.train.images)
    assert both.train.ids[140] == "clipart/train/000000"


def test_findings():
    images = load_images("synthetic:xray?train=20&test=10", size=16, channels=1)
    assert images.multilabel and images.train.labels.dtype == np.int8 and images.train.channels == 1
    assert images.classes == synthetic.classes("xray")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("synthetic:clip", "did you mean 'clipart'"),
        ("synthetic:photo+xray", "photo and xray have different classes"),
        ("synthetic:photo?imbalance=2", "imbalance"),
        ("synthetic:photo?train=1", "too few"),
        ("synthetic:xray?labels=colour", "no colour labels"),
        ("synthetic:photo?trian=5", "unknown option 'trian'; did you mean 'train'"),
    ],
)
def test_refusals(spec, message):
    with pytest.raises(SpecError, match=message):
        load_images(spec)
