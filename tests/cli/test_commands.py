"""Commands from the outside: what they print, what they return, and one line for whatever is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from transferscope.cli.main import main
from transferscope.study.stored_study import open_study

STUDY = """
name: small
network: lenet
images: {size: 16}
recipe: {epochs: 1, batch: 32, augmentation: {crop: none}}
targets:
  clipart: {data: "synthetic:clipart?train=48&test=40"}
starts:
  RI-T: {from: random, seeds: [0, 1]}
analyses:
  distance: true
  barrier: {points: 3}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def fails(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(arguments) == 2
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1 and shown[0].startswith("error: ") and said in shown[0], shown


def test_a_study_from_file_to_report_and_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "study.yaml", "--out", "run", "--jobs", "1", "--device", "cpu", "--only", "distance"]) == 0
    shown = capsys.readouterr()
    failed, answer, *_, page = shown.out.strip().splitlines()
    assert failed == "failed: RI-T 0 and RI-T 1 did not clearly beat chance (17.5 %) on clipart"
    assert answer.startswith("clipart: 2 of 2 networks left out") and page == "run/report.html"
    assert "5 steps computed" not in shown.err and (place / "run/report.html").exists()

    assert main(["status", "run"]) == 0
    assert "all 4 steps are done" in capsys.readouterr().out

    assert main(["study", "study.yaml", "--out", "run", "--jobs", "1", "--device", "cpu"]) == 0
    assert "1 step computed, 4 there before" in capsys.readouterr().err
    assert main(["status", "run"]) == 0
    assert "all 5 steps are done" in capsys.readouterr().out

    assert main(["report", "run"]) == 0
    weights = sorted(str(p) for p in (place / "run").glob("steps/train-*/weights/final.safetensors"))
    assert len(weights) == 2
    capsys.readouterr()

    assert main(["doctor", weights[0], "--model", "lenet", "--classes", "12"]) == 0
    assert "lenet with 12 outputs for images of 16×16 pixels, 3 channels (--size 16): fits" in capsys.readouterr().out
    assert main(["doctor", weights[0], "--model", "lenet", "--classes", "5"]) == 0
    assert "fits but for its head" in capsys.readouterr().out
    assert main(["doctor", weights[0], "--model", "fixup_resnet8"]) == 1
    assert "does not fit" in capsys.readouterr().out

    data = "synthetic:clipart?train=48&test=40"
    asked = ["compare", *weights, "--model", "lenet", "--data", data, "--size", "16", "--out", "cmp", "--jobs", "1"]
    assert main([*asked, "--only", "barrier,distance"]) == 0
    assert (place / "cmp/report.html").exists()
    fails([*asked, "--only", "barier"], "did you mean 'barrier'", capsys)
    fails(["compare", weights[0], *asked[2:], "--model", "lenett"], "did you mean 'lenet'", capsys)

    looked = ["inspect", weights[0], *asked[3:9], "--out", "one", "--jobs", "1", "--device", "cpu"]
    quick = ["--only", "landscape", "--set", "landscape.points=3", "--set", "landscape.only=[fc3]"]
    assert main([*looked, *quick, "--set", "landscape.images=16", "--set", "landscape.planes=1"]) == 0
    assert (
        "landscape" in (place / "one/report.html").read_text()
        and "points: 3" in (place / "one/study.yaml").read_text()
    )
    fails([*looked, "--only", "barrier"], "it needs two or more, see 'transferscope compare'", capsys)
    fails([*looked, "--only", "rewind"], "--init", capsys)
    fails([*looked, "--set", "landscape=3"], "expected QUESTION.KEY=VALUE", capsys)
    fails([*looked, "--set", "landscape.pionts=3"], "did you mean 'points'", capsys)


def test_the_schema_is_the_one_of_study_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema
    from ruamel.yaml import YAML

    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = YAML(typ="safe").load(STUDY)
    jsonschema.validate(tree, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**tree, "analyses": {"barrier": {"pints": 3}}}, schema)


def test_what_is_wrong_is_one_line_and_exit_2(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails(["study", "absent.yaml"], "absent.yaml", capsys)
    (place / "list.yaml").write_text("- a\n- b\n")
    fails(["study", "list.yaml"], "list.yaml", capsys)
    (place / "typo.yaml").write_text(STUDY.replace("epochs:", "epoch:"))
    fails(["study", "typo.yaml"], "did you mean 'epochs'", capsys)
    (place / "typo.yaml").write_text(STUDY.replace("lenet", "lenot"))
    fails(["study", "typo.yaml"], "did you mean 'lenet'", capsys)
    fails(["status", "."], "transferscope", capsys)
    fails(["doctor", "study.yaml"], "study.yaml", capsys)
    fails(["doctor", "absent.pt"], "absent.pt", capsys)
    fails(
        ["doctor", "absent.pt", "--classes", "3"], "goes with the name of a network (--classes with --model", capsys
    )
    fails(["study", "study.yaml", "--plan", "--nodes", "2"], "give them with --plan --engine ray", capsys)
    fails(["study", "study.yaml", "--plan", "--engine", "rya"], "--engine 'rya': expected local, ray", capsys)
    twice = ["clipart=folder:a", "clipart=folder:b"]
    fails(["study", "study.yaml", "--data", *twice], "'clipart' is given twice, before as folder:a", capsys)
    fails(["demo", "--data", "folder:absent"], "absent", capsys)
    (place / "mine").mkdir()
    (place / "mine/letter.txt").write_text("dear")
    fails(["study", "study.yaml", "--out", "mine", "--device", "cpu"], "mine", capsys)
    assert sorted(p.name for p in (place / "mine").iterdir()) == ["letter.txt"]


def test_weights_that_are_not_numbers_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import transferscope as ts

    net = ts.build("lenet", classes=12, input=ts.Input((16, 16)))
    good, bad = ts.initialise(net, 0), ts.initialise(net, 1)
    next(iter(bad.values())).view(-1)[0] = np.nan
    ts.write("good.safetensors", good)
    ts.write("bad.safetensors", bad)
    data = "synthetic:clipart?train=48&test=40"
    fails(
        ["compare", "good.safetensors", "bad.safetensors", "--model", "lenet", "--size", "16", "--data", data],
        "bad.safetensors",
        capsys,
    )
    ts.write("other.safetensors", ts.initialise(ts.build("lenet", classes=12, input=ts.Input((20, 20))), 0))
    fails(
        ["compare", "good.safetensors", "other.safetensors", "--model", "lenet", "--size", "16", "--data", data],
        "other.safetensors",
        capsys,
    )


def test_images_have_the_channels_that_files_take(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import transferscope as ts

    net = ts.build("lenet", classes=12, input=ts.Input((16, 16), 1, (0.5,), (0.5,)))
    for seed in (0, 1):
        ts.write(f"{seed}.safetensors", ts.initialise(net, seed))
    files = ["0.safetensors", "1.safetensors"]
    asked = ["--model", "lenet", "--size", "16", "--data", "synthetic:clipart?train=48&test=40"]
    said = "1 channel (conv1.weight (6, 1, 5, 5), lenet as built here (6, 3, 5, 5))"
    fails(["compare", *files, *asked, "--channels", "3"], said, capsys)
    fails(["inspect", files[0], *asked, "--channels", "3"], "give --channels 1, in a study 'images: {ch", capsys)
    assert main(["compare", *files, *asked, "--only", "distance", "--out", "grey"]) == 0
    assert open_study("grey").plan.steps[0].spec["channels"] == 1
    capsys.readouterr()
    assert main(["doctor", files[0], "--model", "lenet"]) == 0
    assert (
        "lenet with 12 outputs for images of 16×16 pixels, 1 channel (--size 16 --channels 1): fits"
        in capsys.readouterr().out
    )


def test_a_fault_of_ours_is_one_line_too(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("transferscope.study.status.status", broken)
    assert main(["status", "."]) == 3
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1 and "RuntimeError: two lines" in shown[0]


def test_a_ranking(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from transferscope.models.build import build, initialise
    from transferscope.models.network import Input

    for name, seed in (("a.pt", 0), ("b.pt", 1)):
        torch.save(initialise(build("mlp:12", 5, input=Input((8, 8))), seed), place / name)
    asked = ["rank", "--data", "synthetic:clipart?train=60&test=24", "--device", "cpu", "--jobs", "1"]
    quick = ["--set", "scores.draws=2", "--set", "scores.permutations=1"]
    assert main([*asked, "mlp:12=a.pt", "b.pt", *quick, "--out", "ranked"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].split()[:2] == ["candidate", "network"] and "LogME" in lines[0]
    assert {line.split()[0] for line in lines[1:3]} == {"a.pt", "b.pt"}
    assert any(line.startswith(("Take ", "Cannot tell: ")) for line in lines)
    assert lines[-1] == "ranked/report.html" and (place / "ranked/tables/scores.csv").exists()
    page = (place / "ranked/report.html").read_text(encoding="utf-8")
    assert "Transferability scores" in page and (place / "ranked/figures/scores.svg").exists()

    fails([*asked, "a.pt"], "1 candidate given", capsys)
    fails([*asked, "a.pt", "b.pt", "--set", "barrier.points=3"], "--set barrier: only scores are asked here", capsys)
