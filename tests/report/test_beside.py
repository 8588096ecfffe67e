"""The sections of the papers: claims with verdicts and evidence, printed tables with what was measured."""

import re
from types import SimpleNamespace

import pytest

from transferscope.evidence.estimate import Estimate
from transferscope.evidence.finding import Finding
from transferscope.questions.transfer.measure import Transfer, Transferred
from transferscope.report.beside import beside_section
from transferscope.report.claims import claims_section
from transferscope.report.page import render
from transferscope.report.sections import Part, Said, Section
from transferscope.report.tables import Table

NONE, GROWS = "000-3.3-a", "002-3-d"
EVIL = "<script>alert(1)</script>"
EMPTY = Table((), (), (), 0)


class Study(SimpleNamespace):
    """What the sections ask a run folder."""

    name, description, text, unfinished, unlearned, cost, asked = "s", EVIL, EVIL, "", "", "Nothing.", None
    coming = ()
    unanswered: tuple[str, ...] = ()
    questions_asked: frozenset[tuple[str, str]] = frozenset()
    notes, machine = (), {}
    paper, items, shows = None, {"barrier": "barrier", "how far": "distance"}, {}
    stands_for = {"birds": "CUB-200", EVIL: "Webcam"}  # noqa: RUF012
    plan = SimpleNamespace(runs={"birds": {}, EVIL: {}})
    tree = {"targets": {"birds": {}, EVIL: {}}}  # noqa: RUF012

    def runs(self):
        import pandas as pd

        return pd.DataFrame({"run": ["P-T 0"]})

    steps = runs


def section(anchor, *parts):
    made = tuple(
        Part(
            f"part-{anchor}-{i}",
            target,
            tuple(Said(f.text, target, f.verdict, f.scope, "", f.weight, f"part-{anchor}-{i}") for f in found),
            tuple(found),
            (),
            EMPTY,
        )
        for i, (target, found) in enumerate(parts)
    )
    return Section(anchor, anchor, anchor, "", "", "", (), made)


def finding(claim, verdict, text="It rises.", p=None):
    return Finding("", claim, Estimate(0.1, over="networks", n=6), verdict, p, "", "networks", 6, text)


def page_of():
    return [
        section(
            "barrier",
            ("birds", [finding(NONE, "agrees", p=0.01), finding(None, None)]),
            (EVIL, [finding(NONE, "disagrees", EVIL, 0.2)]),
        ),
        section("how-far", ("birds", [finding(GROWS, "cannot tell")])),
    ]


def transferred():
    runs = tuple(
        Transferred(f"{kind} 0", target, kind, kind, "", 0, 0.1, "finished", "accuracy", 0.0, error, 1.5, 1.0)
        for target in ("birds", EVIL)
        for kind, error in (("fine-tuned", 0.25), ("scratch", 0.5))
    )
    return {"how far": {"": Transfer(runs, {"birds": 9, EVIL: 9}, {"birds": 9, EVIL: 9}, ())}}


def test_claims_are_gathered_paper_by_paper_with_their_evidence(tmp_path):
    got = claims_section(Study(), page_of(), tmp_path)
    assert [g.paper for g in got.groups] == ["Neyshabur et al. 2020", "Liu et al. 2019"]
    [row] = got.groups[0].rows
    assert (row.id, row.place, row.text) == ("000-3.3-a", "§3.3", "No performance barrier between two P-T")
    assert [(c.look, c.text) for c in row.chips] == [
        ("agrees", "✓ agrees on 1 of 2"), ("disagrees", "✗ disagrees on 1 of 2"),
    ]  # fmt: skip
    assert [e.place for e in row.said] == ["part-barrier-0", "part-barrier-1"]
    assert [c.text for c in got.groups[1].rows[0].chips] == ["? cannot tell"]
    assert row.scope == "for this checkpoint" and not got.groups[0].open
    assert [e.target for e in row.said] == ["birds", EVIL], "a finding of one target is told which by its part"
    assert got.counted.startswith("Of 3 verdicts (claims × targets) 1 agree, 1 disagree, 1 cannot tell.")
    assert (tmp_path / "claims.csv").read_text(encoding="utf-8").count("000-3.3-a") == 2
    assert got.title == "The papers’ claims"


def test_a_study_of_a_paper_says_what_it_does_not_judge(tmp_path):
    got = claims_section(Study(paper="liu2019"), page_of(), tmp_path)
    whys = dict(got.groups[1].open)
    assert len(whys) > 15 and not got.groups[0].open
    assert whys["The largest eigenvalues of the Hessian are smaller after fine-tuning than from scratch"] == (
        "the study does not ask hessian"
    )
    assert "not measured" in whys["Targets that look more like the source deviate less from it"]
    fine = "Fine-tuned weights deviate less from their start than those from scratch"
    assert whys[fine] == "distance found nothing to judge it by, or has not finished"


def test_without_claims_there_is_no_section(tmp_path):
    assert claims_section(Study(), [section("barrier", ("a", [finding(None, None)]))], tmp_path) is None
    assert not (tmp_path / "claims.csv").exists()


def test_tables_stand_beside_a_study_of_a_paper_only(tmp_path):
    assert beside_section(Study(), transferred(), tmp_path) is None
    assert beside_section(Study(paper="neyshabur2020"), transferred(), tmp_path) is None  # nothing for its tables
    got = beside_section(Study(paper="liu2019"), transferred(), tmp_path)
    assert got.paper == "Liu et al. 2019" and got.missing == ()
    assert got.grids[0].evidence == (("how-far", "how far"),)
    first, second = got.grids
    assert (first.title, second.title) == ("Table 1", "Table 2")
    assert [(line.name, line.stands_in) for line in first.lines] == [("Webcam", EVIL), ("CUB-200", "birds")]
    cells = dict(zip(first.columns, first.lines[1].cells, strict=True))
    assert (cells["test error (fine-tuned)"].printed, cells["test error (fine-tuned)"].here) == ("21.04±0.36", "25")
    assert cells["test error (fixed)"].here == "–"
    assert (tmp_path / "beside.csv").is_file() and not got.strange
    wrong = Study(paper="liu2019", stands_for={"birds": "CUB-200", EVIL: "webcam"})
    got = beside_section(wrong, transferred(), tmp_path)
    assert got.strange == (f"{EVIL} (webcam)",) and [len(g.lines) for g in got.grids] == [1, 1]
    assert "these targets stand for: &lt;script&gt;" in render(wrong, [], None, got)


@pytest.mark.parametrize("paper", [None, "liu2019"])
def test_the_page_shows_them_and_escapes_what_people_write(tmp_path, paper):
    study = Study(paper=paper)
    sections = page_of()
    claims, printed = claims_section(study, sections, tmp_path), beside_section(study, transferred(), tmp_path)
    text = render(study, sections, claims, printed)
    assert "<script" not in text and text.count('<section id="claims">') == 1
    assert text.count('<section id="beside">') == (paper is not None) == ('href="#beside"' in text)
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', text)) <= {*ids}
    assert text.count('href="#part-barrier-1"') == 3, "two sentences' and the board's"
    assert "✗ disagrees on 1 of 2" in text
    if paper:
        assert "21.04±0.36" in text and "not judged here" in text


def test_a_page_without_either_has_neither():
    text = render(Study(), [], None, None)
    assert 'id="claims"' not in text and 'id="beside"' not in text
