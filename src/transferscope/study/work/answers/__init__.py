"""How each question is answered: what a step's settings and inputs mean to the analysis of the same name."""

from __future__ import annotations

from collections.abc import Callable

from ....results import Result
from . import lines, loss, modules, trained
from .asked import Asked

__all__ = ["ANSWERS", "Asked"]

ANSWERS: dict[str, Callable[[Asked], Result]] = {
    "learning_curves": trained.learning_curves,
    "mistakes": trained.mistakes,
    "similarity": trained.similarity,
    "distance": trained.distance,
    "barrier": lines.barrier,
    "extrapolation": lines.extrapolation,
    "basin": lines.basin,
    "cross_domain": lines.cross_domain,
    "combined_domains": lines.combined_domains,
    "criticality": modules.criticality,
    "rewind": modules.rewind,
    "spectrum": modules.spectrum,
    "hessian": loss.hessian,
    "landscape": loss.landscape,
    "loss_variation": loss.loss_variation,
    "gradient_flow": loss.gradient_flow,
}
"""Question → what answers it."""
