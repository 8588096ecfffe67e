"""Captions: where they come from, that they stay with their image, and their words as numbers."""

import numpy as np
import pytest

from transferscope.data import synthetic
from transferscope.data.captions import captions_of
from transferscope.data.drawn import attributes
from transferscope.data.imageset import ImageSet
from transferscope.data.spec import load_images, parse
from transferscope.data.words import Vocabulary
from transferscope.errors import DataError


@pytest.mark.parametrize("domain", synthetic.DOMAINS)
def test_what_pictures_show_is_known_without_drawing_them(domain):
    uneven = 0.0 if domain == "xray" else 0.8
    objects, colours = attributes(domain, 40, 5, uneven)
    assert np.array_equal(objects, synthetic.render(domain, 40, 8, 5, imbalance=uneven)[1])
    if domain in ("quickdraw", "xray"):
        assert colours is None
    else:
        assert np.array_equal(colours, synthetic.render(domain, 40, 8, 5, labels="colour")[1])


def test_captions_of_drawn_pictures_name_object_and_colour(tmp_path):
    spec = "synthetic:photo+clipart?train=20&test=8&class_count=4"
    objects, colours = (
        load_images(f"{spec}&labels={kind}" if kind == "colour" else spec, size=8, cache=tmp_path)
        for kind in ("object", "colour")
    )
    for images in (objects, colours):
        for part in (images.train, images.test.subset([3, 1])):
            said = captions_of(part)
            assert len(said) == len(part)
            for caption, label in zip(said, part.labels, strict=True):
                assert images.classes[label].replace("_", " ") in caption
    assert any(c.startswith("a clip art of") for c in captions_of(objects.train))


def test_captions_of_a_folder_come_from_its_table(tmp_path):
    from PIL import Image

    root = tmp_path / "photos"
    root.mkdir()
    lines = ["file_name,label,text"]
    for i in range(8):
        Image.fromarray(np.full((8, 8, 3), 20 * i, np.uint8)).save(root / f"{i}.png")
        lines.append(f"{i}.png,{'ab'[i % 2]},picture number {i}")
    (root / "metadata.csv").write_text("\n".join(lines))
    parts = parse(f"imagefolder:{root}?test=2&val=2").listed(0)
    assert parts.classes == ("a", "b")
    for listing in (parts.train, parts.val, parts.test):
        assert [f"picture number {i[0]}" for i in listing.ids] == listing.captions.tolist()


def test_without_captions_classes_are_named():
    pixels, ids = np.zeros((3, 4, 4, 3), np.uint8), np.array(["x", "y", "z"])
    several = ImageSet(pixels, np.array([[1, 0], [1, 1], [0, -1]], np.int8), ("dog", "big cat"), ids)
    assert captions_of(several) == ["a picture of dog", "dog and big cat", "this is none of these"]
    with pytest.raises(DataError, match="3 images and 2 captions; need one each, or none"):
        ImageSet(pixels, np.zeros(3, np.int64), ("dog",), ids, captions=np.array(["a", "b"]))


def test_words_become_numbers():
    known = Vocabulary.of(["the cat", "The dog, the cat!", "bird"], most=3)
    assert known.words == ("the", "cat", "bird") and len(known) == 5 and known.length == 4
    assert known.tokens(["cat the zebra", "", "bird bird bird bird bird"]).tolist() == [
        [3, 2, 1, 0], [0, 0, 0, 0], [4, 4, 4, 4],
    ]  # fmt: skip
    with pytest.raises(DataError, match="no caption has a word in it"):
        Vocabulary.of(["", "…"])
