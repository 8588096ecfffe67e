from pathlib import Path

import pytest
import torch

from transferscope.errors import StoreError
from transferscope.store.tensors import WeightFiles, read_about, read_tensors, write_tensors


def as_bytes(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous().reshape(-1).view(torch.uint8)


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    base = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    tensors = {
        "w": base.to(memory_format=torch.channels_last),
        "half": base.to(torch.bfloat16),
        "row": base[0],
        "shared": base[0],
        "steps": torch.tensor(7),
        "nan": torch.tensor([float("nan"), -0.0]),
    }
    write_tensors(tmp_path / "t.safetensors", tensors, {"epoch": 3, "lr": 0.1})
    read = read_tensors(tmp_path / "t.safetensors")
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(as_bytes(read[name]), as_bytes(value))
    assert read_about(tmp_path / "t.safetensors") == {"epoch": 3, "lr": 0.1}


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    about = dict.fromkeys("qwertyuiop", 1)
    for name in ("a", "b"):
        write_tensors(tmp_path / name, {"x": torch.arange(5), "y": torch.ones(2)}, about)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00garbage")
    for read in (read_tensors, read_about):
        with pytest.raises(StoreError, match=r"t\.safetensors: cannot be read as safetensors"):
            read(tmp_path / "t.safetensors")


def test_weight_files_are_read_when_asked_for(tmp_path: Path) -> None:
    weights = WeightFiles(tmp_path, ("start", "epoch 1"))
    assert list(weights) == ["start", "epoch 1"] and len(weights) == 2
    write_tensors(tmp_path / "epoch-1.safetensors", {"x": torch.ones(1)})
    assert weights["epoch 1"]["x"].item() == 1
    with pytest.raises(KeyError):
        weights["epoch 2"]
