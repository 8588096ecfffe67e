import json
import subprocess
import sys

import pytest
import torch

from transferscope.errors import CheckpointError, UsageError
from transferscope.models.averaged_files import averaged_files
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import read, write
from transferscope.numerics.averaging import uniform

NET = build("resnet20", 4)


@pytest.fixture
def files(tmp_path):
    """Every format and dialect: safetensors, a plain file of torch, a nested one with prefixes, the old format."""
    weights = [initialise(NET, seed) for seed in range(4)]
    paths = [tmp_path / name for name in ("a.safetensors", "b.pt", "c.pth", "d.pt")]
    write(paths[0], weights[0])
    torch.save(weights[1], paths[1])
    torch.save({"state_dict": {f"module.{k}": v for k, v in weights[2].items()}, "epoch": 3}, paths[2])
    torch.save(weights[3], paths[3], _use_new_zipfile_serialization=False)
    return weights, paths


@pytest.mark.parametrize("block", [97, 5_000, 2**22])
def test_the_same_as_in_memory(files, block):
    weights, paths = files
    found, want = averaged_files(NET, paths, block=block), uniform(weights)
    assert list(found) == list(want)
    assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in want.items())


def test_which_weights_of_files_that_hold_several(files, tmp_path):
    weights, paths = files
    torch.save({"state_dict": weights[0], "ema": weights[1]}, tmp_path / "both.pt")
    found = averaged_files(NET, [tmp_path / "both.pt", paths[2]], at=["ema", None])
    want = uniform([weights[1], weights[2]])
    assert all(torch.equal(found[k], v) for k, v in want.items())


def test_files_of_two_networks_are_refused(files, tmp_path):
    _, paths = files
    other = tmp_path / "other.safetensors"
    write(other, initialise(build("resnet20", 5), 0))
    with pytest.raises(CheckpointError, match=r"other\.safetensors: its head is of another size"):
        averaged_files(NET, [paths[0], other])
    write(other, initialise(build("lenet", 4), 0))
    with pytest.raises(CheckpointError, match=r"other\.safetensors: is of another architecture than resnet20"):
        averaged_files(NET, [paths[0], other])
    with pytest.raises(UsageError, match="mean of no files"):
        averaged_files(NET, [])


def test_what_is_mapped_is_the_same(files):
    for path in files[1]:
        whole, mapped = read(path), read(path, mapped=True)
        assert list(whole.params) == list(mapped.params)
        assert all(torch.equal(v, mapped.params[k]) for k, v in whole.params.items())
        assert (whole.nested, whole.prefix, whole.extra) == (mapped.nested, mapped.prefix, mapped.extra)


WIDE = "mlp:" + "-".join(["1024"] * 16)
PEAK = """
import json, resource, sys
import torch
from pathlib import Path
from transferscope.models.averaged_files import averaged_files
from transferscope.models.build import build

net = build(sys.argv[1], 10)
size = sum(v.numel() * v.element_size() for v in net.module.state_dict().values())
def here():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

Path("/proc/self/clear_refs").write_text("5")
before = here()
averaged_files(net, sys.argv[2:])
print(json.dumps({"model": size, "grown": 1024 * (here() - before)}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_twelve_files_in_the_memory_of_two(tmp_path, kind):
    net = build(WIDE, 10)
    paths = [tmp_path / f"{seed}.{kind}" for seed in range(12)]
    for place, path in enumerate(paths):
        params = {k: (place + 1) * v for k, v in net.params().items()}
        write(path, params) if kind == "safetensors" else torch.save(params, path)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, WIDE, *map(str, paths)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["model"] > 6e7
    assert found["grown"] < 2 * found["model"] + 2**25, "and what it takes to open a file"
