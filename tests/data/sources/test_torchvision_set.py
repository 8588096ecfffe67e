import struct
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

from transferscope.data.spec import load_images
from transferscope.errors import DataError, SpecError
from transferscope.study.image_settings import ImageSettings
from transferscope.study.inventory import survey

pytest.importorskip("torchvision")
RNG = np.random.default_rng(0)


@pytest.fixture
def mnist(tmp_path: Path) -> dict[str, np.ndarray]:
    """MNIST's four files with 60 and 20 images of noise."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    arrays = {}
    for part, name, count in (("train", "train", 60), ("test", "t10k", 20)):
        x, y = RNG.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, count, 28, 28) + x.tobytes())
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + y.tobytes())
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    return arrays


def test_a_set_held_in_an_array(mnist, tmp_path, own_cache):
    images = load_images(f"torchvision:MNIST?root={tmp_path}&channels=1&val=0")
    assert np.array_equal(images.train.images[..., 0], mnist["x_train"])
    assert np.array_equal(images.test.labels, mnist["y_test"])
    assert images.classes[3] == "3 - three" and images.test.ids[0] == "test/0000000"
    assert not list(own_cache.iterdir())
    assert load_images(f"torchvision:MNIST?root={tmp_path}&size=32").train.images.shape == (54, 32, 32, 3)


def test_a_set_of_files(tmp_path, write_image):
    """Imagenette: parts by name, no test part, and files behind the items."""
    from torchvision.datasets import Imagenette

    folder = tmp_path / "imagenette2"
    for part, count in (("train", 6), ("val", 2)):
        for k, wnid in enumerate(Imagenette._WNID_TO_CLASS):
            for i in range(count):
                write_image(folder / part / wnid / f"{wnid}_{i}.JPEG", seed=100 * k + i, size=(10, 12))
    images = load_images(f"torchvision:Imagenette?root={tmp_path}&val=10&fit=stretch", size=8)
    assert (len(images.train), len(images.val), len(images.test)) == (50, 10, 20)
    assert images.classes[0].startswith("tench")
    assert "test: its validation part" in images.test.settings
    theirs = Imagenette(str(tmp_path), "val")
    assert images.test.labels.tolist() == [label for _, label in theirs]
    expected = np.stack([np.asarray(image.resize((8, 8), 2)) for image, _ in theirs])
    assert np.abs(images.test.images.astype(int) - expected).max() <= 1


def _imagenette(tmp_path, write_image):
    from torchvision.datasets import Imagenette

    for part, count in (("train", 6), ("val", 2)):
        for k, wnid in enumerate(Imagenette._WNID_TO_CLASS):
            for i in range(count):
                write_image(tmp_path / "imagenette2" / part / wnid / f"{wnid}_{i}.JPEG", seed=100 * k + i)
    return f"torchvision:Imagenette?root={tmp_path}&val=0", tmp_path / "imagenette2/train/n01440764/n01440764_0.JPEG"


def test_changed_files_are_decoded_again(tmp_path, own_cache, write_image):
    """Nothing else tells that an image was replaced: names, number and labels stay."""
    spec, changed = _imagenette(tmp_path, write_image)
    first, count = load_images(spec), len(list(own_cache.glob("*/pixels.npy")))
    assert np.array_equal(load_images(spec).train.images, first.train.images)
    assert len(list(own_cache.glob("*/pixels.npy"))) == count, "they come from the cache"
    identity = survey(spec, ImageSettings(), None, "").identity
    write_image(changed, seed=999)
    assert survey(spec, ImageSettings(), None, "").identity != identity
    again = load_images(spec)
    different = [i for i in range(60) if not np.array_equal(again.train.images[i], first.train.images[i])]
    assert different == [0] and np.array_equal(again.test.images, first.test.images)


def test_a_set_that_names_no_files_is_known_by_those_of_its_folder(tmp_path, own_cache, write_image):
    (tmp_path / "caltech101" / "101_ObjectCategories" / "BACKGROUND_Google").mkdir(parents=True)
    for name in ("bass", "crab"):
        for i in range(10):
            path = tmp_path / "caltech101" / "101_ObjectCategories" / name / f"image_{i + 1:04d}.jpg"
            write_image(path, seed=i, size=(8, 8))
    spec = f"torchvision:Caltech101?root={tmp_path}&size=8"
    identity = survey(spec, ImageSettings(), None, "").identity
    assert survey(spec, ImageSettings(), None, "").identity == identity
    write_image(path, seed=999, size=(8, 8))
    assert survey(spec, ImageSettings(), None, "").identity != identity
    load_images(spec)
    assert list(own_cache.glob("*/pixels.npy"))


def test_what_nothing_is_known_of_is_not_kept(own_cache, monkeypatch):
    from torchvision.datasets import FakeData

    made = FakeData.__init__
    small = {"size": 100, "image_size": (3, 40, 40)}  # its own defaults are a thousand images of 224 pixels
    monkeypatch.setattr(FakeData, "__init__", wraps(made)(lambda self, **given: made(self, **{**small, **given})))
    spec = "torchvision:FakeData?root=.&size=30&num_classes=3"
    images = load_images(spec)
    assert images.train.images.shape == (72, 30, 30, 3)
    assert not list(own_cache.glob("*/pixels.npy"))


def test_a_set_in_one_part_is_split(tmp_path, write_image):
    for name in ("Forest", "River"):
        for i in range(20):
            write_image(tmp_path / "eurosat" / "2750" / name / f"{i}.jpg", seed=i, size=(16, 16))
    images = load_images(f"torchvision:EuroSAT?root={tmp_path}")
    assert (len(images.train), len(images.val), len(images.test)) == (29, 3, 8)
    assert images.classes == ("Forest", "River")


def test_refusals(tmp_path):
    with pytest.raises(DataError, match="no such data set; did you mean 'CIFAR10'"):
        load_images(f"torchvision:CIFAR11?root={tmp_path}")
    with pytest.raises(SpecError, match=r"no root given; add \?root="):
        load_images("torchvision:CIFAR10")
    with pytest.raises(SpecError, match="unknown option 'rooot'; did you mean 'root'"):
        load_images(f"torchvision:CIFAR10?rooot={tmp_path}")
    with pytest.raises(DataError, match=r"not to be had from root .* put its files there or add &download=true"):
        load_images(f"torchvision:CIFAR10?root={tmp_path}")
    assert not list(tmp_path.iterdir()), "nothing is fetched or made unasked"


def test_sets_of_another_kind(tmp_path):
    from torchvision.datasets import MovingMNIST

    np.save(tmp_path / "x.npy", RNG.integers(0, 256, (20, 5, 64, 64), np.uint8))
    target = tmp_path / "MovingMNIST" / MovingMNIST._URL.rpartition("/")[2]
    target.parent.mkdir()
    (tmp_path / "x.npy").rename(target)
    with pytest.raises(DataError, match="no data set of classification"):
        load_images(f"torchvision:MovingMNIST?root={tmp_path}")
