"""Whether the weights in a file are finite, and whether they fit, in sentences."""

from __future__ import annotations

from pathlib import Path

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from .measure import Diagnosis

__all__ = ["findings"]


def findings(result: Diagnosis) -> tuple[Finding, ...]:
    """Return whether all weights are finite, and how they go with the network, if there is one."""
    n, bad = len(result.tensors), sum(bool(t.nonfinite) for t in result.tensors)
    name = Path(result.path).name
    text = f"{bad} of the {n} tensors in {name} have NaN or infinite entries." if bad else ""
    if result.unusable:
        text = f"{len(result.unusable)} of the {n} tensors in {name} hold no numbers to compute with."
    told = text or f"All {n} tensors in {name} are finite."
    found = [said(told, Estimate(bad), n=n, unit="tensors", weight=0.9 if bad else 0.1)]
    if result.fit is not None:
        fits = len(result.fit.fits)
        notes = f": {'; '.join(result.fit.notes())}" if result.fit.notes() else ""
        whole = "fits" if result.fit.complete else "does not fit"
        told = f"{name} {whole} {result.model} with {result.classes} outputs ({fits} of its {n} tensors do){notes}."
        found.append(said(told, Estimate(fits / n), n=n, unit="tensors", weight=0.3 if result.fit.complete else 0.8))
    return tuple(found)
