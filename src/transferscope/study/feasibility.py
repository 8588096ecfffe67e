"""Whether a question can be asked of a study: known names, enough runs, and what it needs on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import SpecError
from ..models.network import Network
from ..questions.base import Question, starts_asked, unknown
from ..train.recipe import Recipe
from .inventory import Found
from .recorded import RecordedRun
from .snapshot_schedule import Kept

if TYPE_CHECKING:
    from .schema import Study

__all__ = ["of_labels", "of_network", "of_study"]


def of_network(where: str, question: Question, net: Network) -> Iterator[SpecError]:
    """Yield what is wrong with the modules that a question names, and what the network cannot be asked."""
    named = question.named_modules()
    known = [m.name for granularity in ("layer", "block", "stage") for m in net.modules(granularity)] if named else []
    for key, names in named.items():
        yield from unknown(names, known, f"{where}.{key}", f"module of {net.name}")
    if why := question.refuses(net):
        yield SpecError(where, why)


def of_labels(where: str, question: Question, images: Mapping[str, Found]) -> Iterator[SpecError]:
    """Yield what is wrong with the metrics of a question for the labels that images have."""
    if "auc" in (getattr(question, "metrics", None) or ()):
        for name, found in images.items():
            if not found.multilabel:
                message = f"'auc' is for several labels an image; {name} has one, take 'accuracy'"
                yield SpecError(f"{where}.metrics", message)


def of_study(
    where: str,
    question: Question,
    study: Study,
    targets: Mapping[str, Found],
    recipes: Mapping[tuple[str, str], Recipe],
    recorded: Mapping[str, Sequence[RecordedRun]],
) -> Iterator[SpecError]:
    """Yield what keeps a question from being answered.

    Args:
        where: its place in the study.
        question: what is asked.
        study: of what.
        targets: images by target, all of them.
        recipes: recipe by target and start, those that are right.
        recorded: by start, runs that were recorded elsewhere.
    """
    names = list(question.names(where, study))
    if names:
        yield from names
        return
    asked = {n: found for n, found in targets.items() if question.targets is None or n in question.targets}
    yield from of_labels(where, question, asked)
    yield from question.lacks(where, study, asked)
    yield from _weights(where, question, study, asked, recipes, recorded)


def _weights(
    where: str,
    question: Question,
    study: Study,
    asked: Mapping[str, Found],
    recipes: Mapping[tuple[str, str], Recipe],
    recorded: Mapping[str, Sequence[RecordedRun]],
) -> Iterator[SpecError]:
    """Yield the recorded weights that a question needs and the runs will not have kept, and what to record."""
    named, wanted = question.named_weights(), question.wants_recorded()
    starts = starts_asked(study, question)
    for (target, start), recipe in recipes.items():
        if target not in asked or start not in starts:
            continue
        if target not in (study.starts[start].targets or asked):
            continue
        if start in recorded:
            for run in recorded[start]:
                for key, tags in named.items():
                    yield from run.missing(tags, f"{where}.{key}")
                if wanted is not None and not run.between:
                    place = f"{where}.{wanted}".rstrip(".")
                    yield SpecError(place, f"needs weights kept between start and end; {run.root} has none")
            continue
        kept = Kept(study.record, recipe, asked[target].train)
        for key, tags in named.items():
            yield from kept.missing(tags, f"{where}.{key}")
        if wanted is not None and not kept.between():
            place = f"{where}.{wanted}".rstrip(".")
            yield SpecError(place, f"needs weights kept between start and end, and there are none; {kept.advice()}")
