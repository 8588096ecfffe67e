"""Laws of made and of real tables: what raising upstream accuracy buys, and when nothing can be said."""

from pathlib import Path

import numpy as np
import pytest

from transferscope.data.tables.models import Covariate, ModelTable, Task, read_models
from transferscope.errors import UsageError
from transferscope.evidence.judge import judge
from transferscope.numerics.law_profile import FloorProfile
from transferscope.numerics.logit_law import held_out
from transferscope.numerics.power_law import fit_power_law
from transferscope.questions.scaling.findings import LEAST_FLOOR, plain_answer
from transferscope.questions.scaling.floor import floor_estimate
from transferscope.questions.scaling.measure import Scaling, scaling

from .golden import golden

TABLES = Path(__file__).parents[1] / "tables"


def made(n: int = 80, seed: int = 0, shots: tuple[float, ...] = (), images: int | None = None) -> ModelTable:
    """Models under a frontier e = 0.7·e_US^1.5 + 0.1, with more or less waste; with shots e_∞ falls and α rises."""
    rng = np.random.default_rng(seed)
    us = np.sort(rng.uniform(0.1, 0.9, n))

    def task(name: str, shot: float | None, alpha: float, floor: float) -> Task:
        error = 0.7 * (1 - us) ** alpha + floor + rng.exponential(0.02, n)
        return Task(name, shot, np.clip(1 - error, 0, 1), images)

    tasks = [task("cars", s, 1 + 0.05 * s, 0.3 - 0.02 * s) for s in shots] or [task("cars", None, 1.5, 0.1)]
    return ModelTable("made.csv", tuple(f"m{i}" for i in range(n)), {"in1k": us}, tuple(tasks))


def table(us: object, **tasks: object) -> ModelTable:
    x = np.asarray(us, dtype=float)
    names = tuple(f"m{i}" for i in range(len(x)))
    return ModelTable("t.csv", names, {"us": x}, tuple(Task(k, None, np.asarray(v, float)) for k, v in tasks.items()))


def quick(models: ModelTable, **options: object) -> Scaling:
    return scaling(models, **({"draws": 60, "repeats": 10} | options))  # type: ignore[arg-type]


def test_the_gain_is_that_of_the_law_and_its_interval_holds_it() -> None:
    result = quick(made(), start=0.4, end=0.8)
    law = result.laws[0]
    assert law.points is not None and law.hull is not None
    true = 0.7 * (0.6**1.5 - 0.2**1.5)
    gain = law.points.gain
    by_hand = fit_power_law(1 - law.x, 1 - law.y)
    assert gain.value == pytest.approx(float(by_hand(0.6) - by_hand(0.2)))
    assert gain.low is not None and gain.high is not None and gain.low < true < gain.high and gain.over == "networks"
    assert law.hull.gain.low is None and law.hull.gain_range[0] <= law.hull.gain_range[1]
    assert law.points.floor.identified and law.points.floor.low < 0.12 < law.points.floor.high
    stop = 1 - (0.01 / by_hand.k) ** (1 / by_hand.alpha)
    assert law.points.stops == pytest.approx(stop)
    text = plain_answer(law, result)
    assert "cars: raising in1k accuracy from 40.0 % to 80.0 % buys" in text and "over 80 models" in text
    assert "it stops paying for the best models at" in text


def test_sentences() -> None:
    """Of a grid, whose claim is judged, with two shots; and of a table with one task and a flat one."""
    golden(quick(made(shots=(1.0, 10.0), images=500), sampled=True), "scaling")
    golden(
        quick(table(np.linspace(0.2, 0.8, 12), flat=np.full(12, 0.5), risen=np.linspace(0.3, 0.6, 12))),
        "scaling_table",
    )


def test_it_can_be_stored_and_asked_again(tmp_path: Path) -> None:
    result = quick(made(shots=(1.0, 5.0, 10.0)))
    result.save(tmp_path)
    again = Scaling.load(tmp_path)
    assert [f.text for f in again.findings()] == [f.text for f in result.findings()]
    assert again.frame().equals(result.frame())
    assert len(result.points()) == 240 and result.points()["vertex"].sum() == sum(
        len(w.vertices) for w in result.laws
    )


def test_the_same_seed_gives_the_same_bits_and_another_not() -> None:
    one, two, other = (quick(made(), seed=s).laws[0].points for s in (0, 0, 1))
    assert one and two and other and one.gain == two.gain and one.gain != other.gain


@pytest.mark.parametrize(
    ("us", "ds", "why"),
    [
        ([0.1, 0.5, 0.9], [0.1, 0.5, 0.8], "3 different upstream accuracies, a law of three numbers takes 5"),
        ([0.5] * 12, np.linspace(0, 1, 12), "1 different upstream accuracies"),
        (np.linspace(0.1, 0.9, 12), [0.5] * 12, "all models have the same downstream accuracy"),
        (np.linspace(0.1, 0.9, 12), np.linspace(0.9, 0.1, 12), "downstream accuracy does not rise"),
    ],
)
def test_where_there_is_no_law_the_reason_is_said(us: object, ds: object, why: str) -> None:
    result = quick(table(us, t=ds))
    law = result.laws[0]
    assert law.points is None and law.hull is None and law.refused.startswith(why)
    assert why in result.findings()[0].text and why in result.frame()["no law because"][0]
    result.plot()


def test_tied_upstream_accuracies_cost_the_prediction_of_held_out_models_only() -> None:
    us = np.array([0.1, 0.3, 0.5, 0.7] + [0.9] * 4)
    both = table(us, tied=[0.2, 0.4, 0.6, 0.7, 0.8, 0.81, 0.79, 0.8], other=np.linspace(0.2, 0.8, 8))
    assert len(quick(both, repeats=0).laws) == 2
    few = table([0.5] * 12 + [0.6, 0.7, 0.8, 0.9], t=[*np.linspace(0.30, 0.31, 12), 0.4, 0.5, 0.6, 0.7])
    law = quick(few, repeats=0).laws[0]
    assert law.points is not None and law.held_out is not None
    steep = held_out(
        few.upstream["us"], few.tasks[0].accuracy, "best", generator=np.random.default_rng(0), share=0.25
    )
    assert steep is None  # what is left has one accuracy
    near = 1 - np.linspace(1e-6, 5e-5, 12)  # all are cut to one value
    assert quick(table(near, t=np.linspace(0.3, 0.6, 12)), repeats=0).laws[0].line is None


def test_a_floor_that_is_not_identified_has_no_verdict_and_no_p() -> None:
    us = np.linspace(0.1, 0.6, 40)
    ds = 1 - (0.7 * (1 - us) + 0.05 + 0.03 * (-1.0) ** np.arange(40))
    law = quick(table(us, t=ds), repeats=0, sampled=True)
    (told,) = [f for f in law.findings() if f.claim == "003-e"]
    assert law.laws[0].points is not None and not law.laws[0].points.floor.identified
    assert (told.verdict, told.p, told.low) == ("cannot tell", None, None) and "not identified" in told.why


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.021, 0.2, "agrees"), (0.019, 0.03, "cannot tell")])
def test_the_p_of_a_floor_is_that_of_its_verdict(low: float, high: float, verdict: str) -> None:
    found = judge("003-e", floor_estimate(0.025, FloorProfile(low, high, 0.95, ""), 30, LEAST_FLOOR))
    assert found.verdict == verdict and found.p is not None and (found.p < 0.05) == (verdict == "agrees")
    under = judge("003-e", floor_estimate(0.01, FloorProfile(0.001, 0.019, 0.95, ""), 30, LEAST_FLOOR))
    assert under.verdict == "disagrees" and under.p is not None and under.p < 0.05


def test_a_convex_cloud_has_a_chord_for_its_hull_and_says_so() -> None:
    us = np.linspace(0.1, 0.9, 30)
    law = quick(table(us, t=us**3)).laws[0]
    assert law.points is not None and law.hull is None
    assert "a straight chord (downstream accuracy is convex" in law.hull_refused


def test_a_descending_hull_and_a_tail_are_said() -> None:
    us = np.linspace(0.1, 0.9, 30)
    ds = 0.5 + 0.4 * np.sin(np.pi * us / 1.2)
    result = quick(table(us, t=ds))
    law = result.laws[0]
    assert law.tail > 0 and law.hull is not None and len(law.rising.x) == law.peak + 1
    assert any("after its best" in f.text for f in result.findings())
    assert quick(table(us, t=ds), tail=True).laws[0].hull.law != law.hull.law  # type: ignore[union-attr]


def test_models_without_an_accuracy_are_left_out_and_counted() -> None:
    models = table([0.1, 0.2, np.nan, *np.linspace(0.3, 0.9, 20)], t=[np.nan, 0.2, 0.3, *np.linspace(0.3, 0.7, 20)])
    result = quick(models)
    assert len(result.laws[0].x) == 21 and result.laws[0].names[0] == "m1"
    assert result.left_out[0].text == "2 of 23 models on t: no accuracy on us or on t"


def test_parameters_go_with_shots() -> None:
    result = quick(made(shots=(1.0, 2.0, 5.0, 10.0, np.inf)))
    rows = {(r.what, r.parameter): r for r in result.shots}
    floor = rows["points", "e_∞"]
    assert floor.shots == (1.0, 2.0, 5.0, 10.0) and floor.r < -0.9  # all images are no number of shots
    assert any(f.text.startswith("cars: e_∞ goes with the number of shots by r −") for f in result.findings())
    result.plot(what="shots")


def test_the_best_models_of_one_task_are_followed_on_another() -> None:
    models = made()
    other = Task("pets", None, models.tasks[0].accuracy[::-1].copy())
    same = Task("same", None, models.tasks[0].accuracy)
    result = quick(ModelTable("t", models.names, models.upstream, (*models.tasks, same, other)))
    of_same, of_other = result.overlays
    assert of_same.task == "same" and np.allclose(of_same.gap, 0) and min(of_other.gap) > -1e-12 < max(of_other.gap)
    assert of_same.models == tuple(result.laws[0].names[i] for i in result.laws[0].rising.index)
    result.plot(what="overlays")
    with pytest.raises(UsageError, match="overlay of 'pest'; did you mean 'pets'"):
        quick(ModelTable("t", models.names, models.upstream, (*models.tasks, other)), overlay="pest")


def test_images_show_noise_and_the_winners_curse() -> None:
    models = made(images=200)
    law = quick(models).laws[0]
    assert law.noise is not None and law.noise.gain > 0 and law.noise.lift > 0
    assert law.points is not None
    assert quick(made()).laws[0].noise is None


def test_fewer_models_density_and_a_narrow_range() -> None:
    result = quick(made(200), repeats=30)
    about = result.robustness[0]
    points = [r for r in about.sizes if r.what == "points"]
    assert points[0].models < points[-1].models == 180 and points[0].prediction > points[-1].prediction
    assert about.density is not None and about.density.even == pytest.approx(about.density.gain, abs=0.03)
    assert about.narrow is not None and (about.narrow.low, about.narrow.high) == (0.70, 0.81)
    assert about.narrow.n == int(((result.laws[0].x >= 0.7) & (result.laws[0].x <= 0.81)).sum())
    result.plot(what="sizes")
    assert quick(made(), repeats=0).robustness == ()


def test_several_upstream_tasks_have_laws_of_their_own() -> None:
    models = made()
    both = ModelTable("t", models.names, {**models.upstream, "other": models.upstream["in1k"] ** 2}, models.tasks)
    result = quick(both, repeats=0)
    assert [law.us for law in result.laws] == ["in1k", "other"]
    assert result.findings()[1].target == "cars against other"


def test_openclip_says_what_pays_and_what_does_not() -> None:
    models = read_models(TABLES / "openclip.csv", "imagenet1k", ["food101", "patchcamelyon", "caltech101"])
    result = quick(models, repeats=0)
    food, camelyon, caltech = (plain_answer(law, result) for law in result.laws)
    assert "from 70.8 % to 84.4 % buys 8.3 points" in food and "not identified" in food
    assert "buys nothing that can be told" in camelyon and "R² 0.03" in camelyon
    assert "it stops paying for the best models at 68.2 %" in caltech
    assert result.law("Food-101").held_out is not None
    for what in ("laws", "axes"):
        assert len(result.only(result.laws[0]).plot(what=what).axes) >= 1


def test_of_many_tasks_some_are_drawn_and_the_figure_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    models = made(shots=(1.0, 2.0, 5.0, 10.0))
    pets = [Task("pets", t.shots, 0.9 * t.accuracy) for t in models.tasks]
    result = quick(ModelTable("t", models.names, models.upstream, (*models.tasks, *pets)), repeats=0)
    monkeypatch.setattr("transferscope.questions.scaling.plot._MOST", 3)
    monkeypatch.setattr("transferscope.questions.scaling.plot._MOST_LINES", 1)
    assert len(result.laws) == 8
    for what, said, panels in (
        ("laws", "3 of 8 tasks", 3),
        ("axes", "1 of 8 tasks", 3),
        ("shots", "1 of 2 tasks", 0),
    ):
        figure = result.plot(what=what)
        assert figure.get_suptitle() == f"{said}; all are in the table"
        assert not panels or len([ax for ax in figure.axes if ax.axison]) == panels


def test_one_factor_at_a_time_follows_the_curve_of_the_grid() -> None:
    models = made(48)
    factors = (Covariate("size", np.repeat(np.arange(6.0), 8)), Covariate("data", np.tile(list("abcdefgh"), 6)))
    whole = ModelTable("t.csv", models.names, models.upstream, models.tasks, factors)
    result = quick(whole, repeats=0, grid=["size", "data"])
    size, data = result.grids
    assert len(size.axis.index) == 6 and len(data.axis.index) == 8 and set(size.axis.fixed) == {"data"}
    assert size.axis.low < 0 < size.axis.high
    assert any("6 models that differ in size alone (data " in f.text for f in result.findings())
    with pytest.raises(UsageError, match="no covariate 'siz' for the grid; did you mean 'size'"):
        quick(whole, repeats=0, grid=["siz", "data"])


def test_what_cannot_be_right_is_refused() -> None:
    for options, message in (
        ({"start": 40.0}, "start 40.0: expected an accuracy as a share from 0 to 1"),
        ({"start": 0.8, "end": 0.4}, "start 0.8 and end 0.4; expected a start under the end"),
        ({"draws": 5}, "20 draws or more"),
    ):
        with pytest.raises(UsageError, match=message):
            scaling(made(), **options)  # type: ignore[arg-type]
    result = quick(made(), repeats=0)
    with pytest.raises(UsageError, match="no law of 'carz'; did you mean 'cars'"):
        result.law("carz")
    with pytest.raises(UsageError, match="a figure of 'hulls'"):
        result.plot(what="hulls")
