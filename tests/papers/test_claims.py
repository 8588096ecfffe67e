"""What findings claim is what the list of claims says, word for word, and the page of claims is that list."""

import ast
import re
from pathlib import Path

import pytest

import transferscope
from transferscope.errors import UsageError
from transferscope.papers import PAPERS, paper_called
from transferscope.papers.claims import CLAIMS, as_markdown, claim_called, claim_of, claims_of
from transferscope.questions import QUESTIONS

ROOM = Path(transferscope.__file__).parent / "questions"
PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
CLAIM = re.compile(r"00\d( (§|App\.|[A-C]\.\d|Fig|Table|Def)[^:]*)?: \S.*", re.DOTALL)


def constants(path: Path) -> list[str]:
    """Constants of a file that are claims; of an f-string, a pattern."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(d.value) for n in ast.walk(tree) for d in ast.iter_child_nodes(n) if isinstance(d, ast.Expr)}
    inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
            found += [re.escape(node.value)] if CLAIM.fullmatch(node.value) else []
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else "\0" for v in node.values]
            if CLAIM.fullmatch(text := "".join(parts)):
                found.append(re.escape(text).replace(re.escape("\0"), "[^ ]+"))
    return found


USED = {str(path.relative_to(ROOM)): constants(path) for path in sorted(ROOM.rglob("*.py"))}


def files_of(question: str) -> set[str]:
    """The files of a question, and those beside the folders that questions share."""
    return {name for name in USED if name.startswith(f"{question}/") or "/" not in name}


@pytest.mark.parametrize("module", [m for m, found in USED.items() if found])
def test_every_claim_of_a_finding_is_listed(module):
    for pattern in USED[module]:
        assert any(re.fullmatch(pattern, c.text) for c in CLAIMS), f"questions/{module} claims {pattern!r}"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_every_claim_is_judged_by_its_question_or_says_why_not(claim):
    places = {m for m, found in USED.items() if any(re.fullmatch(p, claim.text) for p in found)}
    if claim.decided_by is None:
        assert not places and claim.undecided and not (claim.statistic or claim.rule)
        return
    assert claim.decided_by in QUESTIONS and claim.statistic and claim.rule and not claim.undecided
    assert places & files_of(claim.decided_by), f"no finding of {claim.decided_by} has {claim.text!r}"


def test_ids_and_texts_are_one_a_claim_and_of_a_known_paper():
    assert len({c.id for c in CLAIMS}) == len({c.text for c in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.paper in {p.key for p in PAPERS} and claim.text.startswith(claim.paper)
        assert claim.says and claim.text == f"{claim.paper}{' ' * bool(claim.section)}{claim.section}: {claim.says}"
        assert re.fullmatch(r"00\d(-[0-9A-C](\.\d)?)?-[a-z]", claim.id)
        assert claim_of(claim.text) is claim is claim_called(claim.id)
    assert sum(len(claims_of(p.key)) for p in PAPERS) == len(CLAIMS)


def test_the_order_of_ids_is_that_of_the_list():
    for paper in PAPERS:
        ids = [c.id for c in claims_of(paper.key)]
        letters: dict[str, list[str]] = {}
        for one in ids:
            letters.setdefault(one.rpartition("-")[0], []).append(one[-1])
        for section, found in letters.items():
            assert found == [chr(ord("a") + i) for i in range(len(found))], section


def test_the_page_is_what_the_list_says():
    """Write it anew with ``python -c 'from transferscope.papers.claims import *; print(as_markdown(), end="")'``."""
    assert PAGE.read_text(encoding="utf-8") == as_markdown()


def test_unknown_names():
    with pytest.raises(UsageError, match=r"no claim '000-3\.3-z'; did you mean '000-3\.3-"):
        claim_called("000-3.3-z")
    with pytest.raises(UsageError, match="paper 'neyshabur' is not known; did you mean 'neyshabur2020'"):
        paper_called("neyshabur")
    assert claim_of("mine: all is well") is None
