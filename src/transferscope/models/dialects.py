"""One architecture, several libraries: what tensors are called in Hugging Face's transformers, timm and torchvision.

Each family is a table of layers, one row a layer and one column a library. A file in one column's names is put into
another's, exactly: tensors are renamed, the three projections of attention stacked (query over key over value) or
taken apart, and scales given the shape that is wanted. Nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ..params import Params

__all__ = ["Translation", "translations"]

_BLOCKS, _STAGES, _DEPTH = 64, 4, 48
_QKV = ("query", "key", "value")


@dataclass(frozen=True, eq=False)
class Translation:
    """The tensors of a file under the names of another library.

    Attributes:
        rule: from which names to which, e.g. ``"Hugging Face's names for ViT → timm's"``.
        params: the tensors.
        names: (name in the file, name here) of every tensor of the file.
    """

    rule: str
    params: Params
    names: tuple[tuple[str, str], ...]


def translations(
    params: Mapping[str, Tensor], wanted: Mapping[str, Tensor], saved_as: Mapping[str, str] | None = None
) -> Iterator[Translation]:
    """Yield the tensors under every set of names that makes some of them those of the network.

    A beginning that the file puts before a library's names (``vit.``, ``model.resnet.``) comes off.

    Args:
        params: of the file.
        wanted: of the network.
        saved_as: names that the network's own library writes into files → names in the network.
    """
    if saved_as:
        yield _as_read(params, saved_as)
    for family, columns in _columns().items():
        for source, here in columns.items():
            found = _found(params, here)
            if not found:
                continue
            for target, there in columns.items():
                if target != source and sum(name in wanted for name in there.values()) > len(found) // 4:
                    yield _translated(f"{source} names for {family} → {target}", params, found, there, wanted)


def _as_read(params: Mapping[str, Tensor], saved_as: Mapping[str, str]) -> Translation:
    """Rename what a library wrote as it would read it again; what stands before all names stays there.

    A file of the body alone lacks the body's own name (``vit.``), which comes back.
    """
    bodies = {name.partition(".")[0] for name in saved_as if name.count(".") > 1}
    known = {name.partition(".")[2]: here for name, here in saved_as.items() if name.partition(".")[0] in bodies}
    known |= saved_as
    names = {}
    for name in params:
        ending = _ending(name, known)
        names[name] = name if ending is None else name.removesuffix(ending) + known[ending]
    renamed = {names[name]: value for name, value in params.items()}
    return Translation(f"{_HF} names in files → those of the network", renamed, tuple(names.items()))


def _found(params: Mapping[str, Tensor], here: Mapping[str, str]) -> dict[str, str]:
    """Find of each name of a file the layer it is of: the longest ending of it that the library has."""
    found: dict[str, str] = {}
    for name in params:
        if (ending := _ending(name, here)) is not None:
            found[name] = here[ending]
    # Two sets of weights in one file (student and teacher): not for us to choose.
    return found if len(set(found.values())) == len(found) and len(found) > 3 else {}


def _ending(name: str, known: Container[str]) -> str | None:
    """Return the longest ending of a name that is known, whole parts of it."""
    parts = name.split(".")
    return next((ending for i in range(len(parts)) if (ending := ".".join(parts[i:])) in known), None)


def _translated(
    rule: str,
    params: Mapping[str, Tensor],
    found: Mapping[str, str],
    there: Mapping[str, str],
    wanted: Mapping[str, Tensor],
) -> Translation:
    name_of = {layer: name for name, layer in found.items()}
    out: Params = {}
    names: dict[str, str] = {}
    for name, layer in found.items():
        stem, _, kind = layer.rpartition("|")
        attention, _, which = stem.rpartition("@")
        if layer in there:
            out[there[layer]] = params[name]
            names[name] = there[layer]
        elif attention and which in _QKV:  # three here, one there
            whole = there.get(f"{attention}@qkv|{kind}")
            parts = [name_of.get(f"{attention}@{w}|{kind}") for w in _QKV]
            if whole is not None and all(parts):
                names[name] = whole
                out.setdefault(whole, torch.cat([params[p] for p in parts if p is not None]))
        elif attention and which == "qkv" and params[name].shape[0] % 3 == 0:  # one here, three there
            for w, part in zip(_QKV, params[name].chunk(3), strict=True):
                if (single := there.get(f"{attention}@{w}|{kind}")) is not None:
                    out[single] = part
                    names[name] = f"{single.rpartition('.')[0].rpartition('.')[0]}.{{query,key,value}}.{kind}"
    for name, value in params.items():
        if name not in found:
            out.setdefault(name, value)
            names[name] = name
    for name, value in out.items():
        shape = wanted[name].shape if name in wanted else value.shape
        if value.shape != shape and value.squeeze().shape == shape.__class__(s for s in shape if s != 1):
            out[name] = value.reshape(shape)
    return Translation(rule, _registers(out, wanted), tuple(names.items()))


def _registers(params: Params, wanted: Mapping[str, Tensor]) -> Params:
    """Add the place of the class token into it, as timm has it where there are registers.

    DINOv2 adds a position to the class token and none to its registers; timm's networks with registers add none to
    either, so that the class token holds the sum. Source: timm, ``vision_transformer._convert_dinov2``.
    """
    if not ("reg_token" in params and "reg_token" in wanted and "pos_embed" in params and "cls_token" in params):
        return params
    where, patches = params["pos_embed"], wanted.get("pos_embed")
    if patches is None or where.ndim != 3 or where.shape[1] != patches.shape[1] + 1:
        return params
    return params | {"cls_token": params["cls_token"] + where[:, :1], "pos_embed": where[:, 1:]}


@cache
def _columns() -> dict[str, dict[str, dict[str, str]]]:
    """By family and library the names of all tensors that a network of the family can have, and their layers."""
    families: dict[str, Iterator[tuple[str, Mapping[str, str]]]] = {
        "ViT": _vit(),
        "DINOv2": _dinov2(gated=False),
        "DINOv2 with gated layers": _dinov2(gated=True),
        "ResNet": _resnet(),
        "ConvNeXt": _convnext(),
    }
    columns: dict[str, dict[str, dict[str, str]]] = {}
    for family, rows in families.items():
        for layer, names in rows:
            for library, name in names.items():
                # Both ways in one: names and layers share no word, as layers hold ``|``.
                column = columns.setdefault(family, {}).setdefault(library, {})
                kinds = [""] if layer.endswith("|") else _KINDS  # a tensor of its own, or those of a layer
                for kind in kinds:
                    tensor = f"{name}{'.' if kind and not name.endswith('_') else ''}{kind}"
                    key = layer if not kind else f"{layer}|{kind}"
                    column.setdefault(tensor, key)
                    column.setdefault(key, tensor)
    return columns


_KINDS = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]

_HF, _TIMM, _TV, _META = "Hugging Face's", "timm's", "torchvision's", "Meta's"
_HF5 = "transformers 5's"
"""What networks of Hugging Face's library are called since its version 5; its files keep the names they had."""


def _both(name: str) -> dict[str, str]:
    """A name that networks of transformers kept."""
    return {_HF: name, _HF5: name}


def _projection(layer: str, which: str) -> str:
    return f"{layer}.attention.{which[0]}_proj"


def _vit() -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "cls|", {**_both("embeddings.cls_token"), _TIMM: "cls_token", _TV: "class_token"}
    yield "position|", {**_both("embeddings.position_embeddings"), _TIMM: "pos_embed", _TV: "encoder.pos_embedding"}
    yield "distilled|", {**_both("embeddings.distillation_token"), _TIMM: "dist_token"}
    yield "patch", {**_both("embeddings.patch_embeddings.projection"), _TIMM: "patch_embed.proj", _TV: "conv_proj"}
    for i in range(_BLOCKS):
        hf, timm, tv = f"encoder.layer.{i}", f"blocks.{i}", f"encoder.layers.encoder_layer_{i}"
        new = f"layers.{i}"
        before, after = ({_HF: f"{hf}.layernorm_{w}", _HF5: f"{new}.layernorm_{w}"} for w in ("before", "after"))
        yield f"{i}.norm1", {**before, _TIMM: f"{timm}.norm1", _TV: f"{tv}.ln_1"}
        yield f"{i}@qkv", {_TIMM: f"{timm}.attn.qkv", _TV: f"{tv}.self_attention.in_proj_"}
        for which in _QKV:
            yield f"{i}@{which}", {_HF: f"{hf}.attention.attention.{which}", _HF5: _projection(new, which)}
        out = {_HF: f"{hf}.attention.output.dense", _HF5: f"{new}.attention.o_proj"}
        yield f"{i}.out", {**out, _TIMM: f"{timm}.attn.proj", _TV: f"{tv}.self_attention.out_proj"}
        yield f"{i}.norm2", {**after, _TIMM: f"{timm}.norm2", _TV: f"{tv}.ln_2"}
        wide, back = (f"{timm}.mlp.fc1", f"{tv}.mlp.0"), (f"{timm}.mlp.fc2", f"{tv}.mlp.3")
        yield f"{i}.wide", {_HF: f"{hf}.intermediate.dense", _HF5: f"{new}.mlp.fc1", _TIMM: wide[0], _TV: wide[1]}
        yield f"{i}.back", {_HF: f"{hf}.output.dense", _HF5: f"{new}.mlp.fc2", _TIMM: back[0], _TV: back[1]}
    yield "norm", {**_both("layernorm"), _TIMM: "norm", _TV: "encoder.ln"}
    yield "head", {**_both("classifier"), _TIMM: "head", _TV: "heads.head"}
    yield "head of DeiT", {**_both("cls_classifier"), _TIMM: "head"}
    yield "second head of DeiT", {**_both("distillation_classifier"), _TIMM: "head_dist"}


def _dinov2(gated: bool) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "cls|", {**_both("embeddings.cls_token"), _TIMM: "cls_token", _META: "cls_token"}
    yield "position|", {**_both("embeddings.position_embeddings"), _TIMM: "pos_embed", _META: "pos_embed"}
    yield "registers|", {**_both("embeddings.register_tokens"), _TIMM: "reg_token", _META: "register_tokens"}
    patch = "patch_embed.proj"
    yield "patch", {**_both("embeddings.patch_embeddings.projection"), _TIMM: patch, _META: patch}
    wide = ("weights_in", "w12", "weights_out", "w3") if gated else ("fc1", "fc1", "fc2", "fc2")
    for i in range(_BLOCKS):
        hf, timm = f"encoder.layer.{i}", f"blocks.{i}"
        yield f"{i}@qkv", {_TIMM: f"{timm}.attn.qkv", _META: f"{timm}.attn.qkv"}
        for which in _QKV:
            yield f"{i}@{which}", {_HF: f"{hf}.attention.attention.{which}", _HF5: _projection(hf, which)}
        out = {_HF: f"{hf}.attention.output.dense", _HF5: f"{hf}.attention.o_proj"}
        yield f"{i}.attn.proj", {**out, _TIMM: f"{timm}.attn.proj", _META: f"{timm}.attn.proj"}
        for norm in ("norm1", "norm2"):
            yield f"{i}.{norm}", {**_both(f"{hf}.{norm}"), _TIMM: f"{timm}.{norm}", _META: f"{timm}.{norm}"}
        for k, a, b in ((1, wide[0], wide[1]), (2, wide[2], wide[3])):
            yield f"{i}.fc{k}", {**_both(f"{hf}.mlp.{a}"), _TIMM: f"{timm}.mlp.fc{k}", _META: f"{timm}.mlp.{b}"}
            scale = f"{timm}.ls{k}.gamma"
            yield f"{i}.scale{k}|", {**_both(f"{hf}.layer_scale{k}.lambda1"), _TIMM: scale, _META: scale}
    yield "norm", {**_both("layernorm"), _TIMM: "norm", _META: "norm"}
    yield "head", {**_both("classifier"), _TIMM: "head"}


def _resnet() -> Iterator[tuple[str, Mapping[str, str]]]:
    both = f"{_TV} and timm's"
    for a, b in (("convolution", "conv1"), ("normalization", "bn1")):
        yield b, {_HF: f"embedder.embedder.{a}", both: b}
    for s in range(_STAGES):
        for i in range(_DEPTH):
            hf, tv = f"encoder.stages.{s}.layers.{i}", f"layer{s + 1}.{i}"
            for kind, short, place in (("convolution", "conv", 0), ("normalization", "bn", 1)):
                for k in range(3):
                    yield f"{tv}.{short}{k}", {_HF: f"{hf}.layer.{k}.{kind}", both: f"{tv}.{short}{k + 1}"}
                yield f"{tv}.down{place}", {_HF: f"{hf}.shortcut.{kind}", both: f"{tv}.downsample.{place}"}
    yield "head", {_HF: "classifier.1", both: "fc"}


def _convnext() -> Iterator[tuple[str, Mapping[str, str]]]:
    for k, stem in enumerate(("patch_embeddings", "layernorm")):
        yield f"stem{k}", {
            _HF: f"embeddings.{stem}", _TIMM: f"stem.{k}", _TV: f"features.0.{k}", _META: f"downsample_layers.0.{k}"
        }  # fmt: skip
    for s in range(_STAGES):
        for k in (0, 1):
            yield f"down{s}.{k}", {
                _HF: f"encoder.stages.{s}.downsampling_layer.{k}", _TIMM: f"stages.{s}.downsample.{k}",
                **({_TV: f"features.{2 * s}.{k}", _META: f"downsample_layers.{s}.{k}"} if s else {}),
            }  # fmt: skip
        for i in range(_DEPTH):
            hf, timm = f"encoder.stages.{s}.layers.{i}", f"stages.{s}.blocks.{i}"
            tv, meta = f"features.{2 * s + 1}.{i}", f"stages.{s}.{i}"
            for a, b, c in (
                ("dwconv", "conv_dw", "block.0"),
                ("layernorm", "norm", "block.2"),
                ("pwconv1", "mlp.fc1", "block.3"),
                ("pwconv2", "mlp.fc2", "block.5"),
            ):
                original = f"{meta}.{a.replace('layernorm', 'norm')}"
                yield f"{timm}.{b}", {_HF: f"{hf}.{a}", _TIMM: f"{timm}.{b}", _TV: f"{tv}.{c}", _META: original}
            yield f"{timm}.grn", {_HF: f"{hf}.grn", _TIMM: f"{timm}.mlp.grn"}  # of the second version
            yield f"{timm}.gamma|", {
                _HF: f"{hf}.layer_scale_parameter", _TIMM: f"{timm}.gamma", _TV: f"{tv}.layer_scale",
                _META: f"{meta}.gamma",
            }  # fmt: skip
    yield "norm", {_HF: "layernorm", _TIMM: "head.norm", _TV: "classifier.0", _META: "norm"}
    yield "head", {_HF: "classifier", _TIMM: "head.fc", _TV: "classifier.2", _META: "head"}
