"""Figures into the page and beside it: one SVG inlined as an image, and SVG and PDF files to take away."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..store.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["data_uri", "save_figure"]

_FIXED = {
    "svg": {"Date": None, "Creator": "transferscope"},
    "pdf": {"CreationDate": None, "Producer": "transferscope"},
}


def render(figure: Figure, kind: str) -> bytes:
    """Return the figure as ``svg`` or ``pdf`` bytes, the same bytes each time."""
    from ..plots.style import styled

    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind, metadata=_FIXED[kind])
    return buffer.getvalue()


def data_uri(content: bytes, media: str) -> str:
    """Return content as an address that needs no network.

    >>> data_uri(b"a,b", "text/csv")
    'data:text/csv;base64,YSxi'
    """
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def save_figure(figure: Figure, folder: Path, name: str) -> str:
    """Write ``NAME.svg`` and ``NAME.pdf`` and return the SVG as a data address.

    An SVG inside ``<img>`` has its own names, so figures cannot disturb each other, and runs no script.
    """
    svg = render(figure, "svg")
    write_bytes(folder / f"{name}.svg", svg)
    figure.set_layout_engine("none")  # everything has found its place; laying out again costs as much as drawing
    write_bytes(folder / f"{name}.pdf", render(figure, "pdf"))
    return data_uri(svg, "image/svg+xml")
