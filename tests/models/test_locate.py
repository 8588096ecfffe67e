"""Folders, indices of parts and distributed checkpoints."""

import json
import pickle

import pytest
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp

from transferscope.errors import CheckpointError
from transferscope.models.checkpoint import read
from transferscope.models.locate import content_digest
from transferscope.store.digest import file_digest

WEIGHTS = {"a.w": torch.arange(6.0).reshape(2, 3), "b.w": torch.ones(4), "b.n": torch.tensor([3])}


def same(params):
    assert params.keys() == WEIGHTS.keys() and all(torch.equal(params[k], v) for k, v in WEIGHTS.items())


def parts(folder, kind="safetensors"):
    save = safetensors.torch.save_file if kind == "safetensors" else torch.save
    end, start = ("safetensors", "model") if kind == "safetensors" else ("bin", "pytorch_model")
    names = {"a.w": f"{start}-00001-of-00002.{end}", "b.w": f"{start}-00002-of-00002.{end}"}
    names["b.n"] = names["b.w"]
    for file in set(names.values()):
        save({k: WEIGHTS[k] for k in WEIGHTS if names[k] == file}, folder / file)
    index = folder / f"{start}.{end}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_an_index_of_parts_and_its_folder(tmp_path, kind):
    index = parts(tmp_path, kind)
    same(read(index).params)
    file = read(tmp_path)
    same(file.params)
    assert file.path == str(tmp_path)
    assert file.size == sum(p.stat().st_size for p in tmp_path.iterdir())
    second = next(tmp_path.glob("*-00002-of-00002*"))
    with pytest.raises(CheckpointError, match=r"is part 2 of 2; give the folder, or .*\.index\.json"):
        read(second)
    before = content_digest(tmp_path)
    assert before == content_digest(tmp_path) == content_digest(index)
    second.unlink()
    with pytest.raises(
        CheckpointError, match=r"names \S+-00002-of-00002\.\w+, which is not beside it; fetch all parts"
    ):
        read(tmp_path)
    index.write_text("{}")
    with pytest.raises(CheckpointError, match="is no index of weights"):
        read(index)


def test_a_part_that_lacks_what_the_index_promises(tmp_path):
    index = parts(tmp_path)
    safetensors.torch.save_file({"b.w": WEIGHTS["b.w"]}, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks 'b\.n', which the index says is in it"):
        read(index)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "mine.pth"])
def test_a_folder_with_one_file(tmp_path, name):
    (tmp_path / "config.json").write_text("{}")
    (safetensors.torch.save_file if name.endswith("tensors") else torch.save)(WEIGHTS, tmp_path / name)
    same(read(tmp_path).params)
    assert content_digest(tmp_path) == file_digest(tmp_path / name)
    torch.save(WEIGHTS, tmp_path / "other.pth")
    if name == "mine.pth":
        with pytest.raises(
            CheckpointError, match=r"is a folder; give the file of weights in it \(mine\.pth, other\.pth\)"
        ):
            read(tmp_path)
    else:
        same(read(tmp_path).params)


def test_a_folder_of_deepspeed(tmp_path):
    torch.save(WEIGHTS, tmp_path / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    with pytest.raises(CheckpointError, match=r"is a folder of DeepSpeed's; .* zero_to_fp32\.py"):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_a_distributed_checkpoint(tmp_path):
    layer = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    dcp.save({"app": {"model": WEIGHTS, "optim": optimiser.state_dict()}, "epoch": 3}, checkpoint_id=tmp_path / "a")
    file = read(tmp_path / "a")
    same(file.params)
    assert (file.format, file.nested, file.extra, file.dropped) == (
        "distributed",
        "app.model",
        {"epoch": "3"},
        ("app.optim",),
    )
    dcp.save(WEIGHTS, checkpoint_id=tmp_path / "flat")
    same(read(tmp_path / "flat").params)
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "flat")
    for piece in (tmp_path / "a").glob("*.distcp"):
        piece.write_bytes(piece.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"\.distcp: is damaged or truncated"):
        read(tmp_path / "a")


@pytest.mark.filterwarnings("ignore")
def test_pieces_of_one_tensor_are_put_together(tmp_path):
    """As several processes write them: here by changing the index of one, tensor by tensor."""
    from torch.distributed.checkpoint.metadata import MetadataIndex

    whole = torch.arange(12.0).reshape(4, 3)
    dcp.save({"top": whole[:1].clone(), "rest": whole[1:].clone()}, checkpoint_id=tmp_path)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    kept = index.state_dict_metadata["top"]
    kept.size = torch.Size([4, 3])
    storage = {key.fqn: where for key, where in index.storage_data.items()}
    index.state_dict_metadata = {"w.a": kept}
    index.planner_data = {"w.a": ("w.a",)}
    index.storage_data = {
        MetadataIndex("w.a", torch.Size([0, 0])): storage["top"],
        MetadataIndex("w.a", torch.Size([1, 0])): storage["rest"],
    }
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    assert torch.equal(read(tmp_path).params["w.a"], whole)
    del index.storage_data[MetadataIndex("w.a", torch.Size([1, 0]))]
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(CheckpointError, match="has 3 of the 12 entries of a tensor; a file is missing"):
        read(tmp_path)


def test_an_index_that_would_run_code_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return (tmp_path / "victim").touch, ()

    (tmp_path / ".metadata").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(CheckpointError, match=r"refused: it asks for builtins\.getattr, which is not of an index"):
        read(tmp_path)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    ("start", "what"), [(b"\x89HDF\r\n", "an HDF5 file"), (b"<html>", "a web page"), (b"\x1f\x8b", "gzip-compressed")]
)
def test_files_of_other_kinds_are_named(tmp_path, start, what):
    (tmp_path / "a.pt").write_bytes(start + b"x" * 30)
    with pytest.raises(CheckpointError, match=f"is {what}.*; expected safetensors or PyTorch"):
        read(tmp_path / "a.pt")


def test_archives_of_other_kinds_are_named(tmp_path):
    import numpy as np

    np.savez(tmp_path / "a.npz", a=np.ones(2))
    with pytest.raises(CheckpointError, match="is an archive of NumPy arrays; expected safetensors or PyTorch"):
        read(tmp_path / "a.npz")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), str(tmp_path / "a.pt"))
    with pytest.raises(CheckpointError, match="is a TorchScript program"):
        read(tmp_path / "a.pt")
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),)), tmp_path / "a.pt2")
    with pytest.raises(CheckpointError, match=r"is a program of torch\.export"):
        read(tmp_path / "a.pt2")
