"""Laws e_DS = k·e_US^α + e_∞ of 121 models on 37 tasks, 1,000 resamples each, against SciPy's ``curve_fit``.

The usual fit is what one writes by hand: ``scipy.optimize.curve_fit`` with bounds, from 20 starts, the best of them.
Both fit laws to halves of the models; the peer to ``--share`` of them, scaled to all. Residuals are compared law by
law on all models. The models are drawn from laws with binomial noise; with ``--table`` they are those of a table.

    python bench/scaling.py [--models 121] [--tasks 37] [--resamples 1000] [--share 10] [--table FILE --us COLUMN]
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

STARTS = 20


def drawn(models: int, tasks: int) -> tuple[np.ndarray, np.ndarray]:
    """Upstream errors ``(models,)`` and downstream errors ``(tasks, models)`` of laws all over the plane."""
    r = np.random.default_rng(0)
    x = 1 - r.beta(4, 2, models)
    laws = zip(r.uniform(0.1, 1.2, tasks), r.uniform(0.4, 3, tasks), r.uniform(0, 0.3, tasks), strict=True)
    y = np.stack([np.clip(k * x**alpha + floor, 0, 1) for k, alpha, floor in laws])
    return x, r.binomial(1000, np.clip(y + 0.03 * r.standard_normal(y.shape), 0, 1)) / 1000


def usual(x: np.ndarray, y: np.ndarray, starts: np.ndarray) -> float:
    """Return the least sum of squared residuals that ``curve_fit`` finds."""
    from scipy.optimize import curve_fit

    def law(at: np.ndarray, k: float, alpha: float, floor: float) -> np.ndarray:
        return np.asarray(k * at**alpha + floor)

    best = np.inf
    for start in starts:
        try:
            found, _ = curve_fit(law, x, y, p0=start, bounds=([0, 0.05, 0], [np.inf, 60, 1]))
        except RuntimeError:  # it has not converged
            continue
        best = min(best, float(((law(x, *found) - y) ** 2).sum()))
    return best


def main(arguments: list[str] | None = None) -> int:
    from transferscope.numerics.law_resampling import laws_of_halves
    from transferscope.numerics.power_law import fit_power_law

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=121)
    parser.add_argument("--tasks", type=int, default=37)
    parser.add_argument("--resamples", type=int, default=1000, help="halves of the models, of each task")
    parser.add_argument("--share", type=int, default=10, help="resamples of each task that the peer fits")
    parser.add_argument("--table", help="a table of models instead of drawn ones")
    parser.add_argument("--us", help="its upstream column")
    settings = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if settings.table:
        from transferscope.data.tables.models import read_models

        read = read_models(settings.table, [settings.us], [])
        x = 1 - next(iter(read.upstream.values()))
        pairs = [(x, 1 - task.accuracy) for task in read.tasks]
        sets = [(x[ok], y[ok]) for x, y in pairs if (ok := np.isfinite(x) & np.isfinite(y)).sum() >= 8]
    else:
        x, ys = drawn(settings.models, settings.tasks)
        sets = [(x, y) for y in ys]
    taken = {}
    for hull in (False, True):
        begun = time.perf_counter()
        for i, (x, y) in enumerate(sets):
            laws_of_halves(1 - x, 1 - y, settings.resamples, np.random.default_rng(i), hull=hull)
        taken[hull] = time.perf_counter() - begun
    ours, both = taken[False], sum(taken.values())
    starts = np.random.default_rng(1).uniform([0, 0.05, 0], [2, 5, 0.5], (STARTS, 3))
    begun = time.perf_counter()
    for i, (x, y) in enumerate(sets):
        r = np.random.default_rng(i)
        for _ in range(settings.share):
            half = r.permutation(len(x))[: len(x) // 2]
            usual(x[half], y[half], starts)
    theirs = (time.perf_counter() - begun) * settings.resamples / settings.share
    excess = [fit_power_law(x, y).sse / usual(x, y, starts) - 1 for x, y in sets]
    print(f"| laws of {len(sets)} tasks, {settings.resamples:,} resamples of each | s | to the usual fit |")
    print("|---|---|---|")
    print(f"| ours, all points | {ours:.1f} | {theirs / ours:.0f}× |")
    print(f"| ours, all points and hulls | {both:.1f} | |")
    print(f"| curve_fit, {STARTS} starts (scaled) | {theirs:.0f} | 1× |")
    print(f"\nsum of squared residuals above the usual fit's: at most {max(excess):.1e} of it, "
          f"below it by more than 1e-6 on {sum(e < -1e-6 for e in excess)} of {len(sets)} tasks")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
