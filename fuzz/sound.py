"""Sound files of every kind, and how each kind is read; some pickles ask to run code, which must never happen."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

__all__ = ["Kind", "kinds"]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: what to call it.
        files: sound contents to change.
        mutation: how they are changed, see :func:`fuzz.mutate.mutated`.
        suffix: of the file's name.
        read: reads the file as a user's command does; the folder is empty but for it and what ``around`` puts there.
        around: puts other files into the folder, once.
    """

    name: str
    files: tuple[bytes, ...]
    mutation: str
    suffix: str
    read: Callable[[Path], object]
    around: Callable[[Path], None] = lambda folder: None


class _Runs:
    """Unpickled, it would call a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def kinds(marker: Path) -> tuple[Kind, ...]:
    """List the kinds of files.

    Args:
        marker: a file that a pickle would write if its code were run.
    """
    from transferscope.models.build import build

    net = build("mlp:4", 2)
    params = net.params()
    return (
        Kind("safetensors", (_safetensors(params),), "safetensors", ".safetensors", _weights),
        Kind("PyTorch's zip", (*_torch_files(params, new=True), *_harmful(marker, new=True)), "zip", ".pt", _weights),
        Kind("PyTorch's old format", (*_torch_files(params, new=False), *_harmful(marker, new=False)), "bytes",
             ".pth", _weights),
        Kind("study file", _studies(), "text", ".yaml", _study, _pictures),
        Kind("DomainNet list", _lists(), "text", ".txt", _domainnet, _domain_pictures),
        Kind("CheXpert table", _tables(), "text", ".csv", _chexpert),
        Kind("Hugging Face configuration", _configurations(), "text", ".json", _hugging_face),
        Kind("image", _images(), "bytes", ".img", _image),
    )  # fmt: skip


def _safetensors(params: dict[str, torch.Tensor]) -> bytes:
    from safetensors.torch import save

    return save({k: v.contiguous() for k, v in params.items()}, {"epoch": "3"})


def _saved(content: object, new: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def _torch_files(params: dict[str, torch.Tensor], new: bool) -> tuple[bytes, ...]:
    wrapped = {f"module.{k}": v for k, v in params.items()}
    whole = {"state_dict": wrapped, "epoch": 3, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}}
    return _saved(params, new), _saved(whole, new)


def _harmful(marker: Path, new: bool) -> tuple[bytes, ...]:
    """Files that would write the marker by different ways, if anything in them were called."""
    import os
    import subprocess

    calls = (
        _Runs(os.system, f"touch {marker}"),
        _Runs(eval, f"open({str(marker)!r}, 'w')"),
        _Runs(subprocess.Popen, ["touch", str(marker)]),
        _Runs(Path.touch, marker),
        _Runs(getattr, _Runs(__import__, "os"), "getcwd"),
    )
    return tuple(_saved({"w": torch.ones(2, 2), "x": call}, new) for call in calls)


def _weights(path: Path) -> object:
    from transferscope.models.build import build
    from transferscope.models.load import load_weights
    from transferscope.questions.doctor.measure import doctor

    net = build("mlp:4", 2)
    text = doctor(path, net).text()
    return text, load_weights(net, path)


def _studies() -> tuple[bytes, ...]:
    plain = """name: birds
network: {name: "mlp:4", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
images: {size: 8, channels: 3}
source:
  data: folder:pictures?val=0.2
  recipe: {epochs: 2, lr: 0.1, batch: 4}
targets:
  birds: {data: "folder:pictures", recipe: {lr: 0.05}}
  clips: {data: "synthetic:clipart?train=24&test=12"}
starts:
  P-T: {from: source, seeds: [0, 1], recipe: {lr: 0.02}}
  RI-T: {from: random, seeds: [0, 1]}
record: {epochs: [1, 2]}
analyses:
  mistakes: true
  barrier: {weights: final}
  distance: true
"""
    return (plain.encode(), plain.replace("{", "\n    {").encode())


def _study(path: Path) -> object:
    from transferscope.study.check import check
    from transferscope.study.load import load_study

    return check(load_study(path))


def _pictures(folder: Path) -> None:
    for label in ("a", "b"):
        (folder / "pictures" / label).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / "pictures" / label / f"{i}.png")


def _lists() -> tuple[bytes, ...]:
    lines = [f"clipart/{label}/{i}.png {c}" for c, label in enumerate(("ape", "bee")) for i in range(6)]
    return ("\n".join(lines).encode() + b"\n", "\r\n".join(lines).encode("utf-8-sig"))


def _domain_pictures(folder: Path) -> None:
    for label in ("ape", "bee"):
        (folder / "clipart" / label).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / "clipart" / label / f"{i}.png")
    (folder / "clipart_test.txt").write_bytes(_lists()[0])


def _domainnet(path: Path) -> object:
    return _listed(path, "clipart_train.txt", f"domainnet:{path.parent}?domain=clipart")


def _tables() -> tuple[bytes, ...]:
    findings = ("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
                "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other",
                "Fracture", "Support Devices")  # fmt: skip
    head = ",".join(("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *findings))
    random = np.random.default_rng(0)
    rows = [
        f"CheXpert-v1.0-small/train/patient{i}/study1/view1_frontal.jpg,Female,60,Frontal,AP,"
        + ",".join(random.choice(["1.0", "0.0", "-1.0", ""], len(findings)))
        for i in range(12)
    ]
    return ("\n".join((head, *rows)).encode() + b"\n",)


def _chexpert(path: Path) -> object:
    return _listed(path, "train.csv", f"chexpert:{path.parent}")


def _listed(path: Path, name: str, spec: str) -> object:
    from transferscope.data.spec import parse

    (path.parent / name).write_bytes(path.read_bytes())
    return parse(spec).parts(0)


def _configurations() -> tuple[bytes, ...]:
    config = {"model_type": "vit", "image_size": 32, "patch_size": 8, "num_channels": 3, "hidden_size": 32}
    seen = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
            "do_rescale": True, "rescale_factor": 0.00392}  # fmt: skip
    return tuple(json.dumps(told, indent=1).encode() for told in (config, seen))


def _hugging_face(path: Path) -> object:
    from transferscope.models.hugging_face import input_of

    told = path.read_bytes()
    (path.parent / "config.json").write_bytes(told)
    (path.parent / "preprocessor_config.json").write_bytes(told)
    return input_of(str(path.parent), {})


def _images() -> tuple[bytes, ...]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    made = []
    for format_ in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format_)
        made.append(file.getvalue())
    deep = io.BytesIO()
    Image.fromarray(random.integers(0, 2**16, (24, 20), dtype=np.uint16)).save(deep, "PNG")
    return (*made, deep.getvalue())


def _image(path: Path) -> object:
    from transferscope.data.decode import Form, decode_files

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PIL, about what it repairs
        return decode_files([str(path)], Form(8, 8))
