"""Whole studies, each question there is, on a made-up GPU: the numbers of the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferscope.study.load import parse_study
from transferscope.study.run import run_study
from transferscope.study.stored_study import StoredStudy, open_study
from transferscope.study.yaml_input import parse_yaml

from ..pretended import pretended_gpu
from .conftest import STARTS, TINY


def numbers(study: StoredStudy) -> dict[tuple[str, str], Any]:
    return {(i, t): r.frame() for i in study.items for t, r in study.results(i).items()}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("text", [TINY, STARTS], ids=["tiny", "starts"])
def test_a_study_gives_the_numbers_of_the_cpu(text: str, tmp_path: Path) -> None:
    study = parse_study(parse_yaml(text.replace("precision: bfloat16, ", "")))
    found = []
    for device in ("cpu", "cuda"):
        with pretended_gpu() as waits:
            _, outcome = run_study(study, tmp_path / device, jobs=1, device=device, threads=1)
        assert outcome.ok, outcome.failed
        assert (device == "cuda") == bool(waits)
        found.append(open_study(tmp_path / device))
    assert [one.machine["device"] for one in found] == ["cpu", "cuda:0"]
    here, there = (numbers(one) for one in found)
    assert here.keys() == there.keys()
    for key, frame in here.items():
        for column in frame.select_dtypes(np.number):
            np.testing.assert_allclose(
                frame[column], there[key][column], rtol=1e-4, atol=1e-5, err_msg=f"{key} {column}"
            )
