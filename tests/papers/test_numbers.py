"""Every figure and table that the papers number is an item here, and every claim of slides and poster has an id."""

import re
from pathlib import Path

import pytest

from transferscope.evidence.claims import CLAIMS, claims_of
from transferscope.study.library import paper, paper_study

PAGE = Path(__file__).parents[2] / "docs" / "slides.md"

NUMBERED = {
    "neyshabur2020": [*(f"fig{i}" for i in range(1, 34)), *(f"table{i}" for i in range(1, 9))],
    "liu2019": [*(f"fig{i}" for i in range(1, 14)), "table1", "table2", "theorem1", "theorem2"],
}
"""What 000 and 002 number, as printed. 001 is a poster and 003 are slides: they number nothing."""

LEFT_OUT: dict[tuple[str, str], str] = {}
"""A figure that cannot be made, and why: data that cannot be had, or a class of models. There is none."""


@pytest.mark.parametrize("name", NUMBERED)
def test_every_number_is_an_item_of_the_small_study(name: str) -> None:
    listed = paper(name).figures
    shown = {
        figure for item in paper_study(name, "mini", {})["analyses"].values() for figure in item.get("shows", {})
    }
    for number in NUMBERED[name]:
        parts = [figure for figure in listed if re.fullmatch(rf"{number}[a-z]*", figure)]
        if reason := LEFT_OUT.get((name, number)):
            assert not parts and re.search("cannot be had", reason)
            continue
        assert parts, f"{number} of {name} is no item, and no reason is written"
        assert shown.issuperset(parts)
    known = {figure for n in NUMBERED[name] for figure in listed if re.fullmatch(rf"{n}[a-z]*", figure)}
    assert known == set(listed), "an item that the paper does not number"


def test_reasons_are_for_what_is_numbered() -> None:
    assert all(number in NUMBERED[name] for name, number in LEFT_OUT)


ROWS = re.findall(r"^\| ([a-z][a-z ]*) \| (.+) \| (0[^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_claim_of_slides_and_poster_has_an_id() -> None:
    known = {claim.id for claim in CLAIMS}
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(ROWS) == len([line for line in lines if not re.match(r"\| (of|---) ", line)]) > 50
    for of, claim, ids in ROWS:
        found = [one.strip() for one in ids.split(",")]
        assert found and set(found) <= known, f"{of}: {claim}"


def test_every_claim_of_the_slides_is_on_the_page() -> None:
    cited = {one.strip() for *_, ids in ROWS for one in ids.split(",")}
    assert {claim.id for claim in claims_of("003")} <= cited
