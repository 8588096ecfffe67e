"""What a person names to be ranked: files of different networks, and what is in run folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, ModelError, StoreError, UsageError
from ..models.checkpoint import CheckpointFile, read
from ..models.guess import guess
from ..questions.protocols import NOT_LEARNED
from ..store.digest import file_digest
from ..store.recording import Recording, is_recording
from ..store.tensors import WeightFiles
from .file_steps import with_at
from .graph import Step
from .image_settings import ImageSettings
from .network_spec import channels_in, network_spec
from .stored_study import StoredStudy, open_study
from .work.data import DataSummary, why_not_learned
from .work.network import network_of

__all__ = ["Named", "named"]


@dataclass(frozen=True)
class Named:
    """A candidate before it is read in.

    Attributes:
        path: file of its weights.
        at: which weights of a file that holds several.
        network: its specification: name, size, channels, mean and std of its input.
        label: what to call it; empty for the file's name.
        softmax: whether nothing is known against its final layer being a softmax.
        learned: the step of the images that it learned the labels of, or why there is none.
    """

    path: str
    network: dict[str, Any]
    at: str | None = None
    label: str = ""
    softmax: bool = True
    learned: Step | str = NOT_LEARNED


def named(words: Sequence[str], size: int | None = None, at: Sequence[str] = ()) -> list[Named]:
    """Find the candidates that words name: ``NETWORK=FILE``, ``FILE``, or a run folder.

    Args:
        words: as they were given.
        size: side of the images of files in pixels; by default what their networks were designed for. What is in a
            run folder sees images as it did in its study.
        at: which weights of files that hold several: nothing, one name for all, or one a word.

    Raises:
        UsageError: for a word that is none of these, a file whose network cannot be told, or ``at`` of a run folder.
        TransferscopeError: when a file, a network or a run folder cannot be used.
    """
    return [candidate for word, which in with_at(words, at, "candidates") for candidate in _of(word, size, which)]


def _of(word: str, size: int | None, at: str | None) -> Iterator[Named]:
    path = Path(word).expanduser()
    if is_recording(path):
        named = Recording.open(path).about.get("model")
        yield _file(str(path), str(named) if named else None, size, at)
        return
    if path.is_dir() and at is not None and (path / "study.yaml").exists():
        raise UsageError(
            f"--at {at}: says which weights of a file; {path} is a run folder, all of whose pre-trainings are ranked"
        )
    if path.is_dir():
        yield from _in_folder(path)
        return
    network, given, file = _apart(word)
    if path.exists() or not given:
        yield _file(str(path), None, size, at)
    elif not (network and file):
        raise UsageError(f"{word!r}: expected NETWORK=FILE, e.g. timm/resnet18=a.safetensors")
    else:
        yield _file(str(Path(file).expanduser()), network, size, at)


def _apart(word: str) -> tuple[str, str, str]:
    """Take ``NETWORK=FILE`` apart at the sign before the file: options of a network and names of files have it, too.

    >>> _apart("timm/vit_tiny_patch16_224?depth=2=a.pt"), _apart("lenet=lr=0.1.pt"), _apart("a.pt")
    (('timm/vit_tiny_patch16_224?depth=2', '=', 'a.pt'), ('lenet', '=', 'lr=0.1.pt'), ('a.pt', '', ''))
    """
    signs = [i for i, letter in enumerate(word) if letter == "="]
    there = [i for i in signs if Path(word[i + 1 :]).expanduser().exists()]
    if not signs or there:
        return (word[: there[0]], "=", word[there[0] + 1 :]) if there else (word, "", "")
    return word.rpartition("=") if "?" in word[: signs[0]] else word.partition("=")


def _file(path: str, network: str | None, asked: int | None, at: str | None) -> Named:
    """A file of a network that is named, or can be told from its tensors."""
    file = read(path, at=at)
    found = guess(file.params) if network is None or "/" not in network else None
    if network is None:
        if found is None:
            raise UsageError(f"{path}: which network it is of cannot be told; give it as NETWORK={path}")
        network = found.name
    size, channels = asked, 3
    if found is not None and found.name == network:
        size, channels = asked or max(found.input.size), found.input.channels
    return Named(path, _network(path, network, size, channels, file), at)


def _network(path: str, name: str, size: int | None, channels: int, file: CheckpointFile) -> dict[str, Any]:
    """What the network wants to see; images become grey or RGB as its first layer has it."""
    try:
        wanted = channels_in(name, file, size=size, guess=channels)
        spec = network_spec(name, ImageSettings(size=size, channels=wanted), None, None)
        network_of(spec, 2)
    except ModelError as e:
        raise ModelError(f"{path}: {e}") from e
    return spec


def _in_folder(folder: Path) -> Iterator[Named]:
    """The pre-trainings of a run folder, at each epoch that was kept, and the files it was given."""
    try:
        study = open_study(folder)
    except StoreError as e:
        raise StoreError(f"{e}; give a file of weights, or the run folder of a study") from e
    count = 0
    on_targets = {run.step.digest for of in study.plan.runs.values() for run in of.values()}
    for step in study.plan.steps:
        stored = study.stored.get(step.digest)
        if stored is None or step.kind not in ("train", "checkpoint") or step.digest in on_targets:
            continue
        tags = [tag for tag in stored.weights() if tag in ("final", "given") or tag.startswith("epoch ")]
        # The weights after the last epoch are the final ones, under another tag.
        by_content = {file_digest(stored.folder / "weights" / WeightFiles.file_name(tag)): tag for tag in tags}
        for tag in tags:
            path = stored.folder / "weights" / WeightFiles.file_name(tag)
            if tag not in by_content.values():
                continue
            label = step.name if tag in ("final", "given") else f"{step.name}, {tag}"
            yield Named(
                str(path),
                dict(step.spec["network"]),
                None,
                label,
                _softmax(study, step),
                "it was not pre-trained" if tag == "epoch 0" else why_not_learned(step) or step.inputs["images"],
            )
            count += 1
    if not count:
        raise CheckpointError(f"{folder}: holds no finished pre-training and no file of weights to rank")


def _softmax(study: StoredStudy, step: Step) -> bool:
    images = step.inputs.get("images")
    stored = None if images is None else study.stored.get(images.digest)
    return stored is None or not stored.result(DataSummary).multilabel
