"""The house stands: imports go only downward, and never in a circle."""

import ast
from pathlib import Path

import pytest

import transferscope

PACKAGE = Path(transferscope.__file__).parent
FLOORS = {
    0: ("arguments", "columns", "errors", "params", "progress", "records", "rng", "runtime", "strict"),
    1: ("numerics", "data", "store"),
    2: ("models",),
    3: ("probes", "train"),
    4: ("evidence", "plots", "lightning", "huggingface"),
    5: ("questions", "papers"),
    6: ("study", "checks"),
    7: ("report",),
    8: ("cli",),
    9: ("__main__",),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_of(p) for p in FILES}


def imported(path: Path, *, lazy: bool = True) -> set[tuple[str, ...]]:
    """Modules of the package that a file imports, as paths below the package; for type checkers only, too.

    Args:
        path: of the file.
        lazy: whether imports inside of functions count, which are made when these are called.
    """
    tree = ast.parse(path.read_text())
    here = (*module_of(path), "__init__") if path.name == "__init__.py" else module_of(path)
    found: set[tuple[str, ...]] = set()
    nodes = ast.walk(tree) if lazy else _at_import(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - node.level]
            elif node.module and node.module.split(".")[0] == "transferscope":
                base = ()
            else:
                continue
            named = (node.module or "").split(".") if node.module else []
            named = named[1:] if not node.level else named
            stem = (*base, *named)
            for alias in node.names:
                full = (*stem, alias.name)
                found.add(full if full in MODULES else stem)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                if parts[0] == "transferscope":
                    found.add(parts[1:])
    return found - {()}


def _at_import(tree: ast.AST):
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            yield from _at_import(node)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    module = module_of(path)
    if not module:
        return  # the face may name every room; it loads them when asked
    room = module[0]
    assert room in FLOOR_OF, f"{room} has no floor; add it to FLOORS"
    for target in imported(path):
        other = target[0]
        assert other == room or FLOOR_OF[other] < FLOOR_OF[room] or (FLOOR_OF[room] == FLOOR_OF[other] == 0), (
            f"{path.name} on floor {FLOOR_OF[room]} imports {'.'.join(target)} on floor {FLOOR_OF[other]}"
        )


def test_no_circles() -> None:
    graph = {module_of(p): imported(p, lazy=False) & MODULES for p in FILES if module_of(p)}
    state: dict[tuple[str, ...], int] = {}

    def visit(node: tuple[str, ...], trail: list[tuple[str, ...]]) -> None:
        state[node] = 1
        for target in sorted(graph.get(node, ())):
            assert state.get(target) != 1 or target == node, f"circle: {[*trail, node, target]}"
            if target not in state:
                visit(target, [*trail, node])
        state[node] = 2

    for node in sorted(graph):
        if node not in state:
            visit(node, [])


def test_files_are_short() -> None:
    long = {str(p.relative_to(PACKAGE)): n for p in FILES if (n := len(p.read_text().splitlines())) > 400}
    assert not long, f"split these: {long}"


QUESTIONS = sorted(p for p in (PACKAGE / "questions").iterdir() if (p / "measure.py").is_file())


@pytest.mark.parametrize("folder", QUESTIONS, ids=lambda p: p.name)
def test_numbers_know_neither_words_nor_pictures(folder: Path) -> None:
    """What is measured imports no findings; neither numbers nor words import a picture."""
    drawn = {"plots", "matplotlib"}
    for path in folder.glob("*.py"):
        if path.name in ("plot.py", "__init__.py"):
            continue
        targets = imported(path)
        assert not any(t[0] == "plots" or t[-1] == "plot" or t[-1].endswith("_plot") for t in targets), path
        named = {n.name.split(".")[0] for node in ast.walk(ast.parse(path.read_text())) for n in _names(node)}
        assert not drawn & named, path
        if path.name == "measure.py":
            assert not any(t[-1] == "findings" or t[:2] == ("evidence", "judge") for t in targets), path


def _names(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import) else []


OWN = {
    "ttest_ind", "ttest_rel", "ttest_1samp", "binomtest", "percentile_interval",
    "t_quantile", "normal_quantile", "wilson", "verdict_of", "quantile", "norm", "stdtrit",
}  # fmt: skip
"""Names by which a file would make an interval of its own."""


@pytest.mark.parametrize("folder", QUESTIONS, ids=lambda p: p.name)
def test_no_question_makes_a_verdict_or_an_interval_of_its_own(folder: Path) -> None:
    """Words get every interval and every verdict from ``evidence``."""
    for path in folder.glob("*.py"):
        if path.name in ("measure.py", "plot.py", "study.py"):
            continue  # measure may keep what a figure draws as a band, which no sentence calls an interval
        tree = ast.parse(path.read_text())
        verdicts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value in ("agrees", "disagrees")]
        judged = {id(k) for n in ast.walk(tree) if isinstance(n, (ast.Dict, ast.Compare)) for k in ast.walk(n)}
        assert not [n.lineno for n in verdicts if id(n) not in judged], f"{path} makes a verdict"
        if path.name == "findings.py":
            called = {
                getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(tree) if isinstance(n, ast.Call)
            }
            assert not called & OWN, f"{path} makes an interval"
