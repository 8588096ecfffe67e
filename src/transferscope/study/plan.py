"""From a checked study to the graph of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import UsageError, nearest
from ..store.digest import file_digest
from ..train.recipe import Recipe
from .check import Checked
from .graph import Plan, PlannedRun, Step, in_order
from .possible import domain_groups
from .questions import QuestionSettings
from .questions.lines import CombinedDomains, CrossDomain
from .questions.trained import LearningCurves
from .recorded import kept_epochs
from .schema import ImageSettings, RecordSettings, StartSettings
from .survey import Found

__all__ = ["REVISION", "data_step", "make_plan", "only_these"]

REVISION = {"data": 1, "train": 1, "checkpoint": 1, "analysis": 1}
"""Part of every specification; to be raised when a kind of step computes other numbers from the same settings."""

_TRAINING_COST = 3.0
"""A training step in forward passes: one forward, about two backward."""


def make_plan(checked: Checked) -> Plan:
    """Return all steps of a study, with digests.

    The same run asked for twice (``RI-T`` with seed 0 and ``RI-T same`` with ``init: 0`` and seed 0) is one step.
    """
    return _Planner(checked).plan()


def only_these(plan: Plan, names: str | Sequence[str] | None) -> list[str] | None:
    """Resolve ``--only``: names of items, as a list or joined by commas.

    Raises:
        UsageError: for a name that the study has not.
    """
    if names is None:
        return None
    chosen = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in plan.items:
            raise UsageError(f"--only {name}: the study has no such analysis{nearest(name, plan.items)}")
    return chosen


def data_step(name: str, found: Found, network: Mapping[str, Any], images: ImageSettings) -> Step:
    """Return the step that prepares images for a network."""
    spec = {
        "revision": REVISION["data"],
        "spec": found.spec,  # with the number of samples
        "identity": found.identity,
        "size": network["size"],
        "channels": network["channels"],
        "seed": images.seed,
        "skip_unreadable": images.skip_unreadable,
    }
    return Step("data", name, spec, cost=0.3 * (found.train + found.val + found.test))


class _Planner:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.study = checked.study
        self.data = {name: self._data(name, found) for name, found in checked.targets.items()}
        self.source = self._source()
        self.runs = {name: self._runs(name, self.data[name], checked.targets[name]) for name in self.data}

    def plan(self) -> Plan:
        items: dict[str, dict[str, Step]] = {}
        for name, question in self.study.analyses.items():
            items[name] = self._answers(name, question)
        runs = [run.step for of in self.runs.values() for run in of.values()]
        answers = [step for of in items.values() for step in of.values()]
        return Plan(in_order([*self.data.values(), *runs, *answers]), items, self.runs)

    def _data(self, name: str, found: Found) -> Step:
        return data_step(name, found, self.checked.network, self.study.images)

    def _source(self) -> Step | None:
        source = self.study.source
        if source is None:
            return None
        if source.checkpoint is not None:
            spec = {
                "revision": REVISION["checkpoint"],
                "network": self.checked.network,
                "path": source.checkpoint,
                "content": file_digest(Path(source.checkpoint)),
                "classes": None,
                "head": "keep",
            }
            return Step("checkpoint", "source", spec, cost=100)
        found, recipe = self.checked.source, self.checked.source_recipe
        assert found is not None and recipe is not None
        start = {"from": "random", "seed": source.seed}
        images = self._data("source", found)
        return self._train("source", images, found, recipe, source.seed, start, {}, self._source_record())

    def _source_record(self) -> RecordSettings:
        """Return what is kept of the pre-training; its epochs are other ones than those of the runs."""
        source = self.study.source
        if source is not None and source.record is not None:
            return source.record
        return self.study.record.model_copy(update={"epochs": None, "steps": ()})

    def _runs(self, target: str, images: Step, found: Found, union: Sequence[str] = ()) -> dict[str, PlannedRun]:
        runs: dict[str, PlannedRun] = {}
        for name, start in self.study.starts.items():
            members = union or (target,)
            if start.targets is not None and not set(members) <= set(start.targets):
                continue
            recipe = self.checked.recipes[members[0], name]
            for seed in start.seeds:
                label = f"{name} {seed}"
                runs[label] = self._run(target, label, name, start, seed, recipe, images, found)
        return runs

    def _run(
        self,
        target: str,
        label: str,
        start_name: str,
        start: StartSettings,
        seed: int,
        recipe: Recipe,
        images: Step,
        found: Found,
    ) -> PlannedRun:
        source = self.study.source
        if start.from_ == "source":
            assert self.source is not None and source is not None
            tag = "given" if source.checkpoint is not None else source.weights
            how: dict[str, Any] = {"from": "source", "weights": tag, "head": source.head, "seed": seed}
            inputs = {"source": self.source}
            role, group = "P-T", "P"
        else:
            init = seed if start.init is None else start.init
            how = {"from": "random", "seed": init}
            inputs = {}
            role, group = "RI-T", f"RI {init}"
        step = self._train(f"{target} {label}", images, found, recipe, seed, how, inputs, self.study.record)
        return PlannedRun(step, target, start_name, role, group, seed)

    def _train(
        self,
        name: str,
        images: Step,
        found: Found,
        recipe: Recipe,
        seed: int,
        start: Mapping[str, Any],
        inputs: Mapping[str, Step],
        record: RecordSettings,
    ) -> Step:
        spec = {
            "revision": REVISION["train"],
            "network": self.checked.network,
            "recipe": asdict(recipe),
            "seed": seed,
            "start": dict(start),
            "record": {
                "epochs": kept_epochs(record.epochs, recipe.epochs),
                "steps": list(record.steps),
                "evaluate_every": record.evaluate_every,
                "evaluate_train": "all" if record.evaluate_train is None else record.evaluate_train or "none",
            },
        }
        sampled = found.train if record.evaluate_train is None else min(found.train, record.evaluate_train)
        evaluated = (sampled + found.val + found.test) / record.evaluate_every
        cost = recipe.epochs * (_TRAINING_COST * found.train + evaluated)
        return Step("train", name, spec, {"images": images, **inputs}, cost)

    def _answers(self, name: str, question: QuestionSettings) -> dict[str, Step]:
        asked = [t for t in self.data if question.targets is None or t in question.targets]
        if isinstance(question, LearningCurves):
            runs = [run for target in asked for run in self._chosen(question, target).items()]
            return {"": self._analysis(name, question, "", asked, runs)}
        if isinstance(question, CrossDomain):
            groups = domain_groups({t: self.checked.targets[t] for t in asked})
            return {
                " & ".join(group): self._analysis(name, question, " & ".join(group), group, self._of(question, group))
                for group in groups
            }
        if isinstance(question, CombinedDomains):
            return self._combined(name, question)
        return {t: self._analysis(name, question, t, [t], list(self._chosen(question, t).items())) for t in asked}

    def _combined(self, name: str, question: CombinedDomains) -> dict[str, Step]:
        answers = {}
        for group in domain_groups(self.checked.targets):
            unions = [u for u in question.unions if set(u) <= set(group)]
            singles = list(dict.fromkeys(t for u in unions for t in u))
            if not unions:
                continue
            runs = self._of(question, singles)
            for union in unions:
                joined = "+".join(union)
                found = _union_of([self.checked.targets[t] for t in union])
                parts = {t: self.data[t] for t in union}
                images = Step("data", joined, {"revision": REVISION["data"], "union": list(union)}, parts, cost=1)
                wanted = {
                    label: run
                    for label, run in self._runs(joined, images, found, union).items()
                    if (question.starts is None or run.start in question.starts)
                    and run.seed in self.study.starts[run.start].seeds[: question.seeds]
                }
                runs += _each_once(wanted).items()
                self.runs.setdefault(joined, {}).update(wanted)
            title = " & ".join(singles)
            answers[title] = self._analysis(name, question, title, singles, runs)
        return answers

    def _of(self, question: QuestionSettings, targets: Sequence[str]) -> list[tuple[str, PlannedRun]]:
        return [run for target in targets for run in self._chosen(question, target).items()]

    def _chosen(self, question: QuestionSettings, target: str) -> dict[str, PlannedRun]:
        """Return the runs asked about."""
        limit = getattr(question, "runs", None)
        return _each_once(
            {
                label: run
                for label, run in self.runs[target].items()
                if (question.starts is None or run.start in question.starts)
                and run.seed in self.study.starts[run.start].seeds[:limit]
            }
        )

    def _analysis(
        self,
        name: str,
        question: QuestionSettings,
        title: str,
        targets: Sequence[str],
        runs: Sequence[tuple[str, PlannedRun]],
    ) -> Step:
        settings = question.asked()
        inputs: dict[str, Step] = {f"images {t}": self.data[t] for t in targets}
        about = []
        for label, run in runs:
            key = f"run {run.target} {label}"
            inputs[key] = run.step
            about.append(
                {
                    "input": key,
                    "label": label,
                    "target": run.target,
                    "role": run.role,
                    "group": run.group,
                    "seed": run.seed,
                }
            )
        started = [run.step.spec["start"] for _, run in runs if run.role == "P-T"]
        source = None
        if question.takes_source and self.source is not None and started:
            inputs["source"] = self.source
            source = {"label": "P", "weights": started[0]["weights"]}
        spec = {
            "revision": REVISION["analysis"],
            "network": self.checked.network,
            "settings": settings,
            "targets": list(targets),
            "runs": about,
            "given": [],
            "source": source,
        }
        cost = question.cost(len(runs), [self.checked.targets[t].test for t in targets])
        return Step("analysis", f"{name} {title}".strip(), spec, inputs, cost)


def _each_once(runs: Mapping[str, PlannedRun]) -> dict[str, PlannedRun]:
    """Return each step once, under its first label."""
    first: dict[str, str] = {}
    for label, run in runs.items():
        first.setdefault(run.step.digest, label)
    return {label: runs[label] for label in first.values()}


def _union_of(found: Sequence[Found]) -> Found:
    return Found(
        spec=" + ".join(f.spec for f in found),
        classes=found[0].classes,
        multilabel=found[0].multilabel,
        train=sum(f.train for f in found),
        val=sum(f.val for f in found),
        test=sum(f.test for f in found),
        identity=" + ".join(f.identity for f in found),
    )
