import builtins
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data.spec import load_images
from transferscope.errors import DataError

RNG = np.random.default_rng(0)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def write():
    """Write a file as Hugging Face does: a struct of bytes and path, a number, and the names in the description."""
    pa = pytest.importorskip("pyarrow", reason="parquet files are read with pyarrow")
    from pyarrow import parquet

    def write(path: Path, pixels, labels, names=("cat", "dog", "eel"), *, columns=("image", "label"), rows=7, **more):
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        images = pa.array([{"bytes": png(p), "path": f"{i}.png"} for i, p in enumerate(pixels)], kind)
        features = {columns[0]: {"_type": "Image"}}
        if names is not None:
            features[columns[1]] = {"names": list(names), "_type": "ClassLabel"}
        table = pa.table({columns[0]: images, columns[1]: pa.array(labels), **more})
        about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        parquet.write_table(table.replace_schema_metadata(about), path, row_group_size=rows)

    return write


def pixels(n: int) -> np.ndarray:
    return RNG.integers(0, 256, (n, 8, 8, 3), np.uint8)


def test_a_folder_of_parts_in_several_files(tmp_path, write):
    a, b, c = pixels(20), pixels(13), pixels(9)
    data = tmp_path / "set" / "data"
    write(data / "train-00000-of-00002-0a1b.parquet", a, [i % 3 for i in range(20)])
    write(data / "train-00001-of-00002-2c3d.parquet", b, [i % 3 for i in range(13)])
    write(data / "test-00000-of-00001.parquet", c, [i % 3 for i in range(9)])
    images = load_images(f"hfparquet:{tmp_path}/set?val=0", workers=3)
    assert images.classes == ("cat", "dog", "eel") and not images.remarks
    assert np.array_equal(images.train.images, np.concatenate([a, b])) and np.array_equal(images.test.images, c)
    assert images.train.labels.tolist() == [i % 3 for n in (20, 13) for i in range(n)]
    assert images.test.ids[8] == "data/test-00000-of-00001.parquet/0000008"


def test_parts_by_folder_and_validation_as_test(tmp_path, write):
    write(tmp_path / "train" / "0000.parquet", pixels(20), [i % 2 for i in range(20)], ("a", "b"))
    write(tmp_path / "validation" / "0000.parquet", pixels(6), [i % 2 for i in range(6)], ("a", "b"))
    images = load_images(f"hfparquet:{tmp_path}")
    assert (len(images.train), len(images.val), len(images.test)) == (18, 2, 6)
    assert "test: the validation part" in images.test.settings


def test_one_file_is_split_at_random(tmp_path, write):
    seen = pixels(30)
    write(tmp_path / "train.parquet", seen, [f"class {i % 2}" for i in range(30)], None, columns=("img", "species"))
    images = load_images(f"hfparquet:{tmp_path}/train.parquet")
    assert images.classes == ("class 0", "class 1") and (len(images.train), len(images.test)) == (22, 6)
    for part in (images.train, images.val, images.test):
        for one, name in zip(part.images, part.ids, strict=True):
            assert np.array_equal(one, seen[int(name.rpartition("/")[2])])


def test_images_by_their_places(tmp_path, write_image):
    pa = pytest.importorskip("pyarrow", reason="parquet files are read with pyarrow")
    from pyarrow import parquet

    for i in range(12):
        write_image(tmp_path / "pictures" / f"{i}.png", i)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    places = pa.array([{"bytes": None, "path": f"pictures/{i}.png"} for i in range(12)], kind)
    parquet.write_table(
        pa.table({"image": places, "label": pa.array([i % 2 for i in range(12)])}), tmp_path / "a.parquet"
    )
    images = load_images(f"hfparquet:{tmp_path}/a.parquet?val=0")
    for one, name in zip(images.train.images, images.train.ids, strict=True):
        assert np.array_equal(one, np.asarray(Image.open(tmp_path / "pictures" / f"{int(name[-7:])}.png")))


def test_what_is_left_out_is_said(tmp_path, write):
    write(tmp_path / "train-0.parquet", pixels(20), [None, *(i % 2 for i in range(19))], ("a", "b"))
    write(tmp_path / "test-0.parquet", pixels(5), [-1] * 5, ("a", "b"))
    write(tmp_path / "unsupervised-0.parquet", pixels(5), [0] * 5, ("a", "b"))
    images = load_images(f"hfparquet:{tmp_path}?val=0")
    assert len(images.train) + len(images.test) == 19
    assert images.remarks == (
        "1 files left out, which are of no part by their names: 'unsupervised-0.parquet'",
        "5 of 5 test images left out: they have no label",
        "1 of 20 train images left out: they have no label",
    )


def test_columns_that_cannot_be_told(tmp_path, write):
    import pyarrow as pa

    coarse = pa.array([i % 2 for i in range(20)])
    write(
        tmp_path / "a.parquet", pixels(20), [i % 4 for i in range(20)], None, columns=("image", "fine"), coarse=coarse
    )
    with pytest.raises(
        DataError, match=r"which column has the labels\? .*fine \(int64\), coarse \(int64\); add \?label="
    ):
        load_images(f"hfparquet:{tmp_path}/a.parquet")
    assert len(load_images(f"hfparquet:{tmp_path}/a.parquet?label=fine").classes) == 4
    with pytest.raises(DataError, match=r"no column 'fin' for label=fin; did you mean 'fine'"):
        load_images(f"hfparquet:{tmp_path}/a.parquet?label=fin")
    with pytest.raises(DataError, match=r"no column 'img' for image=img; did you mean 'image'"):
        load_images(f"hfparquet:{tmp_path}/a.parquet?image=img")


def test_files_that_cannot_be_right(tmp_path, write):
    (tmp_path / "a.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as a parquet file"):
        load_images(f"hfparquet:{tmp_path}/a.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.parquet files in it"):
        load_images(f"hfparquet:{tmp_path}/empty")
    with pytest.raises(DataError, match=r"no such file; did you mean 'a\.parquet'"):
        load_images(f"hfparquet:{tmp_path}/aa.parquet")
    write(tmp_path / "b.parquet", pixels(9), [0, 1, 5, 0, 1, 0, 1, 0, 1], ("a", "b"))
    with pytest.raises(DataError, match="the label 5 and 2 class names"):
        load_images(f"hfparquet:{tmp_path}/b.parquet")


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").touch()
    usual = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return usual(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"pyarrow, which is not installed: pip install 'transferscope\[parquet\]'"):
        load_images(f"hfparquet:{tmp_path}/a.parquet")


@pytest.mark.parametrize("form", ["classes", "words", "vectors", "columns"])
def test_several_labels_an_image(tmp_path, form):
    pa = pytest.importorskip("pyarrow", reason="parquet files are read with pyarrow")
    from pyarrow import parquet

    names, lists = ("cat", "dog", "eel"), [[0, 1], [1], [], [0], [1, 2]]
    number = [lists[i % 5] for i in range(20)]
    vectors = np.array([[int(k in of) for k in range(3)] for of in number])
    columns, features = {}, {"image": {"_type": "Image"}}
    if form == "classes":
        columns["labels"] = pa.array(number)
        features["labels"] = {"feature": {"names": list(names), "_type": "ClassLabel"}, "_type": "Sequence"}
    elif form == "words":
        columns["tags"] = pa.array([[names[k] for k in of] for of in number])
    elif form == "vectors":
        columns["label"] = pa.array(vectors.astype(float).tolist(), pa.list_(pa.float64(), 3))
    else:
        columns |= {name: pa.array(vectors[:, k].astype(bool)) for k, name in enumerate(names)}
    seen = pixels(20)
    images = pa.array(
        [{"bytes": png(p), "path": None} for p in seen], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    table = pa.table({"image": images, **columns})
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    parquet.write_table(table.replace_schema_metadata(about), tmp_path / "a.parquet")
    got = load_images(f"hfparquet:{tmp_path}/a.parquet?val=0")
    assert got.multilabel and got.classes == (("0", "1", "2") if form == "vectors" else names)
    for part in (got.train, got.test):
        assert part.labels.tolist() == [vectors[int(name[-7:])].tolist() for name in part.ids]
    assert any("several labels an image: 3 classes" in remark for remark in got.remarks)
