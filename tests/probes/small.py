"""A network with batch norm of as few layers as show all that a longer one has."""

from functools import partial

from transferscope.models.build import build, wrap
from transferscope.models.network import Input, Network
from transferscope.models.resnet_cifar import CifarResNet

__all__ = ["named", "resnet8"]


def resnet8(classes: int, input: Input) -> Network:  # noqa: A002
    """The CIFAR ResNet of a block a stage, of half the width: strides, padded shortcuts, norms before and after."""
    make = partial(CifarResNet, 1, classes, input.channels, 8)
    return wrap(make(), name="resnet8", classes=classes, input=input, make=make)


def named(name: str, classes: int, input: Input | None) -> Network:  # noqa: A002
    """Build a network by its name, ``resnet8`` included."""
    if name == "resnet8":
        assert input is not None
        return resnet8(classes, input)
    return build(name, classes, input=input)
