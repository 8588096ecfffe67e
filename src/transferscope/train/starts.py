"""Where the weights of a run come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import CheckpointError, ModelError
from ..models.build import initialise
from ..models.network import Network
from ..params import Params, clone

__all__ = ["Start", "pretrained", "probed", "random", "same"]


@dataclass(frozen=True, eq=False)
class Start:
    """Weights to train from, and what they are.

    Attributes:
        params: the weights.
        role: "RI" or "P"; the trained network is then "RI-T" or "P-T". Empty when the weights were altered.
        group: runs from one and the same start share it: "P", "RI 0", …
        report: what was left out of given weights and drawn anew, a sentence each.
    """

    params: Params
    role: str
    group: str
    report: tuple[str, ...] = ()


def random(net: Network, seed: int, stream: str = "") -> Start:
    """Return fresh random weights (RI).

    Args:
        net: the network, whose initialisation is used.
        seed: of the draw; the group is named by it.
        stream: what the weights are for: those of a pre-training are to be no run's of the same seed.

    >>> from transferscope.models.build import build
    >>> net = build("lenet", 10)
    >>> one, other = random(net, 0), random(net, 0, "pre-training")
    >>> one.group, other.group, bool((one.params["conv1.weight"] == other.params["conv1.weight"]).any())
    ('RI 0', 'RI pre-training 0', False)
    """
    return Start(initialise(net, seed, stream), "RI", " ".join(["RI", *([stream] if stream else []), str(seed)]))


def pretrained(net: Network, params: Mapping[str, Tensor], seed: int, *, group: str = "P") -> Start:
    """Return given weights with a new head (P): runs from the same weights with other seeds are "two P-T".

    The head is the one that :func:`random` draws from this seed: "P-T s" and "RI-T s" begin with one and the same. As
    their seed names the order of images, too, they see these in one order. So the two are a pair that differs in its
    bodies, and not two independent draws.

    Args:
        net: the network of the target task.
        params: pre-trained weights; their head may be of another size or absent, it is not used.
        seed: of the new head.
        group: what runs from these weights have in common.

    Raises:
        ModelError: when it is not known which tensors are the network's head.
        CheckpointError: when a tensor other than the head's is missing, left over or of another shape.
    """
    head = set(net.head_tensors())
    if not head:
        raise ModelError(f"the final classifier of {net.name} is not known; give the network its head, or use same()")
    fresh = initialise(net, seed)
    body = {k: v for k, v in params.items() if k not in head}
    _check_fits(net, {k: v for k, v in fresh.items() if k not in head}, body)
    given = params.get(f"{net.head}.weight")
    left = f"the given one of {len(given)} outputs was left out" if given is not None else "none was given"
    note = (
        f"head {net.head} ({', '.join(sorted(head))}): {left}, a new one of {net.classes} was drawn from seed {seed}"
    )
    return Start({k: fresh[k] if k in head else body[k].detach().clone() for k in fresh}, "P", group, (note,))


def probed(net: Network, params: Mapping[str, Tensor], head: Mapping[str, Tensor], *, group: str = "P") -> Start:
    """Return given weights with a final layer that was fitted to their features (LP-FT, Kumar et al. 2022).

    Nothing of it is drawn: all runs that start so start from the same numbers.

    Args:
        net: the network of the target task.
        params: pre-trained weights; their own head is not used.
        head: the final layer, from :func:`~transferscope.probes.probed_head.probed_head`.
        group: what runs from these weights have in common.

    Raises:
        ModelError: when it is not known which tensors are the network's head.
        CheckpointError: when a tensor is missing, left over or of another shape.
    """
    start = pretrained(net, params, 0, group=group)
    _check_fits(net, {k: start.params[k] for k in net.head_tensors()}, head)
    note = f"head {net.head}: a linear probe of the pre-trained features, the same for all runs that start so"
    return Start(
        {k: head[k].detach().clone() if k in head else v for k, v in start.params.items()}, "P", group, (note,)
    )


def same(net: Network, params: Mapping[str, Tensor], *, role: str = "RI", group: str = "given") -> Start:
    """Return exactly the given weights: several RI-T from one initialisation, or a run that is trained further.

    Args:
        net: the network.
        params: all its weights, head included.
        role: what they are.
        group: what runs from these weights have in common.

    Raises:
        CheckpointError: when a tensor is missing, left over or of another shape.
    """
    _check_fits(net, net.module.state_dict(), params)
    return Start(clone(params), role, group)


def _check_fits(net: Network, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    for name in sorted(wanted.keys() ^ given.keys()):
        what = "misses" if name in wanted else "has, and the network has not,"
        raise CheckpointError(f"weights for {net.name}: the start {what} {name!r}; give weights of this architecture")
    for name, value in wanted.items():
        if value.shape != given[name].shape:
            raise CheckpointError(
                f"weights for {net.name}: {name!r} is {tuple(given[name].shape)} and the network wants "
                f"{tuple(value.shape)}; give weights of this architecture"
            )
