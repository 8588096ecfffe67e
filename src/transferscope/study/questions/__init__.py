"""The questions a study can ask, each with its settings; a new one is a class in here and a line in ``QUESTIONS``."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from .base import QuestionSettings
from .lines import Barrier, Basin, CombinedDomains, CrossDomain, Extrapolation
from .loss import GradientFlow, Hessian, Landscape, LossVariation
from .modules import Criticality, Rewind, Spectrum
from .trained import Distance, LearningCurves, Mistakes, Similarity

__all__ = ["QUESTIONS", "AnySettings", "QuestionSettings"]

AnySettings: TypeAlias = Annotated[
    LearningCurves
    | Mistakes
    | Similarity
    | Distance
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
    | GradientFlow,
    Field(discriminator="question"),
]

QUESTIONS: dict[str, type[QuestionSettings]] = {
    "learning_curves": LearningCurves,
    "mistakes": Mistakes,
    "similarity": Similarity,
    "distance": Distance,
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
}
"""Their names, in the order in which a report answers them."""
