"""Images that change while a study is under way: no step takes others than it was planned with."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data.spec import load_images
from transferscope.errors import DataError
from transferscope.study.graph import Step
from transferscope.study.image_settings import ImageSettings
from transferscope.study.inventory import survey
from transferscope.study.training_steps import data_step
from transferscope.study.work.data import _loaded, images_of


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(path)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    for i in range(40):
        write(tmp_path / ("cat" if i % 2 else "dog") / f"{i}.png", i)
    settings = ImageSettings(size=8)
    found = survey(f"folder:{tmp_path}?val=0.2", settings, None, "targets.pets.data")
    _loaded.cache_clear()
    return data_step("pets", found, {"size": 8, "channels": 3}, settings)


def test_the_images_of_a_step_are_those_of_its_spec_string(step: Step) -> None:
    images, again = images_of(step), load_images(step.spec["spec"], size=8, channels=3)
    for part in ("train", "val", "test"):
        mine, other = getattr(images, part), getattr(again, part)
        assert mine.ids.tolist() == other.ids.tolist() and mine.digest == other.digest


@pytest.mark.parametrize("change", ["added", "removed", "written anew"])
def test_other_images_than_those_planned_are_refused(step: Step, tmp_path: Path, change: str) -> None:
    before = images_of(step).train.ids.tolist()
    if change == "removed":
        (tmp_path / "cat" / "1.png").unlink()
    else:
        write(tmp_path / "cat" / ("99.png" if change == "added" else "1.png"), 99)
    assert images_of(step).train.ids.tolist() == before  # read already: a process keeps what it works on
    _loaded.cache_clear()  # as in a worker that starts now
    said = f"folder:{tmp_path}?val=0.2: the images changed since the study was planned; give the command again"
    with pytest.raises(DataError, match=f"^{re.escape(said)}$"):
        images_of(step)
