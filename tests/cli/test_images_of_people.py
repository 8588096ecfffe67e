"""Images as people have them, from the command line: what is said at the start stands in the report, too."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.cli.main import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import transferscope as ts

    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "image-cache"))
    monkeypatch.chdir(tmp_path)
    net = ts.build("lenet", classes=2, input=ts.Input((16, 16)))
    ts.write("net.safetensors", ts.initialise(net, 0))
    return tmp_path


def picture(path: Path, seed: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(path)


def folders(root: Path, parts: tuple[str, ...]) -> None:
    for k, part in enumerate(parts):
        for c, name in enumerate(("cat", "dog")):
            for i in range(8):
                picture(root / part / name / f"{i}.png", [k, c, i])


def inspected(capsys: pytest.CaptureFixture[str], spec: str, code: int = 0) -> tuple[list[str], str]:
    """Inspect on these images; return the lines on the terminal and what the report says was left out."""
    capsys.readouterr()
    asked = ["--only", "gradient_flow", "--set", "gradient_flow.images=4", "--jobs", "1", "--device", "cpu"]
    out = re.sub(r"\W+", "-", spec)
    assert (
        main(["inspect", "net.safetensors", "--model", "lenet", "--size", "16", "--data", spec, "--out", out, *asked])
        == code
    )
    lines = capsys.readouterr().err.strip().splitlines()
    if code == 2:
        return lines, ""
    page = (Path(out) / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<section id="left-out">.*?</section>', page, re.DOTALL)
    assert found is not None
    return lines, found[0].replace("&#39;", "'")


def test_what_is_left_out_or_renamed_is_the_first_line(place, capsys):
    folders(place / "set", ("training", "testing"))
    (place / "set" / "training" / "cat" / "latest").symlink_to(".")
    for part in ("training", "testing"):
        (place / "set" / part / "dog").rename(place / "set" / part / "d\udce9")
    lines, left = inspected(capsys, "folder:set")
    assert lines[0] == r"note: data images: a class folder has a name that is no UTF-8, shown with escapes: 'd\xe9'"
    assert lines[1].startswith("note: data images: 1 link left out")
    for line in lines[:2]:
        assert line.removeprefix("note: data images: ") in left
    # The second time nothing is computed, and it is said again.
    again, same = inspected(capsys, "folder:set")
    assert again[:2] == lines[:2] and same == left


def test_equal_content_stands_in_the_report(place, capsys):
    folders(place / "set", ("train", "test"))
    for path in (place / "set" / "test" / "cat").iterdir():
        path.write_bytes((place / "set" / "train" / "cat" / path.name).read_bytes())
    _, left = inspected(capsys, "folder:set?val=0")
    assert "8 of 16 test images are, pixel by pixel, train images, too: 'test/cat/0.png' is 'train/cat/0.png'" in left


def test_domains_are_one_line_or_taken(place, capsys):
    folders(place / "set", ("photo", "sketch"))
    (line,), _ = inspected(capsys, "folder:set", code=2)
    assert line.startswith("error: --data: ") and "domains:" in line and "?split=none" in line
    _, left = inspected(capsys, "domains:set?domain=photo+sketch")
    assert "Nothing: every image was read" in left


def test_a_place_that_is_no_utf8_is_one_line(place, capsys):
    folders(place / "s\udce9t", ("train", "test"))
    (line,), _ = inspected(capsys, "folder:s\udce9t", code=2)
    assert line.startswith(r"error: --data: 'folder:s\xe9t' is no UTF-8; rename the folder")


def test_why_a_set_of_images_failed_is_on_the_terminal(place, capsys, monkeypatch):
    folders(place / "set", ("train", "test"))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("transferscope.study.work.data._summary", broken)
    lines, left = inspected(capsys, "folder:set", code=1)
    assert "failed: data images: RuntimeError: two lines" in lines and "RuntimeError: two lines" in left


def test_a_plan_without_unreadable_images_is_of_the_steps_that_are_run(place, capsys):
    folders(place / "set", ("train", "test"))
    (place / "study.yaml").write_text(
        "name: small\nnetwork: lenet\nimages: {size: 16}\nrecipe: {epochs: 1, batch: 4}\n"
        "targets: {mine: {data: 'folder:set'}}\nstarts: {RI-T: {from: random, seeds: [0, 1]}}\n"
        "analyses: {distance: true}\n"
    )
    asked = ["study", "study.yaml", "--skip-unreadable", "--device", "cpu"]
    assert main([*asked, "--jobs", "1"]) == 0
    capsys.readouterr()
    assert main([*asked, "--plan"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "4 of 4 steps are there already; what is left:", first


def test_a_plan_says_it_too(place, capsys):
    folders(place / "set", ("train", "test"))
    (place / "set" / "train" / "cat" / "latest").symlink_to(".")
    (place / "study.yaml").write_text(
        "name: small\nnetwork: lenet\nimages: {size: 16}\nrecipe: {epochs: 1, batch: 4}\n"
        "targets: {mine: {data: 'folder:set'}}\nstarts: {RI-T: {from: random}}\nanalyses: {distance: true}\n"
    )
    capsys.readouterr()
    assert main(["study", "study.yaml", "--plan", "--device", "cpu"]) == 0
    assert capsys.readouterr().err.startswith("note: data mine: 1 link left out")


def test_test_images_that_are_training_images_are_noted_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        for i in range(8):
            picture(tmp_path / "photos" / part / ("cat", "dog")[i % 2] / f"{i}.png", i)
    asked = ["--model", "lenet", "--data", "folder:photos", "--size", "16", "--only", "gradient_flow", "--jobs", "1"]
    assert main(["inspect", "net.safetensors", *asked, "--device", "cpu", "--out", "out"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: data images: ")]
    seen = [re.sub(r": '.*", "", line) for line in said]  # one of the training images validates
    assert seen == [
        f"note: data images: {n} of 8 test images are, pixel by pixel, {part} images, too"
        for n, part in ((7, "train"), (1, "val"))
    ]
