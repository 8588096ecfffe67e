import torch
from torch import nn

from transferscope.params import clone, combine
from transferscope.probes.flat import FlatWeights
from transferscope.probes.points import Points
from transferscope.rng import generator


def drawn(module: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    g = generator("flat", seed)
    return {
        k: torch.randn(v.shape, generator=g) if v.is_floating_point() else torch.tensor(seed)
        for k, v in module.state_dict().items()
    }


def make() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5 * 36, 7)).eval()


def test_the_bits_are_those_of_the_combination_in_float64():
    module = make()
    a, b, c = (drawn(module, i) for i in range(3))
    flat = FlatWeights(module, torch.device("cpu"), torch.float32)
    points = Points.simplex([a, b, c], 5, seed=0)
    for i in range(5):
        flat.move(points, i)
        right = combine([a, b, c], points.coefficients[i].tolist())
        state = module.state_dict()
        assert all(torch.equal(state[k], right[k]) for k in state)


def test_ends_are_exact_and_counters_stay_counters():
    module = make()
    a, b = drawn(module, 1), drawn(module, 2)
    kept = clone(a), clone(b)
    flat = FlatWeights(module, torch.device("cpu"), torch.float32)
    line = Points.line(a, b, [0.0, 0.3, 1.0])
    for i, steps in ((0, 1), (1, 1), (2, 2), (0, 1)):
        flat.move(line, i)
        counter = module.state_dict()["1.num_batches_tracked"]
        assert counter.dtype == torch.int64 and counter.item() == steps
        if i != 1:
            assert all(torch.equal(v, (a if i == 0 else b)[k]) for k, v in module.state_dict().items())
    assert all(
        torch.equal(x[k], y[k]) for x, y in zip((a, b), kept, strict=True) for k in x
    )  # nothing given is changed


def test_weights_lie_in_one_buffer_with_kernels_channels_last():
    module = make()
    FlatWeights(module, torch.device("cpu"), torch.float32)
    storages = {v.untyped_storage().data_ptr() for v in module.state_dict().values() if v.is_floating_point()}
    assert len(storages) == 1
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_shared_weights_stay_shared_and_work():
    inner = nn.Linear(4, 4)
    module = nn.Sequential(inner, nn.ReLU(), inner)
    given = drawn(inner, 5)
    params = {f"{i}.{k}": v for i in (0, 2) for k, v in given.items()}
    flat = FlatWeights(module, torch.device("cpu"), torch.float32)
    flat.move(Points.listed([params]), 0)
    assert module[0] is module[2]
    x = torch.ones(1, 4)
    one = nn.functional.linear(x, given["weight"], given["bias"]).relu()
    assert torch.equal(module(x), nn.functional.linear(one, given["weight"], given["bias"]))


def test_large_weights_are_combined_in_sweeps(monkeypatch):
    monkeypatch.setattr("transferscope.probes.flat._SWEEP", {"cpu": 64})
    module = make()
    a, b = drawn(module, 1), drawn(module, 2)
    flat = FlatWeights(module, torch.device("cpu"), torch.float64)
    flat.move(Points.line(a, b, [0.25]), 0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(value, 0.75 * a[name].double() + 0.25 * b[name].double())
