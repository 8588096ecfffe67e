import os
import resource
import subprocess
import sys

import pytest

from transferscope.cli.main import main
from transferscope.cli.parser import _COMMANDS


def run(*arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "transferscope", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_help_answers_with_an_example(command: str) -> None:
    done, _ = run(*([command] if command else []), "--help")
    assert done.returncode == 0
    assert f"example: transferscope {command}".rstrip() in done.stdout
    assert done.stderr == ""


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from transferscope.cli import main\n"
        "try:\n    main(['study', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'numpy', 'pandas', 'pydantic', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stduy", "x.yaml"], r"error: unknown command 'stduy'; did you mean 'study'\?"),
        (["study"], "error: the following arguments are required: STUDY"),
        (["demo", "--jobs", "two"], "error: argument --jobs: invalid int value: 'two'"),
        (
            ["study", "s.yaml", "--onyl", "x"],
            r"unknown option '--onyl'; did you mean '--only'\? \(see transferscope study --help",
        ),
        (["inspect", "a.pt", "--modle=lenet", "--data", "x"], r"unknown option '--modle'; did you mean '--model'\?"),
        (["soup", "a", "b", "--model", "x"], "following arguments are required: --data"),
        (["report", "run", "more"], r"unexpected 'more' \(see transferscope report --help\)"),
        (["--vesrion"], "error: "),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    shown = capsys.readouterr().err
    assert re.search(said, shown) and len(shown.splitlines()) == 1


@pytest.mark.parametrize("command", ["compare", "inspect"])
def test_help_names_every_question_that_can_be_asked(command: str) -> None:
    from transferscope.study.compare import COMPARED, Comparison
    from transferscope.study.inspect import Inspection

    done, _ = run(command, "--help")
    text = " ".join(done.stdout.split()).replace("gradient_ flow", "gradient_flow")
    for question in (Comparison if command == "compare" else Inspection).questions():
        assert question in text, question
    if command == "compare":
        assert f"the quick ones ({', '.join(COMPARED)})" in text


def test_help_is_quick() -> None:
    run("--help")
    _, seconds = run("inspect", "--help")
    assert seconds < 0.7, f"{seconds:.2f} s of processor time"
