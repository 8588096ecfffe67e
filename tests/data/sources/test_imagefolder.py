import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data.spec import load_images
from transferscope.errors import DataError


@pytest.fixture
def root(tmp_path: Path, write_image) -> Path:
    for part, count in (("train", 20), ("test", 6)):
        for i in range(count):
            write_image(tmp_path / "set" / part / f"{i:03d}.png", 100 * (part == "test") + i)
    return tmp_path / "set"


def write_csv(path: Path, rows: list[list[object]], encoding: str = "utf-8", delimiter: str = ",") -> None:
    with path.open("w", encoding=encoding, newline="") as text:
        csv.writer(text, delimiter=delimiter).writerows(rows)


def labelled(count: int) -> list[list[object]]:
    return [["file_name", "label"], *([f"{i:03d}.png", ("dog", "cat", "eel")[i % 3]] for i in range(count))]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_in_each_part(root, kind):
    for part, count in (("train", 20), ("test", 6)):
        header, *rows = labelled(count)
        if kind == "csv":
            write_csv(root / part / "metadata.csv", [header, *rows])
        else:
            lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
            (root / part / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    images = load_images(f"imagefolder:{root}?val=0")
    assert images.classes == ("cat", "dog", "eel") and not images.remarks
    assert images.train.labels.tolist() == [(1, 0, 2)[i % 3] for i in range(20)]
    assert images.test.ids.tolist() == [f"test/{i:03d}.png" for i in range(6)]
    for pixels, name in zip(images.train.images, images.train.ids, strict=True):
        assert np.array_equal(pixels, np.asarray(Image.open(root / name)))


def test_one_table_of_all_parts_by_folder_or_column(root):
    rows = [[f"train/{i:03d}.png", i % 2, "a"] for i in range(20)] + [
        [f"test/{i:03d}.png", i % 2, "a"] for i in range(6)
    ]
    write_csv(root / "metadata.csv", [["file_name", "label", "author"], *rows])
    images = load_images(f"imagefolder:{root}?val=0")
    assert (len(images.train), len(images.test), images.classes) == (20, 6, ("0", "1"))
    split = [[*row[:2], "validation" if i % 4 == 0 else "train"] for i, row in enumerate(rows)]
    write_csv(root / "metadata.csv", [["file_name", "label", "split"], *split])
    images = load_images(f"imagefolder:{root}?val=0")
    assert (len(images.train), len(images.test)) == (19, 7) and "the validation part" in images.test.settings


@pytest.mark.parametrize("column", ["split", "Split", " SPLIT "])
def test_rows_of_no_part_are_left_out_and_the_others_keep_theirs(root, column):
    rows = [
        *([f"train/{i:03d}.png", i % 2, "extra" if i < 2 else "" if i == 2 else "Train"] for i in range(20)),
        *([f"test/{i:03d}.png", i % 2, "test"] for i in range(6)),
    ]
    write_csv(root / "metadata.csv", [["file_name", "label", column], *rows])
    images = load_images(f"imagefolder:{root}?val=0")
    assert images.train.ids.tolist() == [f"train/{i:03d}.png" for i in range(3, 20)]
    assert images.test.ids.tolist() == [f"test/{i:03d}.png" for i in range(6)]
    assert images.remarks == ("3 images left out: their 'split' in metadata.csv is no part ('', 'extra')",)


def test_a_split_that_names_no_part_is_refused(root):
    rows = [[f"train/{i:03d}.png", i % 2, f"fold {i % 5}"] for i in range(20)]
    write_csv(root / "metadata.csv", [["file_name", "label", "Split"], *rows])
    with pytest.raises(DataError, match=r"metadata\.csv: column 'Split' names no part, only 'fold 0', .* 'fold 4';"):
        load_images(f"imagefolder:{root}?val=0")
    held = [[*row[:2], "test"] for row in rows]
    write_csv(root / "metadata.csv", [["file_name", "label", "split"], *held])
    with pytest.raises(DataError, match="no labelled train images"):
        load_images(f"imagefolder:{root}?val=0")


def test_no_parts_are_split_at_random(root):
    rows = [[f"{i:03d}.png", 1 + i % 2] for i in range(20)]
    write_csv(root / "train" / "metadata.csv", [["file_name", "species"], *rows], "utf-8-sig", ";")
    images = load_images(f"imagefolder:{root}/train")
    assert len(images.test) == 4 and images.classes == ("1", "2") and set(images.train.labels) == {0, 1}
    assert images.remarks == ("labels begin at 1: 1 to 2 are read as 0 to 1",)


def test_what_is_left_out_is_said(root):
    header, *rows = labelled(18)
    rows[3][1] = rows[4][1] = ""
    write_csv(root / "train" / "metadata.csv", [header, *rows])
    images = load_images(f"imagefolder:{root}/train?val=0&test=4")
    assert images.remarks == (
        "2 images without a label in metadata.csv left out",
        "4 images that no labelled row names left out: '003.png', '004.png', '018.png' and 1 more",
    )


def test_without_a_table_it_is_a_folder_for_each_class(write_folder):
    root = write_folder({"train": {"a": 5, "b": 5}, "test": {"a": 2, "b": 2}})
    one, two = load_images(f"imagefolder:{root}?val=0"), load_images(f"folder:{root}?val=0")
    assert one.train.digest == two.train.digest and one.classes == two.classes
    with pytest.raises(DataError, match=r"label=kind and no metadata\.csv"):
        load_images(f"imagefolder:{root}?label=kind")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["name", "label"], ["a.png", "x"]], r"no column 'file_name'; it has 'name', 'label'"),
        ([["file_name", "a", "b"], ["a.png", 1, 2]], r"which column has the labels\? There are .* \?label=COLUMN"),
        ([["file_name", "label"]], "has no rows"),
        ([["file_name", "label"], ["a.png"]], r"metadata\.csv:2: 1 fields, 2 expected"),
        ([["file_name", "label"], ["", "x"]], r"metadata\.csv:2: no file_name"),
        ([["file_name", "label"], ["000.png", ""]], "no labelled train images"),
        (
            [["file_name", "label"], ["000.png", "a"], ["000.png", "b"], ["001.png", "b"]],
            "'000.png' is (twice in|in) train",
        ),
    ],
)
def test_tables_that_cannot_be_right(root, rows, message):
    write_csv(root / "train" / "metadata.csv", rows)
    with pytest.raises(DataError, match=message):
        load_images(f"imagefolder:{root}/train?val=0&test=1")


def test_lines_of_json_that_cannot_be_right(root):
    table = root / "train" / "metadata.jsonl"
    for text, message in (
        ('{"file_name": "000.png", "label": 1}\n{', r"metadata\.jsonl:2: is no JSON"),
        ("[1]", r"metadata\.jsonl:1: expected"),
        ('{"file_name": "000.png", "label": {"a": 2}}', r"metadata\.jsonl:1: label: \{'a': 2\} is neither"),
    ):
        table.write_text(text)
        with pytest.raises(DataError, match=message):
            load_images(f"imagefolder:{root}/train")
    table.write_bytes(b'{"file_name": "000.png", "label": "caf\xe9"}\n')
    with pytest.raises(DataError, match=r"metadata\.jsonl:1: the byte 0xe9 is not utf-8; .*encoding=latin-1"):
        load_images(f"imagefolder:{root}/train")


def test_folder_points_to_it(root):
    write_csv(root / "train" / "metadata.csv", labelled(20))
    with pytest.raises(DataError, match=r"no folders in it; .*there is metadata\.csv: imagefolder:"):
        load_images(f"folder:{root}/train")


SEVERAL = [("cat", "dog"), ("dog",), (), ("cat",), ("dog", "eel")]
"""What images 0, 1, 2, … have, again and again."""


def vectors(count: int) -> list[list[int]]:
    return [[int(name in SEVERAL[i % 5]) for name in ("cat", "dog", "eel")] for i in range(count)]


def write_jsonl(root: Path, key: str, value) -> None:
    rows = [{"file_name": f"{i:03d}.png", key: value(i)} for i in range(20)]
    (root / "train" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")


@pytest.mark.parametrize(
    "form", ["lists of words", "lists of numbers", "vectors", "columns", "named columns", "lists as text", "joined"]
)
def test_several_labels_an_image(root, form):
    names, header, options = ("cat", "dog", "eel"), ["file_name", "labels"], ""
    if form == "lists of words":
        write_jsonl(root, "labels", lambda i: list(SEVERAL[i % 5]))
    elif form == "lists of numbers":
        write_jsonl(root, "objects", lambda i: [names.index(name) for name in SEVERAL[i % 5]])
        names = ("0", "1", "2")
    elif form == "vectors":
        write_jsonl(root, "label", lambda i: [float(v) for v in vectors(20)[i]])
        names = ("0", "1", "2")
    elif "columns" in form:
        more = [] if form == "columns" else ["author"]
        options = "" if form == "columns" else "&label=cat,dog,eel"
        rows = [[f"{i:03d}.png", *row, *more] for i, row in enumerate(vectors(20))]
        write_csv(root / "train" / "metadata.csv", [["file_name", *names, *more], *rows])
    else:
        said = {"joined": "|".join, "lists as text": lambda of: str(list(of))}[form]
        rows = [[f"{i:03d}.png", said(SEVERAL[i % 5]) or "[]"] for i in range(20)]
        write_csv(root / "train" / "metadata.csv", [header, *rows])
    images = load_images(f"imagefolder:{root}/train?val=0{options}")
    assert images.multilabel and images.classes[:3] == names
    number = {f"{i:03d}.png": row for i, row in enumerate(vectors(20))}
    for part in (images.train, images.test):
        assert part.labels[:, :3].tolist() == [number[name] for name in part.ids]
    assert any("several labels an image: 3 classes ('" in remark for remark in images.remarks)


def test_what_is_not_known_of_a_class_stays_unknown(root):
    rows = [[f"{i:03d}.png", "", i % 2] if i % 3 else [f"{i:03d}.png", i % 2, "-1"] for i in range(18)]
    write_csv(root / "train" / "metadata.csv", [["file_name", "a", "b"], *rows, ["018.png", "", ""]])
    images = load_images(f"imagefolder:{root}/train?val=0&test=4")
    for name, row in zip(images.train.ids, images.train.labels.tolist(), strict=True):
        i = int(name[:3])
        assert row == ([-1, i % 2] if i % 3 else [i % 2, -1])
    assert "1 images without a label in metadata.csv left out" in images.remarks


@pytest.mark.parametrize("separator", [",", ";"])
def test_joined_words_are_several_labels_only_where_they_stand_alone_too(root, separator):
    words = ["cat", "dog", f"cat{separator} dog"]
    write_jsonl(root, "label", lambda i: words[i % 3])
    images = load_images(f"imagefolder:{root}/train?val=0")
    assert images.multilabel and images.classes == ("cat", "dog")
    assert any(f"taken apart at '{separator}', as 'cat{separator} dog' has it" in r for r in images.remarks)
    write_jsonl(root, "label", lambda i: ("tench, Tinca tinca", "goldfish, Carassius auratus")[i % 2])
    assert load_images(f"imagefolder:{root}/train?val=0").classes == (
        "goldfish, Carassius auratus", "tench, Tinca tinca",
    )  # fmt: skip


def test_exactly_one_label_an_image_is_one_class_an_image_in_whatever_form(root):
    for key, value in (("label", lambda i: [i % 3]), ("label", lambda i: [int(k == i % 3) for k in range(3)])):
        write_jsonl(root, key, value)
        images = load_images(f"imagefolder:{root}/train?val=0")
        assert not images.multilabel and len(images.classes) == 3
        assert images.train.labels.tolist() == [int(name[:3]) % 3 for name in images.train.ids]
        assert "each image has exactly one of the labels and is read as of that class" in images.remarks


def test_labels_that_do_not_go_together(root):
    write_csv(root / "train" / "metadata.csv", [["file_name", "a", "b"], ["000.png", 1, 0], ["001.png", 2, 0]])
    with pytest.raises(DataError, match=r"metadata\.csv:3: a: '2' is neither 0 nor 1, nor empty"):
        load_images(f"imagefolder:{root}/train?label=a,b")
    with pytest.raises(DataError, match=r"no column 'c' in its tables"):
        load_images(f"imagefolder:{root}/train?label=a,c")


@pytest.mark.parametrize("column", ["filename", "Path", "image_id", "image", "File Name"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_of_files_by_other_names_with_or_without_the_ending(root, column, delimiter):
    ending = "" if column.endswith("id") else ".png"
    rows = [[f"{i:03d}{ending}", "ab"[i % 2], 16] for i in range(20)]
    write_csv(root / "train" / "metadata.csv", [[column, "Label", "width"], *rows], "utf-16", delimiter)
    images = load_images(f"imagefolder:{root}/train?val=0")
    assert images.classes == ("a", "b") and not images.remarks
    assert images.train.labels.tolist() == [int(name[:3]) % 2 for name in images.train.ids]


def test_whole_numbers_written_as_fractions_are_numbers(root):
    rows = [[f"{i:03d}.png", f"{i % 11}.0" if i < 19 else "nan"] for i in range(20)]
    write_csv(root / "train" / "metadata.csv", [["file_name", "label"], *rows])
    images = load_images(f"imagefolder:{root}/train?val=0&test=1")
    assert images.classes == tuple(map(str, range(11))), "in the order of numbers, not of words"
    assert images.train.labels.tolist() == [int(name[:3]) % 11 for name in images.train.ids]
    assert "1 images without a label in metadata.csv left out" in images.remarks


def test_utf_16_without_a_mark_is_said(root):
    write_csv(root / "train" / "metadata.csv", labelled(20), "utf-16-le")
    with pytest.raises(DataError, match=r"metadata\.csv:1: has bytes of zero, .*add encoding=utf-16-le"):
        load_images(f"imagefolder:{root}/train")
    assert load_images(f"imagefolder:{root}/train?encoding=utf-16-le").classes == ("cat", "dog", "eel")
