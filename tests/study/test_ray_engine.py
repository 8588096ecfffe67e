"""How steps are handed to a cluster and taken back, on one that stands in for Ray and does a task when waited for."""

import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from transferscope.cli import main
from transferscope.errors import TransferscopeError, UsageError
from transferscope.models.build import build, initialise
from transferscope.models.network import Input
from transferscope.store.folder import RunFolder
from transferscope.study import perform, ray_cluster, ray_engine
from transferscope.study.events import StepEvent
from transferscope.study.execute import check_engine, execute
from transferscope.study.graph import Plan, Step
from transferscope.study.needs import needs_of
from transferscope.study.perform import Context

A = Step("data", "a", {"n": 0})
B = Step("train", "b", {"n": 1}, {"x": A})
C = Step("train", "c", {"n": 2}, {"x": A})
D = Step("analysis", "d", {"n": 3}, {"x": B, "y": C})
STEPS = (A, B, C, D)
REAL_WORK = dict(perform._WORK)


@dataclass(frozen=True)
class Number:
    value: float


class RayError(Exception):
    pass


class LocalRayletDiedError(RayError):
    pass


class Cluster(types.ModuleType):
    """The part of Ray that the engine uses.

    ``dies`` says how many tasks of a step are lost before one ends well, ``came`` how far each of these had come.
    """

    def __init__(self, *nodes: dict[str, float]) -> None:
        super().__init__("ray")
        self.exceptions = types.SimpleNamespace(RayError=RayError)
        self.there = [{"Alive": True, "Resources": node} for node in nodes]
        self.dies: dict[str, int] = {}
        self.came: dict[str, list[int]] = {}
        self.error = RayError("the node died. See its logs.\nmore words")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.most = 0
        self.cancelled: list[Any] = []
        self._letters: list[tuple[int, dict[str, Any]]] = []
        self._waiting: dict[Any, Callable[[], Any]] = {}
        self._answers: dict[Any, Any] = {}

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return self.there

    def remote(self, **settings: Any) -> Callable[[Any], Any]:
        def made(what: Any) -> Any:
            if isinstance(what, type):
                take = types.SimpleNamespace(remote=lambda: "news")
                put = types.SimpleNamespace(remote=lambda *letter: self._letters.append(letter))
                return types.SimpleNamespace(remote=lambda: types.SimpleNamespace(take=take, put=put))
            assert settings == {"max_retries": 0}
            return types.SimpleNamespace(
                options=lambda **asked: types.SimpleNamespace(remote=lambda *given: self._hand(what, asked, *given))
            )

        return made

    def _hand(self, what: Any, asked: dict[str, Any], order: dict[str, Any], attempt: int, box: Any) -> object:
        name = next(s["name"] for s in order["plan"]["steps"] if s["digest"] == order["digest"])
        self.asked.append((name, {**asked, "device": order["device"], "threads": order["threads"]}))
        ref = (name, attempt)
        self._waiting[ref] = lambda: what(order, attempt, box)
        self.most = max(self.most, len(self._waiting))
        return ref

    def wait(self, refs: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        ref = next((ref for ref in refs if ref in self._answers), None)
        if ref is None:
            ref = next(ref for ref in refs if ref in self._waiting)
            do = self._waiting.pop(ref)
            died = self.dies.get(ref[0], 0) >= ref[1]
            if died and (came := self.came.get(ref[0])):
                (step,) = (step for step in STEPS if step.name == ref[0])
                told = {"what": "advanced", "step": step.title, "digest": step.digest, "unit": "epochs"}
                self._letters.append((ref[1], {**told, "done": came[ref[1] - 1], "total": 9}))
            self._answers[ref] = self.error if died else do()
        return (["news"] if self._letters else [ref]), []

    def get(self, ref: Any) -> Any:
        if ref == "news":
            letters, self._letters = self._letters, []
            return letters
        answer = self._answers.pop(ref)
        if isinstance(answer, RayError):
            raise answer
        return answer

    def cancel(self, ref: Any, force: bool) -> None:
        assert force
        self.cancelled.append(ref)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster({"CPU": 4.0, "memory": 2.0**34}, {"CPU": 1.0, "memory": 2.0**34})
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(ray_cluster, "_installed", lambda: True)
    return made


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[[Context], None]]]:
    special: dict[str, Callable[[Context], None]] = {}

    def do(context: Context) -> None:
        if context.step.name in special:
            special[context.step.name](context)
        context.progress(2, 2, "things")
        total = sum(context.stored(role).result(Number).value for role in context.step.inputs)
        context.draft.save(Number(total + 1))

    module = types.ModuleType("fake_work")
    module.do = do  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_work", module)
    for kind in perform._WORK:
        monkeypatch.setitem(perform._WORK, kind, "fake_work:do")
    yield special


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "out", "study", "fake")


def run(folder: RunFolder, **settings: Any) -> tuple[Any, list[StepEvent]]:
    events: list[StepEvent] = []
    given = {"engine": "ray://auto", "jobs": None, "device": "cpu", **settings}
    return execute(STEPS, folder, listener=events.append, **given), events


def test_the_store_is_that_of_the_local_engine(folder: RunFolder, cluster: Cluster, tmp_path: Path) -> None:
    outcome, events = run(folder)
    assert outcome.ok and [s.name for s in outcome.done] == ["a", "b", "c", "d"]
    assert [e.what for e in events if e.step == "train b"] == ["begun", "advanced", "done"]
    assert events[-1].overall == 1.0
    other = RunFolder.create(tmp_path / "other", "study", "fake")
    execute(STEPS, other, device="cpu", threads=1)
    for step in STEPS:
        one, two = folder.find(step.identity), other.find(step.identity)
        assert one is not None and two is not None and one.folder.name == two.folder.name
        assert (one.folder / "result.json").read_bytes() == (two.folder / "result.json").read_bytes()
        assert one.record.machine == two.record.machine
    outcome, _ = run(folder)
    assert len(outcome.reused) == 4 and len(cluster.asked) == 4


def test_a_step_asks_for_what_it_needs(folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # One more is handed over than there is room for, which is one step of 4 threads.
    run(folder, threads=4)
    memory = needs_of(B, threads=4, gpu=False).memory
    usual = {"num_cpus": 4, "num_gpus": 0, "memory": memory, "device": "cpu", "threads": 4}
    assert [asked for _, asked in cluster.asked] == [usual] * 4 and cluster.most == 2


def test_on_gpus_only_what_computes_asks_for_one(
    folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transferscope import runtime

    cluster.there = [{"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0, "memory": 2.0**36}}]
    cpu = runtime.pick_device("cpu")
    monkeypatch.setattr(runtime, "pick_device", lambda name: cpu)  # there is none on the node that stands in
    run(folder, device="auto")
    assert {name: (asked["num_gpus"], asked["num_cpus"], asked["device"]) for name, asked in cluster.asked} == {
        "a": (0, 8, "cpu"), "b": (1, 8, "cuda"), "c": (1, 8, "cuda"), "d": (1, 8, "cuda"),
    }  # fmt: skip


def test_what_dies_is_begun_again_and_given_up_in_the_end(folder: RunFolder, cluster: Cluster) -> None:
    cluster.dies = {"b": 2, "c": 3}
    outcome, events = run(folder)
    assert [s.name for s in outcome.done] == ["a", "b"]
    ((step, error),) = outcome.failed
    assert step is C and error == "its process or node died (the node died), 3 times at one place; out of memory?"
    assert [s.name for s, _ in outcome.skipped] == ["d"]
    said = [(e.step, e.text) for e in events if e.what == "noted"]
    again = "its process or node died (the node died); begun again"
    assert sorted(said) == [("train b", again)] * 2 + [("train c", again)] * 2
    failure = folder.failure(C.identity)
    assert failure is not None and failure.error == error
    cluster.dies = {}
    outcome, _ = run(folder)
    assert outcome.ok and [s.name for s in outcome.done] == ["c", "d"] and folder.failure(C.identity) is None


def test_a_step_that_fails_loses_only_what_needs_it(
    folder: RunFolder, cluster: Cluster, work: dict[str, Any]
) -> None:
    def fails(context: Context) -> None:
        raise RuntimeError("no luck")

    work["b"] = fails
    outcome, events = run(folder)
    assert [(s.name, error) for s, error in outcome.failed] == [("b", "RuntimeError: no luck")]
    assert [s.name for s in outcome.done] == ["a", "c"] and [s.name for s, _ in outcome.skipped] == ["d"]
    assert [e.text for e in events if e.what == "failed"] == ["RuntimeError: no luck"]


def test_an_interrupt_cancels_what_runs(folder: RunFolder, cluster: Cluster, work: dict[str, Any]) -> None:
    def stops(context: Context) -> None:
        raise KeyboardInterrupt

    work["b"] = stops
    with pytest.raises(KeyboardInterrupt, match=r"interrupted: 1 of 4 steps are done and kept"):
        run(folder)
    assert cluster.cancelled and {name for name, _ in cluster.cancelled} <= {"b", "c"}


def test_nodes_that_do_not_see_the_folder_or_have_another_version(
    folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "software", lambda: "0.0.1")
    with pytest.raises(
        TransferscopeError, match=r"node .*: has transferscope .*, and 0\.0\.1 asks; install the same"
    ):
        run(folder)
    monkeypatch.undo()
    order = {"plan": Plan((A,), {}, {}).to_json(), "digest": A.digest, "device": "cpu", "threads": 1}
    from transferscope.store.folder import software
    from transferscope.study.ray_task import compute

    answer = compute({**order, "folder": "/nowhere/run", "version": software()}, lambda event: None)
    assert "/nowhere/run: there is no such folder on node " in answer["fatal"]
    assert answer["fatal"].endswith("the run folder of a cluster lies where all its nodes see it")


def test_a_cluster_without_room_is_said(folder: RunFolder, cluster: Cluster) -> None:
    cluster.there = [{"Alive": True, "Resources": {"CPU": 2.0, "memory": 2.0**30}}]
    _, events = run(folder, threads=4)
    (noted,) = [e.text for e in events if e.what == "noted"]
    assert noted == (
        "no node of the cluster has 4 CPUs and 1.5 GiB of memory (there are: 2 CPUs and 1.0 GiB of memory); "
        "waiting for one"
    )


def test_one_line_for_what_cannot_be_right(
    folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="device 'cuda': no node of the cluster has a GPU; use --device cpu or auto"):
        run(folder, device="cuda")
    with pytest.raises(UsageError, match="device 'cuda:1': with --engine ray expected cpu, cuda or auto"):
        check_engine("ray", None, "cuda:1", None)
    with pytest.raises(UsageError, match="--engine 'rya': expected local, ray, ray://auto or ray://HOST:PORT"):
        check_engine("rya", None, "cpu", None)
    with pytest.raises(UsageError, match="at least 1, got 0"):
        check_engine("ray://auto", 0, "cpu", None)
    monkeypatch.setattr(ray_cluster, "_installed", lambda: False)
    with pytest.raises(UsageError, match=r"--engine ray wants Ray, .*: pip install 'transferscope\[ray\]'"):
        check_engine("ray", None, "cpu", None)


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        (["compare", "a.pt", "b.pt", "--only", "distance"], ["images", "a.pt", "b.pt", "distance"]),
        (["inspect", "a.pt", "--only", "spectrum"], ["images", "a.pt", "spectrum"]),
        (["rank", "mlp:12=a.pt", "mlp:12=b.pt", "--set", "scores.draws=2", "--set", "scores.permutations=1"],
         ["images of 16 px", "a.pt", "b.pt", "scores"]),
    ],
)  # fmt: skip
def test_files_are_asked_about_on_a_cluster(
    command: list[str], steps: list[str], cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perform, "_WORK", REAL_WORK)
    monkeypatch.chdir(tmp_path)
    net = build("mlp:12", 12, input=Input((16, 16)))
    for seed, name in enumerate(("a.pt", "b.pt")):
        torch.save(initialise(net, seed), tmp_path / name)
    model = [] if command[0] == "rank" else ["--model", "mlp:12"]
    asked = [*command, *model, "--data", "synthetic:clipart?train=60&test=24", "--size", "16", "--device", "cpu"]
    assert main([*asked, "--engine", "ray://auto", "--out", "cluster"]) == 0
    assert sorted(name for name, _ in cluster.asked) == sorted(steps)
    assert (tmp_path / "cluster" / "report.html").exists()
    assert main([*asked, "--jobs", "1", "--out", "here"]) == 0
    there, here = (sorted(p.name for p in (tmp_path / root / "steps").iterdir()) for root in ("cluster", "here"))
    assert there == here and len(there) == len(steps), "the same steps, by what they compute"


def test_every_command_with_steps_says_what_an_engine_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ["a.pt", "b.pt", "--model", "mlp:12", "--data", "synthetic:clipart"]
    for command in (["demo"], ["compare", *files], ["inspect", *files[1:]], ["rank", *files[:2], *files[4:]]):
        assert main([*command, "--engine", "rya"]) == 2
        error = capsys.readouterr().err.strip()
        assert error == "error: --engine 'rya': expected local, ray, ray://auto or ray://HOST:PORT"
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_is_lost(folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*given: Any, **more: Any) -> Any:
        raise ConnectionError("the channel\nis closed")

    line = (
        r"^--engine ray://auto: the cluster does not answer any more \(the channel is closed\); what is finished is "
        r"kept: give the same command again$"
    )
    with monkeypatch.context() as patch, pytest.raises(TransferscopeError, match=line):
        patch.setattr(cluster, "wait", closed)
        run(folder)

    cluster.dies, cluster.error = {"b": 1}, LocalRayletDiedError("its local raylet died")
    with pytest.raises(TransferscopeError, match=r"does not answer any more \(its local raylet died\)"):
        run(folder)
    assert not list(folder.root.glob("failed/*")), "it is not the step that failed"
    cluster.dies = {}

    def away(event: StepEvent) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):  # whoever listens is not the cluster
        execute(STEPS, folder, listener=away, engine="ray://auto", jobs=None, device="cpu")


def test_a_client_is_tried_again_where_something_answers(
    folder: RunFolder, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = []
    asked: list[str] = []

    def init(address: str, **settings: Any) -> None:
        asked.append(address)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(cluster, "is_initialized", lambda: False)
    monkeypatch.setattr(cluster, "init", init, raising=False)
    monkeypatch.setattr(cluster, "shutdown", lambda: None, raising=False)
    failed = ConnectionAbortedError(
        "from server:\nTraceback (most recent call last):\n  File x\nRuntimeError: not up\n"
    )
    errors += [failed] * 2
    outcome, _ = run(folder, engine="ray://here:1")
    assert outcome.ok and asked == ["ray://here:1"] * 3
    errors += [failed] * 3
    other = RunFolder.create(folder.root.parent / "other", "study", "fake")
    with pytest.raises(
        UsageError, match=r"^--engine ray://here:1: the cluster takes no client \(RuntimeError: not up\)$"
    ):
        run(other, engine="ray://here:1")
    errors += [ConnectionError("ray client connection timeout")]
    with pytest.raises(
        UsageError, match=r"^--engine ray://here:1: no cluster answers there \(ray client connection t"
    ):
        run(other, engine="ray://here:1")
    assert len(asked) == 7 and not errors


def test_a_step_that_comes_farther_each_time_is_begun_as_often_as_its_node_dies(
    folder: RunFolder, cluster: Cluster
) -> None:
    cluster.dies, cluster.came = {"c": 5}, {"c": [1, 3, 3, 4, 8]}
    outcome, _ = run(folder)
    assert outcome.ok and [name for name, _ in cluster.asked].count("c") == 6


def test_a_step_that_dies_at_one_place_is_given_up(folder: RunFolder, cluster: Cluster) -> None:
    cluster.dies, cluster.came = {"c": 9}, {"c": [4, 6, 6, 5, 9, 9, 9, 9, 9]}
    outcome, _ = run(folder)
    assert not outcome.ok and [name for name, _ in cluster.asked].count("c") == 4  # the second time, it was farther
