"""Which network a study asks for, and what it wants to see: its part of the identity of all steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ModelError, TransferscopeError, UsageError
from ..store.digest import file_digest
from .image_settings import SIDES, ImageSettings

if TYPE_CHECKING:
    from ..models.checkpoint import CheckpointFile

__all__ = ["asked_network", "channels_in", "channels_of", "image_settings", "network_spec"]


def image_settings(size: int | None, channels: Literal[1, 3] = 3, *, skip_unreadable: bool = False) -> ImageSettings:
    """Return how images are prepared for a command.

    Args:
        size: side of the images in pixels, as ``--size`` says; ``None`` for what the network was designed for.
        channels: 1 or 3.
        skip_unreadable: leave out images that cannot be read.

    Raises:
        UsageError: for a size that no images have.

    >>> image_settings(4)
    Traceback (most recent call last):
    transferscope.errors.UsageError: --size 4: expected 8 to 4096 pixels
    """
    if size is not None and not SIDES[0] <= size <= SIDES[1]:
        raise UsageError(f"--size {size}: expected {SIDES[0]} to {SIDES[1]} pixels")
    return ImageSettings(size=size, channels=channels, skip_unreadable=skip_unreadable)


def network_spec(
    name: str, images: ImageSettings, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> dict[str, Any]:
    """Resolve what the network wants to see.

    Raises:
        ModelError: for an unknown name, or numbers that do not fit the channels.
    """
    from ..models.build import designed_for, sources_of

    designed = designed_for(name)
    fitted = designed.changed(images.size or max(designed.size), images.channels)
    chosen = replace(fitted, mean=mean or fitted.mean, std=std or fitted.std)
    spec = {
        "name": name,
        "size": chosen.size[0],
        "channels": chosen.channels,
        "mean": list(chosen.mean),
        "std": list(chosen.std),
    }
    sources = sources_of(name)  # a network that lies in the user's files is another one when they change
    return {**spec, "files": [file_digest(path) for path in sources]} if sources else spec


def asked_network(
    name: str, images: ImageSettings, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> dict[str, Any]:
    """Return :func:`network_spec` of the options of a command, whose names are in its errors.

    >>> asked_network("lenet", image_settings(24), (0.5, 0.5), None)
    Traceback (most recent call last):
    transferscope.errors.ModelError: --mean and --std: mean and std must have 3 entries each and std be positive: ...
    """
    try:
        fitted = network_spec(name, images, None, None)
    except ModelError as e:
        raise ModelError(f"--model: {e}") from e
    if mean is None and std is None:
        return fitted
    try:
        return network_spec(name, images, mean, std)
    except ModelError as e:
        raise ModelError(f"--mean and --std: {e}") from e


def channels_of(
    name: str, path: str, *, at: str | None = None, size: int | None = None
) -> tuple[Literal[1, 3], CheckpointFile | None]:
    """Return how many channels the images have that the first layer of a file takes; 3 where that cannot be told.

    The file comes with them, as it has been read: files of weights are large, so whoever takes it next need not read
    it again; ``None`` where it cannot be read.

    Args:
        name: of the network.
        path: the file.
        at: which weights of a file that holds several.
        size: side of the images, where it is not what the network was designed for.
    """
    from ..models.checkpoint import read

    file: CheckpointFile | None = None
    try:
        file = read(path, at=at)
        return channels_in(name, file, size=size), file
    except TransferscopeError:  # whoever takes the file next says what is wrong with it
        return 3, file


def channels_in(name: str, file: CheckpointFile, *, size: int | None = None, guess: int = 3) -> Literal[1, 3]:
    """Return the same of a file that is read already; ``guess`` where its first layer does not say.

    Raises:
        ModelError: for an unknown network, or a size that it cannot take.
    """
    from ..models.heads import compare
    from .work.network import network_of

    wanted: Literal[1, 3] = 1 if guess == 1 else 3
    spec = network_spec(name, image_settings(size, wanted), None, None)
    first = compare(network_of(spec, 2), file).first_layer
    if first is None:
        return wanted
    return 1 if first.in_file[1] == 1 else 3
