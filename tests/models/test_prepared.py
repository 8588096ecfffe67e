"""Modules that people wrap: tied weights, extra state, other number formats, several outputs, versions of layers."""

import copy
from collections import namedtuple

import pytest
import torch
from torch import nn

from transferscope.errors import CheckpointError, ModelError, UsageError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.load import load_weights
from transferscope.models.network import Input, put
from transferscope.models.prepared import aliases, prepared
from transferscope.params import lerp
from transferscope.rng import generator

SEEN = Input((8, 8))


class Tied(nn.Module):
    """Two convolutions with one kernel."""

    def __init__(self):
        super().__init__()
        self.c0, self.c1, self.c2 = (nn.Conv2d(n, 4, 3, padding=1) for n in (3, 4, 4))
        self.c2.weight = self.c1.weight
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.c2(torch.relu(self.c1(torch.relu(self.c0(x))))).mean((2, 3)))


class Noted(nn.Module):
    """State beside the weights, in the module and in a part of it."""

    def __init__(self, note="mine"):
        super().__init__()
        self.note, self.fc = note, nn.Linear(192, 2)

    def get_extra_state(self):
        return {"note": self.note}

    def set_extra_state(self, state):
        self.note = state["note"]

    def forward(self, x):
        return self.fc(x.flatten(1))


def wrapped(module, **more):
    return wrap(module, name="mine", classes=2, input=SEEN, **more)


def images(n=3):
    return torch.randn((n, 3, 8, 8), generator=generator("images"))


def test_tied_weights_are_one_weight():
    module, other = Tied(), Tied()
    net = wrapped(module)
    assert "c2.weight" not in net.params() and "c1.weight" in net.params()
    assert net.notes == ("c2.weight is the same tensor as c1.weight and counted once",)
    counted = [t for m in net.modules("layer") for t in m.tensors]
    assert sorted(counted) == sorted(net.params())
    weights = net.weights(other.state_dict())
    assert weights.keys() == net.params().keys()
    x = images()
    expected = other.eval()(x)
    assert torch.equal(net.fresh(weights)(x), expected)
    assert torch.allclose(net(weights, x), expected)


def test_moving_a_tied_weight_moves_it_everywhere():
    net = wrapped(Tied())
    a = net.params()
    b = a | {"c1.weight": a["c1.weight"] + 1}
    moved, x = lerp(a, b, 0.5), images()
    by_hand = Tied().eval()
    by_hand.load_state_dict(moved | {"c2.weight": moved["c1.weight"]})
    assert torch.allclose(net.fresh(moved)(x), by_hand(x))


def test_names_of_one_weight_that_differ_are_refused():
    net = wrapped(Tied())
    given = dict(Tied().state_dict()) | {"c2.weight": torch.zeros(4, 4, 3, 3)}
    with pytest.raises(UsageError, match=r"A: 'c2\.weight' and 'c1\.weight' are one weight in mine and differ here"):
        net.weights(given, "A")


@pytest.mark.parametrize("without", [(), ("c1.weight",), ("c2.weight",)])
def test_files_name_a_tied_weight_once_or_twice(tmp_path, without):
    module = Tied()
    torch.save({k: v for k, v in module.state_dict().items() if k not in without}, tmp_path / "tied.pt")
    taken = load_weights(wrapped(Tied()), tmp_path / "tied.pt").params
    assert torch.equal(taken["c1.weight"], module.c1.weight) and "c2.weight" not in taken


def test_files_whose_names_of_one_weight_differ_are_refused(tmp_path):
    torch.save(dict(Tied().state_dict()) | {"c2.weight": torch.zeros(4, 4, 3, 3)}, tmp_path / "tied.pt")
    with pytest.raises(
        CheckpointError, match=r"'c\d\.weight' and 'c\d\.weight' are one weight in mine and differ in the"
    ):
        load_weights(wrapped(Tied()), tmp_path / "tied.pt")


def test_files_with_extra_state(tmp_path):
    module = nn.Sequential(Noted(), nn.Identity())
    torch.save(module.state_dict(), tmp_path / "noted.pt")
    taken = load_weights(wrapped(module), tmp_path / "noted.pt").params
    assert sorted(taken) == ["0.fc.bias", "0.fc.weight"]


def test_a_layer_used_twice_under_two_names():
    layer = nn.Linear(4, 4)
    assert aliases(nn.Sequential(nn.Linear(2, 4), layer, nn.ReLU(), layer)) == {
        "3.weight": "1.weight",
        "3.bias": "1.bias",
    }


def test_extra_state_is_no_weight_and_stays():
    net = wrapped(nn.Sequential(Noted(), nn.Identity()))
    assert sorted(net.params()) == ["0.fc.bias", "0.fc.weight"]
    assert net.notes == ("extra state (0._extra_state) is no weight and stays as it is",)
    given = dict(nn.Sequential(Noted("yours"), nn.Identity()).state_dict())
    taken = net.weights(given)
    fresh = net.fresh(taken)
    assert torch.equal(fresh[0].fc.weight, given["0.fc.weight"]) and fresh[0].note == "mine"


@pytest.mark.parametrize("format_", ["float64", "float16", "bfloat16"])
def test_other_number_formats_become_float32(format_):
    dtype = getattr(torch, format_)
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2, dtype=dtype))
    net = wrapped(module)
    assert {v.dtype for v in net.params().values()} == {torch.float32}
    assert net.notes == (f"weights of {format_} are taken as float32",)
    assert module[1].weight.dtype == dtype, "the user's module stays as it is"
    expected = copy.deepcopy(module).float()(images())
    assert torch.equal(net.fresh(net.weights(module.state_dict()))(images()), expected)


def test_mixed_formats_are_named():
    net = wrapped(nn.Sequential(nn.Flatten(), nn.Linear(192, 3).half(), nn.Linear(3, 2).double()))
    assert net.notes == ("weights of float16, float64 are taken as float32",)


Outputs = namedtuple("Outputs", "logits features")


class Several(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.fc = how, nn.Linear(192, 2)

    def forward(self, x):
        features = x.flatten(1)
        return self.how(self.fc(features), features)


@pytest.mark.parametrize(
    ("how", "output", "said"),
    [
        (Outputs, None, "of its outputs (Outputs) 'logits' is taken"),
        (lambda y, f: {"loss": f, "logits": y}, None, "of its outputs (dict) 'logits' is taken"),
        (lambda y, f: {"pred": y, "f": f}, "pred", "of its outputs (dict) 'pred' is taken"),
        (lambda y, f: (f, y), 1, "of its outputs (tuple) 1 is taken"),
        (
            lambda y, f: (f, y),
            None,
            "of its outputs (tuple) 1 is taken, the only one with a number for each class",
        ),
        (
            lambda y, f: {"main": y, "aux": 2 * y, "f": f},
            None,
            "of its outputs (dict) 'main' is taken, the first of 2 with a number for each class",
        ),
    ],
)
def test_one_of_several_outputs(how, output, said):
    net = wrapped(Several(how), output=output)
    assert net.notes == (said,)
    assert torch.equal(net(net.params(), images()), net.module.fc(images().flatten(1)))
    assert net.head == "fc"


def test_several_outputs_of_which_none_can_be_logits_are_refused():
    with pytest.raises(
        ModelError, match=r"returns a tuple .*of several outputs choose one, wrap\(\.\.\., output=0\)"
    ):
        wrapped(Several(lambda y, f: (f, f)))


def shared_memory():
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.Linear(2, 2))
    module[2].weight = nn.Parameter(module[1].weight.data.view(-1)[:4].view(2, 2))
    return module


def complex_weight():
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    module.register_parameter("spectrum", nn.Parameter(torch.zeros(3, dtype=torch.complex64)))
    return module


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), r"'1\.weight' has no shape yet \(a lazy layer\)"),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 2, device="meta")),
            r"holds no numbers \(it is on the meta",
        ),
        (complex_weight, r"'spectrum' is complex; questions move real weights"),
        (shared_memory, r"'2\.weight' and '1\.weight' share memory but are not one parameter"),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 2).to(torch.float8_e4m3fn)),
            r"'1\.weight' is of float8_e4m3fn; expected float32 or a format that becomes it without a scale",
        ),
    ],
)
def test_weights_that_no_question_could_move(make, message):
    with pytest.raises(ModelError, match=message) as e:
        wrapped(make())
    assert "\n" not in str(e.value)


def test_a_scalar_at_the_top_is_a_weight():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.fc = nn.Parameter(torch.tensor(2.0)), nn.Linear(192, 2)

        def forward(self, x):
            return self.scale * self.fc(x.flatten(1))

    net = wrapped(Scaled())
    assert "scale" in net.params() and "scale" in {t for m in net.modules("layer") for t in m.tensors}


class Versioned(nn.Module):
    """Like MNASNet: weights without a version are taken for old ones, and change the module."""

    _version = 2

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(192, 2)

    def _load_from_state_dict(self, state, prefix, metadata, *rest):
        if metadata.get("version") != 2:
            self.fc = nn.Linear(192, 3)
        super()._load_from_state_dict(state, prefix, metadata, *rest)

    def forward(self, x):
        return self.fc(x.flatten(1))


def test_state_dicts_keep_their_versions():
    net = wrapped(Versioned())
    params = {k: v + 1 for k, v in net.params().items()}
    assert torch.equal(net.fresh(params).fc.weight, params["fc.weight"])
    module = net.fresh()
    put(module, params)
    assert module.fc.out_features == 2


def test_mnasnet_takes_weights():
    net = build("torchvision/mnasnet0_5", 2, input=Input((32, 32)))
    drawn = initialise(net, 1)
    assert torch.equal(net.fresh(drawn).state_dict()["layers.0.weight"], drawn["layers.0.weight"])


def test_what_torch_compile_wraps_is_taken_off():
    inner = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    assert list(prepared(torch.compile(inner), "compiled")[0].state_dict()) == ["1.weight", "1.bias"]


class Distilled(nn.Module):
    """Two final classifiers, whose mean is the answer in eval mode."""

    def __init__(self, wide=5):
        super().__init__()
        self.body, self.head, self.head_dist = nn.Linear(192, wide), nn.Linear(wide, 2), nn.Linear(wide, 2)

    def forward(self, x):
        x = self.body(x.flatten(1)).relu()
        return (self.head(x) + self.head_dist(x.square())) / 2


def test_two_final_classifiers_are_the_head_together():
    net = wrapped(Distilled())
    assert set(net.head_tensors()) == {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"}
    assert net.notes == ("has 2 final layers (head_dist, head); its answer is what eval mode makes of them",)
    assert wrapped(nn.Sequential(nn.Flatten(), nn.Linear(192, 2), nn.Linear(2, 2))).twins == ()
    assert wrapped(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Linear(5, 2))).twins == ()
