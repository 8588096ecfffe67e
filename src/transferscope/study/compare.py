"""Checkpoints a person already has, compared: the same steps and the same store as a study, without training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ModelError, UsageError, nearest
from ..store.atomic import write_bytes
from ..store.digest import digest, file_digest
from ..store.folder import RunFolder
from .check import network_spec
from .events import Listener, unheard
from .execute import execute
from .graph import Plan, Step, in_order
from .plan import REVISION, analysis_cost, data_step
from .questions import QUESTIONS
from .schedule import Outcome
from .schema import ImageSettings
from .survey import Found, absolute, survey
from .work.checkpoint import file_into
from .written import as_yaml

__all__ = ["COMPARED", "Comparison", "run_comparison"]

COMPARED = ("mistakes", "similarity", "distance", "barrier", "extrapolation")
"""The questions that two checkpoints can be asked."""

_WITHOUT_HEAD = ("similarity", "distance")


@dataclass(frozen=True)
class Comparison:
    """What to compare.

    Attributes:
        checkpoints: two or more files of weights of one network.
        model: name of the network.
        data: images, a spec string.
        init: file of the weights they all started from.
        only: questions of :data:`COMPARED`; all by default.
        head: what to do with a final layer of another size: ``refuse`` the file, ``drop`` all final layers, or
            ``keep`` those that fit. Without final layers only features and distances can be compared.
        size: side of the images in pixels; by default what the network was designed for.
        channels: 1 or 3.
        samples: use at most so many images of each part.
        mean: of the input normalisation, one number a channel on the 0…1 scale; by default the network's.
        std: of the input normalisation.
        skip_unreadable: leave out images that cannot be read.

    Raises:
        UsageError: for fewer than two checkpoints, one given twice, or an unknown question.
    """

    checkpoints: tuple[str, ...]
    model: str
    data: str
    init: str | None = None
    only: tuple[str, ...] | None = None
    head: Literal["refuse", "drop", "keep"] = "refuse"
    size: int | None = None
    channels: Literal[1, 3] = 3
    samples: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if len(self.checkpoints) < 2:
            raise UsageError(f"{len(self.checkpoints)} checkpoint(s) given; a comparison needs at least 2")
        for name in self.only or ():
            if name not in COMPARED:
                hint = (
                    "; it needs training runs, see 'transferscope study'"
                    if name in QUESTIONS
                    else nearest(name, COMPARED)
                )
                raise UsageError(f"--only {name}: cannot be asked of checkpoints{hint}")
        paths = [Path(p).expanduser().absolute() for p in (*self.checkpoints, *filter(None, [self.init]))]
        twice = [path for path, count in Counter(paths).items() if count > 1]
        if twice:
            raise UsageError(f"{twice[0]}: is given twice; comparing a file with itself says nothing")


def run_comparison(
    asked: Comparison,
    out: str | Path,
    *,
    jobs: int = 1,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = unheard,
) -> tuple[RunFolder, Outcome]:
    """Compare checkpoints, computing what is missing.

    Args:
        asked: what to compare.
        out: run folder.
        jobs: how many steps side by side.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process.
        listener: told of every event.

    Raises:
        TransferscopeError: when files, network or images cannot be used; nothing has been written then.
        StoreError: when the folder is not ours, belongs to another comparison, or cannot be written.
    """
    plan, text = plan_comparison(asked)
    inputs = [step for step in plan.steps if step.kind != "analysis"]
    files = [step.name for step in inputs if step.kind == "checkpoint"]
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    name = f"{', '.join(files[:3])}{more} ({digest([step.digest for step in inputs])[:8]})"
    folder = RunFolder.create(out, "compare", name)
    write_bytes(folder.root / "study.yaml", text.encode())
    folder.write("plan.json", plan.to_json())
    return folder, execute(plan.steps, folder, jobs=jobs, device=device, threads=threads, listener=listener)


def plan_comparison(asked: Comparison) -> tuple[Plan, str]:
    """Check everything and return the steps, and the comparison as YAML."""
    settings = ImageSettings(size=asked.size, channels=asked.channels, skip_unreadable=asked.skip_unreadable)
    try:
        network = network_spec(asked.model, settings, asked.mean, asked.std)
    except ModelError as e:
        raise ModelError(f"--model: {e}") from e
    spec = absolute(asked.data, Path.cwd(), "--data")
    found = survey(spec, settings, asked.samples, "--data")
    images = data_step("images", found, network, settings)
    labels = _labels([*asked.checkpoints, *filter(None, [asked.init])])
    inputs: dict[str, Step] = {"images images": images}
    given, headless = [], []
    for path in asked.checkpoints:
        key = f"file {labels[path]}"
        inputs[key], whole = _file_step(path, labels[path], network, len(found.classes), asked.head)
        given.append({"input": key, "label": labels[path], "group": "P" if asked.init else ""})
        headless += [] if whole else [labels[path]]
    source = None
    if asked.init is not None:
        # Weights to start from usually have a head for other classes, which they keep.
        inputs["source"], _ = _file_step(asked.init, labels[asked.init], network, None, "keep")
        source = {"label": labels[asked.init], "weights": "given"}
    items = {}
    for question in _askable(asked.only, headless):
        chosen = QUESTIONS[question].model_validate({"question": question}).model_dump(mode="json")
        about = {k: v for k, v in chosen.items() if k not in ("targets", "starts")}
        body = {
            "revision": REVISION["analysis"],
            "network": network,
            "settings": about,
            "targets": ["images"],
            "runs": [],
            "given": given,
            "source": source,
        }
        cost = analysis_cost(about, len(given), [found])
        items[question] = {"": Step("analysis", question, body, inputs, cost)}
    steps = in_order(step for of in items.values() for step in of.values())
    return Plan(steps, items, {}), _as_text(asked, found, network)


def _askable(only: tuple[str, ...] | None, headless: list[str]) -> tuple[str, ...]:
    """Return the questions to ask: without final layers, only those that need none."""
    if not headless:
        return only or COMPARED
    for name in only or ():
        if name not in _WITHOUT_HEAD:
            raise UsageError(
                f"--only {name}: needs final layers for the classes of the images, which {headless[0]} has not; "
                f"without them: {', '.join(_WITHOUT_HEAD)}"
            )
    return only or _WITHOUT_HEAD


def _file_step(path: str, label: str, network: dict[str, Any], classes: int | None, head: str) -> tuple[Step, bool]:
    """Return the step that reads a file, and whether the file has a head; says what is wrong with the file."""
    full = str(Path(path).expanduser().absolute())
    body = {
        "revision": REVISION["checkpoint"],
        "network": network,
        "path": full,
        "classes": classes,
        "head": head,
    }
    _, _, loaded = file_into(body)
    whole = set(loaded.report.head) <= set(loaded.report.fits)
    return Step("checkpoint", label, {**body, "content": file_digest(Path(full))}, cost=100), whole


def _labels(paths: Sequence[str]) -> dict[str, str]:
    """Name files by what tells them apart: their own names, the names of their folders, or as much as it takes."""
    parts = {path: Path(path).expanduser().absolute().parts for path in paths}
    for depth in range(1, min(map(len, parts.values()))):
        if len({p[-depth] for p in parts.values()}) == len(parts):
            return {path: p[-depth] for path, p in parts.items()}
    return {path: str(Path(*p)) for path, p in parts.items()}


def _as_text(asked: Comparison, found: Found, network: dict[str, Any]) -> str:
    tree: dict[str, Any] = {
        "description": f"{len(asked.checkpoints)} checkpoints of {asked.model} compared on {found.test} test images.",
        "compare": [str(Path(p).expanduser().absolute()) for p in asked.checkpoints],
        "model": network,
        "data": found.spec,
        "head": asked.head,
    }
    if asked.init is not None:
        tree["init"] = str(Path(asked.init).expanduser().absolute())
    return as_yaml(tree)
