"""The pre-trainings of a grid: which there are, and whether each can be run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..data.spec import parse
from ..errors import SpecError
from ..train.recipe import Recipe
from .inventory import Found
from .pretraining_settings import Objective, SamplerSettings, Sampling
from .sampling import looks, no_order, sampler_spec, seen_of

if TYPE_CHECKING:
    from .schema import GridSettings, Study

__all__ = ["FACTORS", "CheckedPoint", "Point", "check_grid", "not_for", "points_of", "sampled"]

FACTORS = ("width", "depth", "share", "epochs", "lr", "weight_decay", "head_lr", "head_weight_decay", "batch",
           "label_noise")  # fmt: skip
"""What a grid can vary, in the order of names."""

_OF_NETWORK = ("width", "depth")


@dataclass(frozen=True)
class Point:
    """A pre-training of a grid.

    Attributes:
        name: its family and what tells it apart there: ``resnet width 8 epochs 4``.
        family: its family.
        network: the network's name.
        data: its images, a spec string.
        factors: the value of each factor that the family gives.
        recipe: what these change in the recipe.
        seed: of initialisation and training.
        source: the family in the study, before objectives and ways to choose images make several of it.
        objective: what is learned.
        sampling: how its images are chosen, ``from hardest`` or ``hardest first``; empty where all are taken.
        control: name of the pre-training on random images that its choice is made with; empty where none is.
    """

    name: str
    family: str
    network: str
    data: str
    factors: Mapping[str, float]
    recipe: Mapping[str, Any]
    seed: int
    source: str = ""
    objective: Objective = "supervised"
    sampling: str = ""
    control: str = ""


@dataclass(frozen=True, eq=False)
class CheckedPoint:
    """A pre-training of a grid that can be run.

    Attributes:
        point: what it is.
        network: name, size, channels, mean and std, resolved.
        images: what it is trained on.
        recipe: how.
    """

    point: Point
    network: Mapping[str, Any]
    images: Found
    recipe: Recipe


def points_of(family: str, given: GridSettings) -> list[Point]:
    """Return the pre-trainings of a family.

    >>> from transferscope.study.schema import GridSettings
    >>> more = {"width": (8, 16), "lr": (0.1, 0.2), "vary": "alone"}
    >>> given = GridSettings(data="synthetic:source", network="mlp:{width}", **more)
    >>> [(p.name, p.network) for p in points_of("mlp", given)]
    [('mlp width 8 lr 0.1', 'mlp:8'), ('mlp width 16 lr 0.1', 'mlp:16'), ('mlp width 8 lr 0.2', 'mlp:8')]
    """
    values = {name: getattr(given, name) for name in FACTORS if getattr(given, name)}
    told = [name for name, of in values.items() if len(of) > 1]
    found = []
    for chosen, objective, way in itertools.product(
        _combinations(values, given.vary == "alone"), given.objective, _ways(given.sampler)
    ):
        sampling = "" if way is None else _sampling(way, given.sampler)
        kind: list[str] = [*([objective] if len(given.objective) > 1 else []), *([sampling] if sampling else [])]
        for seed in given.seeds:
            words = [f"{name} {chosen[name]:g}" for name in told]
            words += [f"seed {seed}"] if len(given.seeds) > 1 else []
            network = given.network
            for name in _OF_NETWORK:
                network = network.replace(f"{{{name}}}", f"{chosen.get(name, 0):g}")
            recipe = {k: v for k, v in chosen.items() if k in Recipe.__dataclass_fields__}
            data = _with(given.data, chosen["share"], chosen.get("label_noise", 0.0))
            name = " ".join([", ".join([family, *kind]), *words])
            control = ""
            if given.sampler is not None and looks(way, given.sampler):
                control = " ".join([", ".join([family, *kind[:-1], _sampling("random", given.sampler)]), *words])
            found.append(
                Point(
                    name, ", ".join([family, *kind]), network, data, chosen, recipe, seed, family, objective,
                    sampling, control,
                )
            )  # fmt: skip
    return found


def check_grid(
    study: Study,
    network: Callable[[str, str], Mapping[str, Any] | None],
    images: Callable[[str, int | None, str], Found | None],
    recipe: Callable[[list[tuple[str, Mapping[str, Any]]], Found | None], Recipe | None],
) -> Iterator[CheckedPoint | SpecError]:
    """Yield the pre-trainings of all families, and what is wrong with them.

    Args:
        study: the study.
        network: resolves a network by name and place; ``None`` where it cannot be, which is on record then.
        images: lists images by spec string, number of samples and place.
        recipe: lays patches over each other, each with its place.
    """
    networks: dict[str, Mapping[str, Any] | None] = {}
    found: dict[str, Found | None] = {}
    for family, given in study.grid.items():
        where = f"grid.{family}"
        if wrong := list(_places(where, given)):
            yield from wrong
            continue
        for point in points_of(family, given):
            if point.network not in networks:
                networks[point.network] = network(point.network, f"{where}.network")
            if point.data not in found:
                found[point.data] = images(point.data, given.samples, f"{where}.data")
            patches = [
                ("recipe", study.recipe),
                (f"{where}.recipe", given.recipe),
                (f"{where}.recipes.{point.objective}", given.recipes.get(point.objective, {})),
                (where, point.recipe),
            ]
            made = recipe(patches, seen_of(given.sampler, found[point.data]))
            if made is not None and point.objective != "supervised":
                yield from not_for(point.objective, made, f"{where}.recipe")
            spec, listed = networks[point.network], found[point.data]
            if spec is not None and listed is not None and made is not None:
                yield CheckedPoint(point, spec, listed, made)


def _combinations(values: Mapping[str, tuple[float, ...]], alone: bool) -> Iterator[dict[str, float]]:
    if not alone:
        for chosen in itertools.product(*values.values()):
            yield dict(zip(values, chosen, strict=True))
        return
    first = {name: of[0] for name, of in values.items()}
    yield first
    for name, of in values.items():
        for value in of[1:]:
            yield first | {name: value}


def _places(where: str, given: GridSettings) -> Iterator[SpecError]:
    """Yield places in the network's name without values, values without a place, and values given twice."""
    for name in _OF_NETWORK:
        there, values = f"{{{name}}}" in given.network, getattr(given, name)
        if there and not values:
            yield SpecError(f"{where}.{name}", f"the network {given.network} has a place for it; give some values")
        if values and not there:
            yield SpecError(f"{where}.network", f"has no place {{{name}}} for the values of {name}; write it into it")
    for key in ("simclr", "clip"):
        if getattr(given, key) is not None and key not in given.objective:
            yield SpecError(f"{where}.{key}", f"is for 'objective: {key}'; give that, too")
    for key in given.recipes:
        if key not in given.objective:
            yield SpecError(f"{where}.recipes.{key}", f"is for 'objective: {key}'; give that, too")
    if given.sampler is not None:
        yield from _of_sampler(f"{where}.sampler", given.sampler)
    for name in (*FACTORS, "seeds", "objective"):
        values = getattr(given, name)
        if len(set(values)) < len(values):
            yield SpecError(f"{where}.{name}", f"holds a value twice: {list(values)}")


def _of_sampler(where: str, sampler: SamplerSettings) -> Iterator[SpecError]:
    if "random" not in sampler.from_:
        yield SpecError(
            f"{where}.from",
            "has no 'random', the control that says what any choice of as many images would give; add it",
        )
    if len(set(sampler.from_)) < len(sampler.from_):
        yield SpecError(f"{where}.from", f"holds a value twice: {list(sampler.from_)}")
    yield from no_order(where, sampler)


def _ways(sampler: SamplerSettings | None) -> tuple[Sampling | None, ...]:
    """The ways to choose images, the control first, which others are made with."""
    if sampler is None:
        return (None,)
    return tuple(sorted(sampler.from_, key=lambda way: way != "random"))


def _sampling(way: Sampling, sampler: SamplerSettings | None) -> str:
    return f"{way} first" if sampler is not None and sampler.pace is not None else f"from {way}"


def sampled(point: Point, sampler: SamplerSettings | None, images: int) -> dict[str, Any]:
    """Return what says which images a pre-training sees; nothing where it sees all from the start.

    Args:
        point: the pre-training.
        sampler: settings of its family.
        images: training images there are.
    """
    if sampler is None:
        return {}
    return sampler_spec(point.sampling.split()[0 if sampler.pace is not None else 1], sampler, images)


def not_for(objective: str, recipe: Recipe, where: str) -> Iterator[SpecError]:
    """Yield settings of a recipe that a pre-training without labels has no use for."""
    for key, wrong in (
        ("mixup", recipe.augmentation.mixup),
        ("label_smoothing", recipe.label_smoothing),
        ("frozen", recipe.frozen != "none"),
    ):
        if wrong:
            yield SpecError(f"{where}.{key}", f"is nothing for 'objective: {objective}'; leave it out there")


def _with(spec: str, share: float, noise: float) -> str:
    if share == 1 and not noise:
        return spec
    source = parse(spec)
    return replace(source, keep=share, label_noise=noise or source.label_noise).spec
