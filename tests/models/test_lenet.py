"""LeNet looks at images faster where nobody asks for gradients, and gives the same bits."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.errors import ModelError
from transferscope.models.build import build
from transferscope.models.guess import guess
from transferscope.models.lenet import LeNet
from transferscope.rng import generator


def plain(net: LeNet, x: torch.Tensor) -> torch.Tensor:
    """As LeCun et al. 1998 have it, with max-pooling and ReLU."""
    for convolution in (net.conv1, net.conv2):
        x = functional.max_pool2d(functional.relu(convolution(x)), 2)
    return nn.Sequential(nn.Flatten(), net.fc1, nn.ReLU(), net.fc2, nn.ReLU(), net.fc3)(x)


@pytest.mark.parametrize("size", [(24, 24), (13, 18)])  # sides that halve, and that do not
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_same_bits_with_gradients_and_without(size: tuple[int, int], memory: torch.memory_format) -> None:
    net = LeNet(5, size, 3).to(memory_format=memory)  # type: ignore[call-overload]
    # Whole numbers, so that many neighbours are equal: all but one of them get no gradient.
    x = torch.randint(0, 3, (7, 3, *size), generator=generator("images")).float().contiguous(memory_format=memory)
    wanted = plain(net, x)
    with torch.inference_mode():
        assert torch.equal(net(x), wanted)
    wanted.sum().backward()
    gradients = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    net(x).sum().backward()
    assert len(gradients) == 10
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), gradients, strict=True))  # type: ignore[arg-type]


def test_what_is_no_number_stays_none() -> None:
    net = LeNet(5, (16, 16), 1)
    x = torch.zeros(2, 1, 16, 16)
    x[1, 0, 9, 9] = torch.nan
    with torch.inference_mode():
        assert net(x).isnan().any(1).tolist() == [False, True]


def test_a_width_is_an_option_and_is_told_from_a_file() -> None:
    net = build("lenet?width=9", 5, size=20, channels=3)
    shapes = {name: tuple(value.shape) for name, value in net.params().items() if name.endswith("weight")}
    assert shapes == {
        "conv1.weight": (9, 3, 5, 5),
        "conv2.weight": (24, 9, 5, 5),
        "fc1.weight": (180, 24 * 3 * 3),
        "fc2.weight": (126, 180),
        "fc3.weight": (5, 126),
    }
    found = guess(net.params())
    assert found is not None and found.name == "lenet?width=9" and max(found.input.size) == 20
    plain = guess(build("lenet", 5).params())
    assert plain is not None and plain.name == "lenet"
    with pytest.raises(ModelError, match="width 0; expected 1 channel or more"):
        build("lenet?width=0", 5)
