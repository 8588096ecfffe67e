"""What a public function cannot take is refused in one line that names what it takes; what it may take passes."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import transferscope as ts
from transferscope.arguments import checked
from transferscope.errors import TransferscopeError, UsageError
from transferscope.models.network import Network
from transferscope.params import Params

FUNCTIONS = [name for name in ts.__all__ if inspect.isfunction(getattr(ts, name))]


@pytest.fixture(scope="module")
def net():
    return ts.build("lenet", 10)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", ["abc", None])
def test_a_text_or_nothing_in_every_place_is_one_line(name: str, wrong: str | None) -> None:
    function = getattr(ts, name)
    wanted = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind < 4]
    wanted = [place for place in wanted if place not in ("args", "options")]
    if not wanted:
        return
    with pytest.raises(TransferscopeError) as caught:
        function(**dict.fromkeys(wanted, wrong))
    assert "\n" not in str(caught.value)


def test_it_says_what_was_given_and_what_is_expected(net: Network) -> None:
    start = ts.initialise(net, 0)
    with pytest.raises(UsageError, match=r"^generalization: networks is 'abc'; expected a sequence of Tr"):
        ts.generalization("abc")
    with pytest.raises(UsageError, match=r"^criticality: train is 'spec'; expected ImageSet; ts\.load_images"):
        ts.criticality(net, (start, start), "spec")
    with pytest.raises(UsageError, match=r"^criticality: runs is 'folder'; expected Run or a sequence of Run or"):
        ts.criticality(net, "folder", "spec")
    with pytest.raises(UsageError, match=r"^learning_curves: runs is a list of str; expected a sequence of Run$"):
        ts.learning_curves(["runs/a", "runs/b"])
    with pytest.raises(UsageError, match=r"^evaluate: images is a ndarray; expected ImageSet"):
        ts.evaluate(net, start, np.zeros((4, 28, 28, 3), np.uint8))
    with pytest.raises(
        UsageError, match=r"^scaling: table is a dict; expected ModelTable; ts.read_models reads one$"
    ):
        ts.scaling({"us": [0.5]})
    with pytest.raises(UsageError, match=r"^build: classes is 'ten'; expected int$"):
        ts.build("lenet", "ten")


def test_missing_and_unknown_arguments_are_what_python_says() -> None:
    with pytest.raises(TypeError, match="missing"):
        ts.evaluate()
    with pytest.raises(TypeError, match="unexpected keyword"):
        ts.build("lenet", 10, sice=3)


def test_what_may_be_right_passes() -> None:
    class Like:
        """What behaves as a network, of a class of the user's."""

    @checked
    def taken(
        net: Network, params: Params | str, many: list[float], pairs: tuple[tuple[Params, Params], ...], n: int = 0
    ) -> int:
        return len(many) + n

    params = {"w": torch.zeros(2)}
    assert taken(Like(), params, [1.0], ((params, params),)) == 1
    assert taken(Like(), "file.pt", np.zeros(3), pairs=[(params, params)], n=np.int64(2)) == 5
    for wrong in ({"net": 3}, {"net": Path("a")}, {"params": 2.5}, {"many": 1}, {"pairs": [("a", "b")]}, {"n": "2"}):
        with pytest.raises(UsageError, match=f"^taken: {next(iter(wrong))} is "):
            taken(**{"net": Like(), "params": params, "many": [], "pairs": (), **wrong})


def test_signature_and_documentation_stay() -> None:
    assert ts.fit.__doc__ and "recipe" in inspect.signature(ts.fit).parameters
