import numpy as np
import pytest

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.errors import DataError
from transferscope.study.work import joined as module
from transferscope.study.work.joined import joined


def splits(value: int, classes: tuple[str, ...] = ("a", "b"), size: int = 4) -> ImageSplits:
    def part(count: int) -> ImageSet:
        images = np.full((count, size, size, 3), value, np.uint8)
        return ImageSet(images, np.arange(count) % 2, classes, np.array([f"{i}.png" for i in range(count)]))

    return ImageSplits(part(6), part(0), part(3), f"folder:{value}")


@pytest.mark.parametrize("in_memory", [2**20, 10])
def test_union_holds_all_in_order_with_ids_of_their_own(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", in_memory)
    union = joined({"x": splits(1), "y": splits(2)}, "x+y")
    assert len(union.train) == 12 and len(union.val) == 0 and len(union.test) == 6
    assert union.train.images[:, 0, 0, 0].tolist() == [1] * 6 + [2] * 6
    assert isinstance(union.train.images, np.memmap) == (in_memory == 10)
    assert union.train.labels.tolist() == [0, 1] * 6
    assert union.test.ids.tolist() == ["x/0.png", "x/1.png", "x/2.png", "y/0.png", "y/1.png", "y/2.png"]
    assert union.train.name == "x+y train" and union.spec == "folder:1 + folder:2"


def test_other_classes_or_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="x and y have different classes"):
        joined({"x": splits(1), "y": splits(2, ("a", "c"))}, "x+y")
    with pytest.raises(DataError, match="x and y have images of different sizes"):
        joined({"x": splits(1), "y": splits(2, size=8)}, "x+y")
