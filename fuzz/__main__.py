"""``make fuzz``: mutate sound files of every kind and read them; the same seed gives the same files.

``python -m fuzz --files 10000 --seed 0 [--kind image]``. Prints what is wrong and keeps the files that show it; exit
code 1 when there is any. Files are read in processes of some hundred each, so that a crash costs no more than these.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from .judge import judged, watch
from .mutate import mutated
from .sound import Kind, kinds

_TOGETHER = 250


def main() -> int:
    """Read the mutated files, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--files", type=int, default=10_000, help="how many, over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="only kinds whose name holds this word")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="folder for files that show a fault")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = kinds(Path(folder) / "marker")
        chosen = [kind for kind in every if options.kind is None or options.kind.lower() in kind.name.lower()]
        if not chosen:
            print(f"error: no kind {options.kind!r}; known: {', '.join(k.name for k in every)}", file=sys.stderr)
            return 2
        count = -(-options.files // len(chosen))
        found: Counter[str] = Counter()
        for kind in chosen:
            wrong = of_kind(kind, count, options.seed, Path(folder), options.keep)
            found[kind.name] = len(wrong)
            print(f"{kind.name}: {count} files, {len(wrong)} faults", flush=True)
            for line in wrong[:10]:
                print(f"  {line}", flush=True)
    return 1 if found.total() else 0


def of_kind(kind: Kind, count: int, seed: int, folder: Path, keep: Path | None = None) -> list[str]:
    """Read so many mutated files of a kind; return what is wrong, a line each with the file's number."""
    place = folder / kind.name.replace(" ", "-").replace("'", "")
    place.mkdir()
    kind.around(place)
    wrong: list[str] = []
    for start in range(0, count, _TOGETHER):
        wrong += _in_a_process(kind, range(start, min(count, start + _TOGETHER)), seed, place, folder / "marker")
    for line in wrong if keep is not None else ():
        keep.mkdir(exist_ok=True)
        number = int(line.partition(":")[0])
        (keep / f"{place.name}-{seed}-{number}{kind.suffix}").write_bytes(made(kind, seed, number))
    return wrong


def made(kind: Kind, seed: int, number: int) -> bytes:
    """Return the mutated file of this number."""
    random = np.random.default_rng([seed, number, *kind.name.encode()])
    return mutated(kind.files[number % len(kind.files)], kind.mutation, random)


def read_some(kind: Kind, numbers: range, seed: int, place: Path, marker: Path) -> list[str]:
    """Read mutated files in this process; return what is wrong."""
    wrong = []
    path = place / f"mutated{kind.suffix}"
    for number in numbers:
        path.write_bytes(made(kind, seed, number))
        if said := judged(kind.read, path, marker):
            wrong.append(f"{number}: {said}")
    return wrong


def _in_a_process(kind: Kind, numbers: range, seed: int, place: Path, marker: Path) -> list[str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w", encoding="utf-8", errors="backslashreplace") as out:
            watch()
            for number in numbers:
                for line in read_some(kind, range(number, number + 1), seed, place, marker):
                    out.write(" ".join(line.split()) + "\n")
                out.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as told:
        wrong = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status:
        wrong.append(f"{numbers[0]}: the process that read files {numbers[0]} to {numbers[-1]} ended with {status}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
