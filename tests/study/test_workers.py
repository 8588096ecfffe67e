"""Workers of the local engine: processes that perform what they are sent, and run nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferscope.store.folder import RunFolder
from transferscope.study.check import check
from transferscope.study.execute import execute
from transferscope.study.graph import Plan, Step
from transferscope.study.load import parse_study
from transferscope.study.plan import make_plan

Tree = Callable[..., dict[str, Any]]


@pytest.fixture
def pictures(tree: Tree) -> tuple[Step, ...]:
    """Steps that take no time: the images of a study."""
    return tuple(s for s in make_plan(check(parse_study(tree()))).steps if s.kind == "data" and not s.inputs)


def test_nothing_of_the_current_folder_is_run(
    pictures: tuple[Step, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "downloaded"
    here.mkdir()
    for name in ("json", "queue", "numpy", "torch"):
        (here / f"{name}.py").write_text(f"open({str(here / 'was run')!r}, 'w').close()\n")
    monkeypatch.chdir(here)
    folder = RunFolder.create("out", "study", "tiny")
    folder.write("plan.json", Plan(pictures, {}, {}).to_json())
    outcome = execute(pictures, folder, jobs=2, device="cpu", threads=1)
    assert outcome.ok and len(outcome.done) == len(pictures) > 1
    assert not (here / "was run").exists()
