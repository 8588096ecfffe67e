"""From a checked study to the graph of its steps: which runs each question is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..questions.base import Question, starts_asked
from .check import Checked
from .graph import Plan, PlannedRun, Step, in_order
from .inventory import Found
from .training_steps import REVISION, Condition, Trainings, shuffled

__all__ = ["make_plan"]

_Runs = list[PlannedRun]


def make_plan(checked: Checked) -> Plan:
    """Return all steps of a study, with digests.

    The same run asked for twice (``RI-T`` with seed 0 and ``RI-T same`` with ``init: 0`` and seed 0) is one step.
    """
    return _Planner(checked).plan()


class _Planner:
    """Fulfils :class:`~transferscope.questions.protocols.PlanView`: questions take from it and add to it."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.study = checked.study
        self.make = Trainings(checked)
        self.images = self.make.data
        self._own = {name: self.make.runs(name, self.images[name], checked.targets[name]) for name in self.images}
        self._more: dict[str, dict[str, PlannedRun]] = {}  # runs that a question trains for itself, by target
        self._item = ""  # under which name the question is asked that is planned now

    def plan(self) -> Plan:
        items: dict[str, dict[str, Step]] = {}
        for name, question in self.study.analyses.items():
            self._item = name
            targets = [t for t in self.images if question.targets is None or t in question.targets]
            items[name] = question.plan(self, targets)
        runs = {target: {**of, **self._more.pop(target, {})} for target, of in self._own.items()} | self._more
        trained = [run.step for of in runs.values() for run in of.values()]
        answers = [step for of in items.values() for step in of.values()]
        steps = in_order([*self.images.values(), *trained, *answers])
        return Plan(steps, items, runs, self._shown(items))

    def _shown(self, items: Mapping[str, Mapping[str, Step]]) -> dict[str, tuple[str, tuple[str, ...]]]:
        shown = {}
        for name, question in self.study.analyses.items():
            for figure, targets in question.shows.items():
                titles = [t for t in items[name] if not targets or t in (*targets, "")]
                shown[figure] = (name, tuple(titles))
        return shown

    @property
    def side(self) -> int:
        return int(self.checked.network["size"])

    def listed(self, target: str) -> Found:
        return self.checked.targets[target]

    def groups(self, targets: Sequence[str]) -> list[tuple[str, ...]]:
        alike: dict[tuple[tuple[str, ...], bool], list[str]] = {}
        for name in self.checked.targets:
            if name in targets:
                found = self.checked.targets[name]
                alike.setdefault((found.classes, found.multilabel), []).append(name)
        return [tuple(group) for group in alike.values() if len(group) > 1]

    def shuffled(self, target: str, block: str, seed: int) -> Step:
        if block == str(self.side):
            return self.images[target]
        return self.make.images(f"{target} in blocks of {block}", shuffled(self.listed(target), block, seed))

    def runs(self, question: Question, targets: Sequence[str]) -> _Runs:
        limit = getattr(question, "runs", None)
        starts = starts_asked(self.study, question)
        return [
            run
            for target in targets
            for run in _each_once(
                run
                for run in self._own[target].values()
                if run.start in starts and run.seed in self.study.starts[run.start].seeds[:limit]
            )
        ]

    def own(self, target: str, start: str, seeds: int | None) -> _Runs:
        asked = self.study.starts[start].seeds[:seeds]
        return [run for run in self._own[target].values() if run.start == start and run.seed in asked]

    def pretraining(self, source: str) -> Step:
        return self.make.sources[source]

    def pretraining_epochs(self, source: str) -> list[int]:
        return self.make.pretraining_epochs(source)

    def train_shuffled(
        self, target: str, block: str, seed: int, *, starts: Sequence[str], seeds: int | None
    ) -> _Runs:
        found = self.listed(target)
        other = found if block == str(self.side) else shuffled(found, block, seed)
        wanted = self.make.runs(
            target,
            self.shuffled(target, block, seed),
            other,
            starts=starts,
            seeds=seeds,
            condition=Condition(block, as_is=True),
        )
        return self._keep(target, wanted, f"blocks of {block}")

    def train_from(self, target: str, start: str, epoch: int, *, seeds: int | None) -> _Runs:
        condition = Condition(f"epoch {epoch}", weights=f"epoch {epoch}")
        wanted = self.make.runs(
            target, self.images[target], self.listed(target), starts=[start], seeds=seeds, condition=condition
        )
        return self._keep(target, wanted, f"from epoch {epoch}")

    def train_union(self, targets: Sequence[str], *, starts: Sequence[str], seeds: int | None) -> _Runs:
        joined = "+".join(targets)
        found = _union_of([self.listed(t) for t in targets])
        parts = {t: self.images[t] for t in targets}
        images = Step("data", joined, {"revision": REVISION["data"], "union": list(targets)}, parts, cost=1)
        wanted = self.make.runs(joined, images, found, union=targets, starts=starts, seeds=seeds)
        self._more.setdefault(joined, {}).update(wanted)
        return _each_once(wanted.values())

    def _keep(self, target: str, wanted: Mapping[str, PlannedRun], condition: str) -> _Runs:
        """List runs that a question trains among those of the study, unless they are the study's own."""
        own = {run.step.digest for run in self._own[target].values()}
        known = self._more.setdefault(target, {})
        known.update({f"{label}, {condition}": run for label, run in wanted.items() if run.step.digest not in own})
        return list(wanted.values())

    def ask(
        self,
        question: Question,
        title: str,
        targets: Sequence[str],
        runs: Sequence[PlannedRun],
        *,
        more: Mapping[str, Step] | None = None,
        pretrainings: Mapping[str, str] | None = None,
        grid: Mapping[str, Step | None] | None = None,
    ) -> Step:
        inputs: dict[str, Step] = {f"images {t}": self.images[t] for t in targets}
        described = []
        for run in runs:
            label = f"{run.start} {run.seed}"
            key = f"run {run.target} {label}" + (f" {run.condition}" if run.condition else "")
            inputs[key] = run.step
            described.append(self._described(run, key, label))
        source = self._source_of(question, runs, inputs)
        for name in pretrainings or {}:
            inputs[f"pretraining {name}"] = self.make.sources[name]
        spec = {
            "revision": question.revision,
            "network": self.checked.network,
            "settings": question.identity(),
            "targets": list(targets),
            "runs": described,
            "given": [],
            "source": source,
            "pretrainings": dict(pretrainings or {}),
        } | ({} if grid is None else {"grid": self._grid(grid, inputs)})
        cost = question.cost(len(runs), [self.checked.targets[t].test for t in targets])
        return Step("analysis", f"{self._item} {title}".strip(), spec, inputs | dict(more or {}), cost)

    def grid(self) -> list[str]:
        return list(self.make.grid)

    def finetuned(self, target: str) -> dict[str, Step]:
        return self.make.finetuned(target)

    def _grid(self, asked: Mapping[str, Step | None], inputs: dict[str, Step]) -> list[dict[str, Any]]:
        """Describe the pre-trainings of the grid for the step that asks about them."""
        described = []
        for one in self.checked.grid:
            point = one.point
            if point.name not in asked:
                continue
            inputs[f"point {point.name}"] = self.make.grid[point.name]
            if (finetuned := asked[point.name]) is not None:
                inputs[f"finetuned {point.name}"] = finetuned
            described.append(
                {"name": point.name, "family": point.family, "factors": dict(point.factors), "seed": point.seed}
                | ({"source": point.source} if point.source != point.family else {})
                | ({"objective": point.objective} if point.objective != "supervised" else {})
                | ({"sampling": point.sampling} if point.sampling else {})
            )
        return described

    def _described(self, run: PlannedRun, key: str, label: str) -> dict[str, Any]:
        """Describe a run for the step that asks about it; what is the usual case is left out."""
        described: dict[str, Any] = {
            "input": key,
            "label": label,
            "target": run.target,
            "role": run.role,
            "group": run.group,
            "seed": run.seed,
        }
        altered = self.study.starts[run.start].altered if run.source else ()
        return (
            described
            | ({"condition": run.condition} if run.condition else {})
            | ({"source": run.source} if run.source not in ("", "source") else {})
            | ({"altered": list(altered)} if altered else {})
        )

    def _source_of(
        self, question: Question, runs: Sequence[PlannedRun], inputs: dict[str, Step]
    ) -> dict[str, str] | None:
        """Return the pre-trained weights that are looked at, too: those all of the runs have in common."""
        started = [run for run in runs if run.role == "P-T" and not run.condition]
        names = {run.source for run in started}
        if not question.takes_source or len(names) != 1:
            return None
        inputs["source"] = self.make.sources[names.pop()]
        found = {"label": "P", "weights": started[0].step.spec["start"]["weights"]}
        probed = any(run.step.spec["start"].get("head") == "probe" for run in started)
        return found | ({"head": "probed"} if probed and question.takes_probed else {})


def _each_once(runs: Iterable[PlannedRun]) -> _Runs:
    """Return each step once, as the first run that is it."""
    first: dict[str, PlannedRun] = {}
    for run in runs:
        first.setdefault(run.step.digest, run)
    return list(first.values())


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
