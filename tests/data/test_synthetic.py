import threading
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from transferscope.data.synthetic import DOMAINS, _draws, _noise, _sdf, _things, _xray, classes, render
from transferscope.data.synthetic._clipart import ClipartStyle
from transferscope.data.synthetic._others import SHAPES as SOURCE_SHAPES
from transferscope.data.synthetic._photo import PhotoStyle
from transferscope.data.synthetic._quickdraw import _PARTS, SketchStyle
from transferscope.errors import DataError

BENDS = np.zeros((6, 1, 1, 1), np.float32)


@pytest.mark.parametrize("domain", DOMAINS)
def test_shapes_types_and_use_of_the_range(domain):
    images, labels = render(domain, 70, 24, seed=1)
    assert images.shape == (70, 24, 24, 3)
    assert images.dtype == np.uint8
    if domain == "xray":
        assert labels.shape == (70, len(classes(domain)))
        assert labels.dtype == np.uint8
        assert set(np.unique(labels)) == {0, 1}
    else:
        assert labels.shape == (70,)
        assert labels.dtype == np.int64
        assert labels.min() >= 0
        assert labels.max() < len(classes(domain))
    spread = images.reshape(70, -1).astype(float).std(1)
    assert spread.min() > 4.0, "a picture is blank"
    assert np.percentile(images, 99) > 150
    assert np.percentile(images, 1) < 60


def test_classes():
    assert len(classes("photo")) >= 12
    assert len(classes("source")) >= 12
    assert classes("photo") == classes("clipart") == classes("quickdraw")
    assert not set(classes("photo")) & set(classes("source"))
    assert len(classes("xray")) == 5
    for domain in ("source", "photo", "clipart"):
        assert len(classes(domain, labels="colour")) == 8


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_picture_does_not_depend_on_count_or_threads(domain):
    many, answers = render(domain, 300, 16, seed=5, threads=2)
    for count in (1, 128, 131):
        few, some = render(domain, count, 16, seed=5, threads=1)
        np.testing.assert_array_equal(few, many[:count])
        np.testing.assert_array_equal(some, answers[:count])
    again, _ = render(domain, 300, 16, seed=5, threads=1)
    assert again.tobytes() == many.tobytes()


def test_blocks_of_large_pictures_do_not_depend_on_count():
    # At 96 pixels a chunk is worked on in several blocks.
    many, _ = render("photo", 40, 96, seed=5)
    few, _ = render("photo", 17, 96, seed=5)
    np.testing.assert_array_equal(few, many[:17])


def test_no_pictures():
    for domain in DOMAINS:
        images, labels = render(domain, 0, 16, seed=0)
        assert images.shape == (0, 16, 16, 3)
        assert len(labels) == 0


@pytest.mark.parametrize("domain", DOMAINS)
def test_seeds_and_chunks_share_no_picture(domain):
    first, _ = render(domain, 256, 16, seed=0)
    second, _ = render(domain, 256, 16, seed=1)
    distinct = {picture.tobytes() for picture in np.concatenate([first, second])}
    assert len(distinct) == 512
    assert not np.array_equal(render(domain, 256, 16, seed=0)[1], render(domain, 256, 16, seed=1)[1])


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_scene_is_the_same_at_another_size(domain):
    fine, fine_labels = render(domain, 12, 96, seed=2)
    coarse, coarse_labels = render(domain, 12, 32, seed=2)
    np.testing.assert_array_equal(fine_labels, coarse_labels)
    shrunk = fine.reshape(12, 32, 3, 32, 3, 3).mean((2, 4))
    for a, b, other in zip(shrunk, coarse.astype(float), np.roll(coarse, 1, 0).astype(float), strict=True):
        same = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert same > 0.8
        assert same > np.corrcoef(a.ravel(), other.ravel())[0, 1]


def test_odd_sizes():
    for size in (8, 17, 33):
        for domain in DOMAINS:
            assert render(domain, 2, size, seed=0)[0].shape == (2, size, size, 3)


def test_domains_differ_in_every_pair():
    pictures = {d: render(d, 128, 32, seed=0)[0] for d in DOMAINS}
    for a, b in combinations(DOMAINS, 2):
        assert not (pictures[a] == pictures[b]).all((1, 2, 3)).any()
    grey = {d: bool((p == p[..., :1]).all()) for d, p in pictures.items()}
    assert grey == {"source": False, "photo": False, "clipart": False, "quickdraw": True, "xray": True}
    white = {d: (p == 255).mean() for d, p in pictures.items()}
    assert white["quickdraw"] > 0.7 > 0.4 > white["clipart"] > white["photo"]
    # The histogram of pixels grows apart from the source's: photographs, then clip art, then sketches.
    bars = {d: np.bincount(p.ravel() // 8, minlength=32) / p.size for d, p in pictures.items()}
    apart = [np.abs(bars[d] - bars["source"]).sum() for d in ("photo", "clipart", "quickdraw")]
    assert apart[0] < apart[1] < apart[2]


def test_labels_are_balanced_and_in_no_order():
    _, labels = render("quickdraw", 3072, 8, seed=3)
    counts = np.bincount(labels, minlength=12)
    assert (np.abs(counts - 256) < 5 * np.sqrt(256)).all()
    assert abs(np.corrcoef(labels[1:], labels[:-1])[0, 1]) < 5 / np.sqrt(3072)


def test_colour_and_object_are_independent():
    for domain in ("photo", "clipart"):
        pictures, objects = render(domain, 2560, 8, seed=4)
        same, colours = render(domain, 2560, 8, seed=4, labels="colour")
        np.testing.assert_array_equal(pictures, same)
        table = np.zeros((12, 8))
        np.add.at(table, (objects, colours), 1)
        assert chi2_contingency(table).pvalue > 1e-4


def test_the_colour_label_is_the_colour_of_the_object():
    pictures, colours = render("clipart", 1536, 16, seed=0, labels="colour")
    names = classes("clipart", labels="colour")
    mean = {name: pictures[colours == k].mean((0, 1, 2)) for k, name in enumerate(names)}
    everything = pictures.mean((0, 1, 2))
    red, green, blue = (mean[c] - everything for c in ("red", "green", "blue"))
    assert [red.argmax(), green.argmax(), blue.argmax()] == [0, 1, 2]


def test_imbalance_is_geometric_and_leaves_the_rest_alone():
    _, labels = render("quickdraw", 5120, 8, seed=6, imbalance=0.9)
    share = 0.1 ** (np.arange(12) / 11)
    expected = 5120 * share / share.sum()
    counts = np.bincount(labels, minlength=12)
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    for domain in ("photo", "clipart", "quickdraw"):
        plain, before = render(domain, 128, 16, seed=6)
        uneven, after = render(domain, 128, 16, seed=6, imbalance=0.5)
        kept = before == after
        assert 0 < kept.sum() < 128
        # Batches of other lengths may round a last bit otherwise.
        assert np.abs(plain[kept].astype(int) - uneven[kept]).max() <= 1


def test_findings_have_their_prevalence_and_are_independent():
    _, labels = render("xray", 5120, 8, seed=7)
    expected = np.array(list(_xray.PREVALENCE.values()))
    assert expected.min() >= 0.08
    assert expected.max() <= 0.40
    deviation = np.sqrt(expected * (1 - expected) / 5120)
    assert (np.abs(labels.mean(0) - expected) < 5 * deviation).all()
    correlation = np.corrcoef(labels.T)[~np.eye(5, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(5120)


def test_findings_brighten_a_chest():
    pictures, labels = render("xray", 2560, 16, seed=8)
    brightness = pictures[:, 4:12].mean((1, 2, 3))
    design = np.c_[labels, np.ones(len(labels))]
    effect = np.linalg.lstsq(design, brightness, rcond=None)[0][:5]
    assert (effect > 0).all()
    names = classes("xray")
    assert effect[names.index("edema")] > effect[names.index("atelectasis")]


@pytest.mark.parametrize("name", [*_things.SHAPES, *SOURCE_SHAPES])
def test_objects_fit_their_frame_and_have_few_parts(name):
    shape = (_things.SHAPES | SOURCE_SHAPES)[name]
    axis = np.linspace(-1.3, 1.3, 66, dtype=np.float32)
    x, y = np.broadcast_arrays(axis[None, None, :], -axis[None, :, None])
    rng = np.random.default_rng(0)
    for bend in (BENDS, rng.uniform(-1, 1, BENDS.shape).astype(np.float32)):
        parts = list(shape(lambda: (x, y), bend))
        assert len(parts) <= _PARTS
        assert any(part.material == _things.MAIN for part in parts)
        covered = np.min([part.distance for part in parts], axis=0)[0] < 0
        assert 0.05 < covered.mean() < 0.6
        assert not (covered & (np.maximum(np.abs(x), np.abs(y))[0] > 1.2)).any()
        assert all(part.distance.dtype == np.float32 for part in parts)
        main = [part.distance for part in parts if part.material == _things.MAIN]
        assert (np.min(main, axis=0) < 0).sum() > 0.25 * covered.sum(), "the colour label needs area"


def test_distances_against_plain_geometry():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-2, 2, (2, 1, 30, 30)).astype(np.float32)
    np.testing.assert_allclose(_sdf.circle(x, y, 0.3, -0.2, 0.5), np.hypot(x - 0.3, y + 0.2) - 0.5, atol=1e-5)

    def to_boundary(points):
        gaps = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
        return gaps.min(-1)

    t = np.linspace(0, 1, 900)
    corners = np.array([[-0.8, -0.5], [0.8, -0.5], [0.8, 0.5], [-0.8, 0.5], [-0.8, -0.5]])
    rim = np.concatenate([a + t[:, None] * (b - a) for a, b in pairwise(corners)])
    np.testing.assert_allclose(np.abs(_sdf.box(x, y, 0.0, 0.0, 0.8, 0.5)), to_boundary(rim), atol=2e-3)
    inside = (np.abs(x) < 0.8) & (np.abs(y) < 0.5)
    np.testing.assert_array_equal(_sdf.box(x, y, 0.0, 0.0, 0.8, 0.5) < 0, inside)

    spine = np.array([-0.5, 0.2]) + t[:, None] * np.array([1.1, 0.4])
    pill = _sdf.capsule(x, y, (-0.5, 0.2), (0.6, 0.6), 0.25)
    np.testing.assert_allclose(pill, to_boundary(spine) - 0.25, atol=2e-3)

    # The star: its boundary runs between alternating outer and inner corners.
    depth, r = 0.5, 0.9
    d = _sdf.star(x, y, r, depth)
    turn = np.deg2rad(90 + 72 * np.arange(5))
    assert (
        np.abs(_sdf.star(*np.float32(r * np.stack([np.cos(turn), np.sin(turn)]))[:, None, None], r, depth)) < 1e-5
    ).all()
    slope = np.hypot(
        *np.gradient(_sdf.star(*np.meshgrid(*[np.linspace(-1, 1, 400, dtype=np.float32)] * 2), r, depth), 2 / 399)
    )
    assert abs(np.median(slope) - 1) < 0.01
    assert (d[np.hypot(x, y) > r] > 0).all()

    # A convex polygon's and an ellipse's distances are bounds, but their insides are right.
    triangle = _sdf.convex(x, y, (-1.0, -1.0), (1.0, -1.0), (0.0, 1.0))
    np.testing.assert_array_equal(triangle < 0, (y > -1) & (y < 1 - 2 * np.abs(x)))
    np.testing.assert_array_equal(
        _sdf.ellipse(x, y, 0.1, 0.0, 1.2, 0.4) < 0, ((x - 0.1) / 1.2) ** 2 + (y / 0.4) ** 2 < 1
    )


def test_noise_has_the_asked_spectrum_and_unit_variance():
    n, size = 256, 64
    spectrum = _noise.Spectrum(np.random.default_rng(0), n, size)
    one, zero = np.ones(n, np.float32), np.zeros(n, np.float32)
    first, second = spectrum.fields(slice(None), one, one, zero)
    assert abs(np.mean(first * second)) < 0.05
    first, second = spectrum.fields(slice(None), 1.5 * one, one, zero)
    assert first.dtype == second.dtype == np.float32
    assert abs(first.var() - 1) < 0.15
    power = (np.abs(np.fft.fft2(first)) ** 2).mean(0)
    k = np.fft.fftfreq(size, 1 / size)
    f = np.hypot(*np.meshgrid(k, k))
    fit = (f > 1.5) & (f < 24)
    slope = np.polyfit(np.log(f[fit]), np.log(power[fit]), 1)[0]
    assert abs(slope + 3.0) < 0.1  # power is the square of the amplitude 1/f^1.5
    chosen = spectrum.fields(np.array([5, 9]), 1.5 * one[:2], one[:2], zero[:2])[0]
    np.testing.assert_allclose(chosen, first[[5, 9]], atol=1e-5)


def test_noise_of_a_larger_picture_adds_only_detail():
    one, zero = np.ones(4, np.float32), np.zeros(4, np.float32)
    small = _noise.Spectrum(np.random.default_rng(3), 4, 32).fields(slice(None), one, one, zero)[0]
    large = _noise.Spectrum(np.random.default_rng(3), 4, 64).fields(slice(None), one, one, zero)[0]
    low = np.fft.fft2(large)[:, np.r_[:16, -15:0]][:, :, np.r_[:16, -15:0]] / 4
    high = np.fft.fft2(small)[:, np.r_[:16, -15:0]][:, :, np.r_[:16, -15:0]]
    np.testing.assert_allclose(low, high, atol=1e-3)


def test_poses_invert_their_own_picture_of_a_point():
    pose = _draws.draw_pose(np.random.default_rng(0), 50, scale=(0.5, 0.8), turn=30.0, stretch=0.2, roam=0.9)
    origin = _draws.object_frame(pose, pose.centre[0][:, None, None], pose.centre[1][:, None, None])
    np.testing.assert_allclose(origin, 0.0, atol=1e-6)
    a, b, c, d = pose.matrix
    # A unit square of the object has the area scale² in the picture.
    np.testing.assert_allclose(np.abs(1.0 / (a * d - b * c)), pose.scale**2, rtol=1e-4)


def test_bad_arguments_are_named():
    with pytest.raises(DataError, match=r"unknown domain 'clip-art'; did you mean 'clipart'\?"):
        render("clip-art", 1, 32, 0)
    with pytest.raises(DataError, match="unknown domain 'fotos'"):
        classes("fotos")
    with pytest.raises(DataError, match="count is -1, must be at least 0"):
        render("photo", -1, 32, 0)
    with pytest.raises(DataError, match="size is 4, must be at least 8"):
        render("photo", 1, 4, 0)
    with pytest.raises(DataError, match=r"imbalance is 1\.0, must be at least 0 and below 1"):
        render("photo", 1, 32, 0, imbalance=1.0)
    with pytest.raises(DataError, match="xray: imbalance is for object labels only"):
        render("xray", 1, 32, 0, imbalance=0.5)
    with pytest.raises(DataError, match="quickdraw: no colour labels"):
        render("quickdraw", 1, 32, 0, labels="colour")
    with pytest.raises(DataError, match=r"unknown labels 'color'; did you mean 'colour'\?"):
        classes("photo", labels="color")


def test_all_arithmetic_is_float32():
    # A stray float64 would double the time.
    rng = np.random.default_rng(0)
    n, size = 6, 16
    shapes = tuple(_things.SHAPES.values())
    hue = np.linspace(0, 300, n, dtype=np.float32)
    which = labels = np.arange(n)
    styles = [
        PhotoStyle(rng, hue, size, shapes),
        ClipartStyle(rng, hue, size, shapes),
        SketchStyle(rng, n, size, shapes),
        _xray.XrayStyle(rng, np.ones((n, 5), np.uint8), size),
    ]
    for style in styles:
        pixels = style.pixels(which, labels)
        assert pixels.shape == (3, n, size, size)
        assert pixels.dtype == np.float32
        drawn = vars(style)["_draws"]
        arrays = {**vars(drawn), **vars(drawn.pose)}
        assert {k: v.dtype for k, v in arrays.items() if isinstance(v, np.ndarray) and v.dtype != np.float32} == {}


def test_no_thread_is_left_behind():
    before = threading.active_count()
    render("quickdraw", 300, 8, seed=0, threads=2)
    assert threading.active_count() == before
