"""Where modules are laid out for processors: right gradients also where a library overruns its memory."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from transferscope.models.placed import placed

CPU = torch.device("cpu")

# In a process of its own: what the library gets wrong ends the process, or is not there at all on this processor.
GRADIENTS = """
import torch
from torch import nn
from transferscope.models.placed import placed

torch.set_num_threads({threads})
SHAPES = [(4, 8, 2, 16, 64), (3, 48, 2, 32, 6), (1, 8, 2, 16, 64), (7, 64, 4, 32, 6), (12, 32, 2, 16, 32)]
for narrow, wide, stride, side, batch in SHAPES:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(narrow, wide, 1, stride, bias=False), nn.ReLU())
    x = torch.randn(batch, narrow, side, side)
    weight = layers[0].weight.detach().double().requires_grad_()
    out = nn.functional.conv2d(x.double(), weight, stride=stride).relu()
    (expected,) = torch.autograd.grad((out**2).sum(), weight)
    module = placed(layers, torch.device("cpu"))
    for _ in range(20):
        loss = (module(x.contiguous(memory_format=torch.channels_last)) ** 2).sum()
        (found,) = torch.autograd.grad(loss, module[0].weight)
        assert (found - expected).abs().max() < 1e-4 * expected.abs().max(), (narrow, stride)
print("right")
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_narrow_convolutions_that_skip_pixels_have_right_gradients(threads):
    code = GRADIENTS.format(threads=threads)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.strip()) == (0, "right"), done.stderr[-500:]


@pytest.mark.parametrize(
    ("part", "plain"),
    [
        (nn.Conv2d(4, 8, 1, 2), True),
        (nn.Conv2d(32, 64, 1, 2, groups=4), True),
        (nn.Conv2d(4, 8, 1, 1), False),
        (nn.Conv2d(4, 8, 3, 2, 1), False),
        (nn.Conv2d(16, 32, 1, 2), False),
    ],
)
def test_only_these_see_images_as_they_were(part, plain):
    seen = []
    net = placed(nn.Sequential(part), CPU)
    part.register_forward_pre_hook(lambda _, given: seen.append(given[0].stride()))
    x = torch.randn(2, part.in_channels, 6, 6).contiguous(memory_format=torch.channels_last)
    expected = nn.functional.conv2d(x, part.weight, part.bias, part.stride, part.padding, 1, part.groups)
    assert torch.allclose(net(x), expected, atol=1e-6)
    channels = part.in_channels
    assert seen == [(36 * channels, 36, 6, 1) if plain else x.stride()]
    width = channels // part.groups
    if part.kernel_size == (1, 1):
        assert part.weight.stride()[2:] == ((1, 1) if plain else (width, width))


def test_of_one_channel_the_strides_are_plain_too():
    seen = []
    part = nn.Conv2d(1, 8, 1, 2)
    net = placed(part, CPU)
    net.register_forward_pre_hook(lambda _, given: seen.append(given[0].stride()))
    net(torch.randn(2, 1, 6, 6).as_strided((2, 1, 6, 6), (36, 1, 6, 1)))
    assert seen == [(36, 36, 6, 1)]
