import pytest

from transferscope.errors import UsageError
from transferscope.models.build import build, initialise
from transferscope.models.solution import Solution
from transferscope.questions.spectrum.measure import spectrum


@pytest.fixture(scope="module")
def result():
    net = build("lenet", 10)
    named = [("P-T 0", "P-T", 0), ("P-T 1", "P-T", 1), ("RI-T 0", "RI-T", 2)]
    return spectrum(net, [Solution(label, initialise(net, seed), role) for label, role, seed in named])


def test_the_whole_network(result):
    fig = result.plot()
    histogram, counts, ratios, tops = fig.axes
    assert len(histogram.patches) == len(counts.lines) == len(ratios.lines) == len(tops.lines) == 3
    for m, patch in enumerate(histogram.patches):
        assert patch.get_data().values.sum() == result.total()
        assert counts.lines[m].get_ydata()[-1] == result.total()
        assert list(tops.lines[m].get_ydata()) == list(result.top[m])
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["P-T (2)", "RI-T"]
    assert f"{result.ratio_sum()[2]:.4g}" in ratios.get_title(loc="left")


def test_modules_in_panels_of_their_own(result):
    fig = result.plot(modules=["conv1", "fc1"])
    assert [ax.get_title(loc="left") for ax in fig.axes if ax.get_visible()] == ["conv1", "fc1"]
    assert fig.axes[0].patches[0].get_data().values.sum() == result.total("conv1")
    with pytest.raises(UsageError, match="no module 'fc9'"):
        result.plot(modules=["fc9"])
