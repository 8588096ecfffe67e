"""Figures as small as a page needs them: the same picture with shorter numbers and names, no words about itself."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from urllib.parse import quote
from xml.etree import ElementTree as Xml

import numpy as np
from PIL import Image

__all__ = ["compact", "text_uri"]

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"(?<![\w#.])-?\d+\.\d{2,}(?![\w.])")
_MOVED = re.compile(r"translate\((-?[\d.]+)[ ,]+(-?[\d.]+)\)")
_REFERRED = re.compile(r"url\(#([^)]+)\)")


def compact(svg: bytes) -> str:
    r"""Return a figure of matplotlib's with short names, a tenth of a point as its finest step, and nothing unseen.

    Comments and metadata go, names that nothing refers to go, others become short; what only moves a glyph becomes
    its place. The picture is the same to 0.05 points.

    Args:
        svg: the file.

    >>> compact(b'<svg xmlns="http://www.w3.org/2000/svg"><!-- a --><path id="x" d="M 1.23456 2 \nL 3 4"/></svg>')
    '<svg xmlns="http://www.w3.org/2000/svg"><path d="M1.2 2L3 4"/></svg>'
    """
    Xml.register_namespace("", _SVG[1:-1])
    root = Xml.fromstring(svg)
    every = list(root.iter())
    referred = {v[1:] for e in every for k, v in e.attrib.items() if k == _LINK and v.startswith("#")}
    referred |= {name for e in every for v in e.attrib.values() for name in _REFERRED.findall(v)}
    names = {name: _short(i) for i, name in enumerate(sorted(referred))}
    for parent in every:
        parent.text = _spaced(parent.text)
        for child in list(parent):
            child.tail = _spaced(child.tail)
            if child.tag == f"{_SVG}metadata":
                parent.remove(child)
        parent.attrib.update({k: _attribute(k, v, names) for k, v in parent.attrib.items()})
        if parent.attrib.get("id", "") not in names.values():
            parent.attrib.pop("id", None)
        if _LINK in parent.attrib:
            parent.set("href", parent.attrib.pop(_LINK))
        moved = _MOVED.fullmatch(parent.get("transform", ""))
        if parent.tag == f"{_SVG}use" and moved and not {"x", "y"} & parent.attrib.keys():
            del parent.attrib["transform"]
            parent.attrib.update({k: v for k, v in zip("xy", moved.groups(), strict=True) if float(v)})
    _unwrap(root)
    _share_styles(root)
    return Xml.tostring(root, encoding="unicode").replace(" />", "/>")


def text_uri(text: str, media: str) -> str:
    r"""Return text as an address that needs no network, safe between double quotes; shorter than in base 64.

    >>> text_uri('a,"b"\n50 %', "text/csv")
    'data:text/csv;charset=utf-8,a,%22b%22%0A50 %25'
    """
    return f"data:{media};charset=utf-8,{quote(text, safe=_AS_IT_IS, errors='strict')}"


_AS_IT_IS = " !$'()*+,-./:;<=>?@[]^_`{|}~"
"""What stands for itself in an address of data, and means nothing between double quotes."""


def _unwrap(parent: Xml.Element) -> None:
    """Put the children of groups that say nothing in their place."""
    for child in list(parent):
        _unwrap(child)
        if child.tag == f"{_SVG}g" and not child.attrib:
            at = list(parent).index(child)
            parent.remove(child)
            for i, grandchild in enumerate(list(child)):
                parent.insert(at + i, grandchild)


def _share_styles(root: Xml.Element) -> None:
    """Say once how things look that look the same."""
    count = Counter(e.get("style", "") for e in root.iter())
    often = {style: f"s{_short(i)}" for i, (style, n) in enumerate(count.most_common()) if style and n > 2}
    sheet = root.find(f"{_SVG}defs/{_SVG}style")
    if sheet is None:
        return
    sheet.text = (sheet.text or "") + "".join(f".{name}{{{style}}}" for style, name in often.items())
    for e in root.iter():
        if e.get("style", "") in often:
            e.set("class", often[e.attrib.pop("style")])


def _attribute(key: str, value: str, names: dict[str, str]) -> str:
    if key == "id":
        return names.get(value, "")
    if key == _LINK:
        return f"#{names[value[1:]]}" if value.startswith("#") else _picture(value.replace("\n", ""))
    value = _REFERRED.sub(lambda m: f"url(#{names[m[1]]})", value)
    if key == "style":
        # Names of fonts need no quotes, which would end an attribute between quotes of that kind.
        plain = value.replace("'", "").replace(": ", ":").replace("; ", ";").replace(", ", ",")
        return _NUMBER.sub(_rounded, plain)
    if key == "d":
        return re.sub(r" ?([A-Za-z]) ?", r"\1", " ".join(_NUMBER.sub(_placed, value).split()))
    return value if key == "transform" and "scale" in value else _NUMBER.sub(_rounded, value)


def _rounded(found: re.Match[str]) -> str:
    """One decimal; of what may be a factor six."""
    x = float(found[0])
    text = f"{x:.1f}" if abs(x) >= 1 else f"{x:.6f}"
    return text.rstrip("0").rstrip(".") or "0"


def _placed(found: re.Match[str]) -> str:
    """One decimal of a place, two where it is part of a mark."""
    x = float(found[0])
    text = f"{x:.1f}" if abs(x) >= 1 else f"{x:.2f}"
    return text.rstrip("0").rstrip(".") if abs(x) >= 0.005 else "0"


def _picture(address: str) -> str:
    """The same picture, colour by colour, with a palette where it has no more than 256 colours."""
    head, _, data = address.partition("base64,")
    if not head.startswith("data:image/png"):
        return address
    with Image.open(io.BytesIO(base64.b64decode(data))) as opened:
        pixels = np.asarray(opened.convert("RGBA"))
    colours, index = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    if len(colours) > 256:
        return address
    picture = Image.fromarray(index.reshape(pixels.shape[:2]).astype(np.uint8), mode="P")
    picture.putpalette(colours[:, :3].tobytes())
    file = io.BytesIO()
    picture.save(file, "png", optimize=True, transparency=colours[:, 3].tobytes())
    shorter = f"{head}base64,{base64.b64encode(file.getvalue()).decode()}"
    return min(address, shorter, key=len)


def _spaced(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _short(i: int) -> str:
    """A name that begins with a letter: a, b, …, z, a0, b0, …."""
    return chr(97 + i % 26) + (str(i // 26 - 1) if i >= 26 else "")
