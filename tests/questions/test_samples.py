import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions.samples.measure import Samples, samples
from transferscope.records import to_tree


def two():
    rng = np.random.default_rng(0)
    pictures = {
        "photo": rng.integers(0, 256, (3, 8, 8, 3), np.uint8),
        "xray, blocks 4×4": rng.integers(0, 256, (1, 16, 8, 1), np.uint8),
    }
    return pictures, {"photo": ["cat", "dog", "cat"], "xray, blocks 4×4": ["Edema, no Atelectasis"]}


def test_table_and_sentences():
    pictures, labels = two()
    got = samples(pictures, labels)
    frame = got.frame()
    assert frame.title.tolist() == ["photo"] * 3 + ["xray, blocks 4×4"] and frame.label.tolist()[:2] == ["cat", "dog"]
    assert frame.loc[1, "mean"] == pytest.approx(pictures["photo"][1].mean())
    assert frame.loc[3, ["height", "width", "channels"]].tolist() == [16, 8, 1]
    first, second = got.findings()
    assert first.n == 3 and first.unit == "images" and first.value == pytest.approx(pictures["photo"].mean())
    assert first.text.startswith("photo: 3 images of 8×8 pixels, RGB: cat and dog; ")
    assert "1 image of 16×8 pixels, grey" in second.text


def test_many_classes_are_counted():
    got = samples({"t": np.zeros((9, 4, 4, 3), np.uint8)}, {"t": [f"c{i}" for i in range(9)]})
    assert "c0, c1, c2, c3, c4, c5 and 3 more" in got.findings()[0].text


def test_round_trip(tmp_path):
    got = samples(*two())
    got.save(tmp_path)
    back = Samples.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and all(np.array_equal(v, arrays_back[k]) for k, v in arrays.items())
    assert back.frame().equals(got.frame()) and back.findings() == got.findings()


def test_bad_input_is_named():
    with pytest.raises(UsageError, match="samples of no images"):
        samples({}, {})
    with pytest.raises(UsageError, match=r"a: images must be uint8 \(k, h, w, 1 or 3\), at least one; got float64"):
        samples({"a": np.zeros((1, 4, 4, 3))}, {"a": ["x"]})
    with pytest.raises(UsageError, match="at least one"):
        samples({"a": np.zeros((0, 4, 4, 3), np.uint8)}, {"a": []})
    with pytest.raises(UsageError, match="a: 2 images and 1 labels; need one each"):
        samples({"a": np.zeros((2, 4, 4, 3), np.uint8)}, {"a": ["x"]})
    with pytest.raises(UsageError, match="a: 2 images and 0 labels"):
        samples({"a": np.zeros((2, 4, 4, 3), np.uint8)}, {})
