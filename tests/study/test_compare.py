from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from transferscope.errors import CheckpointError, ModelError, SpecError, StoreError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import _content
from transferscope.models.network import Input
from transferscope.study.compare import COMPARED, Comparison
from transferscope.study.files import plan_files, run_files
from transferscope.study.inspect import Inspection
from transferscope.study.stored_study import open_study

DATA = "synthetic:photo?train=64&test=48"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Two random networks, one between them, and one to start from with a head of 7 classes."""
    net = build("fixup_resnet8", 12, input=Input((16, 16)))
    a, b = initialise(net, 0), initialise(net, 1)
    start = initialise(build("fixup_resnet8", 7, input=Input((16, 16))), 2)
    middle = {k: (a[k] + b[k]) / 2 for k in a}
    for name, params in (("a", a), ("b", b), ("middle", middle), ("start", start)):
        torch.save({"state_dict": {f"module.{k}": v for k, v in params.items()}}, tmp_path / f"{name}.pt")
    return {name: str(tmp_path / f"{name}.pt") for name in ("a", "b", "middle", "start")}


def asked(files: dict[str, str], *names: str, **more: Any) -> Comparison:
    settings = {"model": "fixup_resnet8", "data": DATA, "size": 16, **more}
    return Comparison(tuple(files[n] for n in names), **settings)


def test_three_checkpoints_and_their_start(files: dict[str, str], tmp_path: Path) -> None:
    comparison = asked(files, "a", "b", "middle", init=files["start"])
    folder, outcome = run_files(comparison, tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    assert tuple(loaded.items) == COMPARED
    pairs = {(p.path.a, p.path.b): p for p in loaded.results("barrier")[""].paths}  # type: ignore[attr-defined]
    assert set(pairs) == {
        ("a.pt", "b.pt"), ("a.pt", "middle.pt"), ("b.pt", "middle.pt"),
        ("start.pt", "a.pt"), ("start.pt", "b.pt"), ("start.pt", "middle.pt"),
    }  # fmt: skip
    # What lies half-way between a and b is the middle.
    values = pairs["a.pt", "b.pt"].path.curve("test", "loss").values
    assert len(values) == 9 and values[4] == pytest.approx(
        pairs["a.pt", "middle.pt"].path.curve("test", "loss").values[-1], rel=1e-5
    )
    assert "the head is a.pt's all along" in pairs["start.pt", "a.pt"].path.note
    assert [m.label for m in loaded.results("similarity")[""].members] == ["start.pt", "a.pt", "b.pt", "middle.pt"]  # type: ignore[attr-defined]
    assert loaded.description == "3 checkpoints of fixup_resnet8 compared on 64 training and 48 test images."
    assert len(loaded.runs()) == 0 and loaded.unfinished == ""

    _, again = run_files(comparison, tmp_path / "out", device="cpu", threads=1)
    assert not again.done
    _, more = run_files(asked(files, "a", "b", only=("distance",)), tmp_path / "two", device="cpu", threads=1)
    assert sorted(s.kind for s in more.done) == ["analysis", "checkpoint", "checkpoint", "data"]
    with pytest.raises(
        StoreError, match=r"holds the comparison 'a\.pt, b\.pt, middle\.pt and 1 more \(.*\)', not the comparison"
    ):
        run_files(asked(files, "a", "middle"), tmp_path / "out", device="cpu")


def test_lines_have_fewer_points_than_in_studies_unless_they_are_given(files: dict[str, str]) -> None:
    _, text, _ = plan_files(asked(files, "a", "b", settings={"barrier": {"points": 21}}))
    assert yaml.safe_load(text)["settings"] == {
        "barrier": {"points": 21},
        "extrapolation": {"points": 11, "reach": 0.75},
    }
    plan, _, _ = plan_files(asked(files, "a", "b", only=("barrier",)))
    assert [step.spec["settings"]["points"] for step in plan.steps if step.kind == "analysis"] == [9]


def test_without_heads_only_what_needs_none(files: dict[str, str], tmp_path: Path) -> None:
    folder, outcome = run_files(asked(files, "start", "a", head="drop"), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    assert tuple(loaded.items) == ("similarity", "distance", "spectrum")
    assert "fc" not in loaded.results("similarity")[""].modules[0]  # type: ignore[attr-defined]
    notes = [n.text for n in loaded.notes]
    assert any("head left out" in n for n in notes) and any("features are compared without it" in n for n in notes)
    with pytest.raises(UsageError, match=r"--only barrier: needs final layers .* without which start\.pt is taken"):
        run_files(asked(files, "start", "a", head="drop", only=("barrier",)), tmp_path / "o2", device="cpu")


def test_two_sets_of_weights_of_one_file(files: dict[str, str], tmp_path: Path) -> None:
    both = {k: torch.load(files[k], weights_only=True)["state_dict"] for k in ("a", "b")}
    torch.save({"student": both["a"], "teacher": both["b"]}, tmp_path / "two.pt")
    two = str(tmp_path / "two.pt")
    settings = {"model": "fixup_resnet8", "data": DATA, "size": 16, "only": ("distance",)}
    comparison = Comparison((two, two), at=("student", "teacher"), **settings)
    folder, _ = run_files(comparison, tmp_path / "out", device="cpu", threads=1)
    result = open_study(folder.root).results("distance")[""]
    assert [m.label for m in result.members] == ["two.pt at student", "two.pt at teacher"]  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="is given twice; comparing a file with itself"):
        Comparison((two, two), at=("student",), **settings)
    with pytest.raises(
        UsageError, match="--at is given 3 times for 2 checkpoints; give it once for all, or once for"
    ):
        Comparison((two, two), at=("student", "teacher", "x"), **settings)
    with pytest.raises(UsageError, match="--init-at says which weights of the file given with --init"):
        Comparison((two, files["a"]), init_at="x", **settings)


def test_the_same_weights_in_two_files_are_named(files: dict[str, str], tmp_path: Path) -> None:
    torch.save(torch.load(files["a"]), tmp_path / "copy.pt")  # the name of the file is in it: other bytes
    plan, text, notes = plan_files(asked({**files, "copy": str(tmp_path / "copy.pt")}, "a", "b", "copy"))
    said = "a.pt and copy.pt are one and the same network: all their weights are equal"
    assert ("checkpoints", said) in notes and f"{said}." in yaml.safe_load(text)["description"]
    assert len([step for step in plan.steps if step.kind == "checkpoint"]) == 3


def test_one_name_in_two_folders(files: dict[str, str], tmp_path: Path) -> None:
    for run in ("run1", "run2"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "final.pt").write_bytes(Path(files["a"]).read_bytes())
    paths = (str(tmp_path / "run1" / "final.pt"), str(tmp_path / "run2" / "final.pt"))
    folder, _ = run_files(
        Comparison(paths, "fixup_resnet8", DATA, size=16, only=("distance",)), tmp_path / "out", device="cpu"
    )
    result = open_study(folder.root).results("distance")[""]
    assert [m.label for m in result.members] == ["run1", "run2"]  # type: ignore[attr-defined]


def bad(files: dict[str, str], tmp_path: Path, message: str, kind: type[Exception], *names: str, **more: Any) -> None:
    with pytest.raises(kind, match=message) as caught:
        run_files(asked(files, *names, **more), tmp_path / "out", device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists(), "nothing is written for what cannot be run"


def test_bad_input_is_one_line_and_writes_nothing(files: dict[str, str], tmp_path: Path) -> None:
    bad(files, tmp_path, r"1 checkpoint\(s\) given; a comparison needs at least 2", UsageError, "a")
    bad(files, tmp_path, r"a\.pt: is given twice", UsageError, "a", "a")
    bad(files, tmp_path, r"--only barier: .* did you mean 'barrier'", UsageError, "a", "b", only=("barier",))
    bad(
        files,
        tmp_path,
        "--only learning_curves: .* needs training runs",
        UsageError,
        "a",
        "b",
        only=("learning_curves",),
    )
    bad(files, tmp_path, r"--model: unknown network 'fixup_resnt8'", ModelError, "a", "b", model="fixup_resnt8")
    bad(files, tmp_path, r"--data: /no/such: no such folder", SpecError, "a", "b", data="folder:/no/such")
    bad(files, tmp_path, r"--data: .*unknown scheme", SpecError, "a", "b", data="foldr:x")
    bad(files, tmp_path, r"start\.pt: its head is of another size", CheckpointError, "a", "start")
    bad(files, tmp_path, r"a\.pt: .*fixup_resnet14", CheckpointError, "a", "b", model="fixup_resnet14")
    nan = {k: torch.full_like(v, float("nan")) for k, v in torch.load(files["b"])["state_dict"].items()}
    torch.save(nan, files["b"])
    bad(files, tmp_path, r"b\.pt: .*are NaN or infinite", CheckpointError, "a", "b")
    Path(files["b"]).write_bytes(b"")
    bad(files, tmp_path, r"b\.pt: has zero bytes", CheckpointError, "a", "b")
    Path(files["b"]).unlink()
    bad(files, tmp_path, r"b\.pt: no such file", CheckpointError, "a", "b")


def test_no_file_is_read_twice(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def counted(source: Any, mapped: bool) -> Any:
        taken.append(Path(source.path).name)
        return _content(source, mapped)

    monkeypatch.setattr("transferscope.models.checkpoint._content", counted)
    plan_files(asked(files, "a", "b", init=files["start"]))
    assert taken == ["a.pt", "b.pt", "start.pt"]
    taken.clear()
    plan_files(Inspection((files["a"],), "fixup_resnet8", DATA, size=16))
    assert taken == ["a.pt"]


def test_images_that_nobody_asked_to_enlarge_are_named(files: dict[str, str], tmp_path: Path) -> None:
    for part, label in ((p, c) for p in ("train", "test") for c in range(12)):
        (tmp_path / "small" / part / f"class {label}").mkdir(parents=True)
        Image.new("RGB", (16, 12), (20 * label, 0, 0)).save(tmp_path / "small" / part / f"class {label}" / "a.png")
    data = f"folder:{tmp_path / 'small'}?val=0"
    said = "images of 12×16 pixels are enlarged to 32×32"
    _, text, notes = plan_files(asked(files, "a", "b", data=data, size=None))
    assert [what for what, note in notes if said in note] == ["data images"] and said in " ".join(text.split())
    _, text, notes = plan_files(asked(files, "a", "b", data=data, size=32))
    assert not any("enlarged" in note for _, note in notes) and "enlarged" not in text
