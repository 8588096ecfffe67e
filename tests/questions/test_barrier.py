import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.params import lerp
from transferscope.questions.barrier.measure import Barrier, barrier, barriers, run_pairs
from transferscope.rng import generator, numpy_generator
from transferscope.train.recipe import Recipe
from transferscope.train.run import Run


class Product(nn.Module):
    """Logits (u·v·x, 1): two factors, so that (u, v) and (−u, −v) are the same function with a barrier between."""

    def __init__(self) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    def forward(self, x):
        first = self.u * self.v * x.flatten(1)
        return torch.cat([first, torch.ones_like(first)], 1)


NET = Network(Product(), "product", 2, Input((1, 1), 1, (0.0,), (1.0,)))


def white(n: int = 400, wrong: int = 40, name: str = "test") -> ImageSet:
    """White pixels (x = 1); the last ``wrong`` labels are the other class."""
    labels = (np.arange(n) >= n - wrong).astype(np.int64)
    return ImageSet(np.full((n, 1, 1, 1), 255, np.uint8), labels, ("a", "b"), np.arange(n).astype(str), name=name)


def at(scale: float, label: str = "x", role: str = "", group: str = "") -> Solution:
    return Solution(label, {"u": torch.tensor([scale]), "v": torch.tensor([scale])}, role, group)


def loss_at(scale: float, share: float = 0.1) -> float:
    z = scale**2 - 1
    return (1 - share) * math.log1p(math.exp(-z)) + share * math.log1p(math.exp(z))


@pytest.fixture(scope="module")
def found() -> Barrier:
    return barrier(NET, at(2.0, "A"), at(-2.0, "B"), white(), device="cpu")


def test_a_barrier_in_closed_form(found):
    path = found.paths[0]
    scales = 2 * (1 - 2 * path.path.lambdas)
    assert path.path.curve("test", "loss").values == pytest.approx([loss_at(s) for s in scales], rel=1e-5)
    # the second logit wins where 4(1 − 2λ)² < 1
    wrong = np.where(np.abs(scales) < 1, 0.9, 0.1)
    assert path.path.curve("test", "error").values == pytest.approx(wrong)
    for definition in ("entezari", "frankle"):  # the ends are alike
        assert path.height("test", "error", definition).height == pytest.approx(0.8)
        height = path.height("test", "loss", definition)
        assert height.height == pytest.approx(loss_at(0.0) - loss_at(2.0), rel=1e-5)
        assert height.at == 0.5
    assert path.path.length == pytest.approx(4 * math.sqrt(2))
    assert path.gains[0].gain == pytest.approx(-0.0) and path.gains[0].at == pytest.approx(0.25)


def test_the_two_heights_differ_where_the_ends_do():
    path = barrier(NET, at(2.0, "A"), at(0.5, "B"), white(), lambdas=[0.5, 0.9], device="cpu").paths[0]
    # θ = 2, 1.25, 0.65, 0.5 at λ = 0, 0.5, 0.9, 1; error 0.1, 0.1, 0.9, 0.9
    assert path.height("test", "error").height == pytest.approx(0.9 - (0.1 * 0.1 + 0.9 * 0.9))
    assert path.height("test", "error").at == 0.9
    assert path.height("test", "error", "frankle").height == pytest.approx(0.4)


def test_intervals_hold_the_value_and_shrink_with_n(found):
    wide = barrier(NET, at(2.0, "A"), at(-2.0, "B"), white(40, 4), device="cpu").paths[0]
    for path in (found.paths[0], wide):
        for curve in path.path.curves:
            assert (curve.low <= curve.values).all() and (curve.values <= curve.high).all()
        for height in path.heights:
            assert height.low <= height.height <= height.high
    narrow, broad = (p.height("test", "error") for p in (found.paths[0], wide))
    # 1 − 2·share of the other class; its standard error is 2·√(0.09/n)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 2 * math.sqrt(0.09 / 400), rel=0.15)
    assert broad.high - broad.low > 2.5 * (narrow.high - narrow.low)


def test_equals_a_plain_loop_over_state_dicts():
    net = build("fixup_resnet8", 3, input=Input((8, 8)))
    r, g = numpy_generator("plain"), generator("plain")
    a, b = ({k: v + 0.1 * torch.randn(v.shape, generator=g) for k, v in net.params().items()} for _ in range(2))
    pixels, labels = r.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8), r.integers(0, 3, 30)
    images = ImageSet(pixels, labels, tuple("abc"), np.arange(30).astype(str), name="test")
    found = barrier(net, a, b, images, lambdas=5, precision="float64", device="cpu").paths[0].path
    x = net.input.prepare(torch.from_numpy(pixels)).double()
    for i, t in enumerate(found.lambdas):
        module = net.fresh().double()
        module.load_state_dict({k: (1 - t) * a[k].double() + t * b[k].double() for k in a})
        with torch.no_grad():
            right = nn.functional.cross_entropy(module(x), torch.from_numpy(labels)).item()
        assert found.curve("test", "loss").values[i] == pytest.approx(right, rel=1e-9)


def test_saved_and_loaded_exactly(found, tmp_path):
    found.save(tmp_path)
    again = Barrier.load(tmp_path)
    assert again.frame().equals(found.frame()) and again.heights().equals(found.heights())
    assert again.findings() == found.findings() and again.how == found.how
    assert list(found.frame().columns) == [
        "kind", "a", "b", "images", "n", "metric", "lambda", "value", "low", "high"
    ]  # fmt: skip
    assert len(found.frame()) == 2 * 21 and len(found.heights()) == 4


def test_two_files_of_unknown_roles_get_a_sentence_and_no_claim(found):
    error, loss = found.findings()
    assert error.text.startswith(
        "From A to B the error on test rises at most 80.0 points (95 % interval 73.5 to 85.5) over the straight line "
        "between its ends (10.0 % and 10.0 %), at λ = 0.3"
    )
    assert error.text.endswith(": a barrier (more than 2.0 points); n = 400 images.")
    assert (error.claim, error.verdict, error.n, error.value) == (None, None, 400, pytest.approx(0.8))
    assert "nats" in loss.text and loss.claim is None and loss.weight < error.weight


def test_claims_are_judged_by_their_intervals():
    P0, P1 = at(2.0, "P-T 0", "P-T", "P"), at(2.2, "P-T 1", "P-T", "P")
    R0, R1 = at(2.0, "RI-T 0", "RI-T", "RI 0"), at(-2.0, "RI-T 1", "RI-T", "RI 1")
    same = at(-1.5, "RI-T 2", "RI-T", "RI 0")
    found = barriers(
        NET, [(P0, P1), (R0, R1), (R0, same), (P0, R1)], {"test": white(), "train": white(name="train")}, device="cpu"
    )
    judged = {(f.claim or "").split(":")[-1].strip(): f for f in found.findings() if f.claim}
    assert judged["no performance barrier between two P-T"].verdict == "agrees"
    assert judged["a clear barrier between two RI-T"].verdict == "agrees"
    assert judged["a clear barrier between two RI-T even of one initialisation"].verdict == "agrees"
    assert judged["barriers are to be expected between unrelated networks"].verdict == "agrees"
    assert judged["some networks between two P-T are slightly better than both"].verdict == "cannot tell"
    start = judged["the barrier between two RI-T is smaller when their start is the same"]
    assert start.verdict == "cannot tell" and start.n == 2
    on_train = [f for f in found.findings() if "on train" in f.text]
    assert on_train and not any(f.claim for f in on_train)
    # the same numbers with the roles exchanged
    turned = barriers(
        NET,
        [(replace(R0, role="P-T", label="P-T 0", group="P"), replace(R1, role="P-T", label="P-T 1", group="P")),
         (replace(P0, role="RI-T", group="RI 0"), replace(P1, role="RI-T", group="RI 1"))],
        {"test": white()}, device="cpu",
    )  # fmt: skip
    judged = {(f.claim or "").split(":")[-1].strip(): f.verdict for f in turned.findings()}
    assert judged["no performance barrier between two P-T"] == "disagrees"
    assert judged["a clear barrier between two RI-T"] == "disagrees"


def test_too_few_images_cannot_tell():
    # Between 2 and 0.9 the error rises on the way by what one image in fifteen makes of it.
    a, b = at(2.0, "P-T 0", "P-T", "P"), at(1.1, "P-T 1", "P-T", "P")
    pixels = np.full((15, 1, 1, 1), 255, np.uint8)
    pixels[0] = 100  # x = 0.39: right as long as θ² > 2.55, at the first end only
    images = ImageSet(pixels, np.zeros(15, np.int64), ("a", "b"), np.arange(15).astype(str), name="test")
    found = barriers(NET, [(a, b)], {"test": images}, device="cpu").findings()[0]
    assert found.verdict == "cannot tell" and "cannot tell whether it exceeds 2.0 points" in found.text


def test_several_pairs_of_a_kind_make_one_finding():
    pairs = [
        (at(2.0, "RI-T 0", "RI-T", "RI 0"), at(-s, f"RI-T {i}", "RI-T", f"RI {i}")) for i, s in enumerate((2, 3), 1)
    ]
    found = barriers(NET, pairs, {"test": white()}, device="cpu", lambdas=11)
    first = found.findings()[0]
    assert first.text.startswith(
        "RI-T & RI-T, 2 pairs: over the straight line between its ends (10.0 % to 10.0 %) the error on test rises"
    )
    assert first.verdict == "agrees"
    assert first.low == min(p.height("test", "error").low for p in found.paths)


def test_best_and_final_of_one_run():
    best, final = at(2.0, "RI-T 0 (best)", "RI-T", "RI 0"), at(-2.0, "RI-T 0", "RI-T", "RI 0")
    first = barriers(NET, [(best, final)], {"test": white()}, device="cpu", lambdas=5).findings()[0]
    assert first.claim == "000 §3.3, Fig. 4: a small barrier between the best and the final weights of an RI-T run"
    assert first.verdict == "agrees"


def test_weights_that_are_not_finite_are_named():
    bad = at(math.nan, "RI-T 1", "RI-T")
    with pytest.raises(
        UsageError, match=r"^RI-T 1: 'u' holds 1 of 1 values that are not finite \(a diverged run\?\)"
    ):
        barrier(NET, at(1.0, "A"), bad, white(), device="cpu")
    found = barriers(NET, [(at(1.0, "A"), bad), (at(1.0, "A"), at(2.0, "B"))], {"test": white()}, device="cpu")
    assert [(o.a, o.b) for o in found.left_out] == [("A", "RI-T 1")] and len(found.paths) == 1
    assert any(f.text.startswith("A & RI-T 1 left out. RI-T 1: 'u' holds") for f in found.findings())


def test_losses_that_are_not_finite_are_kept_and_named(tmp_path):
    found = barriers(NET, [(at(1.0, "A"), at(1e30, "B"))], {"test": white()}, device="cpu", lambdas=3)
    values = found.paths[0].path.curve("test", "loss").values
    assert np.isfinite(values[0]) and not np.isfinite(values[1:]).any()
    assert math.isnan(found.paths[0].height("test", "loss").low)
    texts = [f.text for f in found.findings()]
    assert any("the loss on test is not finite at 2 places of 3 (λ from 0.50 to 1.00)" in t for t in texts)
    found.save(tmp_path)
    assert np.array_equal(Barrier.load(tmp_path).paths[0].path.curve("test", "loss").values, values, equal_nan=True)


def test_different_networks():
    other = Solution("B", {"u": torch.ones(2), "v": torch.ones(1)})
    with pytest.raises(
        UsageError, match=r"^B does not fit product: 'u' is \(2,\), expected \(1,\); give checkpoints"
    ):
        barrier(NET, at(1.0, "A"), other, white(), device="cpu")
    with pytest.raises(UsageError, match=r"'w' is .*expected no such tensor"):
        barrier(NET, {"u": torch.ones(1), "v": torch.ones(1), "w": torch.ones(1)}, at(1.0), white(), device="cpu")
    with pytest.raises(UsageError, match="A does not fit product: 'v' is missing"):
        barrier(NET, {"u": torch.ones(1)}, at(1.0, "B"), white(), device="cpu")
    with pytest.raises(UsageError, match="no pair of networks"):
        barriers(NET, [], {"test": white()})


def test_a_pre_trained_network_takes_the_head_of_the_other():
    module = nn.Sequential(nn.Flatten(), nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2))
    net = Network(module, "net", 2, Input((1, 1), 1, (0.0,), (1.0,)), head="3")
    g = generator("heads")
    target = {k: torch.randn(v.shape, generator=g) for k, v in net.params().items()}
    source = {**{k: torch.randn(v.shape, generator=g) for k, v in net.params().items()}}
    source |= {"3.weight": torch.randn(7, 4, generator=g), "3.bias": torch.randn(7, generator=g)}
    P, PT = Solution("P", source, "P", "P"), Solution("P-T 0", target, "P-T", "P")
    found = barriers(net, [(P, PT)], {"test": white()}, device="cpu", lambdas=3, precision="float64")
    path = found.paths[0].path
    assert path.note == "the head is P-T 0's all along: P's does not fit 2 classes"
    assert any("P & P-T 0: the head is P-T 0's all along" in f.text for f in found.findings())
    body = source | {k: target[k] for k in ("3.weight", "3.bias")}
    x, y = torch.ones(400, 1, 1, 1, dtype=torch.float64), torch.from_numpy(white().labels)
    for i, t in enumerate((0.0, 0.5, 1.0)):
        double = {k: v.double() for k, v in body.items()}, {k: v.double() for k, v in target.items()}
        module = net.fresh().double()
        module.load_state_dict(lerp(*double, t))
        with torch.no_grad():
            right = nn.functional.cross_entropy(module(x), y).item()
        assert path.curve("test", "loss").values[i] == pytest.approx(right, rel=1e-9)
    assert found.findings()[0].claim is None


def test_multi_label_is_judged_by_the_auc():
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "multi", 2, Input((2, 2), 1, (0.0,), (1.0,)))
    r = numpy_generator("multi")
    pixels = r.integers(0, 256, (300, 2, 2, 1), dtype=np.uint8)
    labels = (pixels.reshape(300, 4)[:, :2] > 128).astype(np.int8)
    images = ImageSet(pixels, labels, ("a", "b"), np.arange(300).astype(str), name="test")
    good = {"1.weight": torch.eye(2, 4), "1.bias": torch.full((2,), -0.5)}
    turned = {"1.weight": -torch.eye(2, 4), "1.bias": torch.full((2,), 0.5)}
    found = barrier(net, good, turned, images, lambdas=[0.25, 0.75], device="cpu")
    assert found.paths[0].path.curve("test", "auc").values == pytest.approx([1, 1, 0, 0])
    assert found.paths[0].height("test", "auc").height == pytest.approx(0.25)  # 1 − AUC is 1 at λ = 0.75
    assert found.findings()[0].text.startswith("From A to B the 1 − AUC on test rises at most 0.250")


def test_progress_and_seed():
    told: list[tuple[int, int, str]] = []
    pairs = [(at(2.0, "A"), at(-2.0, "B")), (at(2.0, "A"), at(1.0, "C"))]
    one = barriers(NET, pairs, {"test": white()}, device="cpu", lambdas=3, progress=lambda *x: told.append(x))
    assert told == [(i, 6, "points") for i in range(1, 7)]
    two, three = (barriers(NET, pairs, {"test": white()}, device="cpu", lambdas=3, seed=s) for s in (0, 1))
    assert one.frame().equals(two.frame()) and not one.frame().equals(three.frame())


@pytest.mark.parametrize(
    ("lambdas", "message"),
    [(2, "lambdas = 2; expected at least 3 points"), ([math.nan], "finite values"), ([], "finite")],
)
def test_grids_that_cannot_be(lambdas, message):
    with pytest.raises(UsageError, match=message):
        barrier(NET, at(1.0, "A"), at(2.0, "B"), white(), lambdas=lambdas, device="cpu")


def a_run(label: str, role: str, tags: dict[str, float], ended: str = "finished") -> Run:
    snapshots = {tag: at(scale).params for tag, scale in tags.items()}
    return Run(label, role, role[0], 0, "task", Recipe(epochs=1), {}, {}, snapshots, ended)


def test_pairs_of_runs():
    runs = [
        a_run("P-T 0", "P-T", {"epoch 0": 0.0, "best": 1.0, "final": 1.5}),
        a_run("P-T 1", "P-T", {"epoch 0": 0.0, "best": 2.0, "final": 2.0}),
        a_run("RI-T 0", "RI-T", {"epoch 0": 0.5}, "diverged at step 7"),
    ]
    pairs, left_out = run_pairs(runs, start=at(0.0, "P", "P"))
    assert [(a.label, b.label) for a, b in pairs] == [
        ("P-T 0", "P-T 1"), ("P-T 0 (best)", "P-T 0"), ("P", "P-T 0"), ("P", "P-T 1")
    ]  # fmt: skip
    assert [(o.a, o.b, o.reason) for o in left_out] == [
        ("P-T 0", "RI-T 0", "RI-T 0 diverged at step 7"), ("P-T 1", "RI-T 0", "RI-T 0 diverged at step 7")
    ]  # fmt: skip
    pairs, _ = run_pairs(runs[:2], end="best", best_and_final=False)
    assert [(a.label, b.label, a.params["u"].item()) for a, b in pairs] == [("P-T 0 (best)", "P-T 1 (best)", 1.0)]
    with pytest.raises(UsageError, match="kept no 'epoch 3'"):
        run_pairs(runs[:2], end="epoch 3")
    found = barriers(NET, run_pairs(runs)[0], {"test": white()}, left_out=left_out, device="cpu", lambdas=3)
    assert [p.path.kind for p in found.paths] == ["P-T & P-T", "P-T best & final"]
    assert sum("left out. RI-T 0 diverged at step 7" in f.text for f in found.findings()) == 2


@pytest.mark.real
def test_the_mnist_pair():
    folder = os.environ.get("TRANSFERSCOPE_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERSCOPE_REAL_DATA is not set")
    with np.load(Path(folder) / "mnist" / "mnist.npz") as z:
        images = ImageSet(
            z["x_test"][..., None], z["y_test"].astype(np.int64), tuple(z["classes"].tolist()),
            np.arange(10_000).astype(str), name="mnist test",
        )  # fmt: skip
    a, b = (
        torch.load(
            Path(folder) / "weights_mnist_mlp_pair" / f"model_{i}.checkpoint", weights_only=True, map_location="cpu"
        )["model_state_dict"]
        for i in (0, 1)
    )
    net = build("mlp:400-200-100,bias=false", 10)
    found = barrier(net, a, b, images, lambdas=[0.4, 0.5, 0.6], device="cpu")
    loss, error = (found.paths[0].path.curve("mnist test", m).values for m in ("loss", "error"))
    # Made with the data set's own figures; the middle itself with a plain loop in float64.
    assert loss == pytest.approx([0.0750, 1.0184, 1.2654, 1.0043, 0.0702], abs=1e-4)
    assert error == pytest.approx([0.0228, 0.1423, 0.2616, 0.1304, 0.0225], abs=1e-4)
    assert found.findings()[0].low > 0.2
