"""Studies small enough to be run in seconds, all analyses included."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferscope.study.yaml_input import parse_yaml

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
  extrapolation: {precision: bfloat16, points: 5, starts: [P-T]}
  cross_domain: {points: 3, starts: [P-T]}
  combined_domains: {points: 3, unions: [[photo, clipart]], starts: [P-T], seeds: 1}
  basin: {samples: 2, draws: 2, limit: 1.0, images: 16, extend: false, targets: [photo], starts: [P-T, RI-T]}
  criticality: {alphas: 3, sigmas: [0.0, 0.1], draws: 1, images: 16, only: [fc], targets: [photo], runs: 1}
  rewind: {epochs: [0, 1], only: [conv1, fc], draws: 1, images: 16, targets: [photo], starts: [P-T, RI-T], runs: 1}
  spectrum: {targets: [photo]}
  hessian: {k: 2, images: 16, tolerance: 0.1, probes: 1, steps: 4, targets: [photo], starts: [P-T, RI-T], runs: 1}
  landscape: {points: 3, images: 16, planes: 1, only: [fc], weights: start,
              targets: [photo], starts: [P-T, RI-T], runs: 1}
  gradient_flow: {images: 16, targets: [photo], starts: [P-T, RI-T], runs: 1}
  loss_variation: {points: 3, images: 16, targets: [photo], starts: [P-T, RI-T], runs: 1}
"""

STARTS = """
name: starts
network: lenet
images: {size: 16}
recipe: {epochs: 2, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: pad}, precision: float32}
source: {data: "synthetic:source?train=64&test=32", record: {epochs: [1, 2]}}
sources:
  colours: {data: "synthetic:source?train=64&test=32&labels=colour"}
targets:
  photo: {data: "synthetic:photo?train=64&test=48", stands_for: real}
  xray: {data: "synthetic:xray?train=64&test=48", stands_for: CheXpert}
starts:
  P-T: {from: source, seeds: [0, 1]}
  RI-T: {from: random, seeds: [0, 1]}
  head only: {from: source, seeds: [0], recipe: {frozen: body}}
  colours: {from: colours, seeds: [0, 1]}
  top: {from: source, seeds: [0], top_singular: 0.5, targets: [photo]}
  noise: {from: source, seeds: [0, 1], basin_noise: 0.1, targets: [photo]}
  average: {from: source, seeds: [0], average: {replicas: 2, every: 1}, targets: [photo]}
analyses:
  samples: {images: 3, blocks: ["*", 4], shows: {fig1: []}}
  block_shuffle: {blocks: ["*", 8, 16], seeds: 1, shows: {fig3: [photo]}}
  transfer: {starts: [P-T, RI-T, head only], shows: {table1: [], table2: []}}
  checkpoints: {targets: [photo], seeds: 1, shows: {fig7: []}}
  source_choice: {starts: [P-T, RI-T, colours]}
  mistakes: {starts: [P-T, RI-T], shows: {table3: [xray], table6: [photo]}}
  weight_map: {starts: [P-T, RI-T, colours]}
  variants: {targets: [photo], starts: [P-T, RI-T, top, noise, average], points: 3}
  soup: {targets: [photo], methods: [wise_ft, ties], coefficients: [0.5, 1.0]}
"""
"""Another small study: what is asked about starts, with runs that questions train for themselves."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "image-cache"
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(folder))
    return folder


@pytest.fixture
def tree() -> Callable[..., dict[str, Any]]:
    """The tiny study as plain data, with changes by dotted place; ``None`` removes."""
    return changing(TINY)


@pytest.fixture
def starts() -> Callable[..., dict[str, Any]]:
    """The study of starts, in the same way."""
    return changing(STARTS)


def changing(text: str) -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        found = parse_yaml(text)
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
