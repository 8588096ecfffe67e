"""From a run folder to one self-contained page, with figures and tables beside it."""

from .page import write_report

__all__ = ["write_report"]
