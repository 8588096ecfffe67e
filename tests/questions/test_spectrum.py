"""Counts, norms and sums against all singular values, taken from dense matrices or plain formulas."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.errors import ModelError, UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions.spectrum.measure import PROBABILITIES, Spectrum, singular_values, spectrum


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


def test_findings_hold_the_papers_claims_against_the_numbers(result):
    found = {f.claim: f for f in result.findings() if f.claim}
    whole, modules, sums = found.values()
    # P-T was made with singular values twice as large, so RI-T lies nearer to zero, and the ratios are alike.
    assert whole.verdict == "agrees"
    assert whole.low > 0
    assert "Under σ = " in whole.text
    assert "2 and 2 networks" in whole.text
    assert modules.text.startswith("RI-T has a larger share of its singular values under the median of P-T in 5 of 5")
    assert modules.verdict == "cannot tell"  # five modules are too few for a sign test
    assert sums.verdict in ("cannot tell", "agrees", "disagrees")
    assert sums.low < sums.value < sums.high
    turned = dataclasses.replace(
        result,
        members=tuple(dataclasses.replace(m, role={"P-T": "RI-T", "RI-T": "P-T"}[m.role]) for m in result.members),
    )
    assert {f.claim: f for f in turned.findings()}[whole.claim].verdict == "disagrees"


def test_a_larger_sum_of_ratios_agrees_with_the_paper(result):
    m = np.array([1.0, 1.0, 2.0, 2.1])[:, None]
    maps = dataclasses.replace(result, frobenius=result.top * m, weight_norm=result.top * (3 - m))

    def sums(of):
        return next(f for f in of.findings() if "‖W‖_F/‖W‖₂ of" in f.text)

    assert sums(maps).verdict == "cannot tell", "the kernels say the opposite"
    found = sums(dataclasses.replace(maps, weight_norm=result.top * m))
    welch = stats.ttest_ind(np.log(m[2:, 0]), np.log(m[:2, 0]), equal_var=False).confidence_interval(0.95)
    assert found.verdict == "agrees"
    assert found.value == pytest.approx(np.sqrt(4.2))
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
    assert any("1 weight left out: up.weight (no 2-D convolution and no matrix)." in t for t in texts)
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
    assert "1 weight left out: fc3.weight (a final layer that not all networks have here)." in [
        f.text for f in found.findings()
    ]
    with pytest.raises(ModelError, match=r"'conv2\.weight' is missing"):
        spectrum(net, [{k: v for k, v in body.items() if k != "conv2.weight"}])
