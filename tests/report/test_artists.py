"""Figures that other processes draw are the same; a process that fails costs time only."""

import time
from pathlib import Path

import pytest

from transferscope.report import artists, write_report
from transferscope.report.artists import Artists, Order
from transferscope.store.folder import RunFolder
from transferscope.study.crew import Crew
from transferscope.study.load import parse_study
from transferscope.study.run import run_study

STUDY = {
    "name": "drawn",
    "network": "lenet",
    "images": {"size": 16},
    "recipe": {"epochs": 1, "batch": 32, "augmentation": {"crop": "none"}},
    "targets": {
        name: {"data": f"synthetic:{name}?train=48&test=40"} for name in ("clipart", "photo")
    },
    "starts": {"RI-T": {"from": "random", "seeds": [0, 1]}},
    "analyses": {"distance": True, "weight_map": True, "learning_curves": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(root / "cache"))
        folder, _ = run_study(parse_study(STUDY), root / "run", jobs=1, device="cpu")
    assert isinstance(folder, RunFolder)
    return root / "run"


def contents(run: Path) -> dict[str, bytes]:
    return {str(p.relative_to(run)): p.read_bytes() for p in [run / "report.html", *run.glob("figures/*")]}


@pytest.fixture(scope="module")
def alone(run: Path) -> dict[str, bytes]:
    write_report(run)
    return contents(run)


@pytest.fixture
def undrawn(run: Path, alone: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in run.glob("figures/*"):
        path.unlink()
    monkeypatch.setattr(artists, "_WORTH", 2)
    return run


def test_two_processes_make_the_page_that_one_makes(undrawn: Path, alone: dict[str, bytes]) -> None:
    assert len(alone) == 2 + 2 * 5, "page, record and five figures"
    write_report(undrawn, processes=2)
    assert contents(undrawn) == alone


def test_a_process_that_ends_at_once_costs_nothing(undrawn, alone, monkeypatch) -> None:
    monkeypatch.setattr(artists, "_ARTIST", "this")
    write_report(undrawn, processes=3)
    assert contents(undrawn) == alone


def test_who_waits_already_draws_too(undrawn: Path, alone: dict[str, bytes]) -> None:
    with Crew(1, 1, "transferscope.cli.helper") as crew:
        (mate,) = crew._waiting
        write_report(undrawn, processes=2, crew=crew)
        assert mate.process.poll() is not None, "it ends when all is drawn"
    assert contents(undrawn) == alone


def test_others_draw_from_the_end_and_leave_what_they_cannot_draw(undrawn: Path, alone: dict[str, bytes]) -> None:
    good = Order("distance", "photo", "", "distance-photo", "numbers")
    orders = [good, Order("distance", "photo", "no such view", "lost", "numbers")]
    with Artists(undrawn, orders, 2) as others:
        while good.name in others._waiting:
            time.sleep(0.01)
        assert others.take("lost") is None, "tried first, as it is the last"
        drawn = others.take(good.name)
        assert others.take("never ordered") is None
    assert drawn is not None and drawn.files.keys() == {"svg", "pdf"}
    assert (undrawn / "figures" / "distance-photo.svg").read_bytes() == alone["figures/distance-photo.svg"]
    assert all(process.poll() is not None for process in (mate.process for mate in others._mates))
