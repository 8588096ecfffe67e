"""Whole sentences are pinned here, one file a question; elsewhere numbers, intervals, verdicts and claim ids are.

``TRANSFERSCOPE_GOLDEN=write`` in the environment writes the files anew.
"""

import os
from pathlib import Path

from transferscope.questions.result import Result

FOLDER = Path(__file__).parent / "golden"


def golden(result: Result, name: str) -> None:
    """Compare what a result says, claim and verdict before each sentence, with the file of the question."""
    lines = [f"[{' '.join(filter(None, (f.target, f.claim, f.verdict))) or '-'}] {f.text}" for f in result.findings()]
    said, path = "\n".join(lines) + "\n", FOLDER / f"{name}.txt"
    if os.environ.get("TRANSFERSCOPE_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")
