"""Whether long training made networks worse again, and whether a better AUC comes with a worse loss (Neyshabur et al.
2020, B.1, B.4).

The paper sees both on chest X-rays; which target stands for them is said when the curves are made.
"""

from __future__ import annotations

import numpy as np

from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, number, points_text
from .measure import Curve, CurveGroup, LearningCurves, Outcomes

__all__ = ["auc_against_loss", "overfitting"]


def overfitting(result: LearningCurves) -> list[Finding]:
    """Hold the epoch that is best on validation images against the last: target by target, and all together.

    The claim is about all targets: on chest X-rays networks overfit, and on the others they do not.
    """
    falls = {target: found for target in result.targets if (found := _fall(result, target))}
    told = [_told(target, *found) for target, found in falls.items()]
    xray = [target for target in falls if target in result.xray]
    others = [target for target in falls if target not in result.xray]
    if len(xray) != 1 or not others:
        return told
    estimates = [falls[target][0] for target in (*xray, *others)]
    networks = [w for target in falls for w in result.witnesses.get(target, ())]
    judged = judge("000-B.1-c", *estimates, networks=networks)
    begin = {
        "agrees": f"On {xray[0]}, and only there, networks overfit when trained for long",
        "disagrees": f"Networks do not overfit on {xray[0]} alone when trained for long",
    }.get(
        judged.verdict, f"It is not clear that networks overfit on {xray[0]}, and only there, when trained for long"
    )
    each = ", ".join(f"{target} {points_text(falls[target][0])}" for target in others)
    runs = sum(len(runs) for _, runs in falls.values())
    return [
        *told,
        said(
            f"{begin}: from the best epoch to the last the test metric falls by {points_text(estimates[0])} on "
            f"{xray[0]}, elsewhere by: {each}; "
            f"{count(runs, 'run')}.",
            estimates[0],
            n=runs,
            unit="runs",
            weight=0.3,
            judged=judged,
        ),
    ]


def _told(target: str, fall: Estimate, runs: list[Curve]) -> Finding:
    metric = "AUC" if runs[0].metric == "auc" else "accuracy"
    images = f", {count(fall.images, 'test image')}" if fall.images else ""
    return said(
        f"{target}: the test {metric} falls from the epoch that is best on validation images to the last by "
        f"{points_text(fall)}; {count(len(runs), 'run')}{images}.",
        fall,
        n=len(runs),
        unit="runs",
        target=target,
        weight=0.2,
    )


def _fall(result: LearningCurves, target: str) -> tuple[Estimate, list[Curve]] | None:
    """The mean fall over the runs that chose their best epoch on validation images; none where no run did."""
    there = [c for c in result.curves if c.target == target]
    at = [
        i
        for i, c in enumerate(there)
        if not c.diverged and c.best_epoch is not None and c.chosen_by.startswith("val") and np.isfinite(c.best())
    ]
    if not at:
        return None
    known, runs = result.outcomes.get(target, Outcomes()), [there[i] for i in at]
    rows = None
    if known.best is not None and known.final is not None:
        rows = known.best[at].astype(np.float64) - known.final[at]
    return mean([c.best() - c.final() for c in runs], rows), runs


def auc_against_loss(result: LearningCurves, first: CurveGroup, second: CurveGroup) -> list[Finding]:
    """Say whether P-T ends with the better AUC and yet the higher loss, on the target that stands for X-rays."""
    target, curves = first.target, (*first.healthy, *second.healthy)
    if target not in result.xray or not all(c.metric == "auc" and "test_loss" in c.metrics for c in curves):
        return []
    auc = result.counted(first).less(result.counted(second), "final")
    loss = result.counted(first, "loss").less(result.counted(second, "loss"), "final")
    judged = judge("000-B.4-a", auc, loss, networks=result.witnesses.get(target, ()))
    return [
        said(
            f"{target}: at the end the test loss of P-T exceeds that of RI-T by {number(loss.value, 3)} nats"
            f"{interval_text(loss, digits=3)}, and its AUC that of RI-T by {points_text(auc)}; {len(first.curves)} "
            f"and {count(len(second.curves), 'run')}.",
            auc,
            n=len(first.curves) + len(second.curves),
            unit="runs",
            target=target,
            weight=0.3,
            judged=judged,
        )
    ]
