"""Which images a pre-training sees, or sees first: what can be asked, its control, and what its step says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import SpecError
from .graph import Step
from .inventory import Found
from .pretraining_settings import SamplerSettings, Sampling

if TYPE_CHECKING:
    from .schema import SourceSettings, Study

__all__ = ["control_of", "controls_among", "looks", "no_order", "of_sources", "sampler_spec", "seen_of"]

_FIRST = ("random", "easiest", "hardest")

_SAME = ("data", "recipe", "seed", "samples", "objective", "simclr", "clip")
"""What a source and its control have in common besides how many images they see, or at which pace."""


def looks(way: Sampling | None, sampler: SamplerSettings) -> bool:
    """Whether a choice is made with the control's network.

    >>> sampler = SamplerSettings(**{"from": ["random", "cluster"], "features": "pixels"})
    >>> looks("hardest", sampler), looks("class", sampler), looks("cluster", sampler)
    (True, False, False)
    """
    return way in ("easiest", "hardest", "probe") or (way == "cluster" and sampler.features == "probe")


def sampler_spec(way: str, sampler: SamplerSettings, images: int) -> dict[str, Any]:
    """Return what a step says of how its images are chosen.

    Args:
        way: how.
        sampler: the settings.
        images: training images there are.
    """
    more: dict[str, Any] = {"clusters": sampler.clusters, "features": sampler.features} if way == "cluster" else {}
    pace = {} if sampler.pace is None else {"pace": sampler.pace.model_dump()}
    return {"sampler": {"from": way, "total": round(sampler.keep * images), **more, **pace}}


def seen_of(sampler: SamplerSettings | None, found: Found | None) -> Found | None:
    """Return images with the number of training images that a pre-training sees."""
    if sampler is None or found is None or sampler.keep == 1:
        return found
    return replace(found, train=round(sampler.keep * found.train))


def no_order(where: str, sampler: SamplerSettings) -> Iterator[SpecError]:
    """Yield what a sampler with a pace says that only samples have a use for."""
    if sampler.pace is None:
        return
    if wrong := [way for way in sampler.from_ if way not in _FIRST]:
        yield SpecError(
            f"{where}.from", f"{wrong[0]!r} is no order; with a pace images come {', '.join(_FIRST)} first"
        )
    if sampler.keep != 1:
        yield SpecError(f"{where}.keep", "is for samples; with a pace all images come into play, leave it out")


def control_of(name: str, sources: Mapping[str, SourceSettings]) -> str | None:
    """Return the source that is one's control: alike in everything, with as many images drawn at random.

    Args:
        name: of a source.
        sources: all of the study.

    Returns:
        Its name; ``None`` for a source that chooses nothing, or has no control.
    """
    own = sources[name]
    if own.sampler is None or _random(own):
        return None
    alike = (other for other, of in sources.items() if _random(of) and _same_but_for_the_way(own, of))
    return next(alike, None)


def of_sources(study: Study) -> Iterator[SpecError]:
    """Yield what is wrong with the samplers of sources: each is one way, and has a control that runs start from."""
    for name, source in study.pretrainings.items():
        if source.sampler is None:
            continue
        where = f"{'source' if name == 'source' else f'sources.{name}'}.sampler"
        yield from no_order(where, source.sampler)
        if len(source.sampler.from_) > 1:
            yield SpecError(
                f"{where}.from", "a source is one pre-training: give one way here, and each other one as a source"
            )
        elif not _random(source):
            yield from _of_control(where, name, study)


def _of_control(where: str, name: str, study: Study) -> Iterator[SpecError]:
    control, tuned = control_of(name, study.pretrainings), [s.source for s in study.starts.values()]
    if control is None:
        yield SpecError(
            f"{where}.from",
            "has no control, which says what any choice of as many images would give; add a source with the same "
            "data, seed, recipe, keep and pace, and 'sampler: {from: random}'",
        )
    elif name in tuned and control not in tuned:
        yield SpecError(
            f"{where}.from", f"nothing starts from its control {control!r}; add a start 'from: {control}' to compare"
        )


def controls_among(steps: Mapping[str, Step]) -> dict[str, str]:
    """Return the control of each pre-training that chose its images, by name, where it is among them.

    Args:
        steps: that train pre-trainings, by name.
    """
    random = {name: _but_for_the_way(s) for name, s in steps.items() if _way(s) == "random"}
    found: dict[str, str] = {}
    for name, step in steps.items():
        if _way(step) not in (None, "random"):
            control = next((other for other, of in random.items() if of == _but_for_the_way(step)), None)
            found |= {} if control is None else {name: control}
    return found


def _random(source: SourceSettings) -> bool:
    return source.sampler is not None and source.sampler.from_ == ("random",)


def _same_but_for_the_way(one: SourceSettings, other: SourceSettings) -> bool:
    samplers = [s.sampler for s in (one, other) if s.sampler is not None]
    return all(getattr(one, key) == getattr(other, key) for key in _SAME) and (
        len({(s.keep, s.pace) for s in samplers}) == 1
    )


def _way(step: Step) -> str | None:
    return str(step.spec["sampler"]["from"]) if "sampler" in step.spec else None


def _but_for_the_way(step: Step) -> dict[str, Any]:
    """What a step says that its control says, too; what is kept on the way plays no part."""
    spec = {key: value for key, value in step.spec.items() if key not in ("sampler", "record")}
    sampler = step.spec["sampler"]
    return spec | {"total": sampler["total"], "pace": sampler.get("pace"), "images": step.inputs["images"].digest}
