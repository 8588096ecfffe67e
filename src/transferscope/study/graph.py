"""Steps and what they need: a graph whose nodes are named by what they compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..errors import StoreError
from ..store.digest import digest
from ..store.step import Identity

__all__ = ["Plan", "PlannedRun", "Step", "in_order"]


@dataclass(frozen=True, eq=False)
class Step:
    """One thing to compute.

    Attributes:
        kind: ``data``, ``train``, ``head``, ``checkpoint``, ``recording`` or ``analysis``: which code computes it.
        name: for people; not part of its identity.
        spec: plain data that decides the numbers, resolved.
        inputs: role → the step whose outcome is taken.
        cost: how much work it is, in images passed forward once; an estimate for progress bars and for the order.
        size: training images an epoch; 0 for what does not train.

    >>> a = Step("data", "photo", {"spec": "synthetic:photo"})
    >>> b = Step("train", "photo P-T 0", {"seed": 0}, {"images": a})
    >>> b.digest == Step("train", "another name", {"seed": 0}, {"images": a}, cost=9).digest
    True
    >>> b.digest == Step("train", "photo P-T 0", {"seed": 1}, {"images": a}).digest
    False
    """

    kind: str
    name: str
    spec: Mapping[str, Any]
    inputs: Mapping[str, Step] = field(default_factory=dict)
    cost: float = 1.0
    size: int = 0

    @cached_property
    def digest(self) -> str:
        """Hash of kind, specification and the inputs' digests."""
        inputs = {role: step.digest for role, step in self.inputs.items()}
        return digest({"kind": self.kind, "spec": digest(self.spec), "inputs": inputs})

    @property
    def identity(self) -> Identity:
        """What the store finds it by."""
        return Identity(self.kind, self.name, self.digest)

    @property
    def title(self) -> str:
        """What to call it in a line of progress."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """A training run on a target, as tables name it.

    Attributes:
        step: what trains it.
        target: the target, or several joined by ``+``.
        start: name of the start in the study.
        role: ``P-T`` or ``RI-T``.
        group: runs from one and the same start share it.
        seed: its seed.
        source: name of the pre-training it starts from, empty for random weights.
        condition: what else tells it apart where one question trains a run several times: a size of shuffled blocks.
    """

    step: Step
    target: str
    start: str
    role: str
    group: str
    seed: int
    source: str = ""
    condition: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """All steps of a study, and which of them answer which item of it.

    Attributes:
        steps: each after its inputs, no digest twice.
        items: name of an item under ``analyses`` → target → the step that answers it.
        runs: target → label → the run (several labels may be one step).
        shown: figure or table of a paper → the item that answers it, and for which of its answers.
        asked: names of items, figures and tables, where only they have been asked for; ``None``: all.
    """

    steps: tuple[Step, ...]
    items: Mapping[str, Mapping[str, Step]]
    runs: Mapping[str, Mapping[str, PlannedRun]]
    shown: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    asked: tuple[str, ...] | None = None

    def only(self, names: Sequence[str]) -> Plan:
        """Return the plan of what these items, figures or tables need."""
        answers = {step.digest for name in names for step in self._answers(name)}
        steps = self.needed(names)
        there = {step.digest for step in steps}
        items = {
            name: {title: step for title, step in row.items() if step.digest in answers}
            for name, row in self.items.items()
        }
        runs = {
            target: {label: run for label, run in row.items() if run.step.digest in there}
            for target, row in self.runs.items()
        }
        shown = {
            figure: (item, titles)
            for figure, (item, titles) in self.shown.items()
            if titles and all(title in items[item] for title in titles)
        }
        return Plan(
            steps,
            {name: row for name, row in items.items() if row},
            {target: row for target, row in runs.items() if row},
            shown,
            tuple(names),
        )

    def needed(self, only: Sequence[str] | None = None) -> tuple[Step, ...]:
        """Return the steps that these items, figures or tables need (default: all steps), each after its inputs."""
        if only is None:
            return self.steps
        return in_order(step for name in only for step in self._answers(name))

    def _answers(self, name: str) -> list[Step]:
        if name in self.items:
            return list(self.items[name].values())
        item, titles = self.shown[name]
        return [self.items[item][title] for title in titles]

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which :meth:`from_json` makes the same plan."""
        return {
            "steps": [
                {
                    "kind": s.kind,
                    "name": s.name,
                    "digest": s.digest,
                    "inputs": {role: step.digest for role, step in s.inputs.items()},
                    "cost": float(s.cost),
                    "spec": s.spec,
                }
                for s in self.steps
            ],
            "items": {name: {key: step.digest for key, step in row.items()} for name, row in self.items.items()},
            "runs": {
                target: {
                    label: {
                        "start": r.start,
                        "role": r.role,
                        "group": r.group,
                        "seed": r.seed,
                        "source": r.source,
                        "condition": r.condition,
                        "digest": r.step.digest,
                    }
                    for label, r in row.items()
                }
                for target, row in self.runs.items()
            },
            "shown": {figure: [item, list(titles)] for figure, (item, titles) in self.shown.items()},
        } | ({} if self.asked is None else {"asked": list(self.asked)})

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Plan:
        """Read a plan back.

        Raises:
            StoreError: when it is damaged.
        """
        known: dict[str, Step] = {}
        try:
            for s in tree["steps"]:
                inputs = {role: known[d] for role, d in s["inputs"].items()}
                step = Step(s["kind"], s["name"], s["spec"], inputs, float(s["cost"]))
                if step.digest != s["digest"]:
                    raise StoreError(f"plan.json: step {s['name']!r} is not what its digest says")
                known[step.digest] = step
            items = {k: {t: known[d] for t, d in v.items()} for k, v in tree["items"].items()}
            runs = {
                target: {
                    label: PlannedRun(
                        known[r["digest"]],
                        target,
                        r["start"],
                        r["role"],
                        r["group"],
                        r["seed"],
                        r.get("source", ""),
                        r.get("condition", ""),
                    )
                    for label, r in row.items()
                }
                for target, row in tree["runs"].items()
            }
            shown = {figure: (item, tuple(titles)) for figure, (item, titles) in tree.get("shown", {}).items()}
            asked = None if tree.get("asked") is None else tuple(tree["asked"])
        except (KeyError, TypeError, AttributeError) as e:
            raise StoreError(f"plan.json: is damaged ({e!r}); run the study again to write it anew") from e
        return cls(tuple(known.values()), items, runs, shown, asked)


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return these steps and all they need, each after its inputs, each digest once."""
    found: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.digest not in found:
            for needed in step.inputs.values():
                visit(needed)
            found.setdefault(step.digest, step)

    for step in steps:
        visit(step)
    return tuple(found.values())
