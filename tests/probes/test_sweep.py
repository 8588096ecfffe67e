"""Every plan gives the numbers of the plain loop: load a state dict, run the whole network."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError
from transferscope.models.batchnorm import norm_layers
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input, Network
from transferscope.params import Params
from transferscope.probes.evaluate import Engine
from transferscope.probes.evaluation import Evaluation
from transferscope.probes.planner import Planner
from transferscope.probes.points import Points
from transferscope.probes.sweep import anchors
from transferscope.rng import generator, numpy_generator

from .small import named

OWN = ["fixup_resnet8", "resnet8", "lenet", "mlp:20-10"]
TORCHVISION = {
    "resnet18": 64, "resnet50": 64, "vgg11_bn": 32, "mobilenet_v3_small": 64, "densenet121": 32, "convnext_tiny": 32,
    "vit_b_16": 48, "efficientnet_b0": 32,
}  # fmt: skip
TIMM = {
    "resnet18": 64, "regnetx_002": 64, "swin_tiny_patch4_window7_224": 224, "deit_tiny_patch16_224": 224,
    "mixer_s32_224": 224, "mobilenetv3_small_050": 64, "efficientnet_lite0": 64, "convnext_atto": 64,
    "repvgg_a0": 64, "ghostnet_050": 64, "rexnet_100": 64, "dla34": 64,
}  # fmt: skip


def images_for(net: Network, n: int = 5) -> ImageSet:
    r = numpy_generator("images", n)
    pixels = r.integers(0, 256, (n, *net.input.size, net.input.channels), dtype=np.uint8)
    ids, classes = np.array([f"{i}" for i in range(n)]), tuple(f"c{i}" for i in range(net.classes))
    return ImageSet(pixels, r.integers(0, net.classes, n), classes, ids, name="test")


def lively(net: Network, images: ImageSet, seed: int) -> Params:
    """Random weights whose signal reaches the end: scalars and norms off their special values, norms calibrated."""
    g = generator("lively", seed)
    module = net.fresh(initialise(net, seed)).double()
    for value in module.parameters():
        one_axis = value.numel() == max(value.shape, default=1)  # layer scales have axes of size 1 besides
        if one_axis or not value.detach().any():
            value.data += 0.1 * torch.randn(value.shape, generator=g, dtype=torch.float64)
    for layer in norm_layers(module):
        layer.train()
        layer.momentum = 1.0
    with torch.no_grad():
        module(net.input.prepare(torch.from_numpy(images.images)).double())
    return {k: v.clone() for k, v in module.state_dict().items()}


def plain_losses(net: Network, points: Points, images: ImageSet, dtype: torch.dtype) -> np.ndarray:
    x = net.input.prepare(torch.from_numpy(images.images)).to(dtype)
    rows = []
    for i in range(len(points)):
        module = net.fresh().to(dtype)
        state = {k: points.value(i, k) if v.is_floating_point() else v for k, v in points.basis[0].items()}
        module.load_state_dict(state)
        with torch.no_grad():
            rows.append(functional.cross_entropy(module(x), torch.from_numpy(images.labels), reduction="none"))
    return torch.stack(rows).numpy()


def moves(net: Network, theta: Params, tensors: tuple[str, ...], *, kernels: bool) -> Points:
    """Points that move these tensors along two directions; only kernels where said, so that all is affine."""
    chosen = [k for k in tensors if theta[k].is_floating_point() and "running" not in k]
    chosen = [k for k in chosen if theta[k].ndim > 1 or not kernels] or chosen
    g = generator("moves")

    def direction() -> Params:
        return {
            k: torch.randn(theta[k].shape, generator=g, dtype=torch.float64)
            * theta[k].std(correction=0).clamp(min=0.1)
            for k in chosen
        }

    return Points.moved(theta, [direction(), direction()], numpy_generator("steps").uniform(-0.3, 0.6, (5, 2)))


def run(net: Network, points: Points, images: ImageSet, **options) -> Evaluation:
    options = {"precision": "float64", "device": "cpu", "norm": "interpolated", **options}
    engine = Engine(net, {"test": images}, metrics=["loss"], per_example=True, **options)
    return engine.run(points)["test"]


def check_plans(net: Network, layers: int) -> set[str]:
    """Compare at layers spread over the network, with kernels and with all tensors of a layer moved.

    In float32 a plan may be off by what the plain loop is off, with room for another order of the same sums.
    """
    images = images_for(net)
    theta = lively(net, images, 1)
    engine, single = (
        Engine(
            net, {"test": images}, metrics=["loss"], per_example=True, precision=precision, device="cpu",
            norm="interpolated",
        )
        for precision in ("float64", "float32")
    )  # fmt: skip
    modules = [m for m in net.modules("layer") if m.runs]
    plans = set()
    for place in sorted({round(i) for i in np.linspace(0, len(modules) - 1, layers)}):
        for kernels in (True, False):
            points = moves(net, theta, modules[place].tensors, kernels=kernels)
            found = engine.run(points)["test"]
            wanted = plain_losses(net, points, images, torch.float64)
            assert wanted.std(0).max() > 1e-6, "the points must differ, or the test shows nothing"
            # A loss is a difference of logits, so that it is rounded like the largest of them.
            least = 1e-10 * np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
            np.testing.assert_allclose(
                found.examples["loss"], wanted, rtol=1e-9, atol=least, err_msg=modules[place].name
            )
            assert not found.how.reason
            plans.add(found.how.plan)
            if not kernels:
                off = np.abs(plain_losses(net, points, images, torch.float32) - wanted).max()
                again = single.run(points)["test"]
                assert again.how == dataclasses.replace(found.how, precision="float32")
                assert np.abs(again.examples["loss"] - wanted).max() <= 10 * off + 1e-5, modules[place].name
    return plans


@pytest.mark.parametrize("name", OWN)
def test_plans_equal_the_plain_loop(name):
    small = Input((16, 16)) if "resnet" in name else Input((6, 6), 1, (0.1,), (0.3,)) if "mlp" in name else None
    net = named(name, 4, small)
    plans = check_plans(net, 5)
    assert "affine" in plans
    assert ("suffix" in plans) == ("resnet" in name)  # elsewhere a layer is one kernel and one bias: affine in both


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [f"torchvision/{n}" for n in TORCHVISION] + [f"timm/{n}" for n in TIMM])
def test_plans_equal_the_plain_loop_on_well_known_networks(name):
    library, _, plain = name.partition("/")
    size = {"torchvision": TORCHVISION, "timm": TIMM}[library][plain]
    assert "affine" in check_plans(build(name, 4, input=Input((size, size))), 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchvision/resnet18", "timm/convnext_atto"])
def test_plans_equal_the_plain_loop_on_two_well_known_networks(name):
    assert "affine" in check_plans(build(name, 4, input=Input((32, 32))), 2)


def test_float32_is_within_what_float32_gives():
    net = build("fixup_resnet8", 4, input=Input((16, 16)))
    images = images_for(net)
    theta = {k: v.float() if v.is_floating_point() else v for k, v in lively(net, images, 1).items()}
    engine = Engine(net, {"test": images}, metrics=["loss"], per_example=True, device="cpu")
    for layer in net.modules("layer")[::3]:
        for kernels in (True, False):
            points = moves(net, theta, layer.tensors, kernels=kernels)
            found = engine.run(points)["test"].examples["loss"]
            np.testing.assert_allclose(found, plain_losses(net, points, images, torch.float64), rtol=1e-4, atol=1e-5)


class Branches(nn.Module):
    """What is live at a cut besides the moved path: a shortcut, a list, a value used twice, one without the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = (nn.Linear(12, 12) for _ in range(3))
        self.token = nn.Parameter(torch.ones(1, 1, 12))
        self.head = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x.flatten(1)).relu_()
        a, b = self.left(x).chunk(2, dim=1)
        both = torch.cat([b.tanh(), a], 1) + x
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), both[:, None], self.right(x)[:, None]], 1)
        tokens = tokens.transpose(0, 1) * self.stem.bias  # the batch is no longer first
        return self.head(tokens.sin().sum(0) + both)


def branches() -> Network:
    g = generator("branches")
    module = Branches()
    for value in module.parameters():
        value.data = torch.randn(value.shape, generator=g) / 2
    return wrap(module, name="branches", classes=3, input=Input((2, 2)))


@pytest.mark.parametrize(
    ("moved", "plan"),
    [
        (["left.weight"], "affine"),
        (["right.weight", "right.bias"], "affine"),
        (["token"], "affine"),
        (["stem.bias"], "whole network"),  # nothing comes before it
        (["head.bias", "token"], "suffix"),
        (["left.weight", "head.weight"], "suffix"),
    ],
    ids=str,
)
def test_all_that_is_live_at_the_cut_is_kept(moved, plan):
    net = branches()
    images, theta = images_for(net), net.params()
    points = moves(net, theta, tuple(moved), kernels=False)
    found = run(net, points, images, batch=2)
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)
    assert (found.how.plan, found.how.reason) == (plan, "")


class TokensFirst(nn.Module):
    """Tokens and images in one dimension, the tokens in front, as in ``nn.MultiheadAttention``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.head = nn.Linear(12, 12), nn.Linear(4, 4), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(x.flatten(1)).unflatten(1, (3, 4)).transpose(0, 1)
        mixed = self.inner(tokens.flatten(0, 1)) + 1.0
        mixed = mixed.tanh().reshape(3, x.shape[0], 4)
        return self.head(mixed.transpose(0, 1).flatten(1))


@pytest.mark.parametrize(
    ("moved", "plan"),
    [
        ("stem.weight", "whole network"),
        ("inner.weight", "suffix"),
        ("inner.bias", "suffix"),
        ("head.weight", "affine"),
    ],
)
def test_images_that_do_not_follow_one_another_are_not_stacked(moved, plan):
    net = wrap(TokensFirst(), name="tokens first", classes=3, input=Input((2, 2)))
    images, theta = images_for(net), {k: v.double() for k, v in net.params().items()}
    points = moves(net, theta, (moved,), kernels=False)
    found = run(net, points, images)
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)
    assert (found.how.plan, found.how.reason) == (plan, "")


def test_a_shared_weight_moves_everywhere():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 3)
            self.b.weight = self.a.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.b(self.a(x.flatten(1)).relu()).relu())

    net = wrap(Tied(), name="tied", classes=3, input=Input((2, 2)))
    images, theta = images_for(net), net.params()
    step = torch.randn(12, 12, generator=generator("tied"))
    points = Points.moved(theta, [{"a.weight": step}], [[0.0], [0.3], [0.5]])
    found = run(net, points, images)
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)


def test_what_cannot_be_recorded_is_evaluated_whole_and_says_why():
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.head = nn.Linear(12, 12), nn.Linear(12, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.a(x.flatten(1))
            return self.head(
                x.relu() if x.abs().sum() >= 0 else x.tanh()
            )  # as far as a recording knows, by the values

    net = wrap(Fixed(), name="fixed", classes=3, input=Input((2, 2)))
    images, theta = images_for(net), net.params()
    points = moves(net, theta, ("head.weight",), kernels=True)
    found = run(net, points, images)
    assert found.how.plan == "whole network"
    assert "cannot be recorded" in found.how.reason
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)


def test_a_batch_size_that_is_fixed_is_said():
    class Long(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.reshape(len(x), -1))

    net = wrap(Long(nn.Linear(12, 12), nn.Linear(12, 3)), name="long", classes=3, input=Input((2, 2)))
    images, theta = images_for(net), net.params()
    found = run(net, moves(net, theta, ("1.weight",), kernels=True), images)
    assert found.how.plan == "whole network"
    assert "fixes the batch size; len(x) does" in found.how.reason


def test_an_image_that_depends_on_its_neighbours_is_noticed():
    class Neighbours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.head = nn.Linear(12, 12), nn.Linear(12, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.a(x.flatten(1)).tanh()
            return self.head(x - x.roll(1, 0))  # not a neighbour of another point

    with pytest.raises(ModelError, match="neighbours: what it says of an image depends on the others of the batch"):
        wrap(Neighbours(), name="neighbours", classes=3, input=Input((2, 2)))
    net = Network(Neighbours().eval(), "neighbours", 3, Input((2, 2)), "head")  # as if two passes had not told
    images, theta = images_for(net), net.params()
    points = moves(net, theta, ("a.weight",), kernels=True)
    found = run(net, points, images)
    assert (found.how.plan, found.how.reason) == (
        "whole network",
        "its graph does not give the logits of a plain pass",
    )
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)


def test_out_of_memory_halves_the_stack(monkeypatch):
    net = build("fixup_resnet8", 4, input=Input((16, 16)))
    images = images_for(net)
    theta = lively(net, images, 1)
    points = moves(net, theta, net.modules("layer")[4].tensors, kernels=False)
    wanted = plain_losses(net, points, images, torch.float64)
    engine = Engine(net, {"test": images}, metrics=["loss"], per_example=True, precision="float64", device="cpu")
    from transferscope.probes import cut

    plain, failures = cut.Part.__call__, []

    def short_of_memory(self, known, batch):
        if batch > 2 * len(images):
            failures.append(batch)
            raise torch.cuda.OutOfMemoryError("no memory")
        return plain(self, known, batch)

    monkeypatch.setattr(cut.Part, "__call__", short_of_memory)
    monkeypatch.setattr(Planner, "_check", lambda *_: None)
    found = engine.run(points)["test"]
    assert failures
    assert found.how.plan == "suffix"
    np.testing.assert_allclose(found.examples["loss"], wanted, rtol=1e-9)


def test_losses_that_are_not_finite_are_kept():
    net = build("lenet", 4)
    images = images_for(net)
    theta = lively(net, images, 1)
    head = net.head_tensors()[0]
    points = Points.moved(theta, [{head: torch.full_like(theta[head], 1e300)}], [[0.0], [1.0], [1e10]])
    found = run(net, points, images)
    assert np.isfinite(found.values["loss"][0])
    assert not np.isfinite(found.values["loss"][2])


def test_points_by_their_anchors():
    a, b, c = ({"w": torch.tensor([float(i)])} for i in range(3))
    few = Points.simplex([a, b, c], 5, seed=0)
    found = anchors(few)
    assert found is not None
    np.testing.assert_allclose(
        found[1] @ [found[0].at(i)["w"].item() for i in range(3)],
        [few.at(i)["w"].item() for i in range(5)],
        rtol=1e-6,
    )
    assert anchors(Points.listed([a, b, c])) is None  # no fewer than the points
    assert anchors(Points((a, b), np.array([[0.5, 1.0], [2.0, 0.0], [1.0, 3.0]]))) is None  # sums differ


def test_only_what_differs_between_checkpoints_moves():
    net = build("lenet", 4)
    images = images_for(net)
    a = lively(net, images, 1)
    b = {k: v + 0.1 if k in net.head_tensors() else v for k, v in a.items()}
    points = Points.line(a, b, np.linspace(0, 1, 5))
    assert points.moving == set(net.head_tensors())
    found = run(net, points, images)
    assert found.how.plan == "affine"
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)


def test_a_direction_that_is_not_finite_spoils_no_other_point():
    """At the second point it has no part, and a share of 0 of what is not finite is no number."""
    net = build("mlp:20-10", 4, input=Input((6, 6), 1, (0.1,), (0.3,)))
    images = images_for(net)
    theta = lively(net, images, 1)
    name = net.modules("layer")[1].tensors[0]
    inf = torch.full_like(theta[name], torch.inf)
    steps = [[1, 0], [0, 1], [2, 0], [3, 0], [4, 0]]
    points = Points.moved(theta, [{name: inf}, {name: torch.ones_like(inf)}], steps)
    found = run(net, points, images)
    assert found.how.reason == "its values are not finite at the far end of a direction"
    wanted = plain_losses(net, points, images, torch.float64)[1]
    np.testing.assert_allclose(found.examples["loss"][1], wanted, rtol=1e-9)


class Filled(nn.Module):
    """Makes a tensor of the images that does not grow with their number."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added = x.new_full((12,), 0.5)
        return self.head(self.b(self.a(x.flatten(1)).tanh()) + added)


def test_what_is_made_of_the_images_and_does_not_grow_is_evaluated_whole():
    net = wrap(Filled(), name="filled", classes=3, input=Input((2, 2)))
    images = images_for(net)
    theta = lively(net, images, 1)
    points = moves(net, theta, ("b.weight",), kernels=True)
    found = run(net, points, images)
    np.testing.assert_allclose(found.examples["loss"], plain_losses(net, points, images, torch.float64), rtol=1e-9)
