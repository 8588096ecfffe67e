"""Mutations: small changes of bytes, of text, and of what lies inside a container, each decided by a seed."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable

import numpy as np

__all__ = ["mutated"]

_ODD_NUMBERS = (
    b"0",
    b"-1",
    b"1e309",
    b"nan",
    b"-inf",
    b"99999999999999999999",
    b"1.5",
    b"true",
    b"null",
    b"''",
    b"[]",
)
_ODD_TEXT = (b"\x00", b"\xff\xfe", "\u202e".encode(), b"\r", b"\t", b"{", b"}", b"[", b":", b"&a", b"*a", b"<<:",
             b"!!", b"..", b"/", b"%s", b"'", b'"', b",", b"\n\n", b"=", b"?", b"|", b"#")  # fmt: skip
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def mutated(content: bytes, kind: str, random: np.random.Generator) -> bytes:
    """Return a changed copy.

    Args:
        content: of a sound file.
        kind: ``safetensors``, ``zip`` (PyTorch's format), ``bytes`` or ``text``.
        random: decides what is changed; the same state gives the same bytes.
    """
    changes = int(random.integers(1, 5))
    inside = _INSIDE.get(kind)
    if inside is not None and random.random() < 0.6:
        return inside(content, changes, random)
    change = _in_text if kind == "text" and random.random() < 0.8 else _in_bytes
    for _ in range(changes):
        content = change(content, random)
    return content


def _in_bytes(content: bytes, random: np.random.Generator) -> bytes:
    size = len(content)
    if not size:
        return bytes(random.integers(0, 256, 4, dtype=np.uint8))
    # Headers are where it matters: half of the changes are among the first 256 bytes or the last.
    near = random.random()
    at = int(random.integers(0, size if near < 0.5 else min(size, 256)))
    if near > 0.8:
        at = size - 1 - at
    length = int(min(size - at, random.integers(1, 9)))
    choice = int(random.integers(0, 8))
    if choice == 0:
        return content[:at] + bytes([content[at] ^ (1 << int(random.integers(0, 8)))]) + content[at + 1 :]
    if choice == 1:
        return content[:at] + bytes(random.integers(0, 256, length, dtype=np.uint8)) + content[at + length :]
    if choice == 2:
        return content[:at] + content[at + int(random.integers(1, max(2, size // 4))) :]
    if choice == 3:
        return content[:at] + content[at : at + 64] + content[at:]
    if choice == 4:
        return content[:at]
    if choice == 5:
        return content[:at] + bytes([_EDGES[int(random.integers(0, len(_EDGES)))]]) * length + content[at + length :]
    if choice == 6:
        other = int(random.integers(0, size))
        return content[:at] + content[other : other + 32] + content[at + 32 :]
    return content[:at] + bytes(random.integers(0, 256, length, dtype=np.uint8)) + content[at:]


def _in_text(content: bytes, random: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    at = int(random.integers(0, len(lines)))
    choice = int(random.integers(0, 7))
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines.insert(at, lines[int(random.integers(0, len(lines)))])
    elif choice == 2:
        other = int(random.integers(0, len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    elif choice == 3:
        odd = _ODD_NUMBERS[int(random.integers(0, len(_ODD_NUMBERS)))]
        lines[at] = re.sub(rb"-?\d+(\.\d+)?", lambda _: odd, lines[at], count=1)
    elif choice == 4:
        odd = _ODD_TEXT[int(random.integers(0, len(_ODD_TEXT)))]
        place = int(random.integers(0, len(lines[at]) + 1))
        lines[at] = lines[at][:place] + odd + lines[at][place:]
    elif choice == 5:
        words = lines[at].split(b" ")
        lines[at] = b" ".join(words[i] for i in random.permutation(len(words)))
    else:
        lines[at] = b"  " + lines[at] if random.random() < 0.5 else lines[at].lstrip()
    return b"\n".join(lines)


def _in_safetensors(content: bytes, changes: int, random: np.random.Generator) -> bytes:
    """Change the header, and let its length fit again."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end]
    if random.random() < 0.5:
        told = json.loads(header)
        names = [name for name in told if name != "__metadata__"]
        one = told[names[int(random.integers(0, len(names)))]]
        key = ("dtype", "shape", "data_offsets")[int(random.integers(0, 3))]
        odd = [[0], [-1], [2**62, 2], "F64", "I8", "XX", None, {}, [0, 10**9], "BF16", "F8_E4M3", "BOOL"]
        one[key] = odd[int(random.integers(0, len(odd)))]
        header = json.dumps(told).encode()
    else:
        for _ in range(changes):
            header = _in_text(header.replace(b",", b",\n"), random)
    return len(header).to_bytes(8, "little") + header + content[end:]


def _in_zip(content: bytes, changes: int, random: np.random.Generator) -> bytes:
    """Change one of the files in a zip file, and write it so that the sums fit again."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as new:
        names = old.namelist()
        pickles = [name for name in names if name.endswith("data.pkl")]
        aimed = pickles[0] if pickles and random.random() < 0.7 else names[int(random.integers(0, len(names)))]
        for name in names:
            inner = old.read(name)
            if name == aimed:
                for _ in range(changes):
                    inner = _in_bytes(inner, random)
            if name != aimed or random.random() < 0.9:
                new.writestr(name, inner)
    return made.getvalue()


_INSIDE: dict[str, Callable[[bytes, int, np.random.Generator], bytes]] = {
    "safetensors": _in_safetensors,
    "zip": _in_zip,
}
