"""Which network a study asks for, and what it wants to see: its part of the identity of all steps."""

from __future__ import annotations

from typing import Any

from ..store.digest import file_digest
from .schema import ImageSettings

__all__ = ["network_spec"]


def network_spec(
    name: str, images: ImageSettings, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> dict[str, Any]:
    """Resolve what the network wants to see.

    Raises:
        ModelError: for an unknown name, or numbers that do not fit the channels.
    """
    from ..models.build import designed_for, sources_of
    from ..models.network import Input

    designed = designed_for(name)
    size = images.size or max(designed.size)
    channels = images.channels
    chosen = Input((size, size), channels, *_statistics(designed.mean, designed.std, channels, mean, std))
    spec = {
        "name": name,
        "size": size,
        "channels": channels,
        "mean": list(chosen.mean),
        "std": list(chosen.std),
    }
    sources = sources_of(name)  # a network that lies in the user's files is another one when they change
    return {**spec, "files": [file_digest(path) for path in sources]} if sources else spec


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
