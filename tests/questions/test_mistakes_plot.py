import dataclasses
import io
import warnings

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions._members import Member, Pair
from transferscope.questions.mistakes.gallery import Gallery
from transferscope.questions.mistakes.measure import Mistakes
from transferscope.questions.mistakes.shared import SharedMistakes


def gallery(wrong, size):
    rng = np.random.default_rng(0)
    return Gallery(
        "P-T 0", "RI-T 0", "P-T & RI-T", wrong, 30, np.arange(size), tuple(map(str, range(size))), ("barn",) * size,
        ("a class with a long name",) * size, ("apple",) * size, np.full(size, 0.9), np.full(size, 0.4),
        rng.integers(0, 256, (size, 16, 16, 3), dtype=np.uint8),
    )  # fmt: skip


def result(multilabel=False, galleries=True, equal=False):
    rng = np.random.default_rng(1)
    k, n = 6, 200
    members = (Member("P-T 0", "P-T", "P"), Member("RI-T 0", "RI-T", "RI 0"))
    right = (rng.random((2, n, k if multilabel else 1)) < [[[0.8]], [[0.6]]]).astype(np.int8)
    names = tuple(f"class {i}" for i in range(k))
    shared = [SharedMistakes.count(right[0], right[1], a="P-T 0", b="RI-T 0", kind="P-T & RI-T")]
    if multilabel:
        shared += [
            SharedMistakes.count(
                right[0, :, c], right[1, :, c], a="P-T 0", b="RI-T 0", kind="P-T & RI-T", of=names[c]
            )
            for c in range(k)
        ]
    sizes = np.full(k, 10) if equal else 10 * np.arange(1, k + 1)
    return Mistakes(
        members, (Pair(0, 1, "P-T & RI-T"),), names, multilabel, "test", n, right, tuple(shared), rng.random((2, k)),
        np.full(k, 30), sizes, "training", (gallery("a", 8), gallery("b", 3)) if galleries else (),
    )  # fmt: skip


def texts(fig):
    return " | ".join(t.get_text() for ax in fig.get_axes() for t in ax.findobj(lambda x: hasattr(x, "get_text")))


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("galleries", [False, True])
def test_draws_counts_classes_and_gallery(multilabel, galleries):
    made = result(multilabel, galleries)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot()
        fig.savefig(io.BytesIO(), format="png")
    bars = fig.get_axes()[0]
    assert len(bars.get_yticks()) == (6 if multilabel else 1)
    s = made.shared[-1]
    widths = [c.patches[-1].get_width() for c in bars.containers]
    np.testing.assert_allclose(widths, [100 * x / s.n for x in (s.only_a_correct, s.only_b_correct, s.both_wrong)])
    assert ("class size in training" in texts(fig)) is not multilabel
    pictures = [ax for ax in fig.get_axes() if ax.images]
    assert len(pictures) == (11 if galleries else 0)
    if galleries:
        np.testing.assert_array_equal(pictures[0].images[0].get_array(), made.galleries[0].pictures[0])
        assert pictures[0].get_xlabel() == "barn" and pictures[0].get_title() == "a class with… 90 %"
        assert pictures[8].get_title() == "apple 40 %"


def test_parts_and_their_errors():
    assert len(result().plot(part="counts").get_axes()) == len(result().plot(part="classes").get_axes()) == 1
    assert "no correlation" in texts(result(equal=True).plot(part="classes"))
    assert len(result().plot(part="gallery", pair=("RI-T 0", "P-T 0")).get_axes()) == 16
    with pytest.raises(UsageError, match="no images were kept; compute mistakes with gallery=8"):
        result(galleries=False).plot(part="gallery")
    with pytest.raises(UsageError, match="no images were kept of P-T 0 and x; there are those of P-T 0 and RI-T 0"):
        result().plot(pair=("P-T 0", "x"))


def test_of_many_pairs_as_many_of_each_kind_are_drawn_and_the_title_says_so():
    one = result(galleries=False)
    s = one.shared[0]
    kinds = ["P-T & P-T"] * 60 + ["P-T & RI-T"] * 50 + ["RI-T & RI-T"] * 10
    shared = tuple(dataclasses.replace(s, a=f"a {i}", b=f"b {i}", kind=kind) for i, kind in enumerate(kinds))
    fig = dataclasses.replace(one, shared=shared).plot()
    names = [label.get_text() for label in fig.get_axes()[0].get_yticklabels()]
    assert names == [f"a {i}, b {i}" for first in (0, 60, 110) for i in range(first, first + 6)]
    assert fig.get_axes()[0].get_title(loc="left").endswith("\n18 of 120 pairs; all are in the table")
    assert fig.get_figheight() < 8
    apart = tuple(dataclasses.replace(x, kind=f"{x.a} & {x.b}") for x in shared)  # files have no roles
    assert len(dataclasses.replace(one, shared=apart).plot().get_axes()[0].get_yticks()) == 18


def test_a_gallery_says_what_is_above_and_below_an_image():
    titles = [part.get_suptitle() for part in result().plot(part="gallery").subfigs[0].subfigs]
    assert titles[0].endswith("\nabove: what P-T 0 says and how sure it is; below: the label")


def test_a_large_gallery_has_lines_of_eight():
    large = dataclasses.replace(result(), galleries=(gallery("a", 20),))
    (strip,) = large.plot(part="gallery").subfigs[0].subfigs
    assert len([ax for ax in strip.axes if ax.images]) == 20 and len(strip.axes) == 24
    assert strip.axes[8].get_subplotspec().rowspan.start == 1
