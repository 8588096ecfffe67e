"""Studies on real clusters of Ray; wants the extra ``ray``. Each gives the store of the local engine, bit for bit."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'transferscope[ray]'")

from transferscope.study.events import StepEvent  # noqa: E402  (after Ray is known to be there)
from transferscope.study.load import parse_study  # noqa: E402
from transferscope.study.run import run_study  # noqa: E402
from transferscope.study.yaml_output import study_yaml  # noqa: E402

from .conftest import TINY, changing  # noqa: E402
from .test_study import contents, without_times  # noqa: E402

pytestmark = pytest.mark.timeout(1800)  # a cluster takes seconds to start, and minutes on a machine that is busy

Tree = Callable[..., dict[str, Any]]


DRIVER = """
import json, sys
from transferscope.study.run import run_study

def listen(event):
    print(json.dumps([event.what, event.step, event.text]), flush=True)

where = dict(engine=sys.argv[3], jobs=2, device="cpu", threads=1)
_, outcome = run_study(sys.argv[1], sys.argv[2], listener=listen, **where)
sys.exit(not outcome.ok)
"""


def small() -> Any:
    given = changing(TINY)(
        source=None, targets__clipart=None, starts={"RI-T": {"from": "random", "seeds": [0, 1, 2]}}
    )
    given["analyses"] = {"distance": True, "mistakes": {"gallery": 1}}
    return parse_study(given)


@pytest.fixture(scope="module")
def locally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The store of the local engine; clusters inherit the cache of images from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
        patch.setenv("RAY_worker_register_timeout_seconds", "600")
        root = tmp_path_factory.mktemp("local") / "out"
        run_study(small(), root, device="cpu", threads=1)
        yield root


def test_a_cluster_that_is_started_here(locally: Path, tmp_path: Path) -> None:
    events: list[StepEvent] = []
    _, outcome = run_study(
        small(), tmp_path / "out", engine="ray", jobs=2, device="cpu", threads=1, listener=events.append
    )
    assert outcome.ok and len(outcome.done) == 6, outcome.failed
    assert not ray.is_initialized()
    assert contents(tmp_path / "out") == contents(locally)
    assert without_times(tmp_path / "out") == without_times(locally)
    told = [e.what for e in events if e.step == "train photo RI-T 0"]
    assert told[0] == "begun" and told[-1] == "done" and "advanced" in told
    assert events[-1].overall == 1.0

    def interrupt(event: StepEvent) -> None:
        if event.what == "begun" and event.step.startswith("train"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"interrupted: 1 of 6 steps are done and kept"):
        run_study(small(), tmp_path / "two", engine="ray", jobs=2, device="cpu", threads=1, listener=interrupt)
    run_study(small(), tmp_path / "two", device="cpu", threads=1)  # the local engine takes it up
    assert contents(tmp_path / "two") == contents(locally)


@pytest.fixture(scope="module")
def cluster(locally: Path) -> Iterator[Any]:
    """Three nodes on this machine, the first without processors, and a server for clients."""
    from ray.cluster_utils import Cluster

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    small_store = {"object_store_memory": 2**27, "node_ip_address": "127.0.0.1"}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "ray_client_server_port": port, **small_store}
    )
    made.port = port
    made.others = [made.add_node(num_cpus=1, **small_store) for _ in range(2)]
    yield made
    made.shutdown()


def drive(engine: str, out: Path, then: Callable[[list[list[str]]], None], **more: str) -> list[list[str]]:
    """Run the study in a process of its own, as people do; ``then`` hears of every event, with those before."""
    environment = {**os.environ, **more}
    command = [sys.executable, "-c", DRIVER, str(out.with_suffix(".yaml")), str(out), engine]
    out.with_suffix(".yaml").write_text(study_yaml(small()))
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert running.stdout is not None
    events: list[list[str]] = []
    for line in running.stdout:
        events.append(json.loads(line))
        then(events)
    assert running.wait() == 0, events
    return events


def test_a_client_of_a_cluster(cluster: Any, locally: Path, tmp_path: Path) -> None:
    drive(f"ray://127.0.0.1:{cluster.port}", tmp_path / "out", lambda events: None)
    assert contents(tmp_path / "out") == contents(locally)


def test_a_node_that_dies(cluster: Any, locally: Path, tmp_path: Path) -> None:
    def kill(events: list[list[str]]) -> None:
        training = [step for what, step, _ in events if what == "begun" and step.startswith("train")]
        if events[-1][0] == "begun" and len(training) == 2:  # one on each node
            cluster.remove_node(cluster.others.pop(), allow_graceful=False)

    events = drive("ray", tmp_path / "out", kill, RAY_ADDRESS=cluster.address)
    assert len([text for what, _, text in events if what == "noted" and text.endswith("begun again")]) == 1
    begun = [step for what, step, _ in events if what in ("begun", "resumed")]
    assert len(begun) <= 7 and max(map(begun.count, begun)) <= 2
    assert contents(tmp_path / "out") == contents(locally)
