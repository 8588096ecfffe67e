"""Figures in the page: the same picture in fewer characters, and addresses that nothing escapes from."""

import base64
import io
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from transferscope.report.compact import compact, text_uri
from transferscope.report.figures import render, svg_uri

from .test_figures import drawing

SVG = "{http://www.w3.org/2000/svg}"


def places(svg: str) -> list[list[float]]:
    """The coordinates of every path that is drawn, glyphs and markers apart, in order."""
    root = ElementTree.fromstring(svg)
    shapes = [e for e in root.iter(f"{SVG}path") if "id" not in e.attrib]
    return [[float(n) for n in re.findall(r"-?\d+\.?\d*", e.get("d", ""))] for e in shapes]


def test_every_line_is_where_it_was() -> None:
    before = render(drawing())["svg"]
    after = compact(before)
    assert len(after) < 0.7 * len(before)
    known = [p for p in places(before.decode()) if p]
    found = [p for p in places(after) if p]
    assert len(found) == len(known) > 20
    for a, b in zip(known, found, strict=True):
        assert len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b, strict=True)) <= 0.0501


def test_every_name_that_is_referred_to_is_there() -> None:
    text = compact(render(drawing())["svg"])
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    referred = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert referred == set(ids)
    styles = set(re.findall(r'class="([^"]+)"', text))
    assert styles and all(f".{name}{{" in text for name in styles)
    assert "metadata" not in text and "<!--" not in text


def test_hatches_and_pictures_stay() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.subplots()
    ax.bar([0, 1], [1, 2], hatch="//", edgecolor="k")
    ax.imshow([[0, 1], [1, 0]])
    text = compact(render(figure)["svg"])
    assert "<pattern " in text and "data:image/png;base64," in text


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([^\"']+)", svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGBA")) for one in found]


def test_pictures_of_few_colours_are_the_same_in_less() -> None:
    before = render(drawing())["svg"].decode()
    after = compact(before.encode())
    (one, *_), (other, *_) = pictures(before), pictures(after)
    np.testing.assert_array_equal(one, other)
    assert len(one.reshape(-1, 4)) > 100 and max(map(len, re.findall("base64,([^\"']+)", after))) < 0.8 * max(
        map(len, re.findall("base64,([^\"']+)", before))
    )


def test_an_address_is_safe_between_double_quotes() -> None:
    text = 'a "b" <c> & \'d\' # 50 % \n"></p><script>alert(1)</script>, é θ 日'
    address = text_uri(text, "text/csv")
    assert '"' not in address and "\n" not in address and "#" not in address
    assert unquote(address.partition(",")[2]) == text
    assert '"' not in svg_uri(render(drawing())["svg"])
