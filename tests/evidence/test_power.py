import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast
from transferscope.evidence.power import Design, detectable, power, seeds_needed


@pytest.mark.parametrize("n", [3, 5, 20])
@pytest.mark.parametrize("effect", [0.5, 1.0, 3.0])
def test_power_of_one_kind_is_that_of_the_noncentral_t(n, effect):
    t = stats.t.ppf(0.975, n - 1)
    slow = stats.nct.sf(t, n - 1, effect * math.sqrt(n))
    assert power("difference", effect, Design((n,), (1.0,))) == pytest.approx(slow, abs=2e-3)


@pytest.mark.parametrize("networks", [(6, 6), (3, 3), (3, 9)])
def test_power_of_two_kinds_is_that_of_welchs_test(networks):
    rng, spreads = np.random.default_rng(0), (1.0, 2.0)
    x, y = (s * rng.standard_normal((20_000, n)) for s, n in zip(spreads, networks, strict=True))
    slow = (stats.ttest_ind(x + 2, y, axis=1, equal_var=False, alternative="greater").pvalue < 0.025).mean()
    assert power("difference", 2.0, Design(networks, spreads)) == pytest.approx(slow, abs=0.01)


@pytest.mark.parametrize(("networks", "sds"), [((4, 4), (0.02, 0.02)), ((3, 8), (0.01, 0.03))])
def test_power_over_networks_and_images_is_what_simulated_studies_have(networks, sds):
    rng, cases, images, image_sd = np.random.default_rng(0), 40_000, 100, 0.15
    x, y = (s * rng.standard_normal((cases, n)) for s, n in zip(sds, networks, strict=True))
    noise = image_sd**2 / images * rng.chisquare(images - 1, cases) / (images - 1)
    found = x.mean(1) - y.mean(1) + image_sd / math.sqrt(images) * rng.standard_normal(cases)
    welch = stats.ttest_ind(x, y, axis=1, equal_var=False)
    spread = ((x.mean(1) - y.mean(1)) / welch.statistic) ** 2

    def half(p):
        return np.sqrt(stats.t.ppf(p, welch.df) ** 2 * spread + stats.norm.ppf(p) ** 2 * noise)

    design = Design(networks, sds, image_sd, images)
    told = [
        (("difference", 0.05, 0.0), found + 0.05 > half(0.975)),
        (("over", 0.07, 0.03), found + 0.07 - half(0.95) > 0.03),
        (("under", -0.02, 0.03), found - 0.02 + half(0.95) < 0.03),
        (("equivalence", 0.0, 0.05), np.abs(found) + half(0.95) < 0.05),
    ]
    for (question, effect, margin), each in told:
        assert power(question, effect, design, margin=margin) == pytest.approx(each.mean(), abs=0.01)


def test_power_is_that_of_the_contrast():
    rng, told, images = np.random.default_rng(0), 0, 100
    for _ in range(300):
        x, y = 0.02 * rng.standard_normal((2, 4))
        hard = 0.15 * rng.standard_normal(images)  # of the first kind; of the second kind no image is hard
        a, b = (x + 0.08)[:, None] + hard, y[:, None] + np.zeros((1, images))
        told += contrast(a.mean(1), y, (a, b)).low > 0
    assert power("difference", 0.08, Design((4, 4), (0.02, 0.02), 0.15, images)) == pytest.approx(
        told / 300, abs=0.06
    )


@pytest.mark.parametrize(
    ("question", "margin"), [("difference", 0.0), ("over", 0.03), ("under", 0.03), ("equivalence", 0.0)]
)
def test_what_can_be_told_is_told_in_eighty_percent(question, margin):
    design = Design((4, 5), (0.02, 0.01), 0.3, 500)
    found = detectable(question, design, margin=margin)
    at = (0.0, found) if question == "equivalence" else (found, margin)
    assert power(question, at[0], design, margin=at[1]) == pytest.approx(0.8, abs=1e-6)


def test_seeds_needed_is_the_smallest_number():
    for question, effect, margin in (("difference", 0.03, 0.0), ("over", 0.06, 0.03), ("equivalence", 0.0, 0.03)):
        n = seeds_needed(question, effect, (0.02, 0.02), margin=margin, image_sd=0.2, images=1000)
        at, under = (
            power(question, effect, Design((k, k), (0.02, 0.02), 0.2, 1000), margin=margin) for k in (n, n - 1)
        )
        assert under < 0.8 <= at


def test_seeds_needed_is_in_the_tables_of_the_t_test():
    # Cohen 1988, table 2.4.1: two-sided 5 %, power 80 %, d = 0.5, 0.8, 1.0.
    assert [seeds_needed("difference", d, (1.0, 1.0)) for d in (0.5, 0.8, 1.0)] == [64, 26, 17]


def test_what_no_number_of_networks_tells():
    assert seeds_needed("difference", 0.01, (0.01, 0.01), image_sd=0.5, images=100) is None
    assert seeds_needed("over", 0.02, (0.01, 0.01), margin=0.03) is None
    assert seeds_needed("difference", 0.0, (0.01, 0.01)) is None
    assert seeds_needed("difference", 10.0, (0.01, 0.01)) == 3


def test_networks_that_do_not_differ_at_all():
    assert detectable("difference", Design((3, 3), (0.0, 0.0))) == 0.0
    assert power("difference", 0.1, Design((3, 3), (0.0, 0.0))) == 1.0
    assert detectable("difference", Design((3,), (0.0,), 0.3, 900)) == pytest.approx(0.01 * (1.96 + 0.8416), rel=1e-3)


def test_errors_are_one_line():
    with pytest.raises(UsageError, match="one spread for each kind"):
        Design((3, 3), (0.1,))
    with pytest.raises(UsageError, match="at least 2 networks"):
        Design((1, 3), (0.1, 0.1))
    with pytest.raises(UsageError, match="at least 2 networks of each kind and 2 images"):
        Design((3, 3), (0.1, 0.1), image_sd=0.3)
    with pytest.raises(UsageError, match="between 0 and 1"):
        detectable("difference", Design((3, 3), (0.1, 0.1)), chance=1.0)
