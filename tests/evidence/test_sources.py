"""Readers see names: no number of a paper, and no row of a specification, in what is read."""

import ast
import re
from pathlib import Path

import pytest

from transferscope.evidence.claims import CLAIMS, liu2019, neyshabur2020, slides
from transferscope.evidence.sources import SOURCES, cited
from transferscope.papers import PAPERS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "transferscope"

NUMBER = re.compile(rf"(?<![\w.,/’'\"\-])({'|'.join(SOURCES)})(?![\w\"\-]|[.,]\d|\.\w)")
ROW = re.compile(r"\bF[1-9]\d?\b")
"""``F7`` and the like; formats of numbers (``F16``) stand alone and so in no sentence."""


def test_each_source_has_one_name_and_one_place_for_it() -> None:
    assert {paper.key: paper.short for paper in PAPERS} == dict(SOURCES)
    assert all(paper.SHORT is SOURCES[paper.KEY] for paper in (neyshabur2020, liu2019, slides))
    assert {claim.paper for claim in CLAIMS} == SOURCES.keys()
    assert cited("002", "§4") == "Liu et al. 2019, §4"


def test_the_words_of_claims_name_their_source() -> None:
    for claim in CLAIMS:
        assert claim.text.startswith(cited(claim.paper, claim.section)) and claim.text.endswith(claim.says)


@pytest.mark.parametrize("said", ["(000 §3.3)", "as 002 does", "003's tables", "000, Appendix A"])
def test_a_number_would_be_seen(said: str) -> None:
    assert NUMBER.search(said)


@pytest.mark.parametrize("said", ["50,000 images", "0.002", "000-3.3-a", "x.000", "cat/002.png", "2000", "'002'"])
def test_what_is_no_source_is_let_be(said: str) -> None:
    assert not NUMBER.search(said)


@pytest.mark.parametrize("room", sorted(p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or p.is_dir()))
def test_no_sentence_of_the_package_has_a_number_for_a_source(room: str) -> None:
    """Docstrings, messages, comments of settings: every text of more than a word."""
    at = PACKAGE / room
    texts = [*at.rglob("*.py"), *at.rglob("*.j2"), *at.rglob("*.yaml")] if at.is_dir() else [at]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        said = [text]
        if path.suffix == ".py":
            nodes = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant))
            said = [n.value for n in nodes if isinstance(n.value, str) and " " in n.value]
        _none_in(said, path)


@pytest.mark.parametrize(
    "page", ["README.md", "CHANGELOG.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_no_page_has_one(page: str) -> None:
    _none_in([(ROOT / page).read_text(encoding="utf-8")], page)


def test_no_page_of_a_question_has_one() -> None:
    for path in sorted((ROOT / "docs" / "questions").glob("*.md")):
        _none_in([path.read_text(encoding="utf-8")], path.name)


def _none_in(said: list[str], where: object) -> None:
    for text in said:
        found = NUMBER.search(text) or ROW.search(text)
        assert found is None, f"{where}: …{text[max(0, found.start() - 40) : found.end() + 20]!r}"
