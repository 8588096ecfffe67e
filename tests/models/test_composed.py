"""Weights that are kept as parts, against the modules that made the parts."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from transferscope.errors import CheckpointError
from transferscope.models.build import wrap
from transferscope.models.checkpoint import read
from transferscope.models.composed import compose
from transferscope.models.heads import fit_to
from transferscope.models.network import Input

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))


def pruned(module):
    prune.random_unstructured(module[0], "weight", amount=0.5)


def settled(module, which=spectral_norm):
    which(module[0])
    module.train()
    for _ in range(3):  # power iterations
        module(torch.randn(2, 3, 8, 8))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pruned, "1 put together: 0.weight = 0.weight_orig · 0.weight_mask"),
        (lambda m: weight_norm(m[0]), "1 put together: 0.weight = 0.weight_g · 0.weight_v/‖0.weight_v‖"),
        (lambda m: weight_norm(m[0], dim=None), "1 put together: 0.weight = 0.weight_g · "),
        (
            lambda m: parametrizations.weight_norm(m[0]),
            "1 put together: 0.weight = 0.parametrizations.weight.original0",
        ),
        (settled, "1 put together: 0.weight = 0.weight_orig over its largest singular value"),
        (
            lambda m: settled(m, parametrizations.spectral_norm),
            "1 put together: 0.weight = 0.parametrizations.weight.original over its largest",
        ),
    ],
)
def test_the_network_computes_the_same(tmp_path, change, said):
    net = wrap(make(), name="small", classes=2, input=Input((8, 8)))
    module = make()
    change(module)
    with torch.no_grad():
        for part in module[0].parameters():
            part.mul_(1.5)
    torch.save(module.eval().state_dict(), tmp_path / "a.pt")
    loaded = fit_to(net, read(tmp_path / "a.pt"))
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(net(loaded.params, x), module(x))
    assert not torch.equal(loaded.params["0.weight"], make()[0].weight)
    assert loaded.report.complete and loaded.report.notes()[0].startswith(said)


def test_transposed_convolutions_have_outputs_second():
    module = parametrizations.spectral_norm(nn.ConvTranspose2d(3, 5, 2)).eval()
    kept = {f"up.{k}": v.detach() for k, v in module.state_dict().items()}
    torch.testing.assert_close(compose(kept).params["up.weight"], module.weight.detach())


def test_a_network_that_has_the_parts_keeps_them(tmp_path):
    module = make()
    pruned(module)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    params = read(tmp_path / "a.pt").params
    wanted = {k for k in params if k.startswith("0.weight")}
    assert wanted == {"0.weight_orig", "0.weight_mask"}
    assert compose({"a_orig": torch.ones(2), "a_mask": torch.ones(3)}).made == {}


def test_parts_that_do_not_belong_together_are_left(tmp_path):
    net = wrap(make(), name="small", classes=2, input=Input((8, 8)))
    torch.save(
        {k: v for k, v in make().state_dict().items() if k != "0.weight"} | {"0.weight_orig": torch.ones(2)},
        tmp_path / "a.pt",
    )
    with pytest.raises(
        CheckpointError, match=r"1 missing in the file: 0\.weight; 1 left over in the file: 0\.weight_orig"
    ):
        fit_to(net, read(tmp_path / "a.pt"))
