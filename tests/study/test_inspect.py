from pathlib import Path
from typing import Any

import pytest
import torch

from transferscope.errors import CheckpointError, ModelError, SpecError, StoreError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.questions import QUESTIONS, question_class
from transferscope.study.compare import COMPARED, Comparison
from transferscope.study.files import run_files
from transferscope.study.inspect import INSPECTED, Inspection
from transferscope.study.stored_study import open_study

DATA = "synthetic:photo?train=64&test=48"
QUICK = {
    "criticality": {"alphas": 3, "sigmas": [0.0, 0.1], "draws": 1, "images": 16},
    "rewind": {"draws": 1, "images": 16},
    "hessian": {"k": 2, "images": 16, "tolerance": 0.1},
    "landscape": {"points": 3, "images": 16, "planes": 1},
    "gradient_flow": {"images": 16},
    "loss_variation": {"images": 16, "points": 4},
    "basin": {"samples": 2, "draws": 2, "images": 16, "limit": 1.0, "extend": False},
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Two random networks, and one to start from with a head of 7 classes."""
    net = build("lenet", 12, input=Input((16, 16)))
    other = build("lenet", 7, input=Input((16, 16)))
    for name, params in (("a", initialise(net, 0)), ("b", initialise(net, 1)), ("start", initialise(other, 2))):
        torch.save(params, tmp_path / f"{name}.pt")
    return {name: str(tmp_path / f"{name}.pt") for name in ("a", "b", "start")}


def asked(files: dict[str, str], name: str = "a", **more: Any) -> Inspection:
    return Inspection((files[name],), **{"model": "lenet", "data": DATA, "size": 16, **more})


def quick(*names: str) -> dict[str, Any]:
    return {"settings": {name: QUICK[name] for name in names if name in QUICK}}


def test_one_checkpoint_alone(files: dict[str, str], tmp_path: Path) -> None:
    alone = tuple(q for q in INSPECTED if not question_class(q).wants_init)
    folder, outcome = run_files(asked(files, **quick(*alone)), tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    assert tuple(loaded.items) == alone
    assert loaded.description == "A checkpoint of lenet inspected on 64 training and 48 test images."
    for item in loaded.items:
        (result,) = loaded.results(item).values()
        assert len(result.frame()) and result.findings(), item
    with pytest.raises(StoreError, match=r"holds the inspection 'a\.pt \(.*\)', not the inspection"):
        run_files(asked(files, "b"), tmp_path / "out", device="cpu")


def test_with_the_weights_it_started_from(files: dict[str, str], tmp_path: Path) -> None:
    both = ("criticality", "rewind")
    inspection = asked(files, init=files["start"], only=both, **quick(*both))
    folder, outcome = run_files(inspection, tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    (rewound,) = loaded.results("rewind").values()
    assert [n.network for n in rewound.networks] == ["a.pt"]  # type: ignore[attr-defined]
    # The start's head is for other classes, so the head is the one module that cannot be set back.
    assert rewound.networks[0].modules == ("conv1", "conv2", "fc1", "fc2")  # type: ignore[attr-defined]
    assert any("fc3" in note.text for note in loaded.notes)
    (critical,) = loaded.results("criticality").values()
    assert {v.path for v in critical.valleys} == {"direct"}  # type: ignore[attr-defined]
    assert tuple(asked(files, init=files["start"]).askable()) == asked(files).questions()


def test_what_two_checkpoints_can_be_asked_by_name(files: dict[str, str], tmp_path: Path) -> None:
    both = (files["a"], files["b"])
    extra = ("basin", "spectrum", "hessian", "landscape", "loss_variation", "gradient_flow")
    assert set(Comparison.questions()) >= {*COMPARED, *extra}
    assert Comparison.questions() == tuple(q for q in QUESTIONS if q in Comparison.questions())
    comparison = Comparison(both, "lenet", DATA, size=16, only=extra, **quick(*extra))
    folder, outcome = run_files(comparison, tmp_path / "out", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    loaded = open_study(folder.root)
    assert tuple(loaded.items) == extra
    for item in extra:
        assert loaded.results(item)[""].findings(), item


def bad(files: dict[str, str], tmp_path: Path, message: str, kind: type[Exception], **more: Any) -> None:
    with pytest.raises(kind, match=message) as caught:
        run_files(asked(files, **more), tmp_path / "out", device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists(), "nothing is written for what cannot be run"


def test_bad_input_is_one_line_and_writes_nothing(files: dict[str, str], tmp_path: Path) -> None:
    bad(files, tmp_path, r"--only spectrm: .* did you mean 'spectrum'", UsageError, only=("spectrm",))
    bad(files, tmp_path, r"--only rewind: needs the weights .* --init", UsageError, only=("rewind",))
    bad(files, tmp_path, r"--only barrier: .*two or more, see 'transferscope compare'", UsageError, only=("barrier",))
    bad(files, tmp_path, r"--only distance: .*'transferscope compare'", UsageError, only=("distance",))
    bad(files, tmp_path, r"--only learning_curves: .*needs training runs", UsageError, only=("learning_curves",))
    bad(files, tmp_path, r"a\.pt: is given twice", UsageError, init=files["a"])
    bad(files, tmp_path, r"--model: unknown network 'lenett'", ModelError, model="lenett")
    bad(files, tmp_path, r"--data: /no/such: no such folder", SpecError, data="folder:/no/such")
    bad(files, tmp_path, r"start\.pt: its head is of another size", CheckpointError, name="start")
    for settings, message in (
        ({"landscape": {"pionts": 3}}, r"^--set landscape: unknown key 'pionts'; did you mean 'points'\?$"),
        ({"landscape": {"points": 2}}, r"^--set landscape\.points: must be greater than or equal to 3, got 2$"),
        ({"landscape": {"only": ["conv9"]}}, r"^--set landscape\.only: there is no module of lenet 'conv9'; did you"),
        ({"landscape": {"runs": 1}}, r"^--set landscape\.runs: is for studies"),
        (
            {"loss_variation": {"steps": [3]}},
            r"^--set loss_variation\.steps: is for studies, .* a file holds one set",
        ),
        (
            {"landscape": {"weights": ["start"]}},
            r"^--set landscape\.weights: is for studies, .* a file holds one set",
        ),
    ):
        bad(files, tmp_path, message, SpecError, settings=settings)
    for settings, message in (
        ({"rewind": {"epochs": [5]}}, r"^--set rewind\.epochs: is for studies, whose runs keep weights"),
        ({"criticality": {"ends": ["best"]}}, r"^--set criticality\.ends: is for studies"),
        ({"criticality": {"paths": ["optimisation"]}}, r"^--set criticality\.paths: wants weights on the way"),
        (
            {"rewind": {"metrics": ["auc"]}},
            r"^--set rewind\.metrics: 'auc' is for several labels an image; --data has",
        ),
    ):
        bad(files, tmp_path, message, SpecError, init=files["start"], settings=settings)
    bad(
        files,
        tmp_path,
        "--set landscap: there is no such question; did you mean",
        UsageError,
        settings={"landscap": {}},
    )
    unasked = {"only": ("spectrum",), "settings": {"landscape": {"points": 3}}}
    bad(files, tmp_path, "--set landscape: landscape is not asked; name it with --only", UsageError, **unasked)
    with pytest.raises(UsageError, match="2 checkpoints given; one is inspected, 'transferscope compare' takes"):
        Inspection((files["a"], files["b"]), "lenet", DATA)
    with pytest.raises(UsageError, match="--only rewind: is asked of one checkpoint, see 'transferscope inspect'"):
        Comparison((files["a"], files["b"]), "lenet", DATA, init=files["start"], only=("rewind",))
