"""Gradients against loops over single examples in float64 that share nothing with the hooks."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from transferscope.data.imageset import ImageSet
from transferscope.errors import DataError, ModelError, UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.probes.gradients import gradients
from transferscope.rng import numpy_generator

from .small import named

SMALL = Input((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def image_set(n=7, size=8, classes=4, multilabel=False):
    rng = numpy_generator("gradient images", n, size)
    labels = rng.integers(-1, 2, (n, classes)).astype(np.int8) if multilabel else rng.integers(0, classes, n)
    names = tuple(f"class {i}" for i in range(classes))
    return ImageSet(
        rng.integers(0, 256, (n, size, size, 3), np.uint8), labels, names, np.array([f"id {i}" for i in range(n)])
    )


class Awkward(nn.Module):
    """Outputs overwritten in place, a module that runs twice, one that returns a tuple, a shortcut, an idle layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.pair = Pair()
        self.head = nn.Linear(4 * 36, 4)
        self.idle = nn.Linear(2, 2)

    def forward(self, x):
        x *= 1.5
        x = self.relu(self.conv(x))
        y = self.again(x)
        y += 0.1
        y = self.again(torch.tanh_(y))
        y += x
        y, _ = self.pair(y)
        return self.head(y.flatten(1))


class Pair(nn.Module):
    def forward(self, x):
        return x * 2, "something else"


@pytest.fixture(scope="module")
def awkward():
    return wrap(Awkward(), name="awkward", classes=4, input=SMALL, head="head")


def loss_of(net, module, images, i):
    labels = torch.from_numpy(images.labels[i : i + 1])
    x = net.input.prepare(torch.from_numpy(images.images[i : i + 1])).double()
    return mean_loss(module(x), labels.double() if images.multilabel else labels)


def output_norms(net, params, images, path, run=0):
    """‖∂Lᵢ/∂δ‖ of a disturbance δ = 0 added to what a submodule returns in one of its runs, image by image."""
    module, norms = net.fresh().double(), []
    module.load_state_dict(params)
    runs, deltas = [0], []

    def disturb(_, __, output):
        first = output[0] if isinstance(output, tuple) else output
        runs[0] += 1
        if runs[0] - 1 != run:
            return output
        deltas.append(torch.zeros_like(first, requires_grad=True))
        return (first + deltas[-1], *output[1:]) if isinstance(output, tuple) else first + deltas[-1]

    module.get_submodule(path).register_forward_hook(disturb)
    for i in range(len(images)):
        runs[0] = 0
        (gradient,) = torch.autograd.grad(loss_of(net, module, images, i), deltas[-1:])
        norms.append(float(gradient.norm()))
    return np.array(norms)


def weight_gradient(net, params, images):
    module = net.fresh().double()
    given = {k: v.double() for k, v in params.items()}
    names = [name for name, _ in module.named_parameters()]
    leaves = {k: given[k].clone().requires_grad_() for k in names}
    total = sum(
        loss_of(net, lambda x: functional_call(module, given | leaves, (x,)), images, i) for i in range(len(images))
    )
    found = torch.autograd.grad(total / len(images), list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("batch", [3, 64])  # 3: a last batch of one
def test_equals_loops_over_single_examples(awkward, batch, multilabel):
    images, params = image_set(multilabel=multilabel), initialise(awkward, 1)
    got = gradients(
        awkward, params, images, modules=["conv", "again", "pair", "head"], precision="float64", batch=batch
    )
    assert list(got.activations) == ["conv", "again", "again#2", "pair", "head"]
    for name, norms in got.activations.items():
        path, _, again = name.partition("#")
        want = output_norms(awkward, params, images, path, run=int(again or 1) - 1)
        np.testing.assert_allclose(norms, want, rtol=1e-10, err_msg=name)
    for name, want in weight_gradient(awkward, params, images).items():
        torch.testing.assert_close(got.weights[name], want, rtol=1e-10, atol=1e-14)
    module = awkward.fresh(params).double()
    np.testing.assert_allclose(
        got.losses, [loss_of(awkward, module, images, i).item() for i in range(len(images))], rtol=1e-12
    )
    assert got.finite
    assert got.size == pytest.approx(np.sqrt(sum(float(g.square().sum()) for g in got.weights.values())))


@pytest.mark.parametrize("name", ["fixup_resnet8", "resnet8"])
@pytest.mark.parametrize("granularity", ["layer", "block"])
def test_residual_networks(name, granularity):
    net, images = named(name, 4, SMALL), image_set(4)
    params = initialise(net, 0)
    got = gradients(net, params, images, weights=False, modules=granularity, precision="float64")
    assert not got.weights
    assert list(got.activations) == [m.name for m in net.modules(granularity)]
    for module in net.modules(granularity):
        want = output_norms(net, params, images, module.output)
        np.testing.assert_allclose(got.activations[module.name], want, rtol=1e-9, err_msg=module.name)


def test_what_a_module_receives_has_the_gradient_of_all_its_uses():
    net, images = build("fixup_resnet8", 4, input=SMALL), image_set(4)
    params = {k: v + 0.05 for k, v in initialise(net, 0).items()}
    inputs = gradients(
        net, params, images, modules=["layer2.0", "layer2.0.conv1", "conv1"], side="input", precision="float64"
    ).activations
    before = gradients(net, params, images, modules=["layer1.0"], precision="float64").activations
    np.testing.assert_allclose(inputs["layer2.0"], before["layer1.0"], rtol=1e-10)
    np.testing.assert_allclose(inputs["layer2.0.conv1"], before["layer1.0"], rtol=1e-10)  # and through the shortcut
    module = net.fresh(params).double()
    for i in range(len(images)):
        x = net.input.prepare(torch.from_numpy(images.images[i : i + 1])).double().requires_grad_()
        loss = mean_loss(module(x), torch.from_numpy(images.labels[i : i + 1]))
        assert inputs["conv1"][i] == pytest.approx(torch.autograd.grad(loss, x)[0].norm().item(), rel=1e-10)


def test_float32_is_near_and_small_gradients_do_not_vanish(awkward):
    images, params = image_set(), initialise(awkward, 1)
    exact = gradients(awkward, params, images, modules="layer", precision="float64")
    near = gradients(awkward, params, images, modules="layer")
    for name, value in exact.activations.items():
        np.testing.assert_allclose(near.activations[name], value, rtol=1e-4)
    assert near.weights["conv.weight"].dtype == torch.float32
    sure = params | {"head.bias": torch.tensor([60.0, 0, 0, 0])}
    ones = ImageSet(images.images, np.zeros(len(images), np.int64), images.classes, images.ids)
    tiny = gradients(awkward, sure, ones, modules=["head"]).activations["head"]
    assert (tiny > 0).all()
    assert tiny.max() < 1e-23  # whose squares float32 does not have


def test_a_parameter_with_two_names_has_one_gradient():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(192, 192, bias=False), nn.Linear(192, 192, bias=False)
            self.b.weight = self.a.weight
            self.head = nn.Linear(192, 4, bias=False)

        def forward(self, x):
            return self.head(self.b(self.a(x.flatten(1)).tanh()))

    net = wrap(Tied(), name="tied", classes=4, input=SMALL)
    got = gradients(net, net.params(), image_set())
    assert set(got.weights) == {"a.weight", "head.weight"}, "under the name by which it is counted"
    assert got.size == pytest.approx(torch.cat([v.flatten() for v in got.weights.values()]).norm().item())


def test_the_loss_may_not_depend_on_a_module():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.aside, self.head = nn.Linear(192, 3), nn.Linear(192, 4)

        def forward(self, x):
            self.aside(x.flatten(1))
            return self.head(x.flatten(1))

    net = wrap(Aside(), name="aside", classes=4, input=SMALL)
    got = gradients(net, net.params(), image_set(), modules=["aside", "head"])
    assert (got.activations["aside"] == 0).all()
    assert (got.activations["head"] > 0).all()
    assert not got.weights["aside.weight"].any()


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.body, self.head, self.reentrant = nn.Linear(192, 5), nn.Linear(5, 4), reentrant

    def forward(self, x):
        if not torch.is_grad_enabled():
            return self.head(self.body(x.flatten(1)))
        return self.head(checkpoint(self.body, x.flatten(1), use_reentrant=self.reentrant))


def test_checkpointed_parts_are_caught_once_or_refused():
    images = image_set()
    net = wrap(Checkpointed(False), name="checkpointed", classes=4, input=SMALL)
    params, plain = (
        net.params(),
        wrap(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Linear(5, 4)), name="plain", classes=4, input=SMALL),
    )
    got = gradients(net, params, images, modules=["body", "head"], precision="float64")
    renamed = {k.replace("body", "1").replace("head", "2"): v for k, v in params.items()}
    want = gradients(plain, renamed, images, modules=["1", "2"], precision="float64")
    np.testing.assert_allclose(got.activations["body"], want.activations["1"], rtol=1e-12)
    torch.testing.assert_close(got.weights["body.weight"], want.weights["1.weight"])
    with pytest.raises(ModelError, match=r"the output of module 'body' has no gradient: .* reentrant checkpointing"):
        refused = wrap(Checkpointed(True), name="checkpointed", classes=4, input=SMALL)
        gradients(refused, params, images, modules=["body"])


def test_numbers_that_are_not_finite_are_kept(awkward):
    images, params = image_set(), initialise(awkward, 1)
    params["head.bias"] = torch.tensor([float("inf"), 0, 0, 0])
    got = gradients(awkward, params, images, modules=["conv"])
    assert not got.finite
    assert np.isnan(got.activations["conv"]).all()


def test_nothing_is_left_behind(awkward):
    before = {k: v.clone() for k, v in awkward.module.state_dict().items()}
    told = []
    gradients(
        awkward, initialise(awkward, 1), image_set(), modules="layer", batch=4, progress=lambda *x: told.append(x)
    )
    assert told == [(4, 7, "images"), (7, 7, "images")]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in awkward.module.modules())
    assert all(torch.equal(v, before[k]) for k, v in awkward.module.state_dict().items())


def test_bad_input(awkward):
    images, params = image_set(), initialise(awkward, 1)
    with pytest.raises(ModelError, match=r"awkward has no module 'agian'; did you mean 'again'\?"):
        gradients(awkward, params, images, modules=["agian"])
    with pytest.raises(ModelError, match="module 'idle' did not run in the forward pass"):
        gradients(awkward, params, images, modules=["idle"])
    with pytest.raises(UsageError, match=r"precision 'float23'; did you mean 'float32'\?"):
        gradients(awkward, params, images, precision="float23")
    with pytest.raises(UsageError, match=r"side 'inptu'; did you mean 'input'\?"):
        gradients(awkward, params, images, modules="layer", side="inptu")
    with pytest.raises(UsageError, match="a batch of 0 images"):
        gradients(awkward, params, images, batch=0)
    with pytest.raises(DataError, match="images are 6×6, awkward wants 8×8"):
        gradients(awkward, params, image_set(size=6))
    with pytest.raises(UsageError, match="3 classes, but awkward has 4 outputs"):
        gradients(awkward, params, image_set(classes=3))
    with pytest.raises(UsageError, match="weights do not fit awkward"):
        gradients(awkward, {"conv.weight": params["conv.weight"]}, images)


def test_networks_that_cannot_be_differentiated_are_refused():
    class Overwriting(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(192, 4)

        def forward(self, x):
            y = torch.tanh(self.head(x.flatten(1)))
            y += 1
            return y

    net = wrap(Overwriting(), name="overwriting", classes=4, input=SMALL)
    with pytest.raises(ModelError, match="overwriting has no gradient: an operation in place overwrites"):
        gradients(net, net.params(), image_set())


def test_modules_around_what_has_several_entries_an_image():
    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.part, self.head = nn.Linear(48, 4), nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.part(x.reshape(4 * len(x), 48)).reshape(len(x), 16))

    net = wrap(Windows(), name="windows", classes=4, input=SMALL)
    assert gradients(net, net.params(), image_set(), modules=["part"]).activations["part"].shape == (7,)
    whole = wrap(nn.Sequential(Windows()), name="windows", classes=4, input=SMALL)
    assert gradients(whole, whole.params(), image_set(), modules=["0"]).activations["0"].shape == (7,)


class Windows(nn.Module):
    """Tokens stand beside images in one row, as in windows of attention: by image, or by token."""

    def __init__(self, images_first=True):
        super().__init__()
        self.images_first, self.each, self.head = images_first, nn.Linear(12, 5), nn.Linear(5, 4)

    def forward(self, x):
        tokens = x.flatten(1).view(len(x), 16, 12)
        if not self.images_first:
            tokens = tokens.transpose(0, 1)
        y = self.each(tokens.flatten(0, 1)).tanh()
        y = y.view(len(x), 16, 5).mean(1) if self.images_first else y.view(16, len(x), 5).mean(0)
        return self.head(y)


def test_entries_of_an_image_that_stand_in_one_row():
    net = wrap(Windows(), name="windows", classes=4, input=SMALL)
    params, images = net.params(), image_set()
    got = gradients(net, params, images, modules=["each"], precision="float64", batch=3).activations["each"]
    for i in range(len(images)):
        alone = gradients(net, params, images.subset([i]), modules=["each"], precision="float64").activations["each"]
        assert got[i] == pytest.approx(float(alone[0]), rel=1e-9) and got[i] > 0


def test_entries_of_images_that_are_mixed_are_refused():
    net = wrap(Windows(images_first=False), name="windows", classes=4, input=SMALL)
    with pytest.raises(ModelError, match=r"has \d+ entries for \d images; gradients of single images need one"):
        gradients(net, net.params(), image_set(), modules=["each"], batch=3)
