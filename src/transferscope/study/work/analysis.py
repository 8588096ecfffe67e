"""Steps of kind ``analysis``: a question put to runs that are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from ...data.imageset import ImageSet, ImageSplits
from ...errors import UsageError
from ...models.network import Network
from ...models.solution import Solution
from ...results import Result
from ...train.run import Run
from ..perform import Context
from ..runs import load_run
from .data import images_of
from .network import network_of

__all__ = ["analyse"]


def analyse(context: Context) -> None:
    """Put a question to the runs of a step and keep the result."""
    asked = _Asked(context)
    result = _ANSWERS[asked.settings["question"]](asked)
    asked.note(result)
    context.draft.save(result)


class _Asked:
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
            )
            for r in spec["runs"]
        ]
        self.device = str(context.device)

    @property
    def splits(self) -> ImageSplits:
        """Images of the first target (of the only one, for most questions)."""
        return self.images[self.targets[0]]

    @property
    def net(self) -> Network:
        """The network with the targets' classes."""
        return network_of(self.context.step.spec["network"], len(self.splits.classes))

    def solutions(self) -> list[Solution]:
        """Return the weights of each run at the end asked for, or those of the given files.

        Runs that diverged have no final weights, which is noted.
        """
        tag = self.settings.get("weights", "final")
        return [solution for run in self.runs if (solution := self.at(run, tag)) is not None] + self.given()

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

    def tests(self) -> dict[str, ImageSet]:
        """Return the test images of each target, at most as many as the settings say."""
        return {target: self._some(splits.test) for target, splits in self.images.items()}

    def sets(self, parts: Sequence[str]) -> dict[str, ImageSet]:
        """Return parts of the only target, at most as many images of each as the settings say."""
        return {part: self._some(getattr(self.splits, part)) for part in parts}

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
        for left in getattr(result, "left_out", ()):
            if hasattr(left, "reason"):
                draft.note("left out", f"{left.a} & {left.b}: {left.reason}")


def _learning_curves(asked: _Asked) -> Result:
    from ...analyses.learning_curves import learning_curves

    return learning_curves(asked.runs, levels=tuple(asked.settings["levels"]))


def _mistakes(asked: _Asked) -> Result:
    from ...analyses.mistakes import mistakes

    return mistakes(
        asked.net,
        asked.solutions(),
        asked.splits.test,
        train=asked.splits.train,
        gallery=asked.settings["gallery"],
        device=asked.device,
        progress=asked.context.progress,
    )


def _similarity(asked: _Asked) -> Result:
    from ...analyses.similarity import similarity

    solutions, net = asked.solutions(), asked.net
    nets = [net] * len(solutions)
    if (source := asked.source()) is not None:
        solutions, nets = [source[0], *solutions], [source[1], *nets]
    modules = asked.settings["only"] or asked.settings["modules"]
    head = set(net.head_tensors())
    if headless := [s.label for s in solutions if not head <= s.params.keys()]:
        asked.context.draft.note("head", f"{', '.join(headless)}: no final layer; features are compared without it")
        if not asked.settings["only"]:
            modules = [m.name for m in net.modules(modules) if not head >= set(m.tensors)]
        # The forward pass wants one, whatever it is.
        solutions = [
            dataclasses.replace(s, params={**n.params(), **s.params}) for n, s in zip(nets, solutions, strict=True)
        ]
    return similarity(
        nets,
        solutions,
        asked.tests()[asked.targets[0]],
        modules=modules,
        pooled=asked.settings["pooled"],
        batch=asked.settings["batch"],
        device=asked.device,
        progress=asked.context.progress,
    )


def _distance(asked: _Asked) -> Result:
    from ...analyses.distance import distance

    starts: dict[str, Solution] = {}
    if (source := asked.source()) is not None:
        starts["P"] = source[0]
    for run in asked.runs:
        if run.role == "RI-T" and run.group not in starts:
            starts[run.group] = dataclasses.replace(run.start, label=run.group)
    return distance(
        asked.net,
        [*starts.values(), *asked.solutions()],
        granularity=asked.settings["modules"],
        runs=asked.runs if asked.settings["trajectories"] else (),
        examples=len(asked.splits.train),
        progress=asked.context.progress,
    )


def _barrier(asked: _Asked) -> Result:
    from ...analyses.barrier import barriers, run_pairs

    settings = asked.settings
    source, ends = asked.source(), settings["ends"]
    start = source[0] if source is not None else None
    given = asked.given()
    pairs = list(combinations(given, 2)) + [(start, s) for s in given if start is not None]
    # What does not depend on the end is asked for with the first of them only.
    of_runs = [
        run_pairs(
            asked.runs,
            end=end,
            best_and_final=end == ends[0] and set(ends) == {"best", "final"},
            start=start if end == ends[0] else None,
        )
        for end in ends
    ]
    pairs += [pair for found, _ in of_runs for pair in found]
    return barriers(
        asked.net,
        pairs,
        asked.sets(settings["parts"]),
        left_out=tuple(dict.fromkeys(left for _, missing in of_runs for left in missing)),
        lambdas=settings["points"],
        metrics=settings["metrics"],
        threshold=settings["threshold"],
        progress=asked.context.progress,
        device=asked.device,
        norm=settings["norm"],
        recalibrate_on=asked.splits.train,
    )


def _extrapolation(asked: _Asked) -> Result:
    import numpy as np

    from ...analyses.extrapolation import extrapolation

    settings = asked.settings
    reach = settings["reach"]
    return extrapolation(
        asked.net,
        list(combinations(asked.solutions(), 2)),
        asked.sets(("test",)),
        lambdas=np.round(np.linspace(-reach, 1 + reach, settings["points"]), 12),
        metrics=settings["metrics"],
        threshold=settings["threshold"],
        progress=asked.context.progress,
        device=asked.device,
        norm=settings["norm"],
        recalibrate_on=asked.splits.train,
    )


def _domains(asked: _Asked, function: Callable[..., Result]) -> Result:
    settings = asked.settings
    solutions: dict[str, list[Solution]] = {}
    for run in asked.runs:
        if (solution := asked.at(run, settings["weights"])) is not None:
            labelled = dataclasses.replace(solution, label=f"{run.target} {solution.label}")
            solutions.setdefault(run.target, []).append(labelled)
    return function(
        asked.net,
        solutions,
        asked.tests(),
        train={target: splits.train for target, splits in asked.images.items()},
        lambdas=settings["points"],
        metrics=settings["metrics"],
        progress=asked.context.progress,
        device=asked.device,
        norm=settings["norm"],
    )


def _cross_domain(asked: _Asked) -> Result:
    from ...analyses.cross_domain import cross_domain

    return _domains(asked, cross_domain)


def _combined_domains(asked: _Asked) -> Result:
    from ...analyses.combined_domains import combined_domains

    if not any("+" in run.target for run in asked.runs):
        raise UsageError("no run on a union of domains; give unions")
    return _domains(asked, combined_domains)


_ANSWERS: dict[str, Callable[[_Asked], Result]] = {
    "learning_curves": _learning_curves,
    "mistakes": _mistakes,
    "similarity": _similarity,
    "distance": _distance,
    "barrier": _barrier,
    "extrapolation": _extrapolation,
    "cross_domain": _cross_domain,
    "combined_domains": _combined_domains,
}
