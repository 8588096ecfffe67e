"""A run that goes on elsewhere stays in the number format that it was begun in, or says that it cannot."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from transferscope.errors import StoreError, UsageError
from transferscope.train import trainer
from transferscope.train.averaged import fit_averaged
from transferscope.train.contrastive import fit_simclr
from transferscope.train.events import Ended, Saved, Snapshot
from transferscope.train.fit import fit
from transferscope.train.recipe import Recipe
from transferscope.train.state import FitState

HERE = Recipe(epochs=2, batch=16, lr=0.1, precision="auto")


def fast(monkeypatch: pytest.MonkeyPatch, is_fast: bool) -> None:
    monkeypatch.setattr(trainer, "fast_bfloat16", lambda device: is_fast)


def last(events):
    """The final weights, and in which format they were trained."""
    weights = next(e.params for e in events if isinstance(e, Snapshot) and e.tag == "final")
    return weights, next(e.precision for e in events if isinstance(e, Ended))


@pytest.mark.parametrize("how", [fit, partial(fit_averaged, replicas=2, every=1), fit_simclr])
@pytest.mark.parametrize("begun", ["bfloat16", "float32"])
def test_a_stopped_run_stays_in_its_number_format(how, begun, small, images, drawn, monkeypatch):
    run = partial(how, small, drawn(small), images, HERE, seed=1)
    fast(monkeypatch, begun == "bfloat16")
    whole = list(run())
    saved = next(e.state for e in whole if isinstance(e, Saved))
    assert saved.numbers()["precision"] == begun
    fast(monkeypatch, begun != "bfloat16")  # another machine, or another torch
    weights, precision = last(run(state=FitState.of(saved.tensors(), saved.numbers())))
    expected, _ = last(whole)
    assert precision == begun and all(torch.equal(weights[k], expected[k]) for k in expected)

    old = {k: v for k, v in saved.numbers().items() if k != "precision"}
    assert last(run(state=FitState.of(saved.tensors(), old)))[1] != begun  # as before it was on record


def test_a_format_that_cannot_be_had_is_refused_in_one_line(small, images, drawn, monkeypatch):
    fast(monkeypatch, True)
    start = drawn(small)
    state = next(e.state for e in fit(small, start, images, HERE) if isinstance(e, Saved))
    fast(monkeypatch, False)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "has_bfloat16", lambda device: False)
        said = (
            r"^precision: the run was begun in bfloat16, and cpu has float32 only; go on with it where it was begun$"
        )
        with pytest.raises(UsageError, match=said):
            fit(small, start, images, HERE, state=state)
    said = r"^precision: the run was begun in bfloat16, and its recipe says float32 now$"
    with pytest.raises(UsageError, match=said):
        fit(small, start, images, replace(HERE, precision="float32"), state=state)
    with pytest.raises(StoreError, match="not the state of a run"):
        FitState.of(state.tensors(), state.numbers() | {"precision": "float8"})
