"""The questions: a folder each, and the one list of them.

A folder has ``measure.py`` (a pure function and its frozen result), ``findings.py`` (what the result says),
``plot.py`` (its figures) and ``study.py`` (settings, steps, answer and words). A new question is a folder and its
line here; whatever else lists questions is made from this list.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .barrier.measure import Barrier, barrier
    from .base import Question
    from .basin.measure import Basin, BasinRule, basin
    from .block_shuffle.measure import BlockShuffle, block_shuffle
    from .checkpoints.measure import Checkpoints, checkpoints
    from .combined_domains.measure import CombinedDomains, combined_domains
    from .criticality.measure import Criticality, criticality
    from .cross_domain.measure import CrossDomain, cross_domain
    from .distance.measure import Distance, distance
    from .extrapolation.measure import Extrapolation, extrapolation
    from .generalization.measure import Generalization, TrainedNetwork, generalization
    from .gradient_flow.measure import GradientFlow, gradient_flow
    from .grid.measure import Grid, grid
    from .head.measure import Head, Pretrained, head
    from .hessian.measure import Hessian, hessian
    from .landscape.measure import Landscape, landscape
    from .layers.measure import Layers, layers
    from .learning_curves.measure import LearningCurves, learning_curves
    from .loss_variation.measure import LossVariation, loss_variation
    from .mistakes.measure import Mistakes, mistakes
    from .prediction_power.measure import PredictionPower, prediction_power
    from .probe.measure import Probe, Probed, ProbeProtocol, probe
    from .result import Result
    from .rewind.measure import Rewind, rewind
    from .samples.measure import Samples, samples
    from .scaling.measure import Scaling, scaling
    from .scores.measure import Candidate, Scores, scores
    from .similarity.measure import Similarity, similarity
    from .soup.measure import Soup, soup
    from .source_choice.measure import SourceChoice, source_choice
    from .sources.measure import Sources, sources
    from .spectrum.measure import Spectrum, spectrum
    from .theory.measure import Theory, ntk_transfer, theory_scores
    from .transfer.measure import Transfer, transfer
    from .variants.measure import Variants, variants
    from .weight_map.measure import WeightMap, weight_map
    from .which.measure import Which, which

__all__ = ["QUESTIONS", "part", "question_class", "result_class"]

QUESTIONS: dict[str, tuple[str, ...]] = {
    "which": ("Which", "which"),
    "samples": ("Samples", "samples"),
    "scores": ("Scores", "Candidate", "scores"),
    "probe": ("Probe", "Probed", "ProbeProtocol", "probe"),
    "head": ("Head", "Pretrained", "head"),
    "learning_curves": ("LearningCurves", "learning_curves"),
    "block_shuffle": ("BlockShuffle", "block_shuffle"),
    "transfer": ("Transfer", "transfer"),
    "checkpoints": ("Checkpoints", "checkpoints"),
    "source_choice": ("SourceChoice", "source_choice"),
    "theory": ("Theory", "ntk_transfer", "theory_scores"),
    "mistakes": ("Mistakes", "mistakes"),
    "similarity": ("Similarity", "similarity"),
    "distance": ("Distance", "distance"),
    "weight_map": ("WeightMap", "weight_map"),
    "barrier": ("Barrier", "barrier"),
    "extrapolation": ("Extrapolation", "extrapolation"),
    "basin": ("Basin", "BasinRule", "basin"),
    "cross_domain": ("CrossDomain", "cross_domain"),
    "combined_domains": ("CombinedDomains", "combined_domains"),
    "criticality": ("Criticality", "criticality"),
    "rewind": ("Rewind", "rewind"),
    "spectrum": ("Spectrum", "spectrum"),
    "hessian": ("Hessian", "hessian"),
    "landscape": ("Landscape", "landscape"),
    "loss_variation": ("LossVariation", "loss_variation"),
    "gradient_flow": ("GradientFlow", "gradient_flow"),
    "variants": ("Variants", "variants"),
    "soup": ("Soup", "soup"),
    "grid": ("Grid", "grid"),
    "scaling": ("Scaling", "scaling"),
    "prediction_power": ("PredictionPower", "prediction_power"),
    "layers": ("Layers", "layers"),
    "generalization": ("Generalization", "TrainedNetwork", "generalization"),
    "sources": ("Sources", "sources"),
}
"""Their names in the order in which a report answers them, each with what of its ``measure.py`` the package's face
shows: its result, its function, and what else one calls it with."""


def part(question: str, name: str) -> ModuleType:
    """Load a file of a question's folder: ``measure``, ``findings``, ``plot`` or ``study``.

    >>> part("barrier", "measure").barrier.__name__
    'barrier'
    """
    return importlib.import_module(f"{__name__}.{question}.{name}")


def result_class(question: str) -> type[Result]:
    """Return the class of a question's results.

    >>> result_class("barrier").__name__
    'Barrier'
    """
    found: type[Result] = getattr(part(question, "measure"), QUESTIONS[question][0])
    return found


def question_class(question: str) -> type[Question]:
    """Return the class of a question's settings.

    >>> question_class("barrier").words.title
    'Performance barrier'
    """
    found: type[Question] = getattr(part(question, "study"), f"{QUESTIONS[question][0]}Question")
    return found
