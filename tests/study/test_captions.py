"""What image-text pre-training is told belongs to its identity: captions, or names of classes they are made of."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from transferscope.data.spec import parse
from transferscope.study.check import check
from transferscope.study.graph import Step
from transferscope.study.image_settings import ImageSettings
from transferscope.study.inventory import survey
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan
from transferscope.study.yaml_input import parse_yaml

STUDY = """
name: told
network: "mlp:4"
images: {size: 8}
recipe: {epochs: 1, batch: 8, lr: 0.05, schedule: constant, precision: float32}
source: {data: "%s", objective: clip}
sources: {labelled: {data: "%s"}}
targets: {clips: {data: "synthetic:clipart?train=48&test=24"}}
starts:
  P-T: {from: source, seeds: [0]}
  P-T labelled: {from: labelled, seeds: [0]}
analyses: {}
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    for i in range(24):
        Image.fromarray(np.full((8, 8, 3), 10 * i, np.uint8)).save(tmp_path / f"{i:02d}.png")

    def make(**more: str) -> str:
        """Write the table, with the names of the classes and what is said of the images, and return the spec."""
        names = more.pop("names", "cat dog").split()
        rows = [{"file_name": f"{i:02d}.png", "label": names[i % 2], **more} for i in range(24)]
        (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return f"imagefolder:{tmp_path}?test=4&val=4"

    return make


def steps(spec: str) -> dict[str, Step]:
    plan = make_plan(check(parse_study(parse_yaml(STUDY % (spec, spec)))))
    return {s.title: s for s in plan.steps}


def digests(spec: str) -> dict[str, Any]:
    return {title: step.digest for title, step in steps(spec).items()}


def test_other_captions_are_other_images_and_other_steps(write: Write) -> None:
    before = digests(write(text="a grey square"))
    assert digests(write(text="a grey square")) == before
    after = digests(write(text="a dull square"))
    assert before.keys() == after.keys()
    assert {title for title in before if before[title] == after[title]} == {"data clips"}


def test_names_of_classes_belong_to_what_is_told_them_and_to_nothing_else(write: Write) -> None:
    before = digests(write())
    after = digests(write(names="cow horse"))
    changed = {title for title in before if before[title] != after[title]}
    assert changed == {"train source", "train clips P-T 0"}


def test_steps_that_names_do_not_decide_are_as_they_were(write: Write) -> None:
    assert "captions" in steps(write())["train source"].spec
    assert "captions" not in steps(write(text="a grey square"))["train source"].spec
    drawn = steps("synthetic:source?train=64&test=32")
    assert "captions" not in drawn["train source"].spec and "captions" not in drawn["train labelled"].spec


def test_captions_of_drawn_pictures_follow_from_what_they_are_drawn_with() -> None:
    """So their identity, which stored studies are found by, is of pixels and labels alone."""
    spec, h = "synthetic:source?train=32&test=16", hashlib.blake2b(digest_size=16)
    parts = parse(spec).listed(0)
    for listing in (parts.train, parts.val, parts.test):
        assert listing.captions is not None
        for piece in listing.pixels.identity():
            h.update(len(piece).to_bytes(8, "little") + piece)
        h.update(listing.labels.tobytes())
    assert survey(spec, ImageSettings(seed=0), None, "").identity == h.hexdigest()
