"""Figures as files: text that stays text, the same bytes each time, and drawn again only when something changed."""

import io
import re
import zlib
from html import unescape
from urllib.parse import unquote
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.patches import Circle

from transferscope.errors import StoreError
from transferscope.plots.sheet import figure
from transferscope.plots.style import styled
from transferscope.report import figures
from transferscope.report.figures import Figures, render

LABEL = "distance ‖θ − λ‖ of a final fit"


def drawing(scale: float = 1.0):
    """Two panels with a legend outside, a colour bar, a formula and a picture."""
    with styled():
        made, ((left, right),) = figure(1, 2)
        left.plot([0, 1, 2], [0, scale, 0], label="RI-T")
        left.lines[0].set_clip_path(Circle((1, 0), 1, transform=left.transData))
        left.set_title("Title", fontweight="bold")
        left.set_xlabel(LABEL)
        left.set_ylabel(r"$\|\theta\|_2$")
        left.legend(loc="upper left", bbox_to_anchor=(0, -0.3))
        image = right.imshow(np.arange(16.0).reshape(4, 4))
        made.colorbar(image, ax=right)
    return made


def streams(pdf: bytes) -> list[bytes]:
    packed = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return [zlib.decompress(part) for part in packed if part[:1] == b"\x78"]


def numbers(svg: str) -> np.ndarray:
    """All coordinates; names of clip paths and markers hang on the last bit of them."""
    text = re.sub(r'(id|href|clip-path)="[^"]*"', "", svg)
    text = re.sub(r"data:image/png;base64,[^\"]*", "", text)
    return np.array([float(n) for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)])


def test_the_layout_is_that_of_matplotlib() -> None:
    plain = io.BytesIO()
    with styled():
        drawing().savefig(
            plain, format="svg", dpi=figures._DOTS["svg"], metadata={"Date": None, "Creator": "transferscope"}
        )
    ours, theirs = numbers(render(drawing())["svg"].decode()), numbers(plain.getvalue().decode())
    assert ours.shape == theirs.shape and len(ours) > 100
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_same_figure_gives_the_same_bytes() -> None:
    once, again = render(drawing()), render(drawing())
    assert once == again
    assert b'<clipPath id="clip1"' in once["svg"] and b"url(#clip1)" in once["svg"], "not by a place in memory"
    assert b"<dc:date>" not in once["svg"] and b"CreationDate" not in once["pdf"]
    assert not re.search(rb'(href|src)="(?!#|data:)', once["svg"]), "nothing outside is asked for"


def test_text_in_a_pdf_is_text_in_a_font_without_its_layout_tables() -> None:
    pdf = render(drawing())["pdf"]
    assert b"/Type3" not in pdf and b"/CIDFontType2" in pdf
    parts = streams(pdf)
    named = b" ".join(re.findall(rb"beginbfrange(.*?)endbfrange", b" ".join(parts), re.DOTALL))
    told = {bytes.fromhex(h.decode()).decode("utf-16be") for h in re.findall(rb"[\[ ]<([0-9a-f]+)>", named)}
    assert set(LABEL) <= set("".join(told))
    fonts = [TTFont(io.BytesIO(part)) for part in parts if part.startswith(b"\x00\x01\x00\x00")]
    assert len(fonts) >= 2
    assert all(not figures._LAYOUT_TABLES & {*font.keys()} for font in fonts)
    assert all(font["glyf"].glyphs and "hmtx" in font for font in fonts)


def test_on_the_page_a_figure_is_a_whole_document_with_its_text() -> None:
    source = unescape(figures.svg_uri(render(drawing())["svg"]))
    svg = Xml.fromstring(unquote(source.partition(",")[2]))
    texts = ["".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert LABEL in texts and "Title" in texts
    styles = [e.get("style", "") for e in svg.iter()] + [e.text or "" for e in svg.iter() if e.tag.endswith("style")]
    assert any("DejaVu Sans" in style and "sans-serif" in style for style in styles)


def test_other_users_of_fonts_are_not_touched() -> None:
    from fontTools import subset

    before = subset.load_font
    render(drawing())
    assert subset.load_font is before


class Counted:
    """Draws, and counts how often."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale, self.times = scale, 0

    def __call__(self):
        self.times += 1
        return drawing(self.scale)


def save(folder, numbers: str, scale: float = 1.0):
    draw = Counted(scale)
    kept = Figures(folder)
    saved = kept.save("one", numbers, draw)
    kept.close()
    return saved, draw.times


def test_a_figure_is_drawn_again_only_when_something_changed(tmp_path, monkeypatch) -> None:
    first, times = save(tmp_path, "a")
    assert times == 1 and first.width == pytest.approx(6.8)
    assert save(tmp_path, "a", 2.0) == (first, 0), "the numbers are the same by their name"
    second, times = save(tmp_path, "b", 2.0)
    assert times == 1 and second.source != first.source
    monkeypatch.setattr(figures, "_software", lambda: "another version")
    assert save(tmp_path, "b", 2.0) == (second, 1)
    assert save(tmp_path, "b", 2.0) == (second, 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [("one.svg", b"<svg/>"), ("one.pdf", b""), ("one.pdf", None), ("drawn.json", b"{"), ("drawn.json", b"[1]")],
)
def test_what_was_changed_or_lost_is_drawn_again(tmp_path, name, content) -> None:
    first, _ = save(tmp_path, "a")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert before.keys() == {"one.svg", "one.pdf", "drawn.json"}
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    assert save(tmp_path, "a") == (first, 1)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_is_not_there(tmp_path) -> None:
    with pytest.raises(StoreError, match="absent"):
        save(tmp_path / "absent", "a")
