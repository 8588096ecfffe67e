"""What earlier work measured of one trained network to foretell how it generalises: nine numbers, larger is worse."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...data.imageset import ImageSet
from ...models.network import Network
from ...params import Params
from ...probes.linear_maps import linear_maps
from ...probes.outputs import Outputs
from ...probes.points import Points
from ...rng import generator

__all__ = ["MEASURES", "Complexity", "path_norm", "widest_ball"]

MEASURES: dict[str, str] = {
    "parameters": "number of weights",
    "Frobenius norms": "log Π‖W‖²_F, W the kernels and matrices",
    "spectral norms": "log Π‖W‖₂², W as the linear map it is",
    "norm ratios": "Σ‖W‖_F/‖W‖₂, W as the linear map it is",
    "distance": "‖θ − θ⁰‖",
    "path norm": "√Σ over paths of Π w², by a pass of ones with all weights squared",
    "margin": "1/γ², γ the tenth percentile of margins on training images",
    "sharpness": "1/σ², σ the largest noise of all weights at once within ε",
    "PAC-Bayes": "‖θ − θ⁰‖²/(2σ²), the same σ",
}
"""Measures besides criticality, with what they are."""

_OCTAVES = 14
_FINE = 16
_LARGEST = 1.0
_PERCENTILE = 0.1


@dataclass(frozen=True)
class Complexity:
    """The nine measures of one network.

    Attributes:
        values: in the order of :data:`MEASURES`; infinite where a margin is not positive or no noise is within ε,
            nan where a measure is not finite.
        gamma: the tenth percentile of margins, in logits.
        sigma: the largest noise within ε; 0 where there is none.
    """

    values: tuple[float, ...]
    gamma: float
    sigma: float

    @classmethod
    def of(
        cls,
        net: Network,
        start: Mapping[str, Tensor],
        params: Mapping[str, Tensor],
        engine: Outputs,
        train: ImageSet,
        *,
        epsilon: float,
        draws: int,
        seed: int,
    ) -> Complexity:
        """Measure a network.

        Args:
            net: the network.
            start: its weights before training.
            params: its trained weights.
            engine: made ready with ``train`` under that name.
            train: training images with the labels it was trained on.
            epsilon: what the mean training error may be with noise.
            draws: of the noise.
            seed: of the noise.
        """
        names = [name for name, _ in net.module.named_parameters()]
        kernels, top, ratios = _norms(net, params)
        moved = math.sqrt(sum(float((params[k].double() - start[k].double()).square().sum()) for k in names))
        gamma = margin(engine.of(params, ["train"])["train"], torch.from_numpy(np.asarray(train.labels)))
        sigma = widest_ball(engine, params, names, epsilon, draws=draws, seed=seed)
        values = (
            float(sum(params[k].numel() for k in names)),
            2 * _log_sum(kernels),
            2 * _log_sum(top),
            float(ratios.sum()),
            moved,
            path_norm(net, params),
            1 / gamma**2 if gamma > 0 else math.inf,
            1 / sigma**2 if sigma > 0 else math.inf,
            moved**2 / (2 * sigma**2) if sigma > 0 else math.inf,
        )
        return cls(values, gamma, sigma)


def margin(logits: Tensor, labels: Tensor, percentile: float = _PERCENTILE) -> float:
    """Return a percentile of f_y − max_{j≠y} f_j over images (Jiang et al. 2020, C.2).

    Args:
        logits: ``(n, classes)``.
        labels: ``(n,)``.
        percentile: the largest margin that at most this share of the images falls short of.

    >>> margin(torch.tensor([[3.0, 1.0], [0.0, 5.0]]), torch.tensor([0, 1]))
    2.0
    """
    logits, labels = logits.double(), labels.long()
    right = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -math.inf).amax(1)
    return float((right - others).sort().values[int(percentile * len(logits))])


def path_norm(net: Network, params: Mapping[str, Tensor]) -> float:
    """Return √Σ_paths Π w² of a network of ReLUs (Neyshabur, Tomioka & Srebro 2015; Jiang et al. 2020, C.5).

    A pass of one image of ones through the network with each weight squared, summed over the outputs, in float64.
    Biases are paths from an input of one of their own; a batch norm counts as the factor and bias that it is. Pooling
    is passed as it is: a mean divides by the number of pixels, a maximum takes one path.

    Args:
        net: the network.
        params: its weights.

    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    >>> from transferscope.models.network import Input
    >>> net = Network(module, "tiny", 1, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> w = {"1.weight": torch.tensor([[1.0], [2.0]]), "3.weight": torch.tensor([[3.0, 1.0]])}
    >>> round(path_norm(net, w) ** 2, 9)  # (1·3)² + (2·1)²
    13.0
    """
    module = copy.deepcopy(net.module)
    module.load_state_dict(dict(params))
    module = module.double().eval()
    with torch.no_grad():
        norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        inside = {id(p) for m in norms for p in m.parameters()}
        for parameter in module.parameters():
            if id(parameter) not in inside:
                parameter.square_()
        for norm in norms:
            _squared(norm)
        ones = torch.ones((1, net.input.channels, *net.input.size), dtype=torch.float64)
        found: Tensor = module(ones)
    return math.sqrt(max(0.0, float(found.sum())))


def _squared(norm: nn.modules.batchnorm._BatchNorm) -> None:
    """Make a batch norm y = a·x + b one of a² and b²."""
    assert norm.running_var is not None and norm.running_mean is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    gain = torch.ones_like(scale) if norm.weight is None else norm.weight
    shift = torch.zeros_like(scale) if norm.bias is None else norm.bias
    a, b = gain * scale, shift - gain * scale * norm.running_mean
    norm.weight, norm.bias = nn.Parameter(a.square()), nn.Parameter(b.square())
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)


def widest_ball(
    engine: Outputs, params: Mapping[str, Tensor], names: list[str], epsilon: float, *, draws: int, seed: int
) -> float:
    """Return the largest σ at which the mean training error with N(0, σ²) on every weight is at most ε.

    To a sixteenth of an octave, from 1 down to 2⁻¹⁴: the largest octave within ε, then the finer grid over it; larger
    noise is abandoned as soon as its errors are too many (:mod:`transferscope.probes.search`).

    Args:
        engine: made ready with the training images as ``train``.
        params: the weights.
        names: those that noise is added to.
        epsilon: what the mean error over images and draws may be.
        draws: of the noise, the same directions at every σ.
        seed: of the draws.

    Returns:
        σ, absolute; 0 where none is within ε.
    """
    random = generator("widest ball", seed)
    noise = [
        {k: torch.randn(params[k].shape, generator=random, dtype=torch.float32) for k in names} for _ in range(draws)
    ]

    def first(sigmas: np.ndarray) -> int | None:
        steps = np.kron(sigmas[:, None], np.eye(draws))
        points = Points.moved(params, noise, steps)
        groups = np.repeat(np.arange(len(sigmas)), draws)
        return engine.first_within(points, groups, epsilon + 1e-9, images="train", metric="error").group

    octaves = _LARGEST * 2.0 ** -np.arange(_OCTAVES + 1)
    found = first(octaves)
    if found is None:
        return 0.0
    if found == 0:
        return _LARGEST
    fine = octaves[found] * 2.0 ** (np.arange(_FINE - 1, 0, -1) / _FINE)
    finer = first(fine)
    return float(octaves[found] if finer is None else fine[finer])


def _norms(net: Network, params: Params | Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """‖W‖_F of the kernels and matrices, and of each as a linear map ‖W‖₂ and ‖W‖_F/‖W‖₂."""
    maps, _ = linear_maps(net)
    kernels = np.array([float(params[m.tensor].double().norm()) for m in maps])
    spectra = [m.spectrum(params[m.tensor], workers=1) for m in maps]
    top = np.array([values[0] for values, _ in spectra])
    whole = np.array([math.sqrt(float((times * values**2).sum())) for values, times in spectra])
    with np.errstate(divide="ignore", invalid="ignore"):
        return kernels, top, np.where(top > 0, whole / top, 0.0)


def _log_sum(values: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(values).sum())
