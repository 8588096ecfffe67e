"""Networks by name, networks around any module, and fresh random weights from a seed. Nothing is downloaded."""

from __future__ import annotations

import copy
import difflib
import importlib.util
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import ModelError, UsageError, nearest
from ..params import Params
from ..rng import seed_of
from . import hugging_face, libraries, own_file
from .fixup import CIFAR_DEPTHS, IMAGENET_DEPTHS, fixup_resnet
from .lenet import LeNet
from .mlp import mlp
from .modules import find_head, find_twins
from .network import Input, Network
from .options import Option, split_name, typed
from .prepared import aliases, choose_output, prepared, usual_output
from .resnet_cifar import DEPTHS, cifar_resnet
from .soundness import check_function
from .tracing import trace

__all__ = [
    "build",
    "constructed",
    "designed_for",
    "initialise",
    "known",
    "outputs_of",
    "sources_of",
    "with_absolute_path",
    "wrap",
]

_DIGITS = Input((28, 28), 1, (0.1307,), (0.3081,))
_OWN: dict[str, Input] = {
    **{f"fixup_resnet{depth}": Input((224, 224)) for depth in IMAGENET_DEPTHS},
    **{f"fixup_resnet{depth}": Input((32, 32)) for depth in CIFAR_DEPTHS},
    **{f"resnet{depth}": Input((32, 32)) for depth in DEPTHS},
    "lenet": _DIGITS,
}
_MLP_EXAMPLE = "mlp:400-200-100"
_SOUND: set[tuple[str | None, tuple[int, int], int]] = set()
"""Networks of libraries that were seen to be functions of weights and image in this process."""
_REGISTERED = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)


def known(library: Literal["own", "torchvision", "timm"] = "own") -> tuple[str, ...]:
    """Names that :func:`build` takes: our own (``mlp:`` with an example of widths), or those of a library.

    >>> known()[:3], known()[-2:]
    (('fixup_resnet18', 'fixup_resnet34', 'fixup_resnet50'), ('lenet', 'mlp:400-200-100'))
    """
    if library == "own":
        return (*_OWN, _MLP_EXAMPLE)
    return libraries.names(library)


def build(
    name: str,
    classes: int,
    *,
    input: Input | None = None,  # noqa: A002
    size: int | None = None,
    channels: Literal[1, 3] | None = None,
    seed: int = 0,
) -> Network:
    """Build a network by its name, with random weights.

    Args:
        name: one of :func:`known`, ``mlp:400-200-100`` (hidden widths), ``torchvision/NAME`` or ``timm/NAME``,
            ``hf/FOLDER`` (a local Hugging Face folder) or ``py:FILE:FACTORY`` (a function or class in a file of
            yours, which is run). Those take options, ``timm/NAME?img_size=32&drop_rate=0.1``, and our ResNets one,
            the channels of their first stage, and so has LeNet: ``fixup_resnet20?width=8``.
        classes: number of outputs.
        input: what it shall see; by default what it was designed for.
        size: side of the images in pixels, where only this is to be other than it was designed for.
        channels: 1 for grey images or 3, likewise.
        seed: of the random weights.

    Raises:
        ModelError: for an unknown name or option (the nearest known one is named), an input it cannot take, or a
            network that is no function of its weights and one image.

    >>> net = build("fixup_resnet20", 10)
    >>> net.head, net.input.size, [m.name for m in net.modules("stage")]
    ('fc', (32, 32), ['conv1', 'layer1', 'layer2', 'layer3', 'fc'])
    >>> build("lenet", 10, size=28, channels=1).input.described()
    'grey images of 28×28 pixels, mean 0.131, std 0.308'
    """
    if input is not None and (size is not None or channels is not None):
        raise UsageError("give 'input', or 'size' and 'channels' of what the network was designed for, not both")
    if classes < 1:
        raise ModelError(f"{name}: {classes} classes; expected at least 1")
    wanted = input or designed_for(name).changed(size, channels)
    make = partial(_construct, name, classes, wanted)
    kind, rest, _ = _parts(name)
    output = own_file.output_of(rest) if kind == "py" else None
    return _network(_seeded(make, seed), name, classes, wanted, None, make, output=output, known_as=name)


def wrap(
    module: nn.Module,
    *,
    name: str,
    classes: int,
    input: Input,  # noqa: A002
    head: str | None = None,
    make: Callable[[], nn.Module] | None = None,
    output: int | str | None = None,
) -> Network:
    """Make a network of any module that turns ``(b, channels, height, width)`` into logits ``(b, classes)``.

    Weights of other formats (float64, float16, bfloat16) are taken as float32. A tensor with several names (tied
    layers) is one weight, under the first. ``notes`` of the network say so.

    Args:
        module: is copied, and its weights become those of the template.
        name: what to call it.
        classes: number of outputs.
        input: what it wants to see.
        head: prefix of the final classifier's tensors; found by itself when ``None``, ``""`` for none.
        make: constructs the module anew, for :func:`initialise`; needed where a part has weights of its own and no
            ``reset_parameters``.
        output: which of several outputs are the logits, by place or name; by default the one called ``logits``, else
            the first with a number for each class.

    Raises:
        ModelError: when the module cannot be copied or take this input, does not return logits, has no such head, or
            is no function of its weights and one image.

    >>> wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), name="mine", classes=5, input=Input((2, 2))).head
    '1'
    """
    return _network(module, name, classes, input, head, make, output=output)


def constructed(name: str, classes: int, wanted: Input, *, seed: int = 0) -> nn.Module:
    """Construct the module of this name with random weights, and take it as it is, whether or not a network can be
    made of it.

    Args:
        name: as for :func:`build`.
        classes: number of outputs.
        wanted: what it shall see.
        seed: of the random weights.

    Raises:
        ModelError: for an unknown name, or a factory that fails.

    >>> type(constructed("lenet", 10, Input((28, 28), 1, (0.5,), (0.5,)))).__name__
    'LeNet'
    """
    designed_for(name)  # says what is wrong with a name
    return _seeded(partial(_construct, name, classes, wanted), seed)


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
    made = _seeded(net.make, seed, stream) if net.make else _seeded(partial(_reset_copy, net), seed, stream)
    params = prepared(made, net.name)[0].state_dict() if net.make else made.state_dict()
    template = net.module.state_dict()
    if {k: v.shape for k, v in params.items()} != {k: v.shape for k, v in template.items()}:
        raise ModelError(f"{net.name}: its make() returns another architecture than the module that was wrapped")
    return {k: v.detach() for k, v in params.items()}


def _network(
    module: nn.Module,
    name: str,
    classes: int,
    wanted: Input,
    head: str | None,
    make: Callable[[], nn.Module] | None,
    *,
    output: int | str | None = None,
    known_as: str | None = None,
) -> Network:
    module, notes = prepared(module, name)
    seen = trace(module, wanted.size, wanted.channels)
    if seen.returns != "Tensor":
        taken, why = (output, "") if output is not None else usual_output(_returned(module, wanted), classes)
        choose_output(module, taken)
        several, seen = seen.returns, trace(module, wanted.size, wanted.channels)
        if seen.returns == "Tensor":
            notes = (*notes, f"of its outputs ({several}) {taken!r} is taken{f', {why}' if why else ''}")
    returned = seen.calls[""].shape
    if seen.returns != "Tensor" or returned != (classes,):
        what = f"{seen.returns} of shape {('b', *returned)}".replace("'", "")
        several = "" if seen.returns == "Tensor" else "; of several outputs choose one, wrap(..., output=0)"
        raise ModelError(f"{name}: returns a {what}; expected a Tensor of logits (b, {classes}){several}")
    if known_as is not None and getattr(module, "transform_input", False):
        notes = (*notes, "scales images once more, as torchvision's weights want it; else ?transform_input=false")
    found = find_head(seen, classes) if head is None else head
    if found and not any(k.startswith(f"{found}.") for k in seen.tensors):
        owners = {k.rpartition(".")[0] for k in seen.tensors} - {""}
        raise ModelError(f"{name}: no tensor is called {found}.…{nearest(found, owners)}")
    twins = find_twins(seen, found)
    if twins:
        layers = ", ".join((found, *twins))
        notes = (*notes, f"has {1 + len(twins)} final layers ({layers}); its answer is what eval mode makes of them")
    key = (known_as, wanted.size, wanted.channels)
    if known_as is None or not (_is_own(known_as) or key in _SOUND):
        check_function(module, name, wanted.size, wanted.channels)
        if known_as is not None and not known_as.startswith("py:"):
            _SOUND.add(key)
    saved_as = hugging_face.saved_names(module)
    net = Network(module, name, classes, wanted, found, make, aliases(module), notes, twins, saved_as)
    net.__dict__["_trace"] = seen  # what the cached property would compute again
    return net


def _returned(module: nn.Module, wanted: Input) -> Any:
    with torch.no_grad():
        return copy.deepcopy(module)(torch.zeros((1, wanted.channels, *wanted.size)))


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


def _is_own(name: str) -> bool:
    return name.partition("?")[0] in _OWN or name.startswith("mlp:")


def _parts(name: str) -> tuple[str, str, dict[str, str]]:
    """Take a name apart: which kind it is (``""`` for ours), the rest, and the options."""
    bare, options = split_name(name)
    if bare.startswith("py:"):
        return "py", bare.removeprefix("py:"), options
    library, _, rest = bare.partition("/")
    if rest and library in ("torchvision", "timm", "hf"):
        return library, rest, options
    if options and _is_own(bare):
        typed(name, options, _options_of(bare))
    return "", bare, options


def _construct(name: str, classes: int, wanted: Input) -> nn.Module:
    """Construct the module of this name; what is random in it comes from the global generator."""
    kind, rest, options = _parts(name)
    if kind == "" and options:
        return _own(rest, classes, wanted, **typed(name, options, _options_of(rest)))
    if kind in ("torchvision", "timm"):
        return libraries.constructed(kind, rest, options, classes, wanted)
    if kind == "hf":
        return hugging_face.constructed(rest, options, classes, wanted)
    if kind == "py":
        return own_file.constructed(rest, options, classes, wanted)
    if name.startswith("mlp:"):
        return mlp(name.removeprefix("mlp:"), classes, wanted.size, wanted.channels)
    return _own(name, classes, wanted)


def _own(name: str, classes: int, wanted: Input, **width: int) -> nn.Module:
    if name == "lenet":
        return LeNet(classes, wanted.size, wanted.channels, **width)
    depth = int(re.sub(r"\D", "", name))
    return (fixup_resnet if name.startswith("fixup") else cifar_resnet)(depth, classes, wanted.channels, **width)


def _options_of(own: str) -> dict[str, Option]:
    """Options of a network of ours: the width of all but perceptrons, whose name has it."""
    return {"width": (frozenset([int]), None)} if own in _OWN else {}


def designed_for(name: str) -> Input:
    """Return what the network of this name wants to see: what its own data configuration says.

    Raises:
        ModelError: when there is none of this name.
    """
    kind, rest, options = _parts(name)
    if kind in ("torchvision", "timm"):
        return libraries.input_of(kind, rest, options)
    if kind == "hf":
        return hugging_face.input_of(rest, options)
    if kind == "py":
        return own_file.input_of(rest)
    if rest in _OWN:
        return _OWN[rest]
    if name.startswith("mlp:"):
        return _DIGITS
    raise ModelError(f"unknown network {name!r}{_nearest_anywhere(rest)}")


def outputs_of(name: str, usual: int) -> int:
    """Return the number of outputs of a factory that decides it itself, and ``usual`` for every other network.

    Raises:
        ModelError: when there is no such factory, or it fails.

    >>> outputs_of("lenet", 10)
    10
    """
    kind, rest, _ = _parts(name)
    if kind != "py" or not own_file.fixed_outputs(rest):
        return usual
    wanted = designed_for(name)
    module = prepared(_seeded(partial(_construct, name, usual, wanted), 0), name)[0]
    choose_output(module, own_file.output_of(rest))
    shape = trace(module, wanted.size, wanted.channels).calls[""].shape
    return shape[0] if len(shape) == 1 else usual


def sources_of(name: str) -> tuple[Path, ...]:
    """Return the files that say what the network of this name is: another one when they were changed.

    >>> sources_of("lenet")
    ()
    """
    kind, rest, _ = _parts(name)
    if kind == "py":
        return own_file.files_of(rest)
    folder = Path(rest).expanduser().absolute()
    return tuple(p for p in (folder / n for n in hugging_face.CONFIGURATIONS) if p.exists()) if kind == "hf" else ()


def with_absolute_path(name: str, base: Path) -> str:
    """Return a name whose path, if it has one, no longer depends on the current folder.

    >>> with_absolute_path("hf/mine?dropout=0.1", Path("/data")), with_absolute_path("lenet", Path("/data"))
    ('hf//data/mine?dropout=0.1', 'lenet')
    """
    bare, mark, options = name.partition("?")
    if bare.startswith("py:"):
        path, factory = own_file.place_of(bare.removeprefix("py:"))
        return f"py:{(base / path).absolute()}:{factory}{mark}{options}"
    if bare.startswith("hf/") and len(bare) > 3:
        return f"hf/{(base / Path(bare[3:]).expanduser()).absolute()}{mark}{options}"
    return name


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
