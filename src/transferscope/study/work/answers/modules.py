"""Answers about the modules of a network: their singular values, and which of them matter."""

from __future__ import annotations

from ....results import Result
from .asked import Asked

__all__ = ["criticality", "rewind", "spectrum"]


def criticality(asked: Asked) -> Result:
    """Move the modules of all runs along their paths, or of a file from the weights it started from."""
    from ....analyses.criticality import criticality, criticality_of

    settings = asked.settings
    sets = asked.sets(("train", "test"))
    options = {
        "modules": settings["only"] or settings["modules"],
        "paths": settings["paths"],
        "alphas": settings["alphas"],
        "sigmas": settings["sigmas"],
        "draws": settings["draws"],
        "noise": settings["noise"],
        "epsilon": settings["epsilon"],
        "margin": settings["margin"],
        "judge": settings["judge"],
        "surface": settings["surface"],
        "screen": settings["screen"],
        "progress": asked.context.progress,
        "recalibrate_on": asked.splits.train,
        **asked.engine,
    }
    if asked.runs:
        return criticality_of(asked.net, asked.runs, sets["train"], sets["test"], ends=settings["ends"], **options)
    start, end = asked.journey()
    return criticality(asked.net, start, end, sets["train"], sets["test"], **options)


def rewind(asked: Asked) -> Result:
    """Set the modules of all runs back to what they recorded, or of a file to the weights it started from."""
    from ....analyses.rewind import rewind, rewind_of

    settings = asked.settings
    (images,) = asked.sets(("test",)).values()
    options = {
        "modules": settings["only"] or settings["modules"],
        "draws": settings["draws"],
        "metrics": settings["metrics"],
        "threshold": settings["threshold"],
        "progress": asked.context.progress,
        "recalibrate_on": asked.splits.train,
        **asked.engine,
    }
    if asked.runs:
        chosen = {"weights": settings["weights"], "epochs": settings["epochs"]}
        return rewind_of(asked.net, asked.runs, images, **chosen, **options)
    start, end = asked.journey()
    return rewind(asked.net, start, end, images, **options)


def spectrum(asked: Asked) -> Result:
    """Decompose the layers of all networks."""
    from ....analyses.spectrum import spectrum

    return spectrum(
        asked.net,
        asked.solutions(),
        granularity=asked.settings["modules"],
        zero_padding=asked.settings["zero_padding"],
        workers=asked.threads,
        progress=asked.context.progress,
    )
