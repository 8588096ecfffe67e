"""The pre-trainings of a grid: which there are, and whether each can be run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..data.spec import parse
from ..errors import SpecError
from ..train.recipe import Recipe
from .inventory import Found
from .schema import GridSettings, Study

__all__ = ["FACTORS", "CheckedPoint", "Point", "check_grid", "points_of"]

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
    """

    name: str
    family: str
    network: str
    data: str
    factors: Mapping[str, float]
    recipe: Mapping[str, Any]
    seed: int


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

    >>> more = {"width": (8, 16), "lr": (0.1, 0.2), "vary": "alone"}
    >>> given = GridSettings(data="synthetic:source", network="mlp:{width}", **more)
    >>> [(p.name, p.network) for p in points_of("mlp", given)]
    [('mlp width 8 lr 0.1', 'mlp:8'), ('mlp width 16 lr 0.1', 'mlp:16'), ('mlp width 8 lr 0.2', 'mlp:8')]
    """
    values = {name: getattr(given, name) for name in FACTORS if getattr(given, name)}
    told = [name for name, of in values.items() if len(of) > 1]
    found = []
    for chosen in _combinations(values, given.vary == "alone"):
        for seed in given.seeds:
            words = [f"{name} {chosen[name]:g}" for name in told]
            words += [f"seed {seed}"] if len(given.seeds) > 1 else []
            network = given.network
            for name in _OF_NETWORK:
                network = network.replace(f"{{{name}}}", f"{chosen.get(name, 0):g}")
            recipe = {k: v for k, v in chosen.items() if k in Recipe.__dataclass_fields__}
            data = _with(given.data, chosen["share"], chosen.get("label_noise", 0.0))
            found.append(Point(" ".join([family, *words]), family, network, data, chosen, recipe, seed))
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
            patches = [("recipe", study.recipe), (f"{where}.recipe", given.recipe), (where, point.recipe)]
            made = recipe(patches, found[point.data])
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
    for name in (*FACTORS, "seeds"):
        values = getattr(given, name)
        if len(set(values)) < len(values):
            yield SpecError(f"{where}.{name}", f"holds a value twice: {list(values)}")


def _with(spec: str, share: float, noise: float) -> str:
    from dataclasses import replace

    if share == 1 and not noise:
        return spec
    source = parse(spec)
    return replace(source, keep=share, label_noise=noise or source.label_noise).spec
