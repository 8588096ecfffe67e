"""Networks of many families go through `compare` and the default `inspect` whole: random weights, small images.

``make test-networks`` runs this file (an hour or so on two cores); it is no part of ``make test``.
"""

import json

import numpy as np
import pytest
from PIL import Image

from transferscope.cli.main import main
from transferscope.models.build import build, designed_for
from transferscope.models.checkpoint import write
from transferscope.models.network import Input

pytestmark = [pytest.mark.slow, pytest.mark.networks, pytest.mark.timeout(3600)]

NETWORKS = {  # name → side of the images
    "torchvision/convnext_tiny": 32,
    "torchvision/densenet121": 32,
    "torchvision/efficientnet_b0": 32,
    "torchvision/googlenet": 64,
    "torchvision/inception_v3": 96,
    "torchvision/mnasnet0_5": 32,
    "torchvision/mobilenet_v2": 32,
    "torchvision/mobilenet_v3_small": 32,
    "torchvision/regnet_x_400mf": 32,
    "torchvision/resnet18": 32,
    "torchvision/shufflenet_v2_x0_5": 32,
    "torchvision/squeezenet1_1": 64,
    "torchvision/swin_t": 64,
    "timm/beit_base_patch16_224?depth=2&embed_dim=96&num_heads=3": 32,
    "timm/cait_xxs24_224?depth=2": 32,
    "timm/coatnet_nano_rw_224": 64,
    "timm/hrnet_w18_small": 64,
    "timm/convnext_atto": 32,
    "timm/deit_tiny_distilled_patch16_224?depth=2": 32,
    "timm/edgenext_xx_small": 64,
    "timm/efficientnet_lite0": 32,
    "timm/ghostnet_050": 32,
    "timm/gmlp_ti16_224": 32,
    "timm/levit_128s": 64,
    "timm/mixer_s32_224": 32,
    "timm/mobilenetv3_small_050": 32,
    "timm/mobilevit_xxs": 64,
    "timm/pit_ti_224": 64,
    "timm/poolformer_s12": 32,
    "timm/regnetx_002": 32,
    "timm/repvgg_a0": 32,
    "timm/resmlp_12_224": 32,
    "timm/resnet10t": 32,
    "timm/swin_tiny_patch4_window7_224?window_size=4": 64,
    "timm/vit_tiny_patch16_224?depth=2": 32,
    "timm/xcit_nano_12_p16_224?depth=2": 32,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve images of noise in two classes, for training and for testing."""
    root, drawn = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (root / part / label).mkdir(parents=True)
            for i in range(3):
                pixels = drawn.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / label / f"{i}.png")
    return root


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_a_library(name, pictures, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TRANSFERSCOPE_TRACEBACK", "1")
    side, designed = NETWORKS[name], designed_for(name)
    wanted = Input((side, side), 3, designed.mean, designed.std)
    files = []
    for seed in (0, 1):
        files.append(str(tmp_path / f"{seed}.safetensors"))
        write(files[-1], build(name, 2, input=wanted, seed=seed).params())
    common = ["--model", name, "--data", f"folder:{pictures}", "--size", str(side), "--jobs", "1", "--device", "cpu"]
    small = ["--set", "hessian.k=2", "--set", "hessian.tolerance=0.1", "--set", "landscape.points=3"]
    compared = main(["compare", *files, *common, "--out", str(tmp_path / "compare")])
    inspected = main(["inspect", files[0], *common, *small, "--out", str(tmp_path / "inspect")])
    said = capfd.readouterr().err
    assert (compared, inspected) == (0, 0), said
    plan = json.loads((tmp_path / "inspect" / "plan.json").read_text())
    assert "hessian" in json.dumps(plan) and "failed" not in said
    assert (tmp_path / "inspect" / "report.html").stat().st_size > 10_000
