"""The steps that prepare images and train networks, with the specifications that decide their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..data.augmentation import Augmentation
from ..data.spec import parse
from ..errors import SpecError
from ..models.locate import content_digest
from ..models.solution import PROBED_HEAD
from ..train.recipe import Recipe
from .graph import PlannedRun, Step
from .grid import CheckedPoint, sampled
from .inventory import Found
from .pretraining_settings import ClipSettings, Objective, SimclrSettings
from .record_settings import RecordSettings
from .recorded import recorded_run
from .sampling import control_of, looks, sampler_spec, seen_of
from .snapshot_schedule import kept_epochs

if TYPE_CHECKING:
    from .check import Checked
    from .image_settings import ImageSettings
    from .schema import GridSettings, SourceSettings, StartSettings

__all__ = ["DATA_COST", "REVISION", "TRAINING_COST", "Condition", "Trainings", "data_step", "shuffled"]

REVISION = {"data": 1, "train": 1, "head": 1, "checkpoint": 1, "recording": 1}
"""Part of every specification; to be raised when a kind of step computes other numbers from the same settings.

Answers have the revision of their question."""

TRAINING_COST = 3.0
"""A training step in forward passes: one forward, about two backward."""

DATA_COST = 0.3
"""Preparing an image in forward passes: a guess for progress bars, as it depends on the disk."""


@dataclass(frozen=True)
class Condition:
    """How runs differ that one question trains several times.

    Attributes:
        name: what they are told apart by: ``"8"``, ``"epoch 4"``; empty for the study's own runs.
        weights: which weights of the pre-training they start from; empty for those of the study.
        as_is: whether images are not augmented.
    """

    name: str = ""
    weights: str = ""
    as_is: bool = False


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
    return Step("data", name, spec, cost=DATA_COST * (found.train + found.val + found.test))


def shuffled(found: Found, block: str, seed: int) -> Found:
    """Return the same images with their blocks shuffled (Neyshabur et al. 2020, §3.1)."""
    source = replace(parse(found.spec), shuffle="*" if block == "*" else int(block), shuffle_seed=seed)
    return replace(found, spec=source.spec)


class Trainings:
    """Makes the steps of a study up to its trained networks.

    Args:
        checked: the study.
    """

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.study = checked.study
        self.data = {name: self.images(name, found) for name, found in checked.targets.items()}
        self._own: set[str] = set()  # digests of the runs that the study itself asks for, which are made first
        self.sources: dict[str, Step] = {}
        for name in self.study.pretrainings:
            self._source(name)
        self.grid: dict[str, Step] = {}
        for one in checked.grid:  # a control comes before those whose images are chosen with it
            self.grid[one.point.name] = self._of_grid(one)

    def images(self, name: str, found: Found) -> Step:
        """Return the step that prepares images."""
        return data_step(name, found, self.checked.network, self.study.images)

    def runs(
        self,
        target: str,
        images: Step,
        found: Found,
        *,
        union: Sequence[str] = (),
        starts: Sequence[str] | None = None,
        seeds: int | None = None,
        condition: Condition = Condition(),
    ) -> dict[str, PlannedRun]:
        """Return runs on a target by label.

        Args:
            target: its name; for a union, what it is called.
            images: the step that prepares its images.
            found: what they are.
            union: the targets it joins.
            starts: names of the starts; by default all that are trained on this target.
            seeds: how many runs of each start; by default all.
            condition: how they differ from the study's own runs.
        """
        runs: dict[str, PlannedRun] = {}
        members = union or (target,)
        for name, start in self.study.starts.items():
            if starts is not None and name not in starts:
                continue
            if start.targets is not None and not set(members) <= set(start.targets):
                continue
            recipe = self.checked.recipes[members[0], name]
            if condition.as_is:
                recipe = replace(recipe, augmentation=replace(Augmentation.off(), mixup=recipe.augmentation.mixup))
            for seed in start.seeds[:seeds]:
                label = f"{name} {seed}"
                if start.runs is not None:
                    if condition.name or union:
                        what = condition.name or "+".join(union)
                        raise SpecError(
                            f"starts.{name}.runs",
                            f"are recorded, and a question wants to train such runs anew ({what}); name others for "
                            "it with 'starts'",
                        )
                    runs[label] = self._recorded(target, label, name, start, seed, recipe, images, found)
                    continue
                runs[label] = self._run(target, label, name, start, seed, recipe, images, found, condition)
        return runs

    def pretraining_epochs(self, name: str) -> list[int]:
        """Return the epochs after which a pre-training keeps its weights; none for a file of weights."""
        given = self.checked.sources[name]
        if given.recipe is None:
            return []
        return kept_epochs(self.study.record_of(given.settings).epochs, given.recipe.epochs)

    def _source(self, name: str) -> Step:
        """Return the step of a pre-training; a control comes before those whose images are chosen with it."""
        if name not in self.sources:
            self.sources[name] = self._of_source(name, self.study.pretrainings[name])
        return self.sources[name]

    def _of_source(self, name: str, source: SourceSettings) -> Step:
        if source.checkpoint is not None:
            spec = {
                "revision": REVISION["checkpoint"],
                "network": self.checked.network,
                "path": source.checkpoint,
                "content": content_digest(source.checkpoint, source.at),
                "classes": None,
                "head": "keep",
            } | ({} if source.at is None else {"at": source.at})
            return Step("checkpoint", name, spec, cost=100)
        given = self.checked.sources[name]
        assert given.images is not None and given.recipe is not None
        # A run from random weights of the same seed must not start where the pre-training started.
        start = {"from": "random", "seed": source.seed, "stream": "pre-training"}
        images, more = self.images(name, given.images), _learned(source.objective, source, given.images)
        inputs: dict[str, Step] = {}
        if (sampler := source.sampler) is not None:
            (way,) = sampler.from_
            more |= sampler_spec(way, sampler, given.images.train)
            if looks(way, sampler) and (control := control_of(name, self.study.pretrainings)) is not None:
                inputs["probe"] = self._source(control)
        seen, record = seen_of(source.sampler, given.images) or given.images, self.study.record_of(source)
        return self._train(name, images, seen, given.recipe, source.seed, start, inputs, record, more)

    def _recorded(
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
        """Return a run that was recorded elsewhere; its weights are taken over and evaluated on images here."""
        assert start.runs is not None
        recorded = recorded_run(start.runs[start.seeds.index(seed)])
        spec = {
            "revision": REVISION["recording"],
            "network": self.checked.network,
            "path": str(recorded.root),
            "content": recorded.content,
            "recipe": recorded.recipe(recipe).spec(),
            "seed": seed,
            "start": {"from": start.from_, "weights": "given"},
        }
        cost = (len(recorded.tags) + 1) * (found.train + found.val + found.test)
        step = Step("recording", f"{target} {label}", spec, {"images": images}, cost)
        role = {"random": "RI-T", "unknown": ""}.get(start.from_, "P-T")
        group = "P" if start.source == "source" else f"P {start.source}" if start.source else f"RI {recorded.start}"
        return PlannedRun(step, target, start_name, role, group, seed, start.source or "")

    def finetuned(self, target: str) -> dict[str, Step]:
        """Return each pre-training of the grid fine-tuned on a target, by its name."""
        found, recipe = self.checked.targets[target], self.checked.finetuned[target]
        record = _at_the_end(recipe)
        steps = {}
        for one in self.checked.grid:
            name, seed = one.point.name, one.point.seed
            start = {"from": "source", "weights": "final", "head": "drop", "seed": seed}
            inputs = {"source": self.grid[name]}
            steps[name] = self._train(
                f"{target} {name}", self.data[target], found, recipe, seed, start, inputs, record, {}, one.network
            )
        return steps

    def _of_grid(self, one: CheckedPoint) -> Step:
        point = one.point
        start = {"from": "random", "seed": point.seed, "stream": "pre-training"}
        noise = f" label_noise {n:g}" if (n := point.factors.get("label_noise")) else ""
        images = self.images(f"{point.family} share {point.factors['share']:g}{noise}", one.images)
        record = _at_the_end(one.recipe)
        given = self.study.grid[point.source]
        more = _learned(point.objective, given, one.images) | sampled(point, given.sampler, one.images.train)
        inputs = {"probe": self.grid[point.control]} if point.control else {}
        seen = seen_of(given.sampler, one.images) or one.images
        return self._train(point.name, images, seen, one.recipe, point.seed, start, inputs, record, more, one.network)

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
        condition: Condition,
    ) -> PlannedRun:
        inputs: dict[str, Step] = {}
        if start.source is not None:
            how, group = self._from_source(start, seed, condition)
            inputs = {"source": self.sources[start.source]}
            role = "P-T"
            if how["head"] == "probe":
                inputs["head"] = self._probed(target, start.source, how["weights"], images, found)
        else:
            init = seed if start.init is None else start.init
            how, group, role = {"from": "random", "seed": init}, f"RI {init}", "RI-T"
        altered = _alterations(start)
        if start.altered:
            role = ""
            # Noise is drawn anew for each seed; the leading directions are the same.
            group = f"{start_name} {seed}" if start.basin_noise is not None else start_name
        name = f"{target} {label}" + (f" ({condition.name})" if condition.name else "")
        train = partial(
            self._train, name, images, found, recipe, seed, {**how, **altered}, inputs, self.study.record,
            _averaged(start),
        )  # fmt: skip
        step = train()
        if not condition.name:
            self._own.add(step.digest)
        elif step.digest not in self._own:
            step = train(tested_at_the_end=True)  # on other images or from other weights: only how it ends is asked
        return PlannedRun(step, target, start_name, role, group, seed, start.source or "", condition.name)

    def _from_source(self, start: StartSettings, seed: int, condition: Condition) -> tuple[dict[str, Any], str]:
        assert start.source is not None
        source = self.study.pretrainings[start.source]
        usual = "given" if source.checkpoint is not None else source.weights
        given = self.checked.sources[start.source]
        tag = condition.weights or start.weights or usual
        if given.recipe is not None and tag == f"epoch {given.recipe.epochs}":
            tag = "final"  # the same weights: runs from them are the same runs
        group = "P" if start.source == "source" else f"P {start.source}"
        group = group if tag == usual else f"{group} ({tag})"
        if (start.head or source.head) == "probe":  # nothing of such a start is drawn from the run's seed
            return {"from": "source", "weights": tag, "head": "probe"}, f"{group}{PROBED_HEAD}"
        return {"from": "source", "weights": tag, "head": start.head or source.head, "seed": seed}, group

    def _probed(self, target: str, source: str, weights: str, images: Step, found: Found) -> Step:
        """Return the step that fits the final layer which runs on a target begin with."""
        spec = {"revision": REVISION["head"], "network": self.checked.network, "weights": weights}
        of = "" if source == "source" else f" of {source}"
        inputs = {"images": images, "source": self.sources[source]}
        return Step("head", f"{target} probed head{of}", spec, inputs, cost=2.0 * (found.train + found.val))

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
        averaged: Mapping[str, Any],
        network: Mapping[str, Any] | None = None,
        *,
        tested_at_the_end: bool = False,
    ) -> Step:
        spec = {
            "revision": REVISION["train"],
            "network": self.checked.network if network is None else network,
            "recipe": recipe.spec(),
            "seed": seed,
            "start": dict(start),
            "record": {
                "epochs": kept_epochs(record.epochs, recipe.epochs),
                "steps": list(record.steps),
                "evaluate_every": record.evaluate_every,
                "evaluate_train": "all" if record.evaluate_train is None else record.evaluate_train or "none",
            }
            | ({"evaluate_test": "last"} if tested_at_the_end else {}),
            **averaged,
        }
        sampled = found.train if record.evaluate_train is None else min(found.train, record.evaluate_train)
        tests = found.test * (record.evaluate_every / recipe.epochs if tested_at_the_end else 1)
        evaluated = (sampled + found.val + tests) / record.evaluate_every
        replicas = averaged["average"]["replicas"] if "average" in averaged else 2 if "simclr" in averaged else 1
        cost = recipe.epochs * (replicas * TRAINING_COST * found.train + evaluated)
        return Step("train", name, spec, {"images": images, **inputs}, cost, size=found.train)


def _alterations(start: StartSettings) -> dict[str, Any]:
    """Return what is done to the pre-trained weights; nothing where they are taken as they are."""
    altered: dict[str, Any] = {}
    if start.top_singular is not None:
        count = start.top_singular >= 1
        altered["top_singular"] = {"count": int(start.top_singular)} if count else {"energy": start.top_singular}
    if start.basin_noise is not None:
        altered["basin_noise"] = start.basin_noise
    return altered


def _at_the_end(recipe: Recipe) -> RecordSettings:
    """Evaluate, on held-out images, and keep weights when all is done: of a grid nothing else is asked."""
    return RecordSettings(epochs=(), evaluate_every=recipe.epochs, evaluate_train=0)


def _learned(objective: Objective, given: SourceSettings | GridSettings, images: Found) -> dict[str, Any]:
    """Return what says that a pre-training learns no labels; nothing where it does.

    Captions that are made of the names of classes depend on these, which are no part of the images' identity.
    """
    if objective == "simclr":
        return {"simclr": (given.simclr or SimclrSettings()).model_dump()}
    if objective == "clip":
        clip = {"clip": (given.clip or ClipSettings()).model_dump()}
        return clip if images.captioned else clip | {"captions": {"classes": list(images.classes)}}
    return {}


def _averaged(start: StartSettings) -> dict[str, Any]:
    return {} if start.average is None else {"average": start.average.model_dump()}
