"""Answers about the loss around weights: its curvature, its landscape, its gradients."""

from __future__ import annotations

from ....results import Result
from .asked import Asked

__all__ = ["gradient_flow", "hessian", "landscape", "loss_variation"]


def hessian(asked: Asked) -> Result:
    """Find the top of the Hessian's spectrum at all networks."""
    from ....analyses.hessian import hessian

    settings = asked.settings
    return hessian(
        asked.net,
        asked.solutions(),
        asked.part(settings["part"]),
        settings["k"],
        which=settings["which"],
        module=settings["module"],
        examples=settings["images"],
        tolerance=settings["tolerance"],
        probes=settings["probes"],
        steps=settings["steps"],
        device=asked.device,
        progress=asked.context.progress,
    )


def landscape(asked: Asked) -> Result:
    """Evaluate the loss on the same plane around all networks."""
    from ....analyses.landscape import landscape

    settings = asked.settings
    return landscape(
        asked.net,
        asked.solutions(),
        asked.part(settings["part"]),
        span=settings["span"],
        points=settings["points"],
        modules=settings["only"] or settings["modules"],
        examples=settings["images"],
        planes=settings["planes"],
        radii=settings["radii"],
        scale=settings["scale"],
        recalibrate_on=asked.splits.train,
        progress=asked.context.progress,
        **asked.engine,
    )


def loss_variation(asked: Asked) -> Result:
    """Follow the gradient from the recorded weights of all runs, or from the weights of files."""
    from ....analyses.loss_variation import loss_variation

    settings = asked.settings
    tags = [f"{kind} {at}" for kind in ("epoch", "step") for at in settings[f"{kind}s"] or ()]
    return loss_variation(
        asked.net,
        asked.runs or {s.label: {0: s.params} for s in asked.given()},
        asked.splits.train,
        protocol=settings["protocol"],
        size=settings["size"],
        points=settings["points"],
        tags=tags or None,
        examples=settings["images"],
        statistics=settings["statistics"],
        device=asked.device,
        progress=asked.context.progress,
    )


def gradient_flow(asked: Asked) -> Result:
    """Take the gradients of all networks, at their start and at their end."""
    from ....analyses.gradient_flow import gradient_flow

    settings = asked.settings
    return gradient_flow(
        asked.net,
        asked.solutions(),
        asked.splits.train,
        modules=settings["only"] or settings["modules"],
        side=settings["side"],
        projections=settings["projections"],
        examples=settings["images"],
        statistics=settings["statistics"],
        device=asked.device,
        progress=asked.context.progress,
    )
