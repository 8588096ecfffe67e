"""Networks that a factory in the user's own file makes, ``py:FILE:FACTORY``; the file is run, as is asked for."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import ModelError, nearest
from .network import Input
from .options import taken_by, typed

__all__ = ["constructed", "files_of", "fixed_outputs", "input_of", "output_of", "place_of"]

_CLASSES = ("classes", "num_classes", "num_labels")
_CHANNELS = ("channels", "in_chans", "num_channels")
_SIZE = ("size", "img_size", "image_size")


def place_of(rest: str) -> tuple[Path, str]:
    """Take ``FILE:FACTORY`` apart.

    Raises:
        ModelError: when it is not that.

    >>> place_of("nets/mine.py:make")[1]
    'make'
    """
    file, colon, factory = rest.rpartition(":")
    if not (colon and file and factory.isidentifier()):
        raise ModelError(f"py:{rest}: expected py:FILE:FACTORY, e.g. py:my_models.py:make")
    return Path(file).expanduser(), factory


def files_of(rest: str) -> tuple[Path, ...]:
    """Return the file and all Python files under its folder that it imports, directly or through each other, sorted.

    What is imported is read from ``import`` and ``from … import`` anywhere in the files, which are not run; a module
    whose name is made when the code runs is not found.

    Raises:
        ModelError: when it is not ``FILE:FACTORY``.
    """
    first = place_of(rest)[0].absolute()
    found, waiting = {first}, [first]
    while waiting:
        new = set(_imported(waiting.pop(), first.parent)) - found
        found |= new
        waiting += sorted(new)
    return (first, *sorted(found - {first}))


def input_of(rest: str) -> Input:
    """Return what the network wants to see: the factory's ``input``, else the data configuration that timm's have.

    Without either it is a colour image of 224 pixels, normalised as ImageNet's are.

    Raises:
        ModelError: when file or factory cannot be used.
    """
    factory = _factory(rest)
    told = getattr(factory, "input", None)
    if isinstance(told, Input):
        return told
    module = None
    if _needs_nothing(factory):
        with torch.random.fork_rng(devices=[]):
            module = _called(rest, factory, {})
    for where in (told, getattr(module, "input", None), getattr(module, "pretrained_cfg", None)):
        if isinstance(where, Input):
            return where
        if isinstance(where, Mapping) and "input_size" in where:
            return _of_configuration(rest, where)
    return Input((224, 224))


def constructed(rest: str, options: Mapping[str, str], classes: int, wanted: Input) -> nn.Module:
    """Call the factory, with the number of classes, channels and pixels where it has parameters of these names.

    Raises:
        ModelError: when file or factory cannot be used.
    """
    factory = _factory(rest)
    known = taken_by(factory)
    given = typed(f"py:{rest}", options, known, [name for name in _CLASSES if name in known])
    for names, value in ((_CLASSES, classes), (_CHANNELS, wanted.channels), (_SIZE, max(wanted.size))):
        for name in names:
            if name in known and name not in given:
                given[name] = value
    return _called(rest, factory, given)


def fixed_outputs(rest: str) -> bool:
    """Say whether the number of outputs is the factory's own affair."""
    return not any(name in _CLASSES for name in taken_by(_factory(rest)))


def output_of(rest: str) -> int | str | None:
    """Return which of several outputs are the logits, where the factory says it: ``make.output = 1``."""
    told = getattr(_factory(rest), "output", None)
    return told if isinstance(told, (int, str)) else None


def _factory(rest: str) -> Callable[..., Any]:
    path, name = place_of(rest)
    if not path.is_file():
        raise ModelError(f"py:{rest}: there is no file {path}")
    module = _run(path.absolute(), tuple((f, f.stat().st_mtime_ns) for f in files_of(rest) if f.exists()))
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [
            k for k, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__
        ]
        raise ModelError(f"py:{rest}: {path} has no factory {name!r}{nearest(name, known)}")
    return factory  # type: ignore[no-any-return]


_STATES: dict[str, int] = {}
"""When files beside those that were run had changed last as these were run."""


@lru_cache(maxsize=16)
def _run(path: Path, states: tuple[tuple[Path, int], ...]) -> Any:
    """Run the file as a module of its own, which finds others beside it, as they are now."""
    name = f"transferscope_file_{path.stem}_{zlib.crc32(repr(states).encode()):08x}"
    beside = {str(file): changed for file, changed in states if file != path}
    if any(_STATES.get(file, changed) != changed for file, changed in beside.items()):
        for loaded in [n for n, m in sys.modules.items() if getattr(m, "__file__", None) in beside]:
            del sys.modules[loaded]  # what was imported before the file changed
    _STATES.update(beside)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: is no Python file; expected a name that ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be copied and pickled
    try:
        with _beside(path):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as e:  # it is any code
        del sys.modules[name]
        raise ModelError(f"{path}: cannot be run: {_said(e, path)}") from e
    return module


def _imported(path: Path, root: Path) -> Iterator[Path]:
    """Yield the files under ``root``, where modules are looked for, that a file imports."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # running it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _modules(root, name.name.split("."), root)
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if 0 < node.level <= len(path.parents) else root
            for name in node.names:
                yield from _modules(base, [*(node.module.split(".") if node.module else []), name.name], root)


def _modules(base: Path, names: list[str], root: Path) -> Iterator[Path]:
    """Yield the files of a module and of the packages that it is in."""
    if names[0] == __name__.partition(".")[0]:
        return
    for i in range(len(names) + 1):
        folder = base.joinpath(*names[:i])
        for file in (folder / "__init__.py", *([folder.with_name(f"{names[i - 1]}.py")] if i else [])):
            if (i or base != root) and file.is_relative_to(root) and file.is_file():
                yield file


def _called(rest: str, factory: Callable[..., Any], given: Mapping[str, Any]) -> nn.Module:
    path, name = place_of(rest)
    try:
        with _beside(path.absolute()):
            module = factory(**given)
    except (Exception, SystemExit) as e:  # it is any code
        raise ModelError(f"py:{rest}: {name}() fails: {_said(e, path)}") from e
    if not isinstance(module, nn.Module):
        raise ModelError(f"py:{rest}: {name}() returns a {type(module).__name__}, expected a torch.nn.Module")
    return module


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let a file import what lies beside it."""
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.path.remove(str(path.parent))


def _said(e: BaseException, path: Path) -> str:
    """Say what went wrong in somebody's code, and in which line of the file."""
    line, trace = "", e.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).absolute() == path.absolute():
            line = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(e, SyntaxError) and e.lineno:
        line = f" (line {e.lineno})"
    return f"{type(e).__name__}: {next(iter(str(e).splitlines()), '')}{line}"


def _needs_nothing(factory: Callable[..., Any]) -> bool:
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    return all(p.default is not p.empty or p.kind in free for p in parameters)


def _of_configuration(rest: str, told: Mapping[str, Any]) -> Input:
    try:
        channels, height, width = told["input_size"]
        mean, std = told.get("mean") or Input().mean, told.get("std") or Input().std
        return Input((int(height), int(width)), int(channels), tuple(map(float, mean)), tuple(map(float, std)))
    except (TypeError, ValueError) as e:
        raise ModelError(f"py:{rest}: its data configuration cannot be read: {e}") from e
