"""Claims: each once, complete, and on a page."""

from __future__ import annotations

import re
import subprocess
import sys
from string import ascii_lowercase

import pytest

from transferscope.errors import UsageError
from transferscope.evidence.claims import CLAIMS, claim_called, claims_judged_by, claims_of
from transferscope.evidence.claims.page import as_markdown
from transferscope.evidence.sources import cited
from transferscope.questions import QUESTIONS

# What a claim about pre-training speaks of; kept here as an independent check, as nothing reads claims' texts.
PRETRAINED = re.compile(r"(?<!RI-)\bP(-T)?\b|pre-?train|fine-?tun|transfer|source|checkpoint", re.IGNORECASE)
SAYS_IT_OTHERWISE = {"002-3-f"}  # the deviation of fine-tuned networks
KINDS = {"P", "P-T", "RI-T"}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_a_claim_is_complete(claim):
    assert re.fullmatch(r"00\d(-[0-9A-C](\.\d)?)?-[a-z]", claim.id) and claim.says
    assert claim.text == f"{cited(claim.paper, claim.section)}: {claim.says}"
    if claim.question is None:
        assert claim.undecided and claim.rule is claim.about is claim.effect is None and not claim.statistic
        return
    assert claim.question in QUESTIONS and not claim.undecided
    assert claim.rule is not None and claim.about and claim.statistic
    assert claim.effect is not None and claim.units and claim.effect_from
    assert set(claim.kinds) <= KINDS
    assert not claim.statistic.endswith(".") and "seeds" not in claim.statistic


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.rule], ids=lambda c: c.id)
def test_claims_about_pre_training_are_marked(claim):
    assert claim.pretrained == (bool(PRETRAINED.search(claim.text)) or claim.id in SAYS_IT_OTHERWISE)


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.rule], ids=lambda c: c.id)
def test_the_statistic_names_every_number(claim):
    """The numbers that a rule judges are numbered in the statistic; one goes without."""
    numbered = re.findall(r"\((\d)\)", claim.statistic)
    wanted = claim.rule.wants
    assert numbered == [str(i + 1) for i in range(len(numbered))]
    if wanted is None:
        assert len(numbered) in (0, 1)
        assert "each" in claim.statistic or "as far as there are" in claim.statistic
    else:
        assert len(numbered) == (wanted if wanted > 1 else 0)


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.rule], ids=lambda c: c.id)
def test_ratios_have_their_margin_at_one(claim):
    if claim.units == "times":
        assert "Above(margin=1.0" in repr(claim.rule) and claim.effect > 1


def test_ids_and_texts_are_one_a_claim():
    assert len({c.id for c in CLAIMS}) == len({c.text for c in CLAIMS}) == len(CLAIMS) == 122
    assert sum(c.rule is not None for c in CLAIMS) == 101
    assert all(claim_called(c.id) is c for c in CLAIMS)


def test_ids_are_in_order_without_gaps():
    for paper in ("000", "002", "003"):
        letters: dict[str, list[str]] = {}
        for claim in claims_of(paper):
            section, _, letter = claim.id.rpartition("-")
            letters.setdefault(section, []).append(letter)
        for section, found in letters.items():
            assert found == list(ascii_lowercase[: len(found)]), section


def test_claims_are_found_by_paper_and_question():
    assert claims_of("neyshabur2020") == claims_of("000") and len(claims_of("liu2019")) == len(claims_of("002"))
    assert sum(len(claims_of(p)) for p in ("000", "002", "003")) == len(CLAIMS)
    by_question = [c for q in QUESTIONS for c in claims_judged_by(q)]
    assert sorted(c.id for c in by_question) == sorted(c.id for c in CLAIMS if c.rule)
    assert "000-3.3-a" in {c.id for c in claims_judged_by("barrier")}


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(UsageError, match=r"no claim '000-3\.3-z'; did you mean '000-3\.3-"):
        claim_called("000-3.3-z")


def test_every_class_is_every_class():
    assert "Each" in repr(claim_called("000-B.2-b").rule)


def test_the_page_has_every_claim_once():
    page = as_markdown()
    assert page.startswith("# Claims of the papers") and page.endswith("|\n")
    for claim in CLAIMS:
        rows = [line for line in page.splitlines() if line.startswith(f"| **{claim.id}** ")]
        assert len(rows) == 1
        cells = re.split(r"(?<!\\)\|", rows[0])[1:-1]
        if claim.rule is None:
            assert len(cells) == 2 and claim.undecided in cells[1]
            continue
        assert len(cells) == 6 and f"questions/{claim.question}.md" in cells[1]
        assert cells[3].strip() == claim.statistic.replace("|", "\\|") and cells[4].strip() == claim.rule.text
        assert claim.effect_from in cells[5]


def test_claims_cost_nothing_heavy():
    code = (
        "import sys, transferscope.evidence.claims as c; print(sorted({'torch', 'scipy', 'pandas'} & {*sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
