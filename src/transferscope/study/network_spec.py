"""Which network a study asks for, and what it wants to see: its part of the identity of all steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from ..errors import TransferscopeError
from ..store.digest import file_digest
from .schema import ImageSettings

__all__ = ["channels_of", "network_spec"]


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


def channels_of(name: str, path: str, *, at: str | None = None, size: int | None = None) -> Literal[1, 3]:
    """Return how many channels the images have that the first layer of a file takes; 3 where that cannot be told.

    Args:
        name: of the network.
        path: the file.
        at: which weights of a file that holds several.
        size: side of the images, where it is not what the network was designed for.
    """
    from ..models.checkpoint import read
    from ..models.heads import compare
    from .work.network import network_of

    try:
        net = network_of(network_spec(name, ImageSettings(size=size), None, None), 2)
        first = compare(net, read(path, at=at)).first_layer
    except TransferscopeError:  # whoever reads the file next says what is wrong with it
        return 3
    return 1 if first is not None and first.in_file[1] == 1 else 3
