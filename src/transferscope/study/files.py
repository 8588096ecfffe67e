"""Files of weights a person already has, asked questions: the same steps and store as a study, without training."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ValidationError

from ..errors import SpecError, UsageError, nearest
from ..models.build import with_absolute_path
from ..models.checkpoint import CheckpointFile
from ..questions import QUESTIONS, question_class
from ..questions.base import Question
from ..store.digest import digest
from ..store.folder import About, RunFolder
from .crew import Crew
from .events import Listener, StepEvent, unheard
from .execute import check_engine, execute
from .feasibility import of_labels, of_network
from .file_steps import alike, file_step, names_apart, with_at
from .graph import Plan, Step, in_order
from .inventory import Found, absolute, survey
from .network_spec import asked_network, channels_of, image_settings
from .problems import problems_of, raise_all
from .schedule import Outcome
from .training_steps import data_step
from .work.network import network_of
from .yaml_output import as_yaml

__all__ = ["Files", "question_with", "run_files", "run_plan"]

_KEPT = "whose runs keep weights at several epochs; a file holds one set"


@dataclass(frozen=True)
class Files:
    """Files of weights of one network, and the images to look at them on.

    Attributes:
        checkpoints: files of weights of one network.
        model: name of the network.
        data: images, a spec string.
        init: file of the weights they all started from.
        at: which weights of files that hold several: one name for all, or one a file.
        init_at: which weights of ``init``.
        only: questions to ask; by default those of :data:`by_default` that can be asked.
        settings: by question, what is not to be as its defaults; as under ``analyses`` of a study.
        head: what to do with a final layer of another size: ``refuse`` the file, ``drop`` all final layers, or
            ``keep`` those that fit. Without final layers only features and distances can be compared.
        size: side of the images in pixels; by default what the network was designed for.
        channels: 1 or 3; by default what the first file takes.
        samples: use at most so many images of each part.
        mean: of the input normalisation, one number a channel on the 0…1 scale; by default the network's.
        std: of the input normalisation.
        skip_unreadable: leave out images that cannot be read.

    Class attributes:
        about: what it is called in the store and on the command line.
        least: how many files it takes at least.
        most: how many files it takes at most.
        by_default: the questions asked when none is named; those that cannot be asked are left out.
        usual: by question, settings that are not as in studies, unless they are given.

    Raises:
        UsageError: for too few or too many files, one given twice, or a question that cannot be asked.
        SpecError: for a setting that there is not, or that cannot be.
    """

    about: ClassVar[About]
    least: ClassVar[int]
    most: ClassVar[int]
    by_default: ClassVar[tuple[str, ...]]
    usual: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    checkpoints: tuple[str, ...]
    model: str
    data: str
    init: str | None = None
    at: tuple[str, ...] = ()
    init_at: str | None = None
    only: tuple[str, ...] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    head: Literal["refuse", "drop", "keep"] = "refuse"
    size: int | None = None
    channels: Literal[1, 3] | None = None
    samples: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        for name in self.only or ():
            if name not in QUESTIONS or not self.can_ask(name):
                raise UsageError(f"--only {name}: {self._why_not(name)}")
        for name in self.settings:
            if name not in QUESTIONS or not self.can_ask(name):
                raise UsageError(f"--set {name}: {self._why_not(name)}")
            self.question(name)
        if self.samples is not None and self.samples < 1:
            raise UsageError(f"--samples {self.samples}: expected 1 or more images of each part")
        with_at(self.checkpoints, self.at)
        if self.init_at is not None and self.init is None:
            raise UsageError("--init-at says which weights of the file given with --init; give that, too")
        given = [(Path(p).expanduser().absolute(), at) for p, at in self._given()]
        twice = [path for (path, _), count in Counter(given).items() if count > 1]
        if twice:
            raise UsageError(f"{twice[0]}: is given twice; comparing a file with itself says nothing")

    def _given(self) -> list[tuple[str, str | None]]:
        """Return every file with which of its weights: the checkpoints in their order, then the start."""
        start = [] if self.init is None else [(self.init, self.init_at)]
        return [*with_at(self.checkpoints, self.at), *start]

    @classmethod
    def questions(cls) -> tuple[str, ...]:
        """Return the questions that can be asked of so many files, some of them only with ``init``."""
        return tuple(name for name in QUESTIONS if cls._takes(name))

    @classmethod
    def _takes(cls, name: str) -> bool:
        kind = question_class(name)
        return kind.files is not None and kind.files <= cls.most and cls.least <= (kind.most_files or cls.most)

    def askable(self) -> tuple[str, ...]:
        """Return the questions that can be asked of these files."""
        return tuple(name for name in QUESTIONS if self.can_ask(name))

    def can_ask(self, name: str) -> bool:
        """Whether a question can be asked of these files."""
        return self._takes(name) and (self.init is not None or not question_class(name).wants_init)

    def question(self, name: str) -> Question:
        """Return a question with its settings."""
        return question_with(name, {**self.usual.get(name, {}), **self.settings.get(name, {})})

    def _why_not(self, name: str) -> str:
        if name not in QUESTIONS:
            return f"there is no such question{nearest(name, self.askable())}"
        if question_class(name).files is None:
            return "cannot be asked of checkpoints; it needs training runs, see 'transferscope study'"
        if name in self.questions():
            return "needs the weights the training started from; give them with --init"
        if self.least > 1:
            return "is asked of one checkpoint, see 'transferscope inspect'"
        return "cannot be asked of one checkpoint; it needs two or more, see 'transferscope compare'"


def question_with(name: str, given: Mapping[str, Any]) -> Question:
    """Return a question about files with its settings.

    Args:
        name: of the question.
        given: its settings that are not as their defaults.

    Raises:
        SpecError: for a setting that there is not, that cannot be, or that is for studies.
    """
    kind = question_class(name)
    for key in sorted(kind.chooses & given.keys()):
        raise SpecError(f"--set {name}.{key}", "is for studies; here all files are asked about")
    for key in sorted(kind.among & given.keys()):
        raise SpecError(f"--set {name}.{key}", f"is for studies, {_KEPT}")
    try:
        question = kind.model_validate_json(json.dumps({"question": name, **given}))
    except ValidationError as e:
        found = problems_of(e, kind)[0]
        said = str(found).removeprefix(f"{found.where}: ")
        raise SpecError(f"--set {name}.{found.where}".rstrip("."), said) from e
    if recorded := question.wants_recorded():
        raise SpecError(f"--set {name}.{recorded}", f"wants weights on the way and is for studies, {_KEPT}")
    return question


def run_files(
    asked: Files,
    out: str | Path,
    *,
    engine: str = "local",
    jobs: int | None = 1,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = unheard,
    crew: Crew | None = None,
) -> tuple[RunFolder, Outcome]:
    """Answer questions about files of weights, computing what is missing.

    Args:
        asked: about which files, and what.
        out: run folder.
        engine: ``local``, ``ray`` or ``ray://ADDRESS``; all nodes of a cluster find the files at their paths.
        jobs: how many steps side by side; ``None``: as many as there is room for.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process.
        listener: told of every event.
        crew: processes that wait already; see :func:`~transferscope.study.execute.execute`.

    Raises:
        TransferscopeError: when files, network or images cannot be used; nothing has been written then.
        StoreError: when the folder is not ours, belongs to something else, or cannot be written.
    """
    check_engine(engine, jobs, device, threads)
    plan, text, notes = plan_files(asked)
    where = {"engine": engine, "jobs": jobs, "device": device, "threads": threads, "crew": crew}
    return run_plan(asked.about, plan, text, out, notes=notes, where=where, listener=listener)


def run_plan(
    about: About,
    plan: Plan,
    text: str,
    out: str | Path,
    *,
    notes: Sequence[tuple[str, str]],
    where: Mapping[str, Any],
    listener: Listener,
) -> tuple[RunFolder, Outcome]:
    """Compute what is missing of a plan about files.

    Args:
        about: what it is called in the store.
        plan: the steps.
        text: what was asked, as YAML.
        out: run folder.
        notes: what there is to say before the work: about what, and a sentence.
        where: ``engine``, ``jobs``, ``device``, ``threads`` and ``crew``, as
            :func:`~transferscope.study.execute.execute` has them.
        listener: told of every event.
    """
    for topic, remark in notes:
        listener(StepEvent("noted", topic, "", text=remark))
    inputs = [step for step in plan.steps if step.kind != "analysis"]
    files = [step.name for step in inputs if step.kind == "checkpoint"]
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    name = f"{', '.join(files[:3])}{more} ({digest([step.digest for step in inputs])[:8]})"
    folder = RunFolder.create(out, about, name)
    folder.put("study.yaml", text.encode())
    folder.write("plan.json", plan.to_json())
    return folder, execute(plan.steps, folder, listener=listener, **where)


def plan_files(asked: Files) -> tuple[Plan, str, tuple[tuple[str, str], ...]]:
    """Check everything and return the steps, what was asked as YAML, and remarks, each with what it is about."""
    model, (first, at) = with_absolute_path(asked.model, Path.cwd()), asked._given()[0]
    read_already: CheckpointFile | None = None
    channels = asked.channels
    if channels is None:
        channels, read_already = channels_of(model, first, at=at, size=asked.size)
    settings = image_settings(asked.size, channels, skip_unreadable=asked.skip_unreadable)
    network = asked_network(model, settings, asked.mean, asked.std)
    spec = absolute(asked.data, Path.cwd(), "--data")
    sized = settings.model_copy(update={"size": network["size"]})
    found = survey(spec, sized, asked.samples, "--data", look=asked.size is None)
    images = data_step("images", found, network, settings)
    files = asked._given()
    labels = names_apart(files)
    inputs: dict[str, Step] = {"images images": images}
    given, headless, bits = [], [], dict[str, str]()
    for file in files[: len(asked.checkpoints)]:
        key = f"file {labels[file]}"
        taken = file_step(file, labels[file], network, len(found.classes), asked.head, read_already)
        inputs[key] = taken.step
        bits[labels[file]] = taken.bits
        read_already = None  # was the first; one file at a time is in memory
        given.append({"input": key, "label": labels[file], "group": "P" if asked.init else ""})
        headless += [] if taken.whole else [labels[file]]
    source = None
    if asked.init is not None:
        # Weights to start from usually have a head for other classes, which they keep.
        start = file_step(files[-1], labels[files[-1]], network, None, "keep")
        inputs["source"] = start.step
        source = {"label": labels[files[-1]], "weights": "given"}
    chosen = _to_ask(asked, headless)
    for name in asked.settings:
        if name not in chosen:
            raise UsageError(f"--set {name}: {name} is not asked; name it with --only")
    items, net, refused = {}, network_of(network, len(found.classes)), dict[str, str]()
    for name in chosen:
        question = asked.question(name)
        where = f"--set {name}" if name in asked.settings else f"--only {name}"
        if asked.only is None and (why := question.refuses(net)):
            refused[name] = why  # nobody asked for it by name
            continue
        raise_all([*of_network(where, question, net), *of_labels(where, question, {"--data": found})])
        body = {
            "revision": question.revision,
            "network": network,
            "settings": question.identity(),
            "targets": ["images"],
            "runs": [],
            "given": given,
            "source": source,
            "pretrainings": {},
        }
        items[name] = {"": Step("analysis", name, body, inputs, question.cost(len(given), [found.test]))}
    steps = in_order(step for of in items.values() for step in of.values())
    same = alike(bits)
    remarks = filter(None, [*found.remarks, found.enlarged(network["size"])])
    notes = [
        *(("checkpoints", said) for said in same),
        *(("data images", remark) for remark in remarks),
        *refused.items(),
    ]
    return Plan(steps, items, {}), _as_text(asked, found, network, chosen, refused, same), tuple(notes)


def _to_ask(asked: Files, headless: list[str]) -> tuple[str, ...]:
    """Return the questions to ask: without final layers, only those that need none."""
    if not headless:
        return asked.only or tuple(q for q in asked.by_default if asked.can_ask(q))
    without = tuple(q for q in asked.askable() if question_class(q).headless)
    for name in asked.only or ():
        if name not in without:
            raise UsageError(
                f"--only {name}: needs final layers for the classes of the images, without which "
                f"{headless[0]} is taken; without them: {', '.join(without)}"
            )
    return asked.only or tuple(q for q in without if not question_class(q).by_name)


def _as_text(
    asked: Files,
    found: Found,
    network: dict[str, Any],
    chosen: Sequence[str],
    refused: Mapping[str, str],
    same: Sequence[str],
) -> str:
    count = len(asked.checkpoints)
    done = (
        f"{count} checkpoints of {asked.model} compared" if count > 1 else f"A checkpoint of {asked.model} inspected"
    )
    tree: dict[str, Any] = {
        "description": " ".join(
            [
                f"{done} on {found.train} training and {found.test} test images.",
                *(f"{said}." for said in same),
                *([f"Of the data, {enlarged}."] if (enlarged := found.enlarged(network["size"])) else []),
                *(f"Not asked is {name}: {why}." for name, why in refused.items()),
            ]
        ),
        asked.about: [str(Path(p).expanduser().absolute()) for p in asked.checkpoints],
        "model": network,
        "data": found.spec,
        "head": asked.head,
    }
    if asked.at:
        tree["at"] = list(asked.at)
    if asked.init_at is not None:
        tree["init_at"] = asked.init_at
    settings = {name: {**asked.usual.get(name, {}), **asked.settings.get(name, {})} for name in chosen}
    if told := {name: given for name, given in settings.items() if given}:
        tree["settings"] = told
    if asked.init is not None:
        tree["init"] = str(Path(asked.init).expanduser().absolute())
    return as_yaml(tree)
