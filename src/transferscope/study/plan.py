"""From a checked study to the graph of its steps: which runs each question is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .check import Checked
from .graph import Plan, PlannedRun, Step, in_order
from .possible import asked_starts, blocks_of, domain_groups, epochs_of, usual_starts
from .questions import QuestionSettings
from .questions.lines import CombinedDomains, CrossDomain
from .questions.reuse import BlockShuffle, Checkpoints, Samples
from .questions.starts import SourceChoice, Transfer, Variants, WeightMap
from .questions.trained import LearningCurves
from .survey import Found
from .trainings import REVISION, Condition, Trainings, shuffled

__all__ = ["make_plan"]

_Runs = list[PlannedRun]

_OF_ALL_TARGETS = (LearningCurves, Transfer, SourceChoice)
"""Questions with one answer for all targets together."""


def make_plan(checked: Checked) -> Plan:
    """Return all steps of a study, with digests.

    The same run asked for twice (``RI-T`` with seed 0 and ``RI-T same`` with ``init: 0`` and seed 0) is one step.
    """
    return _Planner(checked).plan()


class _Planner:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.study = checked.study
        self.make = Trainings(checked)
        self.data = self.make.data
        self.own = {name: self.make.runs(name, self.data[name], checked.targets[name]) for name in self.data}
        self.more: dict[str, dict[str, PlannedRun]] = {}
        """Runs that a question trains for itself, by target."""

    def plan(self) -> Plan:
        items = {name: self._answers(name, question) for name, question in self.study.analyses.items()}
        runs = {target: {**of, **self.more.pop(target, {})} for target, of in self.own.items()} | self.more
        trained = [run.step for of in runs.values() for run in of.values()]
        answers = [step for of in items.values() for step in of.values()]
        steps = in_order([*self.data.values(), *trained, *answers])
        return Plan(steps, items, runs, self._shown(items))

    def _shown(self, items: Mapping[str, Mapping[str, Step]]) -> dict[str, tuple[str, tuple[str, ...]]]:
        shown = {}
        for name, question in self.study.analyses.items():
            for figure, targets in question.shows.items():
                titles = [t for t in items[name] if not targets or t in (*targets, "")]
                shown[figure] = (name, tuple(titles))
        return shown

    def _answers(self, name: str, question: QuestionSettings) -> dict[str, Step]:
        asked = [t for t in self.data if question.targets is None or t in question.targets]
        match question:
            case Samples():
                return {"": self._samples(name, question, asked)}
            case BlockShuffle():
                return {"": self._block_shuffle(name, question, asked)}
            case Checkpoints():
                return {"": self._checkpoints(name, question, asked)}
            case CrossDomain():
                groups = domain_groups({t: self.checked.targets[t] for t in asked})
                return {
                    " & ".join(g): self._analysis(name, question, " & ".join(g), g, self._of(question, g))
                    for g in groups
                }
            case CombinedDomains():
                return self._combined(name, question)
            case WeightMap():
                return {"": self._weight_map(name, question, asked)}
            case Variants():
                return {t: self._variants(name, question, t) for t in asked}
            case _ if isinstance(question, _OF_ALL_TARGETS):
                return {"": self._analysis(name, question, "", asked, self._of(question, asked))}
            case _:
                return {t: self._analysis(name, question, t, [t], self._of(question, [t])) for t in asked}

    def _samples(self, name: str, question: Samples, asked: Sequence[str]) -> Step:
        more = {}
        if question.source and self.checked.sources:
            more = {f"source {n}": step.inputs["images"] for n, step in self.make.sources.items() if step.inputs}
        return self._analysis(name, question, "", asked, [], more)

    def _block_shuffle(self, name: str, question: BlockShuffle, asked: Sequence[str]) -> Step:
        runs: _Runs = []
        side = self.checked.network["size"]
        blocks = blocks_of(question, side)
        starts = usual_starts(self.study, question)
        shown = {}
        for target in asked:
            found = self.checked.targets[target]
            for block in blocks:
                as_it_is = block == str(side)
                other = found if as_it_is else shuffled(found, block, question.shuffle_seed)
                images = self.data[target] if as_it_is else self.make.images(f"{target} in blocks of {block}", other)
                condition = Condition(block, as_is=True)
                wanted = self.make.runs(
                    target, images, other, starts=starts, seeds=question.seeds, condition=condition
                )
                runs += self._keep(target, wanted, f"blocks of {block}")
                shown[f"shown {target} {block}"] = images
        about = {"side": side, "blocks": list(blocks)}
        return self._analysis(name, question, "", asked, runs, shown, about)

    def _checkpoints(self, name: str, question: Checkpoints, asked: Sequence[str]) -> Step:
        runs: _Runs = []
        starts = usual_starts(self.study, question)
        (start,) = (s for s in starts if self.study.starts[s].source is not None)
        source = self.study.starts[start].source
        assert source is not None
        for target in asked:
            for epoch in epochs_of(question, self.make.pretraining_epochs(source)):
                condition = Condition(f"epoch {epoch}", weights=f"epoch {epoch}")
                wanted = self.make.runs(
                    target,
                    self.data[target],
                    self.checked.targets[target],
                    starts=[start],
                    seeds=question.seeds,
                    condition=condition,
                )
                runs += self._keep(target, wanted, f"from epoch {epoch}")
            scratch = [s for s in starts if s != start]
            runs += [
                run for s in scratch for run in self.own[target].values()
                if run.start == s and run.seed in self.study.starts[s].seeds[: question.seeds]
            ]  # fmt: skip
        return self._analysis(name, question, "", asked, runs, {"pretraining": self.make.sources[source]})

    def _variants(self, name: str, question: Variants, target: str) -> Step:
        runs = self._of(question, [target])
        starts = {run.start: self.study.starts[run.start] for run in runs}
        # The paper's proposals are about pre-trained weights; averages from random ones go by their names.
        kinds = {name: list(start.altered) for name, start in starts.items() if start.source and start.altered}
        return self._analysis(name, question, target, [target], runs, about={"kinds": kinds})

    def _weight_map(self, name: str, question: WeightMap, asked: Sequence[str]) -> Step:
        runs = self._of(question, asked)
        weights = {run.source: run.step.spec["start"]["weights"] for run in runs if run.role == "P-T"}
        more = {f"pretraining {source}": self.make.sources[source] for source in weights} if question.source else {}
        return self._analysis(name, question, "", asked, runs, more, {"pretrainings": weights} if more else {})

    def _keep(self, target: str, wanted: Mapping[str, PlannedRun], told: str) -> _Runs:
        """List runs that a question trains among those of the study, unless they are the study's own."""
        own = {run.step.digest for run in self.own[target].values()}
        known = self.more.setdefault(target, {})
        known.update({f"{label}, {told}": run for label, run in wanted.items() if run.step.digest not in own})
        return list(wanted.values())

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
                starts = asked_starts(self.study, question)
                wanted = self.make.runs(joined, images, found, union=union, starts=starts, seeds=question.seeds)
                runs += _each_once(wanted.values())
                self.more.setdefault(joined, {}).update(wanted)
            title = " & ".join(singles)
            answers[title] = self._analysis(name, question, title, singles, runs)
        return answers

    def _of(self, question: QuestionSettings, targets: Sequence[str]) -> _Runs:
        """Return the runs on some targets that a question is asked about."""
        limit = getattr(question, "runs", None)
        starts = asked_starts(self.study, question)
        return [
            run
            for target in targets
            for run in _each_once(
                run
                for run in self.own[target].values()
                if run.start in starts and run.seed in self.study.starts[run.start].seeds[:limit]
            )
        ]

    def _analysis(
        self,
        name: str,
        question: QuestionSettings,
        title: str,
        targets: Sequence[str],
        runs: _Runs,
        more: Mapping[str, Step] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Step:
        inputs: dict[str, Step] = {f"images {t}": self.data[t] for t in targets}
        asked = []
        for run in runs:
            label = f"{run.start} {run.seed}"
            key = f"run {run.target} {label}" + (f" {run.condition}" if run.condition else "")
            inputs[key] = run.step
            told: dict[str, Any] = {
                "input": key,
                "label": label,
                "target": run.target,
                "role": run.role,
                "group": run.group,
            }
            told |= {"seed": run.seed}
            # Only where they say something: what is the usual case has the digests it always had.
            told |= {"condition": run.condition} if run.condition else {}
            told |= {"source": run.source} if run.source not in ("", "source") else {}
            asked.append(told)
        source = self._source_of(question, runs, inputs)
        spec = {
            "revision": REVISION["analysis"],
            "network": self.checked.network,
            "settings": question.asked() | dict(about or {}),
            "targets": list(targets),
            "runs": asked,
            "given": [],
            "source": source,
        }
        inputs |= more or {}
        cost = question.cost(len(runs), [self.checked.targets[t].test for t in targets])
        return Step("analysis", f"{name} {title}".strip(), spec, inputs, cost)

    def _source_of(self, question: QuestionSettings, runs: _Runs, inputs: dict[str, Step]) -> dict[str, str] | None:
        """Return the pre-trained weights that are looked at, too: those all of the runs have in common."""
        started = [run for run in runs if run.role == "P-T" and not run.condition]
        names = {run.source for run in started}
        if not question.takes_source or len(names) != 1:
            return None
        inputs["source"] = self.make.sources[names.pop()]
        return {"label": "P", "weights": started[0].step.spec["start"]["weights"]}


def _each_once(runs: Any) -> _Runs:
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
