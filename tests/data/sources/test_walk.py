"""Links: each real file once, and nothing that is tested in training."""

import os
from pathlib import Path

import numpy as np
import pytest

from transferscope.data.sources.walk import walk
from transferscope.data.spec import load_images
from transferscope.errors import DataError


def real_files(images) -> list[str]:
    root = Path(images.spec.partition(":")[2].partition("?")[0])
    return [os.path.realpath(root / i) for part in (images.train, images.val, images.test) for i in part.ids]


@pytest.mark.parametrize("target", [".", "..", "../cat", "/", "../.."])
def test_a_link_to_a_folder_it_lies_in_adds_nothing(write_folder, target):
    root = write_folder({"cat": 8, "dog": 8})
    before = load_images(f"folder:{root}")
    (root / "cat" / "latest").symlink_to(target)
    images = load_images(f"folder:{root}")
    assert images.train.ids.tolist() == before.train.ids.tolist() and images.train.digest == before.train.digest
    assert images.remarks == ("1 link left out, to what is read already: 'cat/latest' → a folder that it lies in",)


def test_links_among_many_folders_end(write_folder):
    names = [f"c{i}" for i in range(8)]
    root = write_folder(dict.fromkeys(names, 3))
    for one in names:
        for other in names:
            (root / one / f"to-{other}").symlink_to(root / other)
    images = load_images(f"folder:{root}")
    assert len(real_files(images)) == len(set(real_files(images))) == 24
    assert images.remarks[0].startswith("64 links left out")


def test_test_images_do_not_come_into_training(write_folder):
    root = write_folder({"train": {"cat": 6, "dog": 6}, "test": {"cat": 4, "dog": 4}})
    (root / "train" / "cat" / "more").symlink_to("../../test/cat")
    (root / "train" / "dog" / "x.png").symlink_to("../../test/dog/001.png")
    (root / "train" / "dog" / "y.png").symlink_to("../../test/cat/002.png")
    images = load_images(f"folder:{root}?val=0")
    assert (len(images.train), len(images.test)) == (12, 8)
    assert images.remarks == (
        "3 links left out, to what is read already: 'train/cat/more' → test/cat, "
        "'train/dog/x.png' → test/dog/001.png, 'train/dog/y.png' → test/cat/002.png",
    )


def test_of_links_alone_the_one_in_test_counts(write_folder, write_image):
    root = write_folder({"train": {"cat": 6, "dog": 6}, "test": {"cat": 4, "dog": 4}})
    pool = root.parent / "pool"
    for i in range(3):
        write_image(pool / "cat" / f"{i}.png", 500 + i)
        for part in ("train", "test"):
            (root / part / "cat" / f"pool{i}.png").symlink_to(pool / "cat" / f"{i}.png")
    images = load_images(f"folder:{root}?val=0")
    assert (len(images.train), len(images.test)) == (12, 11)
    assert images.remarks[0].startswith("3 links left out")
    # The same by folders.
    for part in ("train", "test"):
        for i in range(3):
            (root / part / "cat" / f"pool{i}.png").unlink()
        (root / part / "cat" / "pool").symlink_to(pool / "cat")
    images = load_images(f"folder:{root}?val=0")
    assert (len(images.train), len(images.test)) == (12, 11)


def test_links_to_elsewhere_are_followed_in_order(write_folder, write_image):
    """What was read right before is read in the same order: files of a folder, then its folders, by name."""
    root = write_folder({"cat": 3, "dog": 3})
    other = root.parent / "elsewhere"
    for i in range(2):
        write_image(other / "deep" / f"{i}.png", 100 + i)
        write_image(other / f"{i}.png", 200 + i)
    (root / "cat" / "001b.png").symlink_to(other / "0.png")
    (root / "cat" / "more").symlink_to(other)
    (root / "cat" / "zoo").mkdir()
    write_image(root / "cat" / "zoo" / "z.png", 300)
    images = load_images(f"folder:{root}?val=0&test=2&split=none")
    expected = [
        f"cat/{n}"
        for n in (
            *("000.png", "001.png", "002.png"),
            *("more/0.png", "more/1.png", "more/deep/0.png", "more/deep/1.png"),
            "zoo/z.png",
        )
    ]
    got = sorted([*images.train.ids, *images.test.ids])
    # 001b.png leads to more/0.png, which comes with its folder.
    assert [i for i in got if i.startswith("cat/")] == expected
    assert len(set(real_files(images))) == len(real_files(images)) == 3 + 3 + 4 + 1
    assert "links followed" in images.train.settings


def test_classes_that_are_links(write_folder):
    real = write_folder({"a": 8, "b": 8}, name="real")
    root = real.parent / "links"
    root.mkdir()
    (root / "cat").symlink_to(real / "a")
    (root / "dog").symlink_to(real / "b")
    images = load_images(f"folder:{root}")
    plain = load_images(f"folder:{real}")
    assert images.train.labels.tolist() == plain.train.labels.tolist() and not images.remarks
    assert np.array_equal(images.train.images, plain.train.images)
    (root / "kitten").symlink_to(real / "a")
    with pytest.raises(DataError, match=r"no images in the class folder 'kitten'; .*'kitten' → cat"):
        load_images(f"folder:{root}")


def test_a_broken_link_is_an_unreadable_image(write_folder):
    root = write_folder({"cat": 8, "dog": 8})
    (root / "cat" / "gone.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"1 of 17 images cannot be read: .*gone\.png \(no such file\)"):
        load_images(f"folder:{root}?val=0&test=4")


def test_a_link_that_leads_round_to_itself_is_one_too(write_folder):
    root = write_folder({"cat": 8, "dog": 8})
    (root / "cat" / "me.png").symlink_to("me.png")
    with pytest.raises(DataError, match=r"1 of 17 images cannot be read: .*me\.png \(too many levels"):
        load_images(f"folder:{root}?val=0&test=4")


def test_names_that_are_no_utf8(write_folder, write_image):
    root = write_folder({"cat": 8, "dog": 8})
    (root / "dog").rename(root / os.fsdecode(b"ca\xe9"))
    (root / "cat" / "000.png").rename(root / "cat" / os.fsdecode(b"\xff.png"))
    images = load_images(f"folder:{root}?val=0", look=True)
    assert images.classes == ("cat", "ca\\xe9") and len(images.train) + len(images.test) == 16
    for text in (*images.classes, *images.train.ids, *images.test.ids, *images.remarks, images.train.settings):
        text.encode("utf-8")
    assert images.remarks == (
        r"a class folder has a name that is no UTF-8, shown with escapes: 'ca\xe9'",
        "1 image files whose names are no UTF-8 are called by them with escapes",
    )
    (root / os.fsdecode(b"ca\xe9") / "bad.png").write_text("no image")
    skipped = load_images(f"folder:{root}?val=0", skip_unreadable=True)
    assert [s.path.encode("utf-8") for p in (skipped.train, skipped.test) for s in p.skipped]
    (root / r"ca\xe9").mkdir()
    write_image(root / r"ca\xe9" / "x.png", 99)
    with pytest.raises(DataError, match="two class folders would both be called"):
        load_images(f"folder:{root}?val=0")


def test_the_order_is_that_of_a_plain_walk(write_folder, write_image):
    """Folders with links to elsewhere were read right before, and are read in the same order."""
    root = write_folder({"cat": {"b": 2, "a": 2}})
    for i, name in enumerate(("zz.png", "00.png", "b.png", "a/deeper/0.png")):
        write_image(root / "cat" / name, 50 + i)
        write_image(root.parent / "elsewhere" / name, 60 + i)
    (root / "cat" / "aa").symlink_to(root.parent / "elsewhere")
    (root / "cat" / "y.png").symlink_to(write_image(root.parent / "one.png", 70))
    expected = []
    for at, below, names in os.walk(root / "cat", followlinks=True):
        below.sort()
        expected += [os.path.relpath(f"{at}/{name}", root) for name in sorted(names)]
    found = walk(root, {"cat": root / "cat"})
    assert found.paths["cat"] == expected and len(expected) == 13 and found.followed == 2 and not found.remarks
