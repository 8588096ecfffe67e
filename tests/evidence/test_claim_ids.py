"""Questions cite claims by ids that exist, and every claim is cited by the question that judges it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import transferscope
from transferscope.evidence.claims import CLAIMS

PACKAGE = Path(transferscope.__file__).parent
QUESTIONS = PACKAGE / "questions"
ID = re.compile(r"00\d(-[0-9A-Z]+(\.\d+)?)?-[a-z]+")
KNOWN = {claim.id for claim in CLAIMS}

ALL_QUESTIONS_CITE_IDS = True
"""Whether all questions have moved to ids: set it to True when they have; a test says when that is."""


def ids_in(path: Path) -> set[str]:
    """String constants of a file that look like the id of a claim."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and ID.fullmatch(n.value)
    }


CITED = {path: ids_in(path) for path in sorted(QUESTIONS.rglob("*.py"))}


def uncited() -> set[str]:
    """Decided claims that no file of their question, and none shared by questions, cites."""
    shared = set().union(*(found for path, found in CITED.items() if path.parent == QUESTIONS))
    missing = set()
    for claim in CLAIMS:
        if claim.question is not None:
            own = [found for path, found in CITED.items() if QUESTIONS / claim.question in path.parents]
            missing |= {claim.id} - shared.union(*own)
    return missing


def test_ids_are_recognised(tmp_path):
    file = tmp_path / "findings.py"
    file.write_text('"""Of 000-3.3-a."""\nA = "000-3.3-a"\nB = judge("002-3-zz", x)\nC = "000 §3.3: no barrier"\n')
    assert ids_in(file) == {"000-3.3-a", "002-3-zz"}
    assert all(ID.fullmatch(known) for known in KNOWN)


@pytest.mark.parametrize("path", CITED, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_cited_claim_exists(path):
    assert CITED[path] <= KNOWN, f"{path.relative_to(PACKAGE)} cites claims that do not exist"


@pytest.mark.parametrize("path", CITED, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_cited_claim_is_decided(path):
    undecided = {claim.id for claim in CLAIMS if claim.question is None}
    assert not CITED[path] & undecided


def test_every_decided_claim_is_cited_by_its_question():
    missing = uncited()
    if ALL_QUESTIONS_CITE_IDS:
        assert not missing, "no file of their question cites these claims"
    else:
        assert missing, "all questions cite their claims by id: set ALL_QUESTIONS_CITE_IDS to True"
