from pathlib import Path

import numpy as np
import pytest

from transferscope.data import mapped, spec
from transferscope.data.mapped import is_mapped
from transferscope.data.shuffle import restore_blocks, shuffle_blocks
from transferscope.data.spec import load_images, parse
from transferscope.data.view import View
from transferscope.errors import SpecError


def npz(where: Path, size: tuple[int, int] = (8, 8)) -> str:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 12), ("val", 4), ("test", 6)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (count, *size, 3), np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % 2
    np.savez(where / "x.npz", **arrays)
    return f"npz:{where / 'x.npz'}"


@pytest.mark.parametrize(
    ("text", "value", "again"),
    [
        ("shuffle=8", 8, "?shuffle=8"),
        ("shuffle=*", "*", "?shuffle=*"),
        ("shuffle=2&shuffle_seed=3&turn=180", 2, "?shuffle=2&shuffle_seed=3&turn=180"),
        ("turn=0&shuffle_seed=0", None, ""),
    ],
)
def test_options_stand_in_the_spec_unless_they_change_nothing(text, value, again):
    for scheme in ("folder:/x", "npz:/x", "torchvision:CIFAR10", "chexpert:/x", "synthetic:photo"):
        source = parse(f"{scheme}?{text}")
        assert source.shuffle == value
        assert source.spec == scheme + again
        assert parse(source.spec) == source


def test_digests_of_before_stay():
    assert parse("folder:/x?val=0.2").digest == "e15167af734db01b026228a6e5497a1d"  # computed before they were there
    assert parse("folder:/x?turn=0").digest == parse("folder:/x").digest
    assert len({parse(f"folder:/x{o}").digest for o in ("", "?turn=90", "?shuffle=*", "?shuffle=1")}) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shuffle=some", r"shuffle='some' must be a whole number or \*"),
        ("shuffle=0", "shuffle=0; give the side of a block, 1 or more"),
        ("size=8&shuffle=3", r"shuffle=3: blocks of side 3 do not fill images of 8×8; use 1, 2, 4, 8 or \*"),
        ("size=8&shuffle=0", "shuffle=0: blocks of side 0 do not fill"),
        ("turn=45", "turn='45' must be 0 or 90 or 180 or 270"),
        ("shuffle_seed=3", "shuffle_seed=3 and nothing to shuffle"),
    ],
)
def test_what_cannot_be_right_is_said_at_once(text, message):
    with pytest.raises(SpecError, match=message):
        parse(f"folder:/x?{text}")


def test_sizes_are_seen_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(spec, "prepare", lambda *_, **__: pytest.fail("decoded"))
    plain = npz(tmp_path)
    with pytest.raises(SpecError, match=r"x\.npz: shuffle=5: .* fill images of 8×8"):
        load_images(f"{plain}?shuffle=5")
    with pytest.raises(SpecError, match="images of 10×10; use 1, 2, 5, 10"):
        load_images(f"{plain}?shuffle=4", size=10)
    with pytest.raises(SpecError, match="images of 32×32"):
        load_images("synthetic:photo?shuffle=5")


@pytest.mark.parametrize("options", ["shuffle=2", "shuffle=*&shuffle_seed=4", "turn=180", "turn=90&shuffle=4"])
def test_all_parts_are_seen_alike(tmp_path, options):
    plain = npz(tmp_path)
    source = parse(f"{plain}?{options}")
    before, after = load_images(plain), load_images(source)
    for part in ("train", "val", "test"):
        was, now = getattr(before, part), getattr(after, part)
        turned = np.rot90(was.images, source.turn // 90, (1, 2))
        want = turned if source.shuffle is None else shuffle_blocks(turned, source.shuffle, seed=source.shuffle_seed)
        np.testing.assert_array_equal(now.images, want)
        assert now.images.flags.c_contiguous
        assert now.labels.tolist() == was.labels.tolist() and now.ids.tolist() == was.ids.tolist()
        assert now.digest != was.digest
    assert after.spec == source.spec
    assert all(words in after.train.settings for words in source.seen.described)


def test_upside_down():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(View(turn=180)(image)[0], image[0, ::-1, ::-1])
    np.testing.assert_array_equal(View(turn=90)(image)[0, 0, 0], image[0, 0, 1])  # anticlockwise: the right goes up
    np.testing.assert_array_equal(View(turn=270)(View(turn=90)(image)), image)


def test_oblong_images_are_turned_before_they_are_shuffled(tmp_path):
    plain = npz(tmp_path, (4, 8))
    turned = load_images(f"{plain}?turn=90").train
    assert turned.size == (8, 4)
    both = load_images(f"{plain}?turn=90&shuffle=2").train
    np.testing.assert_array_equal(restore_blocks(both.images, 2), turned.images)


def test_what_moves_nothing_is_as_before(tmp_path):
    plain = npz(tmp_path)
    whole = load_images(f"{plain}?shuffle=8")
    assert whole.train.digest == load_images(plain).train.digest
    images = np.zeros((2, 8, 8, 3), np.uint8)
    assert View(shuffle=8, seed=3)(images) is images


def test_the_cache_is_shared(write_folder, own_cache):
    root = write_folder({"a": 10, "b": 10})
    done = []
    plain = load_images(f"folder:{root}?size=6", progress=lambda *a: done.append(a))
    entries = sorted(p.name for p in own_cache.iterdir())
    assert done
    done.clear()
    for options in ("shuffle=3", "shuffle=*", "turn=180", "turn=270&shuffle=1&shuffle_seed=2"):
        seen = load_images(f"folder:{root}?size=6&{options}", progress=lambda *a: done.append(a))
        assert sorted(seen.train.images.ravel().tolist()) == sorted(plain.train.images.ravel().tolist())
        # The digest known of the decoded pixels is not taken for that of these.
        assert seen.train.pixels_digest != plain.train.pixels_digest
    assert not done and sorted(p.name for p in own_cache.iterdir()) == entries


def test_large_sets_stay_on_disk(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (500, 16, 8, 3), np.uint8)
    np.save(tmp_path / "x.npy", images)
    large = np.load(tmp_path / "x.npy", mmap_mode="r")
    look = View(90, 4, 3)
    want = look(images)
    assert not is_mapped(look(large))
    monkeypatch.setattr(mapped, "IN_MEMORY", 50_000)
    got = look(large)
    assert is_mapped(got) and got.shape == (500, 8, 16, 3)
    np.testing.assert_array_equal(got, want)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]
