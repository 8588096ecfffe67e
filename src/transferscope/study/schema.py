"""What a study file can say. The same definitions check it, document it, and make the JSON schema for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt

from ..questions import QUESTIONS, question_class
from ..questions.base import Question
from ..questions.presets import QUICK
from ..strict import Name, Strict, TargetName
from ..train.recipe import Recipe
from .image_settings import ImageSettings, Seed
from .overlay import PatchOf
from .pretraining_settings import ClipSettings, Objective, SamplerSettings, SimclrSettings, several
from .record_settings import RecordSettings

__all__ = [
    "AverageSettings",
    "GridSettings",
    "NetworkSettings",
    "SourceSettings",
    "StartSettings",
    "Study",
    "TargetSettings",
    "json_schema",
]

if TYPE_CHECKING:
    AnyQuestion: TypeAlias = Question
else:
    AnyQuestion = Annotated[Union[tuple(map(question_class, QUESTIONS))], Field(discriminator="question")]  # noqa: UP007

RecipePatch = Annotated[dict[str, Any], PatchOf(Recipe)]


def _share_or_count(k: float) -> float:
    if k >= 1 and k != int(k):
        raise ValueError(f"expected a share under 1, such as 0.9, or a whole number, such as 10, got {k}")
    return k


class NetworkSettings(Strict):
    """The network, one for the whole study."""

    name: str
    """What to build: fixup_resnet20, fixup_resnet50, lenet, torchvision/resnet18, timm/NAME, …"""
    mean: tuple[float, ...] | None = None
    """Mean of the input normalisation, one number a channel on the 0…1 scale; default: the network's."""
    std: tuple[float, ...] | None = None
    """Its standard deviation, one number a channel on the 0…1 scale; default: the network's."""


class SourceSettings(Strict):
    """Where pre-trained weights come from: trained here on ``data``, or read from ``checkpoint``."""

    data: str | None = None
    """Images to pre-train on, a spec string such as ``folder:PATH`` or ``synthetic:source``."""
    recipe: RecipePatch = Field(default_factory=dict)
    """How the pre-training differs from the study's recipe."""
    seed: Seed = 0
    """Seed of the initialisation and of the pre-training."""
    samples: PositiveInt | None = None
    """Use at most this many images of each part of the source, instead of the study's number."""
    record: RecordSettings | None = None
    """What is measured and kept of the pre-training; default: as for the runs on targets."""
    weights: Literal["final", "best"] = "final"
    """Which weights of the pre-training runs start from."""
    objective: Objective = "supervised"
    """What is learned from ``data``: its labels; ``simclr``, without them to find the other view of each image;
    ``clip``, to find the caption of each image (the source's own, or made of the names of classes)."""
    simclr: SimclrSettings | None = None
    """Settings of ``objective: simclr`` that are not to be as their defaults."""
    clip: ClipSettings | None = None
    """Settings of ``objective: clip`` that are not to be as their defaults."""
    sampler: SamplerSettings | None = None
    """Which training images are seen, or which first, in one way; another source, alike but ``from: random``, is the
    control."""
    checkpoint: str | None = None
    """A file of pre-trained weights, instead of ``data``: safetensors, .pt, .pth or .th, or a folder of them."""
    at: str | None = None
    """Which weights of a ``checkpoint`` that holds several, such as ``teacher`` or ``state_dict_ema``."""
    head: Literal["drop", "keep"] = "drop"
    """Its final layer: ``drop`` gives each run a new one from its seed; ``keep`` starts with the source's own, for
    targets with as many classes."""


class GridSettings(Strict):
    """A family of pre-trainings that differ in what is given several values; each is a step of its own."""

    data: str
    """Images to pre-train on, a spec string such as ``folder:PATH`` or ``synthetic:source``."""
    network: str
    """The network, with ``{width}`` and ``{depth}`` where these go: ``fixup_resnet{depth}?width={width}``."""
    width: tuple[PositiveInt, ...] = ()
    """Widths to try."""
    depth: tuple[PositiveInt, ...] = ()
    """Depths to try."""
    share: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (1.0,)
    """Shares of the training images to try; each smaller one is a part of each larger one."""
    epochs: tuple[PositiveInt, ...] = ()
    """Numbers of epochs to try; default: that of the recipe. With a smaller share the steps are fewer, too."""
    lr: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Learning rates to try; default: that of the recipe."""
    weight_decay: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Weight decays to try; default: that of the recipe."""
    head_lr: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Factors on the rate of the final classifier to try."""
    head_weight_decay: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Weight decays of the final classifier to try."""
    batch: tuple[PositiveInt, ...] = ()
    """Batch sizes to try; default: that of the recipe. The learning rate scales with them."""
    label_noise: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    """Shares of the training images with a wrong label to try; default: none. Test images keep theirs."""
    objective: Annotated[tuple[Objective, ...], Field(min_length=1), BeforeValidator(several)] = ("supervised",)
    """What is learned, several ways: ``supervised``, ``simclr``, ``clip``; each as a family of its own."""
    simclr: SimclrSettings | None = None
    """Settings of ``simclr`` that are not to be as their defaults."""
    clip: ClipSettings | None = None
    """Settings of ``clip`` that are not to be as their defaults."""
    sampler: SamplerSettings | None = None
    """Which training images are seen, or which first, several ways of an equal number; each as a family."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    """One pre-training for each: seed of initialisation, data order, augmentation and samples."""
    vary: Literal["together", "alone"] = "together"
    """``together``: every combination. ``alone``: one thing at a time, the others at the first of their values."""
    recipe: RecipePatch = Field(default_factory=dict)
    """How these pre-trainings differ from the study's recipe."""
    recipes: dict[Objective, RecipePatch] = Field(default_factory=dict)
    """How those of one objective differ besides, by its name: ``recipes: {simclr: {lr: 0.3}}``."""
    samples: PositiveInt | None = None
    """Use at most this many images of each part of the source, instead of the study's number."""


class TargetSettings(Strict):
    """One target: images, and how training on it differs."""

    data: str
    """Images, a spec string such as ``folder:PATH``, ``domainnet:ROOT?domain=clipart`` or ``synthetic:clipart``."""
    recipe: RecipePatch = Field(default_factory=dict)
    """How training on this target differs from the study's recipe."""
    recipes: dict[Name, RecipePatch] = Field(default_factory=dict)
    """How training on this target differs for single starts, by the start's name; goes over everything else."""
    samples: PositiveInt | None = None
    """Use at most this many images of each part, instead of the study's number."""
    stands_for: str | None = None
    """The task of the paper in whose place it is, e.g. ``CheXpert``, whose printed numbers go beside the measured."""


class AverageSettings(Strict):
    """Runs trained in parallel from one start, whose weights are averaged."""

    replicas: Annotated[int, Field(ge=2, le=64)] = 2
    """How many are trained, each with a data order and augmentation of its own."""
    every: PositiveInt | None = None
    """Average after every so many epochs, and go on from there; default: only at the end."""


class StartSettings(Strict):
    """Where runs start, one run a seed and target."""

    from_: Annotated[str, Field(alias="from", min_length=1)]
    """``source``, or a name under ``sources``: pre-trained weights, with a new head from the seed (P-T). ``random``:
    new weights (RI-T). ``unknown``, of recorded runs only."""
    runs: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Runs that were recorded elsewhere, instead of trained here: folders that ``transferscope.record`` or the
    callbacks for Lightning and Hugging Face made, one a run. ``from`` then says what they started from."""
    weights: Annotated[str, Field(pattern=r"^(best|final|epoch \d+|step \d+)$")] | None = None
    """Which weights of the pre-training: ``best``, ``final``, ``epoch 4``, ``step 9``; default: as in the source."""
    head: Literal["drop", "keep", "probe"] | None = None
    """The final layer they begin with: ``drop`` draws a new one from the seed; ``keep`` takes the source's own;
    ``probe`` first fits one to the features as pre-trained, the same for all runs on a target (LP-FT, Kumar et al.
    2022), and needs validation images. Default: as in the source."""
    top_singular: Annotated[float, Field(gt=0), AfterValidator(_share_or_count)] | None = None
    """Start from only the leading singular directions of each pre-trained layer: so many (10), or as many as hold
    this share of the sum of their squares (0.9)."""
    basin_noise: Annotated[float, Field(gt=0)] | None = None
    """Add Gaussian noise to the pre-trained weights, in shares of the root mean square of each tensor (0.1)."""
    average: AverageSettings | None = None
    """Train several runs in parallel for each seed and average their weights."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1)
    """One run for each: seed of data order, augmentation, new head, and of new weights unless ``init`` is given."""
    init: Seed | None = None
    """Seed of one initialisation that all runs of this start share; only for ``from: random``."""
    recipe: RecipePatch = Field(default_factory=dict)
    """How training from this start differs (its learning rate, say); goes over the recipe of study and target."""
    targets: tuple[Name, ...] | None = None
    """Train only on these targets; default: all."""

    @property
    def source(self) -> str | None:
        """Name of the pre-training it starts from, ``None`` for random or unknown weights."""
        return None if self.from_ in ("random", "unknown") else self.from_

    @property
    def altered(self) -> tuple[str, ...]:
        """What keeps its runs from being plain P-T or RI-T: altered weights at the start, averages at the end."""
        return tuple(k for k in ("top_singular", "basin_noise", "average") if getattr(self, k) is not None)


class Study(Strict):
    """A study: a network, a source, targets, starts × seeds, and the questions to answer."""

    name: Name
    """What the study is called; a run folder belongs to one name."""
    description: str = ""
    """A sentence or two for the report."""
    network: NetworkSettings
    """The network: its name, or a mapping with its name and input normalisation."""
    images: ImageSettings = Field(default_factory=ImageSettings)
    """How images are prepared."""
    recipe: RecipePatch = Field(default_factory=dict)
    """How networks are trained, unless source, target or start say otherwise."""
    paper: (
        Literal["neyshabur2020", "liu2019", "abnar2022", "wortsman2022", "chatterji2020", "entezari2023"] | None
    ) = None
    """The paper whose figures and tables it makes."""
    source: SourceSettings | None = None
    """Where pre-trained weights come from; needed by starts ``from: source``."""
    sources: dict[Name, SourceSettings] = Field(default_factory=dict)
    """Further pre-trainings by name, to compare what to pre-train on; starts say ``from: NAME``."""
    grid: dict[Name, GridSettings] = Field(default_factory=dict)
    """Many pre-trainings by family, to see how downstream accuracy goes with upstream accuracy, size, data and
    compute; the questions ``grid`` and ``scaling`` are about them."""
    targets: Annotated[dict[TargetName, TargetSettings], Field(min_length=1)]
    """The tasks that are transferred to, by name."""
    starts: dict[Name, StartSettings] = Field(default_factory=dict)
    """Where runs start, by name: ``P-T: {from: source, seeds: [0, 1]}`` is a line each; only a grid needs none."""
    analyses: dict[Name, AnyQuestion] = Field(default_factory=dict)
    """The questions to answer: ``barrier: true`` or with settings; ``quick`` for those that take long and have a
    quick form; under another name with ``question:``."""
    record: RecordSettings = Field(default_factory=RecordSettings)
    """What is measured and kept of the runs on targets."""

    @property
    def pretrainings(self) -> dict[str, SourceSettings]:
        """All of them by name: ``source`` and those under ``sources``."""
        return ({"source": self.source} if self.source is not None else {}) | self.sources

    def record_of(self, source: SourceSettings) -> RecordSettings:
        """Return what is kept of a pre-training; its epochs are other ones than those of the runs."""
        return source.record or self.record.model_copy(update={"epochs": None, "steps": ()})


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of study files, for editors that complete and check YAML."""
    schema = Study.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    properties = schema["properties"]
    network = properties["network"]
    text = network.pop("description")
    properties["network"] = {"description": text, "anyOf": [{"type": "string"}, network]}
    analyses = properties["analyses"]
    (union,) = analyses.pop("patternProperties").values()
    analyses["additionalProperties"] = {
        "type": "object",
        "description": "One of the questions under a name of your own.",
        "required": ["question"],
        "oneOf": union["oneOf"],
        "discriminator": union["discriminator"],
    }
    analyses["properties"] = {}
    for name in QUESTIONS:
        reference = union["discriminator"]["mapping"][name]
        definition = schema["$defs"][reference.rsplit("/", 1)[1]]
        definition["required"] = [key for key in definition.get("required", []) if key != "question"]
        short = [{"const": QUICK}] if question_class(name).quick else []
        analyses["properties"][name] = {
            "description": definition.get("description", name),
            "anyOf": [{"type": "boolean"}, *short, {"$ref": reference}],
        }
    return schema
