"""Which differences a study can tell: pilots are of its own images, and networks are counted by kind."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from transferscope.evidence.pilot import Pilot, write_pilots
from transferscope.study import prospects as module
from transferscope.study.check import check
from transferscope.study.load import load_study
from transferscope.study.prospects import pilot_file, pilots_for, prospects, told
from transferscope.study.yaml_input import parse_yaml
from transferscope.study.yaml_output import study_yaml

PILOTS = (
    Pilot("000-3.3-a", "photo", 1, 0.01, 0.1, False, 8),
    Pilot("000-3.1-a", "photo", 2, 0.02, 0.4, False, 16),
    Pilot("000-3.1-h", "clipart", 2, 0.02, 0.4, False, 10),
    Pilot("000-B.7-b", "photo & clipart & quickdraw", 1, 0.02, 0.1, False, 8),
    Pilot("000-3.3-d", "photo", 1, 0.02, 0.1, False, 6),
)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kept.csv"
    write_pilots(PILOTS, file)
    monkeypatch.setattr(module, "pilot_file", lambda study: file)
    return tmp_path / "no run folder"


def test_pilots_are_of_the_papers_own_images_and_network(kept: Path) -> None:
    found, where = pilots_for(load_study("paper:neyshabur2020"), kept)
    assert found == PILOTS and where == "from pilot runs with other seeds"
    longer = load_study("paper:neyshabur2020", settings={"recipe.epochs": 20})
    assert pilots_for(longer, kept)[0] == PILOTS
    others = load_study("paper:neyshabur2020", data={"photo": "synthetic:photo?train=500&test=500"})
    assert pilots_for(others, kept) == ((), str(kept))
    deeper = load_study("paper:neyshabur2020", settings={"network.name": "fixup_resnet8"})
    assert pilots_for(deeper, kept) == ((), str(kept))


def test_networks_are_counted_by_kind() -> None:
    seeds = {"starts.P-T.seeds": [0, 1, 2, 3, 4, 5], "starts.RI-T.seeds": [0, 1, 2, 3, 4]}
    checked = check(load_study("paper:neyshabur2020", settings={**seeds, "analyses.block_shuffle.seeds": 4}))
    found = {p.claim.id: p for p in prospects(checked, PILOTS)}
    assert set(found) == {one.claim for one in PILOTS}
    assert found["000-3.3-a"].networks == 6, "two P-T, whatever there is of RI-T"
    assert found["000-3.1-a"].networks == 5, "of the rate that has the fewest, as each may be the better one"
    assert found["000-3.3-d"].networks == 6, "RI-T 0 and the five that start from its initialisation"
    assert found["000-3.1-h"].networks == 4, "as many as the question takes"
    assert found["000-3.1-a"].images == 2500, "as many as the study takes of 3,000"


def test_of_a_grid_pre_trainings_and_of_sources_seeds_are_counted() -> None:
    pilots = (
        Pilot("003-e", "photo, 1 shot", 1, 0.2, 0.0, False, 60),
        Pilot("003-i", "photo", 1, 0.1, 0.0, False, 60),
        Pilot("003-A-d", "photo", 1, 0.02, 0.3, False, 8),
    )
    found = prospects(check(load_study("paper:abnar2022")), pilots)
    assert [(p.claim.id, p.networks) for p in found] == [("003-e", 178), ("003-i", 178)]
    [paired] = prospects(check(load_study("paper:entezari2023")), pilots)
    assert (paired.claim.id, paired.networks, paired.images) == ("003-A-d", 4, 1000) and paired.tells is not None
    few = load_study("paper:entezari2023", settings={"grid.photos.seeds": [0, 1, 2]})
    assert prospects(check(few), pilots)[0].tells is None, "three pre-trainings are too few for a verdict"


def test_what_is_said(kept: Path) -> None:
    [one] = prospects(check(load_study("paper:neyshabur2020")), PILOTS[1:2])
    assert one.chance is not None and one.seeds is not None and one.tells is not None
    lines = told([replace(one, networks=4, tells=0.03, chance=0.716, seeds=5)], "from pilots")
    assert lines == [
        "what can be told, from pilots: a number of 'tells from' or more gets its verdict in four of five studies, "
        "the effect that docs/claims.md lists in so many as 'power' says; networks are those of each kind",
        "    target  networks  images  tells from  listed effect  power  networks for 80 %",
        "  P-T ends better than RI-T on every target [000-3.1-a], points (share of test images):",
        "    photo          4   2,500         3.0            8.2   72 %                  5",
    ]
    none = told([replace(one, networks=2, tells=None, chance=None, seeds=None)], "x")[-1]
    assert none.split() == ["photo", "2", "2,500", "no", "verdict", "8.2", "–", ">200"]


def test_nothing_is_said_where_no_claim_is_asked_about() -> None:
    assert told([], "from pilots") == []
    said = told([], "runs/mine", known=False)[0]
    assert said.startswith("which differences could be told is not known: runs/mine holds no results of a study")


def test_what_another_network_has_shown_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study("paper:neyshabur2020")
    monkeypatch.setattr(module, "pilots_in", lambda stored: PILOTS)
    for network, said in (({"name": "resnet20"}, " with another network, resnet20"), (None, "")):
        tree = parse_yaml(study_yaml(study), "study")
        stored = SimpleNamespace(name=study.name, tree={**tree, "network": network or tree["network"]})
        monkeypatch.setattr(module, "open_study", lambda folder, stored=stored: stored)
        assert pilots_for(study, tmp_path) == (PILOTS, f"as measured in the run folder{said}")


def test_a_study_of_no_paper_has_no_pilots(tmp_path: Path) -> None:
    demo = load_study("demo")
    assert pilot_file(demo) is None and pilots_for(demo, tmp_path) == ((), str(tmp_path))
