import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from transferscope.models.batchnorm import norm_layers, recalibrate, recalibration_sample, statistics
from transferscope.rng import generator


def make() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4, momentum=0.3),
        nn.Flatten(),
        nn.Linear(4 * 9, 8),
        nn.BatchNorm1d(8),
        nn.Linear(8, 3),
    ).eval()


def drawn(module: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    g = generator("norm", seed)
    out = {}
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            out[name] = torch.tensor(7)
        elif "running_var" in name:
            out[name] = torch.rand(value.shape, generator=g) + 0.5
        else:
            out[name] = torch.randn(value.shape, generator=g) * 0.5
    return out


def test_recalibration_is_update_bn():
    mine, theirs = make(), make()
    mine.load_state_dict(drawn(mine, 1))
    theirs.load_state_dict(drawn(theirs, 1))
    batches = list(torch.randn(3, 16, 3, 8, 8, generator=generator("x")))
    with torch.no_grad():
        recalibrate(mine, batches)
        update_bn(batches, theirs)
    theirs.eval()
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, mine.state_dict()[name]), name
    assert not any(m.training for m in mine.modules())
    assert [m.momentum for m in norm_layers(mine)] == [0.1, 0.3, 0.1]
    assert mine[1].num_batches_tracked.dtype == torch.int64


def test_only_norms_are_in_training_mode():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), nn.BatchNorm1d(2)).eval()
    x = torch.randn(64, 2, generator=generator("x"))
    with torch.no_grad():
        recalibrate(module, [x])
    assert torch.allclose(module[2].running_var, torch.full((2,), 64 / 63), atol=1e-3)  # twice that with dropout


def test_statistics_are_found_however_deep():
    module = nn.Sequential(make(), nn.BatchNorm1d(3, track_running_stats=False))
    assert statistics(module)[:2] == ("0.1.running_mean", "0.1.running_var")
    assert len(statistics(module)) == 6


def test_the_sample_is_whole_batches_without_repetition():
    chosen = recalibration_sample(300, 280)
    assert len(chosen) == len(set(chosen.tolist())) == 256 and chosen.max() < 300
    assert (chosen == recalibration_sample(300)[:256]).all()
    assert len(recalibration_sample(90)) == 90 and len(recalibration_sample(300, 0)) == 1
