"""Entry point: run a command, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from ..errors import TransferscopeError
from ..runtime import sleep_while_waiting
from .interrupt import INTERRUPTED, answered_soon, leave
from .parser import build_parser

__all__ = ["main"]

_KEEP = frozenset({"demo", "study", "compare", "inspect", "rank"})
"""Commands whose steps are kept in a run folder."""

_ON_INTERRUPT = "interrupted: what is finished is kept; give the same command again to go on"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``transferscope ARGUMENTS``.

    Returns:
        0 when all went well, 1 when a part of the study failed, 2 for an error of input or place (one line on
        standard error), 3 for a fault of this software, 130 after an interrupt.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    is_program = arguments is None
    if is_program:
        sleep_while_waiting()
    from . import commands

    try:
        words = _ON_INTERRUPT if options.command in _KEEP else "interrupted"
        with answered_soon(words) if is_program else nullcontext():
            return int(getattr(commands, options.command)(options))
    except TransferscopeError as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except MemoryError:
        print("error: out of memory; use fewer --jobs, smaller images or fewer --samples", file=sys.stderr)
        return 2
    except KeyboardInterrupt as e:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only disturb the way out
        print(f"\n{e}" if str(e) else "\ninterrupted", file=sys.stderr)
        if is_program:
            leave()
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; point standard output elsewhere so that the exit is quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as e:
        if os.environ.get("TRANSFERSCOPE_TRACEBACK"):
            raise
        message = " ".join(str(e).split())
        print(
            f"error: a fault of transferscope, not of your input: {type(e).__name__}: {message} "
            "(set TRANSFERSCOPE_TRACEBACK=1 to see where, and report it)",
            file=sys.stderr,
        )
        return 3
