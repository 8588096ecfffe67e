"""Shapes in annotations are checked here and only here: jaxtyping with beartype, over the whole package."""

import os

# One thread by default: files of tests run side by side, and the same bits come out everywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("transferscope.numerics", "beartype.beartype")
