from transferscope.study.events import StepEvent
from transferscope.study.graph import Step
from transferscope.study.schedule import Schedule

DATA = Step("data", "images", {"n": 0}, cost=1)
SOURCE = Step("train", "source", {"n": 1}, {"images": DATA}, cost=5)
PT = Step("train", "P-T", {"n": 2}, {"images": DATA, "source": SOURCE}, cost=2)
RIT = Step("train", "RI-T", {"n": 3}, {"images": DATA}, cost=6)
ASK = Step("analysis", "barrier", {"n": 4}, {"a": PT, "b": RIT}, cost=1)
ALONE = Step("analysis", "distance", {"n": 5}, {"a": RIT}, cost=1)
STEPS = (DATA, SOURCE, PT, RIT, ASK, ALONE)


def test_longest_way_first_and_nothing_before_its_inputs() -> None:
    schedule = Schedule(STEPS)
    assert schedule.take() is DATA and schedule.take() is None
    schedule.finish(DATA, reused=False)
    # Behind the source are 5 + 2 + 1, behind RI-T 6 + 1.
    assert schedule.take() is SOURCE and schedule.take() is RIT and schedule.take() is None
    schedule.finish(RIT, reused=True)
    assert schedule.take() is ALONE
    schedule.finish(SOURCE, reused=False)
    assert schedule.take() is PT and schedule.take() is None
    schedule.finish(PT, reused=False)
    schedule.finish(ALONE, reused=False)
    assert schedule.take() is ASK
    schedule.finish(ASK, reused=False)
    outcome = schedule.outcome(1.0)
    assert outcome.ok and outcome.reused == (RIT,) and len(outcome.done) == 5
    assert schedule.overall == 1.0


def test_a_failure_takes_only_what_needs_it() -> None:
    schedule, told = Schedule(STEPS), list[StepEvent]()
    schedule.take()
    schedule.finish(DATA, reused=False)
    assert schedule.take() is SOURCE
    schedule.drop(SOURCE, "out of memory", told.append)
    assert [(e.what, e.step, e.text) for e in told] == [
        ("skipped", "train P-T", "train source failed"),
        ("skipped", "analysis barrier", "train source failed"),
    ]
    assert schedule.take() is RIT
    schedule.finish(RIT, reused=False)
    assert schedule.take() is ALONE
    schedule.finish(ALONE, reused=False)
    assert schedule.take() is None
    outcome = schedule.outcome(1.0)
    assert not outcome.ok
    assert outcome.failed == ((SOURCE, "out of memory"),)
    assert outcome.skipped == ((PT, "train source"), (ASK, "train source"))


def test_overall_counts_by_cost_and_only_what_was_missing() -> None:
    schedule = Schedule(STEPS)
    assert schedule.overall == 0
    schedule.finish(DATA, reused=False)
    schedule.advance(SOURCE.digest, 0.5)
    assert schedule.overall == (1 + 2.5) / 16

    schedule = Schedule(STEPS)
    schedule.finish(DATA, reused=True)
    schedule.finish(SOURCE, reused=True)
    assert schedule.overall == 0  # 10 of 16 are missing
    schedule.resume(RIT.digest)
    assert schedule.overall == 0
    schedule.advance(RIT.digest, 0.75)  # of 6; a quarter is missing
    assert schedule.overall == 0
    schedule.advance(RIT.digest, 1.0)
    assert schedule.overall == 1.5 / (10 - 4.5)
    for step in (RIT, PT, ASK, ALONE):
        schedule.finish(step, reused=False)
    assert schedule.overall == 1.0


def test_questions_come_after_what_is_waited_for_and_cheapest_first() -> None:
    train = Step("train", "run", {"n": 1}, cost=1)
    costs = {"dear": 9, "cheap": 2, "middling": 5, "also cheap": 2}
    asks = [Step("analysis", name, {"name": name}, {"run": train}, cost=c) for name, c in costs.items()]
    other = Step("train", "other", {"n": 2}, {"run": train}, cost=1)
    late = Step("analysis", "late", {"name": "late"}, {"run": other}, cost=1)
    steps = [train, *asks, other, late]

    def order(jobs: int) -> list[str]:
        schedule, names = Schedule(steps, jobs), []
        while (step := schedule.take()) is not None:
            schedule.finish(step, reused=False)
            names.append(step.name)
        return names

    assert order(1) == ["run", "other", "late", "cheap", "also cheap", "middling", "dear"]
    # Side by side with all others, which are 1 + 2 + 2 + 5, the dearest ends last unless it is begun second.
    assert order(2) == ["run", "other", "late", "dear", "middling", "cheap", "also cheap"]


def test_a_question_that_takes_longer_than_all_else_is_begun_before_trainings() -> None:
    train = Step("train", "run", {"n": 1}, cost=1)
    dear = Step("analysis", "dear", {}, {"run": train}, cost=10)
    others = [Step("train", f"other {i}", {"i": i}, {"run": train}, cost=3) for i in range(4)]

    def order(jobs: int) -> list[str]:
        schedule, names = Schedule([train, dear, *others], jobs), []
        while (step := schedule.take()) is not None:
            schedule.finish(step, reused=False)
            names.append(step.name)
        return names

    assert order(1)[-1] == "dear"
    # Beside 12 others on one other process it may wait until 10 are left; on three it would end last.
    assert order(2) == ["run", "other 0", "dear", "other 1", "other 2", "other 3"]
    assert order(4)[:2] == ["run", "dear"]
