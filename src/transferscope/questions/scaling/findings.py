"""What raising upstream accuracy buys, where that ends, and how sure it is, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, number, percent, points_text, range_text, short
from .between import GridAxis, Overlay, ShotRow
from .floor import floor_estimate
from .measure import Robustness, Scaling
from .task_law import Fit, TaskLaw

__all__ = ["findings", "plain_answer"]

LEAST_FLOOR = 0.02
"""What the floor of an accuracy that saturates is over, in the claim."""

_ALWAYS = 0.995
"""From here on "stops paying at" means that it never does."""


def findings(result: Scaling) -> tuple[Finding, ...]:
    """Return for each pair of tasks what it comes to, then what tasks say together.

    With several pairs of tasks each has its plain answer only; ``result.only(law).findings()`` has the rest.
    """
    alone = len(result.laws) == 1
    several = len({law.us for law in result.laws}) > 1
    robust = {(r.us, r.task): r for r in result.robustness}
    found: list[Finding] = []
    for law in result.laws:
        target = f"{law.task} against {law.us}" if several else law.task
        found.append(_answer(law, result, target))
        if result.sampled and law.points is not None:
            found.append(_saturation(law, law.points, target))
        if alone and law.points is not None:
            found += _of_law(law, result, target)
        about = robust.get((law.us, law.task))
        if alone and about is not None and law.points is not None:
            found += _of_robustness(law, about, target)
    found += [_of_shots(row) for row in result.shots if row.what == "points"]
    found += [_of_grid(grid) for grid in result.grids]
    found += [_of_overlay(overlay) for overlay in result.overlays]
    return tuple(found)


def plain_answer(law: TaskLaw, result: Scaling) -> str:
    """Say in one line what raising upstream accuracy buys on this task."""
    if law.points is None:
        return f"{law.task}: no law of {count(len(law.x), 'model')}: {law.refused}."
    way = f"raising {law.us} accuracy from {percent(law.start)} to {percent(law.end)}"
    gain = law.points.gain
    if gain.known and gain.low is not None and gain.low <= 0:
        return (
            f"{law.task}: {way} buys nothing that can be told: {points_text(gain)} over "
            f"{count(len(law.x), 'model')}, R² {number(law.points.law.r2)}."
        )
    text = f"{law.task}: {way} buys {points_text(gain)} on average over {count(len(law.x), 'model')}"
    if law.hull is not None:
        most = _range_points(law.hull.gain_range)
        text += f", and {number(100 * law.hull.gain.value, 1)} points for the best models (the hull{most})"
    return f"{text}; {_stops(law, result)}."


def _stops(law: TaskLaw, result: Scaling) -> str:
    """Where it stops paying, by the hull's law where there is one."""
    fit = law.points if law.hull is None else law.hull
    assert fit is not None  # asked only where there is a law
    whose = "" if law.hull is None else " for the best models"
    margin = f"{100 * result.margin:g} point{'s' * (result.margin != 0.01)}"
    less = f"the rest of the way to 100 % buys less than {margin}"
    if math.isnan(fit.stops) or fit.stops > _ALWAYS:
        return f"it pays{whose} up to 100 %"
    beyond = ", beyond all models here" if fit.stops > float(law.x.max()) else ""
    unsure = ""
    if not fit.floor.identified:
        unsure = f", but where it ends is not identified ({fit.floor.unknown})"
    spread = "" if math.isnan(fit.stops_range[0]) else range_text(
        100 * fit.stops_range[0], 100 * fit.stops_range[1], "halves", digits=1
    )  # fmt: skip
    return f"it stops paying{whose} at {percent(fit.stops)}{spread}{beyond} ({less}){unsure}"


def _answer(law: TaskLaw, result: Scaling, target: str) -> Finding:
    text = plain_answer(law, result)
    if law.points is None:
        return said(text, Estimate(math.nan), n=len(law.x), unit="models", target=target, weight=0.5)
    return said(text, law.points.gain, n=len(law.x), unit="models", target=target, weight=0.9)


def _of_law(law: TaskLaw, result: Scaling, target: str) -> Iterator[Finding]:
    assert law.points is not None
    n = len(law.x)
    for what, fit in (("all models", law.points), ("the hull", law.hull)):
        if fit is not None:
            yield said(
                _floor(law, what, fit), _floor_estimate(fit, n, what), n=n, unit="models", target=target, weight=0.6
            )
    if law.hull is None:
        text = (
            f"{law.task}: the hull says nothing here: {law.hull_refused}; of {count(n, 'model')} only the law of all "
            "counts."
        )
        yield said(text, Estimate(float(len(law.vertices))), n=n, unit="models", target=target, weight=0.4)
    if law.tail:
        behind = "is left out of" if not result.tail else "is part of"
        text = (
            f"{law.task}: {count(law.tail, 'vertex', 'vertices')} of the hull of {len(law.vertices)} "
            f"{'lie' if law.tail > 1 else 'lies'} after its best: better upstream, worse "
            f"downstream. This tail {behind} the hull's law."
        )
        yield said(text, Estimate(float(law.tail)), n=n, unit="models", target=target, weight=0.3)
    slope = law.points.slope
    text = (
        f"{law.task}: at {percent(law.end)} upstream one more point buys {number(slope)} points on average by the "
        f"law k·e^α + e_∞ with α {short(law.points.law.alpha)}, k {short(law.points.law.k)} and k·e_ref^α "
        f"{short(law.points.reference)} at the median model; it leaves {number(100 * law.points.law.rmse, 1)} points "
        f"(RMSE, R² {number(law.points.law.r2)}) over {count(n, 'model')}."
    )
    yield said(text, Estimate(slope), n=n, unit="models", target=target, weight=0.3)
    if law.held_out is not None:
        yield _prediction(law, target)
    if law.noise is not None:
        lift = "" if math.isnan(law.noise.lift) else (
            f", and lift the hull's law by {number(100 * law.noise.lift, 2)} points at {percent(law.end)} (the best "
            "of noisy numbers look better than they are)"
        )  # fmt: skip
        text = f"{law.task}: the test images alone move the gain by {number(100 * law.noise.gain, 2)} points{lift}."
        yield said(text, Estimate(law.noise.gain), n=n, unit="models", target=target, weight=0.2)


def _saturation(law: TaskLaw, fit: Fit, target: str) -> Finding:
    """Judge whether accuracy saturates, by the pre-trainings of a grid."""
    n = len(law.x)
    estimate = floor_estimate(fit.law.floor, fit.floor, n, LEAST_FLOOR)
    judged = judge("003-e", estimate, because=fit.floor.unknown and "the floor is not identified")
    return said(
        _floor(law, "all models", fit), estimate, n=n, unit="models", target=target, weight=0.7, judged=judged
    )


def _floor(law: TaskLaw, what: str, fit: Fit) -> str:
    interval = f"{number(fit.floor.low, 3)} to {number(fit.floor.high, 3)}"
    kind = "95 % profile" if what == "all models" else "profile, as if vertices were independent"
    if fit.floor.identified:
        return (
            f"{law.task}: by the law of {what} accuracy saturates at {percent(fit.saturates)} as upstream accuracy "
            f"goes to 100 %: e_∞ is {number(fit.law.floor, 3)} ({kind} {interval}). It is no Bayes error: it is what "
            "these features leave."
        )
    return (
        f"{law.task}: where accuracy saturates is not identified by the law of {what}: {fit.floor.unknown}; e_∞ is "
        f"{number(fit.law.floor, 3)} at best ({kind} {interval})."
    )


def _floor_estimate(fit: Fit, n: int, what: str) -> Estimate:
    if what != "all models":
        return Estimate(fit.law.floor)
    return floor_estimate(fit.law.floor, fit.floor, n)


def _prediction(law: TaskLaw, target: str) -> Finding:
    held = law.held_out
    assert held is not None
    low, high = held.difference.low, held.difference.high
    told = low is not None and high is not None and (low > 0 or high < 0)
    which = "the power law" if held.difference.value > 0 else "the line in logits"
    better = f"{which} predicts better" if told else "which predicts better cannot be told"
    square = held.difference.times(1e4)
    text = (
        f"{law.task}: on models held out, {better}: the power law errs by {number(100 * held.power, 2)} points, the "
        f"line in logits of Kornblith et al. by {number(100 * held.logit, 2)} (RMSE; their squares differ by "
        f"{number(square.value)}{interval_text(square)} points²); on the best tenth, fitted without it, by "
        f"{number(100 * held.power_best, 2)} and {number(100 * held.logit_best, 2)}."
    )
    return said(text, held.difference, n=len(law.x), unit="models", target=target, weight=0.4)


def _of_robustness(law: TaskLaw, about: Robustness, target: str) -> Iterator[Finding]:
    n = len(law.x)
    for what, name in (("points", "all models"), ("hull", "the hull")):
        rows = [row for row in about.sizes if row.what == what]
        if len(rows) > 1:
            few, many = rows[0], rows[-1]
            text = (
                f"{law.task}: predicting the best tenth by the law of {name}, {few.models} models err by "
                f"{number(100 * math.sqrt(few.prediction), 2)} points and {many.models} by "
                f"{number(100 * math.sqrt(many.prediction), 2)} (RMSE; mean squares {short(few.prediction)} and "
                f"{short(many.prediction)}); fitting errors are {number(100 * math.sqrt(few.fitting), 2)} and "
                f"{number(100 * math.sqrt(many.fitting), 2)}."
            )
            yield said(text, Estimate(many.prediction), n=n, unit="models", target=target, weight=0.3)
    if (even := about.density) is not None:
        text = (
            f"{law.task}: with the same weight for each tenth of the upstream range (the fullest has "
            f"{percent(even.fullest, 0)} of the models) the law of all models gives a gain of "
            f"{number(100 * even.even, 1)} points instead of {number(100 * even.gain, 1)}; the hull does not "
            "depend on how dense models lie."
        )
        yield said(text, Estimate(even.even - even.gain), n=n, unit="models", target=target, weight=0.2)
    if (part := about.narrow) is not None:
        end = f"e_∞ is not identified ({part.unknown})" if part.unknown else f"e_∞ would be {number(part.floor, 3)}"
        text = (
            f"{law.task}: from {percent(part.low)} to {percent(part.high)} upstream only ({count(part.n, 'model')}), "
            f"a straight line in logits leaves {number(100 * part.line, 2)} points and the power law "
            f"{number(100 * part.power, 2)}; {end}, and that law misses the models outside by "
            f"{number(100 * part.beyond, 1)} points."
        )
        yield said(text, Estimate(part.beyond), n=part.n, unit="models", target=target, weight=0.35)


def _of_shots(row: ShotRow) -> Finding:
    p = "" if math.isnan(row.p) else f", p {short(row.p)}"
    unknown = f"; e_∞ is not identified at {row.unknown} of them" if row.parameter == "e_∞" and row.unknown else ""
    text = (
        f"{row.task}: {row.parameter} goes with the number of shots by r {number(row.r)} over "
        f"{count(len(row.shots), 'number')} of shots{p}{unknown}."
    )
    return said(text, Estimate(row.r), n=len(row.shots), unit="numbers of shots", target=row.task, weight=0.35)


def _of_grid(grid: GridAxis) -> Finding:
    axis = grid.axis
    n = len(axis.index)
    fixed = ", ".join(f"{name} {value}" for name, value in axis.fixed.items())
    offset = Estimate(axis.offset, axis.low, axis.high, 0.95, "networks", n)
    text = (
        f"{grid.task}: {count(n, 'model')} that differ in {axis.factor} alone ({fixed}) lie {points_text(offset)} "
        f"over the law of all others; they scatter by {number(100 * axis.spread, 1)} points about it, the others by "
        f"{number(100 * axis.elsewhere, 1)}."
    )
    return said(text, offset, n=n, unit="models", target=grid.task, weight=0.35)


def _of_overlay(overlay: Overlay) -> Finding:
    closes = "" if math.isnan(overlay.r) else f" (rank correlation with upstream accuracy {number(overlay.r)})"
    text = (
        f"{overlay.task}: the {len(overlay.models)} models on the hull of {overlay.reference} lie "
        f"{number(100 * overlay.below, 1)} points under this task's own hull in the lower half of their upstream "
        f"range and {number(100 * overlay.above, 1)} in the upper half{closes}; the two ends are left out, where all "
        "hulls meet."
    )
    return said(
        text,
        Estimate(overlay.above - overlay.below),
        n=len(overlay.models),
        unit="models",
        target=overlay.task,
        weight=0.35,
    )


def _range_points(ends: tuple[float, float]) -> str:
    if math.isnan(ends[0]):
        return ""
    return f"; over halves of the models {number(100 * ends[0], 1)} to {number(100 * ends[1], 1)}"
