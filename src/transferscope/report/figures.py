"""Figures into the page and beside it, as SVG and PDF: drawn once, then taken as they lie until something changes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from markupsafe import Markup

from ..errors import StoreError
from ..plots.style import house_style, styled
from ..progress import Progress, silent
from ..store.atomic import read_json, write_bytes, write_json
from ..store.digest import digest
from .compact import compact, text_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Ahead", "Drawn", "Figures", "Saved", "draw_into"]

_FIXED: Mapping[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "transferscope"},
    "pdf": {"CreationDate": None, "Producer": "transferscope"},
}
_LAYOUT_TABLES = frozenset({"GDEF", "GPOS", "GSUB", "MATH", "kern"})
_DRAWN = "drawn.json"
_POINTS_PER_INCH = 72
_DOTS: Mapping[str, int] = {"svg": 100, "pdf": 250}
"""Dots an inch of what is stored as dots: of photographs, and of what has too many parts to be stored one by one."""
_CLIP = re.compile(rb'<clipPath id="(\w+)"')
_MANY = 600
"""Parts from which on they are dots."""
_BYTES_A_DOT = 4
_MOST_MEMORY = 2**29
"""Bytes for dots: for each thing that is stored as dots matplotlib keeps as many as the whole figure has."""


@dataclass(frozen=True)
class Saved:
    """A figure that lies in its folder.

    Attributes:
        source: the SVG as a data address, safe between double quotes. Inside ``<img>`` an SVG has names of its own,
            so figures cannot disturb each other, and runs no script.
        width: inches.
    """

    source: Markup
    width: float


@dataclass(frozen=True)
class Drawn:
    """What is known of a figure in the folder.

    Attributes:
        made_from: identity of its numbers and of what drew it.
        width: inches.
        files: kind → hash of the file that it was written to.
    """

    made_from: str
    width: float
    files: Mapping[str, str]


class Ahead(Protocol):
    """Others who draw figures of the same folder at the same time."""

    def take(self, name: str) -> Drawn | None:
        """Return a figure as soon as it is drawn, ``None`` where nobody else draws it."""

    def kept(self) -> int:
        """Return how many figures are drawn that nobody has taken yet."""


class Figures:
    """A folder of figures: one is drawn when its numbers or our code are new, and else taken as it lies there.

    Args:
        folder: where ``NAME.svg`` and ``NAME.pdf`` are, and ``drawn.json``, which says what they were made from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = _read(folder / _DRAWN)
        self._now: dict[str, Drawn] = {}
        self.ahead: Ahead | None = None
        self._progress: Progress = silent
        self._total = 0

    def watch(self, progress: Progress, total: int) -> None:
        """Have progress told, figure by figure.

        Args:
            progress: told how many are there.
            total: how many there will be.
        """
        self._progress, self._total = progress, total

    def lacks(self, name: str, numbers: str) -> bool:
        """Say whether a figure must be drawn, as far as the records tell."""
        known = self._before.get(name)
        return known is None or known.made_from != _made_from(numbers)

    def save(self, name: str, numbers: str, draw: Callable[[], Figure]) -> Saved:
        """Have a figure in the folder.

        Args:
            name: of its files, without an ending.
            numbers: identity of what it shows.
            draw: draws it.

        Raises:
            StoreError: when the folder cannot be written.
        """
        made_from = _made_from(numbers)
        found = self._there(name, made_from, self._before.get(name))
        if found is None and self.ahead is not None:
            found = self._there(name, made_from, self.ahead.take(name))
        drawn, contents = found or draw_into(self._folder, name, numbers, draw)
        self._now[name] = drawn
        there = len(self._now) + (self.ahead.kept() if self.ahead is not None else 0)
        self._progress(there, max(there, self._total), "figures")
        return Saved(svg_uri(contents["svg"]), drawn.width)

    def close(self, *, whole: bool = True) -> None:
        """Put on record what the figures were made from.

        Args:
            whole: whether all figures have been asked for; else those that were not stay on record as they were.
        """
        known = self._now if whole else {**self._before, **self._now}
        write_json(self._folder / _DRAWN, {name: asdict(drawn) for name, drawn in known.items()})

    def __enter__(self) -> Figures:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close; after an interrupt, too, so that what has been drawn need not be drawn again."""
        self.close(whole=kind is None)

    def _there(self, name: str, made_from: str, drawn: Drawn | None) -> tuple[Drawn, dict[str, bytes]] | None:
        """A figure and its files; nothing when it shows something else, or a file is not there as it was written."""
        if drawn is None or drawn.made_from != made_from:
            return None
        contents = {}
        for kind in _FIXED:
            try:
                contents[kind] = (self._folder / f"{name}.{kind}").read_bytes()
            except OSError:
                return None
            if _hash(contents[kind]) != drawn.files.get(kind):
                return None
        return drawn, contents


def draw_into(folder: Path, name: str, numbers: str, draw: Callable[[], Figure]) -> tuple[Drawn, dict[str, bytes]]:
    """Draw a figure and write it; as :meth:`Figures.save` does.

    Returns:
        What is to be known of it, and its files by kind.
    """
    with house_style():
        figure = draw()
        contents = render(figure)
    for kind, content in contents.items():
        write_bytes(folder / f"{name}.{kind}", content)
    files = {kind: _hash(content) for kind, content in contents.items()}
    return Drawn(_made_from(numbers), float(figure.get_figwidth()), files), contents


def _made_from(numbers: str) -> str:
    return digest({"numbers": numbers, "software": _software()})


def render(figure: Figure) -> dict[str, bytes]:
    """Return the figure as ``svg`` and ``pdf`` bytes, the same bytes each time; it is laid out once for both."""
    from matplotlib import rcParams
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    contents = {}
    with styled(), _fonts_without_layout():
        FigureCanvasSVG(figure)  # becomes the figure's canvas: text is measured as it will be drawn
        figure.dpi = _POINTS_PER_INCH
        _as_dots(figure)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine(None)  # everything has found its place
        box = figure.get_tightbbox().padded(float(rcParams["savefig.pad_inches"]))
        most = _most_dots(figure)
        for kind, metadata in _FIXED.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=min(_DOTS[kind], most), bbox_inches=box, metadata=metadata)
            contents[kind] = buffer.getvalue()
    contents["svg"] = _named_by_place(contents["svg"])
    return contents


def _named_by_place(svg: bytes) -> bytes:
    """Number the clipping paths of a drawing, which matplotlib names by where they lay in memory."""
    names = dict.fromkeys(_CLIP.findall(svg))
    numbered = {name: b"clip%d" % i for i, name in enumerate(names, 1)}
    return re.sub(rb'(?<=<clipPath id=")\w+(?=")|(?<=url\(#)\w+(?=\))', lambda m: numbered.get(m[0], m[0]), svg)


def _as_dots(figure: Figure) -> None:
    """Have surfaces, and clouds of marks, stored as dots: each part by itself makes pages of megabytes."""
    from matplotlib.collections import Collection

    for cloud in figure.findobj(Collection):
        surface = type(cloud).__name__ == "Poly3DCollection"
        if surface or len(np.asarray(cloud.get_offsets())) > _MANY:
            cloud.set_rasterized(True)
        if surface and isinstance(cloud, Collection):
            cloud.set_antialiased(False)  # seams between its parts, and thousands of colours
            cloud.set_edgecolor((0.0, 0.0, 0.0, 0.25))  # lines that are a dot wide would else be too dark
    for ax in figure.axes:
        marks = [line for line in ax.lines if line.get_marker() not in ("", " ", "None", "none", None)]
        if sum(np.size(np.asarray(line.get_xdata(orig=False))) for line in marks) > _MANY:
            for line in marks:
                line.set_rasterized(line.get_linestyle() == "None")


def _most_dots(figure: Figure) -> float:
    """Dots an inch at which the memory for all that is stored as dots stays within bounds."""
    things = len(figure.findobj(lambda artist: bool(artist.get_rasterized())))
    inches = float(figure.get_figwidth() * figure.get_figheight())
    return math.sqrt(_MOST_MEMORY / (_BYTES_A_DOT * inches * things)) if things else math.inf


def svg_uri(svg: bytes) -> Markup:
    """Return a figure as an address that needs no network, made compact."""
    return Markup(text_uri(compact(svg).replace('"', "'"), "image/svg+xml").replace("&", "&amp;"))


@contextmanager
def _fonts_without_layout() -> Iterator[None]:
    """Leave a font's layout tables out of PDFs, where every glyph has its place already.

    To cut them down to the glyphs in use, as matplotlib has fontTools do, takes longer than to draw the figure.
    """
    from fontTools import subset  # type: ignore[import-untyped]

    load_font = subset.load_font

    def load(*arguments: Any, **options: Any) -> Any:
        font = load_font(*arguments, **options)
        for table in _LAYOUT_TABLES & {*font.keys()}:
            del font[table]
        return font

    subset.load_font = load
    try:
        yield
    finally:
        subset.load_font = load_font


@cache
def _software() -> str:
    """Identity of all that draws: our sources, whichever they are, and matplotlib."""
    root = Path(__file__).resolve().parents[1]
    sources = {str(path.relative_to(root)): _hash(path.read_bytes()) for path in sorted(root.rglob("*.py"))}
    return digest({"sources": sources, "matplotlib": version("matplotlib")})


def _read(path: Path) -> dict[str, Drawn]:
    try:
        known: dict[str, Any] = read_json(path)
        return {name: Drawn(**drawn) for name, drawn in known.items()}
    except (StoreError, AttributeError, TypeError):
        return {}  # not there or damaged: everything is drawn


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
