"""What an answer is made from: images, networks, and runs or files of weights, read from the run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np
import torch

from ...data.imageset import ImageSet, ImageSplits
from ...evidence.guard import Witness, pretraining_called, unfit
from ...evidence.left_out import LeftOut, joined
from ...evidence.proportion import proportion
from ...models.network import Network
from ...models.solution import Solution
from ...params import Params
from ...probes.metrics import Metric
from ...probes.outcomes import outcomes
from ...progress import Progress
from ...questions.protocols import NOT_LEARNED, Alteration, GridPoint, Offered
from ...questions.result import Result
from ...store.partial_results import KeptArrays
from ...store.recording import START
from ...train.run import Run, condition_called
from ..graph import Step
from ..perform import Context
from ..runs import load_run
from ..sampling import controls_among
from .checkpoint import Taken
from .data import DataSummary, images_of, why_not_learned
from .grid_point import grid_point
from .network import network_of
from .train import Trained

__all__ = ["QuestionInputs"]

_R = TypeVar("_R")


class QuestionInputs:
    """Fulfils :class:`~transferscope.questions.protocols.Inputs` for a step of a run folder.

    Args:
        context: of the step.
    """

    def __init__(self, context: Context) -> None:
        spec = context.step.spec
        self._context = context
        self.targets: list[str] = spec["targets"]
        self.images: dict[str, ImageSplits] = {t: images_of(context.step.inputs[f"images {t}"]) for t in self.targets}
        self.runs = [self._run(described) for described in spec["runs"]]
        self.device = str(context.device)
        self._left: list[LeftOut] = []  # runs without the weights that are asked for
        self.kept = context.draft.kept(lambda: context.seconds)
        context.earlier = self.kept.seconds()

    def _run(self, described: Mapping[str, Any]) -> Run:
        run = load_run(
            self._context.stored(described["input"]),
            label=described["label"],
            role=described["role"],
            group=described["group"],
            seed=described["seed"],
            target=described["target"],
            # Runs from the study's only pre-training do not name it.
            source=described.get("source", "source" if described["role"] == "P-T" else ""),
            condition=described.get("condition", ""),
            start_name=described["label"].rpartition(" ")[0],
        )
        step = self._context.step.inputs[described["input"]]
        return replace(run, unfit=self._unfit(run, step.inputs["images"]))

    def _unfit(self, run: Run, images: Step) -> str:
        """Say why a run is no witness for claims about networks that learned; empty where it is one."""
        known = self._context.folder.find(images.identity)
        if known is None:  # nothing can be said against it
            return run.ended if run.diverged else ""
        test = known.result(DataSummary).test
        value, ranked = run.final_metric(), run.metric == "auc"
        if math.isnan(value) and not run.diverged:
            return ""
        chance = 0.5 if ranked else max(test.per_class) / max(1, test.images)
        low = None if ranked or run.diverged else proportion(round(value * test.images), test.images).low
        return unfit(value, low, chance, diverged=run.ended if run.diverged else "")

    @property
    def shared(self) -> KeptArrays | None:
        """A place for logits that other questions about the same files need, too; ``None`` where runs are asked."""
        return None if self.runs else KeptArrays(self._context.folder.root / "work" / "logits")

    @property
    def threads(self) -> int:
        """How many threads this step may use."""
        return torch.get_num_threads()

    @property
    def progress(self) -> Progress:
        """How to say how far it is."""
        return self._context.progress

    @property
    def splits(self) -> ImageSplits:
        """Images of the first target (of the only one, for most questions)."""
        return self.images[self.targets[0]]

    @property
    def net(self) -> Network:
        """The network with the targets' classes."""
        return network_of(self._context.step.spec["network"], len(self.splits.classes))

    def solutions(self, weights: str | Sequence[str] = "final") -> list[Solution]:
        """Return the weights of each run at the times asked for, and those of the given files.

        Runs that diverged have no final weights, which is noted.
        """
        tags = [
            "epoch 0" if name == "start" else name for name in ([weights] if isinstance(weights, str) else weights)
        ]
        of_runs = [self.at(run, tag) for tag in tags for run in self.runs]
        return [solution for solution in of_runs if solution is not None] + self.given()

    def given(self) -> list[Solution]:
        """Return the weights of the given files."""
        return [
            Solution(g["label"], self._context.stored(g["input"]).weights()["given"], "", g["group"])
            for g in self._context.step.spec["given"]
        ]

    def outcomes(
        self,
        run: Run,
        images: ImageSet | None = None,
        metric: Metric | None = None,
        weights: Literal["final", "best"] = "final",
    ) -> np.ndarray:
        """Return what each image adds to a run's metric, one number an image whose mean is the metric."""
        seen = self.images[run.target].test if images is None else images
        net = network_of(self._context.step.spec["network"], len(seen.classes))
        return outcomes(net, run.at(weights).params, seen, metric, device=self.device)

    def witnesses(self, target: str | None = None) -> tuple[Witness, ...]:
        """Return the runs on a target and the pre-trainings they started from, with what is wrong with each.

        Without any run, these are the pre-trainings that the question looks at.
        """
        wanted = self.targets[0] if target is None else target
        runs = [
            (run, described)
            for run, described in zip(self.runs, self._context.step.spec["runs"], strict=True)
            if run.target == wanted
        ]
        found = [Witness(run.label, run.role, run.unfit, condition_called(run.condition)) for run, _ in runs]
        looked_at = () if self.runs else self._context.step.spec["pretrainings"]
        sources = {name: self._context.step.inputs[f"pretraining {name}"] for name in looked_at}
        for run, described in runs:
            step = self._context.step.inputs[described["input"]].inputs.get("source")
            if step is not None:
                sources.setdefault(run.source or "source", step)
        return (*found, *(self._pretraining_witness(name, step) for name, step in sources.items()))

    def _pretraining_witness(self, name: str, step: Step) -> Witness:
        label = pretraining_called(name)
        stored = self._context.folder.find(step.identity)
        if step.kind != "train" or stored is None:  # a file of weights: what it learned is not known
            return Witness(label, "P")
        run = load_run(stored, label=label, role="P", group="", seed=0, target=step.name)
        return Witness(label, "P", self._unfit(run, step.inputs["images"]))

    def at(self, run: Run, tag: str) -> Solution | None:
        """Return weights of a run, or ``None`` when it diverged before there were any."""
        if tag not in run.snapshots and run.diverged:
            self._left.append(LeftOut(run.label, run.ended, run.target))
            return None
        return run.at(tag)

    def source(self) -> tuple[Solution, Network] | None:
        """Return the pre-trained weights and their network, when the step takes them."""
        spec = self._context.step.spec
        if spec["source"] is None:
            return None
        params = self._context.stored("source").weights()[spec["source"]["weights"]]
        head = params.get(f"{self.net.head}.weight")
        classes = len(head) if head is not None else len(self.splits.classes)
        return Solution(spec["source"]["label"], params, "P", "P"), network_of(spec["network"], classes)

    def pretrained(self) -> dict[str, Solution]:
        """Return the weights of all pre-trainings that the step takes, by source.

        One that diverged before it had such weights is left out, which is noted.
        """
        found = {}
        for source, tag in self._context.step.spec["pretrainings"].items():
            role = f"pretraining {source}"
            weights = self._context.stored(role).weights()
            if tag not in list(weights) and self._context.step.inputs[role].kind == "train":
                ended = self._context.stored(role).result(Trained).ended
                if ended != "finished":
                    self._left.append(LeftOut(pretraining_called(source), ended))
                    continue
            label = "P" if source == "source" else f"P {source}"
            found[source] = Solution(label, weights[tag], "P", label)
        return found

    def controls(self) -> dict[str, str]:
        """Return the control of each pre-training that chose its images, where there are runs from both."""
        described = self._context.step.spec["runs"]
        begun = [self._context.step.inputs[of["input"]].inputs.get("source") for of in described]
        steps = {run.source: step for run, step in zip(self.runs, begun, strict=True) if step is not None}
        return controls_among({name: step for name, step in steps.items() if name and step.kind == "train"})

    def offered(self) -> list[Offered]:
        """Return the given files and the pre-trainings that the step takes, each with its own network and images.

        Files may be of different networks, which then name theirs and the images in its size.
        """
        spec, own = self._context.step.spec, self.splits
        found = []
        for described, solution in zip(spec["given"], self.given(), strict=True):
            network = described.get("network", spec["network"])
            splits = images_of(self._context.step.inputs[described["images"]]) if "images" in described else own
            net = network_of(network, self._context.stored(described["input"]).result(Taken).classes)
            tunable = network_of(network, len(self.splits.classes))
            shown = described.get("learned", "")
            learned = self.shown(shown).train if shown in self._context.step.inputs else shown or NOT_LEARNED
            found.append(
                Offered(solution, net, splits, described.get("softmax", True), tunable=tunable, learned=learned)
            )
        for source, solution in self.pretrained().items():
            step = self._context.step.inputs[f"pretraining {source}"]
            head = solution.params.get(f"{self.net.head}.weight")
            net = network_of(spec["network"], len(head) if head is not None else len(self.splits.classes))
            found.append(Offered(solution, net, own, not self._several(step), source, self.net, self._learned(step)))
        return found

    def _learned(self, step: Step) -> ImageSet | str:
        """The images that a pre-training learned the labels of."""
        why = why_not_learned(step)
        return why or images_of(step.inputs["images"]).train

    def _several(self, step: Step) -> bool:
        """Whether a pre-training was on images with several labels; of a file that is not known."""
        images = step.inputs.get("images")
        known = None if images is None else self._context.folder.find(images.identity)
        return known is not None and known.result(DataSummary).multilabel

    def grid(self) -> Iterator[GridPoint]:
        """Yield the pre-trainings of the grid that the question is asked about, as they came out."""
        for described in self._context.step.spec["grid"]:
            name = described["name"]
            yield grid_point(self._context, described, f"point {name}", f"finetuned {name}")

    def started(self, point: str) -> Params:
        """Return the weights that a pre-training of the grid started from."""
        return self._context.stored(f"point {point}").weights()[START]

    def trained_on(self, point: str) -> ImageSplits:
        """Return the images of a pre-training of the grid."""
        return images_of(self._context.step.inputs[f"point {point}"].inputs["images"])

    def answers(self, prefix: str, kind: type[_R]) -> dict[str, _R]:
        """Return the results of other questions that are inputs whose names begin so, by the rest of the name.

        Those that found nothing to ask about are left out.
        """
        stored = {name.removeprefix(prefix): self._context.stored(name) for name in self.roles(prefix)}
        return {name: step.result(kind) for name, step in stored.items() if not step.unanswered}

    def journey(self) -> tuple[Params, Solution]:
        """Return the weights the only file started from, and those in it."""
        source = self.source()
        assert source is not None, "files are only asked what wants their start when it is given"
        return source[0].params, self.given()[0]

    def nets(self) -> dict[str, Network]:
        """Return the network with each target's classes."""
        spec = self._context.step.spec["network"]
        return {target: network_of(spec, len(splits.classes)) for target, splits in self.images.items()}

    def counts(self, part: str) -> dict[str, int]:
        """Return how many images a part of each target has."""
        return {target: len(getattr(splits, part)) for target, splits in self.images.items()}

    def pretraining(self, name: str) -> Run:
        """Return a pre-training as a run."""
        step = self._context.step.inputs[name]
        stored, seed = self._context.stored(name), step.spec["seed"]
        return load_run(stored, label="P", role="P", group=f"RI {seed}", seed=seed, target=step.name)

    def shown(self, name: str) -> ImageSplits:
        """Return images that are an input besides those of the targets."""
        return images_of(self._context.step.inputs[name])

    def roles(self, prefix: str) -> list[str]:
        """Return the names of the inputs that begin with a prefix."""
        return [name for name in self._context.step.inputs if name.startswith(prefix)]

    def tests(self, most: int | None = None) -> dict[str, ImageSet]:
        """Return the test images of each target, at most so many."""
        return {target: _some(splits.test, most) for target, splits in self.images.items()}

    def part(self, name: str) -> ImageSet:
        """Return a part of the first target, all of its images."""
        part: ImageSet = getattr(self.splits, name)
        return part

    def sets(self, parts: Sequence[str], most: int | None = None) -> dict[str, ImageSet]:
        """Return parts of the first target, at most so many images of each."""
        return {part: _some(self.part(part), most) for part in parts}

    def altered(self) -> dict[str, tuple[Alteration, ...]]:
        """Return what was altered of each start from pre-trained weights that is not plain."""
        of_runs = zip(self.runs, self._context.step.spec["runs"], strict=True)
        return {run.start_name: tuple(described["altered"]) for run, described in of_runs if "altered" in described}

    def note(self, topic: str, text: str) -> None:
        """Put on record what is not as plain as asked."""
        self._context.draft.note(topic, text)

    def note_result(self, result: Result) -> None:
        """Put on record what the result itself says was not as plain as asked."""
        how = getattr(result, "how", None)
        if how is not None and how.norm not in ("none", ""):
            on = f" on {how.recalibrated_on}" if how.recalibrated_on else ""
            self.note("norms", f"batch-norm statistics {how.norm}{on}")
        if how is not None and how.precision != "float32":
            self.note("computed", f"computed in {how.precision}")
        if how is not None and how.reason:
            self.note("computed", f"slower than it could be: {how.reason}")
        only = self.targets[0] if len(self.targets) == 1 else ""
        found = [*self._left, *getattr(result, "left_out", ())]
        for text in joined(left if left.target else replace(left, target=only) for left in found):
            self.note("left out", text)


def _some(images: ImageSet, most: int | None) -> ImageSet:
    return images if most is None else images.sample(most)
