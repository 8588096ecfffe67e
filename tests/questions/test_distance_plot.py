import io
import warnings

import numpy as np
import pytest

from transferscope.questions._members import Member, Pair
from transferscope.questions.distance.measure import Distance, Trajectory


def result(modules=5, trajectories=True, starts=True, left_out=False):
    members = [Member("P", "P", "P"), Member("P-T 0", "P-T", "P"), Member("P-T 1", "P-T", "P")]
    members += [Member("RI 0", "RI", "RI 0"), Member("RI-T 0", "RI-T", "RI 0")]
    if not starts:
        members = [m for m in members if m.role.endswith("T")]
    order = ["P", "RI", "P-T", "RI-T"]
    pairs = [
        Pair(i, j, " & ".join(sorted((members[i].role, members[j].role), key=order.index)))
        for i in range(len(members))
        for j in range(i + 1, len(members))
    ]
    rng = np.random.default_rng(0)
    followed = tuple(
        Trajectory(f"{r} 0", r, r, np.arange(4), rng.random((4, modules)), np.arange(4) * x)
        for r, x in (("P-T", 1.0), ("RI-T", 3.0))
    )
    distance = 1 + rng.random((len(pairs), modules))
    if left_out:
        distance[0, -1] = np.nan
    return Distance(
        tuple(members), tuple(pairs), tuple(f"layer{i}" for i in range(modules)), np.arange(modules) == modules - 1,
        np.full(modules, 10), distance, np.ones((len(members), modules)), np.ones(len(pairs)),
        (("fc.weight",),) + ((),) * (len(pairs) - 1) if left_out else ((),) * len(pairs), 100,
        followed if trajectories else (),
    )  # fmt: skip


@pytest.mark.parametrize("modules", [5, 54])
@pytest.mark.parametrize("left_out", [False, True])
def test_draws_pairs_starts_and_trajectories(modules, left_out):
    made = result(modules, left_out=left_out)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = made.plot()
        fig.savefig(io.BytesIO(), format="png")
    between, own, along = fig.get_axes()
    legend = [t.get_text().split(" (")[0] for t in between.get_legend().get_texts()]
    assert legend == ["P-T & P-T", "P-T & RI-T", "P & RI-T"]  # nothing with somebody else's random start
    assert [t.get_text().split(":")[0] for t in own.get_legend().get_texts()] == ["P-T (2)", "RI-T (1)"]
    assert between.get_legend().get_title().get_text() == (
        f"pairs (how many): {'without head' if left_out else 'whole'}\n"
        f"{'dashes: single pairs' if modules == 5 else 'bands: range over pairs'}\n"
        "not drawn, as untrained: P &\nRI, RI & P-T"
    )
    np.testing.assert_allclose(along.lines[1].get_ydata(), np.arange(4) * 3.0 / 10)
    if modules == 5:
        bars = between.containers[0]
        want = made.distance[next(i for i, p in enumerate(made.pairs) if p.kind == "P-T & P-T")]
        np.testing.assert_allclose([b.get_height() for b in bars], want)
    assert len(between.get_xticks()) <= 24


def test_draws_what_there_is():
    assert len(result(trajectories=False, starts=False).plot().get_axes()) == 1
    assert len(result(starts=False).plot().get_axes()) == 2


def test_of_many_kinds_of_pairs_some_are_drawn_and_the_title_says_so(monkeypatch):
    monkeypatch.setattr("transferscope.questions.distance.plot._KINDS", 2)
    between, own, _ = result().plot().get_axes()
    assert between.get_title(loc="left").endswith("\n2 of 3 kinds of pairs; all are in the table")
    assert len(between.get_legend().get_texts()) == 2
    assert own.get_title(loc="left") == "Distance of a network to its start"
