"""transferscope: what does transfer learning transfer?

::

    import transferscope as ts

    images = ts.load_images("synthetic:photo")
    net = ts.build("fixup_resnet20", classes=len(images.classes))
    ts.barrier(net, [(a, b)], images.test).plot()

Everything named here is loaded when it is first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from .arguments import checked
from .progress import watched
from .questions import QUESTIONS

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from .checks.run import SelfCheck, selfcheck, selfchecks
    from .data.imageset import ImageSet, ImageSplits
    from .data.shuffle import shuffle_blocks
    from .data.spec import load_images
    from .data.tables.models import ModelTable, read_models
    from .errors import TransferscopeError
    from .evidence.finding import Finding
    from .models.build import build, initialise, wrap
    from .models.checkpoint import read, write
    from .models.load import load_weights
    from .models.network import Input, Network
    from .models.solution import Solution
    from .params import Params
    from .plots.journal import style
    from .probes.evaluate import evaluate
    from .probes.points import Points
    from .questions import *  # noqa: F403  # what the list of questions shows
    from .questions.doctor.measure import doctor
    from .questions.result import Result
    from .study.grid_table import read_grid
    from .train.altered import basin_noise, top_singular
    from .train.averaged import fit_averaged
    from .train.fit import fit
    from .train.recipe import Recipe
    from .train.recorder import Recorder, record

_FACE = {
    "Finding": "evidence.finding",
    "ImageSet": "data.imageset",
    "ImageSplits": "data.imageset",
    "Input": "models.network",
    "ModelTable": "data.tables.models",
    "Network": "models.network",
    "Params": "params",
    "Points": "probes.points",
    "Recipe": "train.recipe",
    "Recorder": "train.recorder",
    "Result": "questions.result",
    "SelfCheck": "checks.run",
    "Solution": "models.solution",
    "TransferscopeError": "errors",
    "basin_noise": "train.altered",
    "build": "models.build",
    "doctor": "questions.doctor.measure",
    "evaluate": "probes.evaluate",
    "fit": "train.fit",
    "fit_averaged": "train.averaged",
    "initialise": "models.build",
    "load_images": "data.spec",
    "load_weights": "models.load",
    "read": "models.checkpoint",
    "read_grid": "study.grid_table",
    "read_models": "data.tables.models",
    "record": "train.recorder",
    "selfcheck": "checks.run",
    "selfchecks": "checks.run",
    "shuffle_blocks": "data.shuffle",
    "style": "plots.journal",
    "top_singular": "train.altered",
    "wrap": "models.build",
    "write": "models.checkpoint",
} | {name: f"questions.{question}.measure" for question, names in QUESTIONS.items() for name in names}
"""Public name → where it is defined, below this package."""

__all__ = sorted(_FACE)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'transferscope' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_FACE[name]}"), name)
    if inspect.isfunction(value):
        value = checked(watched(value))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
