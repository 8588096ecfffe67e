"""What a reader of a printed page would stumble over in a figure: text too small, text over text."""

import io
import re
from itertools import combinations
from xml.etree import ElementTree as Xml

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

_SVG = "{http://www.w3.org/2000/svg}"
_SIZE = re.compile(r"font:[^;]*?([\d.]+)px|font-size:\s*([\d.]+)px")
_TURNED = re.compile(r"rotate\((-?[\d.]+)")
_PLACE = re.compile(r"translate\((-?[\d.]+)[ ,]+(-?[\d.]+)\)")


def as_svg(figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return file.getvalue().decode()


def texts_of(svg: str) -> list[tuple[str, float, tuple[float, float, float, float] | None]]:
    """Each text with its size in points and the box it takes; no box for formulas and for slanted text."""
    found = []
    for text in Xml.fromstring(svg).iter(f"{_SVG}text"):
        said = "".join(text.itertext()).strip()
        styles = [e.get("style", "") for e in text.iter()]
        size = max(float(a or b) for style in styles for a, b in _SIZE.findall(style))
        turned = _TURNED.search(text.get("transform", ""))
        angle = float(turned[1]) if turned else 0.0
        place = _PLACE.search(text.get("transform", ""))
        x, y = (float(place[1]), float(place[2])) if place else (float(text.get("x", 0)), float(text.get("y", 0)))
        plain = not list(text) and angle in (0.0, -0.0, -90.0)
        family = re.search(r"font-family:\s*('[^']+'|[\w ]+)", text.get("style", ""))
        box = _box(said, size, x, y, angle, text.get("style", ""), family) if plain and said else None
        found.append((said, size, box))
    return found


def _box(said, size, x, y, angle, style, family):
    font = FontProperties(family=family[1].strip("'") if family else "DejaVu Sans", size=size)
    across = TextPath((0, 0), said, size=size, prop=font).get_extents()
    width, height = across.width, across.height
    start = {"middle": -width / 2, "end": -width}.get((re.search(r"text-anchor:\s*(\w+)", style) or [0, ""])[1], 0.0)
    if angle:
        return x - height, y - start - width, x, y - start
    return x + start, y - height, x + start + width, y


def stumbles(svg: str, smallest: float = 6.0) -> list[str]:
    """Say what cannot be read."""
    texts = texts_of(svg)
    found = [f"{said!r} has {size} pt" for said, size, _ in texts if size < smallest - 1e-6]
    boxes = [(said, box) for said, _, box in texts if box is not None]
    for (one, a), (other, b) in combinations(boxes, 2):
        wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        if wide > 1 and high > 1:
            found.append(f"{one!r} lies over {other!r}")
    return found
