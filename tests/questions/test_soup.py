import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import ImageSet
from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast, mean
from transferscope.evidence.guard import Witness
from transferscope.evidence.phrases import rounded
from transferscope.evidence.which import holm, images_to_tell
from transferscope.models.build import build, initialise
from transferscope.models.network import Input, Network
from transferscope.models.solution import Solution
from transferscope.numerics.auc import macro_auroc
from transferscope.numerics.averaging import uniform
from transferscope.numerics.merging import model_stock, task_arithmetic, ties, wise_ft
from transferscope.params import lerp
from transferscope.probes.outputs import Outputs
from transferscope.questions.soup.decision import decided
from transferscope.questions.soup.entries import over_sets
from transferscope.questions.soup.ingredients import Ingredient
from transferscope.questions.soup.measure import HELD_OUT, Soup, soup
from transferscope.questions.soup.seen import above_test, warning
from transferscope.rng import generator, numpy_generator

from .drawn import drawn

CLASSES = 3


def linear(classes=CLASSES):
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, classes))
    return Network(module, "mlp", classes, Input((4, 4), 1, (0.5,), (0.25,)), head="3")


NET = linear()
START = {k: torch.randn(v.shape, generator=generator("start", k)) for k, v in NET.params().items()}


def pictures(name, n, params=None, noise=0.0, multilabel=False):
    r = numpy_generator("soup pictures", name)
    pixels = r.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    with torch.no_grad():
        logits = NET(params or TRUTH, NET.input.prepare(torch.from_numpy(pixels)))
    logits = logits + noise * torch.randn(logits.shape, generator=generator("noise", name))
    labels = (logits > 0).numpy().astype(np.int8) if multilabel else logits.argmax(1).numpy()
    return ImageSet(pixels, labels, tuple("abc"), np.array([f"{name} {i}" for i in range(n)]), name=name)


def tuned(*path, size=0.25, start=START):
    g = generator("tuned", *path)
    return {k: v + size * torch.randn(v.shape, generator=g) for k, v in start.items()}


TRUTH = START
HELD, TEST, SHIFTED = (pictures(n, 400, noise=x) for n, x in (("val", 0.5), ("test", 0.5), ("shifted", 2.0)))
NAMES = [f"net {i}" for i in range(6)]
NETS = {name: tuned(name, size=0.15 + 0.06 * i) for i, name in enumerate(NAMES)}
GIVEN = [Solution(name, params) for name, params in NETS.items()]


def made(given=GIVEN, held_out=HELD, tests=None, **more):
    return soup(NET, given, held_out, tests or {"test": TEST, "shifted": SHIFTED}, device="cpu", **more)


@pytest.fixture(scope="module")
def found():
    return made(init=START, methods=["wise_ft", "model_stock", "task_arithmetic", "ties", "dare"])


def logits_of(params, images):
    x = NET.input.prepare(torch.from_numpy(images.images)).double().flatten(1).numpy()
    w = {k: v.double().numpy() for k, v in params.items()}
    return np.maximum(x @ w["1.weight"].T + w["1.bias"], 0) @ w["3.weight"].T + w["3.bias"]


def right(logits, images):
    return (logits.argmax(1) == images.labels).astype(float)


def scored(params, images):
    return right(logits_of(params, images), images)


def averaged(names):
    return {k: torch.stack([NETS[n][k].double() for n in names]).mean(0) for k in START}


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def slow_recipe(measure):
    """Recipe 1 as printed."""
    order = sorted(NAMES, key=lambda n: (-measure([n]), n))
    inside, best = order[:1], measure(order[:1])
    for name in order[1:]:
        if (now := measure([*inside, name])) >= best:
            inside, best = [*inside, name], now
    return tuple(inside)


def test_held_out_images_that_were_learned_are_named(found):
    assert warning(found) is None  # drawn as the test images are
    images = {HELD_OUT: pictures("learned", 400), "test": pictures("far", 400, noise=3)}
    near = {name: tuned(name, size=0.02) for name in "ab"}
    learned = made([Solution(name, params) for name, params in near.items()], *images.values())
    gap = above_test(learned)
    held, test = (np.mean([scored(p, of) for p in near.values()], 0) for of in images.values())
    half = 1.96 * math.sqrt(held.var(ddof=1) / 400 + test.var(ddof=1) / 400)
    assert gap.value == pytest.approx(held.mean() - test.mean(), abs=1e-12)
    assert half < gap.value - gap.low < 1.3 * half and gap.high - gap.value < 1.3 * half  # rather wide than narrow
    assert gap.low > 0.02 and warning(learned)[1] == gap
    assert any(f.text.startswith("Held-out images may have been trained on") for f in learned.findings())


def test_everything_against_plain_numpy(found):
    sets = {HELD_OUT: HELD, "test": TEST, "shifted": SHIFTED}
    held = {n: scored(p, HELD).mean() for n, p in NETS.items()}
    assert (
        list(found.ingredients) == sorted(NAMES, key=lambda n: (-held[n], n)) and found.best == found.ingredients[0]
    )
    members = slow_recipe(lambda names: scored(averaged(names), HELD).mean())
    together = slow_recipe(lambda names: right(np.mean([logits_of(NETS[n], HELD) for n in names], 0), HELD).mean())
    assert found.entry("greedy soup").members == members and 1 < len(members) < 6
    assert found.entry("greedy ensemble").members == together
    assert found.n == {HELD_OUT: 400, "test": 400, "shifted": 400}
    for name, images in sets.items():
        want = {n: scored(p, images) for n, p in NETS.items()}
        want["uniform soup"] = scored(averaged(NAMES), images)
        want["greedy soup"] = scored(averaged(members), images)
        logits = {n: logits_of(p, images) for n, p in NETS.items()}
        want["logit ensemble"] = right(np.mean(list(logits.values()), 0), images)
        want["probability ensemble"] = right(np.mean([softmax(x) for x in logits.values()], 0), images)
        want["greedy ensemble"] = right(np.mean([logits[n] for n in together], 0), images)
        for entry, row in want.items():
            assert found.row(entry, name).tolist() == row.tolist(), (entry, name)
            assert found.value(entry, name) == row.mean()
            gap = contrast([row.mean()], [want[found.best].mean()], (row[None], want[found.best][None]))
            assert found.less(entry, found.best, name).interval() == gap.interval()
            assert found.less(entry, found.best, name).over == "images"
        assert found.oracle(name) == min(NAMES, key=lambda n: (-want[n].mean(), n))
    assert found.entry("logit ensemble").passes == 6 and found.entry("uniform soup").passes == 1
    assert found.how.norm == "none" and not found.has("uniform soup, statistics averaged")
    assert all(e.statistics == "" for e in found.entries)


def test_each_greedy_step_has_its_paired_uncertainty(found):
    inside = []
    for step in found.steps:
        tried = [*inside, step.name]
        row = scored(averaged(tried), HELD)
        assert step.after == row.mean()
        if inside:
            before = scored(averaged(inside), HELD)
            want = contrast([row.mean()], [before.mean()], (row[None], before[None]))
            assert step.gain.interval() == want.interval() and step.before == before.mean()
            assert step.accepted == (step.after >= step.before)
        else:
            assert step.gain.interval() is None and math.isnan(step.before)
        inside = tried if step.accepted else inside
    assert tuple(inside) == found.entry("greedy soup").members


def test_better_is_stricter():
    twins = [Solution("a", NETS["net 0"]), Solution("b", lerp(NETS["net 0"], NETS["net 1"], 1e-6))]
    assert made(twins).entry("greedy soup").members == ("a", "b")
    strict = made(twins, accept="better")
    assert strict.entry("greedy soup").members == ("a",) and not strict.steps[1].accepted
    assert strict.row("greedy soup", "test").tolist() == strict.row("a", "test").tolist()


def test_methods_with_a_start(found):
    ordered = list(NETS.values())
    coefficients = (0.25, 0.5, 0.75, 1.0)
    want = {
        "wise_ft": lambda c: wise_ft(START, NETS[found.best], c),
        "task_arithmetic": lambda c: task_arithmetic(START, ordered, c / 6),
        "ties": lambda c: ties(START, ordered, density=0.2, scale=c),
        "model_stock": lambda c: model_stock(START, ordered),
    }
    called = {
        "wise_ft": "WiSE-FT",
        "task_arithmetic": "task arithmetic",
        "ties": "TIES",
        "model_stock": "Model Stock",
    }
    for method, make in want.items():
        points = [p for p in found.lines if p.method == method]
        assert [p.coefficient for p in points] == ([1.0] if method == "model_stock" else list(coefficients))
        for p in points:
            assert p.values[HELD_OUT] == scored(make(p.coefficient), HELD).mean()
        entry = found.entry(called[method])
        top = max(points, key=lambda p: p.values[HELD_OUT])
        assert entry.coefficient == (None if method == "model_stock" else top.coefficient)
        assert found.row(entry.name, "test").tolist() == scored(make(top.coefficient), TEST).tolist()
    assert found.entry("WiSE-FT").members == (found.best,)
    assert [p.coefficient for p in found.lines if p.method == "dare"] == [1.0]
    again = made(init=START, methods=["dare"], precheck=False)
    assert again.row("DARE", "test").tolist() == found.row("DARE", "test").tolist()


def test_a_head_that_the_start_lacks_is_averaged():
    other = {k: v if not k.startswith("3.") else torch.zeros(5, *v.shape[1:]) for k, v in START.items()}
    found = made(init=other, methods=["task_arithmetic"], coefficients=[1.0], precheck=False)
    assert found.row("task arithmetic", "test").tolist() == found.row("uniform soup", "test").tolist()
    assert found.left_out[0].text == "the final layer of the start: is of another size"


def test_copies_are_left_out_and_named():
    copies = [GIVEN[0], GIVEN[1], Solution("again", {k: v.clone() for k, v in NETS["net 0"].items()})]
    found = made(copies)
    assert sorted(found.ingredients) == ["net 0", "net 1"]
    assert [left.text for left in found.left_out] == ["again: is a copy of net 0"]
    assert any("again: is a copy of net 0" in f.text for f in found.findings())
    with pytest.raises(UsageError, match="takes two different ingredients, of these 1 is left: again: is a copy of"):
        made([GIVEN[0], copies[2]])


def test_what_is_not_finite_is_left_out_and_named():
    broken = {k: v.clone() for k, v in NETS["net 2"].items()}
    broken["1.bias"][0] = math.inf
    huge = {k: 1e30 * v for k, v in NETS["net 3"].items()}
    found = made([*GIVEN[:2], Solution("broken", broken), Solution("huge", huge)])
    assert [left.text for left in found.left_out] == [
        "broken: holds values that are not finite",
        "huge: gives answers that are not finite",
    ]
    assert set(found.entry("uniform soup").members) == {"net 0", "net 1"}


def test_held_out_images_are_no_test_images():
    with pytest.raises(UsageError, match=r"400 of 400 held-out images of val are test images of test, too"):
        made(tests={"test": HELD})
    mixed = replace(SHIFTED, images=SHIFTED.images.copy())
    mixed.images[:8] = HELD.images[100:108]
    with pytest.raises(UsageError, match=r"8 of 400 .* of shifted, too \(the first: val 100\); .*so give others"):
        made(tests={"test": TEST, "shifted": mixed})
    few = replace(SHIFTED, images=SHIFTED.images.copy())
    few.images[:3] = HELD.images[[5, 9, 7]]
    found = made(tests={"test": TEST, "shifted": few}, precheck=False)
    assert found.n[HELD_OUT] == 397
    assert {left.subject for left in found.left_out} == {f"the held-out image val {i}" for i in (5, 7, 9)}
    assert {left.reason for left in found.left_out} == {"is a test image of shifted, too"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"given": GIVEN[:1]}, "a soup of 1 ingredient; give at least two"),
        ({"given": []}, "a soup of 0 ingredients"),
        ({"given": [GIVEN[0], GIVEN[0]]}, "two ingredients are called 'net 0'"),
        ({"given": [GIVEN[0], {"w": torch.ones(1)}]}, "two different networks: '1.bias' is only in the first"),
        ({"held_out": HELD.subset([])}, "val: no held-out images to choose a soup on; give a validation part"),
        ({"tests": {"held-out": TEST}}, "a test set is called 'held-out'"),
        ({"tests": {"other": replace(TEST, classes=("a", "b", "d"))}}, "other: its classes are not those"),
        ({"methods": ["ties"]}, "TIES needs the weights that all started from; give init"),
        ({"methods": ["tie"], "init": START}, "method 'tie'; did you mean 'ties'"),
        ({"acept": "better"}, "soup has no option 'acept'; did you mean 'accept'"),
    ],
)
def test_bad_input(more, message):
    with pytest.raises(UsageError, match=message):
        made(**more)


def slow_cosine(vectors):
    pairs = [(a, b) for i, a in enumerate(vectors) for b in vectors[i + 1 :]]
    return np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs])


def test_the_pre_check_against_plain_loops(found):
    check = found.precheck
    best = NETS[found.best]
    assert set(check.rises) == set(check.disagreement) == set(NAMES) - {found.best}
    for name in check.rises:
        middle = scored(lerp(best, NETS[name], 0.5), HELD)
        ends = (scored(best, HELD) + scored(NETS[name], HELD)) / 2
        want = contrast([ends.mean()], [middle.mean()], (ends[None], middle[None]))
        assert check.rises[name].interval() == want.interval()
        a, b = (logits_of(p, HELD).argmax(1) for p in (best, NETS[name]))
        assert check.disagreement[name] == (a != b).mean()
    body = [np.concatenate([p[k].double().numpy().ravel() for k in ("1.weight", "1.bias")]) for p in NETS.values()]
    start = np.concatenate([START[k].double().numpy().ravel() for k in ("1.weight", "1.bias")])
    head = [np.concatenate([p[k].double().numpy().ravel() for k in ("3.weight", "3.bias")]) for p in NETS.values()]
    assert check.spread.cosine == pytest.approx(slow_cosine([b - start for b in body]))
    assert check.spread.head_cosine == pytest.approx(slow_cosine(head))
    centre = np.mean(body, 0)
    radius = np.mean([np.linalg.norm(b - centre) for b in body]) / np.linalg.norm(centre)
    assert check.spread.radius == pytest.approx(radius)
    assert check.heads == "one start" and not check.norm


def permuted(params, seed):
    """The same function with its hidden units in another order: far away in weights, and behind a barrier."""
    order = torch.randperm(8, generator=generator("order", seed))
    return {
        "1.weight": params["1.weight"][order], "1.bias": params["1.bias"][order],
        "3.weight": params["3.weight"][:, order], "3.bias": params["3.bias"],
    }  # fmt: skip


def test_it_says_why_a_soup_fails():
    """Ingredients from other starts: a barrier, and final layers that did not begin alike."""
    starts = [permuted(START, seed) for seed in range(3)]
    given = [
        Ingredient(f"r{i}", partial(tuned, "r", i, size=0.05, start=s), lambda s=s: s) for i, s in enumerate(starts)
    ]
    found = made(given)
    check = found.precheck
    assert check.heads == "different starts" and all(e.low > 0.02 for e in check.rises.values())
    assert found.entry("greedy soup").members == (found.best,)
    assert found.value("uniform soup", "test") < found.value(found.best, "test") - 0.1
    texts = [f.text for f in found.findings()]
    assert texts[0].startswith(f"Cannot tell which single one to take: no other makes a soup with {found.best} (")
    assert "2 of 2 lie behind a barrier" in texts[0] and "did not begin as the same numbers" in texts[0]
    told = next(t for t in texts if t.startswith("What speaks against a soup of these: "))
    assert "half way to" in told and told.endswith("; 400 held-out images.")
    unknown = made([Solution(one.label, one.load()) for one in given])
    assert unknown.precheck.heads == "not known" and unknown.precheck.spread.head_cosine < 0.5
    assert any("final layers point in different directions (mean cosine" in f.text for f in unknown.findings())


def test_it_says_when_they_are_too_alike():
    near = [Solution(f"n{i}", tuned("near", i, size=1e-4)) for i in range(3)]
    found = made(near, init=START)
    assert max(found.precheck.disagreement.values()) <= 0.01
    assert any("too alike to gain: none differs from" in f.text for f in found.findings())


def test_nothing_against_a_soup_is_said_too(found):
    told = [f for f in found.findings() if "speaks against a soup" in f.text]
    assert len(told) == 1 and told[0].unit == "held-out images" and told[0].n == 400


@pytest.fixture(scope="module")
def base():
    return made(precheck=False)


def decision(base, single, mixed, *, second=None, ensemble=None):
    """A result whose ingredients have these rows on the test images, its greedy soup and ensemble those."""
    rows = np.tile(np.asarray(single, np.uint8), (len(base.entries), 1))
    names = [e.name for e in base.entries]
    if second is not None:
        rows[1 : len(base.ingredients)] = second
    rows[names.index("greedy soup")] = mixed
    rows[names.index("greedy ensemble")] = single if ensemble is None else ensemble
    return replace(base, outcomes={**base.outcomes, "test": rows})


def first(n, of=1000):
    return (np.arange(of) < n).astype(np.uint8)


def test_what_to_take(base):
    text, gap = decided(decision(base, first(700), first(760)), "test")
    assert text.startswith("Take the soup: the greedy soup of ") and gap.value == pytest.approx(0.06)
    assert (
        "accuracy 76.0 %, +6.0 points (" in text
        and f"over {base.best} (accuracy 70.0 %), the single one that is best on held-out images, p < 0.001" in text
    )
    assert text.endswith("comparisons (the interval is of this one alone); 1,000 images of test.")
    text, _ = decided(decision(base, first(760), first(700)), "test")
    assert text.startswith("Take a single one, not the soup: the greedy soup of ") and "−6.0 points" in text
    text, gap = decided(decision(base, first(760), first(700), second=first(650)), "test")
    assert text.startswith(f"Take {base.best} (accuracy 76.0 %): ") and gap.value == pytest.approx(0.11)
    text, gap = decided(decision(base, first(700), first(700), ensemble=first(760)), "test")
    passes = base.entry("greedy ensemble").passes
    assert text.startswith(f"Ensemble them, {passes} networks an answer: the greedy ensemble of ")
    assert "cannot be told apart (difference 0.0 points" in text and gap.value == pytest.approx(0.06)
    text, _ = decided(decision(base, first(700), first(700)), "test")
    assert text.startswith("Cannot tell whether the soup or the best single one is better: ")
    assert "no number of images would tell, as there is no difference" in text


def test_it_decides_by_the_rule_for_all_such_choices(base):
    """Against the best on held-out images, which the test images had no part in: 5 others, soup and ensemble."""
    other = np.roll(first(700), 6)
    other[:3] = 1
    text, gap = decided(decision(base, first(700), other), "test")
    assert text.startswith("Cannot tell whether")
    assert " corrected for 7 comparisons (the interval is of this one alone); " in text
    need = images_to_tell(gap, 1000, base.decision("test").times(1))
    assert f"about {rounded(need)} images" in text
    plain = contrast([0.703], [0.7], (other[None].astype(float), first(700)[None].astype(float)))
    assert gap.interval() == plain.interval(), "of all images: nothing was chosen on them"
    found = base.decision("test")
    want = [base.less(name, base.best, "test").p() or 1.0 for name in base.ingredients[1:]]
    want += [base.less(f"greedy {what}", base.best, "test").p() for what in ("soup", "ensemble")]
    assert found.best == 0 and found.compared == 7 and found.p[1:] == pytest.approx(tuple(holm(want)[-2:]))


def test_shifted_sets_and_the_oracle_are_named(found):
    texts = [f.text for f in found.findings()]
    oracle = found.oracle("shifted")
    assert any(f"The oracle, chosen on shifted itself, is {oracle} with" in t for t in texts)
    assert sum(t.startswith(("Take ", "Cannot tell", "Ensemble ")) for t in texts) == 2
    assert any("On the line from the start (0)" in t for t in texts)
    assert any("By how far ingredients moved from their start" in t and "TIES at " in t for t in texts)
    assert all(f.claim is None for f in found.findings()), "of these networks: no claim is judged"


def of_seeds(seeds, size=0.5):
    return [
        Ingredient(f"h{h} {s}", partial(tuned, "seeds", h, s, size=size), lambda: START, s)
        for s in range(seeds)
        for h in range(3)
    ]


def test_claims_are_judged_over_soups_of_seeds():
    found = made(of_seeds(4), witnesses=[Witness(f"h{h} {s}", "P-T") for s in range(4) for h in range(3)])
    assert [s.seed for s in found.of_seeds] == [0, 1, 2, 3]
    gains, halves, plain, shifts, likes = [], [], [], [], []
    for one in found.of_seeds:
        assert one.members == tuple(f"h{h} {one.seed}" for h in range(3))
        alone, mixed, together, every = one.rows["test"]
        pantry = {i.label: i.load() for i in of_seeds(4)}
        assert mixed.tolist() == scored(uniform(pantry[n] for n in one.soup), TEST).tolist()
        held = {n: scored(pantry[n], HELD).mean() for n in one.members}
        assert one.soup[0] == min(held, key=lambda n: (-held[n], n))
        assert alone.tolist() == scored(pantry[one.soup[0]], TEST).tolist()
        assert (
            together.tolist() == right(np.mean([logits_of(pantry[n], TEST) for n in one.ensemble], 0), TEST).tolist()
        )
        assert every.tolist() == scored(uniform(pantry[n] for n in one.members), TEST).tolist()
        wide = one.rows["shifted"]
        assert wide[1].tolist() == scored(uniform(pantry[n] for n in one.soup), SHIFTED).tolist()
        shifts.append(wide[1].mean() - wide[0].mean())
        likes.append(wide[1].mean() - wide[2].mean())
        plain.append(every.mean() - alone.mean())
        gains.append(mixed - alone)
        halves.append(mixed - alone - 0.5 * (together - alone))
    want = mean([g.mean() for g in gains], np.stack(gains))
    assert found.seed_gain("soup").interval() == want.interval() and want.over == "networks and images"
    assert found.seed_gain("soup", share=0.5).value == pytest.approx(np.mean(halves))
    judged = {f.claim: f for f in found.findings() if f.claim}
    assert set(judged) == {"003-b", "003-c", *(f"003-{x}" for x in "stuv")}
    assert judged["003-s"].value == pytest.approx(np.mean(plain))
    assert judged["003-u"].value == pytest.approx(np.mean(shifts))
    assert judged["003-v"].value == pytest.approx(np.mean(likes))
    assert found.seed_gain("soup", "uniform").value == pytest.approx(
        np.mean([g.mean() for g in gains]) - np.mean(plain)
    )
    assert judged["003-b"].value > 0 and judged["003-b"].verdict == "agrees" and judged["003-b"].n == 4
    assert judged["003-b"].scope == "for this checkpoint"


def test_soups_of_a_seed_are_of_one_source_and_judge_fine_tuned_networks_only():
    given = [replace(i, label=f"{'pd'[i.seed // 2]} {i.label}", source="pd"[i.seed // 2]) for i in of_seeds(4)]
    found = made([replace(i, seed=i.seed % 2) for i in given], precheck=False)
    assert [(s.source, s.seed) for s in found.of_seeds] == [("d", 0), ("d", 1), ("p", 0), ("p", 1)]
    assert all(label.startswith(s.source) for s in found.of_seeds for label in s.members)
    others = made(of_seeds(4), witnesses=[Witness(f"h{h} {s}", "RI-T") for s in range(4) for h in range(3)])
    told = [f for f in others.findings() if f.claim]
    assert told and {f.why for f in told} == {"no P-T is among the networks"}


def test_two_seeds_decide_nothing():
    found = made(of_seeds(2))
    assert len(found.of_seeds) == 2
    judged = [f for f in found.findings() if f.claim]
    assert len(judged) == 6 and all(f.verdict == "cannot tell" and "three" in f.why for f in judged)
    assert made(of_seeds(1), precheck=False).of_seeds == ()
    alone = made(of_seeds(3), tests={"test": TEST}, precheck=False)
    assert {f.claim for f in alone.findings() if f.claim} == {"003-b", "003-c", "003-s", "003-t"}
    assert math.isnan(alone.seed_gain("soup", shifted=True).value)


def test_sets_of_other_sizes_weigh_alike():
    r = numpy_generator("sets")
    rows = [r.integers(0, 2, (4, n)).astype(float) for n in (50, 200, 75)]
    together = over_sets(rows)
    assert together.mean(1) == pytest.approx(np.mean([x.mean(1) for x in rows], axis=0))


def test_networks_that_learned_nothing_silence_claims():
    witnesses = [Witness(f"h{h} {s}", "P-T", "did not clearly beat chance") for s in range(3) for h in range(3)]
    judged = [f for f in made(of_seeds(3), witnesses=witnesses).findings() if f.claim]
    assert judged and all(f.verdict == "cannot tell" and "did not clearly beat chance" in f.why for f in judged)


def test_several_labels_an_image():
    held, test = (pictures(n, 200, noise=1.0, multilabel=True) for n in ("val", "test"))
    found = soup(NET, GIVEN[:3], held, test, device="cpu")
    assert found.metric == "auc" and found.tests == ("test",)
    logits = torch.from_numpy(logits_of(averaged(NAMES[:3]), test))
    want = macro_auroc(logits, torch.from_numpy(test.labels.astype(np.float32))).macro
    assert found.value("uniform soup", "test") == pytest.approx(float(want), abs=1e-6)
    assert min(found.precheck.disagreement.values()) > 0 and "AUC" in found.findings()[0].text


def scaled(params, net, seed):
    """The same function: each filter before a batch norm is larger by a factor of its own, and so its statistics."""
    g = generator("scale", seed)
    found = {k: v.clone() for k, v in params.items()}
    for name, module in net.module.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            conv = name.replace("bn", "conv")
            factor = 10 ** (3 * torch.rand(module.num_features, generator=g) - 0.5)
            found[f"{conv}.weight"] *= factor.view(-1, 1, 1, 1)
            found[f"{name}.running_mean"] *= factor
            found[f"{name}.running_var"] *= factor.square()
    return found


def test_a_resnet_with_batch_norm_collapses_unless_statistics_are_collected_anew():
    """Networks of one function: their mean is that function again, once its statistics are its own."""
    net = build("resnet20", 4, input=Input((16, 16), 3))
    r = numpy_generator("resnet soup")
    pixels = r.integers(0, 256, (384, 16, 16, 3), dtype=np.uint8) // r.integers(1, 6, (384, 1, 1, 3), dtype=np.uint8)
    blank = ImageSet(pixels, np.zeros(384, np.int64), tuple("abcd"), np.arange(384).astype(str), name="images")
    outputs = Outputs(net, {"all": blank}, device="cpu", recalibrate_on=blank.subset(np.arange(128)))
    one = initialise(net, 0)
    logits = outputs.of(one)["all"]
    one[f"{net.head}.bias"] -= logits.mean(0)
    one = outputs.anew(one)
    labels = outputs.of(one, as_saved=True)["all"].argmax(1).numpy()
    assert np.bincount(labels, minlength=4).max() < 250
    images = replace(blank, labels=labels)
    train, held, test = (
        images.subset(np.arange(i, i + 128), name) for i, name in ((0, "train"), (128, "val"), (256, "test"))
    )
    given = [Solution("one", one), *(Solution(f"same {s}", scaled(one, net, s)) for s in range(3))]
    found = soup(net, given, held, test, train=train, device="cpu")
    assert all(found.value(name, "test") > 0.97 for name in found.ingredients), "one function, up to ε of batch norm"
    anew, plain = found.value("uniform soup", "test"), found.value("uniform soup, statistics averaged", "test")
    assert anew > 0.95 and plain < anew - 0.25
    assert found.entry("uniform soup").statistics == "collected anew" and found.how.norm == "recalibrated"
    assert found.entry("one").statistics == "saved" and found.has("best single, statistics anew")
    told = next(
        f for f in found.findings() if f.text.startswith("With statistics of batch norm averaged like weights")
    )
    assert told.value == pytest.approx(anew - plain) and told.low > 0
    averaged_only = soup(net, given, held, test, norm="interpolated", device="cpu", precheck=False)
    assert averaged_only.value("uniform soup", "test") == plain
    assert averaged_only.entry("uniform soup").statistics == "averaged"


def test_batch_norm_needs_images_to_collect_statistics_on():
    net = build("resnet20", 3, input=Input((8, 8), 3))
    pixels = np.arange(2, dtype=np.uint8).reshape(2, 1, 1, 1).repeat(8, 1).repeat(8, 2).repeat(3, 3)
    images = ImageSet(pixels, np.zeros(2, np.int64), tuple("abc"), np.array(["x", "y"]))
    with pytest.raises(UsageError, match="statistics must be collected anew between networks: give training images"):
        soup(net, [initialise(net, 0), initialise(net, 1)], images.subset([0]), images.subset([1]), device="cpu")


def test_each_is_read_one_at_a_time():
    """Never more than one ingredient beside the sum, whatever their number."""
    alive, most = 0, 0

    class Watched(dict):
        def __init__(self, params):
            nonlocal alive, most
            super().__init__(params)
            alive += 1
            most = max(most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

    given = [Ingredient(n, lambda n=n: Watched(NETS[n])) for n in NAMES]
    plain, watched = made(precheck=False), made(given, precheck=False)
    assert most <= 2 and alive == 0
    assert all((plain.outcomes[k] == watched.outcomes[k]).all() for k in plain.outcomes)


def test_saved_drawn_and_in_tables(found, tmp_path):
    found.save(tmp_path)
    again = Soup.load(tmp_path)
    assert again.steps[1:] == found.steps[1:] and again.precheck == found.precheck
    assert [f.text for f in again.findings()] == [f.text for f in found.findings()]
    frame = found.frame().set_index("name")
    assert frame.loc["uniform soup", "test"] == found.value("uniform soup", "test")
    assert frame.loc[found.best, "test_over_best"] == 0 and frame.loc["logit ensemble", "passes"] == 6
    gap = found.less("greedy soup", found.best, "shifted")
    assert (frame.loc["greedy soup", "shifted_low"], frame.loc["greedy soup", "shifted_high"]) == gap.interval()
    assert len(found.step_frame()) == 12 and set(found.step_frame()["of"]) == {"greedy soup", "greedy ensemble"}
    fig = drawn(found)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["test", "shifted", "Greedy soup"]
    with pytest.raises(UsageError, match="nothing is called 'greedy sup'; did you mean 'greedy soup'"):
        found.entry("greedy sup")


def test_progress_ends_where_it_said(capsys):
    seen = []
    made(init=START, methods=["ties", "wise_ft"], progress=lambda done, total, unit: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1][0] <= seen[-1][1] and seen[-1][0] > 0.9 * seen[-1][1]
