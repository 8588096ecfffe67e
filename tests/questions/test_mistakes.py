import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import ModelError, UsageError
from transferscope.evidence.guard import Witness
from transferscope.models.build import wrap
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.questions.mistakes.gallery import thumbnails
from transferscope.questions.mistakes.measure import Mistakes, mistakes
from transferscope.questions.mistakes.shared import SharedMistakes
from transferscope.records import to_tree

# The printed tables of 000: g1, g2, common, r1, r2. They are cut, not rounded, after four digits.
TABLE_3 = [
    (645, 832, 3597, 0.1878, 0.1520),
    (2361, 2318, 4047, 0.3641, 0.3684),
    (71, 207, 3009, 0.0643, 0.02305),
    (2250, 2460, 8835, 0.2177, 0.2029),
    (3446, 2160, 4200, 0.3396, 0.4506),
]
TABLE_4 = [
    (704, 773, 3469, 0.1822, 0.1687),
    (3139, 1499, 4909, 0.2339, 0.3900),
    (195, 102, 2978, 0.0331, 0.0614),
    (2070, 2588, 8497, 0.2334, 0.1958),
    (2001, 3136, 4510, 0.4101, 0.3073),
]
TABLE_5 = [
    (456, 697, 3732, 0.1573, 0.1088),
    (2375, 1369, 4996, 0.2150, 0.3222),
    (63, 139, 3077, 0.0432, 0.0200),
    (2030, 1879, 9416, 0.1663, 0.1773),
    (1687, 2398, 3962, 0.3770, 0.2986),
]
TABLE_6 = [(521, 2940, 3263, 0.1376, 0.4739), (787, 844, 5359, 0.1280, 0.1360), (619, 584, 3165, 0.1635, 0.1558)]


@pytest.mark.parametrize(("g1", "g2", "common", "r1", "r2"), TABLE_3 + TABLE_4 + TABLE_5)
def test_shares_are_those_of_tables_3_to_5(g1, g2, common, r1, r2):
    s = SharedMistakes("1", "2", "", "", 60_000, only_a_correct=g1, only_b_correct=g2, both_wrong=common)
    assert s.uncommon_share_a == pytest.approx(r1, abs=1e-4)
    assert s.uncommon_share_b == pytest.approx(r2, abs=1e-4)


@pytest.mark.parametrize(("g1", "g2", "common", "r1", "r2"), TABLE_6)
def test_shares_are_those_of_table_6_where_g1_counts_what_only_the_first_gets_wrong(g1, g2, common, r1, r2):
    s = SharedMistakes("1", "2", "", "", 60_000, only_a_correct=g2, only_b_correct=g1, both_wrong=common)
    assert s.uncommon_share_a == pytest.approx(r1, abs=1e-4)
    assert s.uncommon_share_b == pytest.approx(r2, abs=1e-4)


def test_without_mistakes_there_is_no_share():
    s = SharedMistakes("1", "2", "", "", 10, only_a_correct=3, only_b_correct=0, both_wrong=0)
    assert np.isnan(s.uncommon_share_a) and np.isnan(s.interval_a().low) and s.uncommon_share_b == 1.0


PIXELS = Input((1, 1), 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def net_of(classes=3):
    """Logits are a linear map of the three colours: what a network answers can be written down."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(3, classes))
    return wrap(module, name="colours", classes=classes, input=PIXELS, head="1")


def weights(matrix, bias=None):
    m = torch.tensor(matrix, dtype=torch.float32)
    return {"1.weight": m, "1.bias": torch.zeros(len(m)) if bias is None else torch.tensor(bias)}


def colour_set(n=300, seed=0, flip=0.3, name="colours"):
    """The class is the brightest colour, but for a share of images whose label is another one."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 1, 1, 3), dtype=np.uint8)
    labels = pixels[:, 0, 0].argmax(1)
    wrong = rng.random(n) < flip
    labels = np.where(wrong, (labels + 1) % 3, labels)
    return ImageSet(pixels, labels, ("red", "green", "blue"), np.array([f"{name} {i}" for i in range(n)]), name)


def four(seed=0):
    rng = np.random.default_rng(seed)
    eye = np.eye(3)
    near = [Solution(f"P-T {i}", weights(eye + 0.1 * rng.normal(size=(3, 3))), "P-T", "P") for i in range(2)]
    far = [Solution(f"RI-T {i}", weights(eye + 1.2 * rng.normal(size=(3, 3))), "RI-T", f"RI {i}") for i in range(2)]
    return near + far


def plain_answers(solution, images):
    x = images.images[:, 0, 0].astype(np.float64) / 255
    return x @ solution.params["1.weight"].double().numpy().T


def test_counts_are_those_of_a_plain_loop():
    images, given = colour_set(), four()
    got = mistakes(net_of(), given, images, batch=7)
    right = {s.label: [plain_answers(s, images)[i].argmax() == images.labels[i] for i in range(300)] for s in given}
    assert len(got.shared) == 6
    for s in got.shared:
        a, b = right[s.a], right[s.b]
        assert s.only_a_correct == sum(x and not y for x, y in zip(a, b, strict=True))
        assert s.only_b_correct == sum(y and not x for x, y in zip(a, b, strict=True))
        assert s.both_wrong == sum(not x and not y for x, y in zip(a, b, strict=True))
        assert s.both_correct == sum(x and y for x, y in zip(a, b, strict=True)) and s.n == 300
    np.testing.assert_allclose(got.accuracy(), [np.mean(right[s.label]) for s in given])
    for c in range(3):
        of = images.labels == c
        np.testing.assert_allclose(got.class_accuracy[:, c], [np.mean(np.array(right[s.label])[of]) for s in given])
        assert got.class_counts[c] == got.class_sizes[c] == of.sum()
    row = got.frame().iloc[1]
    s = got.shared[1]
    assert row["p"] == pytest.approx(stats.binomtest(s.only_a_correct, s.uncommon).pvalue)
    low, high = stats.binomtest(s.only_b_correct, s.only_b_correct + s.both_wrong).proportion_ci(method="wilson")
    assert (row["uncommon_share_a_low"], row["uncommon_share_a_high"]) == pytest.approx((low, high))


def test_multi_label_counts_by_class_and_ignores_unknown_labels():
    rng = np.random.default_rng(1)
    base = colour_set(200)
    labels = rng.integers(-1, 2, (200, 2)).astype(np.int8)
    images = ImageSet(base.images, labels, ("bright", "dark"), base.ids, "findings")
    given = [
        Solution(x, weights(rng.normal(size=(2, 3)), [-0.2, 0.1]), role, x)
        for x, role in (("a", "P-T"), ("b", "RI-T"))
    ]
    got = mistakes(net_of(2), given, images, gallery=4)
    right = []
    for s in given:
        x = plain_answers(s, images) + s.params["1.bias"].numpy()
        right.append(np.where(labels < 0, -1, ((x > 0) == (labels == 1)).astype(int)))
    assert [s.of for s in got.shared] == ["", "bright", "dark"]
    for s, columns in zip(got.shared, ([0, 1], [0], [1]), strict=True):
        a, b = right[0][:, columns].ravel(), right[1][:, columns].ravel()
        known = a >= 0
        assert (s.n, s.only_a_correct) == (known.sum(), ((a == 1) & (b == 0)).sum())
        assert (s.only_b_correct, s.both_wrong) == (((b == 1) & (a == 0)).sum(), ((a == 0) & (b == 0)).sum())
    expected = [[(r[:, c] == 1).sum() / (r[:, c] >= 0).sum() for c in range(2)] for r in right]
    np.testing.assert_allclose(got.class_accuracy, expected)
    np.testing.assert_allclose(got.accuracy(), np.mean(expected, axis=1))
    assert got.class_sizes.tolist() == (labels == 1).sum(0).tolist()
    assert np.isnan(got.frame()["p"][0]) and np.isfinite(got.frame()["p"][1:]).all()
    g = got.galleries[0]
    assert g.wrong == "a" and len(g.index) == 4
    for i, truth, said_a, said_b in zip(g.index, g.truth, g.answer_a, g.answer_b, strict=True):
        c = images.classes.index(truth.removeprefix("no "))
        assert labels[i, c] == (not truth.startswith("no ")) and said_b == truth != said_a
    assert any("of the answers" in f.text for f in got.findings())


def test_a_class_without_a_known_answer_is_left_out():
    base = colour_set(20)
    labels = np.stack([np.arange(20) % 2, np.full(20, -1)], 1).astype(np.int8)
    images = ImageSet(base.images, labels, ("known", "unknown"), base.ids, "findings")
    got = mistakes(net_of(2), [weights(np.eye(2, 3)), weights(-np.eye(2, 3))], images)
    assert [s.of for s in got.shared] == ["", "known"] and len(got.frame()) == 2
    assert np.isnan(got.class_accuracy[:, 1]).all() and np.isfinite(got.accuracy()).all()


def test_gallery_shows_what_only_one_gets_wrong():
    images, given = colour_set(), four()
    got = mistakes(net_of(), given, images, gallery=5)
    kinds = [(g.kind, g.wrong) for g in got.galleries]
    assert kinds == [(k, w) for k in ("P-T & P-T", "P-T & RI-T", "RI-T & RI-T") for w in "ab"]
    for g in got.galleries:
        i, j = ([m.label for m in got.members].index(x) for x in (g.a, g.b))
        bad, good = (i, j) if g.wrong == "a" else (j, i)
        pair = next(s for s in got.shared if (s.a, s.b) == (g.a, g.b))
        assert g.total == (pair.only_b_correct if g.wrong == "a" else pair.only_a_correct)
        assert len(g.index) == min(5, g.total) == len(set(g.index.tolist()))
        assert (got.right[bad, g.index, 0] == 0).all() and (got.right[good, g.index, 0] == 1).all()
        np.testing.assert_array_equal(g.pictures, images.images[g.index])
        for n, k in enumerate(g.index):
            assert g.ids[n] == images.ids[k] and g.truth[n] == images.classes[images.labels[k]]
            logits = plain_answers(given[i], images)[k]
            assert g.answer_a[n] == images.classes[logits.argmax()]
            assert g.confidence_a[n] == pytest.approx(np.exp(logits).max() / np.exp(logits).sum(), rel=1e-5)
        first = {g.truth[n] for n in range(min(3, len(g.index)))}
        assert len(first) == min(3, len({images.labels[k] for k in np.flatnonzero(
            (got.right[bad, :, 0] == 0) & (got.right[good, :, 0] == 1))}))  # fmt: skip
    assert mistakes(net_of(), given, images, gallery=0).galleries == ()


def test_large_pictures_are_kept_small():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (2, 40, 80, 3), dtype=np.uint8)
    small = thumbnails(large, 20)
    assert small.shape == (2, 10, 20, 3) and small.dtype == np.uint8
    want = large.reshape(2, 10, 4, 20, 4, 3).astype(float).mean((2, 4))
    assert np.abs(small - want).max() <= 0.5
    assert thumbnails(large, 100) is not large and np.array_equal(thumbnails(large, 100), large)


def claims_of(result):
    return {f.claim: f for f in result.findings() if f.claim}


def test_two_networks_of_a_kind_are_described_and_decide_nothing():
    images = colour_set(2000, flip=0.1)
    got = mistakes(net_of(), four(3), images, train=colour_set(500, 9, name="training"))
    assert got.sizes_of == "training" and got.class_sizes.sum() == 500
    found = claims_of(got)
    assert found["000-3.2-a"].low > 0, "over images it is clear"
    assert found["000-3.2-a"].estimate.over == "images"
    assert found.keys() == {"000-3.2-a", "000-3.2-b", "000-B.2-a", "000-B.2-b"}
    assert {f.verdict for f in found.values()} == {"cannot tell"}
    assert {f.why for f in found.values()} == {"a verdict needs at least three networks of each kind"}
    files = mistakes(net_of(), [s.params for s in four()[:2]], images)
    (pair,) = files.findings()
    assert (pair.claim, pair.verdict, pair.estimate.over, pair.n) == (None, None, "images", 2)
    assert "over these test images" in pair.text


def test_who_always_gives_one_answer_is_named_and_decides_nothing():
    images, given = colour_set(2000, flip=0.1), four(3)
    single = [Solution(s.label, weights(np.zeros((3, 3)), [0.0, 1.0, 0.0]), s.role, s.group) for s in given[2:]]
    half = mistakes(net_of(), [*given[:3], single[1]], images, witnesses=[Witness("RI-T 1", "RI-T")])
    why = "gave one and the same answer to all images"
    assert half.constant == ("RI-T 1",)
    assert [left.text for left in half.left_out] == [f"RI-T 1: {why}"]
    assert half.witnesses == (Witness("RI-T 1", "RI-T", why),)
    assert next(f for f in half.findings() if f.text.startswith("P-T & RI-T:")).n == 3
    got = mistakes(net_of(), [*given[:2], *single], images)
    claimed = [f for f in got.findings() if f.claim]
    assert len(claimed) >= 3 and {f.verdict for f in claimed} == {"cannot tell"}
    assert {f.why for f in claimed} == {f"RI-T 0 and RI-T 1 {why}"}
    assert not mistakes(net_of(), given, images).constant
    files = mistakes(net_of(), {"a.pt": given[0].params, "b.pt": single[0].params}, images)
    assert any(f.text.startswith("b.pt gives one and the same answer to all 2,000 images") for f in files.findings())


def test_with_several_labels_too():
    images = colour_set(300)
    several = dataclasses.replace(images, labels=np.eye(3, dtype=np.int8)[images.labels])
    never = [Solution(f"RI-T {i}", weights(np.zeros((3, 3)), [-1.0] * 3), "RI-T", f"RI {i}") for i in (0, 1)]
    some = [Solution(f"P-T {i}", weights(2 * np.eye(3), [-1.0, -1.0 - 0.1 * i, -1.0]), "P-T", "P") for i in (0, 1)]
    got = mistakes(net_of(), [*some, *never], several)
    assert got.constant == ("RI-T 0", "RI-T 1")
    assert {f.verdict for f in got.findings() if f.claim} == {"cannot tell"}


def test_class_size_and_accuracy():
    n, rng = 3000, np.random.default_rng(2)
    k = 12
    labels = rng.integers(0, k, n)
    pixels = rng.integers(0, 256, (n, 1, 1, 3), dtype=np.uint8)
    names = tuple(f"c{i}" for i in range(k))
    images = ImageSet(pixels, labels, names, np.arange(n).astype(str), "test")
    train = images.subset(np.concatenate([np.flatnonzero(labels == c)[: 10 * (c + 1)] for c in range(k)]), "train")
    solution = [Solution(f"{r} 0", weights(rng.normal(size=(k, 3))), r, r) for r in ("P-T", "RI-T")]
    got = mistakes(net_of(k), solution, images, train=train)
    assert got.class_sizes.tolist() == [10 * (c + 1) for c in range(k)]
    for i in range(2):
        want = stats.pearsonr(got.class_sizes, got.class_accuracy[i])
        c = got.size_correlation(i)
        assert (c.r, c.p) == pytest.approx((want.statistic, want.pvalue))
    texts = " ".join(f.text for f in got.findings())
    assert "correlate with r" in texts and "12 classes" in texts
    assert claims_of(got)["000-B.2-c"].verdict == "cannot tell", "one network of a kind"


def test_round_trip(tmp_path):
    got = mistakes(net_of(), four(), colour_set(), gallery=3)
    got.save(tmp_path)
    back = Mistakes.load(tmp_path)
    (tree, arrays), (tree_back, arrays_back) = to_tree(got), to_tree(back)
    assert tree == tree_back and arrays.keys() == arrays_back.keys()
    for key, value in arrays.items():
        assert value.dtype == arrays_back[key].dtype and np.array_equal(value, arrays_back[key])
    assert back.findings() == got.findings() and back.frame().equals(got.frame())


def test_bad_input_is_named():
    images = colour_set()
    with pytest.raises(UsageError, match="a comparison needs at least 2"):
        mistakes(net_of(), four()[:1], images)
    with pytest.raises(ModelError, match=r"gives outputs of shape \(2,\) for the 3 classes of colours"):
        mistakes(net_of(2), [weights(np.eye(2, 3)), weights(np.eye(2, 3))], images)
    other = ImageSet(images.images, images.labels, ("x", "y", "z"), images.ids, "others")
    with pytest.raises(UsageError, match="others and colours have different classes"):
        mistakes(net_of(), four(), images, train=other)
