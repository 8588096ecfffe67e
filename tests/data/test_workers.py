"""Processes that decode images: what they run is this package, wherever they are started."""

import sys
from pathlib import Path

import numpy as np
import pytest

import transferscope
from transferscope.data.decode import Form, decode_files
from transferscope.data.workers import decoders


def test_nothing_of_the_current_folder_is_run(tmp_path: Path, write_image, monkeypatch: pytest.MonkeyPatch) -> None:
    here, form = tmp_path / "downloaded", Form(8, 8)
    here.mkdir()
    for name in ("json", "queue", "numpy"):
        (here / f"{name}.py").write_text(f"open({str(here / 'was run')!r}, 'w').close()\n")
    path = str(write_image(tmp_path / "picture.png"))
    monkeypatch.chdir(here)
    # As in an interactive session that has the current folder first, and finds the package in no folder it names.
    root = str(Path(transferscope.__file__).resolve().parents[1])
    monkeypatch.setattr(sys, "path", ["", *(p for p in sys.path if p != root)])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with decoders(1) as children:
        images = children.decode([path], form).images
    assert not (here / "was run").exists()
    assert np.array_equal(images, decode_files([path], form).images)
