"""The questions a study can ask, each with its settings; a new one is a class in here and a line in ``QUESTIONS``."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from .base import QuestionSettings
from .lines import Barrier, Basin, CombinedDomains, CrossDomain, Extrapolation
from .loss import GradientFlow, Hessian, Landscape, LossVariation
from .modules import Criticality, Rewind, Spectrum
from .reuse import BlockShuffle, Checkpoints, Samples
from .starts import SourceChoice, Transfer, Variants, WeightMap
from .trained import Distance, LearningCurves, Mistakes, Similarity

__all__ = ["QUESTIONS", "AnySettings", "QuestionSettings"]

AnySettings: TypeAlias = Annotated[
    Samples
    | LearningCurves
    | BlockShuffle
    | Transfer
    | Checkpoints
    | SourceChoice
    | Mistakes
    | Similarity
    | Distance
    | WeightMap
    | Barrier
    | Extrapolation
    | Basin
    | CrossDomain
    | CombinedDomains
    | Criticality
    | Rewind
    | Spectrum
    | Hessian
    | Landscape
    | LossVariation
    | GradientFlow
    | Variants,
    Field(discriminator="question"),
]

QUESTIONS: dict[str, type[QuestionSettings]] = {
    "samples": Samples,
    "learning_curves": LearningCurves,
    "block_shuffle": BlockShuffle,
    "transfer": Transfer,
    "checkpoints": Checkpoints,
    "source_choice": SourceChoice,
    "mistakes": Mistakes,
    "similarity": Similarity,
    "distance": Distance,
    "weight_map": WeightMap,
    "barrier": Barrier,
    "extrapolation": Extrapolation,
    "basin": Basin,
    "cross_domain": CrossDomain,
    "combined_domains": CombinedDomains,
    "criticality": Criticality,
    "rewind": Rewind,
    "spectrum": Spectrum,
    "hessian": Hessian,
    "landscape": Landscape,
    "loss_variation": LossVariation,
    "gradient_flow": GradientFlow,
    "variants": Variants,
}
"""Their names, in the order in which a report answers them."""
