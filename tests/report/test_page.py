"""The page of a small study, hostile names included, in a real browser."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from transferscope.evidence.verdict import Verdict
from transferscope.questions import QUESTIONS
from transferscope.report import write_report
from transferscope.report.page import in_short
from transferscope.report.sections import Said
from transferscope.study.load import parse_study
from transferscope.study.run import run_study

PLAIN = ["P-T", "RI-T"]
EVIL = "<script>alert(1)</script> & 'co'"
WHOLE = {
    "name": "page test",
    "description": EVIL,
    "network": "lenet",
    "images": {"size": 16},
    "recipe": {"epochs": 1, "batch": 32, "augmentation": {"crop": "none"}},
    "source": {"data": "synthetic:source?train=64&test=32"},
    "sources": {"colours": {"data": "synthetic:source?train=64&test=32&labels=colour"}},
    "paper": "neyshabur2020",
    "targets": {
        "a & 'b'": {"data": "synthetic:clipart?train=48&test=40", "stands_for": "clipart"},
        "photo": {"data": "synthetic:photo?train=48&test=40", "stands_for": "real"},
    },
    "starts": {
        "P-T": {"from": "source", "seeds": [0, 1]},
        "RI-T": {"from": "random", "seeds": [0, 1]},
        "colours": {"from": "colours", "seeds": [0], "targets": ["photo"]},
        "noise": {"from": "source", "seeds": [0], "basin_noise": 0.1, "targets": ["photo"]},
    },
    "analyses": {
        "samples": {"images": 2, "blocks": [8]},
        "learning_curves": {"starts": PLAIN},
        "block_shuffle": {"blocks": ["*", 16], "seeds": 1, "pictures": 1, "targets": ["photo"]},
        "transfer": {"starts": PLAIN},
        "checkpoints": {"seeds": 1, "targets": ["photo"]},
        "source_choice": {"targets": ["photo"], "starts": [*PLAIN, "colours"]},
        "mistakes": {"starts": PLAIN, "shows": {"table6": ["a & 'b'"], "fig8": ["a & 'b'"], "fig9": ["a & 'b'"]}},
        "similarity": {"starts": PLAIN},
        "distance": {"starts": PLAIN},
        "weight_map": {"starts": PLAIN},
        "barrier": {"points": 3, "starts": PLAIN},
        "extrapolation": {"points": 5, "starts": ["P-T"]},
        "cross_domain": {"points": 3, "starts": ["P-T"]},
        "combined_domains": {"points": 3, "unions": [["a & 'b'", "photo"]], "starts": ["P-T"], "seeds": 1},
        "basin": {
            "samples": 2,
            "draws": 2,
            "limit": 1.0,
            "images": 16,
            "extend": False,
            "targets": ["photo"],
            "starts": PLAIN,
        },
        "criticality": {
            "alphas": 3,
            "sigmas": [0.1],
            "draws": 1,
            "images": 16,
            "only": ["fc3"],
            "targets": ["photo"],
            "starts": PLAIN,
        },
        "rewind": {"only": ["fc3"], "draws": 1, "images": 16, "targets": ["photo"], "starts": PLAIN},
        "spectrum": {"targets": ["photo"], "starts": PLAIN},
        "hessian": {"k": 2, "images": 16, "tolerance": 0.1, "targets": ["photo"], "starts": PLAIN, "runs": 1},
        "landscape": {"points": 3, "images": 16, "planes": 1, "targets": ["photo"], "starts": PLAIN, "runs": 1},
        "loss_variation": {
            "points": 3,
            "images": 16,
            "epochs": [0, 1],
            "targets": ["photo"],
            "starts": PLAIN,
            "runs": 1,
        },
        "gradient_flow": {"images": 16, "targets": ["photo"], "starts": PLAIN, "runs": 1},
        "variants": {"points": 3, "targets": ["photo"], "starts": [*PLAIN, "noise"]},
        "soup": {"targets": ["photo"], "starts": PLAIN},
    },
}
PART = WHOLE | {
    "starts": {name: WHOLE["starts"][name] for name in PLAIN},
    "sources": {},
    "analyses": {name: WHOLE["analyses"][name] for name in ("learning_curves", "mistakes", "distance", "barrier")},
}
"""Claims, printed tables, pairs, a question asked of one target: a page of every kind of part, soon made."""
STUDIES = {"part": PART, "whole": WHOLE}
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


@dataclass(frozen=True)
class Made:
    """A page, and the study that it is of."""

    root: Path
    analyses: dict[str, Any]
    whole: bool

    @property
    def text(self) -> str:
        return (self.root / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=["part", pytest.param("whole", marks=pytest.mark.slow)])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    root, study = tmp_path_factory.mktemp("page"), STUDIES[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(root / "cache"))
        ran, outcome = run_study(parse_study(study), root / "run", device="cpu", threads=1)
        assert outcome.ok
        write_report(ran.root)
    return Made(Path(ran.root), study["analyses"], study is WHOLE)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.addresses, self.ids, self.links = 0, [], [], []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.scripts += tag == "script"
        self.ids += [named["id"]] if named.get("id") else []
        for key in ("src", "href"):
            if value := named.get(key):
                (self.links if value.startswith("#") else self.addresses).append(value)


def test_one_file_that_escapes_what_people_write(made: Made) -> None:
    text = made.text
    page = _Page()
    page.feed(text)
    assert page.scripts == 0
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= {*page.ids}
    for address in page.addresses:
        assert address.startswith("data:") or (made.root / address).is_file(), address


def test_every_question_has_findings_a_figure_and_a_table(made: Made) -> None:
    text = made.text
    sections = re.findall(r'<section id="([^"]+)" class="question">(.*?)</section>', text, re.DOTALL)
    asked = [q for q in QUESTIONS if q in made.analyses]
    assert len(asked) == len(made.analyses) >= (23 if made.whole else 4)
    assert [name for name, _ in sections] == [q.replace("_", "-") for q in asked]
    for _, body in sections:
        assert body.count("<figure>") >= body.count("<article") >= 1
        assert 'class="findings"' in body and "<table>" in body and "How it was computed" in body
    assert "In the paper: Table 6, Figures 8 and 9." in dict(sections)["mistakes"]
    figures = {p.stem for p in (made.root / "figures").glob("*.svg")}
    assert figures == {p.stem for p in (made.root / "figures").glob("*.pdf")} and len(figures) == text.count(
        "<figure>"
    )
    tables = {p.stem for p in (made.root / "tables").glob("*.csv")} - {"claims", "beside"}
    more = {"landscape-photo-surface", "landscape-photo-flatness", "criticality-photo-fc3", "block-shuffle-pictures"}
    more.add("weight-map-distances")
    assert figures - tables == (more if made.whole else set()) and tables <= figures


def test_claims_and_printed_tables_have_their_sections(made: Made) -> None:
    text = made.text
    claims, printed = (
        text.split(f'<section id="{name}">')[1].split("</section>")[0] for name in ("claims", "beside")
    )
    assert "No performance barrier between two P-T" in claims and "not judged here: " in claims
    assert set(re.findall(r'href="#([^"]+)"', claims)) <= set(re.findall(r'<article id="([^"]+)"', text))
    titles = re.findall(r"<h3>(Table \d)", printed)
    tables = (2, 6, 7, 8) if made.whole else (2, 6, 8)
    assert titles == [f"Table {n}" for n in tables] and "here a &amp; &#39;b&#39;" in printed
    assert {p.stem for p in (made.root / "tables").glob("*.csv")} >= {"claims", "beside"}


def test_writing_it_again_gives_the_same_bytes(made: Made) -> None:
    before = (made.root / "report.html").read_bytes()
    write_report(made.root)
    assert (made.root / "report.html").read_bytes() == before


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *quiet])
        yield started
        started.close()


@pytest.mark.parametrize(
    ("scheme", "width", "unfolded"),
    [
        pytest.param("light", 1280, True, marks=pytest.mark.slow),
        pytest.param("dark", 1280, False, marks=pytest.mark.slow),
        ("light", 400, False),
    ],
)
def test_it_can_be_used_by_ear_and_by_keyboard(
    made: Made, browser: Any, scheme: str, width: int, unfolded: bool
) -> None:
    """Nothing that axe-core calls serious or critical, contrast included, in both modes."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.set_default_timeout(240_000)
    page.goto((made.root / "report.html").as_uri())
    if unfolded:
        page.evaluate(
            "for (const d of document.querySelectorAll('main > section:not(#tables) details')) d.open = true"
        )
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    page.close()
    grave = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not grave, [(v["id"], v["nodes"][0]["html"][:200]) for v in grave]


def test_a_browser_shows_it_without_a_complaint_or_a_request(made: Made, browser: Any) -> None:
    said: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((made.root / "report.html").as_uri())
    shown = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    wide, title = page.evaluate(over), page.title()
    page.set_viewport_size({"width": 400, "height": 800})
    wide_phone = page.evaluate(over)
    page.set_viewport_size({"width": 688, "height": 980})  # A4 without its margins
    page.emulate_media(media="print")
    cut = page.evaluate(
        "[...document.querySelectorAll('table, img, pre')].filter(e => e.getClientRects().length"
        " && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML)"
    )
    rows = page.evaluate("[...document.querySelectorAll('#tables tbody')].map(t => [t.rows.length, t.offsetHeight])")
    page.close()
    assert said == []
    assert [a for a in asked if not a.startswith("data:")] == [(made.root / "report.html").as_uri()]
    assert shown and all(complete and width > 0 for complete, width in shown)
    assert wide <= 0 and wide_phone <= 0
    assert cut == [] and rows and all(height > 0 for n, height in rows if n), "on paper every table is there, uncut"
    assert title == "page test · transferscope"


def test_figures_hold_no_script(made: Made) -> None:
    text = made.text
    figures = re.findall(r'src="data:image/svg\+xml;charset=utf-8,([^"]+)"', text)
    assert len(figures) == text.count("<figure>")
    assert all(figure.startswith("<svg ") and "<script" not in figure for figure in figures)


def test_the_top_has_something_of_every_question_and_no_mere_description() -> None:
    def said(text: str, weight: float, verdict: Verdict | None = None) -> Said:
        return Said(text, "", verdict, "", "", weight, "")

    pictures = [said("six images", 0.1)]
    curves = [said(f"curve {i}", 0.9 - 0.1 * i) for i in range(9)]
    barrier = [said("a weak one", 0.3), said("an undecided one", 0.85, "cannot tell"), said("a strong one", 0.8)]
    texts = [f.text for f in in_short([pictures, curves, barrier])]
    assert texts == [*(f"curve {i}" for i in range(5)), "a strong one", "an undecided one", "a weak one"]
    assert [f.text for f in in_short([barrier, barrier[2:]])].count("a strong one") == 1


@pytest.mark.parametrize("learned", [True, False])
def test_a_pre_training_that_learned_nothing_decides_no_claim(
    learned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    recipe = {
        "epochs": 80 if learned else 1,
        "batch": 32,
        "lr": 0.1 if learned else 1e-7,
        "augmentation": {"crop": "none"},
    }
    study = {
        "name": "start",
        "network": "mlp:32",
        "images": {"size": 8},
        "source": {"data": "synthetic:clipart?train=512&test=128&labels=colour", "recipe": recipe},
        "targets": {"clips": {"data": "synthetic:clipart?train=48&test=40&labels=colour"}},
        "starts": {"P-T": {"from": "source", "seeds": [0, 1]}, "RI-T": {"from": "random", "seeds": [0, 1]}},
        "recipe": {"epochs": 1, "batch": 32, "augmentation": {"crop": "none"}},
        "analyses": {"learning_curves": True, "spectrum": True},
    }
    made, outcome = run_study(parse_study(study), tmp_path / "run", device="cpu", threads=1)
    assert outcome.ok
    page = write_report(made.root).read_text(encoding="utf-8")
    told = re.compile(r"the pre-training did not clearly beat chance \([^)]*\)[^;]{0,80}, so this decides no claim")
    assert ("<strong>The pre-training did not clearly beat chance.</strong>" in page) is not learned
    assert (len(told.findall(page)) >= 3) is not learned
    assert ("source ended at a test accuracy of" in page) is not learned
