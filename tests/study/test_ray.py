"""Studies on real clusters of Ray; wants the extra ``ray``. Each gives the store of the local engine, bit for bit."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'transferscope[ray]'")

from transferscope.models.build import build, initialise  # noqa: E402
from transferscope.models.network import Input  # noqa: E402
from transferscope.study.events import StepEvent  # noqa: E402  (after Ray is known to be there)
from transferscope.study.load import parse_study  # noqa: E402
from transferscope.study.run import run_study  # noqa: E402
from transferscope.study.yaml_output import study_yaml  # noqa: E402

from .conftest import TINY, changing  # noqa: E402
from .test_study import contents, without_times  # noqa: E402

pytestmark = pytest.mark.timeout(1800)  # a cluster takes seconds to start, and minutes on a machine that is busy

Tree = Callable[..., dict[str, Any]]

ON_THE_LOOPBACK = {"object_store_memory": 2**27, "node_ip_address": "127.0.0.1"}

DRIVER = """
import json, sys
from transferscope.study.run import run_study

node = []

def listen(event):
    ray = sys.modules.get("ray")  # imported by the engine, in its own way
    if ray and ray.is_initialized() and sys.argv[3] == "ray" and not node:
        node.append(ray.get_runtime_context().get_node_id())
        print(json.dumps(["node", node[0], ""]), flush=True)
    print(json.dumps([event.what, event.step, event.text]), flush=True)

where = dict(engine=sys.argv[3], jobs=2, device="cpu", threads=1)
_, outcome = run_study(sys.argv[1], sys.argv[2], listener=listen, **where)
sys.exit(not outcome.ok)
"""


def small() -> Any:
    given = changing(TINY)(
        source=None, targets__clipart=None, starts={"RI-T": {"from": "random", "seeds": [0, 1, 2]}}
    )
    given["recipe"]["epochs"] = 60  # seconds, so that what is killed is in the middle
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
    """Three nodes on the loopback, the first without processors, and a server for clients."""
    from ray.cluster_utils import Cluster

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        # Else Ray takes 127.0.0.1 for the address of this machine in its network, where nothing listens.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        made = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "ray_client_server_port": port, **ON_THE_LOOPBACK}
        )
        made.port = port
        made.others = [made.add_node(num_cpus=1, **ON_THE_LOOPBACK) for _ in range(2)]
        yield made
        made.shutdown()


class Driver:
    """The command in a process of its own, as people run it.

    Args:
        engine: ``ray://HOST:PORT``, or ``ray`` where ``more`` has an address.
        out: run folder.
        then: hears of every event, with those before.
        more: environment variables.
    """

    def __init__(self, engine: str, out: Path, then: Callable[[list[list[str]]], None], **more: str) -> None:
        out.with_suffix(".yaml").write_text(study_yaml(small()))
        command = [sys.executable, "-c", DRIVER, str(out.with_suffix(".yaml")), str(out), engine]
        self.errors = out.with_suffix(".err")
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **more}
            )
        self.events: list[list[str]] = []
        self._then = then

    def ended(self) -> int:
        """Listen to the end; standard output has events only, whatever Ray has to say."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._then(self.events)
        return self.process.wait()

    def begun(self) -> list[str]:
        """The steps that were begun, those that went on from a saved state included."""
        return [step for what, step, _ in self.events if what in ("begun", "resumed")]

    def again(self) -> list[str]:
        """The steps that were handed out again."""
        return [step for what, step, text in self.events if what == "noted" and text.endswith("begun again")]


def processes(node: Any) -> list[Any]:
    """The raylet of a node and all that it started."""
    psutil = pytest.importorskip("psutil")  # Ray brings one
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [raylet, *raylet.children(recursive=True)]


def computes(node: Any) -> bool:
    """Whether a step is under way there: Ray names a process after its task."""
    for process in processes(node):
        with suppress(Exception):  # it ended meanwhile
            if process.cmdline()[0].startswith("ray::task"):
                return True
    return False


class Killer:
    """Kills a node where a run is under way, once: its raylet and every process of it, with no time to say so.

    Args:
        cluster: the nodes.
        commands: how many there are; a node is spared to which one is connected, as all nodes here have one address.
    """

    def __init__(self, cluster: Any, commands: int = 1) -> None:
        self.cluster = cluster
        self.killed = 0
        self._spared: list[str] = []
        self._commands = commands
        self._one = threading.Lock()

    def __call__(self, events: list[list[str]]) -> None:
        """Look at the last event."""
        with self._one:
            if events[-1][0] == "node":
                self._spared.append(events[-1][1])
            if self.killed or len(self._spared) < self._commands:
                return
            if events[-1][0] != "advanced" or not events[-1][1].startswith("train"):
                return
            others = [node for node in self.cluster.others if node.node_id not in self._spared]
            node = next((node for node in others if computes(node)), None)
            if node is None:
                return
            for process in processes(node):
                with suppress(Exception):  # it ended with another
                    process.send_signal(signal.SIGKILL)
            self.killed += 1
            self.cluster.others.remove(node)
            self.cluster.remove_node(node, allow_graceful=False)  # which forgets it


def heard(events: list[list[str]]) -> None:
    """Do nothing."""


def test_a_client_of_a_cluster(cluster: Any, locally: Path, tmp_path: Path) -> None:
    driver = Driver(f"ray://127.0.0.1:{cluster.port}", tmp_path / "out", heard)
    assert driver.ended() == 0, driver.errors.read_text()
    assert "Warning" not in driver.errors.read_text()
    assert contents(tmp_path / "out") == contents(locally)
    assert without_times(tmp_path / "out") == without_times(locally)
    told = [what for what, step, _ in driver.events if step == "train photo RI-T 0"]
    assert told[0] == "begun" and told[-1] == "done" and "advanced" in told


def test_files_are_compared_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    net = build("mlp:12", 12, input=Input((16, 16)))
    for seed, name in enumerate(("a.pt", "b.pt")):
        torch.save(initialise(net, seed), tmp_path / name)
    command = ["compare", "a.pt", "b.pt", "--model", "mlp:12", "--data", "synthetic:clipart?train=60&test=24"]
    command += ["--size", "16", "--only", "distance,barrier", "--device", "cpu", "--jobs", "1"]
    code = "import sys; from transferscope.cli import main; sys.exit(main())"
    for out, more in (("cluster", ["--engine", "ray"]), ("here", [])):
        environment = {**os.environ, "RAY_ADDRESS": cluster.address, "OMP_NUM_THREADS": "1"}
        run = [sys.executable, "-c", code, *command, *more, "--out", out]
        done = subprocess.run(run, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.rstrip().endswith(f"{out}/report.html")
    assert contents(tmp_path / "cluster") == contents(tmp_path / "here")
    assert len(list((tmp_path / "cluster" / "steps").iterdir())) == 5


def test_a_client_whose_server_dies(cluster: Any, locally: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    engine = f"ray://127.0.0.1:{cluster.port}"
    proxy = cluster.head_node.all_processes["ray_client_server"][0].process.pid

    def kill(events: list[list[str]]) -> None:
        if events[-1][0] == "advanced" and events[-1][1].startswith("train"):
            for process in psutil.Process(proxy).children(recursive=True):  # it starts one for each client
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    driver = Driver(engine, tmp_path / "out", kill)
    assert driver.ended() == 1
    error = driver.errors.read_text().rstrip().split("\n")[-1]
    assert f"TransferscopeError: --engine {engine}: the cluster does not answer any more" in error
    assert error.endswith("what is finished is kept: give the same command again")
    driver = Driver(engine, tmp_path / "out", heard)
    assert driver.ended() == 0, driver.errors.read_text()
    assert "data photo" not in driver.begun()
    assert contents(tmp_path / "out") == contents(locally)


def test_a_command_that_dies(cluster: Any, locally: Path, tmp_path: Path) -> None:
    drivers: list[Driver] = []

    def kill(events: list[list[str]]) -> None:
        if events[-1][0] == "advanced" and events[-1][1].startswith("train"):
            drivers[0].process.kill()

    for then in (kill, heard):
        drivers.append(Driver("ray", tmp_path / "out", then, RAY_ADDRESS=cluster.address))
        assert drivers[-1].ended() == (-signal.SIGKILL if then is kill else 0), drivers[-1].errors.read_text()
    assert "data photo" not in drivers[1].begun()
    assert contents(tmp_path / "out") == contents(locally)
    assert without_times(tmp_path / "out") == without_times(locally)


def test_a_node_that_dies(cluster: Any, locally: Path, tmp_path: Path) -> None:
    killer = Killer(cluster)
    driver = Driver("ray", tmp_path / "out", killer, RAY_ADDRESS=cluster.address)
    assert driver.ended() == 0 and killer.killed == 1, driver.events
    (lost,) = driver.again()
    begun = driver.begun()
    assert len(begun) <= 7 and {step for step in begun if begun.count(step) > 1} <= {lost}
    assert contents(tmp_path / "out") == contents(locally)
    assert without_times(tmp_path / "out") == without_times(locally)


def test_a_node_that_dies_under_two_commands(cluster: Any, locally: Path, tmp_path: Path) -> None:
    cluster.others += [cluster.add_node(num_cpus=1, **ON_THE_LOOPBACK) for _ in range(3 - len(cluster.others))]
    killer = Killer(cluster, commands=2)
    drivers = [Driver("ray", tmp_path / "out", killer, RAY_ADDRESS=cluster.address) for _ in range(2)]
    with ThreadPoolExecutor(len(drivers)) as pool:
        ends = list(pool.map(Driver.ended, drivers))
    told = [driver.events for driver in drivers]
    assert ends == [0, 0] and killer.killed == 1, told
    begun = [step for driver in drivers for step in driver.begun()]
    # One process was killed on the node, of either command; if it computed a step, that is the one of seven.
    assert len(begun) <= 7 and max(map(begun.count, begun)) <= 2, told
    assert sum(len(driver.again()) for driver in drivers) == 1, told
    assert contents(tmp_path / "out") == contents(locally)
    assert without_times(tmp_path / "out") == without_times(locally)
