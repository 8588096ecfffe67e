"""PyTorch's own files, read by ``torch.load(weights_only=True)`` and nothing else, so that no code of theirs runs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .inert import DATA, CalledCodeError, plain, stand_in

__all__ = ["read_pickled"]

_SAVE = "save only the weights, torch.save(model.state_dict(), …), where it was made"
_ASKED = re.compile(r"GLOBAL\s+([\w.<>]+)")
_MODULE = re.compile(r"^(torch\.nn\.modules|torchvision\.models|timm\.models)\.")
_MOST = 10_000
"""Names that a file may ask for; real ones ask for a few dozen."""


def read_pickled(source: Path | bytes, path: Path) -> Any:
    """Read what ``torch.save`` wrote, as dicts, lists, tensors, numbers and strings.

    Args:
        source: the file, or its content.
        path: what to call it in errors.

    Raises:
        CheckpointError: when it is damaged, or asks to run code, naming what.
    """
    known: dict[str, Callable[..., Any]] = dict(DATA)
    for name in _unusual(source):
        known.setdefault(name, stand_in(name))
    while True:
        # One object may stand for several names, and torch wants one name an entry.
        allowed: list[Any] = [(value, name) for name, value in known.items()]
        try:
            with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
                warnings.simplefilter("ignore")  # said again in the error, where it matters
                return plain(torch.load(_opened(source), map_location="cpu", weights_only=True))
        except CalledCodeError as e:
            raise CheckpointError(f"{path}: {_is_code(str(e))}") from e
        except Exception as e:  # a damaged file can end in any of a dozen types
            text = str(e) or type(e).__name__
            wanted = _wanted(text)
            if wanted is None or wanted in known or len(known) > _MOST:
                raise CheckpointError(f"{path}: {_why_not(text)}") from e
            known[wanted] = stand_in(wanted)


def _opened(source: Path | bytes) -> Path | BytesIO:
    return BytesIO(source) if isinstance(source, bytes) else source


def _unusual(source: Path | bytes) -> list[str]:
    """List the names that torch does not allow, where it can say so without loading: in its zip files."""
    try:
        return list(torch.serialization.get_unsafe_globals_in_checkpoint(_opened(source)))
    except Exception:  # an old or damaged file; loading says which
        return []


def _wanted(text: str) -> str | None:
    """Return the name for whose sake torch refused, if that was the reason and can be mended."""
    asked = _ASKED.search(text)
    if asked is None or "was not an allowed global" not in text:
        return None
    return asked[1] if "." in asked[1] else f"builtins.{asked[1]}"


def _is_code(name: str) -> str:
    return f"refused: its pickle asks to run {name}, which is code and not weights; {_SAVE}"


def _why_not(text: str) -> str:
    """Turn what torch.load says, over many lines, into one."""
    asked = _ASKED.search(text)
    if "TorchScript" in text:
        return f"is a TorchScript program; {_SAVE}"
    if "Invalid magic number" in text:
        return f"refused: its pickle is not one that torch.save writes; {_SAVE}"
    if "Unsupported operand" in text:
        return f"refused: its pickle is of another protocol than torch.save's own (2); {_SAVE}"
    if "torch.distributed.tensor" in text:
        return (
            "refused: it holds DTensors, one process's part of weights that lie on several; gather them where they "
            "are (get_model_state_dict with full_state_dict=True) and save those"
        )
    if "persistent_load" in text and "storage is allowed" in text:
        return f"refused: it holds a whole module, which only its own code can load; {_SAVE}"
    if asked and _MODULE.search(asked[1]):
        return f"refused: it holds a whole module ({asked[1]}), which only its own code can load; {_SAVE}"
    if asked:
        return _is_code(asked[1])
    if "Weights only load failed" in text and not re.search(r"EOFError|Ran out|pop from empty|index out of", text):
        return f"refused: its pickle holds more than weights; {_SAVE}"
    return f"is damaged or truncated: {text.splitlines()[0].partition('. ')[0]}"
