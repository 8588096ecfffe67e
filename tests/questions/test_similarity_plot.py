import io
import warnings

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.questions._members import Member, Pair
from transferscope.questions.similarity.measure import Similarity


def result(modules=5, seed=0):
    """Four networks; two P-T alike, all else unrelated."""
    rng = np.random.default_rng(seed)
    members = tuple(
        Member(f"{r} {i}", r, "P" if r == "P-T" else f"RI {i}") for r in ("P-T", "RI-T") for i in range(2)
    )
    kinds = {(0, 1): "P-T & P-T", (2, 3): "RI-T & RI-T"}
    pairs = tuple(Pair(i, j, kinds.get((i, j), "P-T & RI-T")) for i in range(4) for j in range(i + 1, 4))
    names = (*(f"layer{i}" for i in range(modules - 1)), "fc")
    m = 4 * modules
    cka = np.clip(np.eye(m) + 0.1 * rng.random((m, m)), 0, 1)
    cka[:modules, modules : 2 * modules] += 0.7 * np.eye(modules)
    cka[0, :] = cka[:, 0] = np.nan  # a module that says nothing
    matched = np.array(
        [(p, x.a * modules + i, x.b * modules + i) for p, x in enumerate(pairs) for i in range(modules)]
    )
    left_out = cka[matched[:, 1], matched[:, 2]] + 0.01 * rng.normal(size=(8, len(matched)))
    return Similarity(
        members,
        pairs,
        (names,) * 4,
        ("fc",) * 4,
        cka,
        np.full((m, m), 0.01),
        matched,
        left_out,
        "test",
        500,
        64,
        False,
    )


@pytest.mark.parametrize("modules", [2, 5, 54])  # bars, bars, curves with thinned names
def test_draws_profile_and_maps(modules):
    made = result(modules)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot()
        fig.savefig(io.BytesIO(), format="png")
    axes = fig.get_axes()
    assert axes[0].get_title(loc="left") == "Each module with itself, 500 images of test"
    legend = [t.get_text() for t in axes[0].get_legend().get_texts()]
    assert legend == ["P-T & P-T (1)", "P-T & RI-T (4)", "RI-T & RI-T (1)"]
    maps = axes[1:4]
    assert [(ax.get_ylabel(), ax.get_xlabel()) for ax in maps] == [
        ("P-T 0", "P-T 1"), ("P-T 0", "RI-T 0"), ("RI-T 0", "RI-T 1"),
    ]  # fmt: skip
    np.testing.assert_array_equal(maps[0].images[0].get_array().data, made.matrix("P-T 0", "P-T 1").to_numpy())
    assert len(maps[0].get_xticks()) <= 12 and len(axes[0].get_xticks()) <= 24


def test_pairs_can_be_chosen():
    fig = result().plot(pairs=[("RI-T 1", "P-T 0")])
    assert (fig.get_axes()[1].get_ylabel(), fig.get_axes()[1].get_xlabel()) == ("RI-T 1", "P-T 0")
    assert len(result().plot(pairs=[]).get_axes()) == 1
    with pytest.raises(UsageError, match="no network is called 'x'"):
        result().plot(pairs=[("x", "P-T 0")])


def test_of_many_kinds_of_pairs_some_are_drawn_and_the_title_says_so(monkeypatch):
    monkeypatch.setattr("transferscope.questions.similarity.plot._KINDS", 2)
    profile = result().plot().get_axes()[0]
    assert profile.get_title(loc="left").endswith("\n2 of 3 kinds of pairs; all are in the table")
    assert [t.get_text() for t in profile.get_legend().get_texts()] == ["P-T & P-T (1)", "P-T & RI-T (4)"]
