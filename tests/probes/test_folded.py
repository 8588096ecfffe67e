import pytest
import torch
from torch import Tensor, nn

from transferscope.models.build import build
from transferscope.probes.cut import Part
from transferscope.probes.folded import fold
from transferscope.probes.forward_graph import record
from transferscope.rng import generator


class Odd(nn.Module):
    """Of its batch norms three follow a convolution that nobody else looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.biased, self.bare = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding="same", bias=False)
        self.grouped, self.shared = nn.Conv2d(4, 8, 1, groups=2), nn.Conv2d(8, 8, 1)
        self.first, self.plain = nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)
        self.third, self.kept, self.alone = nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.third(self.grouped(self.plain(self.bare(self.first(self.biased(x)))).relu()))
        y = self.shared(x)
        return (self.kept(y) + y + self.alone(y * 2)).mean((2, 3))


def shaken(module: nn.Module) -> nn.Module:
    """In float64 and eval mode, with statistics that are not those of a new network."""
    g = generator("shaken")
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=g) + 0.5 if "var" in name else value)
            value.add_(torch.randn(value.shape, generator=g) * (0.0 if "var" in name else 0.1))
    return module.double().eval()


@pytest.mark.parametrize(
    ("name", "pairs"), [("odd", 3), ("resnet20", 19), ("fixup_resnet20", 0), ("torchvision/mobilenet_v3_small", 34)]
)
def test_a_folded_part_gives_the_same_values_with_fewer_operations(name: str, pairs: int) -> None:
    module = shaken(Odd() if name == "odd" else build(name, 5).fresh())
    x = torch.randn(4, 3, 32, 32, generator=generator("x"), dtype=torch.float64)
    recording = record(module, x)
    state = module.state_dict()
    known = {node: state[weight] for node, weight in recording.weights.items()} | {recording.x: x}
    known |= recording.constants
    part = Part.of(recording, recording.steps, [recording.output])
    folded = fold(part)
    assert len(folded.pairs) == pairs
    left = [n.target for n in folded.part.module.graph.nodes].count(torch.ops.aten.batch_norm.default)
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in module.modules())
    assert left == norms - pairs
    (wanted,), (found,) = part(known, 4), folded.part({**known, **folded.values(known)}, 4)
    torch.testing.assert_close(wanted, module(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
