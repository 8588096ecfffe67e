"""A study small enough to be run in seconds, all analyses included."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferscope.study.reading import parse_yaml

TINY = """
name: tiny
network: fixup_resnet8
images: {size: 16}
recipe: {epochs: 2, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: pad}, precision: float32}
source: {data: "synthetic:source?train=64&test=32", recipe: {epochs: 1}}
targets:
  clipart: {data: "synthetic:clipart?train=64&test=48"}
  photo: {data: "synthetic:photo?train=64&test=48"}
starts:
  P-T: {from: source, seeds: [0, 1]}
  RI-T: {from: random, seeds: [0, 1]}
  RI-T same: {from: random, init: 0, seeds: [0, 1]}
analyses:
  learning_curves: true
  mistakes: {gallery: 1}
  similarity: true
  distance: true
  barrier: {points: 3, ends: [final, best], starts: [P-T, RI-T]}
  extrapolation: {points: 5, starts: [P-T]}
  cross_domain: {points: 3, starts: [P-T]}
  combined_domains: {points: 3, unions: [[photo, clipart]], starts: [P-T], seeds: 1}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "image-cache"
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(folder))
    return folder


@pytest.fixture
def tree() -> Callable[..., dict[str, Any]]:
    """The tiny study as plain data, with changes by dotted place; ``None`` removes."""

    def make(**changes: Any) -> dict[str, Any]:
        found = parse_yaml(TINY)
        for place, value in changes.items():
            *path, last = place.split("__")
            inner = found
            for key in path:
                inner = inner[key]
            if value is None:
                del inner[last]
            else:
                inner[last] = value
        return found

    return make
