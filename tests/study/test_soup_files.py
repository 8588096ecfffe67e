"""``transferscope soup``: what is printed, what is written, and what is refused."""

import json
import re
from pathlib import Path

import pytest
import torch

from transferscope.cli import main
from transferscope.errors import CheckpointError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import _content, read, write
from transferscope.models.network import Input
from transferscope.numerics.averaging import uniform
from transferscope.params import lerp
from transferscope.rng import generator
from transferscope.store.digest import file_digest
from transferscope.study.soup import SoupFiles, make_soup

DATA = "synthetic:photo?train=64&val=40&test=48"
CLASSES = 12
NET = build("mlp:24", CLASSES, input=Input((8, 8), 3))


def tuned(seed, start):
    g = generator("soup file", seed)
    return {k: v + 0.02 * torch.randn(v.shape, generator=g) for k, v in start.items()}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = initialise(NET, 0)
    write(tmp_path / "init.safetensors", start)
    write(tmp_path / "a.safetensors", tuned(0, start))
    torch.save(tuned(1, start), tmp_path / "b.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in tuned(2, start).items()}}, tmp_path / "c.pth")
    return ("a.safetensors", "b.pt", "c.pth")


def run(*arguments):
    return main(["soup", *arguments, "--model", "mlp:24", "--device", "cpu", "--size", "8"])


def test_the_table_the_sentence_and_the_file(files, tmp_path, capsys):
    code = run(
        *files, "--data", DATA, "--init", "init.safetensors", "--test", "drawn=synthetic:clipart?train=64&test=24",
        "--method", "uniform", "--methods", "wise_ft", "--save", "soup.safetensors",
    )  # fmt: skip
    shown = capsys.readouterr()
    assert code == 0, shown.err
    out = shown.out.splitlines()
    assert all(line.startswith(("Take ", "Cannot tell ", "Ensemble ")) for line in out[:2]) and out[2] == ""
    assert re.match(r"accuracy in % \(n\) +networks +held-out \(40\) +test \(48\) +drawn \(24\)", out[3])
    named = {line.split("  ")[0] for line in out[4:]}
    assert {*files, "uniform soup", "greedy soup", "logit ensemble", "greedy ensemble", "WiSE-FT"} <= named
    assert sum(line.startswith(("Take ", "Cannot tell ", "Ensemble ")) for line in out) == 2
    assert out[-1] == "Wrote the uniform soup of 3 to soup.safetensors."
    found = read("soup.safetensors")
    want = uniform(read(path, finite=True).params for path in files)
    assert all(torch.equal(found.params[k], v) for k, v in want.items())
    assert json.loads(found.extra["soup_ingredients"]) == {name: file_digest(Path(name)) for name in files}
    assert found.extra["soup_method"] == "uniform soup" and found.extra["soup_batch_norm"] == "none"
    assert re.fullmatch(r"accuracy 0\.\d+ on 40 images", found.extra["soup_held_out"])
    assert not list(tmp_path.glob("*.tmp"))


def test_which_weights_of_files_that_hold_several(files, tmp_path, capsys):
    start = initialise(NET, 0)
    torch.save({"state_dict": tuned(3, start), "ema": tuned(4, start)}, "last.pt")
    torch.save({"raw": tuned(5, start), "ema": start}, "start.pt")
    more = ("--data", DATA, "--method", "uniform", "--save", "soup.safetensors")
    code = run(
        "last.pt", "last.pt", "--at", "state_dict", "--at", "ema", "--init", "start.pt", "--init-at", "ema", *more
    )
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert {"last.pt at state_dict", "last.pt at ema"} <= {line.split("  ")[0] for line in shown.out.splitlines()}
    found, want = read("soup.safetensors"), uniform([tuned(3, start), tuned(4, start)])
    assert all(torch.equal(found.params[k], v) for k, v in want.items())
    assert json.loads(found.extra["soup_at"]) == {"last.pt at state_dict": "state_dict", "last.pt at ema": "ema"}
    torch.save({"raw": tuned(5, start), "ema": tuned(6, start)}, "next.pt")
    assert run("last.pt", "next.pt", "--at", "ema", *more) == 0
    want = uniform([tuned(4, start), tuned(6, start)])
    assert all(torch.equal(read("soup.safetensors").params[k], v) for k, v in want.items())
    with pytest.raises(UsageError, match="--at is given 2 times for 3 checkpoints; give it once for all"):
        SoupFiles(files, "mlp:24", DATA, at=("ema", "raw"))
    with pytest.raises(UsageError, match="--init-at says which weights of the file given with --init"):
        SoupFiles(files, "mlp:24", DATA, init_at="ema")
    with pytest.raises(UsageError, match=r"last\.pt: is given twice"):
        SoupFiles(("last.pt", "last.pt"), "mlp:24", DATA, at=("ema",))


def test_batch_norm_is_written_as_it_was_evaluated(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = build(narrow := "resnet20?width=4", CLASSES)
    first = initialise(net, 0)
    for name, params in (("a.pt", first), ("b.pt", lerp(first, initialise(net, 1), 0.3))):
        torch.save(params, name)
    arguments = ["--model", narrow, "--data", DATA, "--device", "cpu", "--method", "uniform"]
    assert main(["soup", "a.pt", "b.pt", *arguments, "--save", "s.safetensors"]) == 0
    out = capsys.readouterr().out
    assert "Wrote the uniform soup of 2 to s.safetensors; statistics of batch norm collected anew." in out
    result, _ = make_soup(SoupFiles(("a.pt", "s.safetensors"), narrow, DATA), device="cpu")
    told = next(line for line in out.splitlines() if line.startswith("uniform soup  "))
    assert f"{100 * result.value('s.safetensors', 'test'):.1f}" in told, "as saved it is what was evaluated"
    found = read("s.safetensors")
    averaged = uniform([first, lerp(first, initialise(net, 1), 0.3)])
    weights = [k for k in averaged if "running" not in k and "num_batches" not in k]
    assert all(torch.equal(found.params[k], averaged[k]) for k in weights)
    assert not torch.equal(found.params["bn1.running_var"], averaged["bn1.running_var"])


def test_a_greedy_soup_of_one_is_said_to_be_one(files, tmp_path):
    far = initialise(NET, 7)
    write(tmp_path / "far.safetensors", {k: 30 * v for k, v in far.items()})
    asked = SoupFiles(
        ("a.safetensors", "far.safetensors"), "mlp:24", DATA, save="soup.safetensors", accept="better", size=8
    )
    result, lines = make_soup(asked, device="cpu")
    if len(result.entry("greedy soup").members) == 1:
        assert lines[-1] == f"Wrote the greedy soup, which is {result.best} alone to soup.safetensors."
        assert torch.equal(
            read("soup.safetensors").params[f"{NET.head}.bias"], read(result.best).params[f"{NET.head}.bias"]
        )


def test_held_out_images_of_another_source(files):
    asked = SoupFiles(
        files,
        "mlp:24",
        size=8,
        data="synthetic:photo?train=64&test=24&val=0",
        held_out="synthetic:photo?train=64&test=32&val=0",
    )
    with pytest.raises(UsageError, match=r"held-out images of .* are test images of test, too"):
        make_soup(asked, device="cpu")
    good = SoupFiles(
        files,
        "mlp:24",
        size=8,
        data="synthetic:photo?train=64&test=24&val=0",
        held_out="synthetic:clipart?train=64&test=32&val=0",
    )
    assert make_soup(good, device="cpu")[0].n["held-out"] == 32


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a.safetensors"], "1 checkpoint(s) given; a soup takes two or more"),
        (["a.safetensors", "b.pt", "./b.pt"], "b.pt: is given twice; a soup takes each file once"),
        (["a.safetensors", "other.pt"], "other.pt: is of another architecture than mlp:24"),
        (["a.safetensors", "broken.pt"], "broken.pt: 1 of 12 entries of 'fc2.bias' are NaN or infinite"),
        (["a.safetensors", "gone.pt"], "gone.pt: no such file"),
        (["a.safetensors", "b.pt", "--save", "b.pt"], "--save b.pt: is one of the ingredients"),
        (["a.safetensors", "b.pt", "--save", "no/where.safetensors"], "give a file in a folder that exists"),
        (["a.safetensors", "b.pt", "--test", "clipart"], "--test 'clipart': expected NAME=SPEC"),
        (["a.safetensors", "b.pt", "--test", "test=synthetic:photo"], "there is a set called 'test' already"),
        (["a.safetensors", "b.pt", "--test", "x=synthetik:photo"], "--test x: "),
        (["a.safetensors", "b.pt", "--methods", "ties"], "TIES needs the weights that all started from"),
        (["a.safetensors", "b.pt", "--test", f"same={DATA.replace('48', '40')}"], None),
        (["a.safetensors", "b.pt", "--data", "synthetic:photo?train=64&test=48&val=0"], "has no validation images"),
    ],
)  # fmt: skip
def test_one_line_each(files, tmp_path, capsys, arguments, line):
    torch.save(initialise(build("resnet20", CLASSES), 0), tmp_path / "other.pt")
    broken = initialise(NET, 1)
    broken[f"{NET.head}.bias"][3] = float("nan")
    torch.save(broken, tmp_path / "broken.pt")
    before = {p.name for p in tmp_path.iterdir()}
    code = run(*(arguments if "--data" in arguments else [*arguments, "--data", DATA]))
    said = capsys.readouterr().err.strip()
    if line is None:  # other test images of the same kind are no held-out images
        assert code == 0
        return
    assert code == 2 and said.startswith("error: ") and line in said and "\n" not in said
    assert {p.name for p in tmp_path.iterdir()} == before, "nothing is written"


def test_the_error_names_the_file(files):
    with pytest.raises(CheckpointError, match=r"c\.pth: its head is of another size"):
        make_soup(
            SoupFiles(("c.pth", "b.pt"), "mlp:24", "synthetic:xray?train=16&val=8&test=8", size=8), device="cpu"
        )


def test_asking_a_file_for_its_channels_reads_it_no_second_time(files, monkeypatch):
    taken = []

    def counted(source, mapped):
        taken.append(source.path.name)
        return _content(source, mapped)

    monkeypatch.setattr("transferscope.models.checkpoint._content", counted)
    make_soup(SoupFiles(files, "mlp:24", DATA, size=8, channels=3), device="cpu")
    told, taken[:] = list(taken), []
    make_soup(SoupFiles(files, "mlp:24", DATA, size=8), device="cpu")
    assert taken == told
