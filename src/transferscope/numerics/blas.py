"""NumPy's BLAS on one thread, for as long as many small problems run side by side in threads of our own.

A BLAS that splits a 64×64 eigenproblem over all cores spends its time waiting for itself, the more so when several
problems run at once: 8 to 20 times slower than one thread each on two busy cores.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

__all__ = ["one_blas_thread"]

_SETTERS = (
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
)
_lock = threading.Lock()
_depth = 0
_before: list[int] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's OpenBLAS or MKL use one thread inside the block, and give back what it had at the end.

    The setting is the process's, so it holds for other threads too; blocks may overlap, the last to leave restores.
    Does nothing where the library cannot be found (other than Linux, or another BLAS).
    """
    global _depth, _before  # noqa: PLW0603 - the setting it mirrors is global
    with _lock:
        _depth += 1
        if _depth == 1:
            _before = [get() for get, _ in _controls()]
            for _, put in _controls():
                put(1)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                for (_, put), count in zip(_controls(), _before, strict=True):
                    put(count)


@cache
def _controls() -> tuple[tuple[Callable[[], int], Callable[[int], None]], ...]:
    import numpy as np  # so that its BLAS is among what is loaded

    maps = Path("/proc/self/maps")
    if not maps.exists():
        return ()
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if line.count("/")}
    root = Path(np.__file__).parent.parent
    # A wheel's own library lies beside the package, a system's elsewhere; that of another wheel is not NumPy's.
    ours = [p for p in sorted(paths) if p.startswith(f"{root}/numpy") or "/site-packages/" not in p]
    found = []
    for path in ours:
        name = Path(path).name.lower()
        if "openblas" not in name and "mkl_rt" not in name:
            continue
        library = ctypes.CDLL(path)
        pair = next(((g, s) for g, s in _SETTERS if hasattr(library, g) and hasattr(library, s)), None)
        if pair is not None:
            found.append((getattr(library, pair[0]), getattr(library, pair[1])))
    return tuple(found)
