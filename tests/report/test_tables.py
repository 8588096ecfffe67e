"""Tables on the page: what does not fit is said to be elsewhere, and names that look alike have their own files."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from transferscope.plots.sheet import figure
from transferscope.plots.style import styled
from transferscope.questions.words import View, Words
from transferscope.report import page as page_module
from transferscope.report import tables
from transferscope.report.figures import Figures
from transferscope.report.page import render
from transferscope.report.places import Places
from transferscope.report.sections import Answer, Part, Section, make_section, plan_section
from transferscope.report.table_page import Shown, TablePage, write_table_page
from transferscope.report.tables import table_of

from .test_beside import Study


@dataclass(frozen=True)
class Answered:
    """A result with a number."""

    number: int
    question: ClassVar[str] = "toy"

    def findings(self):
        return []

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"number": [self.number]})

    def plot(self, *, height: float = 1.0):
        if self.number < 0:
            raise ValueError("no picture of this")
        with styled():
            made, ((ax,),) = figure()
            ax.plot([0, self.number], [0, height])
        return made


class Toy:
    """A question with two pictures."""

    words = Words("Toy", "How many?", "", ("Counted.",), "A line.")

    def called(self) -> str:
        return "toy"

    def views(self, result):
        return (View("b", "A higher line.", {"height": 2.0}),)


def test_names_that_look_alike_have_their_own_figures_tables_and_places(tmp_path: Path) -> None:
    answers = {name: Answer(Answered(i), str(i)) for i, name in enumerate(("a b", "a-b", "a"), 1)}
    with Figures(tmp_path) as figures:
        made = make_section(plan_section(Toy(), "toy", answers, Places()), figures, tmp_path)
    files = [file.href for part in made.parts for picture in part.figures for file in picture.files]
    assert len(files) == len(set(files)) == 12
    assert len({part.anchor for part in made.parts}) == len({part.table.file for part in made.parts}) == 3
    for part, number in zip(made.parts, (1, 2, 3), strict=True):
        assert (tmp_path / part.table.file).read_text(encoding="utf-8").split() == ["number", str(number)]
    assert Places().anchor("Left out") != "left-out" and Places().file("claims") == "claims-2"


def test_what_was_drawn_before_an_interrupt_is_not_drawn_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Figures(tmp_path) as figures:
        figures.save("one", "1", Answered(1).plot)
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), Figures(tmp_path) as figures:
        raise KeyboardInterrupt
    with Figures(tmp_path) as figures:
        figures.save("one", "1", Answered(-1).plot)


@pytest.mark.parametrize("rows", [250, 200])
def test_runs_that_are_not_on_the_screen_are_said_to_be_below(rows: int) -> None:
    frame = pd.DataFrame({"run": [f"P-T {i}" for i in range(rows)]})
    study = Study()
    study.runs = lambda: frame
    study.steps = lambda: pd.concat([frame, frame, frame])
    text = render(study, [], None, None)
    assert ('The first 200 of 250: <a href="#all-runs">' in text) == (rows > 200)
    assert f'The first 500 of {3 * rows}: <a href="#all-steps">all of them</a>' in text
    assert text.count('id="all-runs"') == text.count('id="all-steps"') == 1


def test_a_table_that_would_make_the_page_too_large_lies_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_WHOLE", 1000)
    small, large = (table_of(pd.DataFrame({"n": range(n)}), f"{n}.csv") for n in (1000, 1001))
    assert small.whole and len(small.rest) == 940 and not large.whole and large.shown == 60
    parts = tuple(Part(f"part-{t.total}", str(t.total), (), (), (), t) for t in (small, large))
    text = render(Study(), [Section("toy", "toy", "Toy", "", "", "", (), parts)], None, None)
    assert '60 of 1000 rows, <a href="#all-of-part-1000">all of them</a>' in text
    assert '60 of 1001 rows, all of them in the file beside this page: <a download="1001.csv" href="tables/' in text
    assert "60 of 1001 rows, all of them in tables/1001.csv beside this page" in text
    assert "<td>999" in text and "<td>1000" not in text


def test_of_many_tables_the_largest_lie_beside_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "too_large", lambda rest: tables.too_large(rest, room=300))
    made = [table_of(pd.DataFrame({"n": range(n)}), f"{n}.csv") for n in (500, 100, 200)]
    parts = tuple(Part(f"part-{t.total}", str(t.total), (), (), (), t) for t in made)
    text = render(Study(), [Section("toy", "toy", "Toy", "", "", "", (), parts)], None, None)
    assert [f'all-of-part-{n}">all' in text for n in (500, 100, 200)] == [False, True, True]
    assert "60 of 500 rows, all of them in tables/500.csv beside this page" in text


def test_what_a_page_of_a_table_could_not_show_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    shown = [Shown(Toy(), {"": Answered(-1)})]
    page = write_table_page(tmp_path, TablePage("t", "d", "c"), shown, {}, told.append)
    said = "Toy: the figure could not be made: ValueError: no picture of this"
    assert told[0] == said and f"<li>{said}</li>" in page.read_text(encoding="utf-8")
