"""Check a network of your own before it is asked anything."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from torch import nn

from ..columns import columns
from ..data.imageset import ImageSet, ImageSplits
from ..errors import UsageError, nearest
from ..models.network import Input, Network
from ..models.solution import Given
from .listed import CHECKS, Check, Checked, CheckFailedError
from .subject import subject_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SelfCheck", "selfcheck", "selfchecks"]


@dataclass(frozen=True)
class SelfCheck(Sequence[Checked]):
    """What came out of all checks, in their order.

    Attributes:
        network: its name.
        checks: each of them.
    """

    network: str
    checks: tuple[Checked, ...]

    @property
    def failed(self) -> tuple[Checked, ...]:
        """Those that found something wrong."""
        return tuple(check for check in self.checks if check.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether none found anything wrong."""
        return not self.failed

    def __len__(self) -> int:
        return len(self.checks)

    def __getitem__(self, place: int | slice) -> Checked | tuple[Checked, ...]:  # type: ignore[override]
        return self.checks[place]

    def __iter__(self) -> Iterator[Checked]:
        return iter(self.checks)

    def frame(self) -> pd.DataFrame:
        """Return a row a check."""
        import pandas as pd

        return pd.DataFrame([asdict(check) for check in self.checks]).drop(columns="exception")

    def text(self) -> str:
        """Return a table to print, and a line that sums it up."""
        lines = columns([[check.status, check.check_name, check.reason] for check in self.checks])
        counts = {status: sum(c.status == status for c in self.checks) for status in ("passed", "failed", "skipped")}
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        return "\n".join([*lines, "", f"{self.network}: {told}"])


def selfcheck(
    net: Network | nn.Module,
    weights: Given | None = None,
    images: ImageSet | ImageSplits | None = None,
    *,
    input: Input | None = None,  # noqa: A002
    classes: int | None = None,
    name: str | None = None,
    trained: bool | None = None,
    only: Sequence[str] | None = None,
    seed: int = 0,
    on_fail: Literal["raise", "warn"] | None = None,
    callback: Callable[[Checked], object] | None = None,
) -> SelfCheck:
    """Check that a network is what every analysis takes it for, and that what is computed of it is right.

    All checks are run, whatever comes out. Identical networks have CKA 1 and no barrier, λ = 0 is the checkpoint, a
    pass is a function of weights and one image, labels and normalisation are those of training, and the like.

    Args:
        net: a network, or any module, of which nothing is then known but ``input`` and ``classes``.
        weights: of it: a solution, a state dict, or a path; by default a module's own. Without, those of a network
            from :func:`transferscope.build` are random, and what needs trained ones is left out.
        images: with labels; of a source its training and test images. Without, noise is looked at.
        input: what a module wants to see.
        classes: number of outputs of a module.
        name: what to call a module.
        trained: whether the weights are trained; by default those of a module are, and those given for a network.
        only: names of checks to run.
        seed: of what checks draw.
        on_fail: ``"raise"`` raises all that is wrong at the end, ``"warn"`` warns of each.
        callback: told of each check when it is done.

    Raises:
        UsageError: for a check that there is not, or a module without ``input`` and ``classes``.
        CheckFailedError: with ``on_fail="raise"``.

    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    >>> found = selfcheck(module, input=Input((4, 4)), classes=3, only=["repeatable", "ends", "labels"])
    >>> [(check.check_name, check.status) for check in found]
    [('repeatable', 'passed'), ('ends', 'passed'), ('labels', 'skipped')]
    """
    if on_fail not in (None, "raise", "warn"):
        raise UsageError(f"on_fail: {on_fail!r}; expected 'raise', 'warn' or None")
    checks = selfchecks(
        net, weights, images, input=input, classes=classes, name=name, trained=trained, only=only, seed=seed
    )
    found = []
    for check in checks:
        found.append(check.run())
        if callback is not None:
            callback(found[-1])
        if on_fail == "warn" and found[-1].status == "failed":
            warnings.warn(f"{found[-1].check_name}: {found[-1].reason}", stacklevel=2)
    result = SelfCheck(checks[0].subject.name, tuple(found))
    if on_fail == "raise" and not result.ok:
        told = "; ".join(f"{check.check_name}: {check.reason}" for check in result.failed)
        raise CheckFailedError(f"{result.network}: {told}")
    return result


def selfchecks(
    net: Network | nn.Module,
    weights: Given | None = None,
    images: ImageSet | ImageSplits | None = None,
    *,
    input: Input | None = None,  # noqa: A002
    classes: int | None = None,
    name: str | None = None,
    trained: bool | None = None,
    only: Sequence[str] | None = None,
    seed: int = 0,
) -> list[Check]:
    """Return the checks of :func:`selfcheck` one by one, as parameters of a test.

    ::

        @pytest.mark.parametrize("check", ts.selfchecks(net, weights, images), ids=str)
        def test_my_network(check):
            check()

    Args:
        net: as for :func:`selfcheck`.
        weights: as there.
        images: as there.
        input: as there.
        classes: as there.
        name: as there.
        trained: as there.
        only: as there.
        seed: as there.

    Raises:
        UsageError: as there.
    """
    known = {function.__name__: function for function in CHECKS}
    for wanted in only or ():
        if wanted not in known:
            raise UsageError(f"only: there is no check {wanted!r}{nearest(wanted, known)}")
    subject = subject_of(net, weights, images, input=input, classes=classes, name=name, trained=trained, seed=seed)
    return [Check(subject, function) for called, function in known.items() if only is None or called in only]
