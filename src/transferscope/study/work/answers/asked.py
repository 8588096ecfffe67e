"""What an answer is made from: the step's settings, images, networks, and runs or files of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ....data.imageset import ImageSet, ImageSplits
from ....models.network import Network
from ....models.solution import Solution
from ....params import Params
from ....results import Result
from ....train.run import Run
from ...perform import Context
from ...runs import load_run
from ..data import images_of
from ..network import network_of

__all__ = ["Asked"]


class Asked:
    """What a question is asked about, read when it is needed."""

    def __init__(self, context: Context) -> None:
        spec = context.step.spec
        self.context = context
        self.settings: Mapping[str, Any] = spec["settings"]
        self.targets: list[str] = spec["targets"]
        self.images: dict[str, ImageSplits] = {t: images_of(context.step.inputs[f"images {t}"]) for t in self.targets}
        self.runs = [
            load_run(
                context.stored(r["input"]),
                label=r["label"],
                role=r["role"],
                group=r["group"],
                seed=r["seed"],
                target=r["target"],
                # Runs from the study's only pre-training do not name it.
                source=r.get("source", "source" if r["role"] == "P-T" else ""),
                condition=r.get("condition", ""),
                start_name=r["label"].rpartition(" ")[0],
            )
            for r in spec["runs"]
        ]
        self.device = str(context.device)
        self.kept = context.draft.kept(lambda: context.seconds)
        context.earlier = self.kept.seconds()

    @property
    def threads(self) -> int:
        """How many threads this step may use."""
        return torch.get_num_threads()

    @property
    def engine(self) -> dict[str, Any]:
        """How points of weight space are evaluated: options of the engine."""
        settings = self.settings
        return {
            "device": self.device,
            "kept": self.kept,
            "norm": settings["norm"],
            "precision": settings["precision"],
            "compiled": settings["compiled"],
        }

    @property
    def splits(self) -> ImageSplits:
        """Images of the first target (of the only one, for most questions)."""
        return self.images[self.targets[0]]

    @property
    def net(self) -> Network:
        """The network with the targets' classes."""
        return network_of(self.context.step.spec["network"], len(self.splits.classes))

    def solutions(self) -> list[Solution]:
        """Return the weights of each run at the time asked for, or those of the given files.

        Runs that diverged have no final weights, which is noted.
        """
        asked = self.settings.get("weights", "final")
        tags = ["epoch 0" if name == "start" else name for name in ([asked] if isinstance(asked, str) else asked)]
        of_runs = [self.at(run, tag) for tag in tags for run in self.runs]
        return [solution for solution in of_runs if solution is not None] + self.given()

    def given(self) -> list[Solution]:
        """Return the weights of the given files."""
        return [
            Solution(g["label"], self.context.stored(g["input"]).weights()["given"], "", g["group"])
            for g in self.context.step.spec["given"]
        ]

    def at(self, run: Run, tag: str) -> Solution | None:
        """Return weights of a run, or ``None`` when it diverged before there were any."""
        if tag not in run.snapshots and run.diverged:
            self.context.draft.note("left out", f"{run.label} on {run.target} {run.ended} and is left out")
            return None
        return run.at(tag)

    def source(self) -> tuple[Solution, Network] | None:
        """Return the pre-trained weights and their network, when the step takes them."""
        spec = self.context.step.spec
        if spec["source"] is None:
            return None
        params = self.context.stored("source").weights()[spec["source"]["weights"]]
        head = params.get(f"{self.net.head}.weight")
        classes = len(head) if head is not None else len(self.splits.classes)
        return Solution(spec["source"]["label"], params, "P", "P"), network_of(spec["network"], classes)

    def journey(self) -> tuple[Params, Solution]:
        """Return the weights the only file started from, and those in it."""
        source = self.source()
        assert source is not None, "files are only asked what wants their start when it is given"
        return source[0].params, self.given()[0]

    def nets(self) -> dict[str, Network]:
        """Return the network with each target's classes."""
        spec = self.context.step.spec["network"]
        return {target: network_of(spec, len(splits.classes)) for target, splits in self.images.items()}

    def counts(self, part: str) -> dict[str, int]:
        """Return how many images a part of each target has."""
        return {target: len(getattr(splits, part)) for target, splits in self.images.items()}

    def pretraining(self, name: str) -> Run:
        """Return a pre-training as a run."""
        step = self.context.step.inputs[name]
        stored, seed = self.context.stored(name), step.spec["seed"]
        return load_run(stored, label="P", role="P", group=f"RI {seed}", seed=seed, target=step.name)

    def shown(self, name: str) -> ImageSplits:
        """Return images that are an input besides those of the targets."""
        return images_of(self.context.step.inputs[name])

    def tests(self) -> dict[str, ImageSet]:
        """Return the test images of each target, at most as many as the settings say."""
        return {target: self._some(splits.test) for target, splits in self.images.items()}

    def part(self, name: str) -> ImageSet:
        """Return a part of the only target, all of its images."""
        part: ImageSet = getattr(self.splits, name)
        return part

    def sets(self, parts: Sequence[str]) -> dict[str, ImageSet]:
        """Return parts of the only target, at most as many images of each as the settings say."""
        return {part: self._some(self.part(part)) for part in parts}

    def _some(self, images: ImageSet) -> ImageSet:
        limit = self.settings.get("images")
        return images if limit is None else images.sample(limit)

    def note(self, result: Result) -> None:
        """Put on record what the result itself says was not as plain as asked."""
        draft = self.context.draft
        how = getattr(result, "how", None)
        if how is not None and how.norm not in ("none", ""):
            on = f" on {how.recalibrated_on}" if how.recalibrated_on else ""
            draft.note("norms", f"batch-norm statistics {how.norm}{on}")
        if how is not None and how.precision != "float32":
            draft.note("computed", f"computed in {how.precision}")
        if how is not None and how.reason:
            draft.note("computed", f"slower than it could be: {how.reason}")
        for name in ("left_out", "omissions"):
            for left in getattr(result, name, ()):
                if hasattr(left, "reason"):
                    draft.note("left out", f"{_subject(left)}: {left.reason}")


def _subject(left: Any) -> str:
    """Say what was left out: a pair, a group, or what is called by its name."""
    if hasattr(left, "subject"):
        return str(left.subject)
    return " & ".join(left.labels if hasattr(left, "labels") else (left.a, left.b))
