"""Batched augmentation against one image at a time: cut, pad and mirror by indexing, scale with ``interpolate``."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from transferscope.data.augment import Augmentation, Boxes, augment, draw_boxes, mixup, resample
from transferscope.errors import UsageError
from transferscope.models.network import Input
from transferscope.rng import numpy_generator


def some_images(count=24, size=(20, 28), channels=3):
    pixels = numpy_generator("images", count).integers(0, 256, (count, *size, channels), dtype=np.uint8)
    return torch.from_numpy(pixels)


def one_by_one(images, boxes, size):
    """The slow way: pad with black, slice, resize with antialiasing, mirror."""
    reach = 64
    out = []
    for i, image in enumerate(images):
        planes = functional.pad(image.permute(2, 0, 1).double(), (reach,) * 4)
        top, left = int(boxes.top[i]) + reach, int(boxes.left[i]) + reach
        box = planes[None, :, top : top + int(boxes.height[i]), left : left + int(boxes.width[i])]
        scaled = functional.interpolate(box, size, mode="bilinear", align_corners=False, antialias=True)[0]
        out.append((scaled.flip(-1) if boxes.flip[i] else scaled).permute(1, 2, 0))
    return torch.stack(out)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("out", [(20, 28), (11, 9), (40, 31)])
def test_resized_boxes_are_what_a_loop_makes(channels, out):
    images = some_images(channels=channels)
    boxes = draw_boxes(Augmentation(), len(images), (20, 28), numpy_generator("boxes"))
    assert 5 < boxes.flip.sum() < 20
    assert len(set(boxes.height)) > 5
    made = resample(images, boxes, out)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made.double(), one_by_one(images, boxes, out), rtol=0, atol=2e-3)


@pytest.mark.parametrize("padding", [0, 3, 7])
def test_moved_images_are_moved_exactly_and_black_outside(padding):
    images, how = some_images(200), Augmentation(crop="pad", padding=padding)
    boxes = draw_boxes(how, 200, (20, 28), numpy_generator("pad"))
    assert {*boxes.top} == {*boxes.left} == {*range(-padding, padding + 1)}
    made = augment(images, how, numpy_generator("pad"))
    assert torch.equal(made.double(), one_by_one(images, boxes, (20, 28)))


@pytest.mark.parametrize(
    ("padding", "side", "channels"), [(2, (24, 24), 3), (4, (9, 17), 1), (40, (12, 12), 3), (0, (8, 8), 2)]
)
def test_moved_images_are_copied_to_the_bits_of_the_products(padding, side, channels):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, *side, channels), np.uint8))
    how = Augmentation(crop="pad", padding=padding)
    moved = augment(images, how, np.random.default_rng(1))
    boxes = draw_boxes(how, len(images), side, np.random.default_rng(1))
    products = resample(images, boxes, side)
    assert torch.equal(moved, products)
    assert moved.stride() == products.stride()
    assert boxes.flip.any() and not boxes.flip.all()


def test_nothing_to_do_returns_the_images():
    images = some_images()
    assert augment(images, Augmentation.off(), numpy_generator("none")) is images
    flipped = augment(images, Augmentation(crop="none"), numpy_generator("flip"))
    same, mirrored = ((flipped == v).all(3).all(2).all(1) for v in (images, images.flip(2)))
    assert bool((same ^ mirrored).all())
    assert 4 < int(mirrored.sum()) < 20


def test_every_image_has_its_own_draw_and_the_stream_decides():
    one = some_images(1).expand(16, -1, -1, -1)
    first, again, other = (augment(one, Augmentation(), numpy_generator("draw", s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({tuple(image.flatten().tolist()) for image in first}) == 16


def test_draws_follow_the_stated_distribution():
    how = Augmentation(scale=(0.2, 0.6), ratio=(0.5, 2.0))
    boxes = draw_boxes(how, 20_000, (200, 200), numpy_generator("many"))
    area = boxes.height * boxes.width / 200**2
    assert area.min() > 0.195
    assert area.max() < 0.605
    # Areas over ½ with ratio near 2 do not fit and are drawn again; below that they are uniform.
    assert np.histogram(area, [0.2, 0.3, 0.4, 0.5])[0].std() < 100
    shape = np.log(boxes.width / boxes.height)
    assert abs(shape.mean()) < 0.02
    assert abs(shape).max() < np.log(2.0) + 0.03
    inside = (boxes.top >= 0) & (boxes.left >= 0)
    inside &= (boxes.top + boxes.height <= 200) & (boxes.left + boxes.width <= 200)
    assert inside.all()
    assert abs(boxes.flip.mean() - 0.5) < 0.02


@pytest.mark.parametrize(("size", "box"), [((8, 80), (8, 16)), ((80, 8), (16, 8)), ((8, 8), (8, 8))])
def test_when_no_box_fits_the_largest_allowed_one_is_taken(size, box):
    how = Augmentation(scale=(1.0, 1.0), ratio=(0.5, 2.0) if size != (8, 8) else (3.0, 4.0))
    boxes = draw_boxes(how, 5, size, numpy_generator("none fits"))
    if size == (8, 8):
        box = (round(8 / 3), 8)
    assert {*zip(boxes.height.tolist(), boxes.width.tolist(), strict=True)} == {box}


def test_mixup_mixes_images_as_it_says():
    x = Input(size=(20, 28)).prepare(some_images(200))
    mixed = mixup(x, 0.5, numpy_generator("mix"))
    share = mixed.weight[:, None, None, None]
    torch.testing.assert_close(mixed.images, share * x + (1 - share) * x[mixed.partner])
    assert sorted(mixed.partner.tolist()) == list(range(200))
    assert 0.5 <= float(mixed.weight.min()) <= float(mixed.weight.max()) <= 1
    # max(w, 1 − w) of Beta(½, ½) has mean ½ + 1/π.
    assert abs(float(mixed.weight.mean()) - (0.5 + 1 / np.pi)) < 0.04
    assert len(mixed.weight.unique()) > 150


def test_boxes_of_the_whole_image_change_nothing():
    images = some_images(3)
    whole = Boxes(*np.array([[0] * 3, [0] * 3, [20] * 3, [28] * 3]), flip=np.zeros(3, bool))
    assert torch.equal(resample(images, whole, (20, 28)), images.float())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"crop": "random"}, "crop: 'random' is wrong; expected 'none', 'pad' or 'resized'"),
        ({"scale": (0.5, 1.2)}, r"scale: \(0.5, 1.2\) is wrong; expected two shares of the area"),
        ({"ratio": (2.0, 1.0)}, r"ratio: \(2.0, 1.0\) is wrong"),
        ({"padding": -1}, "padding: -1 is wrong"),
        ({"mixup": float("nan")}, "mixup: nan is wrong; expected 0"),
    ],
)
def test_wrong_settings_are_named(setting, message):
    with pytest.raises(UsageError, match=message):
        Augmentation(**setting)
