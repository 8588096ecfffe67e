"""The public names are exactly what is listed, each can be had, and importing the package loads nothing heavy."""

import subprocess
import sys

import transferscope


def test_every_listed_name_is_there_and_documented() -> None:
    assert sorted(transferscope.__all__) == sorted(transferscope._FACE)
    for name in transferscope.__all__:
        assert getattr(transferscope, name).__doc__ or name == "Params", f"{name} has no docstring"


def test_importing_is_light() -> None:
    heavy = ["torch", "numpy", "pandas", "matplotlib", "scipy", "pydantic", "timm", "torchvision"]
    code = f"import sys, transferscope, transferscope.cli; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
