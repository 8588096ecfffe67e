"""What a question may ask of a study, of its plan, and of a run folder; ``study/`` fulfils it.

So a question needs nothing from the floors above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from ..data.imageset import ImageSet, ImageSplits
    from ..evidence.guard import Witness
    from ..models.network import Network
    from ..models.solution import Solution
    from ..params import Params
    from ..probes.metrics import Metric
    from ..probes.partial_results import Kept
    from ..progress import Progress
    from ..train.run import Run

__all__ = [
    "Alteration",
    "GridPoint",
    "ImagesView",
    "Inputs",
    "Offered",
    "PlanView",
    "StartView",
    "StepView",
    "StudyView",
]

_R = TypeVar("_R")

Alteration = Literal["top_singular", "basin_noise", "average"]
"""What keeps a start from being plain: altered weights at the start, averages at the end."""

NOT_LEARNED = "the images it was pre-trained on are not known"
"""Why nothing can be said of the task that a file of weights was pre-trained on."""


@dataclass(frozen=True, eq=False)
class Offered:
    """Weights that one could start from, with a network of their own.

    Attributes:
        solution: the weights; without a final layer where they have none.
        net: the network, with as many outputs as that final layer.
        splits: the target's images as this network wants to see them.
        softmax: whether the final layer is known not to be one of sigmoids.
        source: name of the pre-training in the study; empty for a file.
        tunable: the network with the target's classes; by default ``net``.
        learned: images that it was pre-trained on with the labels it learned, or why there are none.
    """

    solution: Solution
    net: Network
    splits: ImageSplits
    softmax: bool = True
    source: str = ""
    tunable: Network | None = None
    learned: ImageSet | str = NOT_LEARNED


@dataclass(frozen=True, eq=False)
class GridPoint:
    """A pre-training of a grid as it came out.

    Attributes:
        name: what it is called.
        family: its family.
        factors: width, depth, share, epochs, … as far as its family gives them.
        seed: of initialisation and training.
        net: its network, with the source's classes.
        params: its weights; ``None`` where it diverged.
        accuracy: on the source's test images; nan where it diverged.
        images: how many these are.
        trained_on: training images it has seen, with repetitions.
        ended: ``finished`` or how it did not.
        finetuned: test accuracy after fine-tuning on the target; ``None`` where that is not asked, nan where it
            diverged.
        tuned: the weights then; ``None`` where that is not asked, or it diverged.
        tuned_net: the network then, with the target's classes.
        source: name of what it is trained on, before objectives and samples make several families of it.
        objective: what it learned: ``supervised``, ``simclr`` or ``clip``.
        sampling: how its images were chosen; empty where all are taken.
        sample: what they are: ``images``, ``effective classes`` and ``Vendi score``; empty where all are taken.
    """

    name: str
    family: str
    factors: Mapping[str, float]
    seed: int
    net: Network
    params: Params | None
    accuracy: float
    images: int
    trained_on: int
    ended: str
    finetuned: float | None = None
    tuned: Params | None = None
    tuned_net: Network | None = None
    source: str = ""
    objective: str = "supervised"
    sampling: str = ""
    sample: Mapping[str, float] = field(default_factory=dict)


class ImagesView(Protocol):
    """A set of images as it is listed, before a pixel is decoded."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels or none."""

    @property
    def train(self) -> int:
        """Number of training images."""

    @property
    def val(self) -> int:
        """Number of validation images."""

    @property
    def test(self) -> int:
        """Number of test images."""


class StartView(Protocol):
    """Where some runs of a study start."""

    @property
    def source(self) -> str | None:
        """Name of the pre-training, ``None`` for random weights."""

    @property
    def altered(self) -> tuple[str, ...]:
        """What keeps its runs from being plain P-T or RI-T."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """How training from it differs."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """One run for each."""

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The only targets it is trained on; ``None`` for all."""


class StudyView(Protocol):
    """What a study says of its runs."""

    @property
    def targets(self) -> Mapping[str, Any]:
        """Targets by name."""

    @property
    def starts(self) -> Mapping[str, StartView]:
        """Starts by name."""

    @property
    def pretrainings(self) -> Mapping[str, Any]:
        """Pre-trainings by name."""

    @property
    def grid(self) -> Mapping[str, Any]:
        """Families of the grid by name."""


class StepView(Protocol):
    """Something that a plan computes."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it is computed from, by role."""

    @property
    def digest(self) -> str:
        """What it is known by: equal for equal numbers."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """What decides its numbers."""


class PlanView(Protocol):
    """A study's plan in the making: what a question takes from it, and how it adds to it."""

    @property
    def study(self) -> StudyView:
        """What the study says."""

    @property
    def side(self) -> int:
        """Side of the images in pixels."""

    @property
    def images(self) -> Mapping[str, StepView]:
        """The steps that prepare the images of targets."""

    def listed(self, target: str) -> ImagesView:
        """Return what the images of a target are."""

    def groups(self, targets: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the groups of two or more targets that have the same classes."""

    def shuffled(self, target: str, block: str, seed: int) -> StepView:
        """Return the step that prepares the images of a target with their blocks shuffled."""

    def runs(self, question: Any, targets: Sequence[str]) -> list[Any]:
        """Return the study's runs on some targets that a question is asked about."""

    def own(self, target: str, start: str, seeds: int | None) -> list[Any]:
        """Return the study's runs from a start on a target, of the first so many seeds."""

    def pretraining(self, source: str) -> StepView:
        """Return the step of a pre-training."""

    def pretraining_epochs(self, source: str) -> list[int]:
        """Return the epochs after which a pre-training keeps its weights."""

    def train_shuffled(
        self, target: str, block: str, seed: int, *, starts: Sequence[str], seeds: int | None
    ) -> list[Any]:
        """Train runs on a target's images with their blocks shuffled."""

    def train_from(self, target: str, start: str, epoch: int, *, seeds: int | None) -> list[Any]:
        """Train runs from the weights after an epoch of the pre-training."""

    def grid(self) -> list[str]:
        """Return the names of the grid's pre-trainings."""

    def finetuned(self, target: str) -> Mapping[str, Any]:
        """Return the steps that fine-tune each pre-training of the grid on a target, by its name."""

    def train_union(self, targets: Sequence[str], *, starts: Sequence[str], seeds: int | None) -> list[Any]:
        """Train runs on the images of several targets together."""

    def ask(
        self,
        question: Any,
        title: str,
        targets: Sequence[str],
        runs: Sequence[Any],
        *,
        more: Mapping[str, Any] | None = None,
        pretrainings: Mapping[str, str] | None = None,
        grid: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the step that answers the question.

        Args:
            question: what is asked.
            title: which of its answers it is; empty when there is one.
            targets: whose images it is about.
            runs: what it is asked about.
            more: further steps it takes, by role.
            pretrainings: which weights of which pre-trainings it looks at, too: source → tag.
            grid: pre-trainings of the grid by name, each with the step that fine-tunes it, or ``None``.
        """


class Inputs(Protocol):
    """What an answer is made from; everything is read when it is asked for."""

    @property
    def net(self) -> Network:
        """The network with the targets' classes."""

    @property
    def targets(self) -> Sequence[str]:
        """Names of the targets."""

    @property
    def images(self) -> Mapping[str, ImageSplits]:
        """Images by target."""

    @property
    def splits(self) -> ImageSplits:
        """Images of the first target, the only one for most questions."""

    @property
    def runs(self) -> Sequence[Run]:
        """The training runs; none where files are asked about."""

    @property
    def device(self) -> str:
        """Where to compute."""

    @property
    def threads(self) -> int:
        """How many threads may be used."""

    @property
    def kept(self) -> Kept:
        """Partial results of an earlier sitting."""

    @property
    def shared(self) -> Kept | None:
        """A place for logits that other questions need, too; ``None`` where runs are asked."""

    @property
    def progress(self) -> Progress:
        """How to say how far it is."""

    def solutions(self, weights: str | Sequence[str] = "final") -> list[Solution]:
        """Return the weights of each run at these times, and those of the given files."""

    def given(self) -> list[Solution]:
        """Return the weights of the given files."""

    def at(self, run: Run, tag: str) -> Solution | None:
        """Return weights of a run; ``None`` when it diverged before there were any, which is noted."""

    def source(self) -> tuple[Solution, Network] | None:
        """Return the pre-trained weights and their network, when the question takes them."""

    def pretrained(self) -> dict[str, Solution]:
        """Return the weights of all pre-trainings that the question looks at, by source."""

    def controls(self) -> dict[str, str]:
        """Return the control of each pre-training that chose its images, where there are runs from both."""

    def offered(self) -> list[Offered]:
        """Return the given files and the pre-trainings that the question looks at, each with its own network."""

    def grid(self) -> Iterator[GridPoint]:
        """Yield the pre-trainings of the grid that the question is asked about, as they came out."""

    def started(self, point: str) -> Params:
        """Return the weights that a pre-training of the grid started from."""

    def trained_on(self, point: str) -> ImageSplits:
        """Return the images of a pre-training of the grid."""

    def answers(self, prefix: str, kind: type[_R]) -> dict[str, _R]:
        """Return the results of other questions that are inputs whose names begin so, by the rest of the name."""

    def journey(self) -> tuple[Params, Solution]:
        """Return the weights that the only file started from, and those in it."""

    def nets(self) -> dict[str, Network]:
        """Return the network with each target's classes."""

    def counts(self, part: str) -> dict[str, int]:
        """Return how many images a part of each target has."""

    def pretraining(self, name: str) -> Run:
        """Return a pre-training as a run."""

    def shown(self, name: str) -> ImageSplits:
        """Return images that are an input besides those of the targets."""

    def roles(self, prefix: str) -> list[str]:
        """Return the names of the inputs that begin with a prefix."""

    def tests(self, most: int | None = None) -> dict[str, ImageSet]:
        """Return the test images of each target, at most so many."""

    def part(self, name: str) -> ImageSet:
        """Return a part of the first target, all of its images."""

    def sets(self, parts: Sequence[str], most: int | None = None) -> dict[str, ImageSet]:
        """Return parts of the first target, at most so many images of each."""

    def altered(self) -> dict[str, tuple[Alteration, ...]]:
        """Return what was altered of each start from pre-trained weights that is not plain."""

    def outcomes(
        self,
        run: Run,
        images: ImageSet | None = None,
        metric: Metric | None = None,
        weights: Literal["final", "best"] = "final",
    ) -> np.ndarray:
        """Return what each image adds to a run's metric, one number an image whose mean is the metric.

        Args:
            run: a run that did not diverge.
            images: the images; by default the test images of its target.
            metric: by default that of the target.
            weights: of the run.
        """

    def witnesses(self, target: str | None = None) -> tuple[Witness, ...]:
        """Return runs on a target (the first one), files and their pre-trainings, with what is wrong with each."""

    def note(self, topic: str, text: str) -> None:
        """Put on record what is not as plain as asked."""
