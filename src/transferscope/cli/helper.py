"""A process that is there before it is known what for: it performs steps, and draws figures, as it is asked to."""

from __future__ import annotations

from importlib import import_module

from ..report import load_ahead
from ..report.artist import draw_orders
from ..study.worker import connected, serve

__all__ = ["main"]

_STEPS = ("study.work.data", "study.work.checkpoint", "study.work.analysis", "probes.outputs")
"""What the steps about files need and takes long to load, which is done while nobody waits for it."""


def main() -> None:
    """Do what is asked for on stdin until there is no more."""
    lines, out = connected()
    for module in _STEPS:
        import_module(f"transferscope.{module}")
    load_ahead()
    for order in serve(lines, out):
        draw_orders(order["figures"], lines, out)


if __name__ == "__main__":
    main()
