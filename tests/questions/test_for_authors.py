"""Figures and tables as authors use them: in their axes, at the width of a column, in their fonts, in their files."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import transferscope as ts
from transferscope.errors import UsageError
from transferscope.questions.barrier.measure import Barrier, BarrierPath

from . import test_distance, test_distance_plot, test_rewind_plot, test_similarity_findings, test_transfer
from .print_size import as_svg, stumbles
from .test_paths_plot import HOW, path

DRAWINGS = sorted(Path(ts.__file__).parent.glob("questions/*/plot.py"))


def barrier() -> Barrier:
    kinds = [("P-T", "P-T & P-T"), ("RI-T", "RI-T & RI-T")]
    paths = [path(f"{role} {i}", f"{role} {i + 1}", kind) for role, kind in kinds for i in range(5)]
    return Barrier(tuple(BarrierPath(p, ()) for p in paths), (), "train", 0.02, 1000, HOW)


def test_panels_have_names_and_one_can_be_drawn_alone() -> None:
    made = barrier()
    names = made.panels()
    assert names == (
        "test (n = 100)", "test (n = 100), loss (nats)", "train (n = 100)", "train (n = 100), loss (nats)"
    )  # fmt: skip
    alone = made.plot(panel="train (n = 100), loss", figsize=(3.0, 2.0))
    (ax,) = alone.axes
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("loss (nats)", "train (n = 100)")
    assert tuple(alone.get_size_inches()) == (3.0, 2.0) and ax.lines
    with pytest.raises(UsageError, match=r"no such panel.*; the figure has 4 panels: "):
        made.plot(panel="validation")
    with pytest.raises(UsageError, match="more than one panel is called so"):
        made.plot(panel="loss")


def test_it_is_drawn_in_the_axes_that_are_given() -> None:
    made, mine = barrier(), Figure()
    (a, b), (c, d) = mine.subplots(2, 2)
    assert made.plot(axes=[a, b, c, d]) is mine
    assert [ax.get_ylabel() for ax in (a, b, c, d)] == ["accuracy (%)", "loss (nats)"] * 2
    whole = made.plot()
    for ours, given in zip(whole.axes, (a, b, c, d), strict=True):
        assert [line.get_xydata().tolist() for line in ours.lines] == [
            line.get_xydata().tolist() for line in given.lines
        ]
    other = Figure().subplots()
    made.plot(ax=other, panel="test (n = 100)")
    assert other.get_ylabel() == "accuracy (%)" and other.get_legend() is not None
    with pytest.raises(UsageError, match=r"axes: 2, but the figure has 4 panels: test \(n = 100\)"):
        made.plot(axes=[a, b])
    with pytest.raises(UsageError, match="name one with panel="):
        made.plot(ax=a)
    with pytest.raises(UsageError, match="give one of them"):
        made.plot(ax=a, axes=[a])


def test_a_legend_is_no_wider_than_the_axes_it_is_in() -> None:
    few = Barrier(barrier().paths[:2], (), "train", 0.02, 1000, HOW)
    mine = Figure(figsize=(6.0, 2.4), layout="constrained")
    left, right = mine.subplots(1, 2)
    few.plot(ax=left, panel="test (n = 100)")
    barrier().plot(ax=right, panel="test (n = 100)")
    FigureCanvasAgg(mine).draw()
    for ax in (left, right):
        assert ax.get_legend().get_window_extent().width <= ax.bbox.width
    told = " ".join(left.get_legend().get_title().get_text().split())
    assert told == "bands: 95 % bootstrap intervals over images"


def test_what_the_user_has_set_comes_before_the_house() -> None:
    made = barrier()
    with mpl.rc_context({"grid.color": "#FF0000", "font.size": 7.0, "axes.labelsize": 7.0}):
        theirs = made.plot()
    ours = made.plot()
    assert theirs.axes[0].xaxis.label.get_fontsize() == 7.0 != ours.axes[0].xaxis.label.get_fontsize()
    assert theirs.axes[0].xaxis.get_gridlines()[0].get_color() == "#FF0000"
    assert ours.axes[0].xaxis.get_gridlines()[0].get_color() == "#E3E3E3"


@pytest.mark.parametrize(("name", "width", "inches"), [("neurips", "text", 5.5), ("icml", "text", 6.75)])
def test_a_style_sets_the_width_and_is_taken_back(name: str, width: str, inches: float) -> None:
    before = dict(mpl.rcParams)
    with ts.style(name, width=width):
        figure = barrier().plot()
        assert figure.get_figwidth() == pytest.approx(inches)
    assert dict(mpl.rcParams) == before
    with pytest.raises(UsageError, match="style 'neurip' is not known; did you mean 'neurips'"):
        ts.style("neurip")


BUILT = {
    "barrier": barrier,
    "distance": lambda: test_distance.made(n=3, slope=0.3),
    "rewind": test_rewind_plot.made,
    "similarity": lambda: test_similarity_findings.made(n=3, shift=0.2),
    "transfer": test_transfer.paper,
}


@pytest.mark.parametrize(("name", "style"), [*((name, "neurips") for name in BUILT), ("distance", "nature")])
def test_at_the_width_of_a_page_everything_can_be_read(name: str, style: str) -> None:
    with ts.style(style):
        figure = BUILT[name]().plot()
        svg = as_svg(figure)
        assert "<text" in svg and "serif" in svg, "text stays text, and has a font that everybody has"
        assert figure.get_figwidth() <= mpl.rcParams["figure.figsize"][0] + 1e-9
        assert stumbles(svg) == []


def test_long_names_of_modules_do_not_run_into_each_other() -> None:
    names = ("resnet.embedder", *(f"resnet.encoder.stages.{i}" for i in range(3)), "classifier")
    with ts.style("report"):
        assert stumbles(as_svg(replace(test_distance_plot.result(), modules=names).plot())) == []


def test_the_check_sees_what_cannot_be_read() -> None:
    figure = Figure(figsize=(2, 2))
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.text(0.2, 0.5, "something long", fontsize=9)
        figure.text(0.3, 0.5, "over it", fontsize=5)
        assert stumbles(as_svg(figure)) == ["'over it' has 5.0 pt", "'something long' lies over 'over it'"]


def test_tables_for_papers() -> None:
    made = test_similarity_findings.made(n=3, shift=0.2)
    markdown, latex = made.to_markdown(), made.to_latex(label="tab:cka")
    rows = [line for line in markdown.splitlines() if line.startswith("| P-T & P-T")]
    assert rows and all(f"n = {made.n:,} images" in markdown for _ in rows)
    assert (
        latex.count(r"\\") == len(made.table()) + 1
        and re.search(r"0\.\d+ \(0\.\d+ to 0\.\d+\)", markdown)
        and r"P-T \& P-T" in latex
    )
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:cka}", r"Brackets: 95 \% intervals."):
        assert rule in latex
    far = test_distance.made(n=3).to_markdown()
    assert re.search(r"\| \d", far) and "nan" not in far


def test_in_a_notebook() -> None:
    made = test_distance.made(n=3)
    assert len(repr(made)) < 400 and repr(made).startswith("Distance(") and "array" not in repr(made)
    shown = made._repr_html_()
    assert made.findings()[0].text.replace("&", "&amp;") in shown
    assert shown.count("<tr>") == 13 and "data:image/svg+xml" in shown and "more rows" in shown


def test_a_bar_appears_only_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    from transferscope import progress

    clock, made = [0.0], []

    class Shown:
        def __init__(self, **options) -> None:
            self.n, self.total, self.unit, self.closed = 0, options["total"], options["unit"], False
            made.append(self)

        def update(self, more: int) -> None:
            self.n += more

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress, "_seen", lambda: True)
    monkeypatch.setattr(progress, "_bar_class", lambda: Shown)

    @progress.watched
    def work(progress=progress.silent) -> None:
        for done, at in ((1, 1.0), (2, 3.0), (3, 4.0)):
            clock[0] = at
            progress(done, 4, "points")

    work(progress=False)
    assert made == []
    clock[0] = 0.0
    work()
    (bar,) = made
    assert (bar.n, bar.total, bar.unit, bar.closed) == (3, 4, " points", True)
    told = []
    work(progress=lambda done, total, unit: told.append(done))
    assert told == [1, 2, 3] and len(made) == 1
    assert np.all([callable(ts.barrier), callable(ts.evaluate)])


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda p: p.parent.name)
def test_every_question_draws_on_what_it_is_given(drawing: Path) -> None:
    """A figure that a question makes by itself could be put into nobody's axes, and would know no width."""
    text = drawing.read_text(encoding="utf-8")
    assert not re.search(r"Figure\((?!\w*\))|plt\.|pyplot", text)
    assert re.search(r"\b(sheet|figure|draw_domains)\(", text)
