"""What is said of decoded images, against plain loops."""

import numpy as np
import pytest
from PIL import Image

from transferscope.data.look import equal_across, next_to_nothing
from transferscope.data.spec import load_images


def test_equal_images_are_those_that_a_plain_loop_finds():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (40, 40, 24, 3), np.uint8)
    test = rng.integers(0, 256, (30, 40, 24, 3), np.uint8)
    test[[3, 7, 20]] = train[[5, 5, 39]]
    test[9] = train[1]
    test[9, 1, 0, 0] ^= 1  # a row that is not looked at first
    found = equal_across({"train": train, "val": train[:0], "test": test})
    slow = [(i, j) for j in range(30) for i in range(40) if (train[i] == test[j]).all()]
    assert found == {("train", "test"): slow} and len(slow) == 3


@pytest.mark.parametrize("height", [1, 8, 100])
def test_next_to_nothing_is_what_a_plain_loop_finds(height):
    rng = np.random.default_rng(1)
    images = rng.integers(100, 116, (50, height, 9, 1), np.uint8)
    images[::3, -1, -1] = 90
    slow = [i for i, one in enumerate(images) if int(one.max()) - int(one.min()) < 16]
    assert next_to_nothing(images).tolist() == slow


def test_equal_content_across_parts_is_counted_and_named(write_folder):
    root = write_folder({"train": {"cat": 8, "dog": 8}, "test": {"cat": 4, "dog": 4}})
    assert not load_images(f"folder:{root}?val=0", look=True).remarks
    for i in range(2):
        (root / "test/cat" / f"00{i}.png").write_bytes((root / "train/cat" / f"00{i}.png").read_bytes())
    # Another file of the same pixels.
    with Image.open(root / "train/dog/005.png") as image:
        image.save(root / "test/cat/003.png", compress_level=0, optimize=False)
    images = load_images(f"folder:{root}?val=0", look=True)
    assert images.remarks == (
        "3 of 8 test images are, pixel by pixel, train images, too: 'test/cat/000.png' is 'train/cat/000.png', "
        "'test/cat/001.png' is 'train/cat/001.png', 'test/cat/003.png' is 'train/dog/005.png'",
        "2 images are, pixel by pixel, images of another class, too: 'train/dog/005.png' is 'test/cat/003.png'",
    )
    assert not load_images(f"folder:{root}?val=0").remarks, "only when asked to look"


def test_integers_of_small_range_are_counted_named_and_their_range_is_said(tmp_path):
    for c in ("cat", "dog"):
        for i in range(8):
            (tmp_path / c).mkdir(exist_ok=True)
            values = np.random.default_rng([i, c == "cat"]).integers(0, 4096, (16, 16), np.uint16)
            values[0, :2] = 0, 4095
            Image.fromarray(values).save(tmp_path / c / f"{i}.png")
    (said,) = load_images(f"folder:{tmp_path}", look=True).remarks
    assert said.startswith("16 of 16 images show next to nothing")
    assert "values from 0 to 15, in its file from 0 to 4095 of 16 bits" in said and "/0.png'" in said


def test_blank_images_of_8_bits_and_arrays(tmp_path, write_folder):
    root = write_folder({"a": 9, "b": 9})
    Image.new("RGB", (8, 8), (255, 255, 255)).save(root / "b" / "003.png")
    (said,) = load_images(f"folder:{root}", look=True).remarks
    assert said == (
        "1 of 18 images show next to nothing, all their pixels within 16 of 256 levels: 'b/003.png'; "
        "the first has values from 255 to 255"
    )
    x = np.random.default_rng(0).integers(0, 2, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "masks.npz", x=x, y=np.arange(40) % 2)
    assert "40 of 40 images show next to nothing" in load_images(f"npz:{tmp_path}/masks.npz", look=True).remarks[0]
