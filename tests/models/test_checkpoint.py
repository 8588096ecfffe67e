"""Files of weights: what is read, what is refused, and that writing is all or nothing."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from transferscope.errors import CheckpointError, StoreError
from transferscope.models import checkpoint
from transferscope.models.build import build
from transferscope.models.checkpoint import read, write
from transferscope.models.inert import stand_in
from transferscope.rng import generator

WEIGHTS = {
    "conv.weight": torch.randn(2, 3, generator=generator("weights")),
    "bn.num_batches_tracked": torch.tensor(5),
    "fc.bias": torch.tensor([1.5, -0.0]),
}


def same(params, expected=WEIGHTS):
    assert params.keys() == expected.keys()
    for name, value in expected.items():
        assert params[name].dtype == value.dtype
        assert torch.equal(params[name].view(-1).view(torch.uint8), value.view(-1).view(torch.uint8))


def test_written_weights_come_back_bit_for_bit(tmp_path):
    net = build("resnet20", 10)
    half = {"h": torch.randn(3, generator=generator("h")).half(), "b": torch.ones(2, dtype=torch.bfloat16)}
    for params in (WEIGHTS, net.params(), half, {"t": torch.arange(6.0).reshape(2, 3).t()}):
        write(tmp_path / "a.safetensors", params, {"epoch": "3"})
        file = read(tmp_path / "a.safetensors")
        same(file.params, {k: v.contiguous() for k, v in params.items()})
        assert file.format == "safetensors"
        assert file.extra["epoch"] == "3" and file.extra["transferscope"] == checkpoint.FORMAT_VERSION
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_same_weights_give_the_same_bytes(tmp_path):
    said = {f"key {i}": f"\N{MICRO SIGN} {i}" for i in range(9)}
    written = set()
    for i, order in enumerate((said, dict(reversed(said.items())), said, said)):
        path = tmp_path / f"{i}.safetensors"
        write(path, dict(reversed(WEIGHTS.items())) if i == 2 else WEIGHTS, order)
        written.add(path.read_bytes())
    assert len(written) == 1
    (content,) = written
    assert int.from_bytes(content[:8], "little") % 8 == 0
    file = read(tmp_path / "0.safetensors")
    same(file.params)
    assert {k: file.extra[k] for k in said} == said


def test_tied_weights_are_written(tmp_path):
    shared = torch.ones(3)
    write(tmp_path / "a.safetensors", {"a": shared, "b": shared})
    same(read(tmp_path / "a.safetensors").params, {"a": shared, "b": shared})


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "a.safetensors", WEIGHTS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"a\.safetensors: cannot be written: No space left on device"):
        write(tmp_path / "a.safetensors", {"other": torch.ones(2)})
    same(read(tmp_path / "a.safetensors").params)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        write(tmp_path / "absent" / "a.safetensors", WEIGHTS)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nest", ["", "state_dict", "model", "model_state_dict", "ema", "net", "ema.module"])
@pytest.mark.parametrize(
    "prefix", ["", "module.", "model.", "_orig_mod.", "net.", "module.model.", "_orig_mod.module."]
)
def test_nesting_and_prefixes(tmp_path, nest, prefix, zipped):
    content = {prefix + k: v for k, v in WEIGHTS.items()}
    for part in reversed(nest.split(".") if nest else []):
        content = {part: content, "epoch": 7, "optimizer": {"state": {0: {"step": torch.ones(3)}}}}
    path = tmp_path / "a.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    file = read(path)
    same(file.params)
    assert (file.nested, file.prefix, file.format) == (nest, prefix, "pytorch")
    if nest:
        assert file.extra["epoch"] == "7" and "optimizer" in file.dropped


def test_lightning_and_averaged_models(tmp_path):
    torch.save(
        {
            "state_dict": {f"model.{k}": v for k, v in WEIGHTS.items()},
            "pytorch-lightning_version": "2.4",
            "loops": {"a": {}},
        },
        tmp_path / "a.ckpt",
    )
    file = read(tmp_path / "a.ckpt")
    same(file.params)
    assert file.extra == {"pytorch-lightning_version": "2.4"} and file.dropped == ("loops",)
    torch.save({"n_averaged": torch.tensor(9), **{f"module.{k}": v for k, v in WEIGHTS.items()}}, tmp_path / "b.pt")
    same(read(tmp_path / "b.pt").params)
    assert read(tmp_path / "b.pt").extra == {"n_averaged": "9"}


def test_a_compiled_part_within_a_model(tmp_path):
    torch.save({"body._orig_mod.w": torch.ones(2), "head.w": torch.ones(2)}, tmp_path / "a.pt")
    assert list(read(tmp_path / "a.pt").params) == ["body.w", "head.w"]


def test_several_sets_of_weights(tmp_path):
    other = {k: v + 1 for k, v in WEIGHTS.items()}
    torch.save({"ema": other, "state_dict": WEIGHTS}, tmp_path / "a.pt")
    file = read(tmp_path / "a.pt")
    same(file.params)
    assert file.dropped == ("ema",)
    same(read(tmp_path / "a.pt", at="ema").params, other)
    with pytest.raises(CheckpointError, match="no weights at 'emma'; there are some at 'ema', 'state_dict'"):
        read(tmp_path / "a.pt", at="emma")
    torch.save({"generator": WEIGHTS, "critic": other}, tmp_path / "b.pt")
    with pytest.raises(
        CheckpointError, match="several sets of weights, at 'generator', 'critic'; choose one with --at NAME"
    ):
        read(tmp_path / "b.pt")
    same(read(tmp_path / "b.pt", at="critic").params, other)


class Harmful:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return os.system, (f"touch {self.victim}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path, zipped):
    victim = tmp_path / "victim"
    path = tmp_path / "a.pt"
    torch.save({"state_dict": WEIGHTS, "surprise": Harmful(victim)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r"a\.pt: refused: its pickle asks to run \w+\.system, which is code"
    ) as e:
        read(path)
    path.write_bytes(pickle.dumps(Harmful(victim)))
    with pytest.raises(CheckpointError, match="refused: its pickle"):
        read(path)
    assert not victim.exists()
    assert "\n" not in str(e.value)
    pickle.loads(path.read_bytes())
    assert victim.exists(), "the pickle does harm where it is run"


def test_whole_modules_are_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(
        CheckpointError, match=r"refused: it holds a whole module \(torch\.nn\.modules\.linear\.Linear\)"
    ):
        read(tmp_path / "a.pt")
    torch.save({"model": build("lenet", 10).module}, tmp_path / "b.pt")
    with pytest.raises(
        CheckpointError, match=r"refused: it holds a whole module \(transferscope\.models\.lenet\.LeNet\)"
    ):
        read(tmp_path / "b.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has zero bytes"),
        (b"hello world", r"is no checkpoint \(it starts with b'hello wo'\); expected safetensors or PyTorch"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"\x80\x02", "is damaged or truncated"),
        ((2**20).to_bytes(8, "little") + b"{}", "is damaged or truncated: 10 bytes, its header alone has 1048576"),
        ((5).to_bytes(8, "little") + b"{nojs", "is damaged or truncated"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, message):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as e:
        read(tmp_path / "a.pt")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_truncated_files(tmp_path, kind, share):
    path = tmp_path / "a"
    params = {f"layer{i}.weight": torch.ones(50, 50) for i in range(5)}
    if kind == "safetensors":
        write(path, params)
    else:
        torch.save(params, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="is damaged or truncated") as e:
        read(path)
    assert "\n" not in str(e.value)


def test_no_file_and_other_things(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        read(tmp_path / "absent.pt")
    with pytest.raises(CheckpointError, match="is a folder; give the file of weights in it"):
        read(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("a/b", "c")
    with pytest.raises(CheckpointError, match="is damaged or truncated"):
        read(tmp_path / "a.zip")
    for content, message in [
        ([1, 2], "holds a list, expected a dict"),
        ({}, r"no tensors by name \(keys: none\)"),
        ({"optimizer": {"a": torch.ones(2)}}, r"no tensors by name \(keys: optimizer\)"),
    ]:
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(CheckpointError, match=message):
            read(tmp_path / "a.pt")


def test_weights_that_are_not_finite(tmp_path):
    torch.save(
        {"a.w": torch.tensor([1.0, torch.nan, torch.inf]), "b.w": torch.tensor([-torch.inf])}, tmp_path / "a.pt"
    )
    with pytest.raises(CheckpointError, match=r"2 of 3 entries of 'a\.w' are NaN or infinite and in 1 other tensors"):
        read(tmp_path / "a.pt")
    assert read(tmp_path / "a.pt", finite=False).nonfinite == {"a.w": 2, "b.w": 1}


@pytest.mark.parametrize("name", ["a\0b.C", "os.sys\0tem", "..", "\udc80.x"])
def test_names_that_cannot_be_names(name):
    assert callable(stand_in(name))


def test_archives_whose_names_are_no_text(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    at = content.rindex(b"PK\x01\x02")
    flags = content[: at + 8] + b"\x00\x08" + content[at + 10 :]  # says that its names are UTF-8
    (tmp_path / "a.pt").write_bytes(flags[: at + 46] + b"\xae" + flags[at + 47 :])
    with pytest.raises(CheckpointError) as e:
        read(tmp_path / "a.pt")
    assert "\n" not in str(e.value)
