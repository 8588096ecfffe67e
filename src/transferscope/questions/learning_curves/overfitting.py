"""Whether long training made networks worse again, and whether a better AUC comes with a worse loss (000 B.1, B.4).

The paper's task with several labels an image is chest X-rays, where it sees both; so a target whose metric is the AUC
is taken for them.
"""

from __future__ import annotations

from ...numerics.intervals import mean_difference, mean_interval
from .._phrases import bracket, count, number, points, verdict_of
from ..result import Finding, Verdict
from .measure import CurveGroup

__all__ = ["auc_against_loss", "overfitting"]

_WORTH_MENTION = 0.01
"""Fall of the test metric up to which nobody would speak of overfitting."""

_OVERFITS = "000 B.1: on chest X-rays, and only there, networks overfit when trained for long"
_LOSS = "000 B.4: on chest X-rays P-T has the better AUC and the higher test loss"


def overfitting(target: str, group: CurveGroup) -> list[Finding]:
    """Hold the epoch that was best on validation images against the last; nothing where none was chosen so."""
    runs = [c for c in group.healthy if c.best_epoch is not None and c.chosen_by.startswith("val")]
    if not runs:
        return []
    fall = mean_interval([c.best() - c.final() for c in runs])
    low, high = (fall.interval.low, fall.interval.high) if fall.interval else (None, None)
    auc = runs[0].metric == "auc"
    verdict: Verdict = "cannot tell"
    if low is not None and high is not None and (low > 0 or high <= _WORTH_MENTION):
        verdict = "agrees" if (low > 0) == auc else "disagrees"
    falls = "falls" if low is not None and low > 0 else "does not clearly fall"
    name = "AUC" if auc else "accuracy"
    return [
        Finding(
            f"{target}: the test {name} of {group.role} {falls} from the epoch that is best on validation images to "
            f"the last, by {points(fall.mean, low, high)}; "
            f"{count(len(runs), 'run')}.",
            value=fall.mean,
            low=low,
            high=high,
            n=len(runs),
            unit="runs",
            claim=_OVERFITS,
            verdict=verdict,
            weight=0.3,
        )
    ]


def auc_against_loss(target: str, first: CurveGroup, second: CurveGroup) -> list[Finding]:
    """Say whether P-T ends with the better AUC and yet the higher loss, where there is an AUC."""
    curves = (*first.healthy, *second.healthy)
    if not all(c.metric == "auc" and "test_loss" in c.metrics for c in curves):
        return []
    loss, auc = (
        mean_difference([c.final(name) for c in first.healthy], [c.final(name) for c in second.healthy])
        for name in ("test_loss", "test_auc")
    )
    low, high = (loss.interval.low, loss.interval.high) if loss.interval else (None, None)
    both = [verdict_of(low, high), verdict_of(auc.interval.low, auc.interval.high) if auc.interval else "cannot tell"]
    verdict: Verdict = "disagrees" if "disagrees" in both else "agrees" if set(both) == {"agrees"} else "cannot tell"
    word = {"agrees": "higher", "disagrees": "lower"}.get(both[0], "not clearly higher")
    return [
        Finding(
            f"{target}: the test loss of P-T is {word} than that of RI-T at the end, by {number(loss.mean, 3)} nats"
            f"{bracket(low, high, 3)}; difference of the AUC {number(100 * auc.mean, 1)} points; "
            f"{len(first.healthy)} and {count(len(second.healthy), 'run')}.",
            value=loss.mean,
            low=low,
            high=high,
            n=len(curves),
            unit="runs",
            claim=_LOSS,
            verdict=verdict,
            weight=0.3,
        )
    ]
