"""A new question is one folder and one line: made in a folder of its own, it goes from a study's YAML to the page."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

MEASURE = '''
"""How large are the weights?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...params import norm
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sizes(Result):
    """The norm of the weights of each network, by label."""

    question: ClassVar[str] = "sizes"

    norms: dict[str, float]

    def frame(self) -> pd.DataFrame:
        """Return one row a network."""
        import pandas as pd

        return pd.DataFrame({"network": list(self.norms), "norm": list(self.norms.values())})


def sizes(weights: Mapping[str, Mapping]) -> Sizes:
    """Measure the norm of some weights."""
    return Sizes({label: norm(params) for label, params in weights.items()})
'''

FINDINGS = '''
"""How large the weights are, in sentences."""

from __future__ import annotations

from ...evidence.contrast import mean
from ...evidence.finding import Finding, said
from ...evidence.phrases import short
from .measure import Sizes


def findings(result: Sizes) -> tuple[Finding, ...]:
    """Return their mean."""
    estimate = mean(list(result.norms.values()))
    text = f"The weights have a norm of {short(estimate.value)} in the mean."
    return (said(text, estimate, n=len(result.norms), unit="networks"),)
'''

PLOT = '''
"""The norms as bars."""

from ...plots.sheet import figure
from ...plots.style import styled


def plot(result):
    """Draw a bar a network."""
    with styled():
        fig, ((axes,),) = figure(width=4, height=2)
        axes.bar(range(len(result.norms)), list(result.norms.values()))
    return fig
'''

STUDY = '''
"""How a study asks for sizes."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..base import Ends, Question
from ..words import Words


class SizesQuestion(Question):
    """How large are the weights?"""

    files: ClassVar[int | None] = 1
    revision: ClassVar[int] = 1
    words: ClassVar[Words] = Words("Sizes", "How large are the weights?", "toy", ("Norms are taken.",), "A bar each.")

    question: Literal["sizes"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run."""

    def answer(self, inputs):
        """Measure the runs' weights."""
        from .measure import sizes

        return sizes({s.label: s.params for s in inputs.solutions(self.weights)})
'''

RUN = """
import sys
import transferscope.questions as questions
from pathlib import Path

sys.dont_write_bytecode = True
place = Path(sys.argv[1])
questions.__path__.append(str(place / "more"))
questions.QUESTIONS["sizes"] = ("Sizes", "sizes")
from transferscope.cli import main

sys.exit(main(["study", str(place / "toy.yaml"), "--out", str(place / "run"), "--jobs", "1", "--device", "cpu"]))
"""

YAML = """
name: toy
network: "mlp:16"
images: {size: 8}
targets: {clips: {data: "synthetic:clipart?train=48&test=40"}}
starts: {RI-T: {from: random, seeds: [0, 1, 2]}}
recipe: {epochs: 1, batch: 32, augmentation: {crop: none}}
analyses: {sizes: {weights: best}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "more" / "sizes"
    folder.mkdir(parents=True)
    for name, text in (
        ("__init__", ""),
        ("measure", MEASURE),
        ("findings", FINDINGS),
        ("plot", PLOT),
        ("study", STUDY),
    ):
        (folder / f"{name}.py").write_text(textwrap.dedent(text).lstrip())
    (tmp_path / "toy.yaml").write_text(YAML)
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def test_from_yaml_to_html(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(place / "cache"))
    done = subprocess.run(
        [sys.executable, str(place / "run.py"), str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (place / "run" / "report.html").read_text(encoding="utf-8")
    assert "The weights have a norm of" in page and "How large are the weights?" in page and "A bar each." in page
    table = (place / "run" / "tables" / "sizes-clips.csv").read_text().splitlines()
    assert table[0] == "network,norm" and len(table) == 4
    assert (place / "run" / "figures" / "sizes-clips.svg").is_file()
