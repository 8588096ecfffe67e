"""Candidates of different networks, ranked for a target without training: the steps, and how they are run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..data.spec import parse
from ..errors import SpecError, UsageError
from ..questions.protocols import NOT_LEARNED
from ..store.folder import RunFolder
from .candidates import Named, named
from .events import Listener, unheard
from .execute import check_engine
from .file_steps import alike, file_step, names_apart
from .files import question_with, run_plan
from .graph import Plan, Step, in_order
from .image_settings import ImageSettings
from .inventory import Found, absolute, survey
from .schedule import Outcome
from .training_steps import data_step
from .yaml_output import as_yaml

__all__ = ["Ranking", "plan_ranking", "rank"]

_QUESTION = "scores"


@dataclass(frozen=True)
class Ranking:
    """What to rank.

    Attributes:
        candidates: ``NETWORK=FILE``, ``FILE`` or run folders.
        data: images of the target, a spec string.
        at: which weights of files that hold several: one name for all, or one a candidate.
        settings: of the question ``scores``, those that are not as their defaults.
        size: side of the images in pixels, for all candidates; by default each sees what it was designed for.
        samples: use at most so many images of each part.
        skip_unreadable: leave out images that cannot be read.
    """

    candidates: tuple[str, ...]
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None
    samples: int | None = None
    skip_unreadable: bool = False
    at: tuple[str, ...] = ()


def rank(
    asked: Ranking,
    out: str | Path,
    *,
    engine: str = "local",
    jobs: int | None = 1,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = unheard,
) -> tuple[RunFolder, Outcome]:
    """Score candidates, computing what is missing.

    Args:
        asked: which candidates, and on which images.
        out: run folder.
        engine: ``local``, ``ray`` or ``ray://ADDRESS``; all nodes of a cluster find the candidates at their paths.
        jobs: how many steps side by side; ``None``: as many as there is room for.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process.
        listener: told of every event.

    Raises:
        TransferscopeError: when candidates or images cannot be used; nothing has been written then.
        StoreError: when the folder is not ours, belongs to something else, or cannot be written.
    """
    check_engine(engine, jobs, device, threads)
    plan, text, notes = plan_ranking(asked)
    where = {"engine": engine, "jobs": jobs, "device": device, "threads": threads}
    return run_plan("rank", plan, text, out, notes=notes, where=where, listener=listener)


def plan_ranking(asked: Ranking) -> tuple[Plan, str, tuple[tuple[str, str], ...]]:
    """Check everything and return the steps, what was asked as YAML, and remarks on the images.

    Raises:
        UsageError: for fewer than two candidates, or one given twice.
        SpecError: for images or settings that cannot be used.
    """
    if asked.samples is not None and asked.samples < 1:
        raise UsageError(f"--samples {asked.samples}: expected 1 or more images of each part")
    question = question_with(_QUESTION, {"random": False, **asked.settings})
    spec = absolute(asked.data, Path.cwd(), "--data")
    candidates = named(asked.candidates, asked.size, asked.at)
    if len(candidates) < 2:
        raise UsageError(
            f"{len(candidates)} candidate given; ranking takes 2 or more, 'transferscope inspect' takes one"
        )
    labels = _labels(candidates)
    inputs: dict[str, Step] = {}
    given: list[dict[str, Any]] = []
    bits: dict[str, str] = {}
    found: Found | None = None
    for candidate, label in zip(candidates, labels, strict=True):
        network = candidate.network
        size, channels = int(network["size"]), network["channels"]
        key = "images images" if not inputs else f"images {size} {channels}"
        images = _images(asked, network)
        found = survey(spec, images, asked.samples, "--data")
        step = data_step(f"images of {size} px{', grey' if channels == 1 else ''}", found, network, images)
        known = next((k for k, other in inputs.items() if other.digest == step.digest), None)
        inputs.setdefault(known or key, step)
        file = f"file {label}"
        taken = file_step((candidate.path, candidate.at), label, network, None, "keep")
        inputs[file], bits[label] = taken.step, taken.bits
        learned = candidate.learned
        if not isinstance(learned, str):
            inputs[f"learned {label}"], learned = learned, f"learned {label}"
        given.append(
            {"input": file, "label": label, "group": "", "network": network, "images": known or key}
            | ({} if candidate.softmax else {"softmax": False})
            | ({} if learned == NOT_LEARNED else {"learned": learned})
        )
    assert found is not None
    _check_images(found, candidates[0], asked)
    body = {
        "revision": question.revision,
        "network": candidates[0].network,
        "settings": question.identity(),
        "targets": ["images"],
        "runs": [],
        "given": given,
        "source": None,
        "pretrainings": {},
    }
    answer = Step("analysis", _QUESTION, body, inputs, question.cost(len(given), [found.train]))
    plan = Plan(in_order([answer]), {_QUESTION: {"": answer}}, {})
    notes = [("candidates", said) for said in alike(bits)] + [("data images", remark) for remark in found.remarks]
    return plan, _as_text(asked, candidates, found), tuple(notes)


def _images(asked: Ranking, network: Mapping[str, Any]) -> ImageSettings:
    channels: Literal[1, 3] = 1 if network["channels"] == 1 else 3
    return ImageSettings(size=int(network["size"]), channels=channels, skip_unreadable=asked.skip_unreadable)


def _labels(candidates: list[Named]) -> list[str]:
    """Name candidates by their labels, else by what tells their files apart."""
    given = [(str(Path(c.path).absolute()), c.at) for c in candidates]
    twice = [path for (path, _), count in Counter(given).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: is given twice; a candidate is ranked once")
    files = [file for file, c in zip(given, candidates, strict=True) if not c.label]
    names = names_apart(files) if files else {}
    found = [c.label or names[file] for file, c in zip(given, candidates, strict=True)]
    count = Counter(found)
    return [
        label if count[label] == 1 else f"{label} ({Path(path).parents[min(3, len(Path(path).parents) - 1)].name})"
        for label, (path, _) in zip(found, given, strict=True)
    ]


def _check_images(found: Found, first: Named, asked: Ranking) -> None:
    """Refuse what no score can be computed on, before an image is decoded."""
    if found.train < len(found.classes):
        raise SpecError(
            "--data", f"{found.train} training images of {len(found.classes)} classes; give more images than classes"
        )
    if found.multilabel:
        return
    labels = parse(found.spec).listed(_images(asked, first.network).seed).train.labels
    counts = np.bincount(labels, minlength=len(found.classes))
    for name, number in zip(found.classes, counts.tolist(), strict=True):
        if number == 1:
            raise SpecError(
                "--data",
                f"class {name!r} has a single training image, which cannot be left out; give 2 of each at least",
            )


def _as_text(asked: Ranking, candidates: list[Named], found: Found) -> str:
    networks = len({c.network["name"] for c in candidates})
    tree: dict[str, Any] = {
        "description": f"{len(candidates)} candidates of {networks} network{'s' * (networks != 1)} ranked on "
        f"{found.train} training images.",
        "rank": [{"file": str(Path(c.path).absolute()), "network": c.network} for c in candidates],
        "data": found.spec,
    }
    if asked.at:
        tree["at"] = list(asked.at)
    if asked.settings:
        tree["settings"] = dict(asked.settings)
    return as_yaml(tree)
