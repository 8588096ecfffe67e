"""Checks of the numbers that analyses are made of, against other ways to compute them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.imageset import ImageSet
from ..errors import ModelError, UsageError
from ..models.objective import mean_loss
from ..numerics.cka import linear_cka
from ..numerics.conv_spectrum import conv_singular_values
from ..numerics.scores.decomposition import decompose
from ..numerics.scores.loo_ridge import loo_ridge
from ..numerics.scores.targets import targets_of
from ..numerics.scores.undefined import NotDefinedError
from ..params import Params
from ..probes.curvature import Curvature
from ..probes.penultimate import penultimate
from ..rng import generator
from .subject import Failed, Skipped, Subject

__all__ = ["cka_of_itself", "cka_of_shuffled", "gradient", "hessian", "ridge", "spectrum"]

_FEW = 8
"""Images for what takes derivatives."""

_SHUFFLES = 64


def cka_of_itself(subject: Subject) -> str:
    """Features are similar to themselves by exactly 1."""
    features = _features(subject)
    value = linear_cka(features, features)
    if not abs(value - 1) <= 1e-9:
        raise Failed(f"CKA of features with themselves is {value!r}; are they the same for all images?")
    return f"{len(features)} images, {features.shape[1]} features"


def cka_of_shuffled(subject: Subject) -> str:
    """With the images shuffled on one side, the similarity is 0 on average."""
    features = _features(subject)
    drawn = generator("selfcheck", subject.seed, "shuffles")
    n = len(features)
    found = np.array([linear_cka(features, features[torch.randperm(n, generator=drawn)]) for _ in range(_SHUFFLES)])
    mean, error = float(found.mean()), float(found.std(ddof=1)) / _SHUFFLES**0.5
    if not abs(mean) <= 5 * error + 0.02:
        raise Failed(f"CKA with shuffled images is {mean:.3f} ± {error:.3f} on average, not 0")
    return f"{mean:.3f} ± {error:.3f} on average over {_SHUFFLES} shuffles"


def gradient(subject: Subject) -> str:
    """The gradient of the loss near these weights is what differences of losses say, in float64."""
    net, x, y = subject.net, subject.x[:_FEW].double(), subject.labels[:_FEW]
    y = y.double() if y.is_floating_point() else y
    weights = _off_the_kinks(subject)
    names = [k for k, _ in net.module.named_parameters() if weights[k].is_floating_point()]
    leaves = {k: weights[k].clone().requires_grad_() for k in names}
    loss = mean_loss(net({**weights, **leaves}, x), y)
    slopes = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    along = {k: g for k, g in zip(leaves, slopes, strict=True) if g is not None}
    size = float(sum(g.square().sum() for g in along.values())) ** 0.5
    if not size > 1e-8:
        raise Skipped(f"the gradient has length {size:.1e}, too little for differences")
    step = 1e-6

    def at(distance: float) -> float:
        moved: Params = {k: weights[k] + distance / size * g for k, g in along.items()}
        with torch.no_grad():
            return float(mean_loss(net({**weights, **moved}, x), y))

    by_difference = (at(step) - at(-step)) / (2 * step)
    if not abs(by_difference - size) <= 1e-3 * size + 1e-7:
        raise Failed(f"along the gradient the loss rises by {by_difference:.6g}, the gradient says {size:.6g}")
    return f"length {size:.4g}, by differences {by_difference:.4g}"


def hessian(subject: Subject) -> str:
    """The Hessian is symmetric: uᵀHv = vᵀHu."""
    images = _first(subject.few, _FEW)
    drawn = generator("selfcheck", subject.seed, "hessian")
    try:
        product = Curvature(subject.net, subject.weights, images, precision="float64", device="cpu")
        u, v = (torch.randn(product.size, generator=drawn, dtype=torch.float64) for _ in range(2))
        hu, hv = product(u), product(v)
    except ModelError as e:
        raise Skipped(str(e)) from e
    there, back = float(u @ hv), float(v @ hu)
    scale = float(u.norm() * hv.norm())
    if not abs(there - back) <= 1e-8 * scale:
        raise Failed(f"uᵀHv is {there:.8g} and vᵀHu {back:.8g}")
    return f"uᵀHv = vᵀHu = {there:.4g} over {product.size:,} parameters"


def spectrum(subject: Subject) -> str:
    """The largest singular value of a convolution is what a power method on the convolution itself finds."""
    convolutions = [(name, part) for name, part in subject.net.module.named_modules() if isinstance(part, nn.Conv2d)]
    if not convolutions:
        raise Skipped("there is no convolution")
    name, part = min(convolutions, key=lambda found: found[1].weight.numel())
    weight = subject.weights.get(f"{name}.weight")
    if weight is None:
        raise Skipped(f"{name} computes its weight from others")
    weight = weight.double()
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], part.dilation, strict=True)]
    side = tuple(s * -(-max(8, r) // s) for r, s in zip(reach, part.stride, strict=True))
    stride, dilation = (part.stride[0], part.stride[1]), (part.dilation[0], part.dilation[1])
    values = conv_singular_values(weight, (side[0], side[1]), stride=stride, dilation=dilation, groups=part.groups)
    exact = float(values[0])
    found = _by_power(weight, part, (side[0], side[1]), reach, generator("selfcheck", subject.seed, "power"))
    if not abs(found - exact) <= 1e-3 * exact:
        raise Failed(f"of {name} it is {exact:.6g}, by power iteration {found:.6g}")
    return f"of {name} on {side[0]}×{side[1]}: {exact:.4g}, by iteration {found:.4g}"


def ridge(subject: Subject) -> str:
    """Ridge on the features, each image left out: one decomposition says what refitting says, primal and dual."""
    try:
        features = _features(subject).double()
        targets = targets_of(subject.labels)
        found = decompose(features)
    except (UsageError, NotDefinedError) as e:
        raise Skipped(f"not defined: {e}") from e
    penalty = float(found.squares[0]) * 1e-2
    quick = loo_ridge(found, targets, penalty=penalty).predictions[0]
    means = targets.columns.mean(0)
    X, Y = features - features.mean(0), targets.columns - means
    rest, left = X[1:], X[:1]
    primal = left @ torch.linalg.solve(rest.T @ rest + penalty * torch.eye(X.shape[1], dtype=X.dtype), rest.T @ Y[1:])
    dual = left @ rest.T @ torch.linalg.solve(rest @ rest.T + penalty * torch.eye(len(rest), dtype=X.dtype), Y[1:])
    for way, value in (("primal", primal), ("dual", dual)):
        off = float((value[0] + means - quick).abs().max())
        if not off <= 1e-6:
            raise Failed(f"the prediction for a left-out image is off by {off:.1e} from refitting ({way})")
    return "one decomposition, primal and dual agree"


def _features(subject: Subject) -> Tensor:
    """Return the features before the final layer, or the logits where none can be told apart."""
    try:
        found = penultimate(subject.net, subject.weights, subject.few, device="cpu").features
    except ModelError:
        with torch.no_grad():
            return subject.net(subject.weights, subject.x).flatten(1)
    return torch.from_numpy(found).flatten(1)


def _off_the_kinks(subject: Subject) -> Params:
    """Return weights near those that are checked: zeros lie on the kinks of ReLU, where there is no gradient."""
    drawn = generator("selfcheck", subject.seed, "kinks")
    out: Params = {}
    parameters = dict(subject.net.module.named_parameters())
    for name, value in subject.weights.items():
        out[name] = value.double() if value.is_floating_point() else value
        if name in parameters and value.is_floating_point() and value.numel():
            size = float(out[name].square().mean().sqrt()) or 1.0
            out[name] = out[name] + 0.01 * size * torch.randn(value.shape, generator=drawn, dtype=torch.float64)
    return out


def _first(images: ImageSet, count: int) -> ImageSet:
    return images.subset(np.arange(min(count, len(images))))


def _by_power(
    weight: Tensor, part: nn.Conv2d, side: tuple[int, int], reach: list[int], drawn: torch.Generator
) -> float:
    """Return the largest singular value by Lanczos of SciPy on the convolution with periodic borders."""
    from scipy.sparse.linalg import LinearOperator, svds

    shape = (1, weight.shape[1] * part.groups, *side)
    pads = [reach[1] - 1, 0, reach[0] - 1, 0]

    def forward(x: Tensor) -> Tensor:
        padded = functional.pad(x.view(shape), pads, mode="circular")
        return functional.conv2d(
            padded, weight, stride=part.stride, dilation=part.dilation, groups=part.groups
        ).flatten()

    start = torch.randn(shape, generator=drawn, dtype=weight.dtype).flatten()
    out, backward = torch.func.vjp(forward, start)[:2]

    def apply(x: np.ndarray) -> np.ndarray:
        return forward(torch.from_numpy(np.ascontiguousarray(x))).numpy()

    def adjoint(y: np.ndarray) -> np.ndarray:
        return backward(torch.from_numpy(np.ascontiguousarray(y)))[0].numpy()  # type: ignore[no-any-return]

    operator = LinearOperator(
        (out.numel(), start.numel()), matvec=lambda x: apply(x.ravel()), rmatvec=lambda y: adjoint(y.ravel()),
        dtype=np.float64,
    )  # fmt: skip
    v0 = start.numpy() if start.numel() <= out.numel() else out.numpy()
    return float(svds(operator, k=1, return_singular_vectors=False, v0=v0)[0])
