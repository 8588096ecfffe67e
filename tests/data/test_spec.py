from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data.sources.folder import Folder
from transferscope.data.spec import load_images, parse
from transferscope.errors import DataError, SpecError


@pytest.mark.parametrize(
    ("spec", "place", "options"),
    [
        ("folder:/a/b", "/a/b", {}),
        ("folder:~/my pictures?size=64&channels=1", "~/my pictures", {"size": 64, "channels": 1}),
        ("folder:/what?", "/what?", {}),
        ("folder:/what? no=thing?val=0.2", "/what? no=thing", {"val": 0.2}),
        ("folder:/a?b/c", "/a?b/c", {}),
        ("folder:a:b?test=3&fit=stretch&samples=7", "a:b", {"test": 3.0, "fit": "stretch", "samples": 7}),
    ],
)
def test_parse(spec, place, options):
    assert parse(spec) == Folder(place, **options)
    assert parse(parse(spec).spec) == parse(spec)


def test_spec_of_options_for_others():
    spec = "torchvision:EMNIST?split=letters&root=x&val=0.123456789"
    assert parse(spec).spec == "torchvision:EMNIST?split=letters&root=x&val=0.123456789"
    assert parse("chexpert:x?labels=Edema,Pleural Effusion&val=50").spec == (
        "chexpert:x?labels=Edema,Pleural Effusion&val=50"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("foldr:/x", "foldr:/x: unknown scheme 'foldr'; did you mean 'folder'"),
        ("/some/where", "a path needs its scheme; did you mean 'folder:/some/where'"),
        ("birds", "a path needs its scheme; did you mean 'folder:birds'"),
        ("foldr", "unknown scheme 'foldr'; did you mean 'folder'"),
        ("folder", "folder: what follows the scheme is missing; expected folder:PLACE"),
        ("", "unknown scheme ''"),
        ("folder:", "what comes after the colon is missing"),
        ("folder:x?vla=0.1", "unknown option 'vla'; did you mean 'val'"),
        ("folder:x?val=0.1&val=0.2", "'val' is given twice"),
        ("folder:x?size=big", "size='big' must be a whole number"),
        ("folder:x?size=0", "size=0 is too small"),
        ("folder:x?val=-1", "val=-1.0 must be a share"),
        ("folder:x?val=nan", "val=nan must be a share"),
        ("folder:x?test=0", "test=0 must be a share"),
        ("folder:x?channels=2", "channels='2' must be 1 or 3"),
        ("folder:x?fit=corp", "fit='corp'; did you mean 'crop'"),
        ("folder:x?samples=1", "samples=1 are too few"),
        ("torchvision:CIFAR10?root=x&download=maybe", "download='maybe' must be true or false"),
    ],
)
def test_what_cannot_be_right(spec, message):
    with pytest.raises(SpecError, match=message):
        parse(spec)


def test_digest_is_of_what_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert parse("folder:x?val=0.1").digest == parse("folder:x").digest == parse(f"folder:{tmp_path}/x").digest
    others = ["folder:y", "folder:x?val=0.2", "folder:x?size=8", "npz:x"]
    assert len({parse(s).digest for s in ["folder:x", *others]}) == 5


def test_relative_to_a_base():
    base = Path("/studies")
    assert parse("folder:a/b", base).place == "/studies/a/b"
    assert parse("folder:/a/b", base).place == "/a/b"
    assert parse("folder:~/b", base).place == str(Path.home() / "b")
    assert parse("torchvision:CIFAR10?root=data", base).spec == "torchvision:CIFAR10?root=/studies/data"
    assert parse("synthetic:photo", base).place == "photo"


def test_arguments_come_before_options(write_folder):
    root = write_folder({"a": 10, "b": 10})
    images = load_images(f"folder:{root}?size=4&channels=1&samples=3", size=6, channels=3, samples=4)
    assert images.train.images.shape == (4, 6, 6, 3)
    assert images.spec == f"folder:{root}?samples=4&size=6"
    assert "6×6 RGB" in images.train.settings and "at most 4 images" in images.train.settings


def test_places_with_question_marks_and_blanks(write_folder):
    root = write_folder({"a": 10, "b": 10}, name="what is this?")
    assert len(load_images(f"folder:{root}?val=0").train) == 16


def test_home(write_folder, monkeypatch):
    root = write_folder({"a": 10, "b": 10})
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(load_images("folder:~/pictures").test) == 4


def test_same_images_everywhere(write_folder):
    root = write_folder({"a": 10, "b": 10})
    one, two = load_images(f"folder:{root}"), load_images(f"folder:{root}")
    assert one.train.digest == two.train.digest and one.train.ids.tolist() == two.train.ids.tolist()
    assert one.train.digest == one.train.knowing("").digest, "the digest from the cache is that of the pixels"


def test_images_sampled_away_are_not_decoded(write_folder):
    root = write_folder({"train": {"a": 30, "b": 30}, "test": {"a": 5, "b": 5}})
    kept = set(load_images(f"folder:{root}?val=0", samples=20).train.ids)
    for path in (root / "train").rglob("*.png"):
        if str(path.relative_to(root)) not in kept:
            path.write_bytes(b"")
    assert set(load_images(f"folder:{root}?val=0", samples=20).train.ids) == kept


def test_progress_counts_all_parts(write_folder):
    root = write_folder({"a": 10, "b": 10})
    told = []
    load_images(f"folder:{root}", progress=lambda *a: told.append(a))
    assert told[-1] == (20, 20, "images") and [t[0] for t in told] == sorted(t[0] for t in told)


def test_unreadable_images_are_all_named(write_folder, own_cache):
    root = write_folder({"train": {"a": 9, "b": 9}, "test": {"a": 5, "b": 5}})
    broken = [*sorted((root / "train" / "a").iterdir())[:3], *sorted((root / "test" / "b").iterdir())[:2]]
    for path in broken:
        path.write_bytes(b"")
    (root / "test" / "b" / "001.png").write_text("text")
    with pytest.raises(
        DataError, match=r"5 of 28 images cannot be read: .* \(empty file\), .* and 2 more; all of them: "
    ) as e:
        load_images(f"folder:{root}?val=0")
    assert "\n" not in str(e.value)
    (listed,) = own_cache.glob("unreadable-*.txt")
    assert str(listed) in str(e.value)
    lines = dict(line.split("\t") for line in listed.read_text().splitlines())
    assert set(lines) == {str(p) for p in broken}
    assert lines[str(broken[4])] == "not an image" and lines[str(broken[0])] == "empty file"

    images = load_images(f"folder:{root}?val=0", skip_unreadable=True)
    assert (len(images.train), len(images.test)) == (15, 8)
    assert [len(p.skipped) for p in (images.train, images.val, images.test)] == [3, 0, 2]
    assert images.train.skipped[0].reason == "empty file" and images.train.skipped[0].path == str(broken[0])
    assert images.train.labels.tolist() == [0] * 6 + [1] * 9
    for pixels, name in zip(images.train.images, images.train.ids, strict=True):
        assert np.array_equal(pixels, np.asarray(Image.open(root / name)))


def test_too_few_are_left_of_unreadable_images(write_folder):
    root = write_folder({"train": {"a": 3, "b": 3}, "test": {"a": 1, "b": 1}})
    for path in (root / "train" / "a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="fewer than two classes are left"):
        load_images(f"folder:{root}?val=0", skip_unreadable=True)


def test_sizes_that_differ_want_a_size(write_folder, write_image):
    root = write_folder({"train": {"a": 3, "b": 3}, "test": {"a": 1, "b": 1}})
    write_image(root / "test" / "b" / "000.png", size=(10, 12))
    with pytest.raises(DataError, match=r"the first is 8×8, .*b/000\.png is 10×12; give the size"):
        load_images(f"folder:{root}?val=0")
    assert load_images(f"folder:{root}?val=0", size=8).test.size == (8, 8)
