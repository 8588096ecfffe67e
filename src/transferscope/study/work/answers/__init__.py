"""How each question is answered: what a step's settings and inputs mean to the analysis of the same name."""

from __future__ import annotations

from collections.abc import Callable

from ....results import Result
from . import lines, loss, modules, reuse, starts, trained
from .asked import Asked

__all__ = ["ANSWERS", "Asked"]

ANSWERS: dict[str, Callable[[Asked], Result]] = {
    "samples": reuse.samples,
    "learning_curves": trained.learning_curves,
    "block_shuffle": reuse.block_shuffle,
    "transfer": starts.transfer,
    "checkpoints": reuse.checkpoints,
    "source_choice": starts.source_choice,
    "mistakes": trained.mistakes,
    "similarity": trained.similarity,
    "distance": trained.distance,
    "weight_map": starts.weight_map,
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
    "variants": starts.variants,
}
"""Question → what answers it."""
