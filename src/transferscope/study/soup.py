"""Files of fine-tuned weights averaged: looked at one after the other, and the soup written beside them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..data.imageset import ImageSet, ImageSplits
from ..data.spec import load_images
from ..errors import SpecError, UsageError
from ..models.averaged_files import averaged_files
from ..models.batchnorm import RECALIBRATION_BATCH
from ..models.checkpoint import CheckpointFile, read, write
from ..models.heads import fit_to
from ..models.locate import content_digest
from ..models.network import Network
from ..params import Params
from ..probes.outputs import Outputs
from ..progress import Progress, silent
from ..questions.soup.decision import decided
from ..questions.soup.ingredients import Ingredient
from ..questions.soup.measure import HELD_OUT, Soup, soup
from ..questions.soup.seen import warning
from ..questions.soup.text import table
from .file_steps import File, names_apart, with_at
from .inventory import absolute
from .network_spec import asked_network, channels_of, image_settings
from .work.checkpoint import file_into
from .work.network import network_of

__all__ = ["SoupFiles", "make_soup"]


@dataclass(frozen=True)
class SoupFiles:
    """What to average, and where to look at it.

    Attributes:
        checkpoints: two or more files of weights of one network.
        model: name of the network.
        data: images, a spec string: its test images judge, its validation images choose.
        save: the file to write; ``None`` for none.
        at: which weights of files that hold several: one name for all, or one a file.
        init: file of the weights they all started from, for the pre-check and for ``methods``.
        init_at: which weights of ``init``.
        tests: further test sets, spec strings by name.
        held_out: images to choose on instead: the validation images of this spec string, or its test images where
            there are none.
        method: which soup is written.
        accept: when the greedy soup takes one more.
        methods: what to try besides; they need ``init``.
        size: side of the images in pixels; by default what the network was designed for.
        channels: 1 or 3; by default what the first file takes.
        samples: use at most so many images of each part.
        mean: of the input normalisation.
        std: of the input normalisation.
        skip_unreadable: leave out images that cannot be read.

    Raises:
        UsageError: for fewer than two files, one given twice, or a place that cannot be written.
    """

    checkpoints: tuple[str, ...]
    model: str
    data: str
    save: str | None = None
    at: tuple[str, ...] = ()
    init: str | None = None
    init_at: str | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    held_out: str | None = None
    method: Literal["greedy", "uniform"] = "greedy"
    accept: Literal["not worse", "better"] = "not worse"
    methods: tuple[Any, ...] = ()
    size: int | None = None
    channels: Literal[1, 3] | None = None
    samples: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if len(self.checkpoints) < 2:
            raise UsageError(f"{len(self.checkpoints)} checkpoint(s) given; a soup takes two or more")
        given = [(Path(p).expanduser().absolute(), at) for p, at in self.files()]
        paths = [path for path, _ in given]
        twice = [path for (path, _), n in Counter(given).items() if n > 1]
        if twice:
            raise UsageError(f"{twice[0]}: is given twice; a soup takes each file once")
        if self.init_at is not None and self.init is None:
            raise UsageError("--init-at says which weights of the file given with --init; give that, too")
        if self.samples is not None and self.samples < 1:
            raise UsageError(f"--samples {self.samples}: expected 1 or more images of each part")
        if self.save is None:
            return
        place = Path(self.save).expanduser().absolute()
        if place in paths:
            raise UsageError(f"--save {self.save}: is one of the ingredients; choose another name")
        if place.is_dir() or not place.parent.is_dir():
            raise UsageError(f"--save {self.save}: give a file in a folder that exists")

    def files(self) -> list[File]:
        """Return every ingredient's file with which of its weights, in their order."""
        return with_at(self.checkpoints, self.at)


def make_soup(asked: SoupFiles, *, device: str = "auto", progress: Progress = silent) -> tuple[Soup, list[str]]:
    """Average files of weights, and write the soup when asked to.

    Each file is read when its turn has come; held are sums, never all ingredients (unless ``methods`` need them).

    Args:
        asked: which files, and what to look at.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told after every evaluation.

    Returns:
        The result, and what there is to say: what to take, the table, and what was written.

    Raises:
        TransferscopeError: when files, network or images cannot be used; nothing has been written then.
    """
    first: CheckpointFile | None = None
    channels, files = asked.channels, asked.files()
    if channels is None:
        channels, first = channels_of(asked.model, files[0][0], at=files[0][1], size=asked.size)
    settings = image_settings(asked.size, channels, skip_unreadable=asked.skip_unreadable)
    network = asked_network(asked.model, settings, asked.mean, asked.std)
    images = _images(asked, asked.data, "--data", network)
    net = network_of(network, len(images.classes))
    labelled = {label: file for file, label in names_apart(files).items()}
    for path, at in labelled.values():  # before anything takes long
        fit_to(net, first or read(path, at=at))
        first = None  # one file at a time is in memory
    held_out = _held_out(asked, images, network)
    more = {name: _images(asked, spec, f"--test {name}", network) for name, spec in asked.tests.items()}
    tests = {"test": images.test} | {name: of.test for name, of in more.items()}
    init = None if asked.init is None else _start((asked.init, asked.init_at), network)
    given = [Ingredient(label, lambda file=file: _read(net, file)) for label, file in labelled.items()]  # type: ignore[misc]
    result = soup(
        net, given, held_out, tests, init=init, train=images.train, accept=asked.accept, methods=asked.methods,
        progress=progress, device=device,
    )  # fmt: skip
    seen = warning(result)
    said = [*([seen[0]] if seen else []), *(decided(result, name)[0] for name in result.tests)]
    lines = [*said, "", *table(result), ""]
    lines += [f"Left out: {left.text}." for left in result.left_out]
    lines += [f"Images of {name}: {rest}." for name, of in {"--data": images, **more}.items() for rest in of.remarks]
    if asked.save is not None:
        lines.append(_write(asked, net, result, labelled, images.train, device))
    return result, lines


def _images(asked: SoupFiles, spec: str, where: str, network: Mapping[str, Any]) -> ImageSplits:
    try:
        return load_images(
            absolute(spec, Path.cwd(), where), size=network["size"], channels=network["channels"],
            samples=asked.samples, skip_unreadable=asked.skip_unreadable,
        )  # fmt: skip
    except SpecError as e:
        raise e if str(e).startswith(where) else SpecError(where, str(e)) from e


def _held_out(asked: SoupFiles, images: ImageSplits, network: Mapping[str, Any]) -> ImageSet:
    if asked.held_out is not None:
        other = _images(asked, asked.held_out, "--held-out", network)
        return other.val if len(other.val) else other.test
    if not len(images.val):
        raise UsageError(
            f"--data {asked.data}: has no validation images to choose a soup on; give --held-out SPEC of images that "
            "no network was trained on, or split some off, e.g. ?val=0.2, if none was trained on those"
        )
    return images.val


def _read(net: Network, file: File) -> Params:
    path, at = file
    return fit_to(net, read(path, at=at)).params


def _start(file: File, network: Mapping[str, Any]) -> Params:
    """The start, with the final layer that its file has; a file without one gives none."""
    path, at = file
    _, _, loaded = file_into({"network": network, "path": path, "at": at, "classes": None, "head": "keep"})
    drawn = set(loaded.report.head) - set(loaded.report.fits)
    return {k: v for k, v in loaded.params.items() if k not in drawn}


def _write(
    asked: SoupFiles, net: Network, result: Soup, files: Mapping[str, File], train: ImageSet, device: str
) -> str:
    """Write the soup with what went in, and say so."""
    assert asked.save is not None
    entry = result.entry(f"{asked.method} soup")
    if len(entry.members) == 1:
        params = _read(net, files[entry.members[0]])
    else:
        paths, at = zip(*(files[label] for label in entry.members), strict=True)
        params = averaged_files(net, paths, at=at)
        if result.how.norm == "recalibrated":
            few = train.subset(range(min(len(train), RECALIBRATION_BATCH)))
            params = Outputs(net, {"any": few}, device=device, recalibrate_on=train).anew(params)
    about = {
        "method": entry.name,
        "accept": result.accept,
        "network": asked.model,
        "classes": ", ".join(train.classes),
        "ingredients": json.dumps({label: content_digest(*files[label]) for label in entry.members}),
        "tried": json.dumps({label: content_digest(*file) for label, file in files.items()}),
        "held_out": f"{result.metric} {result.value(entry.name, HELD_OUT)!r} on {result.n[HELD_OUT]} images",
        "batch_norm": entry.statistics or "none",
    }
    if asked.at:
        about["at"] = json.dumps({label: at for label, (_, at) in files.items()})
    write(Path(asked.save).expanduser(), params, {f"soup_{key}": text for key, text in about.items()})
    alone = f", which is {entry.members[0]} alone" if len(entry.members) == 1 else f" of {len(entry.members)}"
    anew = "; statistics of batch norm collected anew" if entry.statistics == "collected anew" else ""
    return f"Wrote the {entry.name}{alone} to {asked.save}{anew}."
