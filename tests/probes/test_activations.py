import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import DataError, ModelError
from transferscope.models.build import build, initialise, wrap
from transferscope.models.network import Input
from transferscope.probes.activations import Tap, Taps, features, pool, taps
from transferscope.probes.entries import unfolded

SMALL = Input((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def image_set(n: int = 10, size: int = 8, channels: int = 3, classes: int = 4) -> ImageSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, size, size, channels), dtype=np.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return ImageSet(images, np.arange(n) % classes, names, np.array([f"id {i}" for i in range(n)]))


class Convs(nn.Module):
    """A convolution whose output is overwritten in place, a module that runs twice, one that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.pair = Pair()
        self.flat = nn.Flatten()
        self.head = nn.Linear(4 * 36, 4)

    def forward(self, x):
        x = self.relu(self.conv(x))
        x = self.again(x)
        x += 1
        x = self.again(x)
        x, _ = self.pair(x)
        return self.head(self.flat(x))


class Pair(nn.Module):
    def forward(self, x):
        return x * 2, "something else"


def by_hand(net, params, images):
    """The same features, with a forward pass written out."""
    module = net.fresh(params)
    x = torch.from_numpy(images.images).float().div(255).permute(0, 3, 1, 2)
    x = (x - torch.tensor(net.input.mean)[:, None, None]) / torch.tensor(net.input.std)[:, None, None]
    out = {"conv": module.conv(x)}
    out["again"] = module.again(out["conv"].relu())
    out["again#2"] = module.again(out["again"] + 1)
    out["pair"] = out["again#2"] * 2
    out["head"] = module.head(out["pair"].flatten(1))
    return {name: value.flatten(1).detach().numpy() for name, value in out.items()}


@pytest.fixture
def convs():
    return wrap(Convs(), name="convs", classes=4, input=SMALL, head="head")


@pytest.mark.parametrize("batch", [3, 10, 64])  # 3: a short last batch of one
def test_features_are_those_of_a_pass_by_hand(convs, batch):
    images, params = image_set(), initialise(convs, 1)
    got = features(convs, params, images, ["conv", "again", "pair", "head"], batch=batch)
    want = by_hand(convs, params, images)
    assert list(got) == ["conv", "again", "again#2", "pair", "head"]
    for name, value in want.items():
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_hooks_are_gone_afterwards_and_the_template_is_untouched(convs):
    before = {k: v.clone() for k, v in convs.module.state_dict().items()}
    features(convs, initialise(convs, 1), image_set(), ["conv"])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in convs.module.modules())
    assert all(torch.equal(v, before[k]) for k, v in convs.module.state_dict().items())


def test_float64_weights_give_float64_features(convs):
    params = {k: v.double() for k, v in initialise(convs, 1).items()}
    got = features(convs, params, image_set(), ["conv", "head"])
    assert got["conv"].dtype == got["head"].dtype == np.float64


@pytest.mark.parametrize("granularity", ["stage", "block", "layer"])
def test_granularities_follow_the_network(granularity):
    net = build("fixup_resnet8", classes=4, input=Input((8, 8), 3))
    got = features(net, initialise(net, 0), image_set(), granularity)
    assert list(got) == [m.name for m in net.modules(granularity)]
    assert [t.head for t in taps(net, granularity)] == [False] * (len(got) - 1) + [True]
    assert all(len(v) == 10 for v in got.values())


def test_pooling_averages_positions_of_every_layout():
    x = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).view(2, 3, 4, 4)
    want = x.flatten(2).mean(2)
    for layout in (x, x.permute(0, 2, 3, 1), x.flatten(2).transpose(1, 2)):
        np.testing.assert_allclose(pool(layout), want, rtol=1e-6)
    assert pool(x.flatten(1)).shape == (2, 48)


class Transformer(nn.Module):
    """Tokens (b, t, d) through two encoder layers; their mean is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.blocks = nn.Sequential(*[nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(2)])
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.blocks(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


def test_tokens_are_flattened_or_averaged():
    net = wrap(Transformer(), name="former", classes=4, input=SMALL, make=Transformer)
    images, params = image_set(6), initialise(net, 0)
    flat = features(net, params, images, ["blocks.1", "head"], batch=4)
    pooled = features(net, params, images, ["blocks.1"], pooled=True)["blocks.1"]
    assert flat["blocks.1"].shape == (6, 4 * 16) and pooled.shape == (6, 16)
    np.testing.assert_allclose(flat["blocks.1"].reshape(6, 4, 16).mean(1), pooled, rtol=1e-4, atol=1e-6)
    head = pooled @ params["head.weight"].numpy().T + params["head.bias"].numpy()
    np.testing.assert_allclose(flat["head"], head, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_tokens_of_a_vision_transformer():
    net = build("timm/vit_tiny_patch16_224", classes=4, input=Input((32, 32), 3))
    images, params = image_set(6, 32), initialise(net, 0)
    flat = features(net, params, images, ["blocks.1"], batch=4)["blocks.1"]
    pooled = features(net, params, images, ["blocks.1"], pooled=True)["blocks.1"]
    assert flat.shape == (6, 5 * 192) and pooled.shape == (6, 192)
    np.testing.assert_allclose(flat.reshape(6, 5, 192).mean(1), pooled, rtol=1e-4, atol=1e-5)


def test_unknown_modules_are_named_with_the_nearest(convs):
    with pytest.raises(ModelError, match=r"convs has no module 'agian'; did you mean 'again'\?"):
        taps(convs, ["agian"])
    with pytest.raises(ModelError, match="'conv' is asked for twice"):
        taps(convs, ["conv", "conv"])
    with pytest.raises(ModelError, match="no modules of convs"):
        taps(convs, [])
    with pytest.raises(ModelError, match="granularity 'stages'; did you mean 'stage'"):
        taps(convs, "stages")


class Awkward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)
        self.sometimes = nn.Identity()
        self.columns = Columns()
        self.words = Words()
        self.head = nn.Linear(3, 4)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        x = x.mean((2, 3))
        for _ in range(self.passes):
            x = self.sometimes(x)
        self.columns(x)
        self.words(x)
        return self.head(x)


class Columns(nn.Module):
    def forward(self, x):
        return x.T


class Words(nn.Module):
    def forward(self, x):
        return {"logits": x}


def test_what_has_no_features_is_a_clear_error():
    module = Awkward().eval()
    x = torch.zeros(5, 3, 2, 2)
    cases = {
        "idle": "'idle' did not run",
        "columns": "'columns' gives 3 entries for 5 images",
        "words": "'words' gives a dict, which are no features",
    }
    for name, message in cases.items():
        with Taps(module, [Tap(name, name)], lambda y: y) as seen, pytest.raises(ModelError, match=message):
            module(x)
            seen.collect()
    module.passes = 0
    with (
        Taps(module, [Tap("sometimes", "sometimes")], lambda y: y) as seen,
        pytest.raises(ModelError, match="does not run equally often"),
    ):
        for _ in range(2):
            module(x)
            seen.collect()


def test_images_that_do_not_fit_are_named(convs):
    params = initialise(convs, 0)
    with pytest.raises(DataError, match=r"images are grey and convs wants RGB; load them with channels=3"):
        features(convs, params, image_set(channels=1), ["conv"])
    with pytest.raises(DataError, match=r"cannot take images of 9×9 pixels, it wants 8×8"):
        features(convs, params, image_set(size=9), ["conv"])
    with pytest.raises(DataError, match="no images"):
        features(convs, params, image_set().subset([]), ["conv"])


class Folded(nn.Module):
    """Patches stand beside images on the first axis, by image or by patch; or tokens come before images."""

    def __init__(self, form="images first") -> None:
        super().__init__()
        self.form, self.each, self.head = form, nn.Linear(12, 5), nn.Linear(5, 4)

    def forward(self, x):
        patches = x.flatten(1).view(len(x), 4, 4, 12)  # (images, patches, tokens, channels)
        if self.form == "images first":
            return self.head(self.each(patches.flatten(0, 1)).view(len(x), 16, 5).mean(1))
        if self.form == "patches first":
            return self.head(self.each(patches.transpose(0, 1).flatten(0, 1)).view(4, len(x), 4, 5).mean((0, 2)))
        return self.head(self.each(patches.flatten(1, 2).transpose(0, 1)).mean(0))


@pytest.mark.parametrize("pooled", [False, True])
def test_folded_patches_are_features_of_their_images(pooled):
    images, net = image_set(), wrap(Folded(), name="folded", classes=4, input=SMALL)
    params = initialise(net, 1)
    got = features(net, params, images, ["each"], pooled=pooled, batch=3)["each"]
    module = net.fresh(params)
    tokens = module.each(net.input.prepare(torch.from_numpy(images.images)).flatten(1).view(10, 16, 12)).detach()
    np.testing.assert_allclose(got, tokens.mean(1) if pooled else tokens.flatten(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["patches first", "tokens first"])
@pytest.mark.parametrize("batch", [3, 4, 16])  # 16: as many images as tokens, so that the number of entries is right
def test_entries_that_do_not_follow_their_images_are_no_features(form, batch):
    net = wrap(Folded(form), name="folded", classes=4, input=SMALL)
    with pytest.raises(ModelError, match=r"'each' has no features: its output does not have image after image"):
        features(net, initialise(net, 1), image_set(16), ["each"], batch=batch)


@pytest.mark.parametrize("form", ["(b·k, h, w, c)", "(b·k, c, h, w)", "(b·k, t, c)", "(b·k, c)"])
def test_unfolding_keeps_channels_apart(form):
    image = torch.arange(2.0)[:, None, None, None] * 100 + torch.arange(3.0)  # (images, 1, 1, channels)
    whole = image.expand(2, 5, 16, 3).flatten(0, 1)  # five windows of 16 positions an image
    value = {
        "(b·k, h, w, c)": whole.unflatten(1, (4, 4)),
        "(b·k, c, h, w)": whole.unflatten(1, (4, 4)).permute(0, 3, 1, 2),
        "(b·k, t, c)": whole,
        "(b·k, c)": whole[:, 0],
    }[form]
    assert pool(unfolded(value, 2)).tolist() == [[0, 1, 2], [100, 101, 102]]
