"""Second derivatives where usual operations have none, against a dense Hessian; and what has none at all."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, SpecError
from transferscope.models.build import build, wrap
from transferscope.models.checkpoint import write
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.probes import twice
from transferscope.probes.curvature import Curvature
from transferscope.probes.twice import no_second_derivative, twice_differentiable
from transferscope.rng import generator, numpy_generator
from transferscope.study.files import plan_files
from transferscope.study.inspect import Inspection

SEEN = Input((8, 8), 3, (0.4,) * 3, (0.3,) * 3)


class Attends(nn.Module):
    """Fused attention, as in vision transformers."""

    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.fc = nn.Conv2d(3, 4, 4, 4), nn.Linear(4, 12), nn.Linear(4, 2)

    def mixed(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)

    def forward(self, x):
        q, k, v = self.qkv(self.embed(x).flatten(2).transpose(1, 2)).chunk(3, -1)
        return self.fc(self.mixed(q[:, None], k[:, None], v[:, None])[:, 0].mean(1))


class AttendsByHand(Attends):
    def mixed(self, q, k, v):
        return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1) @ v


class Hard(nn.Module):
    """The activations of MobileNetV3."""

    def __init__(self, inplace=False):
        super().__init__()
        self.c, self.gate, self.fc = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 4, 1), nn.Linear(4, 2)
        self.sigmoid, self.swish = nn.Hardsigmoid(inplace), nn.Hardswish(inplace)

    def forward(self, x):
        x = 3 * self.c(x)
        return self.fc((self.swish(x.clone()) * self.sigmoid(self.gate(x))).mean((2, 3)))


class HardByHand(Hard):
    def forward(self, x):
        x = 3 * self.c(x)
        gate = functional.relu6(self.gate(x) + 3) / 6
        return self.fc((x * functional.relu6(x + 3) / 6 * gate).mean((2, 3)))


def pictures(n=5):
    random = numpy_generator("twice", n)
    labels = random.integers(0, 2, n)
    return ImageSet(random.integers(0, 256, (n, 8, 8, 3), np.uint8), labels, ("a", "b"), np.arange(n).astype(str))


def dense(module, params, images):
    names, shapes = list(params), [v.shape for v in params.values()]
    x = SEEN.prepare(torch.from_numpy(images.images)).double()
    y = torch.from_numpy(images.labels)

    def loss(flat):
        parts = torch.split(flat, [s.numel() for s in shapes])
        moved = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return mean_loss(functional_call(module, moved, (x,)), y)

    return torch.func.hessian(loss)(torch.cat([v.double().flatten() for v in params.values()]))


@pytest.mark.parametrize(
    ("make", "by_hand"), [(Attends, AttendsByHand), (Hard, HardByHand), (lambda: Hard(inplace=True), HardByHand)]
)
def test_products_equal_the_dense_hessian_of_the_formula(make, by_hand):
    torch.manual_seed(0)
    net, images = wrap(make(), name="twice", classes=2, input=SEEN), pictures()
    params = net.params()
    matrix = dense(by_hand().double().eval(), params, images)
    curvature = Curvature(net, params, images, precision="float64", batch=3, device="cpu")
    v = torch.randn(curvature.size, generator=generator("v"), dtype=torch.float64)
    assert float(matrix.norm()) > 1e-3
    torch.testing.assert_close(curvature(v), matrix @ v, rtol=1e-8, atol=1e-11)
    assert no_second_derivative(net) == ""


def test_hardsigmoid_has_the_same_values_and_slopes():
    x = torch.linspace(-5, 5, 2001, dtype=torch.float64, requires_grad=True)
    plain = functional.hardsigmoid(x)
    with twice_differentiable():
        equal = functional.hardsigmoid(x)
    torch.testing.assert_close(equal, plain, rtol=1e-7, atol=0)  # torch takes 1/6 as float32
    slopes = [torch.autograd.grad(y.sum(), x)[0] for y in (plain, equal)]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-7, atol=0)


OWN = """
import torch
from torch import nn
from torch.autograd.function import once_differentiable

class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        return 2 * ctx.saved_tensors[0] * slope

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(Once.apply(self.c(x)).mean((2, 3)))
"""


@pytest.fixture
def once(tmp_path):
    (tmp_path / "once.py").write_text(OWN)
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / "photos" / label / f"{i}.png")
    name = f"py:{tmp_path}/once.py:Net"
    write(tmp_path / "a.safetensors", build(name, 2, input=SEEN).params())
    return name


def test_without_a_second_derivative_one_sentence(once):
    net = build(once, 2, input=SEEN)
    said = "has no Hessian: a function that is differentiable once has no second derivative in PyTorch"
    assert no_second_derivative(net).endswith(said)
    with pytest.raises(ModelError, match=said):
        Curvature(net, net.params(), pictures(), device="cpu")


def test_operations_of_torch_without_one_are_named(monkeypatch):
    monkeypatch.setattr(twice, "_EQUAL", {})
    net = wrap(Hard(), name="hard", classes=2, input=SEEN)
    assert no_second_derivative(net) == "hard has no Hessian: hardsigmoid has no second derivative in PyTorch"
    curvature = Curvature(net, net.params(), pictures(), device="cpu")
    with pytest.raises(ModelError, match="hard has no Hessian: hardsigmoid has no second derivative"):
        curvature(torch.ones(curvature.size))


def test_inspect_does_not_ask_what_cannot_be_answered(once, tmp_path):
    given = {"model": once, "data": f"folder:{tmp_path}/photos", "size": 8}
    plan, text, notes = plan_files(Inspection((str(tmp_path / "a.safetensors"),), **given))
    assert "hessian" not in plan.items and "spectrum" in plan.items
    assert [about for about, _ in notes] == ["hessian"] and "has no second derivative" in notes[0][1]
    assert "Not asked is hessian" in text
    with pytest.raises(SpecError, match=r"--only hessian: .* has no second derivative in PyTorch"):
        plan_files(Inspection((str(tmp_path / "a.safetensors"),), only=("hessian",), **given))
