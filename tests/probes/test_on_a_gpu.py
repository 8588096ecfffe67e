"""The engine on a made-up GPU: every tensor where it belongs, the numbers of the CPU, and nothing that waits."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from transferscope import runtime
from transferscope.data.imageset import ImageSet
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.params import Params
from transferscope.probes import sweep
from transferscope.probes.evaluate import Engine
from transferscope.probes.points import Points
from transferscope.rng import numpy_generator
from transferscope.runtime import free_memory, full_float32, pick_device, room

from ..pretended import GPU, pretended_gpu
from .small import resnet8
from .test_sweep import images_for, lively, moves


def test_the_made_up_gpu_refuses_what_one_refuses():
    with pretended_gpu() as waits:
        there = torch.arange(3.0).to(GPU)
        assert there.device == GPU and there.is_cuda
        layer = nn.Linear(3, 1).to(GPU)
        layer(there).sum().backward()
        assert layer.weight.grad.device == GPU
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        del waits[:]
        assert (there * 2)[1:].add_(1).cpu().tolist() == [3.0, 5.0] and len(waits) == 1
        assert there.sum().item() == 3.0 and len(waits) == 2
        assert there[there > 0].cpu().tolist() == [1.0, 2.0] and len(waits) == 4


@cache
def network(multi: bool) -> tuple[Network, ImageSet, Params]:
    net = build("fixup_resnet8", 4, input=Input((16, 16)))
    images = images_for(net, 40)
    theta = {k: v.float() for k, v in lively(net, images, 1).items()}
    if multi:
        labels = numpy_generator("labels").integers(-1, 2, (40, 4)).astype(np.int8)
        images = ImageSet(images.images, labels, images.classes, images.ids, name="multi")
    return net, images, theta


def repeated(points: Points, times: int) -> Points:
    return Points(points.basis, np.tile(points.coefficients, (times, 1)))


@pytest.mark.parametrize("plan", ["whole network", "suffix", "affine"])
@pytest.mark.parametrize("multi", [False, True], ids=["one label", "several labels"])
def test_every_plan_gives_the_numbers_of_the_cpu_and_waits_for_no_point(plan, multi):
    net, images, theta = network(multi)
    layer = net.modules("layer")[3].tensors
    points = moves(net, theta, tuple(theta) if plan == "whole network" else layer, kernels=plan == "affine")
    metrics = ["loss", "error", "auc"] if multi else ["loss", "error"]

    def engine(device: str, batch: int) -> Engine:
        return Engine(net, {"set": images}, metrics=metrics, batch=batch, per_example=True, device=device)

    wanted = engine("cpu", 8).run(repeated(points, 3))["set"]
    counts = []
    for times, batch in ((1, 20), (3, 8)):
        with pretended_gpu() as waits:
            there = engine("cuda", batch)
            before = len(waits)
            found = there.run(repeated(points, times))["set"]
        counts.append(len(waits) - before)
    assert (found.how.plan, found.how.device) == (plan, "cuda:0")
    assert counts[0] == counts[1], "three times the points in five batches instead of two wait no more often"
    for metric in metrics:
        assert np.array_equal(found.values[metric], wanted.values[metric])
        assert np.array_equal(found.examples[metric], wanted.examples[metric])


@pytest.mark.parametrize("norm", ["interpolated", "kept", "recalibrated"])
@pytest.mark.parametrize(
    "part", [pytest.param(True, marks=pytest.mark.slow), False], ids=["one layer", "whole network"]
)
def test_batch_norm_waits_for_no_point_either(norm, part):
    net = resnet8(4, Input((8, 8)))
    images = images_for(net, 40)
    a, b = ({k: v.float() if v.is_floating_point() else v for k, v in lively(net, images, s).items()} for s in (1, 2))
    moved = {**a, **{k: b[k] for k in net.modules("layer")[5].tensors}}
    line, counts = Points.line(a, moved if part else b, np.linspace(0, 1, 5)), []

    def engine(device: str) -> Engine:
        return Engine(net, {"set": images}, batch=16, device=device, norm=norm, recalibrate_on=images)

    wanted = engine("cpu").run(repeated(line, 3))["set"]
    for times in (1, 3):
        with pretended_gpu() as waits:
            there = engine("cuda")
            before = len(waits)
            found = there.run(repeated(line, times))["set"]
        counts.append(len(waits) - before)
    assert counts[0] == counts[1]
    assert (found.how.plan == "whole network") == (norm == "recalibrated" or not part)
    assert np.array_equal(found.values["loss"], wanted.values["loss"])


def test_a_step_seeds_the_gpu_that_it_trains_on():
    from transferscope.train.trainer import seed_torch

    with pretended_gpu():
        seed_torch(17, GPU)
        assert torch.cuda.default_generators[0].initial_seed() == 17


def test_a_search_finds_on_a_gpu_what_it_finds_on_a_cpu():
    net, images, theta = network(False)
    points = moves(net, theta, net.modules("layer")[3].tensors, kernels=False)
    groups, found = np.arange(len(points)), []
    bound = Engine(net, {"set": images}, device="cpu").run(points)["set"].values["loss"].min() + 1e-6
    # A processor with fast bfloat16 would look in that first, and look twice.
    on_cpu = Engine(net, {"set": images}, device="cpu", screen=False)
    found.append(on_cpu.first_within(points, groups, bound, metric="loss"))
    with pretended_gpu():
        found.append(Engine(net, {"set": images}, device="cuda").first_within(points, groups, bound, metric="loss"))
    assert found[0] == found[1] and found[0].group is not None


def test_a_stack_takes_no_more_than_its_share_of_the_memory_there_is(monkeypatch):
    net, images, theta = network(False)
    points = moves(net, theta, net.modules("layer")[5].tensors, kernels=False)
    stacked = []
    before = sweep.Sweep._stack
    monkeypatch.setattr(sweep.Sweep, "_stack", lambda self, v, n: stacked.append(len(v)) or before(self, v, n))
    for free, most in ((2**40, len(points)), (0, 1)):
        with pretended_gpu():
            monkeypatch.setattr(runtime, "free_memory", lambda _=None, free=free: free)
            del stacked[:]
            Engine(net, {"set": images}, device="cuda").run(points)
        assert max(stacked) == most


def test_devices_by_name():
    with pretended_gpu():
        assert [str(pick_device(name)) for name in ("cpu", "cuda", "cuda:0", "auto")] == ["cpu", *["cuda:0"] * 3]
        with pytest.raises(Exception, match="'cuda:3': this machine has 1 CUDA device, counted from 0"):
            pick_device("cuda:3")
        assert free_memory(GPU) == 8 * 2**30 and room(GPU, 2**40, 0.5) == 2**32 and room(GPU, 10, 0.5) == 10
    with pytest.raises(Exception, match="expected cpu, cuda, cuda:1 or auto"):
        pick_device("gpu")


def test_float32_is_never_tf32():
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    try:
        convolutions.allow_tf32 = products.allow_tf32 = True
        with full_float32(GPU):
            assert not convolutions.allow_tf32 and not products.allow_tf32
        assert convolutions.allow_tf32 and products.allow_tf32
        with full_float32(torch.device("cpu")):
            assert convolutions.allow_tf32 and products.allow_tf32
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before
