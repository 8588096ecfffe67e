"""Which pairs are joined: a share of them that treats every network alike."""

from collections import Counter
from itertools import combinations

import pytest

from transferscope.models.solution import Solution, pair_kind
from transferscope.questions._run_pairs import pairs_among


def networks(count: int, role: str, groups: tuple[str, ...] = ("P",)) -> list[Solution]:
    return [Solution(f"{role} {i}", {}, role, groups[i % len(groups)]) for i in range(count)]


@pytest.mark.parametrize("count", [3, 4, 7, 8])
@pytest.mark.parametrize("partners", [1, 2, 3, 9])
def test_every_network_is_in_as_many_pairs(count, partners):
    pairs = pairs_among(networks(count, "P-T"), partners)
    degrees = Counter(one.label for pair in pairs for one in pair)
    assert set(degrees.values()) == {min(2 * partners, count - 1)}
    assert len(pairs) == len({frozenset((a.label, b.label)) for a, b in pairs})


def test_of_two_kinds_every_network_has_as_many_partners():
    pairs = pairs_among(networks(6, "P-T") + networks(6, "RI-T", tuple("abcdef")), 2)
    across = [pair for pair in pairs if pair_kind(*pair) == "P-T & RI-T"]
    assert set(Counter(one.label for pair in across for one in pair).values()) == {2}


def test_pairs_of_one_initialisation_are_a_kind_of_their_own():
    same = [Solution(f"RI-T same {i}", {}, "RI-T", "RI-T 0") for i in range(4)]
    pairs = pairs_among([*networks(5, "RI-T", tuple("abcde")), *same], 1)
    kinds = Counter(pair_kind(*pair) for pair in pairs)
    assert kinds["RI-T & RI-T (same start)"] == 4
    assert kinds["RI-T & RI-T"] < 9 * 8 / 2


def test_all_pairs_without_a_limit_and_of_files():
    every = networks(5, "P-T")
    assert pairs_among(every) == list(combinations(every, 2)) == pairs_among(every, 2)
    files = [Solution(f"{name}.pt", {}) for name in "abcd"]
    assert pairs_among(files, 1) == list(combinations(files, 2))
