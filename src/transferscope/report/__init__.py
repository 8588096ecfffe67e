"""From a run folder to one self-contained page, with figures and tables beside it."""

from importlib import import_module

from .page import write_report

__all__ = ["load_ahead", "write_report"]


def load_ahead() -> None:
    """Load what a page takes longest to load, where there is time for it before there is something to draw."""
    for module in ("matplotlib.pyplot", "matplotlib.backends.backend_pdf", "matplotlib.backends.backend_svg"):
        import_module(module)
