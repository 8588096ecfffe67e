"""``transferscope selfcheck``: every check of a network, a line each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .given import image_options
from .progress import Display

if TYPE_CHECKING:
    from ..checks.listed import Checked
    from ..checks.run import SelfCheck

__all__ = ["add_options", "run"]


def add_options(
    parser: argparse.ArgumentParser, add_image_options: Callable[[argparse.ArgumentParser], None], data: str, at: str
) -> None:
    """Say what can be given."""
    parser.add_argument(
        "checkpoint",
        nargs="?",
        metavar="CHECKPOINT",
        help="a file of weights, or a recording; without, random weights",
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the network, e.g. timm/NAME, py:FILE:FACTORY")
    parser.add_argument("--data", metavar="SPEC", help=f"images whose labels belong to the weights; {data}")
    parser.add_argument("--classes", type=int, metavar="K", help="number of classes, where no images say it")
    parser.add_argument("--at", metavar="NAME", help=at)
    parser.add_argument("--only", metavar="NAMES", help="run only these checks, comma-separated")
    add_image_options(parser)
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def run(options: argparse.Namespace) -> int:
    """Run the checks and print them; 1 when one found something wrong."""
    display = Display()
    try:
        found = _checked(options, lambda check: display.update(0.0, check.check_name))
    finally:
        display.close()
    print(found.text())
    return 0 if found.ok else 1


def _refuse_what_says_nothing(options: argparse.Namespace) -> None:
    """Refuse options about a file or about images where there are none."""
    if options.at is not None and options.checkpoint is None:
        raise UsageError(f"--at {options.at}: says which weights of a file; give the CHECKPOINT, too")
    for word, given in (("--samples", options.samples is not None), ("--skip-unreadable", options.skip_unreadable)):
        if given and options.data is None:
            raise UsageError(f"{word}: is about images; give them with --data")


def _checked(options: argparse.Namespace, told: Callable[[Checked], object]) -> SelfCheck:
    from ..checks.run import selfcheck
    from ..data.spec import load_images
    from ..models.build import constructed, outputs_of, with_absolute_path
    from ..models.checkpoint import CheckpointFile, read
    from ..models.network import Input
    from ..study.network_spec import channels_of, image_settings, network_spec
    from ..study.work.checkpoint import file_into
    from ..study.work.network import network_of

    _refuse_what_says_nothing(options)
    how = image_options(options)
    name = with_absolute_path(options.model, Path.cwd())
    file: CheckpointFile | None = None
    channels = how["channels"]
    if channels is None and options.checkpoint is not None:
        channels, file = channels_of(name, options.checkpoint, at=options.at, size=how["size"])
    spec = network_spec(name, image_settings(how["size"], channels or 3), how["mean"], how["std"])
    images = None
    if options.data is not None:
        images = load_images(
            options.data, size=spec["size"], channels=spec["channels"], samples=how["samples"],
            skip_unreadable=how["skip_unreadable"],
        )  # fmt: skip
    classes = options.classes if images is None else len(images.classes)
    if options.classes not in (None, classes):
        raise UsageError(f"--classes {options.classes}: the images of --data have {classes}; leave it out")
    common: dict[str, Any] = {
        "only": tuple(part.strip() for part in options.only.split(",")) if options.only else None, "callback": told,
    }  # fmt: skip
    if name.startswith("py:"):
        # Taken as it is: a module of which no network can be made is checked all the more.
        size = (spec["size"], spec["size"])
        wanted = Input(size, spec["channels"], tuple(spec["mean"]), tuple(spec["std"]))
        outputs = outputs_of(name, classes or 10)
        given = None if options.checkpoint is None else (file or read(options.checkpoint, at=options.at)).params
        return selfcheck(
            constructed(name, outputs, wanted), given, images, input=wanted, classes=outputs, name=options.model,
            trained=given is not None, **common,
        )  # fmt: skip
    if options.checkpoint is None:
        return selfcheck(network_of(spec, classes or outputs_of(name, 10)), None, images, **common)
    about = {"network": spec, "path": options.checkpoint, "at": options.at, "classes": classes, "head": "refuse"}
    net, _, loaded = file_into(about, file)
    return selfcheck(net, loaded.params, images, **common)
