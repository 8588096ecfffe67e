"""What is set beside the printed tables is what the results say, and the sentences tell the orders of both."""

import math

import numpy as np
import pytest
import torch

from transferscope.data.imageset import ImageSet
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.models.solution import Solution
from transferscope.papers.printed import printed_table
from transferscope.questions._members import Member, Pair, kinds
from transferscope.questions.distance.measure import distance
from transferscope.questions.mistakes.measure import Mistakes
from transferscope.questions.mistakes.shared import SharedMistakes
from transferscope.questions.similarity.measure import similarity
from transferscope.questions.soup.measure import soup
from transferscope.questions.transfer.measure import Transfer, Transferred
from transferscope.report.printed.beside import beside
from transferscope.report.printed.measured import _aligned
from transferscope.rng import numpy_generator

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
STAGES = ("conv1", "layer 1", "layer 2", "layer 3", "layer 4")


def moved(params, scale, seed):
    g = torch.Generator().manual_seed(seed)
    return {k: v + scale * torch.randn(v.shape, generator=g) for k, v in params.items()}


@pytest.fixture(scope="module")
def net():
    return build("lenet", 4, input=Input((28, 28), 3))


@pytest.fixture(scope="module")
def networks(net):
    p, r, s = (initialise(net, i) for i in range(3))
    return [
        Solution("P", p, "P", "P"),
        Solution("P-T 0", moved(p, 0.01, 1), "P-T", "P"),
        Solution("P-T 1", moved(p, 0.01, 2), "P-T", "P"),
        Solution("RI 0", r, "RI", "RI 0"),
        Solution("RI 1", s, "RI", "RI 1"),
        Solution("RI-T 0", moved(r, 0.05, 3), "RI-T", "RI 0"),
        Solution("RI-T 1", moved(s, 0.05, 4), "RI-T", "RI 1"),
    ]


@pytest.fixture(scope="module")
def similar(net, networks):
    rng = np.random.default_rng(0)
    images = ImageSet(
        rng.integers(0, 256, (24, 28, 28, 3), np.uint8), np.arange(24) % 4, tuple("abcd"), np.arange(24), name="x"
    )
    chosen = [s for s in networks if s.role != "RI"]
    return similarity(net, chosen, images, modules="layer", batch=8, device="cpu")


def counted(kind, a, b, numbers, of="", n=1000):
    return SharedMistakes(a, b, kind, of, n, *numbers)


def mistaken(shared, classes=FINDINGS, multilabel=True):
    members = tuple(Member(label, label.rpartition(" ")[0], "") for label in ("RI-T 0", "P-T 0", "P-T 1"))
    kind_of = {(0, 1): "P-T & RI-T", (0, 2): "P-T & RI-T", (1, 2): "P-T & P-T"}
    pairs = tuple(Pair(*p, kind) for p, kind in kind_of.items())
    return Mistakes(
        members, pairs, classes, multilabel, "x", 1000, np.zeros((3, 1, 1), np.int8), tuple(shared),
        np.zeros((3, len(classes))), np.ones(len(classes), int), np.ones(len(classes), int), "x", (),
    )  # fmt: skip


def rows_of(table):
    return {row.row: dict(zip(table.table.columns, row.here, strict=True)) for row in table.rows}


def test_stages_are_paired_by_depth_first_with_first_and_last_with_last():
    assert _aligned(STAGES, ["a"]) == {"conv1": "a"}
    assert _aligned(STAGES, ["a", "b"]) == {"conv1": "a", "layer 4": "b"}
    assert _aligned(STAGES, list("abcde")) == dict(zip(STAGES, "abcde", strict=True))
    many = _aligned(STAGES, [str(i) for i in range(17)])
    assert list(many.values()) == ["0", "4", "8", "12", "16"]
    for n in range(1, 30):
        got = _aligned(STAGES, [str(i) for i in range(n)])
        assert len(set(got.values())) == len(got) == min(n, 5)


def test_similarity_stands_beside_tables_1_and_7(similar):
    results = {"cka": {"xray": similar, "draw": similar}}
    got = beside("000", results, {"xray": "CheXpert", "draw": "clipart", "photo": "real"})
    assert [(t.table.number, t.target, t.items) for t in got.tables] == [(1, "xray", ("cka",)), (7, "draw", ("cka",))]
    table = got.tables[0]
    assert [r.row for r in table.rows] == list(printed_table("000", 1).row_names)
    assert table.rows[0].printed == ("0.6225", "0.4592", "0.2896", "0.1877", "0.0453")
    profile = similar.profile().set_index(["pair", "module"])["cka"]
    body = [m for m in similar.modules[0] if m != similar.heads[0]]
    assert body == ["conv1", "conv2", "fc1", "fc2"]
    for row, kind in (("P-T & P", "P & P-T"), ("RI-T & RI-T", "RI-T & RI-T")):
        here = rows_of(table)[row]
        assert here["conv1"] == pytest.approx(profile[kind, "conv1"])
        assert here["layer 4"] == pytest.approx(profile[kind, "fc2"]) and math.isnan(here["layer 2"])
    assert table.rows[0].of == ("conv1", "conv2", "", "fc1", "fc2") and table.rows[0].pairs == 2
    assert table.rows[0].stands_in == ""
    [sentence] = table.patterns
    # The mean of the printed numbers leaves out the stage that has nothing in its place.
    assert "In the paper: P-T & P-T 0.516, P-T & P 0.329, P-T & RI-T 0.0215, RI-T & RI-T 0.0133." in sentence


def test_distances_stand_beside_tables_2_and_8(net, networks):
    far, near = (distance(net, networks[:n]) for n in (7, 3))
    results = {"far": {"draw": far}, "near": {"photo": near}}
    got = beside("000", results, {"draw": "clipart", "photo": "real", "other": "painting"})
    second, eighth = got.tables
    assert (second.table.number, eighth.table.number) == (2, 8)
    values, pairs = far.comparable(), kinds(far.pairs)

    def mean(kind):
        return np.mean([values[far.pairs.index(p)] for p in pairs[kind]])

    assert [r.row for r in second.rows] == ["clipart", "real"]  # the paper's order
    here = rows_of(second)["clipart"]
    assert here["2 P-T"] == pytest.approx(mean("P-T & P-T")) and here["RI-T & P"] == pytest.approx(mean("P & RI-T"))
    own = [values[far.pairs.index(p)] for p in far.starts() if far.members[p.b].role == "RI-T"]
    assert len(own) == 2 and rows_of(eighth)["clipart"]["RI-T"] == pytest.approx(np.mean(own))
    assert math.isnan(rows_of(second)["real"]["2 RI-T"]) and not math.isnan(rows_of(second)["real"]["2 P-T"])
    ratio = here["2 RI-T"] / here["2 P-T"]
    assert f"Distance of two RI-T over that of two P-T: 4.62 in the paper, {ratio:.3g}" in second.patterns[0]
    assert "(clipart / draw)" in second.patterns[0]
    assert second.items == ("far", "near")


def test_mistakes_by_class_name_the_p_t_first():
    shared = [
        counted("P-T & RI-T", "RI-T 0", p, (10 * i, 30, 60), c)
        for i, c in enumerate(FINDINGS)
        for p in ("P-T 0", "P-T 1")
    ]
    shared += [counted("P-T & P-T", "P-T 0", "P-T 1", (5, 6, 70), c) for c in FINDINGS]
    got = beside("000", {"mistakes": {"xray": mistaken(shared)}}, {"xray": "CheXpert"})
    third, fifth = got.tables
    assert (third.table.number, fifth.table.number) == (3, 5)
    here = rows_of(third)["Class 3"]  # g1: only the first, the P-T, is right; it is b of the pair
    assert (here["g1"], here["g2"], here["Common mistakes"]) == (30, 20, 60)
    assert here["r1"] == pytest.approx(20 / 80) and here["r2"] == pytest.approx(30 / 90)
    assert here["P-T acc"] == pytest.approx((1000 - 20 - 60) / 1000) and third.rows[2].pairs == 2
    assert third.rows[2].stands_in == "Consolidation"
    uncommon, common = sum(30 + 10 * i for i in range(5)), 300
    share = uncommon / (uncommon + common)
    assert third.patterns == (
        "Of what at least one of the two gets wrong, the share that only one does: 0.414 in the paper, "
        f"{share:.3f} here (all classes together).",
    )
    assert "over Tables 3 to 5, largest first. In the paper: P-T & RI-T 0.414, P-T & P-T 0.342." in fifth.patterns[1]
    assert fifth.patterns[1].endswith("The order is the same.")


def test_mistakes_in_the_sixth_table_are_counted_its_way():
    shared = [
        counted("P-T & RI-T", "RI-T 0", "P-T 0", (10, 40, 100)),
        counted("P-T & P-T", "P-T 0", "P-T 1", (5, 6, 90)),
    ]
    got = beside("000", {"m": {"draw": mistaken(shared, ("a", "b"), False)}}, {"draw": "clipart"})
    [table] = got.tables
    here = rows_of(table)["P-T, RI-T"]  # g1: what only the first, the P-T, gets wrong
    assert (here["g1"], here["g2"], here["r1"]) == (10, 40, pytest.approx(10 / 110))
    assert list(rows_of(table)) == ["P-T, RI-T", "P-T, P-T"]


def test_other_classes_are_held_against_all_of_the_papers_together():
    shared = [counted("P-T & RI-T", "RI-T 0", "P-T 0", (10, 40, 100))]
    got = beside("000", {"m": {"xray": mistaken(shared, ("a", "b"), False)}}, {"xray": "CheXpert"})
    [row] = got.tables[0].rows
    assert row.row == "all classes" and row.printed[2:5] == ("8773", "7977", "23688")
    assert float(row.printed[5]) == pytest.approx(7977 / (7977 + 23688), abs=1e-4)
    assert float(row.printed[0]) == pytest.approx(np.mean([0.8830, 0.7490, 0.9256, 0.6811, 0.7634]), abs=1e-4)


def run(target, kind, seed, train, test, deviation, far, metric="accuracy"):
    return Transferred(
        f"{kind} {seed}", target, kind, kind, "", seed, 0.1, "finished", metric, train, test, deviation, far
    )


def test_transfer_stands_beside_both_tables():
    runs = [
        run("birds", "head only", 0, 0.01, 0.5, 1.0, 0.1), run("birds", "head only", 1, 0.03, 0.4, 3.0, 0.1),
        run("birds", "fine-tuned", 0, 0.0, 0.2, 4.0, 3.5), run("birds", "scratch", 0, 0.0, 0.8, 9.0, 8.0),
        run("cars", "fine-tuned", 0, 0.0, 0.3, 5.0, 4.5), run("cars", "scratch", 0, 0.0, 0.4, 7.0, math.nan),
        run("things", "fine-tuned", 0, 0.0, 0.1, 1.0, 0.5, "auc"),
    ]  # fmt: skip
    targets = ("birds", "cars", "things")
    whole = Transfer(tuple(runs), dict.fromkeys(targets, 100), dict.fromkeys(targets, 50), ())
    stands = {"birds": "CUB-200", "cars": "Stanford Cars", "things": "Caltech-101"}
    first, second = beside("002", {"transfer": {"": whole}}, stands).tables
    assert [r.row for r in first.rows] == ["Stanford Cars", "Caltech-101", "CUB-200"]
    here = rows_of(first)
    assert here["CUB-200"]["test error (fixed)"] == pytest.approx(45)
    assert here["CUB-200"]["training error (fixed)"] == pytest.approx(2)
    assert here["CUB-200"]["deviation (fine-tuned)"] == 4 and math.isnan(here["Stanford Cars"]["deviation (fixed)"])
    assert first.rows[1].of[4] == "1 − AUC" and first.rows[0].of[4] == ""
    here = rows_of(second)
    assert here["CUB-200"]["fine-tuning improvement"] == pytest.approx(0.75)
    assert here["CUB-200"]["deviation"] == 8 and "pre-trained" in second.rows[1].of[2]
    assert here["Stanford Cars"]["deviation"] == 7 and second.rows[0].of[2] == "from the own start"
    [sentence] = second.patterns
    assert "In the paper: CUB-200 / birds 0.602, Stanford Cars / cars 0.487." in sentence
    assert sentence.endswith("The order is the same.")
    order = next(s for s in first.patterns if s.startswith("Test error in per cent (fine-tuned)"))
    assert order.endswith("Turned round here: Stanford Cars / cars over CUB-200 / birds.")


def test_items_asked_for_a_table_come_first(net, networks):
    one, other = (distance(net, [networks[i] for i in of]) for of in ((0, 1, 2), (0, 1, 2, 3, 5)))
    results = {"distance": {"draw": one}, "for the table": {"draw": other}}
    plain = beside("000", results, {"draw": "clipart"})
    asked = beside("000", results, {"draw": "clipart"}, shows={"for the table": ["Table 8", "fig10"]})
    assert [t.items for t in plain.tables] == [("distance",), ("distance",)]
    assert [t.items for t in asked.tables] == [("distance",), ("for the table",)]


def test_nothing_measured_is_nothing_beside(similar):
    assert beside("000", {"cka": {"xray": similar}}, {"xray": "quickdraw"}).tables == ()
    assert beside("002", {"cka": {"xray": similar}}, {"xray": "CheXpert"}).frame().empty


def test_the_frame_has_a_row_a_cell(similar):
    frame = beside("000", {"cka": {"xray": similar}}, {"xray": "CheXpert"}).frame()
    assert len(frame) == 20 and list(frame.columns[:4]) == ["table", "about", "row", "column"]
    assert frame["printed"].tolist()[0] == "0.6225" and frame["here"].notna().sum() == 16


def test_the_slides_table_on_soups() -> None:
    """In per cent: the task's own images in the place of ImageNet, the mean over shifted sets of that over five."""
    of = build("mlp:4", 3, input=Input((2, 2), 1, (0.5,), (0.25,)))
    r = numpy_generator("soup beside")
    sets = {
        name: ImageSet(r.integers(0, 256, (n, 2, 2, 1), dtype=np.uint8), np.arange(n) % 3, tuple("abc"),
                       np.arange(n).astype(str), name=name)
        for name, n in (("val", 30), ("test", 40), ("drawn", 50), ("dark", 20))
    }  # fmt: skip
    given = [Solution(f"net {i}", initialise(of, i)) for i in range(4)]
    held_out = sets.pop("val")
    result = soup(of, given, held_out, sets, device="cpu", precheck=False, target="photo")
    (table,) = beside("003", {"soups": {"photo": result}}, {"photo": "ImageNet"}, shows={"soups": ["table1"]}).tables
    assert table.target == "photo" and table.items == ("soups",)
    rows = {row.row: dict(zip(table.table.columns, row.here, strict=True)) for row in table.rows}
    assert list(rows) == list(table.table.row_names)
    assert rows["greedy soup"]["Top-1"] == 100 * result.value("greedy soup", "test")
    ensemble = [result.value("greedy ensemble", name) for name in ("drawn", "dark")]
    assert rows["greedy ensemble"]["Avg shifts"] == pytest.approx(100 * np.mean(ensemble))
    assert rows["best model on held out val set"]["Top-1"] == 100 * result.value(result.best, "test")
    oracles = [result.value(result.oracle(name), name) for name in ("drawn", "dark")]
    assert rows["best model on each test set (oracle)"]["Avg shifts"] == pytest.approx(100 * np.mean(oracles))
    assert math.isnan(rows["greedy soup"]["IN-R"]) and table.rows[-1].printed[0] == "90.94"
    assert (
        len(table.patterns) == 2
        and "Top-1 in per cent, largest first. In the paper: greedy soup 90.9" in table.patterns[0]
    )
