"""The first screen: what is decided by, a line a target, what failed, and the board of claims."""

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from transferscope.evidence.claims import CLAIMS, claim_called
from transferscope.evidence.estimate import Estimate
from transferscope.evidence.finding import Finding
from transferscope.evidence.guard import Witness
from transferscope.evidence.tally import tally
from transferscope.report import page
from transferscope.report.board import board_of
from transferscope.report.failed_runs import FailedRuns, failed_runs
from transferscope.report.first import first_of
from transferscope.report.forest import axis_of, drawn, effect_text, interval_only, references_of, unit_of
from transferscope.report.in_words import answer_lines
from transferscope.report.overview import ASPECTS, overview_of, untold
from transferscope.report.sections import Said

from ..questions.test_which import CASES


def finding(target: str, claim: str, verdict: str, value: float = 0.1, half: float = 0.05, why: str = "") -> Finding:
    e = Estimate(value, value - half, value + half, over="networks", n=6)
    return Finding(target, claim, e, verdict, 0.01, why, "networks", 6, "…")  # type: ignore[arg-type]


FOUND = [
    finding("photo", "000-3.1-a", "agrees"),
    finding("sketch", "000-3.1-a", "disagrees", -0.1),
    finding("photo", "000-3.3-a", "cannot tell", 0.01),
    finding("photo & sketch", "000-B.7-b", "agrees"),
]
PLACES = {id(f): f"part-{i}" for i, f in enumerate(FOUND)}


def test_a_line_a_target_answers_what_was_asked() -> None:
    found = overview_of(tally(FOUND), ["photo", "sketch"], PLACES)
    assert found is not None and found.heads == ("Better in the end?", "One basin?")
    lines = dict(found.lines)
    assert [a.word for a in lines["photo"]] == ["yes", "cannot tell"]
    assert [a.word for a in lines["sketch"]] == ["no", "not asked"]
    cell = lines["photo"][0].cell
    assert cell is not None and (cell.effect, cell.interval, cell.place) == ("10.0", "5.0 to 15.0", "part-0")
    assert overview_of(tally(FOUND[3:]), ["photo"], PLACES) is None
    asked = {("barrier", "sketch"), ("mistakes", "photo")}
    open_yet = overview_of(tally(FOUND), ["photo", "sketch"], PLACES, asked=asked)
    assert open_yet is not None and [a.word for a in dict(open_yet.lines)["sketch"]] == ["no", "no answer"]


def test_where_every_run_diverged_no_number_is_shown() -> None:
    found = overview_of(tally(FOUND), ["photo", "sketch"], PLACES, {"sketch": "all runs diverged"})
    assert found is not None
    lines = dict(found.lines)
    assert lines["photo"][0].word == "yes"
    assert {(a.word, a.cell) for a in lines["sketch"]} == {("all runs diverged", None)}


def test_what_answers_a_question_is_a_claim_that_something_judges() -> None:
    for aspect in ASPECTS:
        for name in aspect.claims:
            assert claim_called(name).question is not None, name


def test_the_board_has_a_row_a_claim_and_a_column_a_target() -> None:
    board = board_of(tally(FOUND), ["photo", "sketch"], PLACES)
    assert board.columns == ("photo", "sketch", "together")
    ((paper, rows),) = board.groups
    assert paper == "Neyshabur et al. 2020" and [r.id for r in rows] == ["000-3.1-a", "000-3.3-a", "000-B.7-b"]
    assert [[c.symbol for c in cells] for cells in rows[0].cells] == [["✓"], ["✗"], []]
    assert [c.target for c in rows[2].cells[2]] == ["photo & sketch"]
    assert rows[0].unit == "points (share of test images)" and rows[0].place == "§3.1"


def test_a_cell_says_why_it_cannot_tell() -> None:
    of_these = Finding(
        "photo", "000-3.1-a", Estimate(0.3, 0.2, 0.4, over="images", n=500), "cannot tell", None,
        "a verdict needs at least three networks of each kind", "images", 500, "…",
    )  # fmt: skip
    silenced = finding("photo", "000-3.3-a", "cannot tell", why="P-T 0 diverged at step 3")
    few = replace(of_these, claim="000-3.2-a", why="P-T 0 diverged at step 3", silenced=True)
    found = [of_these, silenced, few]
    board = board_of(tally(found), ["photo"], {id(f): str(i) for i, f in enumerate(found)})
    whys = {row.id: row.cells[0][0].why for _, rows in board.groups for row in rows}
    diverged = "P-T 0 diverged at step 3"
    assert whys == {"000-3.1-a": "of these networks only", "000-3.3-a": diverged, "000-3.2-a": diverged}


class Result:
    def __init__(self, witnesses) -> None:
        self.witnesses = witnesses


def test_runs_that_failed_are_named_once() -> None:
    runs = pd.DataFrame(
        [
            ("photo", "P-T 0", "P-T", 0, "", "diverged at step 3"), ("photo", "P-T 1", "P-T", 1, "", "finished"),
            ("photo", "P-T, larger 1, from epoch 0", "P-T, larger", 1, "from epoch 0", "diverged at step 3"),
        ],
        columns=["target", "run", "start", "seed", "condition", "ended"],
    )  # fmt: skip
    weak = Witness("RI-T 0", "RI-T", "did not clearly beat chance")
    given = (
        Witness("P-T 0", "P-T", "diverged at step 3"), weak, Witness("P", "P", "did not clearly beat chance"),
        Witness("P-T, larger 1", "P-T", "diverged at step 3", "from epoch 0"),
        *(Witness(f"P-T {seed}", "P-T", "did not clearly beat chance", "with blocks of 1") for seed in (0, 1)),
    )  # fmt: skip
    found = failed_runs([("photo", Result(given)), ("", Result({"photo": given, "sketch": (weak,)}))], runs)
    assert found.lines == (
        "P-T 0 and 1 run from epoch 0 diverged at step 3 on photo",
        "RI-T 0 and 2 runs with blocks of 1 did not clearly beat chance on photo",
        "RI-T 0 did not clearly beat chance on sketch",
    )
    assert found.lost == {}  # P-T 1 is left
    assert failed_runs([], pd.DataFrame()) == FailedRuns()


def test_where_no_run_is_left_it_is_said_what_happened() -> None:
    weak = Witness("RI-T 0", "RI-T", "did not clearly beat chance")
    runs = pd.DataFrame(
        [
            ("photo", "P-T 0", "P-T", 0, "", "finished"), ("photo", "RI-T 0", "RI-T", 0, "", "finished"),
            ("sketch", "P-T 0", "P-T", 0, "", "diverged at step 2"), ("sketch", "RI-T 0", "RI-T", 0, "", "finished"),
            ("sketch", "RI-T 0, from epoch 0", "RI-T", 0, "from epoch 0", "finished"),
            ("chart", "P-T 0", "P-T", 0, "", "diverged at step 1"),
            ("chart", "RI-T 0", "RI-T", 0, "", "diverged at step 5"),
        ],
        columns=["target", "run", "start", "seed", "condition", "ended"],
    )  # fmt: skip
    shuffled = Witness("P-T 0", "P-T", "did not clearly beat chance", "with all values shuffled")
    found = failed_runs([("photo", Result((weak, shuffled))), ("sketch", Result((weak,)))], runs)
    assert found.lost == {"sketch": "no run learned", "chart": "all runs diverged"}


def test_what_could_not_be_told_is_named() -> None:
    assert untold(tally(FOUND)) == "no performance barrier between two P-T (photo)"
    assert untold(tally(FOUND[:2])) == ""
    many = [finding("photo", c.id, "cannot tell") for c in CLAIMS if c.rule is not None][:6]
    assert untold(tally(many)).endswith("; and 3 more claims")


def test_the_answer_for_a_terminal() -> None:
    found = overview_of(tally(FOUND), ["photo", "sketch"], PLACES)
    assert answer_lines(None, found, ["P-T 0 diverged at step 3 on photo"], [], "Of 4 verdicts …") == [
        "failed: P-T 0 diverged at step 3 on photo",
        "photo:",
        "  better in the end? yes (10.0 points, 5.0 to 15.0)",
        "  one basin? cannot tell (1.0 points, −4.0 to 6.0)",
        "sketch:",
        "  better in the end? no (−10.0 points, −15.0 to −5.0)",
        "  one basin? not asked",
        "Of 4 verdicts …",
    ]
    lost = overview_of(tally(FOUND), ["photo", "sketch"], PLACES, {"sketch": "no run learned"})
    assert answer_lines(None, lost, [], [])[-1] == "sketch: no run learned"
    said = [Said(f"Number {i}.", "photo" * (i == 0), None, "", "", 1.0, "a") for i in range(5)]
    assert answer_lines(None, None, [], said) == ["photo: Number 0.", "Number 1.", "Number 2."]


def test_the_answer_of_files_for_a_terminal() -> None:
    first = first_of([(next(iter(CASES.values())), "part-which", "which")])
    assert first is not None
    head, *rows, decides = answer_lines(first, None, [], [])
    assert head.startswith("accuracy on test, %, 2,000 images; each interval") and decides == first.decides
    for row, line in zip(rows, first.lines, strict=True):
        assert row.startswith(f"  {line.name}") and f"{line.metric} ({line.interval})" in row
        assert (f"{line.less} ({line.less_interval}), p " in row) == bool(line.p)


@pytest.mark.parametrize("take", CASES)
def test_files_begin_with_the_sentence_that_decides(take: str) -> None:
    result = CASES[take]
    found = first_of([(result, "part-which", "which")])
    assert found is not None and found.decides == result.findings()[0].text
    assert (found.metric, found.images, found.anchor) == ("accuracy on test", 2000, "part-which")
    best, second, *_ = found.lines
    assert best.less == "" and best.p == "" and float(best.metric) >= float(second.metric)
    assert second.less.startswith("−") or second.less in ("0.0", "−0.1")
    assert re.fullmatch(r"[\d.]+ to [\d.]+", best.interval)
    assert first_of([]) is None


def test_one_of_several_answers_to_a_question_does_not_decide_for_all() -> None:
    def section(item: str, *targets: str) -> SimpleNamespace:
        return SimpleNamespace(item=item, anchor=item, parts=[SimpleNamespace(anchor=t) for t in targets])

    result = next(iter(CASES.values()))
    study = SimpleNamespace(items={"which": "which", "which of few": "which"})
    alone, several = section("which of few", "photo"), section("which", "photo", "clipart")
    results = {"which": {"photo": result, "clipart": result}, "which of few": {"photo": result}}
    found = page._first(study, [alone], results)
    assert found is not None and found.section == "which of few"
    assert page._first(study, [several, alone], results) is None


def test_a_drawing_has_the_numbers_on_one_scale() -> None:
    e = Estimate(0.1, 0.05, 0.15)
    axis = axis_of([e, Estimate(-0.1, -0.2, 0.0)], (0.0,))
    places = [axis.place(x) for x in (-0.2, -0.1, 0.0, 0.1, 0.15)]
    assert places == sorted(places) and places[0] == 7.0 and places[-1] == 125.0
    picture = drawn(e, axis, "agrees")
    assert f"M{axis.place(0.05):.1f} 8H{axis.place(0.15):.1f}" in picture
    assert f"M{axis.place(0.0):.1f} 0V16" in picture and 'aria-hidden="true"' in picture
    marks = {drawn(e, axis, verdict) for verdict in ("agrees", "disagrees", "cannot tell")}
    assert len(marks) == 3, "verdicts differ in shape, not only in colour"


def test_drawings_of_what_is_not_finite() -> None:
    endless = Estimate(2.0, 0.5, math.inf, scale="log")
    axis = axis_of([endless], (1.0,))
    assert axis.log and axis.place(math.inf) == 125.0 and axis.place(0.0) == 7.0
    assert "nan" not in drawn(endless, axis) and "inf" not in drawn(endless, axis)
    nothing = drawn(Estimate(math.nan), axis_of([Estimate(math.nan)], (0.0,)))
    assert 'class="dot"' not in nothing and "nan" not in nothing


def test_numbers_are_written_in_the_units_of_the_claim() -> None:
    ratio = Estimate(2.98, 2.82, 3.15, scale="log")
    assert (effect_text(ratio, "times"), interval_only(ratio, "times")) == ("2.98×", "2.82× to 3.15×")
    share = Estimate(-0.05, -0.1, 0.0)
    assert (effect_text(share, "share of images"), interval_only(share, "share of images")) == (
        "−5.0",
        "−10.0 to 0.0",
    )
    assert effect_text(Estimate(math.nan), "CKA") == "–" and unit_of("nats") == "nats"


def test_every_claim_has_a_line_that_divides() -> None:
    for claim in CLAIMS:
        if claim.rule is not None:
            for log in (False, True):
                references = references_of(claim, log=log)
                assert references and all(math.isfinite(x) and (x > 0 or not log) for x in references), claim.id
                assert log or len(references) == 1 or references[0] < references[1]


def test_what_is_to_be_none_up_to_a_margin_has_a_line_on_both_sides() -> None:
    claim = claim_called("002-6-a")
    axis = axis_of([Estimate(0.02, 0.01, 0.03)], references_of(claim, log=False))
    assert axis.place(-0.1) == 7.0 and axis.place(0.1) == 125.0
    assert drawn(Estimate(0.02, 0.01, 0.03), axis).count('class="ref"') == 2
