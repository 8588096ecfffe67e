"""SGD against the formula written out in float64, and which parameters get which rate."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transferscope.errors import UsageError
from transferscope.models.build import build
from transferscope.models.fixup import fixup_scalars
from transferscope.models.network import Input, Network
from transferscope.models.objective import example_losses
from transferscope.rng import generator
from transferscope.train.optimiser import Optimiser
from transferscope.train.recipe import Recipe

RECIPE = Recipe(momentum=0.8, weight_decay=0.05)


def factors(name, recipe):
    """Rate factor and weight decay by the recipe's words."""
    scalar = recipe.scalar_lr if name == "shift.bias" else 1.0
    head = name.startswith("fc.")
    decay = recipe.head_weight_decay if head and recipe.head_weight_decay is not None else recipe.weight_decay
    return scalar * (recipe.head_lr if head else 1.0), decay


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, nesterov=True),
        replace(RECIPE, momentum=0.0),
        replace(RECIPE, head_lr=3.0, head_weight_decay=0.0, scalar_lr=0.25),
    ],
)
def test_updates_are_those_of_the_formula(recipe, small, drawn):
    module = small.fresh(drawn(small)).eval().to(memory_format=torch.channels_last)
    slow = small.fresh(module.state_dict()).double()
    theta = dict(slow.named_parameters())
    velocity = {k: torch.zeros_like(v) for k, v in theta.items()}
    optimiser = Optimiser(small, module, recipe)
    g = generator("optimiser")
    for step in range(6):
        rate = 0.1 / (1 + step)
        x, y = torch.randn(10, 3, 8, 8, generator=g), torch.randint(0, 3, (10,), generator=g)
        example_losses(module(x), y).mean().backward()
        optimiser.step(rate)
        loss = example_losses(slow(x.double()), y).mean()
        for (name, value), grad in zip(theta.items(), torch.autograd.grad(loss, list(theta.values())), strict=True):
            factor, decay = factors(name, recipe)
            direction = grad + decay * value.data
            velocity[name] = recipe.momentum * velocity[name] + direction
            move = direction + recipe.momentum * velocity[name] if recipe.nesterov else velocity[name]
            value.data = value.data - rate * factor * move
    for name, value in module.named_parameters():
        torch.testing.assert_close(value.detach().double(), theta[name].data, rtol=1e-4, atol=1e-6)
    for name, buffer in optimiser.momentum.items():
        torch.testing.assert_close(buffer.double(), velocity[name], rtol=1e-4, atol=1e-5)
    assert bool(optimiser.momentum) == (recipe.momentum > 0)


def test_the_scalars_of_fixup_networks_get_a_tenth_of_the_rate():
    net = build("fixup_resnet8", 5)
    module = net.fresh()
    before = {k: v.detach().clone() for k, v in module.named_parameters()}
    optimiser = Optimiser(net, module, Recipe(weight_decay=0.0))
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step(0.5)
    tenth = {k for k, v in module.named_parameters() if torch.allclose(before[k] - v, torch.tensor(0.05), atol=1e-6)}
    whole = {k for k, v in module.named_parameters() if torch.allclose(before[k] - v, torch.tensor(0.5), atol=1e-6)}
    assert tenth == set(fixup_scalars(module))
    assert tenth | whole == set(before)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_frozen_body_wants_no_gradients(small):
    module = small.fresh()
    Optimiser(small, module, Recipe(frozen="body"))
    assert [k for k, v in module.named_parameters() if v.requires_grad] == ["fc.weight", "fc.bias"]


def test_momentum_is_taken_over_as_it_was(small, drawn):
    def stepped(optimiser, module):
        for i, parameter in enumerate(module.parameters()):
            parameter.grad = torch.full_like(parameter, 0.1 * i + 1)
        optimiser.step(0.3)

    first = small.fresh(drawn(small)).to(memory_format=torch.channels_last)
    one = Optimiser(small, first, RECIPE)
    stepped(one, first)
    second = small.fresh(first.state_dict()).to(memory_format=torch.channels_last)
    other = Optimiser(small, second, RECIPE)
    other.load_momentum(one.momentum)
    stepped(one, first)
    stepped(other, second)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_parameter_without_gradient_stays(small, drawn):
    module = small.fresh(drawn(small))
    before = module.conv.weight.detach().clone()
    optimiser = Optimiser(small, module, RECIPE)
    module.fc(torch.ones(2, 96)).sum().backward()
    optimiser.step(0.1)
    assert torch.equal(module.conv.weight, before)
    assert not optimiser.momentum["conv.weight"].any()
    assert optimiser.momentum["fc.weight"].all()


def test_a_network_without_parameters_is_refused():
    net = Network(nn.Flatten(), "flat", 3, Input(size=(1, 1)))
    with pytest.raises(UsageError, match="flat has no parameter to train"):
        Optimiser(net, net.fresh(), RECIPE)
