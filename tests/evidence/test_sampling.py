import math

import numpy as np
import pytest
from scipy import stats

from transferscope.evidence.images import Noise
from transferscope.evidence.sampling import Part, estimated, satterthwaite


def test_two_parts_are_welchs() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 9))
    y = y[:4] * 3
    total, freedom = satterthwaite([Part(v.var(ddof=1) / len(v), len(v), len(v) - 1) for v in (x, y)])
    slow = stats.ttest_ind(x, y, equal_var=False)
    assert freedom == pytest.approx(slow.df)
    assert math.sqrt(total) == pytest.approx((x.mean() - y.mean()) / slow.statistic)


def test_no_variance_has_all_degrees_of_freedom() -> None:
    assert satterthwaite([Part(0.0, 3, 2.0), Part(0.0, 4, 3.0)]) == (0.0, 5.0)


@pytest.mark.parametrize(
    ("counts", "noise", "over", "said", "n"),
    [
        ((3, 3), Noise(0.1, 0.0, 50), "networks", "networks and images", 6),
        ((3, 3), None, "networks", "networks", 6),
        ((3, 2), Noise(0.1, 0.0, 50), "networks", "images", 50),
        ((3, 2), None, "networks", "nothing", 5),
        ((3,), None, "pre-trainings", "nothing", 3),
        ((4,), Noise(0.1, 0.0, 50), "pre-trainings", "pre-trainings", 4),
        ((), Noise(0.1, 0.0, 50), "networks", "images", 50),
        ((2,), None, "draws", "draws", 2),
    ],
)  # fmt: skip
def test_what_it_is_over(counts, noise, over, said, n) -> None:  # type: ignore[no-untyped-def]
    e = estimated(0.5, [Part(0.1, k, k - 1.0) for k in counts], noise, over=over)
    assert (e.over, e.n) == (said, n)
    assert e.known == (said != "nothing")
    assert e.general == (said not in ("nothing", "images", "draws"))


def test_a_kind_that_cannot_do_without_one_network_gives_no_verdict() -> None:
    assert estimated(0.5, [Part(math.nan, 5, 0.0, enough=False)], None).over == "nothing"
    assert estimated(0.5, [Part(math.nan, 5, 0.0, enough=False)], Noise(0.1, 0.0, 50)).over == "images"
