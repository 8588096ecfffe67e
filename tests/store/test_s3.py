"""A study whose run folder is on an S3 server of this machine (moto's); wants the extra ``s3`` and moto."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'transferscope[s3]'")
pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")

from tests.trust.made import TINY, contents, study

from transferscope.cli.main import main
from transferscope.store.folder import RunFolder
from transferscope.store.place import Place
from transferscope.study.run import run_study

pytestmark = pytest.mark.timeout(1200)

DRIVER = """
import json, sys
from transferscope.store import claims
from transferscope.study.run import run_study

claims._POLL = 0.1
events = []
run_study(sys.argv[1], sys.argv[2], device="cpu", threads=1, listener=events.append)
print(json.dumps([[e.what, e.step] for e in events]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server on the loopback with a bucket, and an environment in which s3:// means it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/runs", method="PUT"), timeout=5)
            break
        except OSError:
            time.sleep(0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield url
    running.kill()
    running.wait()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("local") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "image-cache"))
        run_study(study(TINY), root, device="cpu", threads=1)
    return root


def fetched(address: str, to: Path) -> Path:
    """All objects of an address as files, as whoever copies a bucket has them."""
    place = Place(address)
    for name in place.names(""):
        place.download(name, to / name)
    return to


def test_the_store_is_the_local_one(
    server: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "cache"))
    folder, outcome = run_study(study(TINY), "s3://runs/one", device="cpu", threads=1)
    assert outcome.ok, outcome.failed
    copied = fetched("s3://runs/one", tmp_path / "copied")
    assert contents(copied) == contents(whole)
    assert (copied / "study.yaml").read_bytes() == (whole / "study.yaml").read_bytes()
    assert json.loads((copied / "plan.json").read_text()) == json.loads((whole / "plan.json").read_text())
    # Another machine finds everything, computes nothing, and reads it.
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", str(tmp_path / "another cache"))
    _, outcome = run_study(study(TINY), "s3://runs/one", device="cpu", threads=1)
    assert not outcome.done and outcome.ok
    assert main(["status", "s3://runs/one"]) == 0
    assert "all 5 steps are done" in capsys.readouterr().out
    assert main(["report", "s3://runs/one"]) == 0
    assert Place("s3://runs/one").exists("report.html")
    assert RunFolder.open("s3://runs/one").root != folder.root


def test_two_drivers_compute_each_step_once(server: str, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TINY)
    running = []
    for name in ("a", "b"):
        environment = {**os.environ, "TRANSFERSCOPE_CACHE": str(tmp_path / name), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", DRIVER, str(tmp_path / "s.yaml"), "s3://runs/two"]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
    told = [json.loads(process.communicate(timeout=900)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    begun = [step for events in told for what, step in events if what in ("begun", "resumed")]
    assert sorted(begun) == sorted(set(begun)) and len(begun) == 5
    assert contents(fetched("s3://runs/two", tmp_path / "copied")) == contents(whole)
