"""Eigenvalues against the dense Hessian in float64 and scipy's ARPACK on the same operator."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn
from torch.func import functional_call

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import initialise, wrap
from transferscope.models.network import Input
from transferscope.models.objective import mean_loss
from transferscope.models.solution import Solution
from transferscope.probes.curvature import Curvature
from transferscope.questions._members import Member
from transferscope.questions.hessian.measure import Hessian, hessian
from transferscope.rng import numpy_generator

from .golden import golden


@pytest.fixture(scope="module")
def net():
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    return wrap(module, name="small", classes=3, input=Input((6, 6), 1, (0.4,), (0.3,)))


@pytest.fixture(scope="module")
def images():
    random = numpy_generator("hessian images")
    labels = random.integers(0, 3, 30)
    return ImageSet(
        random.integers(0, 256, (30, 6, 6, 1), np.uint8), labels, ("a", "b", "c"), np.arange(30).astype(str)
    )


def dense_eigenvalues(net, params, images, wanted=""):
    module = net.fresh().double()
    state = {k: v.double() for k, v in params.items()}
    names = [n for n in state if n.startswith(wanted)]
    x = net.input.prepare(torch.from_numpy(images.images)).double()

    def loss(flat):
        parts = torch.split(flat, [state[n].numel() for n in names])
        moved = {n: p.view_as(state[n]) for n, p in zip(names, parts, strict=True)}
        return mean_loss(functional_call(module, state | moved, (x,)), torch.from_numpy(images.labels))

    return torch.linalg.eigvalsh(torch.func.hessian(loss)(torch.cat([state[n].flatten() for n in names]))).numpy()


@pytest.fixture(scope="module")
def result(net, images):
    named = [("P-T 0", "P-T", 0), ("P-T 1", "P-T", 1), ("RI-T 0", "RI-T", 2), ("RI-T 1", "RI-T", 3)]
    solutions = [Solution(label, initialise(net, seed), role) for label, role, seed in named]
    return hessian(net, solutions, images, 6, precision="float64", tolerance=1e-8, probes=3, steps=20)


@pytest.mark.parametrize("which", ["magnitude", "algebraic"])
@pytest.mark.parametrize("module", [None, "3"])
def test_the_largest_eigenvalues_are_those_of_the_dense_hessian(net, images, which, module):
    params = initialise(net, 0)
    found = hessian(net, [params], images, 6, which=which, module=module, precision="float64", tolerance=1e-9)
    every = dense_eigenvalues(net, params, images, f"{module}." if module else "")
    expected = every[np.argsort(-np.abs(every) if which == "magnitude" else -every)][:6]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-8)
    assert found.converged.all()
    assert found.size.tolist() == [len(every)]
    nearest = np.abs(found.values[0][:, None] - every[None]).min(1)
    assert (nearest <= found.residuals[0] + 1e-12).all()


def test_equals_arpack_on_the_same_operator(net, images):
    params = initialise(net, 1)
    curvature = Curvature(net, params, images, precision="float64")
    operator = LinearOperator(
        (curvature.size,) * 2, matvec=lambda v: curvature(torch.from_numpy(v.ravel())).numpy(), dtype=np.float64
    )
    peer = eigsh(operator, 5, which="LM", tol=1e-10, return_eigenvectors=False)
    found = hessian(net, [params], images, 5, precision="float64", tolerance=1e-9)
    np.testing.assert_allclose(np.sort(found.values[0]), np.sort(peer), rtol=1e-8)


def test_float32_reaches_its_tolerance(net, images):
    params = initialise(net, 0)
    every = dense_eigenvalues(net, params, images)
    expected = every[np.argsort(-np.abs(every))][:4]
    found = hessian(net, [params], images, 4)
    np.testing.assert_allclose(found.values[0], expected, rtol=2e-3)
    assert found.converged.all()


def test_the_density_is_of_the_whole_spectrum(net, images, result):
    every = dense_eigenvalues(net, initialise(net, 0), images)
    density = result.density(0)
    np.testing.assert_allclose(density.weights.sum(1), 1)
    top = np.abs(every).max()
    assert density.nodes.max() <= every.max() + 1e-9 * top
    assert density.nodes.min() >= every.min() - 1e-9 * top
    grid = np.linspace(every.min() - top, every.max() + top, 4001)
    assert np.isclose(density.at(grid, 0.02 * top).sum() * (grid[1] - grid[0]), 1, atol=1e-6)
    mean = (density.weights * density.nodes).sum(1)
    spread = np.sqrt(2 * (every**2).mean() / len(every))  # of one probe's estimate of the mean eigenvalue
    assert np.abs(mean - every.mean()).max() < 5 * spread


def test_the_same_images_for_all_networks_and_the_same_numbers_again(net, images):
    params = initialise(net, 0)
    found = hessian(net, {"one": params, "two": params}, images, 3, examples=12)
    assert found.n == 12
    np.testing.assert_array_equal(found.values[0], found.values[1])
    again = hessian(net, {"one": params}, images, 3, examples=12)
    np.testing.assert_array_equal(found.values[0], again.values[0])
    other = hessian(net, {"one": params}, images, 3, examples=12, seed=1)
    assert not np.allclose(found.values[0], other.values[0], rtol=1e-2)


def test_it_is_stored_and_read_back(result, tmp_path):
    result.save(tmp_path)
    again = Hessian.load(tmp_path)
    for field in dataclasses.fields(result):
        np.testing.assert_array_equal(getattr(result, field.name), getattr(again, field.name))
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]


def test_frames(result):
    assert len(result.frame()) == 4 * 6
    assert result.frame()["index"].tolist()[:6] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(result.network_frame().top, result.values[:, 0])


def made(result, scale, unfit=(), roles=("P-T",) * 3 + ("RI-T",) * 3):
    """As many networks as there are factors, each with the eigenvalues of the first times its factor."""
    n, reasons = len(scale), dict(unfit)
    arrays = ("residuals", "errors", "size", "products", "converged", "loss", "gradient_norm", "nodes", "weights")
    first = {name: np.repeat(getattr(result, name)[:1], n, 0) for name in arrays}
    members = tuple(Member(f"{role} {i}", role, "", reasons.get(i, "")) for i, role in enumerate(roles[:n]))
    values = np.abs(result.values[:1]) * np.array(scale)[:, None]
    return dataclasses.replace(result, members=members, values=values, **first)


def claim(result):
    (found,) = [f for f in result.findings() if f.claim]
    assert found.claim == "002-3-g"
    return found


SCALE = [1.0, 1.1, 0.9, 3.0, 3.3, 2.7]


def test_findings_hold_the_papers_claim_against_the_numbers(result):
    six = made(result, SCALE)
    found = claim(six)
    assert found.verdict == "agrees"
    assert found.scope == "for this checkpoint"
    logs = np.log(SCALE)
    welch = stats.ttest_ind(logs[3:], logs[:3], equal_var=False)
    ends = welch.confidence_interval(0.95)
    assert found.value == pytest.approx(np.exp(logs[3:].mean() - logs[:3].mean()))
    assert (found.low, found.high) == (pytest.approx(np.exp(ends.low)), pytest.approx(np.exp(ends.high)))
    assert found.p == pytest.approx(welch.pvalue, rel=1e-4)
    assert (found.n, found.unit) == (6, "networks")
    assert claim(made(result, SCALE[::-1])).verdict == "disagrees"
    mixed = claim(made(result, [1.0, 3.0, 2.0, 1.1, 2.9, 2.2]))
    assert (mixed.verdict, mixed.why) == ("cannot tell", "")
    golden(dataclasses.replace(six, errors=0.001 * six.values), "hessian")


def test_the_largest_alone_is_not_the_claim(result):
    """Of a network whose other eigenvalues are the smaller ones, not all of the claim holds."""
    six = made(result, SCALE)
    values = six.values.copy()
    values[3:] = 0.01 * values[:3]
    values[3:, 0] = 1.6 * values[:3, 0]
    found = claim(dataclasses.replace(six, values=values))
    assert found.verdict == "disagrees"
    saddle = claim(dataclasses.replace(six, values=-six.values))
    assert (saddle.verdict, saddle.why) == ("cannot tell", "a number is not finite or was not measured")
    assert "the largest in size of 6 eigenvalues" in dataclasses.replace(six, values=-six.values).findings()[0].text


def test_two_networks_of_a_kind_decide_nothing(result):
    found = claim(made(result, [1.0, 1.01, 30.0, 30.1], roles=("P-T", "P-T", "RI-T", "RI-T")))
    assert found.value == pytest.approx(29.9, rel=0.01)
    assert (found.verdict, found.low) == ("cannot tell", None)
    assert found.why == "a verdict needs at least three networks of each kind"
    one = claim(made(result, [1.0, 30.0], roles=("P-T", "RI-T")))
    assert one.verdict == "cannot tell"


def test_networks_that_learned_nothing_decide_nothing(result):
    why = "gave one and the same answer to all images"
    five = made(result, SCALE, {4: why}.items())
    assert claim(five).n == 5
    assert claim(five).why == "a verdict needs at least three networks of each kind"
    four = made(result, [*SCALE, 3.1], {4: why}.items(), roles=("P-T",) * 3 + ("RI-T",) * 4)
    assert claim(four).verdict == "agrees", "three others learned"
    assert f"1 of 7 networks left out. RI-T 4: {why}." in [f.text for f in four.findings()]
    none = claim(made(result, SCALE, dict.fromkeys((3, 4, 5), why).items()))
    assert none.why == f"RI-T 3, RI-T 4 and RI-T 5 {why}"


def test_what_is_left_out_is_in_the_result(net, images):
    why = "diverged at step 3"
    named = [Solution("P-T 0", initialise(net, 0), "P-T"), Solution("RI-T 0", initialise(net, 1), "RI-T", "", why)]
    seen = [Witness("RI-T 0", "RI-T", why), Witness("RI-T 1", "RI-T", why), Witness("the pre-training", "P")]
    found = hessian(net, named, images, 2, witnesses=seen)
    assert [left.subject for left in found.left_out] == ["RI-T 0", "RI-T 1"]
    assert claim(found).why == f"RI-T 0 and RI-T 1 {why}"


def test_eigenvalues_that_were_not_reached_are_said(net, images):
    found = hessian(net, {"mine.pt": initialise(net, 0)}, images, 5, tolerance=1e-12, most=7)
    assert found.products.tolist() == [7]
    assert not found.converged[0]
    assert found.findings()[-1].text.startswith("mine.pt: not all eigenvalues reached a relative error of 1e-12")


def test_progress_ends_at_its_total(net, images):
    told = []
    hessian(net, [initialise(net, 0)], images, 2, probes=1, steps=5, progress=lambda *x: told.append(x))
    done = [d for d, _, _ in told]
    assert done == sorted(done)
    assert told[-1] == (145, 145, "products")


def test_bad_input(net, images, result):
    params = initialise(net, 0)
    with pytest.raises(UsageError, match="give 0, 1 and 1 at least"):
        hessian(net, [params], images, probes=-1)
    with pytest.raises(UsageError, match="999 eigenvalues of a 177×177 operator"):
        hessian(net, [params], images, 999)
    with pytest.raises(UsageError, match="no density was computed"):
        hessian(net, [params], images, 2).density(0)


def test_networks_of_unknown_kind_are_held_against_each_other(net, images):
    found = hessian(net, [initialise(net, seed) for seed in (0, 1, 2)], images, 2, device="cpu")
    tops = dict(zip("ABC", found.values.max(1).tolist(), strict=True))
    told = found.findings()[3].text
    assert told.startswith("The largest eigenvalue of the Hessian goes from ")
    assert told.index(f"({min(tops, key=tops.get)})") < told.index(f"({max(tops, key=tops.get)})")
    assert "; 3 networks, 30 images." in told
