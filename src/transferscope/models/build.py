"""Networks by name, networks around any module, and fresh random weights from a seed. Nothing is downloaded."""

from __future__ import annotations

import copy
import difflib
import importlib
import importlib.util
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ModelError, nearest
from ..params import Params
from ..rng import seed_of
from .fixup import CIFAR_DEPTHS, IMAGENET_DEPTHS, fixup_resnet
from .lenet import LeNet
from .mlp import mlp
from .modules import find_head
from .network import Input, Network
from .resnet_cifar import DEPTHS, cifar_resnet
from .tracing import trace

__all__ = ["build", "designed_for", "initialise", "known", "wrap"]

_DIGITS = Input((28, 28), 1, (0.1307,), (0.3081,))
_OWN: dict[str, Input] = {
    **{f"fixup_resnet{depth}": Input((224, 224)) for depth in IMAGENET_DEPTHS},
    **{f"fixup_resnet{depth}": Input((32, 32)) for depth in CIFAR_DEPTHS},
    **{f"resnet{depth}": Input((32, 32)) for depth in DEPTHS},
    "lenet": _DIGITS,
}
_MLP_EXAMPLE = "mlp:400-200-100"
_REGISTERED = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)


def known(library: Literal["own", "torchvision", "timm"] = "own") -> tuple[str, ...]:
    """Names that :func:`build` takes: our own (``mlp:`` with an example of widths), or those of a library.

    >>> known()[:3], known()[-2:]
    (('fixup_resnet18', 'fixup_resnet34', 'fixup_resnet50'), ('lenet', 'mlp:400-200-100'))
    """
    if library == "own":
        return (*_OWN, _MLP_EXAMPLE)
    if library == "torchvision":
        models = _library("torchvision.models")
        return tuple(f"torchvision/{name}" for name in models.list_models(module=models))
    return tuple(f"timm/{name}" for name in _library("timm").list_models())


def build(name: str, classes: int, *, input: Input | None = None, seed: int = 0) -> Network:  # noqa: A002
    """Build a network by its name, with random weights.

    Args:
        name: one of :func:`known`, ``mlp:400-200-100`` (hidden widths), ``torchvision/NAME`` or ``timm/NAME``.
        classes: number of outputs.
        input: what it shall see; by default what it was designed for.
        seed: of the random weights.

    Raises:
        ModelError: for an unknown name (the nearest known one is named), or an input it cannot take.

    >>> net = build("fixup_resnet20", 10)
    >>> net.head, net.input.size, [m.name for m in net.modules("stage")]
    ('fc', (32, 32), ['conv1', 'layer1', 'layer2', 'layer3', 'fc'])
    """
    if classes < 1:
        raise ModelError(f"{name}: {classes} classes; expected at least 1")
    wanted = input or designed_for(name)
    make = partial(_construct, name, classes, wanted)
    return _network(_seeded(make, seed), name, classes, wanted, None, make)


def wrap(
    module: nn.Module,
    *,
    name: str,
    classes: int,
    input: Input,  # noqa: A002
    head: str | None = None,
    make: Callable[[], nn.Module] | None = None,
) -> Network:
    """Make a network of any module that turns ``(b, channels, height, width)`` into logits ``(b, classes)``.

    Args:
        module: is copied, and its weights become those of the template.
        name: what to call it.
        classes: number of outputs.
        input: what it wants to see.
        head: prefix of the final classifier's tensors; found by itself when ``None``, ``""`` for none.
        make: constructs the module anew, for :func:`initialise`; needed where a part has weights of its own and no
            ``reset_parameters``.

    Raises:
        ModelError: when the module cannot be copied or take this input, does not return logits, or has no such head.

    >>> wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), name="mine", classes=5, input=Input((2, 2))).head
    '1'
    """
    try:
        copied = copy.deepcopy(module).cpu()
    except (RuntimeError, TypeError) as e:  # weights computed from others by a hook, open files, locks
        raise ModelError(f"{name}: cannot be copied: {str(e).splitlines()[0]}") from e
    return _network(copied, name, classes, input, head, make)


def initialise(net: Network, seed: int, stream: str = "") -> Params:
    """Draw fresh random weights as the constructor of the network does; the same bits for the same seed.

    Args:
        net: the network.
        seed: of the draw.
        stream: what the weights are for, where those of the same seed for other purposes are to differ.

    Raises:
        ModelError: for a wrapped module that cannot be constructed again, nor reset in place.

    >>> net = build("lenet", 10)
    >>> a, b, c = (initialise(net, seed)["fc3.weight"] for seed in (1, 1, 2))
    >>> bool((a == b).all()), bool((a == c).any())
    (True, False)
    """
    params = _seeded(net.make or partial(_reset_copy, net), seed, stream).state_dict()
    template = net.module.state_dict()
    if {k: v.shape for k, v in params.items()} != {k: v.shape for k, v in template.items()}:
        raise ModelError(f"{net.name}: its make() returns another architecture than the module that was wrapped")
    return {k: v.detach() for k, v in params.items()}


def _network(
    module: nn.Module, name: str, classes: int, wanted: Input, head: str | None, make: Callable[[], nn.Module] | None
) -> Network:
    seen = trace(module, wanted.size, wanted.channels)
    returned = seen.calls[""].shape
    if seen.returns != "Tensor" or returned != (classes,):
        what = f"{seen.returns} of shape {('b', *returned)}".replace("'", "")
        raise ModelError(f"{name}: returns a {what}; expected a Tensor of logits (b, {classes})")
    found = find_head(seen, classes) if head is None else head
    if found and not any(k.startswith(f"{found}.") for k in seen.tensors):
        owners = {k.rpartition(".")[0] for k in seen.tensors} - {""}
        raise ModelError(f"{name}: no tensor is called {found}.…{nearest(found, owners)}")
    net = Network(module.eval(), name, classes, wanted, found, make)
    net.__dict__["_trace"] = seen  # what the cached property would compute again
    return net


def _seeded(make: Callable[[], nn.Module], seed: int, stream: str = "") -> nn.Module:
    # Constructors, ours and the libraries', draw from torch's global CPU generator and take no other; it is seeded
    # for the time of the construction only, and left as it was found.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed_of("initialise", *([stream] if stream else []), seed))
        return make()


def _reset_copy(net: Network) -> nn.Module:
    module = copy.deepcopy(net.module)
    for path, part in module.named_modules():
        if not part._parameters and not part._buffers:
            continue
        reset = getattr(part, "reset_parameters", None)
        if not callable(reset):
            own = next(iter([*part._parameters, *part._buffers]))
            place = f"{path}.{own}" if path else own
            raise ModelError(
                f"{net.name}: cannot be drawn anew, {type(part).__name__} has {place!r} but no reset_parameters(); "
                "give wrap(..., make=...)"
            )
        reset()
    return module


def _construct(name: str, classes: int, wanted: Input) -> nn.Module:
    """Construct the module of this name; what is random in it comes from the global generator."""
    library, _, rest = name.partition("/")
    if rest and library == "torchvision":
        return _from_torchvision(rest, classes, wanted)
    if rest and library == "timm":
        return _from_timm(rest, classes, wanted)
    if name.startswith("mlp:"):
        return mlp(name.removeprefix("mlp:"), classes, wanted.size, wanted.channels)
    if name == "lenet":
        return LeNet(classes, wanted.size, wanted.channels)
    depth = int(re.sub(r"\D", "", name))
    return (fixup_resnet if name.startswith("fixup") else cifar_resnet)(depth, classes, wanted.channels)


def designed_for(name: str) -> Input:
    """Return what the network of this name wants to see.

    Raises:
        ModelError: when there is none of this name.
    """
    library, _, rest = name.partition("/")
    if name in _OWN:
        return _OWN[name]
    if name.startswith("mlp:"):
        return _DIGITS
    if rest and library == "torchvision":
        weights = _torchvision_weights(rest)
        return Input((weights.transforms().crop_size[0],) * 2)
    if rest and library == "timm":
        return _timm_input(rest)
    raise ModelError(f"unknown network {name!r}{_nearest_anywhere(name)}")


def _torchvision_weights(name: str) -> Any:
    models = _library("torchvision.models")
    if name not in models.list_models(module=models):
        raise ModelError(
            f"unknown network 'torchvision/{name}'{nearest(f'torchvision/{name}', known('torchvision'))}"
        )
    return models.get_model_weights(name).DEFAULT


def _from_torchvision(name: str, classes: int, wanted: Input) -> nn.Module:
    _torchvision_weights(name)
    options: dict[str, Any] = {"weights": None, "num_classes": classes}
    if name.startswith("vit_"):
        options["image_size"] = wanted.size[0]
    elif name.startswith("maxvit"):
        options["input_size"] = wanted.size
    elif name in ("inception_v3", "googlenet"):
        # Auxiliary classifiers would change what the network returns while training.
        options |= {"aux_logits": False, "init_weights": True}
    if wanted.channels != 3:
        raise ModelError(f"torchvision/{name} sees 3 channels, not {wanted.channels}; give RGB images or take timm/…")
    return _made(f"torchvision/{name}", partial(_library("torchvision.models").get_model, name, **options))


def _timm_input(name: str) -> Input:
    timm = _library("timm")
    if not timm.is_model(name):
        raise ModelError(f"unknown network 'timm/{name}'{nearest(f'timm/{name}', known('timm'))}")
    config = timm.get_pretrained_cfg(name)
    if config is None:
        return Input((224, 224))
    channels, height, width = config.input_size
    return Input((height, width), channels, tuple(config.mean), tuple(config.std))


def _from_timm(name: str, classes: int, wanted: Input) -> nn.Module:
    designed = _timm_input(name)
    timm = _library("timm")
    options: dict[str, Any] = {"pretrained": False, "num_classes": classes, "in_chans": wanted.channels}
    config = timm.get_pretrained_cfg(name)
    if wanted.size != designed.size and config is not None and config.fixed_input_size:
        options["img_size"] = wanted.size
    return _made(f"timm/{name}", partial(timm.create_model, name, **options))


def _made(name: str, make: Callable[[], Any]) -> nn.Module:
    try:
        module: nn.Module = make()
    except (TypeError, ValueError, RuntimeError, AssertionError) as e:
        reason = next(iter(str(e).splitlines()), type(e).__name__)
        raise ModelError(f"{name}: cannot be built for this input and number of classes: {reason}") from e
    return module


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        package = name.partition(".")[0]
        raise ModelError(f"{package} cannot be imported ({e}); pip install {package}") from e


def _nearest_anywhere(name: str) -> str:
    """Name the nearest network of ours or of a library; a library's own name wants its prefix."""
    if name.startswith("mlp"):
        return f"; hidden widths are given as in {_MLP_EXAMPLE!r}"
    full = {n: f"{library}/{n}" for library in ("timm", "torchvision") for n in _registered(library)}
    full |= {n: n for n in known()}
    if name in full:
        return f"; did you mean {full[name]!r}?"
    close = difflib.get_close_matches(name.lower(), full, n=1, cutoff=0.5)
    return (
        f"; did you mean {full[close[0]]!r}?" if close else nearest(name, (*known(), "torchvision/NAME", "timm/NAME"))
    )


def _registered(library: str) -> list[str]:
    """Names of a library's networks as its source text has them: to import it for a misspelt name takes seconds."""
    spec = importlib.util.find_spec(library)
    if spec is None or spec.origin is None:
        return []
    sources = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    return [name for source in sources for name in _REGISTERED.findall(source.read_text(encoding="utf-8"))]
