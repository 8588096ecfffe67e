"""The page of a small study, hostile names included, in a real browser."""

import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from transferscope.report import write_report
from transferscope.study.load import parse_study
from transferscope.study.questions import QUESTIONS
from transferscope.study.run import run_study

EVIL = "<script>alert(1)</script> & 'co'"
STUDY = {
    "name": "page test",
    "description": EVIL,
    "network": "lenet",
    "images": {"size": 16},
    "recipe": {"epochs": 1, "batch": 32, "augmentation": {"crop": "none"}},
    "source": {"data": "synthetic:source?train=64&test=32"},
    "targets": {
        "a & 'b'": {"data": "synthetic:clipart?train=48&test=40"},
        "photo": {"data": "synthetic:photo?train=48&test=40"},
    },
    "starts": {"P-T": {"from": "source", "seeds": [0, 1]}, "RI-T": {"from": "random", "seeds": [0, 1]}},
    "analyses": {
        "learning_curves": True,
        "mistakes": True,
        "similarity": True,
        "distance": True,
        "barrier": {"points": 3},
        "extrapolation": {"points": 5, "starts": ["P-T"]},
        "cross_domain": {"points": 3, "starts": ["P-T"]},
        "combined_domains": {"points": 3, "unions": [["a & 'b'", "photo"]], "starts": ["P-T"], "seeds": 1},
        "basin": {"samples": 2, "draws": 2, "limit": 1.0, "images": 16, "extend": False, "targets": ["photo"]},
        "criticality": {
            "alphas": 3,
            "sigmas": [0.1],
            "draws": 1,
            "images": 16,
            "only": ["fc3"],
            "targets": ["photo"],
        },
        "rewind": {"only": ["fc3"], "draws": 1, "images": 16, "targets": ["photo"]},
        "spectrum": {"targets": ["photo"]},
        "hessian": {"k": 2, "images": 16, "tolerance": 0.1, "targets": ["photo"], "runs": 1},
        "landscape": {"points": 3, "images": 16, "planes": 1, "targets": ["photo"], "runs": 1},
        "loss_variation": {"points": 3, "images": 16, "epochs": [0, 1], "targets": ["photo"], "runs": 1},
        "gradient_flow": {"images": 16, "targets": ["photo"], "runs": 1},
    },
}
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(root / "cache"))
        made, outcome = run_study(parse_study(STUDY), root / "run", device="cpu", threads=1)
        assert outcome.ok
        write_report(made.root)
    return Path(made.root)


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


def test_one_file_that_escapes_what_people_write(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.scripts == 0
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= {*page.ids}
    for address in page.addresses:
        assert address.startswith("data:") or (folder / address).is_file(), address


def test_every_question_has_findings_a_figure_and_a_table(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section id="([^"]+)" class="question">(.*?)</section>', text, re.DOTALL)
    assert set(STUDY["analyses"]) == set(QUESTIONS), "the page is tested with every question"
    assert [name for name, _ in sections] == [q.replace("_", "-") for q in QUESTIONS]
    for _, body in sections:
        assert body.count("<figure>") >= body.count("<article") >= 1
        assert 'class="findings"' in body and "<table>" in body and "How it was computed" in body
    figures = {p.stem for p in (folder / "figures").glob("*.svg")}
    assert figures == {p.stem for p in (folder / "figures").glob("*.pdf")} and len(figures) == text.count("<figure>")
    tables = {p.stem for p in (folder / "tables").glob("*.csv")}
    more = {"landscape-photo-surface", "landscape-photo-flatness", "criticality-photo-fc3"}
    assert figures - tables == more and tables <= figures


def test_writing_it_again_gives_the_same_bytes(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    write_report(folder)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; apt-get install chromium")
def test_a_browser_shows_it_without_a_complaint_or_a_request(folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as play:
        options = [
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-sync",
        ]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "report.html").as_uri())
        shown = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        title = page.title()
        narrow = browser.new_page(viewport={"width": 400, "height": 800})
        narrow.goto((folder / "report.html").as_uri())
        wide_phone = narrow.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        browser.close()
    assert said == []
    assert [a for a in asked if not a.startswith("data:")] == [(folder / "report.html").as_uri()]
    assert shown and all(complete and width > 0 for complete, width in shown)
    assert wide <= 0 and wide_phone <= 0
    assert title == "page test · transferscope"


def test_figures_hold_no_script(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    for encoded in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text):
        assert b"<script" not in base64.b64decode(encoded)
