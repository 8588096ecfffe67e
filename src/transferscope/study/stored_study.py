"""A run folder as a report reads it: results, runs, what was changed, what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from ..evidence.phrases import listed
from ..questions import result_class
from ..store.folder import RunFolder
from ..store.step import StoredStep
from .coming import Coming, coming_of
from .graph import Plan, Step
from .status import Status, status_of
from .yaml_input import parse_yaml

if TYPE_CHECKING:
    import pandas as pd

    from ..questions.result import Result
    from ..train.run import Run
    from .work.data import DataSummary

__all__ = ["Remark", "StoredStudy", "open_study"]

_CHANGES = ("unanswered", "skipped", "dropped", "head", "norms", "computed", "images", "left out", "diverged")


@dataclass(frozen=True)
class Remark:
    """Something that was left out, dropped or changed.

    Attributes:
        where: the steps it is about.
        text: one sentence.
    """

    where: str
    text: str


def open_study(root: str | Path) -> StoredStudy:
    """Open a run folder to read.

    Raises:
        StoreError: when it is not a run folder, was written by a newer version, or is damaged.
    """
    folder = RunFolder.open(root)
    if folder.about == "recording":
        raise StoreError(
            f"{root}: is a recorded training, which has no report; ask about it with 'transferscope inspect {root}'"
        )
    return StoredStudy(folder, Plan.from_json(folder.read("plan.json")))


class StoredStudy:
    """What is in a run folder; everything is read when it is asked for.

    Args:
        folder: the folder.
        plan: its steps.
    """

    def __init__(self, folder: RunFolder, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.folder.name

    @cached_property
    def text(self) -> str:
        """The study file: from it the same study is run, wherever it lies."""
        return (self.folder.root / "study.yaml").read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The study file as plain data."""
        return parse_yaml(self.text, "study.yaml")

    @property
    def description(self) -> str:
        """What the study says about itself."""
        return str(self.tree.get("description", ""))

    @property
    def paper(self) -> str | None:
        """The paper whose figures and tables the study makes."""
        return self.tree.get("paper")

    @property
    def stands_for(self) -> dict[str, str]:
        """Target → the task of the paper in whose place it is."""
        targets = self.tree.get("targets", {})
        return {name: t["stands_for"] for name, t in targets.items() if "stands_for" in t}

    @property
    def shows(self) -> dict[str, list[str]]:
        """Item → the figures and tables of a paper that it answers."""
        shown: dict[str, list[str]] = {}
        for figure, (item, _) in self.plan.shown.items():
            shown.setdefault(item, []).append(figure)
        return shown

    @property
    def asked(self) -> tuple[str, ...] | None:
        """Names of items, figures and tables, where only they have been asked for; ``None``: all."""
        return self.plan.asked

    @cached_property
    def status(self) -> Status:
        """What is done, missing and failed."""
        return status_of(self.folder, self.plan)

    @property
    def unfinished(self) -> str:
        """What is missing or failed, in one sentence; empty when all is there."""
        return self.status.unfinished

    @property
    def coming(self) -> tuple[Coming, ...]:
        """What is not there yet: trainings, and for each item its targets without an answer."""
        return coming_of(self.plan, self.status)

    @cached_property
    def stored(self) -> Mapping[str, StoredStep]:
        """The finished steps of the plan by digest."""
        found = {step.digest: self.folder.find(step.identity) for step in self.plan.steps}
        return {digest: stored for digest, stored in found.items() if stored is not None}

    @property
    def items(self) -> dict[str, str]:
        """Items of the study → the question each asks."""
        return {
            name: str(next(iter(answers.values())).spec["settings"]["question"])
            for name, answers in self.plan.items.items()
            if answers
        }

    @property
    def questions_asked(self) -> frozenset[tuple[str, str]]:
        """Each question and target that it is asked of, whether it has been answered or not."""
        of = self.items
        return frozenset(
            (of[name], target)
            for name, answers in self.plan.items.items()
            for step in answers.values()
            for target in step.spec.get("targets", ())
        )

    def results(self, item: str) -> dict[str, Result]:
        """Return the results of an item by target, those that are there; ``""`` for one result on all targets."""
        kind = result_class(self.items[item])
        return {
            target: self.stored[step.digest].result(kind)
            for target, step in self.plan.items[item].items()
            if step.digest in self.stored and not self.stored[step.digest].unanswered
        }

    @property
    def unanswered(self) -> list[str]:
        """Which items had nothing to ask about on which targets, and why: a line a reason."""
        found: dict[str, dict[str, list[str]]] = {}
        for item, answers in self.plan.items.items():
            for target, step in answers.items():
                if step.digest in self.stored and (why := self.stored[step.digest].unanswered):
                    found.setdefault(why, {}).setdefault(target, []).append(item)
        return [
            f"{listed(items)}{' on ' * bool(target)}{target}: {why}"
            for why, by_target in found.items()
            for target, items in by_target.items()
        ]

    def made(self, item: str, target: str) -> str:
        """Return the identity of a result's numbers: which step computed them, and when."""
        stored = self.stored[self.plan.items[item][target].digest]
        return f"{stored.record.identity.digest} {stored.record.finished}"

    def run(self, target: str, label: str) -> Run:
        """Return a training run, its weights included."""
        from .runs import load_run

        planned = self.plan.runs[target][label]
        stored = self.stored[planned.step.digest]
        return load_run(
            stored,
            label=label,
            role=planned.role,
            group=planned.group,
            seed=planned.seed,
            target=target,
            source=planned.source,
            condition=planned.condition,
            start_name=planned.start,
        )

    def data(self) -> dict[str, DataSummary]:
        """Return what is known of each set of images, by name."""
        from .work.data import DataSummary

        return {
            step.name: self.stored[step.digest].result(DataSummary)
            for step in self.plan.steps
            if step.kind == "data" and step.digest in self.stored
        }

    def runs(self) -> pd.DataFrame:
        """Return one row a training run: how it was trained, how it ended, what it reached, what it cost.

        ``condition`` says what is not as in the study's own runs where a question trained it: ``from epoch 4``.
        """
        import pandas as pd

        from ..train.run import condition_called

        rows = [self._run_row("source", step.name, "random", step) for step in self._pretraining()]
        for target, of_target in self.plan.runs.items():
            for label, run in of_target.items():
                row = self._run_row(target, label, run.start, run.step, run.seed)
                rows.append(row | {"condition": condition_called(run.condition)})
        return pd.DataFrame(rows)

    def steps(self) -> pd.DataFrame:
        """Return one row a step: state, cost, device and digest."""
        import pandas as pd

        rows = []
        for step, state in zip(self.plan.steps, self.status.steps, strict=True):
            stored = self.stored.get(step.digest)
            machine = stored.record.machine if stored is not None else {}
            rows.append(
                {
                    "kind": step.kind,
                    "step": step.name,
                    "state": state.state,
                    "seconds": stored.record.seconds if stored is not None else float("nan"),
                    "finished": stored.record.finished if stored is not None else "",
                    "device": machine.get("device", ""),
                    "threads": machine.get("threads", ""),
                    "digest": step.digest[:10],
                }
            )
        return pd.DataFrame(rows)

    @property
    def notes(self) -> list[Remark]:
        """What was skipped, dropped, changed or failed; equal sentences once, with all steps they are about."""
        about: dict[tuple[str, str], list[str]] = {}
        for step in self.plan.steps:
            if (stored := self.stored.get(step.digest)) is not None:
                for note in stored.record.notes:
                    about.setdefault((note.topic, note.text), []).append(step.name)
        order = {topic: i for i, topic in enumerate(_CHANGES)}
        told = sorted(about.items(), key=lambda item: order.get(item[0][0], len(order)))
        remarks = [Remark(_listed(names), text) for (_, text), names in told]
        ended: dict[str, list[str]] = {}
        for one in self.status.steps:
            if one.state in ("failed", "skipped"):
                ended.setdefault(f"{one.state}: {one.text}", []).append(one.title)
        remarks += [Remark(_listed(names), text) for text, names in ended.items()]
        return remarks + self._shared_runs()

    @property
    def cost(self) -> str:
        """What it cost, in a sentence."""
        kinds = {
            "data": "preparing images",
            "train": "training",
            "head": "probing final layers",
            "checkpoint": "reading checkpoints",
            "recording": "reading recordings",
            "analysis": "analyses",
        }
        parts, total = [], 0.0
        for kind, words in kinds.items():
            seconds = [
                self.stored[s.digest].record.seconds
                for s in self.plan.steps
                if s.kind == kind and s.digest in self.stored
            ]
            if seconds:
                total += sum(seconds)
                parts.append(f"{words} {_duration(sum(seconds))} in {len(seconds)} step{'s' * (len(seconds) > 1)}")
        return f"{_duration(total)} of computing: {', '.join(parts)}." if parts else "Nothing has been computed yet."

    @property
    def machine(self) -> dict[str, str]:
        """Where it was computed and with what; several values where steps differ."""
        seen: dict[str, list[str]] = {}
        for stored in self.stored.values():
            for key, value in stored.record.machine.items():
                if str(value) not in seen.setdefault(key, []):
                    seen[key].append(str(value))
        return {key: ", ".join(values) for key, values in seen.items()}

    @cached_property
    def unlearned(self) -> str:
        """What the pre-trainings reached, where none is clearly above chance; else empty.

        Nothing can then be said of what pre-training brings.
        """
        from ..evidence.guard import above_chance
        from ..evidence.proportion import proportion
        from .work.data import DataSummary
        from .work.train import Trained

        told = []
        for step in self._pretraining():
            images = step.inputs["images"]
            if step.digest not in self.stored or images.digest not in self.stored:
                return ""
            reached = self.stored[step.digest].result(Trained).metrics
            test = self.stored[images.digest].result(DataSummary).test
            ranked = "test_auc" in reached
            value = reached.get("test_auc" if ranked else "test_accuracy", math.nan)
            chance = 0.5 if ranked else max(test.per_class) / max(1, test.images)
            low = None if ranked or math.isnan(value) else proportion(round(value * test.images), test.images).low
            if math.isnan(value) or above_chance(value, low, chance):
                return ""
            told.append(
                f"{step.name} ended at a test AUC of {value:.2f}"
                if ranked
                else f"{step.name} ended at a test accuracy of {100 * value:.1f} %, by chance {100 * chance:.1f} %"
            )
        return "; ".join(told)

    def _pretraining(self) -> list[Step]:
        on_targets = {run.step.digest for of in self.plan.runs.values() for run in of.values()}
        return [s for s in self.plan.steps if s.kind == "train" and s.digest not in on_targets]

    def _run_row(self, target: str, label: str, start: str, step: Step, seed: int | None = None) -> dict[str, Any]:
        recipe = step.spec["recipe"]
        row: dict[str, Any] = {
            "target": target,
            "run": label,
            "start": start,
            "seed": step.spec["seed"] if seed is None else seed,
            "lr": recipe["lr"],
            "epochs": recipe["epochs"],
            "condition": "",
            "ended": "not run",
        }
        if (stored := self.stored.get(step.digest)) is not None:
            from .work.train import Trained

            trained = stored.result(Trained)
            metrics = {name: value for name, value in trained.metrics.items() if not name.startswith("val_")}
            row |= {
                "ended": trained.ended,
                "best_epoch": trained.best_epoch,
                **metrics,
                "seconds": stored.record.seconds,
            }
        return row

    def _shared_runs(self) -> list[Remark]:
        remarks = []
        for target, of_target in self.plan.runs.items():
            by_digest: dict[str, list[str]] = {}
            for label, run in of_target.items():
                by_digest.setdefault(run.step.digest, []).append(label)
            for first, *others in by_digest.values():
                if others:
                    text = f"{_listed(others)} is the run {first}: same start, same seed, same recipe; trained once"
                    remarks.append(Remark(target, text))
        return remarks


def _listed(names: list[str], shown: int = 6) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
