"""Names of other libraries: the networks of two libraries compute the same with one set of weights.

Where transformers is installed, its own networks are the truth. Where it is not, its names are written down here as
its files have them.
"""

from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from timm.models.convnext import ConvNeXt
from torchvision.models.convnext import CNBlockConfig

from transferscope.errors import CheckpointError
from transferscope.models.build import build, wrap
from transferscope.models.checkpoint import read
from transferscope.models.heads import compare, fit_to
from transferscope.models.network import Input

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 5}


def shaken(module):
    """Weights and statistics that are nowhere 0 or 1, so that none can be mistaken for another."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
                if name.endswith("running_var"):
                    value.abs_().add_(0.5)
    return module.eval()


def vit(name="vit_tiny_patch16_224", **more):
    return timm.create_model(name, **SMALL | more)


def torchvision_vit():
    return torchvision.models.VisionTransformer(32, 8, 2, 3, 48, 192, num_classes=5)


def convnext(**more):
    return ConvNeXt(dims=[16, 32, 48, 64], depths=[1, 1, 2, 1], num_classes=5, **more)


def torchvision_convnext():
    widths = [(16, 32, 1), (32, 48, 1), (48, 64, 2), (64, None, 1)]
    return torchvision.models.ConvNeXt([CNBlockConfig(*w) for w in widths], num_classes=5)


def loaded(tmp_path, module, state, size=32, head="refuse"):
    """The module with a file's weights, and the report."""
    net = wrap(module, name="mine", classes=5, input=Input((size, size)))
    torch.save(state, tmp_path / "a.pt")
    found = fit_to(net, read(tmp_path / "a.pt"), head=head)
    return net.fresh(found.params), found.report


def agree(a, b, size=32):
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(a(x), b(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("one", "other"), [(vit, torchvision_vit), (convnext, torchvision_convnext)])
def test_timm_and_torchvision_compute_the_same(tmp_path, one, other):
    for a, b in ((shaken(one()), other()), (shaken(other()), one())):
        mine, report = loaded(tmp_path, b, a.state_dict(), 64 if one is convnext else 32)
        agree(mine, a, 64 if one is convnext else 32)
        assert report.complete and "names for" in report.rule and report.renamed


def vit_as_hugging_face(timm_state):
    """The names in a model.safetensors of ViTForImageClassification, one by one."""
    plain = {
        "vit.embeddings.cls_token": "cls_token",
        "vit.embeddings.position_embeddings": "pos_embed",
        "vit.embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
        "vit.embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
        "vit.layernorm.weight": "norm.weight",
        "vit.layernorm.bias": "norm.bias",
        "classifier.weight": "head.weight",
        "classifier.bias": "head.bias",
    }
    state = {new: timm_state[old] for new, old in plain.items()}
    for i in (0, 1):
        for kind in ("weight", "bias"):
            q, k, v = timm_state[f"blocks.{i}.attn.qkv.{kind}"].chunk(3)
            layer = f"vit.encoder.layer.{i}"
            state |= {
                f"{layer}.attention.attention.query.{kind}": q.clone(),
                f"{layer}.attention.attention.key.{kind}": k.clone(),
                f"{layer}.attention.attention.value.{kind}": v.clone(),
                f"{layer}.attention.output.dense.{kind}": timm_state[f"blocks.{i}.attn.proj.{kind}"],
                f"{layer}.intermediate.dense.{kind}": timm_state[f"blocks.{i}.mlp.fc1.{kind}"],
                f"{layer}.output.dense.{kind}": timm_state[f"blocks.{i}.mlp.fc2.{kind}"],
                f"{layer}.layernorm_before.{kind}": timm_state[f"blocks.{i}.norm1.{kind}"],
                f"{layer}.layernorm_after.{kind}": timm_state[f"blocks.{i}.norm2.{kind}"],
            }
    return state


def test_a_vit_of_hugging_face_into_timm_and_torchvision(tmp_path):
    truth = shaken(vit())
    state = vit_as_hugging_face(truth.state_dict())
    for network in (vit(), torchvision_vit()):
        mine, report = loaded(tmp_path, network, state | {"vit.pooler.dense.weight": torch.ones(48, 48)})
        agree(mine, truth)
        assert report.complete and report.aside == ("vit.pooler.dense.weight",)
    assert report.rule == "Hugging Face's names for ViT → torchvision's"
    wrapped, _ = loaded(tmp_path, vit(), {f"model.{k}": v for k, v in state.items()})
    agree(wrapped, truth)


def test_a_head_of_another_size_is_a_head_under_any_name(tmp_path):
    state = vit_as_hugging_face(shaken(vit()).state_dict()) | {"classifier.weight": torch.ones(7, 48)}
    state["classifier.bias"] = torch.ones(7)
    with pytest.raises(CheckpointError, match=r"its head is of another size, 7 classes .* \(head\.weight \(7, 48\)"):
        loaded(tmp_path, vit(), state)
    _, report = loaded(tmp_path, vit(), state, head="drop")
    assert report.complete and report.head_left_out == ("head.weight", "head.bias")


def test_a_resnet_of_hugging_face(tmp_path):
    net = build("torchvision/resnet18", 5)
    names = {"conv1": "resnet.embedder.embedder.convolution", "bn1": "resnet.embedder.embedder.normalization"}
    names |= {"fc": "classifier.1", "layer2.0.downsample.0": "resnet.encoder.stages.1.layers.0.shortcut.convolution"}
    names["layer4.1.bn2"] = "resnet.encoder.stages.3.layers.1.layer.1.normalization"
    names["layer2.0.conv1"] = "resnet.encoder.stages.1.layers.0.layer.0.convolution"
    state = {}
    for name, value in net.params().items():
        layer, _, kind = name.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{kind}"] = value
    torch.save(state, tmp_path / "a.pt")
    report = compare(net, read(tmp_path / "a.pt"))
    assert not report.left_over and len(report.fits) == len(state)
    assert ("classifier.1.weight", "fc.weight") in report.renamed


def test_metas_dinov2_with_registers_as_timm_converts_it(tmp_path):
    from timm.models.vision_transformer import checkpoint_filter_fn

    module = vit("vit_small_patch14_reg4_dinov2")
    meta = dict(shaken(module).state_dict())
    meta["register_tokens"] = meta.pop("reg_token")
    meta["pos_embed"] = torch.randn(1, 17, 48)
    meta["mask_token"] = torch.zeros(1, 48)
    wanted = checkpoint_filter_fn(dict(meta), module)
    mine, report = loaded(tmp_path, vit("vit_small_patch14_reg4_dinov2"), meta)
    assert report.complete and report.aside == ("mask_token",)
    for name, value in mine.state_dict().items():
        torch.testing.assert_close(value, wanted[name])


def test_metas_convnext_as_timm_converts_it(tmp_path):
    from timm.models.convnext import checkpoint_filter_fn

    module = shaken(convnext())
    names = {"stem.": "downsample_layers.0.", "head.norm.": "norm.", "head.fc.": "head."}
    state = {}
    for name, value in module.state_dict().items():
        for a, b in names.items():
            name = b + name.removeprefix(a) if name.startswith(a) else name
        if ".downsample." in name:
            stage, _, rest = name.removeprefix("stages.").partition(".downsample.")
            name = f"downsample_layers.{stage}.{rest}"
        name = name.replace("blocks.", "").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        state[name] = value
    assert checkpoint_filter_fn(dict(state), convnext()).keys() == module.state_dict().keys(), "the names are Meta's"
    mine, report = loaded(tmp_path, convnext(), state, 64)
    assert report.complete and report.rule == "Meta's names for ConvNeXt → timm's"
    agree(mine, module, 64)


def _of_transformers(kind):
    transformers = pytest.importorskip("transformers")
    vit_sizes = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": 32,
        "patch_size": 8,
    }
    conv = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1], "num_labels": 5, "layer_norm_eps": 1e-6}
    wide = {**vit_sizes, "intermediate_size": 192, "num_labels": 5, "layer_norm_eps": 1e-6}
    t = transformers
    return {
        "vit": lambda: (t.ViTForImageClassification(t.ViTConfig(**wide)), vit(), 32),
        "vit in torchvision": lambda: (t.ViTForImageClassification(t.ViTConfig(**wide)), torchvision_vit(), 32),
        "convnext": lambda: (t.ConvNextForImageClassification(t.ConvNextConfig(**conv)), convnext(), 64),
        "convnextv2": lambda: (
            t.ConvNextV2ForImageClassification(t.ConvNextV2Config(**conv)),
            convnext(use_grn=True, ls_init_value=None),
            64,
        ),
        "resnet": lambda: (
            t.ResNetForImageClassification(t.ResNetConfig(num_labels=5)),
            torchvision.models.resnet50(num_classes=5),
            64,
        ),
        "dinov2": lambda: (t.Dinov2Model(t.Dinov2Config(**vit_sizes)), vit("vit_small_patch14_dinov2"), 32),
        "dinov2 with registers": lambda: (
            t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**vit_sizes)),
            vit("vit_small_patch14_reg4_dinov2"),
            32,
        ),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    ["vit", "vit in torchvision", "convnext", "convnextv2", "resnet", "dinov2", "dinov2 with registers"],
)
def test_networks_of_transformers_compute_the_same(tmp_path, kind):
    truth, module, size = _of_transformers(kind)
    shaken(truth).save_pretrained(tmp_path / "saved")
    net = wrap(module, name="mine", classes=5, input=Input((size, size)))
    features = kind.startswith("dinov2")
    found = fit_to(net, read(tmp_path / "saved"), head="drop" if features else "refuse")
    mine, x = net.fresh(found.params), torch.randn(2, 3, size, size)
    with torch.no_grad():
        a, b = (truth(x).last_hidden_state, mine.forward_features(x)) if features else (truth(x).logits, mine(x))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def _small(kind):
    t = pytest.importorskip("transformers")
    body = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
        "image_size": 32, "patch_size": 8, "num_labels": 5,
    }  # fmt: skip
    windows = {"image_size": 32, "patch_size": 2, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2]}
    return {
        "vit": lambda: t.ViTForImageClassification(t.ViTConfig(**body)),
        "deit": lambda: t.DeiTForImageClassification(t.DeiTConfig(**body)),
        "beit": lambda: t.BeitForImageClassification(t.BeitConfig(**body)),
        "dinov2": lambda: t.Dinov2ForImageClassification(t.Dinov2Config(**body)),
        "swin": lambda: t.SwinForImageClassification(t.SwinConfig(**windows, window_size=4, num_labels=5)),
        "resnet": lambda: t.ResNetForImageClassification(
            t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5)
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["vit", "deit", "beit", "dinov2", "swin", "resnet"])
def test_what_transformers_save_fits_its_own_networks(tmp_path, kind):
    truth = shaken(_small(kind))
    truth.save_pretrained(tmp_path / "saved")  # since version 5 under other names than the network has
    torch.save({"state_dict": {f"model.{k}": v for k, v in truth.state_dict().items()}}, tmp_path / "own.pt")
    net = build(f"hf/{tmp_path / 'saved'}", 5)
    x = torch.randn(2, 3, *net.input.size)
    for file in ("saved", "own.pt"):
        found = fit_to(net, read(tmp_path / file))
        assert found.report.complete and not found.report.filled
        with torch.no_grad():
            assert torch.equal(net(found.params, x), truth(x).logits), file


def test_a_body_under_new_names_fits_timm(tmp_path):
    truth, module, size = _of_transformers("vit")
    state = {f"encoder_q.{k}": v for k, v in shaken(truth).state_dict().items()}
    torch.save(state, tmp_path / "x.pt")
    net = wrap(module, name="mine", classes=5, input=Input((size, size)))
    found, x = fit_to(net, read(tmp_path / "x.pt")), torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(truth(x).logits, net(found.params, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("before", ["body.", "module.body.", ""])
def test_files_in_which_a_library_names_layers_otherwise(tmp_path, before):
    body = torch.nn.Sequential()
    body.layers = torch.nn.Linear(12, 4)
    body.norm = torch.nn.LayerNorm(4)
    module = torch.nn.Sequential()
    module.flat, module.body, module.head = torch.nn.Flatten(), body, torch.nn.Linear(4, 5)
    written = {f"body.encoder.layer.{k}": f"body.layers.{k}" for k in ("weight", "bias")}
    written |= {k: k for k in module.state_dict() if "layers" not in k}
    net = replace(wrap(shaken(module), name="mine", classes=5, input=Input((2, 2))), saved_as=written)
    params = net.params()
    of_body = {a: params[b] for a, b in written.items() if a.startswith("body.")}
    torch.save({before + a.removeprefix("body."): v for a, v in of_body.items()}, tmp_path / "a.pt")
    found = fit_to(net, read(tmp_path / "a.pt"), head="drop", fresh={k: 0 * v for k, v in params.items()})
    assert found.report.rule == "Hugging Face's names in files → those of the network"
    assert all(torch.equal(found.params[k], v * (not k.startswith("head."))) for k, v in params.items())
