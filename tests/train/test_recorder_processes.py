"""The recorder in trainings of two processes: DDP, and weights in pieces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from transferscope.store.recording import Recording

SCRIPT = """
import sys, torch
from datetime import timedelta
from pathlib import Path
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy
from transferscope.train.recorder import record


def train(kind, folder):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    if kind == "pieces":
        wrapped = fully_shard(module, mesh=init_device_mesh("cpu", (2,)))
    else:
        wrapped = nn.parallel.DistributedDataParallel(module)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    drawn = torch.Generator().manual_seed(1)
    x, y = torch.randn(3, 2, 8, 4, generator=drawn)[:, rank], torch.randint(0, 3, (3, 2, 8), generator=drawn)[:, rank]
    with record(wrapped, folder, steps=[2], optimizer=optimizer) as recorder:
        for step in range(3):
            loss = cross_entropy(wrapped(x[step]), y[step])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
        recorder.epoch(val_loss=1.0)
    torch.distributed.barrier()


torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=120))
rank = torch.distributed.get_rank()
for kind in ("ddp", "pieces"):  # one after the other: to start two processes takes longer than both
    train(kind, Path(sys.argv[1]) / kind)
torch.distributed.destroy_process_group()
"""


def alone(steps: int) -> dict[str, torch.Tensor]:
    """The same training in one process, on the batches of both."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    drawn = torch.Generator().manual_seed(1)
    x, y = torch.randn(3, 2, 8, 4, generator=drawn), torch.randint(0, 3, (3, 2, 8), generator=drawn)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(module(x[step].flatten(0, 1)), y[step].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.state_dict()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of both kinds, each in the folder of its name."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "script.py").write_text(SCRIPT)
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20000 + os.getpid() % 20000), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(folder / "script.py"), str(folder)],
            env={**os.environ, **rendezvous, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=600)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["ddp", "pieces"])
def test_one_writes_the_whole_weights(kind: str, trained: Path) -> None:
    found = Recording.open(trained / kind)
    assert found.ended == "finished" and found.about["processes"] == 2
    assert [*found.tags] == ["epoch 0", "step 2", "epoch 1", "final"]
    for tag, steps in (("epoch 0", 0), ("step 2", 2), ("final", 3)):
        expected = alone(steps)
        assert found.weights[tag].keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found.weights[tag][name], value, rtol=1e-5, atol=1e-6)
    assert [row["step"] for row in found.rows if row["kind"] == "step"] == [1, 2, 3]
