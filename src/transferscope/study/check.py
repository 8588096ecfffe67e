"""Whether a study can be run: everything that can be known before the first image is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data.shuffle import divisors
from ..errors import CheckpointError, ModelError, SpecError, StoreError, UsageError, nearest
from ..questions.base import unknown
from ..train.recipe import Recipe
from .feasibility import of_network, of_study
from .grid import CheckedPoint, check_grid, not_for
from .inventory import Found, survey
from .network_spec import network_spec
from .overlay import laid_over, make
from .problems import raise_all
from .recorded import RecordedRun, recorded_run
from .sampling import of_sources, seen_of
from .schema import SourceSettings, StartSettings, Study
from .snapshot_schedule import Kept

__all__ = ["Checked", "Pretraining", "check"]

_Patches = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class Pretraining:
    """A pre-training that can be run, or a file of weights that can be read.

    Attributes:
        settings: what the study says of it.
        images: what it is trained on; ``None`` for a file.
        recipe: how; ``None`` for a file.
        classes: number of outputs; ``None`` where a file has no final layer.
    """

    settings: SourceSettings
    images: Found | None
    recipe: Recipe | None
    classes: int | None


@dataclass(frozen=True, eq=False)
class Checked:
    """A study that can be run, with what was found on the way.

    Attributes:
        study: the study.
        network: name, size, channels, mean and std, resolved.
        sources: the pre-trainings by name.
        targets: images by target.
        recipes: recipe by target and start.
        grid: the pre-trainings of the grid.
        finetuned: recipe by target of fine-tuning them.
    """

    study: Study
    network: Mapping[str, Any]
    sources: Mapping[str, Pretraining]
    targets: Mapping[str, Found]
    recipes: Mapping[tuple[str, str], Recipe]
    grid: tuple[CheckedPoint, ...] = ()
    finetuned: Mapping[str, Recipe] = field(default_factory=dict)


def check(study: Study) -> Checked:
    """See whether a study can be run.

    Raises:
        SpecError: everything that is wrong with it, each with its place, what is wrong and what would be right.
    """
    return _Check(study).run()


class _Check:
    def __init__(self, study: Study) -> None:
        self.study = study
        self.problems: list[SpecError] = []
        self.images = study.images

    def run(self) -> Checked:
        study = self.study
        self._references()
        network = self._network()
        if network:
            self.images = study.images.model_copy(update={"size": network["size"]})
        sources = {name: self._source(_at(name), given, network) for name, given in study.pretrainings.items()}
        found = {n: self._found(t.data, t.samples, f"targets.{n}.data") for n, t in study.targets.items()}
        targets = {name: images for name, images in found.items() if images is not None}
        recorded = {
            name: self._recorded(name, start) for name, start in study.starts.items() if start.runs is not None
        }
        recipes = {}
        for name, target in study.targets.items():
            for start, settings in study.starts.items():
                patches = [
                    ("recipe", study.recipe),
                    (f"targets.{name}.recipe", target.recipe),
                    (f"starts.{start}.recipe", settings.recipe),
                    (f"targets.{name}.recipes.{start}", target.recipes.get(start, {})),
                ]
                recipe = self._recipe(patches, None if start in recorded else targets.get(name))
                if start in recorded:
                    self._rates(start, recorded[start], patches)
                    if recipe is not None:
                        recipes[name, start] = recipe
                elif recipe is not None:
                    recipes[name, start] = recipe
                    self._epochs(study.record.epochs, recipe, "record.epochs")
                    if settings.targets is None or name in settings.targets:
                        self._averages(start, recipe)
        self._heads(targets, sources)
        self._started_from(sources)
        grid, finetuned = self._grid(targets)
        if len(targets) == len(study.targets):
            for name, question in study.analyses.items():
                self.problems += of_study(f"analyses.{name}", question, study, targets, recipes, recorded)
        raise_all(list({str(p): p for p in self.problems}.values()))
        return Checked(study, network, sources, targets, recipes, grid, finetuned)

    def _grid(self, targets: Mapping[str, Found]) -> tuple[tuple[CheckedPoint, ...], dict[str, Recipe]]:
        """Check the pre-trainings of the grid, and how they are fine-tuned."""
        found = []
        for one in check_grid(self.study, self._of_grid, self._found, self._recipe):
            if isinstance(one, SpecError):
                self.problems.append(one)
            else:
                found.append(one)
        finetuned = {}
        for name, target in self.study.targets.items() if self.study.grid else ():
            patches = [("recipe", self.study.recipe), (f"targets.{name}.recipe", target.recipe)]
            if (recipe := self._recipe(patches, targets.get(name))) is not None:
                finetuned[name] = recipe
        return tuple(found), finetuned

    def _of_grid(self, name: str, where: str) -> Mapping[str, Any] | None:
        """Resolve a network of the grid, which sees images as the study's network does."""
        from ..models.build import build
        from ..models.network import Input

        settings = self.study.network
        try:
            spec = network_spec(name, self.study.images, settings.mean, settings.std)
            side = (spec["size"], spec["size"])
            net = build(name, 2, input=Input(side, spec["channels"], tuple(spec["mean"]), tuple(spec["std"])))
        except ModelError as e:
            self._add(where, str(e))
            return None
        if not net.head:
            self._add(where, f"the final classifier of {name} is not known, so there are no features before it")
        return spec

    def _add(self, where: str, message: str) -> None:
        self.problems.append(SpecError(where, message))

    def _recorded(self, name: str, start: StartSettings) -> list[RecordedRun]:
        """Open the recordings of a start, and see that nothing is asked of them that only training here could do."""
        assert start.runs is not None
        where = f"starts.{name}"
        for key in ("weights", "head", "top_singular", "basin_noise", "average", "init"):
            if getattr(start, key) is not None:
                self._add(f"{where}.{key}", "is for runs that are trained here; these were recorded")
        if len(start.runs) != len(start.seeds):
            self._add(f"{where}.seeds", f"has {len(start.seeds)} seeds for {len(start.runs)} runs; leave it out")
        if len(start.targets or self.study.targets) > 1:
            several = ", ".join(self.study.targets)
            self._add(f"{where}.targets", f"must say which target was trained on, one of {several}")
        found = []
        for i, path in enumerate(start.runs):
            try:
                found.append(recorded_run(path))
            except StoreError as e:
                self._add(f"{where}.runs.{i}", str(e))
        return found

    def _rates(self, start: str, runs: Sequence[RecordedRun], patches: _Patches) -> None:
        """See that the learning rates of recorded runs are known."""
        if not any("lr" in patch for _, patch in patches):
            for run in runs:
                if run.lr is None:
                    self._add(
                        f"starts.{start}.recipe.lr",
                        f"{run.root} has no learning rate on record (record it with optimizer=); say which it was",
                    )

    def _known(self, names: Iterable[str] | None, known: Iterable[str], where: str, what: str) -> None:
        self.problems += unknown(names, known, where, what)

    def _references(self) -> None:
        study = self.study
        for name, target in study.targets.items():
            self._known(target.recipes, study.starts, f"targets.{name}.recipes", "start")
        for name, start in study.starts.items():
            where = f"starts.{name}"
            if start.from_ == "unknown" and start.runs is None:
                self._add(f"{where}.from", "'unknown' is for recorded runs; start from random, or from a source")
            self._known(start.targets, study.targets, f"{where}.targets", "target")
            if start.source == "source" and study.source is None:
                self._add(f"{where}.from", "the study has no source; add 'source:', or start from random")
            elif start.source is not None and start.source not in study.pretrainings:
                known = ("random", *study.pretrainings)
                self._add(f"{where}.from", f"there is no source {start.source!r}{nearest(start.source, known)}")
            if start.source is not None and start.init is not None:
                self._add(f"{where}.init", "is for 'from: random' only: the pre-trained weights are the start here")
            for key in ("weights", "head", "top_singular", "basin_noise"):
                if start.source is None and getattr(start, key) is not None:
                    self._add(f"{where}.{key}", "is for pre-trained weights; start from a source")
            if len(set(start.seeds)) < len(start.seeds):
                self._add(f"{where}.seeds", f"holds a seed twice: {list(start.seeds)}; give each run its own")
        self.problems += of_sources(study)
        for name in {"source", "random"} & study.sources.keys():
            self._add(f"sources.{name}", "is a name with a meaning of its own; call it otherwise")
        for name, source in study.pretrainings.items():
            if (source.data is None) == (source.checkpoint is None):
                message = "give either 'data' (to pre-train on) or 'checkpoint' (a file of weights), one of them"
                self._add(_at(name), message)
            for key in ("simclr", "clip"):
                if getattr(source, key) is not None and source.objective != key:
                    self._add(f"{_at(name)}.{key}", f"is for 'objective: {key}'; give that, too")
            if source.at is not None and source.checkpoint is None:
                self._add(f"{_at(name)}.at", "says which weights of a 'checkpoint'; give that, too")
            if source.checkpoint is not None:
                for key in ("recipe", "samples", "record", "simclr", "clip", "sampler"):
                    if getattr(source, key):
                        self._add(f"{_at(name)}.{key}", "is for pre-training on 'data'; a 'checkpoint' is as it is")

    def _network(self) -> dict[str, Any]:
        from ..models.build import build, outputs_of
        from ..models.network import Input

        settings = self.study.network
        try:
            spec = network_spec(settings.name, self.study.images, settings.mean, settings.std)
        except ModelError as e:
            self._add("network", str(e))
            return {}
        side, mean, std = spec["size"], tuple(spec["mean"]), tuple(spec["std"])
        try:
            net = build(
                settings.name, outputs_of(settings.name, 2), input=Input((side, side), spec["channels"], mean, std)
            )
        except ModelError as e:
            self._add("network", str(e))
            return {}
        for name, question in self.study.analyses.items():
            where = f"analyses.{name}"
            self.problems += of_network(where, question, net)
            self._blocks(where, question.block_sides(side), side)
        if not net.head and any(s.source is not None for s in self.study.starts.values()):
            self._add("network", f"the final classifier of {settings.name} is not known, so no head can be replaced")
        return spec

    def _source(self, where: str, source: SourceSettings, network: Mapping[str, Any]) -> Pretraining:
        if source.checkpoint is not None:
            return Pretraining(source, None, None, self._classes_of(where, source, network))
        if source.data is None:
            return Pretraining(source, None, None, None)
        images = self._found(source.data, source.samples, f"{where}.data")
        patches = [("recipe", self.study.recipe), (f"{where}.recipe", source.recipe)]
        recipe = self._recipe(patches, seen_of(source.sampler, images))
        if source.record is not None:
            self._epochs(source.record.epochs, recipe, f"{where}.record.epochs")
        if recipe is not None and source.objective != "supervised":
            self.problems += not_for(source.objective, recipe, f"{where}.recipe")
        return Pretraining(source, images, recipe, len(images.classes) if images is not None else None)

    def _classes_of(self, where: str, source: SourceSettings, network: Mapping[str, Any]) -> int | None:
        from .work.checkpoint import file_into

        if not network:
            return None
        try:
            net, _, _ = file_into(
                {"network": network, "path": source.checkpoint, "at": source.at, "classes": None, "head": "keep"}
            )
        except (CheckpointError, ModelError) as e:
            self._add(f"{where}.checkpoint", str(e))
            return None
        return net.classes

    def _heads(self, targets: Mapping[str, Found], sources: Mapping[str, Pretraining]) -> None:
        """See that a head that is kept fits the targets that start from it, and that one can be fitted to them."""
        for name, start in self.study.starts.items():
            source = sources.get(start.source or "")
            if source is None or start.runs is not None:
                continue
            head = start.head or source.settings.head
            where = f"starts.{name}.head" if start.head is not None else f"{_at(start.source or '')}.head"
            for target, found in targets.items():
                if target not in (start.targets or targets):
                    continue
                if head == "keep" and source.classes not in (None, len(found.classes)):
                    self._add(
                        where,
                        f"the source's final layer has {source.classes} outputs, {target} has "
                        f"{len(found.classes)} classes; 'drop' gives each run a new one",
                    )
                if head == "probe" and (found.multilabel or not found.val):
                    what = "several labels an image" if found.multilabel else "no validation images"
                    self._add(where, f"{target} has {what}, so no final layer can be probed; 'drop' draws a new one")
            if head == "probe" and (start.top_singular is not None or start.basin_noise is not None):
                self._add(where, "a probed final layer is of the weights as pre-trained, and these are altered")

    def _started_from(self, sources: Mapping[str, Pretraining]) -> None:
        """See that pre-trainings keep the weights that runs start from."""
        for name, start in self.study.starts.items():
            if start.weights is not None and start.source is not None and start.source in sources:
                self._kept(f"starts.{name}.weights", [start.weights], sources[start.source], start.source)
        for name, question in self.study.analyses.items():
            for source, epochs in question.pretrained_epochs(self.study).items():
                if source in sources:
                    where = f"analyses.{name}.epochs"
                    self._kept(where, [f"epoch {e}" for e in epochs], sources[source], source)

    def _kept(self, where: str, tags: Sequence[str], source: Pretraining, name: str) -> None:
        if source.settings.checkpoint is not None:
            self._add(where, f"{_at(name)} is a file of weights; earlier ones are there when it is trained on 'data'")
        elif source.recipe is not None and (seen := seen_of(source.settings.sampler, source.images)) is not None:
            kept = Kept(self.study.record_of(source.settings), source.recipe, seen.train)
            counted = [tag for tag in tags if tag not in ("best", "final", f"epoch {source.recipe.epochs}")]
            self.problems += kept.missing(counted, where, f"{_at(name)}.record")

    def _blocks(self, where: str, blocks: Sequence[str], side: int) -> None:
        fitting = ", ".join(map(str, divisors(side)))
        for block in blocks:
            if block != "*" and side % int(block):
                self._add(f"{where}.blocks", f"{block} does not divide the side of the images, {side}; {fitting} do")

    def _found(self, spec: str, samples: int | None, where: str) -> Found | None:
        try:
            return survey(spec, self.images, samples, where)
        except SpecError as e:
            self.problems.append(e)
            return None

    def _recipe(self, patches: _Patches, images: Found | None) -> Recipe | None:
        try:
            recipe: Recipe = make(Recipe, laid_over(*(patch for _, patch in patches)))
        except UsageError as e:
            key, _, message = str(e).partition(": ")
            self._add(_place_of(key, patches), message)
            return None
        if images is not None and recipe.batch > images.train:
            self._add(
                _place_of("batch", patches),
                f"{recipe.batch} is more than the {images.train} training images of {images.spec}; "
                "give a smaller batch or more images",
            )
        return recipe

    def _epochs(self, epochs: Sequence[int] | None, recipe: Recipe | None, where: str) -> None:
        for i, epoch in enumerate(epochs or ()):
            if recipe is not None and epoch > recipe.epochs:
                self._add(f"{where}.{i}", f"epoch {epoch} does not come: training ends after epoch {recipe.epochs}")

    def _averages(self, start: str, recipe: Recipe) -> None:
        """See that averages on the way come before training ends."""
        average = self.study.starts[start].average
        if average is not None and average.every is not None and average.every > recipe.epochs:
            self._add(
                f"starts.{start}.average.every",
                f"epoch {average.every} does not come: training ends after epoch {recipe.epochs}; "
                "leave it out to average at the end only",
            )


def _at(source: str) -> str:
    """Return the place of a pre-training in the study."""
    return "source" if source == "source" else f"sources.{source}"


def _place_of(key: str, patches: _Patches) -> str:
    """Name the last place where a setting of a recipe was given."""
    for place, patch in reversed(patches):
        if key in patch:
            return f"{place}.{key}"
        inner = patch.get("augmentation")
        if isinstance(inner, Mapping) and key in inner:
            return f"{place}.augmentation.{key}"
    return f"{patches[0][0]}.{key}"
