"""Formats of numbers: exact where the file tells, refused where it does not."""

import warnings

import pytest
import torch
from torch import nn

from transferscope.errors import CheckpointError
from transferscope.models.build import build, initialise
from transferscope.models.checkpoint import read
from transferscope.models.heads import compare, fit_to
from transferscope.questions.doctor.measure import doctor


@pytest.fixture(scope="module")
def net():
    return build("resnet20", 3)


@pytest.fixture(scope="module")
def params(net):
    return initialise(net, 1)


def saved(path, params, change):
    torch.save({k: change(v) if v.is_floating_point() else v for k, v in params.items()}, path)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [(torch.int8, "int8"), (torch.uint8, "uint8"), (torch.int32, "int32"), (torch.bool, "bool")],
)
def test_integers_are_no_weights(net, params, tmp_path, kind, name):
    path = saved(tmp_path / "a.pt", params, lambda v: (64 * v).round().to(kind))
    with pytest.raises(CheckpointError, match=rf"conv1\.weight holds {name} in the file, float32 in the network"):
        fit_to(net, read(path))
    report = compare(net, read(path))
    assert not report.complete and not report.but_for_head and len(report.unlike) == 97
    d = doctor(path, "resnet20")
    assert not d.usable and f"numbers    conv1.weight: {name} in the file" in d.text()


def test_complex_numbers_are_no_weights(net, params, tmp_path):
    path = saved(tmp_path / "a.pt", params, lambda v: v.to(torch.complex64))
    with pytest.raises(CheckpointError, match="holds complex64 in the file, float32 in the network"):
        fit_to(net, read(path))
    assert not doctor(path, "resnet20").usable


@pytest.mark.parametrize(
    "kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_other_floats_are_taken_exactly_and_said(net, params, tmp_path, kind):
    path = saved(tmp_path / "a.pt", params, lambda v: v.to(kind))
    loaded = fit_to(net, read(path))
    for name, value in params.items():
        wanted = value.to(kind).to(torch.float32) if value.is_floating_point() else value
        assert torch.equal(loaded.params[name], wanted) and loaded.params[name].dtype == value.dtype
    name = str(kind).removeprefix("torch.")
    assert loaded.report.notes()[0].startswith(f"97 stored as {name}, used as float32: conv1.weight, ")
    assert doctor(path).healthy


def test_counters_may_be_of_any_whole_kind(net, params, tmp_path):
    counted = {k: v + 7 if k.endswith("tracked") else v for k, v in params.items()}
    torch.save({k: v.float() if k.endswith("tracked") else v for k, v in counted.items()}, tmp_path / "a.pt")
    loaded = fit_to(net, read(tmp_path / "a.pt"))
    assert loaded.params["bn1.num_batches_tracked"].item() == 7
    torch.save({k: v + 0.5 if k.endswith("tracked") else v for k, v in params.items()}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"bn1\.num_batches_tracked holds float32 in the file, int64"):
        fit_to(net, read(tmp_path / "a.pt"))


@pytest.mark.parametrize("channels", [False, True])
def test_quantised_tensors_have_exact_values(net, params, tmp_path, channels):
    def quantised(v):
        if v.ndim != 4:
            return v
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scales = torch.linspace(0.01, 0.05, len(v)).double()
            zeros = torch.zeros(len(v), dtype=torch.long)
            if channels:
                return torch.quantize_per_channel(v, scales, zeros, 0, torch.qint8)
            return torch.quantize_per_tensor(v, 0.05, 0, torch.qint8)

    path = saved(tmp_path / "a.pt", params, quantised)
    loaded = fit_to(net, read(path))
    assert torch.equal(loaded.params["conv1.weight"], quantised(params["conv1.weight"]).dequantize())
    assert torch.equal(loaded.params["linear.weight"], params["linear.weight"])
    assert loaded.report.notes()[0].startswith("19 dequantised (qint8): conv1.weight, ")
    assert "  kept as    19 tensors dequantised (qint8)" in doctor(path).text()


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_sparse_tensors_are_made_dense(net, params, tmp_path, layout):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(
            {k: getattr(v, layout)() if v.ndim == 2 else v for k, v in params.items()},
            tmp_path / "a.pt",
        )
    loaded = fit_to(net, read(tmp_path / "a.pt"))
    assert torch.equal(loaded.params["linear.weight"], params["linear.weight"])
    assert loaded.report.notes()[0].startswith("1 made dense (sparse_")


def test_shapes_without_numbers(net, params, tmp_path):
    path = saved(tmp_path / "a.pt", params, lambda v: v.to("meta"))
    with pytest.raises(
        CheckpointError, match=r"'conv1\.weight' has a shape but no data .* and so with 96 other tensors"
    ):
        read(path)
    d = doctor(path, "resnet20")
    assert not d.usable and "fits by names and shapes, but has no numbers for it" in d.text()
    assert (
        "no numbers conv1.weight has a shape but no data (it was saved from the meta device) (and so 96 more)"
        in d.text()
    )
    assert d.findings()[0].text == "97 of the 116 tensors in a.pt hold no numbers to compute with."


def test_lazy_layers_that_never_ran(tmp_path):
    torch.save({"fc": nn.LazyLinear(3).state_dict()}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="'weight' has no shape yet"):
        read(tmp_path / "a.pt")
    assert "no numbers weight has no shape yet (a lazy layer that never saw data)" in doctor(tmp_path / "a.pt").text()
