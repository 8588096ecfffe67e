"""transferscope: what does transfer learning transfer?

::

    import transferscope as ts

    images = ts.load_images("synthetic:photo")
    net = ts.build("fixup_resnet20", classes=len(images.classes))
    ts.barrier(net, a, b, images.test).plot()

Everything named here is loaded when it is first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from .analyses.barrier import Barrier, barrier, barriers
    from .analyses.basin import Basin, BasinRule, basin, basins
    from .analyses.block_shuffle import BlockShuffle, block_shuffle
    from .analyses.checkpoints import Checkpoints, checkpoints
    from .analyses.combined_domains import CombinedDomains, combined_domains
    from .analyses.criticality import Criticality, criticality, criticality_of
    from .analyses.cross_domain import CrossDomain, cross_domain
    from .analyses.distance import Distance, distance
    from .analyses.extrapolation import Extrapolation, extrapolation
    from .analyses.gradient_flow import GradientFlow, gradient_flow
    from .analyses.hessian import Hessian, hessian
    from .analyses.landscape import Landscape, landscape
    from .analyses.learning_curves import LearningCurves, learning_curves
    from .analyses.loss_variation import LossVariation, loss_variation
    from .analyses.mistakes import Mistakes, mistakes
    from .analyses.rewind import Rewind, rewind, rewind_of
    from .analyses.samples import Samples, samples
    from .analyses.similarity import Similarity, similarity
    from .analyses.source_choice import SourceChoice, source_choice
    from .analyses.spectrum import Spectrum, spectrum
    from .analyses.transfer import Transfer, transfer
    from .analyses.variants import Variants, variants
    from .analyses.weight_map import WeightMap, weight_map
    from .data.imageset import ImageSet, ImageSplits
    from .data.shuffle import shuffle_blocks
    from .data.spec import load_images
    from .errors import TransferscopeError
    from .models.build import build, initialise, wrap
    from .models.checkpoint import read, write
    from .models.doctor import doctor
    from .models.load import load_weights
    from .models.network import Input, Network
    from .models.solution import Solution
    from .params import Params
    from .probes.evaluate import evaluate
    from .probes.points import Points
    from .results import Finding, Result
    from .train.altered import basin_noise, top_singular
    from .train.averaged import fit_averaged
    from .train.fit import fit
    from .train.recipe import Recipe

_FACE = {
    "Barrier": "analyses.barrier",
    "Basin": "analyses.basin",
    "BasinRule": "analyses.basin",
    "BlockShuffle": "analyses.block_shuffle",
    "Checkpoints": "analyses.checkpoints",
    "CombinedDomains": "analyses.combined_domains",
    "Criticality": "analyses.criticality",
    "CrossDomain": "analyses.cross_domain",
    "Distance": "analyses.distance",
    "Extrapolation": "analyses.extrapolation",
    "Finding": "results",
    "GradientFlow": "analyses.gradient_flow",
    "Hessian": "analyses.hessian",
    "ImageSet": "data.imageset",
    "ImageSplits": "data.imageset",
    "Input": "models.network",
    "Landscape": "analyses.landscape",
    "LearningCurves": "analyses.learning_curves",
    "LossVariation": "analyses.loss_variation",
    "Mistakes": "analyses.mistakes",
    "Network": "models.network",
    "Params": "params",
    "Points": "probes.points",
    "Recipe": "train.recipe",
    "Result": "results",
    "Rewind": "analyses.rewind",
    "Samples": "analyses.samples",
    "Similarity": "analyses.similarity",
    "Solution": "models.solution",
    "SourceChoice": "analyses.source_choice",
    "Spectrum": "analyses.spectrum",
    "Transfer": "analyses.transfer",
    "TransferscopeError": "errors",
    "Variants": "analyses.variants",
    "WeightMap": "analyses.weight_map",
    "barrier": "analyses.barrier",
    "barriers": "analyses.barrier",
    "basin": "analyses.basin",
    "basin_noise": "train.altered",
    "basins": "analyses.basin",
    "block_shuffle": "analyses.block_shuffle",
    "build": "models.build",
    "checkpoints": "analyses.checkpoints",
    "combined_domains": "analyses.combined_domains",
    "criticality": "analyses.criticality",
    "criticality_of": "analyses.criticality",
    "cross_domain": "analyses.cross_domain",
    "distance": "analyses.distance",
    "doctor": "models.doctor",
    "evaluate": "probes.evaluate",
    "extrapolation": "analyses.extrapolation",
    "fit": "train.fit",
    "fit_averaged": "train.averaged",
    "gradient_flow": "analyses.gradient_flow",
    "hessian": "analyses.hessian",
    "initialise": "models.build",
    "landscape": "analyses.landscape",
    "learning_curves": "analyses.learning_curves",
    "load_images": "data.spec",
    "load_weights": "models.load",
    "loss_variation": "analyses.loss_variation",
    "mistakes": "analyses.mistakes",
    "read": "models.checkpoint",
    "rewind": "analyses.rewind",
    "rewind_of": "analyses.rewind",
    "samples": "analyses.samples",
    "shuffle_blocks": "data.shuffle",
    "similarity": "analyses.similarity",
    "source_choice": "analyses.source_choice",
    "spectrum": "analyses.spectrum",
    "top_singular": "train.altered",
    "transfer": "analyses.transfer",
    "variants": "analyses.variants",
    "weight_map": "analyses.weight_map",
    "wrap": "models.build",
    "write": "models.checkpoint",
}

__all__ = [
    "Barrier",
    "Basin",
    "BasinRule",
    "BlockShuffle",
    "Checkpoints",
    "CombinedDomains",
    "Criticality",
    "CrossDomain",
    "Distance",
    "Extrapolation",
    "Finding",
    "GradientFlow",
    "Hessian",
    "ImageSet",
    "ImageSplits",
    "Input",
    "Landscape",
    "LearningCurves",
    "LossVariation",
    "Mistakes",
    "Network",
    "Params",
    "Points",
    "Recipe",
    "Result",
    "Rewind",
    "Samples",
    "Similarity",
    "Solution",
    "SourceChoice",
    "Spectrum",
    "Transfer",
    "TransferscopeError",
    "Variants",
    "WeightMap",
    "barrier",
    "barriers",
    "basin",
    "basin_noise",
    "basins",
    "block_shuffle",
    "build",
    "checkpoints",
    "combined_domains",
    "criticality",
    "criticality_of",
    "cross_domain",
    "distance",
    "doctor",
    "evaluate",
    "extrapolation",
    "fit",
    "fit_averaged",
    "gradient_flow",
    "hessian",
    "initialise",
    "landscape",
    "learning_curves",
    "load_images",
    "load_weights",
    "loss_variation",
    "mistakes",
    "read",
    "rewind",
    "rewind_of",
    "samples",
    "shuffle_blocks",
    "similarity",
    "source_choice",
    "spectrum",
    "top_singular",
    "transfer",
    "variants",
    "weight_map",
    "wrap",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'transferscope' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_FACE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
