"""From the names in a file to the names in a network: beginnings that come off or are put before all names.

Training code holds the network as a part of something larger, under one beginning (``module.encoder_q.``); what is
under others (a projection, a queue, a loss, a second network) is no part of it and is named as set aside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Naming", "beside_a_network", "find_naming"]

_NO_PART = re.compile(
    r"^(aux\d?|AuxLogits|aux_\w+|criterion|loss\w*|metrics?|(train|val|valid|test)_\w+|queue\w*|"
    r"center|momentum_\w+|projector|projection\w*|predictor|proj_head|prototypes\w*|logit_scale|(dino|ibot)_head)(\.|$)|"
    r"(^|\.)(mask_token|pooler|decoder\w*)(\.|$)"
)
"""Names of what is beside a network in the files of usual training code: auxiliary heads, losses, metrics, queues,
the decoder of a masked autoencoder."""

_SECOND = re.compile(
    r"(^|[._])(encoder_k|momentum\w*|target\w*|teacher\w*|ema\w*|\w+_(ema|m|k|momentum)|shadow|averaged|swa)\."
)
"""Beginnings of the slower of two networks in one file, which is taken only when asked for."""


@dataclass(frozen=True, eq=False)
class Naming:
    """How the names of a file become those of a network.

    Attributes:
        names: name in the file → name in the network, for all under the beginning.
        prefix: beginning in the file that comes off.
        added: beginning in the network that is put before.
        aside: names in the file that are no part of the network.
        twins: other beginnings under which the file has the network as well.
        hits: how many fit by name and shape.
    """

    names: Mapping[str, str]
    prefix: str
    added: str
    aside: tuple[str, ...]
    twins: tuple[str, ...]
    hits: int

    @property
    def ambiguous(self) -> bool:
        """Whether it is for chance which of several networks in the file was taken."""
        return bool(self.prefix) and any(not _SECOND.search(twin) for twin in self.twins)


def find_naming(params: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Naming:
    """Find the beginning under which most tensors of the file have the name and shape of one in the network.

    >>> from torch import ones
    >>> wanted = {"fc.weight": ones(2, 3), "fc.bias": ones(2)}
    >>> kept = {f"module.encoder_q.{k}": v for k, v in wanted.items()} | {"module.queue": ones(4)}
    >>> found = find_naming(kept, wanted)
    >>> found.prefix, found.aside, found.hits
    ('module.encoder_q.', ('module.queue',), 2)
    """
    added = _beginnings(wanted)
    hits: Counter[tuple[str, str]] = Counter()
    for name, value in params.items():
        for start in _starts(name):
            for put in added:
                there = wanted.get(put + name[start:])
                if there is not None and there.shape == value.shape:
                    hits[name[:start], put] += 1
    hits[("", "")] += 0
    enough = 0.9 * max(hits.values())
    close = [pair for pair, count in hits.items() if count >= enough]
    # Of equals the one that changes least; a second network only where there is no first.
    best = max(close, key=lambda pair: (not _SECOND.search(pair[0]), hits[pair], -len(pair[0]) - len(pair[1])))
    prefix, put = best
    twins = tuple(
        other for other, with_ in close if hits[best] > 1 and with_ == put and other and not prefix.startswith(other)
    )
    twins = tuple(t for t in twins if t != prefix and not (prefix and t.startswith(prefix)))
    names = {name: put + name[len(prefix) :] for name in params if name.startswith(prefix)}
    no_part = {
        name
        for name, new in names.items()
        if new not in wanted and (beside_a_network(name[len(prefix) :]) or name.startswith(twins))
    }
    return Naming(
        {name: new for name, new in names.items() if name not in no_part},
        prefix,
        put,
        tuple(name for name in params if name in no_part or name not in names),
        twins,
        hits[best],
    )


def beside_a_network(name: str) -> bool:
    """Say whether something of this name is nearly always no part of a network.

    >>> [beside_a_network(name) for name in ("aux1.fc.weight", "vit.pooler.dense.bias", "layer1.0.conv1.weight")]
    [True, True, False]
    """
    return bool(_NO_PART.search(name))


def _starts(name: str) -> list[int]:
    return [0, *(m.end() for m in re.finditer(r"\.", name))]


def _beginnings(wanted: Mapping[str, Tensor]) -> Sequence[str]:
    """List the beginnings that most of the network's names share, such as ``model.``; the empty one first."""
    counted = Counter(name[:start] for name in wanted for start in _starts(name)[1:])
    return ["", *(prefix for prefix, count in counted.items() if 2 * count > len(wanted))]
