import csv
from pathlib import Path

import numpy as np
import pytest

from transferscope.data.imageset import IGNORED
from transferscope.data.sources.chexpert import PAPER_FINDINGS
from transferscope.data.sources.text import csv_rows
from transferscope.data.spec import load_images
from transferscope.errors import DataError, SpecError

COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *reversed(PAPER_FINDINGS), "Fracture")


@pytest.fixture
def root(tmp_path: Path, write_image) -> Path:
    """``train.csv`` with 40 images, ``valid.csv`` with 6; every third is lateral."""
    folder = tmp_path / "CheXpert-v1.0-small"
    rng = np.random.default_rng(0)
    for part, count, seed in (("train", 40, 0), ("valid", 6, 100)):
        rows = []
        for i in range(count):
            path = f"{part}/patient{i:05d}/study1/view1.png"
            write_image(folder / path, seed + i, mode="L")
            values = rng.choice(["1.0", "0.0", "-1.0", ""], len(COLUMNS) - 5)
            view = "Lateral" if i % 3 == 2 else "Frontal"
            rows.append([f"{folder.name}/{path}", "Female", "50", view, "AP", *values])
        with (folder / f"{part}.csv").open("w", newline="") as text:
            csv.writer(text).writerows([COLUMNS, *rows])
    return folder


def table(root: Path, part: str) -> dict[str, list[str]]:
    """The findings by path, read the plain way."""
    with (root / f"{part}.csv").open() as text:
        return {row["Path"]: [row[name] for name in PAPER_FINDINGS] for row in csv.DictReader(text)}


@pytest.mark.parametrize(("policy", "value"), [("ones", 1), ("zeros", 0), ("ignore", IGNORED)])
def test_findings_and_uncertainty(root, policy, value):
    images = load_images(f"chexpert:{root}?split=official&val=0&uncertain={policy}")
    assert images.classes == PAPER_FINDINGS and images.multilabel and images.train.labels.dtype == np.int8
    assert (len(images.train), len(images.test)) == (40, 6)
    meaning = {"1.0": 1, "0.0": 0, "": 0, "-1.0": value}
    expected = table(root, "train")
    for path, labels in zip(images.train.ids, images.train.labels, strict=True):
        assert labels.tolist() == [meaning[v] for v in expected[path]]
    assert f"uncertain findings: {policy}" in images.train.settings


def test_the_papers_two_samples(root):
    images = load_images(f"chexpert:{root}")
    assert (len(images.train), len(images.val), len(images.test)) == (18, 2, 20)
    ids = np.concatenate([images.train.ids, images.val.ids, images.test.ids])
    assert set(ids) == set(table(root, "train"))
    again, other = load_images(f"chexpert:{root}"), load_images(f"chexpert:{root}", seed=1)
    assert images.test.ids.tolist() == again.test.ids.tolist() != other.test.ids.tolist()


def test_validation_comes_from_the_rest_where_there_is_one(root):
    images = load_images(f"chexpert:{root}?samples=10&val=0.5")
    assert (len(images.train), len(images.val), len(images.test)) == (10, 5, 10)
    assert len(set(np.concatenate([images.train.ids, images.val.ids, images.test.ids]))) == 25


def test_official_parts(root):
    images = load_images(f"chexpert:{root}?split=official")
    assert (len(images.train), len(images.val), len(images.test)) == (36, 4, 6)
    assert "test: valid.csv, as there is no test.csv" in images.test.settings
    header, *rows = (root / "train.csv").read_text().splitlines(keepends=True)
    (root / "train.csv").write_text("".join([header, *rows[:30]]))
    (root / "test.csv").write_text("".join([header, *rows[30:]]))
    images = load_images(f"chexpert:{root}?split=official")
    assert (len(images.train), len(images.val), len(images.test)) == (30, 6, 10)
    assert list(table(root, "valid")) == images.val.ids.tolist()


def test_chosen_labels_and_views(root):
    images = load_images(f"chexpert:{root}?labels=Fracture, Edema&view=frontal&split=official&val=0")
    assert images.classes == ("Fracture", "Edema") and len(images.train) == 27 and len(images.test) == 4


def test_paths_below_the_root(root):
    text = (root / "train.csv").read_text()
    (root / "train.csv").write_text(text.replace(f"{root.name}/", ""))
    assert len(load_images(f"chexpert:{root}").test) == 20


def test_grey_images_become_rgb(root):
    assert load_images(f"chexpert:{root}").train.channels == 3
    assert load_images(f"chexpert:{root}?channels=1").train.channels == 1


def test_files_that_cannot_be_right(root):
    text = (root / "train.csv").read_text()
    (root / "train.csv").write_text(text.replace("Edema", "Oedema"))
    with pytest.raises(DataError, match=r"train\.csv: no column 'Edema'; did you mean 'Oedema'\?"):
        load_images(f"chexpert:{root}")
    (root / "train.csv").write_text(text.replace(",1.0", ",2.0", 1))
    with pytest.raises(DataError, match=r"train\.csv:\d+: .* is '2\.0', must be 1, 0, -1"):
        load_images(f"chexpert:{root}?labels={','.join(COLUMNS[5:])}")
    (root / "train.csv").write_text(text + "a,b\n")
    with pytest.raises(DataError, match=r"train\.csv:42: 2 fields, 12 expected"):
        load_images(f"chexpert:{root}")
    (root / "train.csv").write_text(text.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="no images listed"):
        load_images(f"chexpert:{root}")
    (root / "train.csv").unlink()
    with pytest.raises(DataError, match=r"train\.csv: no such file"):
        load_images(f"chexpert:{root}")


def test_options_that_cannot_be_right(root):
    with pytest.raises(SpecError, match="uncertain='one'; did you mean 'ones'"):
        load_images(f"chexpert:{root}?uncertain=one")
    with pytest.raises(SpecError, match="split='oficial'; did you mean 'official'"):
        load_images(f"chexpert:{root}?split=oficial")
    with pytest.raises(SpecError, match="labels= is empty"):
        load_images(f"chexpert:{root}?labels=")


def test_the_first_image_may_be_missing(root):
    first = next(iter(table(root, "train")))
    (root.parent / first).unlink()
    with pytest.raises(DataError, match=r"1 of \d+ images cannot be read: .*/train/patient00000/"):
        load_images(f"chexpert:{root}")
    images = load_images(f"chexpert:{root}", skip_unreadable=True)
    assert sum(len(p) for p in (images.train, images.val, images.test)) == 39


@pytest.mark.parametrize("prefix", ["", "CheXpert-v1.0/", "/data/old disk/CheXpert-v1.0/", "D:\\sets\\chexpert\\"])
def test_prefixes_are_decided_row_by_row(root, prefix):
    """Some rows keep the folder they were packed in, others have another."""
    plain = load_images(f"chexpert:{root}")
    lines = (root / "train.csv").read_text().splitlines()
    changed = []
    for i, line in enumerate(lines):
        if i and i % 2:
            path, comma, rest = line.removeprefix(f"{root.name}/").partition(",")
            line = prefix + (path.replace("/", "\\") if "\\" in prefix else path) + comma + rest
        changed.append(line)
    (root / "train.csv").write_text("\n".join(changed) + "\n")
    images = load_images(f"chexpert:{root}")
    assert images.train.digest == plain.train.digest and images.test.digest == plain.test.digest


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_separators_and_marks(root, separator, encoding):
    plain = load_images(f"chexpert:{root}")
    for part in ("train", "valid"):
        text = (root / f"{part}.csv").read_text().replace(",", separator)
        (root / f"{part}.csv").write_text(text.replace(".0", ",0") if separator == ";" else text, encoding=encoding)
        if separator == ";":  # only numbers have a comma for a point
            fixed = (root / f"{part}.csv").read_text(encoding=encoding).replace("v1,0-small", "v1.0-small")
            (root / f"{part}.csv").write_text(fixed, encoding=encoding)
    images = load_images(f"chexpert:{root}")
    assert images.train.digest == plain.train.digest


def test_another_encoding_is_one_line_or_an_option(root):
    text = (root / "train.csv").read_text().replace("Female", "Femäle")
    (root / "train.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"train\.csv:2: the byte 0xe4 is not utf-8; .*encoding=latin-1"):
        load_images(f"chexpert:{root}")
    assert len(load_images(f"chexpert:{root}?encoding=latin-1").test) == 20


def test_findings_of_which_nothing_is_known_are_said(root):
    for part in ("train", "valid"):
        lines = (root / f"{part}.csv").read_text().splitlines()
        at = lines[0].split(",").index("Edema")
        rows = [line.split(",") for line in lines]
        for row in rows[1:]:
            row[at] = "-1.0"
        (root / f"{part}.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    assert load_images(f"chexpert:{root}").remarks == (
        "no train images both with and without 'Edema': nothing can be learned or told of these",
        "no test images both with and without 'Edema': nothing can be learned or told of these",
    )
    assert not [r for r in load_images(f"chexpert:{root}?labels=Fracture").remarks if "Edema" in r]


def test_what_no_table_has_is_said():
    with pytest.raises(DataError, match=r"train\.csv: cannot be read as a table: field larger than"):
        list(csv_rows("Path,Sex\n" + "x" * 200_000 + ",F\n", "Path", "train.csv"))
    assert next(csv_rows("Path,Sex\ra\nb,c\n", "Path")) == ["Path", "Sex"]
