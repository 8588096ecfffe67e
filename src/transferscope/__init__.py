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
    from .analyses.combined_domains import CombinedDomains, combined_domains
    from .analyses.cross_domain import CrossDomain, cross_domain
    from .analyses.distance import Distance, distance
    from .analyses.extrapolation import Extrapolation, extrapolation
    from .analyses.hessian import Hessian, hessian
    from .analyses.learning_curves import LearningCurves, learning_curves
    from .analyses.mistakes import Mistakes, mistakes
    from .analyses.similarity import Similarity, similarity
    from .analyses.spectrum import Spectrum, spectrum
    from .data.imageset import ImageSet, ImageSplits
    from .data.spec import load_images
    from .errors import TransferscopeError
    from .models.build import build, initialise, wrap
    from .models.checkpoint import read, write
    from .models.doctor import doctor
    from .models.network import Input, Network
    from .models.solution import Solution
    from .params import Params
    from .probes.evaluate import evaluate
    from .probes.points import Points
    from .results import Finding, Result
    from .train.fit import fit
    from .train.recipe import Recipe

_FACE = {
    "Barrier": "analyses.barrier",
    "CombinedDomains": "analyses.combined_domains",
    "CrossDomain": "analyses.cross_domain",
    "Distance": "analyses.distance",
    "Extrapolation": "analyses.extrapolation",
    "Finding": "results",
    "Hessian": "analyses.hessian",
    "ImageSet": "data.imageset",
    "ImageSplits": "data.imageset",
    "Input": "models.network",
    "LearningCurves": "analyses.learning_curves",
    "Mistakes": "analyses.mistakes",
    "Network": "models.network",
    "Params": "params",
    "Points": "probes.points",
    "Recipe": "train.recipe",
    "Result": "results",
    "Similarity": "analyses.similarity",
    "Solution": "models.solution",
    "Spectrum": "analyses.spectrum",
    "TransferscopeError": "errors",
    "barrier": "analyses.barrier",
    "barriers": "analyses.barrier",
    "build": "models.build",
    "combined_domains": "analyses.combined_domains",
    "cross_domain": "analyses.cross_domain",
    "distance": "analyses.distance",
    "doctor": "models.doctor",
    "evaluate": "probes.evaluate",
    "extrapolation": "analyses.extrapolation",
    "fit": "train.fit",
    "hessian": "analyses.hessian",
    "initialise": "models.build",
    "learning_curves": "analyses.learning_curves",
    "load_images": "data.spec",
    "mistakes": "analyses.mistakes",
    "read": "models.checkpoint",
    "similarity": "analyses.similarity",
    "spectrum": "analyses.spectrum",
    "wrap": "models.build",
    "write": "models.checkpoint",
}

__all__ = [
    "Barrier",
    "CombinedDomains",
    "CrossDomain",
    "Distance",
    "Extrapolation",
    "Finding",
    "Hessian",
    "ImageSet",
    "ImageSplits",
    "Input",
    "LearningCurves",
    "Mistakes",
    "Network",
    "Params",
    "Points",
    "Recipe",
    "Result",
    "Similarity",
    "Solution",
    "Spectrum",
    "TransferscopeError",
    "barrier",
    "barriers",
    "build",
    "combined_domains",
    "cross_domain",
    "distance",
    "doctor",
    "evaluate",
    "extrapolation",
    "fit",
    "hessian",
    "initialise",
    "learning_curves",
    "load_images",
    "mistakes",
    "read",
    "similarity",
    "spectrum",
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
