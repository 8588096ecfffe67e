"""``make bench``: every benchmark, one after another, each a ratio against a named peer on the same work in one run.

``python -m bench NAME …`` runs only some; options after ``--`` go to each, see the files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run the named (default: all) benchmarks as processes of their own, so that none warms up another."""
    own, _, passed = " ".join(arguments).partition("-- ")
    known = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_"))
    chosen = own.split() or known
    if unknown := [name for name in chosen if name not in known]:
        print(f"error: no benchmark {unknown[0]!r}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in chosen:
        print(f"\n## {name}\n", flush=True)
        failed |= subprocess.run([sys.executable, str(HERE / f"{name}.py"), *passed.split()], check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
