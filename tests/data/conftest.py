"""Small image folders, made where a test wants them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(cache))
    return cache


@pytest.fixture
def write_image() -> Write:
    """Write one image of random pixels; equal seeds give equal pixels."""

    def write(
        path: Path, seed: int = 0, size: tuple[int, int] = (8, 8), mode: str = "RGB", **options: object
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (*size, 3) if mode == "RGB" else size
        pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    return write


@pytest.fixture
def write_folder(tmp_path: Path, write_image: Write) -> Callable[..., Path]:
    """Write ``{"train": {"cat": 3}, …}`` or ``{"cat": 3, …}`` as folders of PNG images, no two alike."""

    def write(content: Mapping[str, int | Mapping[str, int]], name: str = "pictures", **options: object) -> Path:
        root = tmp_path / name
        seed = 0

        def put(where: Path, below: Mapping[str, int | Mapping[str, int]]) -> None:
            nonlocal seed
            where.mkdir(parents=True, exist_ok=True)
            for key, value in below.items():
                if isinstance(value, Mapping):
                    put(where / key, value)
                    continue
                (where / key).mkdir()
                for i in range(value):
                    write_image(where / key / f"{i:03d}.png", seed, **options)
                    seed += 1

        put(root, content)
        return root

    return write
