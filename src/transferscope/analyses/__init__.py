"""One question a file; each a pure function with a frozen result."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..results import Result

__all__ = ["RESULTS", "result_class"]

RESULTS = {
    "samples": "Samples",
    "learning_curves": "LearningCurves",
    "block_shuffle": "BlockShuffle",
    "transfer": "Transfer",
    "checkpoints": "Checkpoints",
    "source_choice": "SourceChoice",
    "mistakes": "Mistakes",
    "similarity": "Similarity",
    "distance": "Distance",
    "weight_map": "WeightMap",
    "barrier": "Barrier",
    "extrapolation": "Extrapolation",
    "basin": "Basin",
    "cross_domain": "CrossDomain",
    "combined_domains": "CombinedDomains",
    "criticality": "Criticality",
    "rewind": "Rewind",
    "spectrum": "Spectrum",
    "hessian": "Hessian",
    "landscape": "Landscape",
    "loss_variation": "LossVariation",
    "gradient_flow": "GradientFlow",
    "variants": "Variants",
}
"""Question, which is also the module's name → its result."""


def result_class(question: str) -> type[Result]:
    """Return the class of a question's results, loading its module.

    >>> result_class("barrier").__name__
    'Barrier'
    """
    module = importlib.import_module(f"{__name__}.{question}")
    found: type[Result] = getattr(module, RESULTS[question])
    return found
