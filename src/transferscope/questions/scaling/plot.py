"""The cloud of models with its hull and laws, a panel for each task, on four kinds of axes; and what changes laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import UsageError, nearest
from ...plots.few import some_of
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measure import Robustness, Scaling
    from .task_law import Fit, TaskLaw

__all__ = ["plot"]

Scale = Literal["linear", "logit", "-log(1-p)", "probit"]
What = Literal["laws", "axes", "sizes", "overlays", "shots"]

_CLOUD = "#8A8A8A"
_POINTS, _HULL, _LINE = PALETTE[0], PALETTE[1], PALETTE[2]
_COLUMNS = 4
_MOST = 24
"""Most tasks of a figure; of many each has a figure of its own on the page."""
_MOST_LINES = 12
"""Most tasks whose lines are in one panel."""
_CLIP = 1e-3
_TICKS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def plot(result: Scaling, what: What = "laws") -> Figure:
    """Draw the answer.

    Args:
        result: what to draw.
        what: ``laws``: a panel for each task; ``axes``: on logit, −log(1 − p) and probit axes; ``sizes``: prediction
            error against the number of models; ``overlays``: the best models of one task on others; ``shots``: the
            laws' parameters against the number of shots.

    Raises:
        UsageError: for something else to draw.
    """
    drawn: dict[str, Callable[[Scaling], Figure]] = {
        "laws": _laws, "axes": _axes, "sizes": _sizes, "overlays": _overlays, "shots": _shots,
    }  # fmt: skip
    if what not in drawn:
        raise UsageError(f"a figure of {what!r}{nearest(what, drawn)}")
    with styled():
        return drawn[what](result)


def _panels(n: int, width: float = 3.1, height: float = 2.7, columns: int = _COLUMNS) -> tuple[Figure, list[Axes]]:
    columns = max(1, min(columns, n))
    rows = max(1, -(-n // columns))
    single = n == 1
    size = (5.6, 4.2) if single else (width * columns, height * rows + 0.5)
    fig = sheet(*size)
    axes = list(fig.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes[n:]:
        ax.set_axis_off()
    return fig, axes[:n]


def _legend(fig: Figure, axes: list[Axes]) -> None:
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))


def _say(fig: Figure, shown: int, of: int) -> None:
    """Say that not all tasks are drawn."""
    if told := some_of(shown, of, "tasks"):
        fig.suptitle(told, fontsize=9, x=0.01, ha="left")


def _laws(result: Scaling) -> Figure:
    laws = result.laws[:_MOST]
    fig, axes = _panels(len(laws))
    _say(fig, len(laws), len(result.laws))
    for ax, law in zip(axes, laws, strict=True):
        _cloud(ax, law, "linear")
        ax.set_title(law.task)
        ax.set_xlabel(f"accuracy on {law.us}, %")
        ax.set_ylabel("accuracy, %")
    _legend(fig, axes)
    return fig


def _axes(result: Scaling) -> Figure:
    scales: tuple[Scale, ...] = ("logit", "-log(1-p)", "probit")
    laws = result.laws[: _MOST // len(scales)]
    fig, axes = _panels(len(laws) * len(scales), columns=len(scales))
    _say(fig, len(laws), len(result.laws))
    for i, ax in enumerate(axes):
        law, scale = laws[i // len(scales)], scales[i % len(scales)]
        _cloud(ax, law, scale)
        ax.set_title(f"{law.task}: {scale.replace('-', '−')}")
        ax.set_xlabel(f"accuracy on {law.us}, %")
        ax.set_ylabel("accuracy, %")
    _legend(fig, axes)
    return fig


def _to(scale: Scale) -> Callable[[Any], np.ndarray]:
    """How accuracies are placed; the hull was made in plain accuracy and is only shown so."""
    if scale == "linear":
        return lambda p: 100 * np.asarray(p, dtype=np.float64)
    if scale == "logit":
        return lambda p: np.log(_inside(p) / (1 - _inside(p)))
    if scale == "-log(1-p)":
        return lambda p: -np.log(1 - _inside(p))
    from scipy.special import ndtri

    return lambda p: np.asarray(ndtri(_inside(p)))


def _inside(p: Any) -> np.ndarray:
    return np.clip(np.asarray(p, dtype=np.float64), _CLIP, 1 - _CLIP)


def _cloud(ax: Axes, law: TaskLaw, scale: Scale) -> None:
    to = _to(scale)
    ax.plot(to(law.x), to(law.y), "o", color=_CLOUD, markersize=3.2, alpha=0.55, mew=0, label="a model")
    rising = law.rising
    if len(rising.x) > 1:
        at = np.linspace(rising.x[0], rising.x[-1], 200)
        ax.plot(to(at), to(rising.height(at)), "-", color="black", lw=0.9, label="upper hull")
    ax.plot(to(rising.x), to(rising.y), "o", color="black", markersize=3.8, label="on the hull")
    if law.tail:
        behind = law.vertices[law.peak :]
        ax.plot(to(law.x[behind]), to(law.y[behind]), ":", color="black", lw=0.9)
        ax.plot(to(law.x[behind[1:]]), to(law.y[behind[1:]]), "o", color="black", mfc="white", markersize=4.2,
                label="its descending tail")  # fmt: skip
    for fit, colour, dash, name in (
        (law.points, _POINTS, "-", "law of all models"),
        (law.hull, _HULL, "--", "law of the hull"),
    ):
        if fit is not None:
            _curve(ax, fit, to, colour, dash, name)
    if law.line is not None:
        at = np.linspace(float(law.x.min()), 1.0 if scale == "linear" else 1 - _CLIP, 200)
        ax.plot(to(at), to(law.line(at)), "-.", color=_LINE, lw=1.1, label="line in logits")
    if scale == "linear":
        _saturation(ax, law)
    else:
        _ticks(ax, law, to)


def _curve(ax: Axes, fit: Fit, to: Callable[[Any], np.ndarray], colour: str, dash: str, name: str) -> None:
    values = 1 - fit.law(1 - fit.grid)
    ax.plot(to(fit.grid), to(values), dash, color=colour, label=name)
    if fit.band.shape[1]:
        ax.fill_between(
            to(fit.grid), to(np.maximum(fit.band[0], 0)), to(fit.band[1]), color=colour, alpha=0.18, lw=0,
            label=f"{name}: 95 % of halves",
        )  # fmt: skip


def _saturation(ax: Axes, law: TaskLaw) -> None:
    """Mark where the law ends; open, and said, where that is not identified."""
    low = max(0.0, 100 * float(law.y.min()) - 5)
    ax.set_ylim(low, 101.5)
    ax.set_xlim(right=101.5)
    for fit, colour, marker in ((law.points, _POINTS, "<"), (law.hull, _HULL, "<")):
        if fit is None:
            continue
        known = fit.floor.identified
        label = "saturation" if known else "saturation, not identified"
        ax.plot(100, 100 * fit.saturates, marker, color=colour, mfc=colour if known else "white", markersize=7,
                clip_on=False, zorder=5)  # fmt: skip
        ax.plot([], [], marker, color="#444444", mfc="#444444" if known else "white", markersize=6, label=label)


def _ticks(ax: Axes, law: TaskLaw, to: Callable[[Any], np.ndarray]) -> None:
    for axis, values in ((ax.xaxis, law.x), (ax.yaxis, law.y)):
        low, high = float(np.min(values)), float(np.max(values))
        chosen = [t for t in _TICKS if low * 0.8 <= t <= 1 - (1 - high) * 0.3] or [low, high]
        chosen = _apart(chosen, to)
        axis.set_ticks(to(chosen), [f"{100 * t:g}" for t in chosen])
    at, up = (
        to([float(law.x.min()), 1 - (1 - float(law.x.max())) * 0.4]),
        to([float(law.y.min()), float(law.y.max())]),
    )
    ax.set_xlim(at[0] - 0.03 * (at[1] - at[0]), at[1])
    ax.set_ylim(up[0] - 0.1 * (up[1] - up[0]), up[1] + 0.3 * (up[1] - up[0]))


def _apart(shares: list[float], to: Callable[[Any], np.ndarray]) -> list[float]:
    """Leave out ticks that lie too near the one before."""
    at = to(shares)
    kept = [len(shares) - 1]
    for i in range(len(shares) - 2, -1, -1):
        if at[kept[-1]] - at[i] > 0.09 * (at[-1] - at[0]):
            kept.append(i)
    return [shares[i] for i in reversed(kept)]


def _sizes(result: Scaling) -> Figure:
    every = [r for r in result.robustness if r.sizes]
    having = every[:_MOST]
    fig, axes = _panels(max(1, len(having)))
    _say(fig, len(having), len(every))
    for ax, about in zip(axes, having, strict=False):
        _size_panel(ax, about)
    if not having:
        axes[0].text(0.5, 0.5, "fewer than twenty models", ha="center", transform=axes[0].transAxes)
    _legend(fig, axes)
    return fig


def _size_panel(ax: Axes, about: Robustness) -> None:
    for what, colour, dash, name in (("points", _POINTS, "-", "all models"), ("hull", _HULL, "--", "hull")):
        rows = [row for row in about.sizes if row.what == what]
        at = [row.models for row in rows]
        ax.plot(at, [row.prediction for row in rows], dash, color=colour, marker="o", markersize=4,
                label=f"{name}: prediction of the best tenth")  # fmt: skip
        low, high = [row.prediction_low for row in rows], [row.prediction_high for row in rows]
        ax.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
        ax.plot(at, [row.fitting for row in rows], dash, color=colour, lw=0.9, marker="s", mfc="white",
                markersize=3.5, label=f"{name}: fitting")  # fmt: skip
    ax.set_yscale("log")
    ax.set_title(about.task)
    ax.set_xlabel("models fitted")
    ax.set_ylabel("mean squared error")


def _overlays(result: Scaling) -> Figure:
    overlays = result.overlays[:_MOST]
    fig, axes = _panels(max(1, len(overlays)))
    _say(fig, len(overlays), len(result.overlays))
    for ax, overlay in zip(axes, overlays, strict=False):
        law = result.law(overlay.task, overlay.us)
        ax.plot(100 * law.x, 100 * law.y, "o", color=_CLOUD, markersize=3, alpha=0.5, mew=0, label="a model")
        hull = law.vertices
        ax.plot(100 * law.x[hull], 100 * law.y[hull], "-o", color="black", lw=0.9, markersize=3.5, label="own hull")
        ax.plot(100 * np.array(overlay.x), 100 * np.array(overlay.y), "--D", color=_HULL, markersize=4.5,
                label=f"models on the hull of {overlay.reference}")  # fmt: skip
        ax.set_title(overlay.task)
        ax.set_xlabel(f"accuracy on {overlay.us}, %")
        ax.set_ylabel("accuracy, %")
    if not result.overlays:
        axes[0].text(0.5, 0.5, "one task only", ha="center", transform=axes[0].transAxes)
    _legend(fig, axes)
    return fig


def _shots(result: Scaling) -> Figure:
    rows = [row for row in result.shots if row.parameter != "k"]
    parameters = list(dict.fromkeys(row.parameter for row in rows)) or ["e_∞"]
    fig, axes = _panels(len(parameters), columns=3)
    every = list(dict.fromkeys(row.task for row in rows))
    order = every[:_MOST_LINES]
    _say(fig, len(order), len(every))
    tasks = looks(order)
    for ax, parameter in zip(axes, parameters, strict=True):
        for row in rows:
            if row.parameter != parameter or row.task not in tasks:
                continue
            colour, _ = tasks[row.task]
            hull = row.what == "hull"
            marker = MARKERS[order.index(row.task) % len(MARKERS)]
            ax.plot(row.shots, row.values, "--" if hull else "-", color=colour, marker=marker, markersize=4.5,
                    mfc="white" if hull else colour, label=f"{row.task}{', hull' if hull else ''}")  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlabel("shots")
        ax.set_title(parameter)
        if all(v > 0 for row in rows if row.parameter == parameter for v in row.values):
            ax.set_ylim(bottom=0)
    if not rows:
        axes[0].text(0.5, 0.5, "fewer than three numbers of shots", ha="center", transform=axes[0].transAxes)
    _legend(fig, axes)
    return fig
