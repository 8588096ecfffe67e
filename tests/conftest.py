"""Shapes in annotations are checked here and only here: jaxtyping with beartype, over the whole package."""

import os

# Single-threaded by default: tests run side by side on small machines, and the same bits come out everywhere.
os.environ.setdefault("OMP_NUM_THREADS", "2")

from jaxtyping import install_import_hook

install_import_hook("transferscope.numerics", "beartype.beartype")
