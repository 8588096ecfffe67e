"""The command line: parsing and progress, nothing else."""

from .main import main

__all__ = ["main"]
