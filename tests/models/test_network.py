"""What a network wants to see, and the network as a function."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.errors import ModelError
from transferscope.models.build import build, wrap
from transferscope.models.network import Input


def test_prepare_is_the_formula():
    wanted = Input((4, 5), 3, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    expected = (pixels.astype(np.float64) / 255 - np.array(wanted.mean)) / np.array(wanted.std)
    x = wanted.prepare(torch.from_numpy(pixels))
    assert x.shape == (2, 3, 4, 5) and x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert np.abs(x.numpy() - expected.transpose(0, 3, 1, 2)).max() < 1e-5


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,) * 3), ((0.5,) * 3, (0.5,)), ((0.5,) * 3, (0.5, 0.0, 0.5))])
def test_input_that_cannot_be(mean, std):
    with pytest.raises(ModelError, match="mean and std must have 3 entries each and std be positive"):
        Input((4, 4), 3, mean, std)


def test_the_template_is_never_changed():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    net = wrap(module, name="mine", classes=2, input=Input((4, 4)))
    module[3].weight.data.zero_()
    assert net.params()["3.weight"].abs().max() > 0, "what the user does with the module afterwards does not matter"
    before = net.params()
    copy = net.fresh({k: v * 2 for k, v in before.items()})
    copy.train()(torch.ones(2, 3, 4, 4)).sum().backward()
    net.params()["3.bias"].fill_(9)
    assert all(torch.equal(v, before[k]) for k, v in net.params().items())
    assert not net.module.training and net.module[3].weight.grad is None


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch for fc3"):
        build("lenet", 10).fresh(build("lenet", 3).params())


def test_layers_that_look_at_the_version_of_weights_take_bare_ones():
    """MNASNet takes weights without a version for its oldest ones, and changes itself."""
    net = build("torchvision/mnasnet0_5", 2)
    params = {k: v + 1 if v.is_floating_point() else v for k, v in net.params().items()}
    state = net.fresh(params).state_dict()
    assert all(torch.equal(state[k], v) for k, v in params.items())


def test_tables_that_no_file_has_are_there_for_any_weights():
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(12, 2)
            self.register_buffer("order", torch.arange(11, -1, -1), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x.flatten(1)[:, self.order])

    net = wrap(Table(), name="mine", classes=2, input=Input((2, 2)))
    x, doubled = torch.randn(3, 3, 2, 2), {k: 2 * v for k, v in net.params().items()}
    assert doubled.keys() == {"fc.weight", "fc.bias"}
    assert torch.equal(net(doubled, x), net.fresh(doubled)(x))
