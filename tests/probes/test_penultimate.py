"""Features before the final layer: against a plain forward pass, pooled over positions, and what has none."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.penultimate import penultimate


def pictures(n: int, side: int = 32) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    return ImageSet(pixels, np.zeros(n, np.int64), ("a",), np.arange(n).astype(str))


@pytest.mark.parametrize("name", ["resnet20", "fixup_resnet8", "torchvision/resnet18", "torchvision/vit_b_16",
                                  "torchvision/squeezenet1_1", "timm/convnext_atto"])  # fmt: skip
def test_the_final_layer_makes_the_logits_of_the_features(name: str) -> None:
    net = build(name, 7, input=Input((32, 32)))
    params, images = initialise(net, 0), pictures(5)
    found = penultimate(net, params, images, batch=2, device="cpu")
    weight, bias = (params[f"{net.head}.{part}"] for part in ("weight", "bias"))
    plain = net.fresh(params)(net.input.prepare(torch.from_numpy(images.images)))
    np.testing.assert_allclose(found.logits, plain.detach().numpy(), atol=1e-4)
    assert found.name == f"input of {net.head}" and found.features.shape == (5, weight.shape[1])
    if weight.ndim == 2:
        by_hand = torch.from_numpy(found.features) @ weight.T + bias
        np.testing.assert_allclose(by_hand.numpy(), found.logits, atol=1e-4)


def test_networks_without_features_before_the_end() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(12, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(x.flatten(1)) + self.last(x.flatten(1))

    images = pictures(3, 2)
    twice = wrap(Twice(), name="twice", classes=4, input=Input((2, 2)), head="last")
    with pytest.raises(ModelError, match="'last' is not called once for each image"):
        penultimate(twice, twice.params(), images, device="cpu")
    headless = wrap(Twice(), name="headless", classes=4, input=Input((2, 2)), head="")
    with pytest.raises(ModelError, match="headless: no final layer can be told apart"):
        penultimate(headless, headless.params(), images, device="cpu")
