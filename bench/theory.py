"""The kernel H against the matrix product alone, and training in the span of the inputs against the plain loop.

Both sides in float64, in one process, turn by turn; the median of the rounds counts, of wall and processor time.

*Kernel*: H of n inputs of d numbers. The peer is ``x @ x.T``, which has twice the products that a symmetric kernel
needs; so the share of the product's rate is products needed per second over products done per second by the peer.

*Training*: n_P + n_Q inputs, a mirrored network of m units, so many steps. The plain loop computes ``relu(x W)``, its
error and the gradient as one would write them down, in all d numbers; ours turns the inputs into their span first,
which is counted. The outputs of both must agree, from one and the same start.

*Centring*: how many steps at η = 1/λ_max leave a thousandth of the slowest direction, for images as they are and less
their mean, and how long such a training would take at the measured seconds a step. It is no speed of the same thing:
the kernel of centred inputs is another one. No peer.

    python bench/theory.py [--n 5000] [--d 3072] [--units 16384] [--examples 50] [--steps 5] [--rounds 3]
                           [--images 400] [--data synthetic:photo] [--only kernel training centring]
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable

from _sides import Taken, clock


def turns(rounds: int, *sides: Callable[[], object]) -> list[Taken]:
    """Run all sides once to warm up, then in turn; return the median of each."""
    taken: list[list[Taken]] = [[] for _ in sides]
    for i in range(rounds + 1):
        for side, of in zip(sides, taken, strict=True):
            with clock() as one:
                side()
            if i:
                of.append(one)
    return [
        Taken(statistics.median(t.seconds for t in of), statistics.median(t.cpu for t in of))
        for of in taken
    ]  # fmt: skip


def kernel(settings: argparse.Namespace) -> None:
    """Print how much of the product's rate the kernel has."""
    import torch

    from transferscope.numerics.relu_gram import relu_gram, unit_rows
    from transferscope.rng import generator

    x = unit_rows(torch.randn(settings.n, settings.d, dtype=torch.float64, generator=generator("bench", "kernel")))
    product, ours, across = turns(settings.rounds, lambda: x @ x.T, lambda: relu_gram(x), lambda: relu_gram(x, x))
    rate = 2 * settings.n**2 * settings.d / product.seconds / 1e9
    print(f"| H of {settings.n:,} × {settings.d:,} | s | processor s | share of the product's rate | by processor |")
    print("|---|---|---|---|---|")
    print(f"| `x @ x.T` | {product.seconds:.2f} | {product.cpu:.2f} | {rate:.0f} GFLOP/s | |")
    for name, taken, needed in (("one set, symmetric", ours, 0.5), ("two sets", across, 1.0)):
        shares = needed * product.seconds / taken.seconds, needed * product.cpu / taken.cpu
        print(
            f"| {name} | {taken.seconds:.2f} | {taken.cpu:.2f} | {100 * shares[0]:.0f} % | {100 * shares[1]:.0f} % |"
        )


def training(settings: argparse.Namespace) -> None:
    """Print how many times as fast training in the span of the inputs is."""
    import torch
    from torch import Tensor

    from transferscope.numerics.relu_gram import unit_rows
    from transferscope.numerics.two_layer import TwoLayer, rotated
    from transferscope.rng import generator

    m, d, n, steps = settings.units, settings.d, settings.examples, settings.steps
    random = generator("bench", "training")
    x = unit_rows(torch.randn(2 * n, d, dtype=torch.float64, generator=random))
    y = torch.sign(torch.randn(2 * n, dtype=torch.float64, generator=random))
    half = torch.randn(m // 2, d, dtype=torch.float64, generator=random)
    start = torch.cat([half, half])
    signs = torch.cat([torch.ones(m // 2), -torch.ones(m // 2)]).double()
    basis, _ = torch.linalg.qr(x.T)
    small = start @ basis
    said: dict[str, Tensor] = {}

    def plain() -> None:
        w = start.clone()
        for of in (slice(0, n), slice(n, 2 * n)):
            for _ in range(steps):
                units = x[of] @ w.T
                error = units.clamp(min=0) @ signs / math.sqrt(m) - y[of]
                w -= 0.5 * ((units > 0) * signs * error[:, None]).T @ x[of] / math.sqrt(m)
        said["plain"] = (x @ w.T).clamp(min=0) @ signs / math.sqrt(m)

    def ours() -> None:
        p, q = rotated([x[:n], x[n:]])
        net = TwoLayer(small.clone(), m // 2)
        net.train(p, y[:n], 0.5, steps)
        net.train(q, y[n:], 0.5, steps)
        said["ours"] = net.outputs(torch.cat([p, q]))

    peer, mine = turns(settings.rounds, plain, ours)
    apart = float((said["plain"] - said["ours"]).abs().max())
    wanted = 0.7 * d / (2 * n)
    print(f"\n| training, {m:,} units, {2 * n} inputs of {d:,}, {2 * steps} steps | s | processor s |")
    print("|---|---|---|")
    print(f"| plain loop | {peer.seconds:.2f} | {peer.cpu:.2f} |")
    print(f"| in the span | {mine.seconds:.3f} | {mine.cpu:.3f} |")
    print(
        f"| ratio (0.7·d/n = {wanted:.1f}) | {peer.seconds / mine.seconds:.1f}× | {peer.cpu / mine.cpu:.1f}× |"
        f"\n\nlargest difference of an output: {apart:.0e}"
    )


def centring(settings: argparse.Namespace) -> None:
    """Print how many steps images take as they are, and less their mean."""
    import torch

    from transferscope.data.spec import load_images
    from transferscope.numerics.lazy import spectrum
    from transferscope.numerics.relu_gram import relu_gram, unit_rows
    from transferscope.numerics.two_layer import TwoLayer, rotated
    from transferscope.rng import generator

    images = load_images(settings.data, size=28, samples=settings.images).train
    x = torch.from_numpy(images.images.reshape(len(images), -1)).double() / 255
    x = x[torch.from_numpy(x.numpy().std(1) > 0)].unique(dim=0)
    y = torch.sign(torch.randn(len(x), dtype=torch.float64, generator=generator("bench", "centring")))
    half = torch.randn(settings.units // 8, x.shape[1], dtype=torch.float64, generator=generator("bench", "units"))
    print(f"\n| {len(x)} images of {settings.data} | λ_max/λ_min | steps to 1e-3 | s a step | s in all |")
    print("|---|---|---|---|---|")
    steps = []
    for name, rows in (("as they are", unit_rows(x)), ("less their mean", unit_rows(x - x.mean(0)))):
        found = spectrum(relu_gram(rows))
        (inside,) = rotated([rows])
        basis = torch.linalg.lstsq(rows, inside).solution  # the same turn for the units
        net = TwoLayer(torch.cat([half, half]) @ basis, len(half))
        taken = [t.seconds for t in turns(settings.rounds, lambda i=inside, n=net, r=found.rate: n.train(i, y, r, 5))]
        steps.append(found.steps_to(1e-3))
        each = taken[0] / 5
        print(f"| {name} | {found.condition:,.0f} | {steps[-1]:,} | {each:.3f} | {each * steps[-1]:,.0f} |")
    print(f"\nsteps saved by centring: {steps[0] / steps[1]:.1f}×")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=5000, help="inputs of the kernel")
    parser.add_argument("--d", type=int, default=3072, help="numbers of an input")
    parser.add_argument("--units", type=int, default=16384, help="units of the network")
    parser.add_argument("--examples", type=int, default=50, help="inputs of the source, and of the target")
    parser.add_argument("--steps", type=int, default=5, help="steps of each training")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs")
    parser.add_argument("--threads", type=int, default=2, help="threads of both sides")
    parser.add_argument("--images", type=int, default=400, help="images of centring")
    parser.add_argument("--data", default="synthetic:photo", help="which images, a spec string")
    parts = {"kernel": kernel, "training": training, "centring": centring}
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts), help="which parts")
    settings = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(settings.threads)
    for part in settings.only:
        parts[part](settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
