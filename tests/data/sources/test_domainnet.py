from pathlib import Path

import pytest

from transferscope.data.spec import load_images
from transferscope.errors import DataError, SpecError

CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def root(tmp_path: Path, write_image) -> Path:
    """Two domains, three classes, six train and two test images of each."""
    seed = 0
    for domain in ("clipart", "real"):
        lists: dict[str, list[str]] = {"train": [], "test": []}
        for label, name in enumerate(CLASSES):
            for i in range(8):
                path = f"{domain}/{name}/{domain} {i}.png"  # with a blank, as paths may have
                write_image(tmp_path / path, seed := seed + 1)
                lists["train" if i < 6 else "test"].append(f"{path} {label}")
        for part, lines in lists.items():
            (tmp_path / f"{domain}_{part}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_one_domain(root):
    images = load_images(f"domainnet:{root}?domain=clipart&val=0")
    assert (len(images.train), len(images.val), len(images.test)) == (18, 0, 6)
    assert images.classes == CLASSES
    assert images.test.ids[0] == "clipart/ant/clipart 6.png" and images.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert images.train.name == "clipart train"


def test_a_union_is_its_domains_one_after_the_other(root):
    both = load_images(f"domainnet:{root}?domain=real+clipart&val=0")
    single = [load_images(f"domainnet:{root}?domain={d}&val=0") for d in ("real", "clipart")]
    assert both.train.ids.tolist() == [i for s in single for i in s.train.ids]
    assert (both.train.images[18:] == single[1].train.images).all()
    assert both.classes == single[0].classes == single[1].classes
    assert both.train.name == "real+clipart train"


def test_classes_are_those_of_all_domains(root):
    for part in ("train", "test"):
        path = root / f"clipart_{part}.txt"
        path.write_text("".join(line for line in path.open() if not line.endswith(" 1\n")))
    images = load_images(f"domainnet:{root}?domain=clipart")
    assert images.classes == CLASSES and set(images.train.labels) == {0, 2}


def test_labels_keep_their_numbers(root):
    for path in root.glob("*.txt"):
        path.write_text(path.read_text().replace(" 2\n", " 4\n"))
    images = load_images(f"domainnet:{root}?domain=clipart")
    assert images.classes == ("ant", "bee", "label 2", "label 3", "cat")
    assert set(images.train.labels) == {0, 1, 4}
    assert "no list has an image of label 2, 3" in images.train.settings


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("real_train.txt", "real 0.png 0", "real 0.png -1", r"real_train\.txt:1: .* is no 'PATH LABEL'"),
        ("real_train.txt", "real 0.png 0", "real 0.png 123456789", "with a label from 0 to 99999"),
        ("real_train.txt", "real/ant/real 0.png 0", "ant.png 0", "has no folder that names its class"),
        ("real_test.txt", "6.png 0", "6.png 1", r"real_test\.txt:1: label 1 is 'ant' here, 'bee' elsewhere"),
        ("real_test.txt", "6.png 0", "6.png 7", "'ant' has label 7 here, 0 elsewhere"),
        ("clipart_test.txt", "clipart 6.png", "clipart 0.png", "'clipart/ant/clipart 0.png' is in train and test"),
        ("clipart_train.txt", "clipart 1.png", "clipart 0.png", "'clipart/ant/clipart 0.png' is twice in train"),
    ],
)
def test_lists_that_cannot_be_right(root, file, old, new, message):
    change(root / file, old, new)
    with pytest.raises(DataError, match=message):
        load_images(f"domainnet:{root}?domain=clipart&val=0")


def test_missing_lists(root):
    with pytest.raises(
        DataError, match=r"no list clipar_train\.txt; did you mean 'clipart'\? \(domains: clipart, real\)"
    ):
        load_images(f"domainnet:{root}?domain=clipar")
    (root / "real_test.txt").unlink()
    with pytest.raises(DataError, match=r"real_test\.txt is missing"):
        load_images(f"domainnet:{root}?domain=clipart+real")
    with pytest.raises(DataError, match=r"no list named DOMAIN_train\.txt"):
        load_images(f"domainnet:{root}/real?domain=real")
    with pytest.raises(SpecError, match="no domain given"):
        load_images(f"domainnet:{root}")


def test_an_empty_list(root):
    (root / "real_test.txt").write_text("\n")
    with pytest.raises(DataError, match=r"real_test\.txt: the list is empty"):
        load_images(f"domainnet:{root}?domain=real")


def test_an_image_that_is_listed_and_not_there(root):
    (root / "real" / "ant" / "real 0.png").unlink()
    with pytest.raises(DataError, match=r"1 of 24 images cannot be read: .*real 0\.png \(no such file\)"):
        load_images(f"domainnet:{root}?domain=real&val=0")
    images = load_images(f"domainnet:{root}?domain=real&val=0", skip_unreadable=True)
    assert len(images.train) == 17 and len(images.train.skipped) == 1 and not images.test.skipped


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read(root, encoding):
    plain = load_images(f"domainnet:{root}?domain=clipart")
    for path in root.glob("*.txt"):
        path.write_text(path.read_text(), encoding=encoding)
    images = load_images(f"domainnet:{root}?domain=clipart")
    assert images.train.digest == plain.train.digest and images.train.ids.tolist() == plain.train.ids.tolist()


def test_other_encodings_are_one_line_or_an_option(root):
    (root / "clipart" / "bee").rename(root / "clipart" / "bée")
    (root / "real" / "bee").rename(root / "real" / "bée")
    for path in root.glob("*.txt"):
        path.write_text(path.read_text().replace("bee", "bée"), encoding="latin-1")
    with pytest.raises(DataError, match=r"clipart_test\.txt:3: the byte 0xe9 is not utf-8; .*encoding=latin-1"):
        load_images(f"domainnet:{root}?domain=clipart")
    assert load_images(f"domainnet:{root}?domain=clipart&encoding=latin-1").classes == ("ant", "bée", "cat")
    with pytest.raises(DataError, match="there is no encoding 'latin-one'"):
        load_images(f"domainnet:{root}?domain=clipart&encoding=latin-one")


def test_labels_from_one_are_said(root):
    plain = load_images(f"domainnet:{root}?domain=clipart")
    for path in root.glob("*.txt"):
        lines = [line.rpartition(" ") for line in path.read_text().splitlines()]
        path.write_text("".join(f"{image} {int(label) + 1}\n" for image, _, label in lines))
    images = load_images(f"domainnet:{root}?domain=clipart")
    assert images.classes == CLASSES and images.train.labels.tolist() == plain.train.labels.tolist()
    assert images.remarks == ("labels begin at 1 in the lists: 1 to 3 are read as 0 to 2",)


@pytest.mark.parametrize(("separator", "slash"), [("\t", "/"), (",", "/"), (", ", "/"), (" ", "\\")])
def test_other_separators(root, separator, slash):
    plain = load_images(f"domainnet:{root}?domain=clipart")
    for path in root.glob("*.txt"):
        lines = [line.rpartition(" ") for line in path.read_text().splitlines()]
        path.write_text("".join(f"{image.replace('/', slash)}{separator}{label}\n" for image, _, label in lines))
    images = load_images(f"domainnet:{root}?domain=clipart")
    assert images.train.digest == plain.train.digest
