"""Whether a study can be run: everything that can be known before the first image is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CheckpointError, ModelError, SpecError, UsageError
from ..train.recipe import Recipe
from .patch import laid_over, make
from .possible import of_network, of_study, unknown
from .problems import raise_all
from .schema import ImageSettings, Study
from .survey import Found, survey

__all__ = ["Checked", "check", "network_spec"]

_Patches = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class Checked:
    """A study that can be run, with what was found on the way.

    Attributes:
        study: the study.
        network: name, size, channels, mean and std, resolved.
        source: images of the pre-training, when there is one.
        source_recipe: its recipe.
        targets: images by target.
        recipes: recipe by target and start.
    """

    study: Study
    network: Mapping[str, Any]
    source: Found | None
    source_recipe: Recipe | None
    targets: Mapping[str, Found]
    recipes: Mapping[tuple[str, str], Recipe]


def check(study: Study) -> Checked:
    """See whether a study can be run.

    Raises:
        SpecError: everything that is wrong with it, each with its place, what is wrong and what would be right.
    """
    return _Check(study).run()


def network_spec(
    name: str, images: ImageSettings, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> dict[str, Any]:
    """Resolve what the network wants to see.

    Raises:
        ModelError: for an unknown name, or numbers that do not fit the channels.
    """
    from ..models.build import designed_for
    from ..models.network import Input

    designed = designed_for(name)
    size = images.size or max(designed.size)
    channels = images.channels
    chosen = Input((size, size), channels, *_statistics(designed.mean, designed.std, channels, mean, std))
    return {
        "name": name,
        "size": size,
        "channels": channels,
        "mean": list(chosen.mean),
        "std": list(chosen.std),
    }


def _statistics(
    designed_mean: tuple[float, ...],
    designed_std: tuple[float, ...],
    channels: int,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    def fitted(values: tuple[float, ...]) -> tuple[float, ...]:
        return values if len(values) == channels else (sum(values) / len(values),) * channels

    return mean or fitted(designed_mean), std or fitted(designed_std)


class _Check:
    def __init__(self, study: Study) -> None:
        self.study = study
        self.problems: list[SpecError] = []
        self.source_classes: int | None = None

    def run(self) -> Checked:
        study = self.study
        self._references()
        network = self._network()
        source = source_recipe = None
        if study.source is not None and study.source.data is not None:
            source = self._found(study.source.data, study.source.samples, "source.data")
            source_recipe = self._recipe([("recipe", study.recipe), ("source.recipe", study.source.recipe)], source)
            if study.source.record is not None:
                self._epochs(study.source.record.epochs, source_recipe, "source.record.epochs")
            self.source_classes = len(source.classes) if source is not None else None
        found = {n: self._found(t.data, t.samples, f"targets.{n}.data") for n, t in study.targets.items()}
        targets = {name: images for name, images in found.items() if images is not None}
        recipes = {}
        for name, target in study.targets.items():
            for start, settings in study.starts.items():
                patches = [
                    ("recipe", study.recipe),
                    (f"targets.{name}.recipe", target.recipe),
                    (f"starts.{start}.recipe", settings.recipe),
                    (f"targets.{name}.recipes.{start}", target.recipes.get(start, {})),
                ]
                recipe = self._recipe(patches, targets.get(name))
                if recipe is not None:
                    recipes[name, start] = recipe
                    self._epochs(study.record.epochs, recipe, "record.epochs")
        self._heads(targets)
        if len(targets) == len(study.targets):
            for name, question in study.analyses.items():
                self.problems += of_study(f"analyses.{name}", question, study, targets, recipes)
        raise_all(list({str(p): p for p in self.problems}.values()))
        return Checked(study, network, source, source_recipe, targets, recipes)

    def _add(self, where: str, message: str) -> None:
        self.problems.append(SpecError(where, message))

    def _known(self, names: Iterable[str] | None, known: Iterable[str], where: str, what: str) -> None:
        self.problems += unknown(names, known, where, what)

    def _references(self) -> None:
        study = self.study
        for name, target in study.targets.items():
            self._known(target.recipes, study.starts, f"targets.{name}.recipes", "start")
        for name, start in study.starts.items():
            where = f"starts.{name}"
            self._known(start.targets, study.targets, f"{where}.targets", "target")
            if start.from_ == "source" and study.source is None:
                self._add(f"{where}.from", "the study has no source; add 'source:', or start from random")
            if start.from_ == "source" and start.init is not None:
                self._add(f"{where}.init", "is for 'from: random' only: the pre-trained weights are the start here")
            if len(set(start.seeds)) < len(start.seeds):
                self._add(f"{where}.seeds", f"holds a seed twice: {list(start.seeds)}; give each run its own")
        source = study.source
        if source is not None and (source.data is None) == (source.checkpoint is None):
            self._add(
                "source", "give either 'data' (to pre-train on) or 'checkpoint' (a file of weights), one of them"
            )
        if source is not None and source.checkpoint is not None:
            for key in ("recipe", "samples", "record"):
                if getattr(source, key):
                    self._add(f"source.{key}", "is for pre-training on 'data'; a 'checkpoint' is taken as it is")

    def _network(self) -> dict[str, Any]:
        from ..models.build import build
        from ..models.network import Input

        settings = self.study.network
        try:
            spec = network_spec(settings.name, self.study.images, settings.mean, settings.std)
        except ModelError as e:
            self._add("network", str(e))
            return {}
        side, mean, std = spec["size"], tuple(spec["mean"]), tuple(spec["std"])
        try:
            net = build(settings.name, 2, input=Input((side, side), spec["channels"], mean, std))
        except ModelError as e:
            self._add("network", str(e))
            return {}
        self._checkpoint(spec)
        for name, question in self.study.analyses.items():
            self.problems += of_network(f"analyses.{name}", question, net)
        if not net.head and any(s.from_ == "source" for s in self.study.starts.values()):
            self._add("network", f"the final classifier of {settings.name} is not known, so no head can be replaced")
        return spec

    def _checkpoint(self, network: Mapping[str, Any]) -> None:
        from .work.checkpoint import file_into

        source = self.study.source
        if source is None or source.checkpoint is None:
            return
        try:
            net, _, _ = file_into({"network": network, "path": source.checkpoint, "classes": None, "head": "keep"})
            self.source_classes = net.classes
        except (CheckpointError, ModelError) as e:
            self._add("source.checkpoint", str(e))

    def _heads(self, targets: Mapping[str, Found]) -> None:
        """See that a head that is kept fits the targets that start from it."""
        if self.study.source is None or self.study.source.head == "drop" or self.source_classes is None:
            return
        for name, found in targets.items():
            uses = any(s.from_ == "source" and name in (s.targets or targets) for s in self.study.starts.values())
            if uses and len(found.classes) != self.source_classes:
                self._add(
                    "source.head",
                    f"the source's final layer has {self.source_classes} outputs, {name} has {len(found.classes)} "
                    "classes; 'drop' gives each run a new one",
                )

    def _found(self, spec: str, samples: int | None, where: str) -> Found | None:
        try:
            return survey(spec, self.study.images, samples, where)
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


def _place_of(key: str, patches: _Patches) -> str:
    """Name the last place where a setting of a recipe was given."""
    for place, patch in reversed(patches):
        if key in patch:
            return f"{place}.{key}"
        inner = patch.get("augmentation")
        if isinstance(inner, Mapping) and key in inner:
            return f"{place}.augmentation.{key}"
    return f"{patches[0][0]}.{key}"
