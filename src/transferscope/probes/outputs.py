"""The engine where the outputs themselves are wanted: for soups and ensembles, one set of weights after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ..params import Params, check_same
from .evaluate import Engine
from .points import Points
from .prepared import Prepared

__all__ = ["Outputs"]


class Outputs(Engine):
    """A network and image sets made ready once; outputs of any weights on them. Takes what an engine takes.

    Weights are looked at one at a time and not kept, so that there may be more of them than memory holds.

    >>> import numpy as np
    >>> from torch import nn
    >>> from transferscope.data.imageset import ImageSet
    >>> from transferscope.models.network import Input, Network
    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((2, 2), 1, (0.0,), (1.0,)))
    >>> white = ImageSet(np.full((1, 2, 2, 1), 255, np.uint8), np.array([0]), ("a", "b"), np.array(["x"]))
    >>> outputs = Outputs(net, {"white": white}, device="cpu")
    >>> outputs.of({"1.weight": torch.tensor([[1.0] * 4, [0.5] * 4])})["white"].tolist()
    [[4.0, 2.0]]
    """

    def of(
        self, params: Mapping[str, Tensor], sets: Sequence[str] | None = None, *, as_saved: bool = False
    ) -> dict[str, Tensor]:
        """Return the logits ``(n, classes)`` on each set, on the CPU.

        Args:
            params: the weights.
            sets: names of the sets; all by default.
            as_saved: leave the statistics of batch norm as they are, where they would be collected anew.

        Raises:
            UsageError: when these are not weights of the network.
        """
        with self._at(params):
            chosen = {name: self._sets[name] for name in (self._sets if sets is None else sets)}
            shelved = {name: self._shelved(images, as_saved=as_saved) for name, images in chosen.items()}
            if not as_saved and any(found is None for _, found in shelved.values()):
                self._calibration.collect()
            return {
                name: self._computed(chosen[name], key) if found is None else found
                for name, (key, found) in shelved.items()
            }

    def anew(self, params: Mapping[str, Tensor]) -> Params:
        """Return the weights with their statistics of batch norm as they are evaluated: collected anew, if at all."""
        with self._at(params):
            self._calibration.collect()
            with torch.inference_mode(False):
                found = {name: torch.empty_like(value, device="cpu") for name, value in params.items()}
            for name, value in self._weights.tensors.items():
                found[name].copy_(value)
            return found

    @property
    def recalibrates(self) -> bool:
        """Whether there is batch norm whose statistics are collected anew."""
        return self._calibration.norm == "recalibrated"

    @contextmanager
    def _at(self, params: Mapping[str, Tensor]) -> Iterator[None]:
        check_same(self._net.module.state_dict(), params)
        with self._arithmetic():
            self._weights.move(Points.listed([params]), 0)
            yield

    def _computed(self, images: Prepared, key: str) -> Tensor:
        logits = self._logits(images)
        self._shelf.save(key, logits)
        return logits

    def _logits(self, images: Prepared) -> Tensor:
        with torch.inference_mode(False):  # what is returned is to be an ordinary tensor
            found = torch.empty((len(images), self._net.classes), dtype=self._dtype)
        while True:
            try:
                for start, x in images.batches(self._batch):
                    part = self._planner.whole(x)
                    found[start : start + len(part)] = part
            except RuntimeError as e:
                self._smaller(e)
            else:
                return found
            torch.cuda.empty_cache()
