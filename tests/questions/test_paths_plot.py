import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from transferscope.errors import UsageError
from transferscope.probes.evaluate import How
from transferscope.questions._domains import DomainPath
from transferscope.questions._paths import Curve, Path
from transferscope.questions.barrier.measure import Barrier, BarrierPath
from transferscope.questions.combined_domains.measure import CombinedDomains
from transferscope.questions.cross_domain.measure import CrossDomain
from transferscope.questions.extrapolation.measure import Edge, ExtendedPath, Extrapolation

HOW = How("whole network", "float32", "cpu", 64, "none")


def path(a: str, b: str, kind: str, roles=("", ""), sets=("test", "train"), low=0.0, high=1.0, top=0.5) -> Path:
    lambdas = np.linspace(low, high, 7 if low else 5)
    error = 0.1 + top * np.clip(1 - np.abs(2 * lambdas - 1), 0, None)
    curves = [
        Curve(s, m, 100, error * scale, error * scale - 0.02, error * scale + 0.02)
        for s in sets
        for m, scale in (("loss", 3.0), ("error", 1.0))
    ]
    return Path(a, b, kind, roles, lambdas, 2.0, tuple(curves))


def draw(result, **options):
    figure = result.plot(**options)
    FigureCanvasAgg(figure).draw()
    return figure


def curves_of(ax):
    return [line for line in ax.get_lines() if line.get_linestyle() != "None"]


def test_barrier():
    paths = [
        path("P-T 0", "P-T 1", "P-T & P-T", top=0.01),
        path("RI-T 0", "RI-T 1", "RI-T & RI-T"),
        path("RI-T 0", "RI-T 2", "RI-T & RI-T"),
        path("RI-T 0 (best)", "RI-T 0", "RI-T best & final", ("RI-T", "RI-T")),
        path("mine", "theirs", "mine & theirs"),
    ]
    result = Barrier(tuple(BarrierPath(p, ()) for p in paths), (), "train", 0.02, 1000, HOW)
    figure = draw(result)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["test (n = 100)"] * 2 + ["train (n = 100)"] * 2
    assert [ax.get_ylabel() for ax in figure.axes] == ["accuracy (%)", "loss (nats)"] * 2
    assert figure.axes[0].get_xlabel() == "λ: from the first (0) to the second (1)"
    assert all(len(curves_of(ax)) == 5 for ax in figure.axes)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "P-T 0 – P-T 1", "RI-T & RI-T (2 pairs)", "RI-T 0 (best) – RI-T 0", "mine – theirs"
    ]  # fmt: skip
    looks = [(line.get_color(), line._unscaled_dash_pattern) for line in curves_of(figure.axes[0])]
    assert looks[1] == looks[2] and len(set(looks)) == 4
    accuracy = curves_of(figure.axes[0])[1].get_ydata()
    assert accuracy == pytest.approx([90.0, 65.0, 40.0, 65.0, 90.0])
    assert figure.axes[0].get_ylim() == figure.axes[2].get_ylim()


def test_one_flat_pair_does_not_look_like_a_barrier():
    result = Barrier((BarrierPath(path("A", "B", "A & B", top=0.005), ()),), (), "", 0.02, 1000, HOW)
    figure = draw(result, metrics=["error"], sets=["test"])
    assert len(figure.axes) == 1 and figure.axes[0].get_xlabel() == "λ: from A (0) to B (1)"
    assert np.ptp(figure.axes[0].get_ylim()) >= 10


def test_what_is_not_finite_is_a_gap_with_a_cross():
    broken = path("A", "B", "A & B", sets=("test",))
    broken.curves[0].values[2:4] = [np.inf, np.nan]
    figure = draw(Barrier((BarrierPath(broken, ()),), (), "", 0.02, 1000, HOW))
    crosses = [line for line in figure.axes[1].get_lines() if line.get_marker() == "x"]
    assert len(crosses) == 1 and crosses[0].get_xdata() == pytest.approx([0.5, 0.75])
    assert not [line for line in figure.axes[0].get_lines() if line.get_marker() == "x"]


def test_extrapolation():
    inner = path("P-T 0", "P-T 1", "P-T & P-T", sets=("test",), low=-1.0, high=2.0, top=0.01)
    edges = (
        Edge("test", "error", "a", 0.5, 0.4, 0.7, 1.0, 0.02, 100),
        Edge("test", "error", "b", np.inf, np.inf, np.inf, 1.0, 0.02, 100),
    )
    figure = draw(Extrapolation((ExtendedPath(inner, edges),), (), 0.02, 0.1, 1000, HOW))
    assert [ax.get_ylabel() for ax in figure.axes] == ["accuracy (%)", "loss (nats)"]
    marks = [line.get_marker() for line in figure.axes[0].get_lines()]
    assert "<" in marks and ">" not in marks
    triangle = next(line for line in figure.axes[0].get_lines() if line.get_marker() == "<")
    assert triangle.get_xdata() == pytest.approx([-0.5])


@pytest.mark.parametrize("kind", [CrossDomain, CombinedDomains])
def test_domains(kind):
    sets = ("real", "clipart", "quickdraw")
    paths = tuple(
        DomainPath(pair, path(f"{pair[0]} {r}", f"{pair[1]} {r}", f"{r} & {r}", (r, r), sets), ())
        for pair in (("real", "clipart"), ("real", "quickdraw"))
        for r in ("P-T", "RI-T")
    )
    result = (
        CrossDomain(paths, (), 1000, HOW, ()) if kind is CrossDomain else CombinedDomains(paths, (), 1000, HOW, 0.02)
    )
    figure = draw(result)
    assert len(figure.axes) == 2 * 2 * 3
    titles = [" ".join(ax.get_title(loc="left").split()) for ax in figure.axes]
    assert titles[:3] == [f"real to clipart, tested on {name}" for name in ("real", "clipart", "quickdraw")]
    assert len(set(titles)) == 6 and titles[:6] == titles[6:]
    assert [t.get_text() for t in figure.axes[3].get_xticklabels()] == ["λ = 0\nreal", "", "1\nquickdraw"]
    assert all(len(curves_of(ax)) == 2 for ax in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["P-T", "RI-T"]
    assert len(draw(result, metrics=["loss"]).axes) == 6


def test_every_two_files_are_a_kind_and_many_are_told_apart_by_the_table() -> None:
    names = [f"{i}.pt" for i in range(9)]
    paths = [path(a, b, f"{a} & {b}", sets=("test",)) for i, a in enumerate(names) for b in names[i + 1 :]]
    for result in (
        Barrier(tuple(BarrierPath(p, ()) for p in paths), (), "train", 0.02, 1000, HOW),
        Extrapolation(tuple(ExtendedPath(p, ()) for p in paths), (), 0.02, 0.1, 1000, HOW),
    ):
        figure = draw(result)
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
        assert labels[:2] == ["0.pt – 1.pt", "0.pt – 2.pt"] and len(labels) == 13
        assert labels[-1] == "24 further pairs, without bands"
        assert all(len(curves_of(ax)) == 36 for ax in figure.axes), "all are drawn"
        looks = [(line.get_color(), line._unscaled_dash_pattern) for line in curves_of(figure.axes[0])]
        assert len(set(looks)) == 13


@pytest.mark.parametrize("kind", [CrossDomain, CombinedDomains])
def test_of_many_domains_some_pairs_are_drawn_and_the_figure_says_so(kind, monkeypatch) -> None:
    monkeypatch.setattr("transferscope.questions._domains_plot._PANELS", 13)
    sets = tuple("abc")
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[i + 1 :]]
    paths = tuple(DomainPath(p, path(*p, "P-T & P-T", ("P-T", "P-T"), sets), ()) for p in pairs)
    more = ((),) if kind is CrossDomain else (0.02,)
    result = kind(paths, (), 1000, HOW, *more)
    figure = result.plot()
    assert len(figure.axes) == 2 * 2 * 3
    assert figure.get_suptitle() == "2 of 3 pairs of domains; all are in the table"
    one = result.plot(pairs=[("b", "c")])
    assert len(one.axes) == 2 * 3 and one.get_suptitle() == ""
    with pytest.raises(
        UsageError, match="no line from a to x was measured; there are those of a and b; a and c; b and c"
    ):
        result.plot(pairs=[("a", "x")])
