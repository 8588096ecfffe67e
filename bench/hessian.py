"""The 20 largest Hessian eigenvalues of a ResNet-20 on 256 images against curvlinops and PyHessian, float32.

All start from the same weights and images in memory, in batches of the same size, and ask for a tolerance of 1e-3:
ours estimates the error of each eigenvalue, ARPACK the residual, PyHessian's power iteration the change from one step
to the next. Where a package is not installed, its line is a loop written out: ``eigsh`` over a Hessian-vector product
by double backward, computed anew for each batch, which is what curvlinops does, and power iteration with deflation,
which is what PyHessian does. Each side runs in a process of its own. The error is the largest relative one against
ours in float64 to 1e-6, eigenvalue by eigenvalue in the order in which they are returned.

    python bench/hessian.py [--images 256] [--top 20] [--network resnet20] [--threads 2] [--skip pyhessian]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from _sides import cpu_seconds

OURS, EIGSH, POWER, EXACT = "ours", "curvlinops", "pyhessian", "float64"
CLASSES, BATCH = 12, 64


@dataclass(frozen=True)
class Outcome:
    """What one process measured.

    Attributes:
        seconds: from weights and images to eigenvalues.
        cpu: processor seconds of the same.
        values: eigenvalues in the order in which they came.
        products: how many products with the Hessian, 0 when it is not known.
        how: what ran.
    """

    seconds: float
    cpu: float
    values: list[float]
    products: int
    how: str


def given(settings: argparse.Namespace) -> tuple[Any, Any, Any]:
    """A network, weights of it that a few steps of SGD have moved off their start, and images."""
    import numpy as np
    import torch

    from transferscope.data.imageset import ImageSet
    from transferscope.data.synthetic import render
    from transferscope.models.build import build, initialise
    from transferscope.models.objective import mean_loss

    pixels, labels = render("clipart", settings.images, 32, 0)
    ids = np.arange(settings.images).astype(str)
    images = ImageSet(pixels, labels, tuple(map(str, range(CLASSES))), ids)
    net = build(settings.network, CLASSES)
    module = net.fresh(initialise(net, 0))
    steps = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
    for i in range(settings.steps):
        part = slice(i * BATCH % settings.images, i * BATCH % settings.images + BATCH)
        x = net.input.prepare(torch.from_numpy(pixels[part]))
        steps.zero_grad()
        mean_loss(module(x), torch.from_numpy(labels[part])).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        steps.step()
    return net, {k: v.detach() for k, v in module.state_dict().items()}, images


def ours(settings: argparse.Namespace, *, exact: bool = False) -> Outcome:
    from transferscope.questions.hessian.measure import hessian

    net, params, images = given(settings)
    begun, used = time.perf_counter(), cpu_seconds()
    found = hessian(
        net, [params], images, settings.top, examples=None, batch=BATCH,
        tolerance=1e-6 if exact else 1e-3, precision="float64" if exact else "float32",
    )  # fmt: skip
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - used
    return Outcome(
        seconds, cpu, found.values[0].tolist(), int(found.products[0]), f"transferscope, {found.precision}"
    )


def batches(net: Any, images: Any) -> list[tuple[Any, Any]]:
    import torch

    x = net.input.prepare(torch.from_numpy(images.images)).contiguous()
    y = torch.from_numpy(images.labels)
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]


def plain(module: Any, data: list[tuple[Any, Any]]) -> Callable[[Any], Any]:
    """A Hessian-vector product by double backward, with nothing kept."""
    import torch
    from torch.nn.functional import cross_entropy

    weights = list(module.parameters())
    total = sum(len(y) for _, y in data)

    def product(v: Any) -> Any:
        parts = [p.view_as(w) for p, w in zip(v.split([w.numel() for w in weights]), weights, strict=True)]
        out = torch.zeros_like(v)
        for x, y in data:
            loss = cross_entropy(module(x), y, reduction="sum") / total
            gradients = torch.autograd.grad(loss, weights, create_graph=True)
            out += torch.cat([g.flatten() for g in torch.autograd.grad(gradients, weights, parts)])
        return out

    return product


def eigsh(settings: argparse.Namespace) -> Outcome:
    import numpy as np
    import torch
    from scipy.sparse import linalg

    net, params, images = given(settings)
    module, data = net.fresh(params), batches(net, images)
    counted = [0]
    begun, used = time.perf_counter(), cpu_seconds()
    try:
        from curvlinops import HessianLinearOperator

        how = "curvlinops, scipy eigsh"
        loss = torch.nn.CrossEntropyLoss(reduction="mean")
        operator = HessianLinearOperator(
            module, loss, list(module.parameters()), data, check_deterministic=False
        ).to_scipy()
        size, multiply = operator.shape[0], operator.matvec
    except ImportError:
        how = "double backward, scipy eigsh"
        product = plain(module, data)
        size = sum(p.numel() for p in module.parameters())

        def multiply(v: Any) -> Any:
            return product(torch.from_numpy(v.ravel()).float()).numpy()

    def once(v: Any) -> Any:
        counted[0] += 1
        return multiply(v)

    wrapped = linalg.LinearOperator((size, size), matvec=once, dtype=np.float32)
    start = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    values = linalg.eigsh(wrapped, settings.top, which="LM", tol=1e-3, v0=start, return_eigenvectors=False)
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - used
    values = values[np.argsort(-np.abs(values))]
    return Outcome(seconds, cpu, values.tolist(), counted[0], how)


def power(settings: argparse.Namespace) -> Outcome:
    import torch

    net, params, images = given(settings)
    module, data = net.fresh(params), batches(net, images)
    begun, used = time.perf_counter(), cpu_seconds()
    try:
        from pyhessian import hessian

        found = hessian(module, torch.nn.CrossEntropyLoss(), dataloader=data, cuda=False)
        values, _ = found.eigenvalues(maxIter=100, tol=1e-3, top_n=settings.top)
        return Outcome(time.perf_counter() - begun, cpu_seconds() - used, list(map(float, values)), 0, "PyHessian")
    except ImportError:
        pass
    product, counted = plain(module, data), 0
    size = sum(p.numel() for p in module.parameters())
    vectors: list[Any] = []
    values = []
    for i in range(settings.top):
        v = torch.randn(size, generator=torch.Generator().manual_seed(i))
        before = None
        for _ in range(100):
            for u in vectors:
                v = v - (u @ v) * u
            v = v / v.norm()
            w, counted = product(v), counted + 1
            value, v = float(v @ w), w / w.norm()
            if before is not None and abs(value - before) / (abs(before) + 1e-6) < 1e-3:
                break
            before = value
        vectors.append(v)
        values.append(value)
    how = "power iteration with deflation"
    return Outcome(time.perf_counter() - begun, cpu_seconds() - used, values, counted, how)


SIDES: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    OURS: ours, EIGSH: eigsh, POWER: power, EXACT: lambda settings: ours(settings, exact=True),
}  # fmt: skip


def measure(side: str, settings: argparse.Namespace) -> Outcome:
    """Run one side in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--only",
        side,
        "--network",
        settings.network,
        "--steps",
        str(settings.steps),
    ]
    command += ["--images", str(settings.images), "--top", str(settings.top), "--threads", str(settings.threads)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(settings.threads))
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return Outcome(**json.loads(ended.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256, help="images in every product")
    parser.add_argument("--top", type=int, default=20, help="eigenvalues")
    parser.add_argument("--network", default="resnet20", help="fixup_resnet20, resnet20, …")
    parser.add_argument(
        "--steps", type=int, default=20, help="of SGD from random weights, batch norm's statistics fixed"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--skip", nargs="*", default=[], choices=[EIGSH, POWER, EXACT], help="what not to run")
    parser.add_argument("--only", choices=list(SIDES), help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.only:
        print(json.dumps(asdict(SIDES[settings.only](settings))))
        return 0
    show({side: measure(side, settings) for side in SIDES if side not in settings.skip}, settings)
    return 0


def show(found: dict[str, Outcome], settings: argparse.Namespace) -> None:
    """Print a line a side: seconds, their ratio to ours, products, processor seconds, and the error."""
    mine = found[OURS]
    exact = found.pop(EXACT, None)
    print(
        f"| top {settings.top} eigenvalues, {settings.network}, {settings.images} images | s | to ours | "
        "CPU s | to ours | products | largest relative error |"
    )
    print("|---|---|---|---|---|---|---|")
    for outcome in found.values():
        pairs = zip(outcome.values, exact.values, strict=True) if exact else ()
        error = max((abs(a - b) / abs(b) for a, b in pairs), default=float("nan"))
        print(
            f"| {outcome.how} | {outcome.seconds:.1f} | {outcome.seconds / mine.seconds:.2f}× | {outcome.cpu:.1f} | "
            f"{outcome.cpu / mine.cpu:.2f}× | {outcome.products or '–'} | {error:.1e} |"
        )


if __name__ == "__main__":
    sys.exit(main())
