"""Networks that are no function of their weights and one image are found by passes, and what differs is named."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.errors import ModelError
from transferscope.models.build import build, wrap
from transferscope.models.network import Input
from transferscope.models.soundness import check_function


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 2)

    def features(self, x):
        return functional.relu(self.c(x)).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


class AliveInForward(Small):
    def forward(self, x):
        return self.fc(functional.dropout(self.features(x), 0.5))


class Rare(Small):
    """Drops everything in one pass of ten."""

    def forward(self, x):
        return self.fc(self.features(x) * (torch.rand(()) > 0.1))


class NumPyNoise(Small):
    def forward(self, x):
        return self.fc(self.features(x)) + float(np.random.normal())  # noqa: NPY002 (what others do)


class PythonNoise(Small):
    def forward(self, x):
        return self.fc(self.features(x)) + random.random()


class Counting(Small):
    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        return self.fc(self.features(x))


class CountingUnseen(Small):
    def __init__(self):
        super().__init__()
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.fc(self.features(x)) * self.passes


class NeverInEval(Small):
    """Its batch norm stays in training mode."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        return self.fc(self.norm.train()(self.features(x).repeat(2, 1))[: len(x)])


class WithoutStatistics(Small):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)

    def features(self, x):
        return functional.relu(self.norm(self.c(x))).amax((2, 3))


class ZeroHead(AliveInForward):
    """A new head of zeros hides what comes before it."""

    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            AliveInForward,
            r"two passes of one image differ, first seen at 'fc' \(Linear\), as random numbers are drawn",
        ),
        (ZeroHead, r"two passes of one image differ, first seen at 'fc' \(Linear\), as random numbers are drawn"),
        (Rare, "two passes of one image differ, first seen at 'fc'"),
        (NumPyNoise, r"first seen at its own forward \(NumPyNoise\), as random numbers are drawn"),
        (PythonNoise, r"first seen at its own forward \(PythonNoise\), as random numbers are drawn"),
        (Counting, "a forward pass in eval mode changes 'passes'"),
        (CountingUnseen, r"two passes of one image differ, first seen at its own forward \(CountingUnseen\)"),
        (NeverInEval, r"changes 'norm\.running_mean', 'norm\.running_var', 'norm\.num_batches_tracked'"),
        (WithoutStatistics, r"depends on the others of the batch, first seen at 'norm' \(BatchNorm2d\)"),
    ],
)
def test_what_differs_is_named(kind, message):
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=message) as e:
        wrap(kind(), name="mine", classes=2, input=Input((8, 8)))
    assert "\n" not in str(e.value)


def test_dropout_that_eval_switches_off_is_fine():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 2), nn.Dropout(0.1))
    net = wrap(module.train(), name="mine", classes=2, input=Input((8, 8)))
    assert net.notes == ()


def test_random_numbers_that_change_nothing_are_fine():
    class Draws(Small):
        def forward(self, x):
            torch.rand(3)
            return self.fc(self.features(x))

    wrap(Draws(), name="mine", classes=2, input=Input((8, 8)))


def test_module_and_generators_stay_as_they_were():
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.Linear(2, 2)).eval()
    nn.init.zeros_(module[2].weight)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    check_function(module, "mine", (8, 8), 3)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # noqa: NPY002


def test_a_network_that_takes_single_images_only_is_refused_in_a_line():
    class Single(Small):
        def forward(self, x):
            return super().forward(x.view(1, 3, 8, 8))

    with pytest.raises(ModelError, match="mine: a forward pass of 2 images fails: shape"):
        wrap(Single(), name="mine", classes=2, input=Input((8, 8)))


def test_networks_by_name_are_looked_at_too(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Alive(nn.Module):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(12, classes)\n"
        "    def forward(self, x):\n"
        "        return self.fc(torch.dropout(x.flatten(1), 0.5, True))\n"
    )
    with pytest.raises(ModelError, match="two passes of one image differ"):
        build(f"py:{tmp_path}/mine.py:Alive", 2, input=Input((2, 2)))
