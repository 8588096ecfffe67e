import numpy as np
import pytest

from transferscope.data.spec import load_images
from transferscope.errors import DataError, SpecError

CLASSES = {"cat": 9, "dog": 9, "elephant": 9}


def ids(images) -> list[set[str]]:
    return [set(part.ids) for part in (images.train, images.val, images.test)]


def test_one_domain(write_folder):
    root = write_folder({"photo": CLASSES, "sketch": CLASSES, "cartoon": CLASSES})
    images = load_images(f"domains:{root}?domain=photo")
    assert images.classes == tuple(CLASSES) and sum(map(len, ids(images))) == 27
    assert all(i.startswith("photo/") for of in ids(images) for i in of)
    assert images.train.name == "photo train" and not images.remarks
    alone = load_images(f"folder:{root}/photo")
    assert np.array_equal(images.test.images, alone.test.images), "split as the folder by itself"


def test_a_union_is_its_domains(write_folder):
    root = write_folder({"photo": CLASSES, "sketch": CLASSES, "cartoon": CLASSES})
    both = load_images(f"domains:{root}?domain=sketch+photo")
    single = [load_images(f"domains:{root}?domain={d}") for d in ("sketch", "photo")]
    for part in ("train", "val", "test"):
        whole, parts = getattr(both, part), [getattr(s, part) for s in single]
        assert whole.ids.tolist() == [i for p in parts for i in p.ids]
        assert np.array_equal(whole.images, np.concatenate([p.images for p in parts]))
        assert whole.labels.tolist() == [label for p in parts for label in p.labels]
    assert both.train.name == "sketch+photo train"
    few = load_images(f"domains:{root}?domain=sketch+photo", samples=10)
    assert [len(p) for p in (few.train, few.test)] == [10, 10] and 0 < len(few.val) <= 2


def test_labels_are_those_of_all_domains(write_folder):
    root = write_folder(
        {"photo": CLASSES, "sketch": {"dog": 9, "elephant": 9}, "docs": {"a": 1, "b": 1}, "empty": {}}
    )
    images = load_images(f"domains:{root}?domain=sketch")
    assert images.classes == tuple(CLASSES) and set(images.train.labels) == {1, 2}
    assert images.remarks == (
        "the folders 'docs' are no domains of these classes",
        "no image of 'cat' in sketch; other domains have some",
    )


@pytest.mark.parametrize("outside", [True, False])
def test_parts_of_domains(write_folder, outside):
    def of(part: str, n: int) -> dict[str, dict[str, dict[str, int]]]:
        return {d: {part: {"cat": n, "dog": n}} for d in ("photo", "sketch")}

    if outside:
        content = {
            part: {d: {"cat": n, "dog": n} for d in ("photo", "sketch")} for part, n in (("train", 6), ("test", 2))
        }
    else:
        content = {d: {p: {"cat": n, "dog": n} for p, n in (("train", 6), ("test", 2))} for d in ("photo", "sketch")}
    images = load_images(f"domains:{write_folder(content)}?domain=photo+sketch&val=0")
    assert images.classes == ("cat", "dog") and (len(images.train), len(images.test)) == (24, 8)
    assert all("test" in i for i in images.test.ids)
    assert load_images(f"domains:{write_folder(content, name='again')}?domain=sketch&val=0").test.ids.size == 4


def test_domains_that_cannot_be_right(write_folder):
    root = write_folder({"photo": CLASSES, "sketch": {"train": CLASSES, "test": CLASSES}})
    with pytest.raises(DataError, match=r"no domain 'foto'; did you mean 'photo'\? \(domains: photo, sketch\)"):
        load_images(f"domains:{root}?domain=foto")
    with pytest.raises(DataError, match="some have parts and some have none"):
        load_images(f"domains:{root}?domain=photo+sketch")
    with pytest.raises(SpecError, match="no domain given"):
        load_images(f"domains:{root}")
    with pytest.raises(SpecError, match="a domain is given twice"):
        load_images(f"domains:{root}?domain=photo+photo")
    (root / "photo" / "owl").mkdir()
    with pytest.raises(DataError, match="no images in the class folder 'owl'"):
        load_images(f"domains:{root}?domain=photo")
