"""Counts, norms and sums against all singular values, taken from dense matrices or plain formulas."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.errors import ModelError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.evidence.left_out import LeftOut
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions._members import Member
from transferscope.questions.spectrum.measure import PROBABILITIES, Spectrum, singular_values, spectrum

from .golden import golden


@pytest.fixture(scope="module")
def net():
    return build("lenet", 10)


def scaled(params, factor):
    return {k: v * factor if v.ndim > 1 else v for k, v in params.items()}


@pytest.fixture(scope="module")
def result(net):
    p, ri = [initialise(net, s) for s in (0, 1)], [initialise(net, s) for s in (2, 3)]
    return spectrum(
        net,
        [
            *(Solution(f"P-T {i}", scaled(w, 2.0), "P-T", "P") for i, w in enumerate(p)),
            *(Solution(f"RI-T {i}", w, "RI-T", f"RI {i}") for i, w in enumerate(ri)),
        ],
        zero_padding=True,
    )


def test_norms_are_those_of_all_singular_values(net, result):
    values = singular_values(net, scaled(initialise(net, 1), 2.0))
    assert list(values) == [m.name for m in result.maps]
    for i, every in enumerate(values.values()):
        assert np.isclose(result.top[1, i], every[0], rtol=1e-12)
        assert np.isclose(result.frobenius[1, i], np.linalg.norm(every), rtol=1e-12)
        assert result.count[i] == len(every)
    expected = sum(np.linalg.norm(v) / v[0] for v in values.values())
    assert np.isclose(result.ratio_sum()[1], expected, rtol=1e-12)
    assert np.isclose(result.log10_product()[1], sum(np.log10(v[0]) for v in values.values()), rtol=1e-12)
    kernels = sum(np.linalg.norm(initialise(net, 1)[f"{k}.weight"] * 2) / v[0] for k, v in values.items())
    assert np.isclose(result.ratio_sum(kernels=True)[1], kernels, rtol=1e-6)


def test_counts_and_quantiles_are_those_of_all_singular_values(net, result):
    values = singular_values(net, initialise(net, 2))
    modules = {m: values[m] for m in result.modules} | {None: np.concatenate(list(values.values()))}
    for module, every in modules.items():
        g = result.place(module)
        below = [(every < edge).sum() for edge in result.edges[g]]
        np.testing.assert_array_equal(result.under[2, g], below)
        assert result.under[2, g, -1] == result.total(module) == len(every)
        expected = np.quantile(every, PROBABILITIES, method="inverted_cdf")
        np.testing.assert_allclose(result.quantiles[2, g], expected, rtol=1e-12)


def test_thresholds_rise_from_zero_to_over_the_largest_value_of_all_networks(result):
    assert (np.diff(result.edges, axis=1) > 0).all()
    assert (result.edges[:, 0] == 0).all()
    np.testing.assert_allclose(result.edges[-1, -1], result.top.max(), rtol=1e-12)
    np.testing.assert_allclose(result.edges[0, 1], 1e-6 * result.top[:, 0].max(), rtol=1e-9)


def test_padded_norms_are_of_convolutions_only(result):
    conv = np.array([m.kind == "conv" for m in result.maps])
    assert np.isfinite(result.padded[:, conv]).all()
    assert np.isnan(result.padded[:, ~conv]).all()
    assert (result.padded[:, conv] <= result.top[:, conv] * (1 + 1e-9)).all()


def test_coarser_modules_pool_their_layers(net):
    params = initialise(build("fixup_resnet8", 10), 0)
    small = build("fixup_resnet8", 10, input=Input((16, 16)))
    fine, coarse = spectrum(small, params), spectrum(small, [params], granularity="stage")
    assert coarse.modules == ("conv1", "layer1", "layer2", "layer3", "fc")
    np.testing.assert_array_equal(fine.under[:, -1], coarse.under[:, -1])
    inside = [i for i, m in enumerate(fine.maps) if m.name.startswith("layer1")]
    assert coarse.total("layer1") == fine.count[inside].sum()
    assert fine.members[0].label == "A"


def test_frames(result):
    layers, modules, networks = result.frame(), result.module_frame(), result.network_frame()
    assert len(layers) == 4 * len(result.maps)
    assert layers.query("network == 'P-T 1' and layer == 'fc3'").top.item() == result.top[1, -1]
    assert len(modules) == 4 * (len(result.modules) + 1)
    assert modules[modules.module == "(whole)"]["values"].tolist() == [result.total()] * 4
    np.testing.assert_allclose(networks.ratio_sum, result.ratio_sum())


def test_it_is_stored_and_read_back(result, tmp_path):
    result.save(tmp_path)
    again = Spectrum.load(tmp_path)
    for field in dataclasses.fields(result):
        before, after = getattr(result, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(before, after) if isinstance(before, np.ndarray) else None
        assert isinstance(before, np.ndarray) or before == after
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]


def by_claim(result):
    return {f.claim: f for f in result.findings() if f.claim}


def renamed(result, roles, unfit=()):
    """The result with the four networks called by these roles, some of them unfit."""
    reasons = dict(unfit)
    members = tuple(Member(f"{role} {i}", role, "", reasons.get(i, "")) for i, role in enumerate(roles))
    return dataclasses.replace(result, members=members)


@pytest.fixture(scope="module")
def six(net):
    """Three P-T with singular values twice as large as those of three RI-T."""
    return spectrum(
        net,
        [
            *(Solution(f"P-T {s}", scaled(initialise(net, s), 2.0), "P-T", "P") for s in range(3)),
            *(Solution(f"RI-T {s}", initialise(net, s), "RI-T", f"RI {s}") for s in range(3, 6)),
        ],
    )


def test_findings_hold_the_papers_claims_against_the_numbers(net, six):
    found = by_claim(six)
    assert list(found) == ["000-C-a", "000-C-b", "000-C-c"]
    # RI-T lies nearer to zero, and the ratios are alike.
    assert [found[c].verdict for c in ("000-C-a", "000-C-b")] == ["agrees", "agrees"]
    assert found["000-C-a"].scope == "for this checkpoint"

    # The share under the median of P-T, from all singular values of all networks.
    every = [singular_values(net, scaled(initialise(net, s), 2.0 if s < 3 else 1.0)) for s in range(6)]
    whole = [np.concatenate(list(values.values())) for values in every]
    medians = [np.quantile(w, 0.5, method="inverted_cdf") for w in whole[:3]]
    at = six.edges[-1][np.abs(six.edges[-1] - np.mean(medians)).argmin()]
    shares = [(w < at).mean() for w in whole]
    welch = stats.ttest_ind(shares[3:], shares[:3], equal_var=False)
    ends = welch.confidence_interval(0.95)
    claim = found["000-C-a"]
    assert claim.value == pytest.approx(np.mean(shares[3:]) - np.mean(shares[:3]))
    assert (claim.low, claim.high) == pytest.approx((ends.low, ends.high))
    assert claim.p == pytest.approx(welch.pvalue, rel=1e-4)
    assert (claim.n, claim.unit, claim.estimate.over) == (6, "networks", "networks")

    # Module by module: one number a network, its mean over modules.
    means = np.zeros(6)
    for g, module in enumerate(six.modules):
        values = [v[module] for v in every]
        middle = np.mean([np.quantile(v, 0.5, method="inverted_cdf") for v in values[:3]])
        edge = six.edges[g][np.abs(six.edges[g] - middle).argmin()]
        means += [(v < edge).mean() / len(six.modules) for v in values]
    ends = stats.ttest_ind(means[3:], means[:3], equal_var=False).confidence_interval(0.95)
    assert found["000-C-b"].value == pytest.approx(means[3:].mean() - means[:3].mean())
    assert (found["000-C-b"].low, found["000-C-b"].high) == pytest.approx((ends.low, ends.high))

    turned = renamed(six, ["RI-T"] * 3 + ["P-T"] * 3)
    assert by_claim(turned)["000-C-a"].verdict == "disagrees"
    golden(six, "spectrum")


def test_modules_of_one_network_are_no_sample(result):
    """Five modules of two networks of a kind say nothing of a third."""
    found = by_claim(result)
    assert found["000-C-b"].value > 0.2
    assert [f.verdict for f in found.values()] == ["cannot tell"] * 3
    assert found["000-C-b"].why == "a verdict needs at least three networks of each kind"
    assert found["000-C-b"].estimate.over == "nothing"


def test_networks_that_learned_nothing_decide_nothing(six):
    why = "did not clearly beat chance (10.0 %)"
    roles = ["P-T"] * 3 + ["RI-T"] * 3
    one = renamed(six, roles, {5: why}.items())
    assert {f.why for f in by_claim(one).values()} == {"a verdict needs at least three networks of each kind"}
    assert by_claim(one)["000-C-a"].n == 5
    assert f"1 of 6 networks left out. RI-T 5: {why}." in [f.text for f in one.findings()]
    all_gone = renamed(six, roles, dict.fromkeys((3, 4, 5), why).items())
    assert list(by_claim(all_gone)) == ["000-C-a", "000-C-b", "000-C-c"]
    assert {f.verdict for f in by_claim(all_gone).values()} == {"cannot tell"}
    assert {f.why for f in by_claim(all_gone).values()} == {f"RI-T 3, RI-T 4 and RI-T 5 {why}"}
    source = dataclasses.replace(six, witnesses=(Witness("the pre-training", "P", why),))
    assert by_claim(source)["000-C-a"].why == f"the pre-training {why}"
    assert by_claim(source)["000-C-b"].verdict == "agrees", "a claim that is not about what pre-training does"


def test_a_run_without_weights_is_named(net):
    why = "diverged at step 3"
    named = [Solution(f"P-T {s}", initialise(net, s), "P-T", "P") for s in range(2)]
    found = spectrum(net, named, witnesses=[Witness("RI-T 0", "RI-T", why), Witness("P-T 0", "P-T")])
    assert found.left_out == (LeftOut("RI-T 0", why),)
    assert {f.why for f in by_claim(found).values()} == {f"RI-T 0 {why}"}


def test_a_larger_sum_of_ratios_agrees_with_the_paper(six):
    m = np.array([1.0, 1.02, 0.98, 2.0, 2.1, 1.9])[:, None]
    maps = dataclasses.replace(six, frobenius=six.top * m, weight_norm=six.top * (3 - m))
    assert by_claim(maps)["000-C-c"].verdict == "disagrees", "the kernels say the opposite"
    found = by_claim(dataclasses.replace(maps, weight_norm=six.top * m))["000-C-c"]
    logs = np.log(m[:, 0])
    welch = stats.ttest_ind(logs[3:], logs[:3], equal_var=False).confidence_interval(0.95)
    assert found.verdict == "agrees"
    assert found.value == pytest.approx(np.exp(logs[3:].mean() - logs[:3].mean()))
    assert (found.low, found.high) == (pytest.approx(np.exp(welch.low)), pytest.approx(np.exp(welch.high)))


def test_findings_without_roles_are_levels(net):
    found = spectrum(net, {"mine.pt": initialise(net, 0)}).findings()
    assert [f.claim for f in found] == [None]
    assert found[0].text.startswith("mine.pt: Σ‖W‖_F/‖W‖₂ = ")


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(4, 2, 2)
        self.head = nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.up(self.conv(x)).mean((2, 3)))


def test_what_was_rounded_and_left_out_is_said():
    odd = wrap(Odd(), name="odd", classes=2, input=Input((7, 7), 1, (0.5,), (0.5,)))
    found = spectrum(odd, [odd.params()])
    texts = [f.text for f in found.findings()]
    assert any("its 7×7 input is no multiple of the stride 2×2; the circular map is on 8×8" in t for t in texts)
    assert found.left_out == (LeftOut("up.weight", "no 2-D convolution and no matrix"),)
    assert any(t.startswith("1 of 3 weights of linear maps left out. up.weight: no 2-D") for t in texts)
    assert found.frame().remark[0].startswith("its 7×7 input")


def test_a_layer_of_zeros_has_no_ratio(net):
    params = initialise(net, 0)
    params["fc3.weight"] = torch.zeros_like(params["fc3.weight"])
    found = spectrum(net, [params])
    assert np.isnan(found.ratio()[0, -1])
    assert found.log10_product()[0] == -np.inf
    assert np.isfinite(found.ratio_sum()[0])
    assert "Π‖W‖₂ = 0" in found.findings()[0].text


def test_progress_and_interruption(net):
    told = []
    spectrum(net, [initialise(net, 0)], progress=lambda *x: told.append(x))
    assert told == [(i, 5, "layers") for i in range(1, 6)]

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spectrum(net, [initialise(net, 0)], progress=stop)


def test_bad_input(net, result):
    good = initialise(net, 0)
    with pytest.raises(ModelError, match=r"A: 'conv1.weight' is missing; give weights of lenet"):
        spectrum(net, [{k: v for k, v in good.items() if k != "conv1.weight"}])
    with pytest.raises(ModelError, match=r"A: 'fc3.weight' is \(9, 84\), lenet has \(10, 84\)"):
        spectrum(net, [good | {"fc3.weight": torch.ones(9, 84)}])
    with pytest.raises(ModelError, match=r"'fc1.weight' is not finite"):
        singular_values(net, good | {"fc1.weight": good["fc1.weight"] / 0})
    with pytest.raises(UsageError, match="0 solution"):
        spectrum(net, [])
    with pytest.raises(UsageError, match="no module 'conv9' has singular values; did you mean 'conv"):
        result.place("conv9")


def test_networks_of_unknown_kind_are_held_against_each_other(net):
    a = initialise(net, 0)
    told = spectrum(net, {"a.pt": a, "b.pt": scaled(a, 2.0)}).findings()[2].text
    assert told.startswith("The median singular value goes from ")
    assert told.index("(a.pt)") < told.index("(b.pt)")
    assert "; 2 networks, " in told


def test_without_a_final_layer_the_others_are_decomposed(net):
    body = {k: v for k, v in initialise(net, 0).items() if not k.startswith("fc3")}
    found = spectrum(net, [body])
    assert [m.name for m in found.maps] == ["conv1", "conv2", "fc1", "fc2"]
    assert found.left_out == (
        LeftOut(
            "fc3.weight", "a final layer that not all networks have here (--head leaves it out, or no file has it)"
        ),
    )
    with pytest.raises(ModelError, match=r"'conv2\.weight' is missing"):
        spectrum(net, [{k: v for k, v in body.items() if k != "conv2.weight"}])
