"""A study of files so small that a disk of a few pages more or less decides which write is the last."""

import csv
from pathlib import Path

from transferscope.report import write_report
from transferscope.study.load import parse_study
from transferscope.study.schema import Study
from transferscope.study.yaml_input import parse_yaml

_TIMES = ("seconds", "finished")

TINY = """
name: trusted
network: "mlp:8"
images: {size: 8}
recipe: {epochs: 2, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: none}, precision: float32}
targets:
  photo: {data: "synthetic:photo?train=64&test=48"}
starts:
  RI-T: {from: random, seeds: [0, 1]}
analyses:
  distance: true
  extrapolation: {points: 3}
"""

LONGER = """
name: killed
network: fixup_resnet8
images: {size: 16}
recipe: {epochs: 12, batch: 32, lr: 0.05, schedule: constant, augmentation: {crop: pad}, precision: float32}
source: {data: "synthetic:source?train=320&test=64"}
targets:
  photo: {data: "synthetic:photo?train=320&test=96"}
starts:
  P-T: {from: source, seeds: [0, 1]}
  RI-T: {from: random, seeds: [0, 1]}
analyses:
  learning_curves: true
  similarity: true
  barrier: {points: 11}
  hessian: {k: 2, images: 32, tolerance: 0.1, probes: 1, steps: 6, runs: 1}
"""
"""About 20 seconds on one processor."""


def study(text: str) -> Study:
    return parse_study(parse_yaml(text))


def contents(root: Path) -> dict[str, bytes]:
    """All files of the finished steps, but for what tells times: results, arrays, histories and weights."""
    steps = root / "steps"
    return {
        str(p.relative_to(steps)): p.read_bytes() for p in steps.rglob("*") if p.is_file() and p.name != "step.json"
    }


def tables(root: Path) -> dict[str, list[list[str]]]:
    """The tables of the report, without columns of times."""
    write_report(root)
    found = {}
    for path in sorted((root / "tables").glob("*.csv")):
        rows = list(csv.reader(path.read_text().splitlines()))
        keep = [i for i, name in enumerate(rows[0]) if name not in _TIMES]
        found[path.name] = [[row[i] for i in keep] for row in rows]
    assert found
    return found
