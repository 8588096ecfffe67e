"""What all questions have in common: a class is the form of the settings, their help, and how they are answered."""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, PositiveInt

from ..errors import SpecError, nearest
from ..strict import Name, Strict
from .words import View, Words

if TYPE_CHECKING:
    from ..data.imageset import ImageSet
    from ..models.network import Network
    from ..probes.evaluate import EngineOptions
    from .protocols import ImagesView, Inputs, PlanView, StartView, StudyView
    from .result import Result

__all__ = [
    "AtPoints",
    "Ends",
    "Granularity",
    "Grid",
    "Metric",
    "NormPolicy",
    "OfPairs",
    "OfSomeRuns",
    "Question",
    "Weights",
    "classes_of",
    "not_trained_on",
    "starts_asked",
    "starts_trained",
    "unknown",
]

Ends: TypeAlias = Literal["best", "final"]
Weights: TypeAlias = Literal["start", "best", "final"]
Granularity: TypeAlias = Literal["layer", "block", "stage"]
Metric: TypeAlias = Literal["loss", "error", "accuracy", "auc"]
NormPolicy: TypeAlias = Literal["recalibrated", "interpolated", "kept"]
Grid: TypeAlias = Annotated[int, Field(ge=3, le=1001)]


class Question(Strict, ABC):
    """Settings of a question; the base of the class in each question's ``study.py``.

    Class attributes:
        revision: part of the identity of its answers; to be raised when the same settings give other numbers.
        words: its title, what it asks, how it is answered.
        least_runs: how many runs on a target it takes.
        files: how many files of weights it can be asked of at least, without any run; ``None``: of none.
        most_files: of how many at most; ``None``: of any number.
        wants_init: whether it then needs the weights they started from, too.
        headless: whether it can be asked of files without a final layer for the classes of the images.
        by_name: whether files are asked it only when it is named, since it takes long.
        several: whether it is about several targets of the same classes, and has no answer on one set of images.
        tells_apart: whether it tells starts of one kind apart; others take runs from pre-trained weights as alike.
        chooses: settings that decide what it is asked about, not how it is answered.
        among: settings that choose among the weights which a run has kept; a file has but one set.
        takes_probed: whether pre-trained weights have the probed final layer, where runs began with one.
        quick: settings of its short form, ``NAME: quick``, for questions that take long; empty where it has none.
    """

    revision: ClassVar[int]
    words: ClassVar[Words]
    least_runs: ClassVar[int] = 1
    files: ClassVar[int | None] = None
    most_files: ClassVar[int | None] = None
    wants_init: ClassVar[bool] = False
    headless: ClassVar[bool] = False
    by_name: ClassVar[bool] = False
    several: ClassVar[bool] = False
    tells_apart: ClassVar[bool] = False
    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows"})
    among: ClassVar[frozenset[str]] = frozenset({"weights", "ends", "epochs", "trajectories"})
    takes_probed: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Any]] = {}

    targets: tuple[Name, ...] | None = None
    """Ask only about these targets; default: all."""
    starts: tuple[Name, ...] | None = None
    """Ask only about runs from these starts; default: all, or, where the question takes pre-trained starts as alike,
    all but those from a second pre-training or with frozen layers."""
    shows: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Figures and tables of a paper that it answers, each with its targets (none: all), for ``--only fig4``."""

    @property
    def takes_source(self) -> bool:
        """Whether the pre-trained weights are looked at, too, where there are any."""
        return bool(getattr(self, "source", False))

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return the modules that settings name, by the setting's key."""
        return {}

    def refuses(self, net: Network) -> str:
        """Return why a network cannot be asked it, one sentence; ``""`` when it can."""
        return ""

    def named_weights(self) -> dict[str, tuple[str, ...]]:
        """Return the recorded weights that settings name (``epoch 3``, ``step 100``), by the setting's key."""
        return {}

    def wants_recorded(self) -> str | None:
        """Return the setting for which weights must be kept on the way; ``""`` where the question itself needs them.

        A file of weights stands for itself, so only a setting can ask too much of it.
        """
        return None

    def block_sides(self, side: int) -> tuple[str, ...]:
        """Return the sides of blocks that images of this side are shuffled in; all must divide it."""
        return ()

    def pretrained_epochs(self, study: StudyView) -> dict[str, tuple[int, ...]]:
        """Return the epochs of pre-trainings whose weights must be kept, by source."""
        return {}

    @classmethod
    def called(cls) -> str:
        """Return the one name of the question."""
        (name,) = typing.get_args(cls.model_fields["question"].annotation)
        return str(name)

    def identity(self) -> dict[str, Any]:
        """Return what decides the answer, plain data with the question's name."""
        return self.model_dump(mode="json", exclude=set(self.chooses))

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Estimate the work in images passed forward once; for progress bars and the order of steps.

        Args:
            networks: how many are asked about.
            images: how many test images each target has.
        """
        return 3.0 * self.seen(images) * networks

    def seen(self, images: Sequence[int]) -> int:
        """Return how many of the images are looked at, all targets together."""
        limit: int | None = getattr(self, "images", None)
        return sum(images if limit is None else (min(n, limit) for n in images))

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield a line for each name in the settings that the study has not.

        Args:
            where: place of the question in the study.
            study: what the study says.
        """
        yield from unknown(self.targets, study.targets, f"{where}.targets", "target")
        yield from unknown(self.starts, study.starts, f"{where}.starts", "start")
        for figure, targets in self.shows.items():
            yield from unknown(targets, study.targets, f"{where}.shows.{figure}", "target")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield what keeps the question from being answered: too few runs, or what it cannot be asked of.

        Args:
            where: place of the question in the study.
            study: what the study says; its names are right.
            images: the targets that are asked about.
        """
        for target in images:
            counts = self.run_counts(study, target)
            if sum(counts.values()) < self.least_runs:
                runs = f"{self.least_runs} run{'s' * (self.least_runs > 1)}"
                there = sum(counts.values())
                yield SpecError(where, f"needs {runs} on {target}, there are {there}; add a start or a seed")

    def run_counts(self, study: StudyView, target: str) -> dict[str, int]:
        """Return how many runs on a target the question is about, by what they start from."""
        limit = getattr(self, "runs", None)
        counts = {"source": 0, "random": 0}  # from whichever source
        for name in starts_asked(study, self):
            start = study.starts[name]
            if target in (start.targets or (target,)):
                counts["random" if start.source is None else "source"] += len(start.seeds[:limit])
        return counts

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return the steps that answer the question, by title: one for each target.

        Args:
            plan: the plan, to take from and to add to.
            targets: those that are asked about.
        """
        return {target: plan.ask(self, target, [target], plan.runs(self, [target])) for target in targets}

    @abstractmethod
    def answer(self, inputs: Inputs) -> Result:
        """Compute the answer."""

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the pictures of a result besides the one that the question is known by."""
        return ()

    def figures(self) -> int:
        """Return about how many figures an answer has, these included, before there is one."""
        return 1


class OfSomeRuns(Question):
    """What questions can be told that take long for each run."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "runs"})

    runs: PositiveInt | None = None
    """Ask only about so many runs of each start; default: all."""


class AtPoints(Question):
    """What questions can be told that evaluate networks at points of weight space."""

    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """Number format of products; bfloat16 where only a first look is wanted and the processor is fast at it."""
    compiled: bool = False
    """Compile what is evaluated again and again: seconds to minutes once, faster passes then; for large grids."""

    def engine(self, inputs: Inputs, train: ImageSet | None = None, *, shared: bool = False) -> EngineOptions:
        """Return how points of weight space are evaluated.

        Args:
            inputs: what the answer is made from.
            train: images on which batch-norm statistics are collected anew.
            shared: whether other questions look at the same points.
        """
        norm: Any = getattr(self, "norm", "recalibrated")
        return {
            "device": inputs.device,
            "kept": inputs.kept,
            "norm": norm,
            "precision": self.precision,
            "compiled": self.compiled,
            "recalibrate_on": train,
            "shared": inputs.shared if shared else None,
        }


class OfPairs(AtPoints):
    """What questions can be told that follow lines between pairs of networks."""

    partners: PositiveInt | None = None
    """Join each network with at most so many others that follow it, for each kind of pair; default: with all. With
    many seeds the work then grows with their number, not with its square."""

    def lines(self, networks: int) -> float:
        """Estimate how many pairs are joined; of one network one."""
        every = (networks - 1) / 2
        return networks * max(1.0, every if self.partners is None else min(every, 2 * self.partners))


def starts_asked(study: StudyView, question: Question) -> list[str]:
    """Return the starts whose runs a question is about: those it names, else all that it can take as alike.

    Runs from another pre-training, or with frozen layers, are not what the papers' claims about P-T are about, and
    would be averaged with those that are.
    """
    if question.starts is not None:
        return list(question.starts)
    if question.tells_apart:
        return list(study.starts)
    used = dict.fromkeys(s.source for s in study.starts.values() if s.source is not None)
    alike = {None, next((name for name in study.pretrainings if name in used), None)}
    frozen = {name for name, start in study.starts.items() if start.recipe.get("frozen", "none") != "none"}
    found = [name for name, start in study.starts.items() if start.source in alike and name not in frozen]
    return found or list(study.starts)


def starts_trained(study: StudyView, question: Question) -> list[str]:
    """Return the starts whose runs a question trains: those it names, else the first from a source and at random."""
    if question.starts is not None:
        return list(question.starts)
    plain = {name: start for name, start in study.starts.items() if not start.altered}
    first = [next((n for n, s in plain.items() if (s.source is None) == fresh), None) for fresh in (False, True)]
    return [name for name in first if name is not None]


def classes_of(images: Mapping[str, ImagesView]) -> str:
    """Say which classes some targets have."""
    return ", ".join(
        f"{name} ({len(found.classes)} classes: {found.classes[0]}, …)" for name, found in images.items()
    )


def not_trained_on(where: str, starts: Mapping[str, StartView], targets: Mapping[str, Any]) -> Iterator[SpecError]:
    """Yield a line for each target that a start is not trained on."""
    for name, start in starts.items():
        for target in targets:
            if start.targets is not None and target not in start.targets:
                yield SpecError(where, f"is asked of {target}, which the start {name!r} is not trained on")


def unknown(names: Iterable[str] | None, known: Iterable[str], where: str, what: str) -> Iterator[SpecError]:
    """Yield a line for each name that is not known."""
    for name in names or ():
        if name not in known:
            yield SpecError(where, f"there is no {what} {name!r}{nearest(name, known)}")
