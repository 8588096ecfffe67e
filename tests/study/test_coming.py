"""What is still to come of a study, item by item."""

from transferscope.study.coming import Coming, coming_of
from transferscope.study.graph import Plan, Step
from transferscope.study.status import State, Status, StepStatus

DATA = Step("data", "photo", {"spec": "x"})
FIRST, SECOND = (Step("train", f"photo P-T {i}", {"seed": i}, {"images": DATA}) for i in range(2))
OTHER = Step("train", "clipart P-T 0", {"seed": 5})
PHOTO = Step("analysis", "barrier photo", {"n": 1}, {"a": FIRST, "b": SECOND})
CLIPART = Step("analysis", "barrier clipart", {"n": 2}, {"a": OTHER})
IMAGES = Step("analysis", "samples", {"n": 3}, {"images": DATA})
STEPS = (DATA, FIRST, SECOND, OTHER, PHOTO, CLIPART, IMAGES)
PLAN = Plan(STEPS, {"barrier": {"photo": PHOTO, "clipart": CLIPART}, "samples": {"": IMAGES}}, {})


def coming(*states: State) -> tuple[Coming, ...]:
    return coming_of(PLAN, Status("s", tuple(StepStatus("", s, 0.0, "") for s in states), 0))


def test_nothing_is_coming_when_all_is_done() -> None:
    assert coming(*["done"] * 7) == ()


def test_trainings_come_first_and_answers_say_what_they_wait_for() -> None:
    assert coming("done", "done", "running", "missing", "missing", "missing", "done") == (
        Coming("trainings", 1, 3, ("photo P-T 1 under way",)),
        Coming("barrier", 0, 2, ("photo: waits for 1 training", "clipart: waits for 1 training")),
    )


def test_what_only_needs_its_turn_is_next() -> None:
    found = coming("done", "done", "done", "failed", "missing", "skipped", "missing")
    assert found == (
        Coming("trainings", 2, 3, ()),
        Coming("barrier", 0, 2, ("photo: next", "clipart: not possible: something it needs failed")),
        Coming("samples", 0, 1, ("next",)),
    )
    assert coming("missing", *["done"] * 5, "missing")[0] == Coming("samples", 0, 1, ("waits for 1 step",))
