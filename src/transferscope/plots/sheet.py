"""What a figure is drawn on: a figure of its own, fitted to a width, or axes that somebody has already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from .style import broken, finish, width_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compose", "figure", "leftmost", "names_of", "sheet"]

_LEAST_PANEL = 0.24
"""Inches a panel of a chart takes at least for each point of the font, so that its ticks and labels can be read."""

_CHART = 2.0
"""Inches from which on a panel is a chart; smaller ones are images or cells, whose rows mean something."""


@dataclass
class _Wish:
    """Where the next figure is to be drawn: in axes, by their place among the panels, or on a figure of a size."""

    places: dict[int, Axes] = field(default_factory=dict)
    size: tuple[float, float] | None = None
    handed: int = 0


_PAD, _HANDLE = 0.15, 2.8
"""Inches that a legend has around its text; letters that the line before an entry takes."""

_ONE = (4.2, 3.2)
"""Inches of a figure of one panel."""

_wish: ContextVar[_Wish | None] = ContextVar("wish", default=None)


def sheet(width: float, height: float) -> Figure:
    """Return a new figure, outside of pyplot's registry: nothing is to be closed.

    It is no wider than figures may be (the user's ``figure.figsize`` where that was changed, as a style for a journal
    does); panels that would become too narrow to be read go into more rows. Inside :func:`compose` the panels are
    those of the caller.

    Args:
        width: inches that suit it.
        height: inches that suit it.
    """
    wish = _wish.get()
    if wish is not None and wish.places:
        borrowed: Any = _Borrowed(wish, width)
        figure: Figure = borrowed
        return figure
    return _fitted(width, height, None if wish is None else wish.size)


def figure(
    rows: int = 1, columns: int = 1, *, width: float = 3.4, height: float = 2.7
) -> tuple[Figure, list[list[object]]]:
    """Return a figure outside pyplot's registry (nothing to close) and its axes as rows.

    Args:
        rows: number of rows of panels.
        columns: number of columns of panels.
        width: inches a panel.
        height: inches a panel.
    """
    fig = sheet(width * columns, height * rows)
    axes = fig.subplots(rows, columns, squeeze=False)
    return fig, [list(row) for row in axes]


def leftmost(ax: Axes) -> bool:
    """Say whether a panel begins a row, where what its rows are called is written for all beside it.

    >>> made = sheet(12.0, 2.0)
    >>> [leftmost(ax) for ax in made.subplots(1, 4)]  # in two rows, as four would be too narrow
    [True, False, True, False]
    """
    place = ax.get_subplotspec()
    return place is None or place.is_first_col()


def compose(
    draw: Callable[[], Figure],
    *,
    ax: Axes | None = None,
    axes: Axes | Iterable[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
    panel: str | None = None,
) -> Figure:
    """Draw a figure where the caller wants it.

    Args:
        draw: draws it on what :func:`sheet` gives.
        ax: draw in this; of a figure of several panels the one that ``panel`` names.
        axes: draw in these, one for each panel, in their order.
        figsize: inches of a figure of its own.
        panel: the only panel to be drawn, by its name or a part of it.

    Returns:
        The figure that was drawn on.

    Raises:
        UsageError: when the panels and the axes are not as many, or there is no such panel.
    """
    if ax is not None and axes is not None:
        raise UsageError("ax and axes: give one of them")
    if ax is None and axes is None and panel is None:
        with _wished(_Wish(size=figsize)):
            return finish(draw())
    panels = panels_of(draw())
    names = _named([panel_ for _, panel_ in panels])
    own: Figure | None = None
    if axes is not None:
        if panel is not None:
            raise UsageError("panel: goes with ax, or alone")
        given = [a for a in np.asarray(axes, dtype=object).ravel() if a is not None]
        if len(given) != len(names):
            raise UsageError(f"axes: {len(given)}, but the figure has {len(names)} panels: {', '.join(names)}")
        places = {made: one for (made, _), one in zip(panels, given, strict=True)}
    else:
        made, like = panels[_place(names, panel)]
        if ax is None:
            own = _fitted(*(figsize or _ONE), figsize)
            ax = own.subplots(subplot_kw={"projection": like.name})
        places = {made: ax}
    with _wished(_Wish(places)):
        draw()
    drawn = next(iter(places.values())).get_figure(root=True)
    assert drawn is not None
    return drawn if own is None else finish(own)


def names_of(fig: Figure) -> tuple[str, ...]:
    """Return the names of a figure's panels: their titles, or what their axes are, made unlike each other."""
    return _named([ax for _, ax in panels_of(fig)])


def _named(panels: Sequence[Axes]) -> tuple[str, ...]:
    found: list[str] = []
    for ax in panels:
        title = next((t for t in (ax.get_title(loc) for loc in ("left", "center", "right")) if t), "")
        name = " ".join((title or ax.get_ylabel() or ax.get_xlabel() or "panel").split())
        if name in found and ax.get_ylabel() and title:
            name = f"{name}, {ax.get_ylabel()}"
        found.append(name if name not in found else f"{name} {sum(n.startswith(name) for n in found) + 1}")
    return tuple(found)


def panels_of(fig: Figure) -> list[tuple[int, Axes]]:
    """Return the axes that something is drawn in, without scales of colours and second axes.

    Each comes with its place among all that were made, those that stay empty counted.
    """
    own = [a for a in fig.axes if a.get_label() != "<colorbar>"]
    made = [a for i, a in enumerate(own) if not any(_twins(a, b) for b in own[:i])]
    return [(i, a) for i, a in enumerate(made) if a.axison]


def _twins(a: Axes, b: Axes) -> bool:
    return a.get_subplotspec() is not None and a.get_subplotspec() is b.get_subplotspec()


def _place(names: Sequence[str], panel: str | None) -> int:
    told = f"the figure has {len(names)} panels: {', '.join(repr(n) for n in names)}"
    if panel is None:
        if len(names) != 1:
            raise UsageError(f"ax: {told}; name one with panel=, or give axes= with as many")
        return 0
    found = [i for i, n in enumerate(names) if n == panel] or [i for i, n in enumerate(names) if _like(panel, n)]
    if len(found) != 1:
        why = "no such panel" if not found else "more than one panel is called so"
        raise UsageError(f"panel={panel!r}: {why}; {told}")
    return found[0]


def _like(part: str, name: str) -> bool:
    return part.casefold() in name.casefold()


@contextmanager
def _wished(wish: _Wish) -> Iterator[None]:
    token = _wish.set(wish)
    try:
        yield
    finally:
        _wish.reset(token)


def _fitted(width: float, height: float, size: tuple[float, float] | None) -> Figure:
    """A figure of the size that was asked for, or of the one that suits it, but no wider than may be."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure as MplFigure

    class Fitted(MplFigure):
        """A figure whose panels go into more rows where they would be too narrow."""

        def subplots(self, nrows: int = 1, ncols: int = 1, **options: Any) -> Any:
            fit = max(1, int(self.get_figwidth() / (_LEAST_PANEL * float(rcParams["font.size"]))))
            if ncols <= fit or width / ncols < _CHART or size is not None:
                return super().subplots(nrows, ncols, **options)
            lines = -(-ncols // fit)
            across = -(-ncols // lines)
            squeeze = options.pop("squeeze", True)
            options = {k: v for k, v in options.items() if k not in ("width_ratios", "height_ratios", "gridspec_kw")}
            self.set_figheight(self.get_figheight() * (1 + 0.92 * (lines - 1)))
            grid = super().subplots(nrows * lines, across, squeeze=False, **options)
            found = np.empty((nrows, ncols), dtype=object)
            for row in range(nrows):
                for place in range(lines * across):
                    ax = grid[row * lines + place // across, place % across]
                    if place < ncols:
                        found[row, place] = ax
                    else:
                        ax.remove()
            return found.squeeze() if squeeze else found

        def legend(self, *arguments: Any, **options: Any) -> Any:
            said = options.get("handles", arguments[0] if arguments else self._handles())
            labels = arguments[1] if len(arguments) > 1 else [handle.get_label() for handle in said]
            size = _points(options.get("fontsize", rcParams["legend.fontsize"]))
            entry = size * (0.56 * max((len(str(label)) for label in labels), default=1) + 4.0)
            options["ncols"] = max(1, min(options.get("ncols", 1), int(72 * self.get_figwidth() / entry)))
            return super().legend(*arguments, **options)

        def _handles(self) -> list[Any]:
            return [handle for ax in self.axes for handle in ax.get_legend_handles_labels()[0]]

    limit = width_limit()
    if size is not None:
        return Fitted(figsize=size, layout="constrained")
    return Fitted(figsize=(min(width, limit), height), layout="constrained")


def _points(size: Any) -> float:
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


class _Borrowed:
    """Looks like a figure to what draws, and hands out axes that there are already, and spare ones for the rest."""

    def __init__(self, wish: _Wish, width: float) -> None:
        from matplotlib.figure import Figure as MplFigure

        self._wish, self._width = wish, width
        self._spare = MplFigure(layout="constrained")

    def subplots(self, nrows: int = 1, ncols: int = 1, *, squeeze: bool = True, **options: Any) -> Any:
        grid = np.empty((nrows, ncols), dtype=object)
        for at in np.ndindex(nrows, ncols):
            grid[at] = self._next(**(options.get("subplot_kw") or {}))
        for way in ("sharex", "sharey"):
            _share(grid, way, options.get(way, False))
        if not squeeze:
            return grid
        return grid.item() if grid.size == 1 else grid.squeeze()

    def add_subplot(self, *_: Any, **options: Any) -> Axes:
        return self._next(**options)

    def subfigures(self, nrows: int = 1, ncols: int = 1, *, squeeze: bool = True, **_: Any) -> Any:
        parts = np.empty((nrows, ncols), dtype=object)
        for at in np.ndindex(nrows, ncols):
            parts[at] = _Borrowed(self._wish, self._width)
        return parts if not squeeze else parts.item() if parts.size == 1 else parts.squeeze()

    def add_gridspec(self, *arguments: Any, **options: Any) -> Any:
        return self._spare.add_gridspec(*arguments, **options)

    def colorbar(self, mappable: Any, *, ax: Any = None, **options: Any) -> Any:
        around = [a for a in np.asarray(ax, dtype=object).ravel() if a is not None]
        real = [a for a in around if a in self._wish.places.values()]
        of = (real or around)[0].get_figure(root=True)
        return of.colorbar(mappable, ax=real or around, **options)

    def legend(self, *arguments: Any, **options: Any) -> Any:
        first = min(self._wish.places)
        kept = {k: v for k, v in options.items() if k in ("handles", "labels", "title", "fontsize")}
        ax = self._wish.places[first]
        legend = ax.legend(*arguments, **kept, loc="best")
        of: Any = ax.get_figure(root=True)
        room = ax.bbox.width / of.dpi
        broken(legend.get_title(), room - _PAD)
        for text in legend.get_texts():
            broken(text, room - _PAD - _HANDLE * float(text.get_fontsize()) / 72)
        return legend

    def suptitle(self, *_: Any, **__: Any) -> None:
        """Titles of several panels are the caller's."""

    supxlabel = supylabel = text = suptitle

    def get_figwidth(self) -> float:
        return self._width

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spare, name)

    def _next(self, **options: Any) -> Axes:
        at, self._wish.handed = self._wish.handed, self._wish.handed + 1
        if at in self._wish.places:
            return self._wish.places[at]
        spare: Axes = self._spare.add_subplot(**{k: v for k, v in options.items() if k == "projection"})
        return spare


def _share(grid: np.ndarray, way: str, shared: bool | str) -> None:
    """Give axes one scale, as subplots that share one have it, unless they share one with others already."""
    groups = {True: [grid.ravel()], "all": [grid.ravel()], "row": list(grid), "col": list(grid.T)}.get(shared, [])
    for group in groups:
        for ax in group[1:]:
            with suppress(ValueError):
                getattr(ax, way)(group[0])
