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
        ([["file_name", "a", "b"], ["a.png", 1, 2]], r"which column has the labels\? It has .* \?label=COLUMN"),
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
        ('{"file_name": "000.png", "label": [1, 2]}', r"metadata\.jsonl:1: label: \[1, 2\] is neither"),
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
