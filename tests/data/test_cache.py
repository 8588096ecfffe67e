import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferscope.data import cache as module
from transferscope.data.cache import default_cache, prepare
from transferscope.data.decode import Form
from transferscope.data.mapped import is_mapped
from transferscope.data.pixels import ArrayPixels, FilePixels
from transferscope.errors import DataError

FORM = Form(8, 8)


@pytest.fixture
def files(tmp_path: Path, write_image) -> FilePixels:
    for i in range(30):
        write_image(tmp_path / "in" / f"{i:02d}.png", seed=i)
    return FilePixels(tmp_path / "in", [f"{i:02d}.png" for i in range(30)])


def plain(files: FilePixels, index: object = slice(None)) -> np.ndarray:
    """The usual loop."""
    return np.stack([np.asarray(Image.open(p).convert("RGB")) for p in np.array(files.files(slice(None)))[index]])


def entries(cache: Path) -> list[Path]:
    return sorted(p for p in cache.iterdir() if p.is_dir())


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("children", [True, False])
def test_equals_the_plain_loop(files, own_cache, monkeypatch, workers, children):
    monkeypatch.setattr(module, "_CHILDREN_FROM", 1 if children else 10**9)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * FORM.nbytes)
    told = []
    made = prepare(files, FORM, workers=workers, progress=lambda *a: told.append(a))
    assert np.array_equal(made.images, plain(files))
    assert made.kept.tolist() == list(range(30)) and made.failures == ()
    assert told[-1] == (30, 30, "images") and len(told) == 8


def test_second_time_comes_from_the_cache(files, monkeypatch):
    first = prepare(files, FORM)
    monkeypatch.setattr(module, "_make", lambda *a: pytest.fail("decoded again"))
    again = prepare(files, FORM, progress=lambda *a: pytest.fail("nothing is decoded"))
    assert np.array_equal(first.images, again.images)
    assert first.digest == again.digest != ""


def test_name_depends_on_files_and_form(files, own_cache, write_image):
    prepare(files, FORM)
    prepare(files, Form(4, 4))
    prepare(files.take(np.arange(29)), FORM)
    assert len(entries(own_cache)) == 3
    write_image(Path(files.files(slice(0, 1))[0]), seed=99)
    changed = prepare(files, FORM)
    assert len(entries(own_cache)) == 4
    assert np.array_equal(changed.images, plain(files))


def test_large_ones_are_mapped(files, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 100)
    made = prepare(files, FORM)
    assert is_mapped(made.images) and not made.images.flags.writeable
    assert np.array_equal(made.images, plain(files))


def test_array_in_its_form_needs_no_cache(own_cache):
    grey = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8, 1)
    assert np.array_equal(prepare(ArrayPixels(grey), FORM).images, np.repeat(grey, 3, -1))
    assert not list(own_cache.iterdir())
    assert prepare(ArrayPixels(grey), Form(4, 4)).images.shape == (2, 4, 4, 3)
    assert len(entries(own_cache)) == 1


def test_no_images(files):
    made = prepare(files.take(np.arange(0)), FORM)
    assert made.images.shape == (0, 8, 8, 3) and len(made.kept) == 0


def test_unreadable_ones_are_left_out_in_order(files, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * FORM.nbytes)
    bad = [0, 1, 2, 3, 17, 29]  # one whole block
    for i in bad:
        Path(files.files(slice(i, i + 1))[0]).write_bytes(b"")
    made = prepare(files, FORM)
    good = [i for i in range(30) if i not in bad]
    assert made.kept.tolist() == good
    assert np.array_equal(made.images, plain(files, good))
    assert [(f.position, f.reason) for f in made.failures] == [(i, "empty file") for i in bad]
    assert prepare(files, FORM).failures == made.failures


def test_what_could_not_be_had_is_tried_again(files, own_cache):
    class Moody(FilePixels):
        up = False

        def read(self, part, form):
            block = super().read(part, form)
            fail = module.Failure(0, "input/output error", "access")
            return block if self.up else block._replace(failures=[fail])

    moody = Moody(files.root, files.paths)
    assert len(prepare(moody, FORM, workers=1).failures) == 1
    moody.up = True
    assert prepare(moody, FORM).failures == ()


def test_another_size_is_refused_with_its_name(files, write_image, own_cache):
    write_image(Path(files.files(slice(7, 8))[0]), size=(8, 9))
    with pytest.raises(DataError, match=r"the first is 8×8, .*07\.png is 8×9; give the size .*\?size=8"):
        prepare(files, Form(8, 8, exact=True))
    assert not entries(own_cache)


@pytest.mark.parametrize("harm", ["short", "no about", "about of no sense", "other shape"])
def test_damaged_entries_are_made_again(files, own_cache, harm):
    before = prepare(files, FORM)
    (entry,) = entries(own_cache)
    if harm == "short":
        os.truncate(entry / "pixels.npy", 1000)
    elif harm == "no about":
        (entry / "about.json").unlink()
    elif harm == "about of no sense":
        (entry / "about.json").write_text("{")
    else:
        np.save(entry / "pixels.npy", np.zeros((29, 8, 8, 3), np.uint8))
    again = prepare(files, FORM)
    assert np.array_equal(again.images, before.images)
    assert entries(own_cache) == [entry]


def test_an_interrupt_leaves_nothing(files, own_cache, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * FORM.nbytes)

    def interrupt(done: int, total: int, unit: str) -> None:
        if done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(files, FORM, progress=interrupt)
    assert not entries(own_cache)
    assert np.array_equal(prepare(files, FORM).images, plain(files))


SCRIPT = """
import sys, time
from pathlib import Path
from transferscope.data import cache
from transferscope.data.decode import Form
from transferscope.data.pixels import FilePixels
cache._BLOCK_BYTES = 4 * Form(8, 8).nbytes
def slowly(done, total, unit):
    print(done, flush=True)
    time.sleep(float(sys.argv[2]))
files = FilePixels(sys.argv[1], [f"{i:02d}.png" for i in range(30)])
print("sum", int(cache.prepare(files, Form(8, 8), progress=slowly).images.sum()))
"""


def run(files: FilePixels, pause: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), files.root, str(pause)], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_leaves_nothing_that_is_believed(files, own_cache):
    child = run(files, pause=60)
    assert child.stdout is not None and child.stdout.readline().strip() == "4"
    child.send_signal(signal.SIGKILL)
    child.wait()
    (left,) = entries(own_cache)
    assert ".part-" in left.name
    assert np.array_equal(prepare(files, FORM).images, plain(files))
    (entry,) = entries(own_cache)
    assert ".part-" not in entry.name


def test_two_processes_decode_once_and_both_are_right(files, own_cache):
    children = [run(files, pause=0.05) for _ in range(2)]
    lines = [child.communicate(timeout=60)[0].split("\n") for child in children]
    assert [child.returncode for child in children] == [0, 0]
    expected = f"sum {int(plain(files).sum(dtype=np.int64))}"
    assert all(expected in said for said in lines)
    assert sorted(len(said) for said in lines)[0] == 2, "the second one waited for the first"
    assert len(entries(own_cache)) == 1


def test_two_threads_decode_once(files, monkeypatch):
    made = []
    original = module._make

    def counted(*arguments: object) -> None:
        made.append(1)
        time.sleep(0.1)
        original(*arguments)

    monkeypatch.setattr(module, "_make", counted)
    threads = [threading.Thread(target=prepare, args=(files, FORM)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_full_disk_is_seen_beforehand(files, own_cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6, 100))
    with pytest.raises(DataError, match=r"0\.0 MB are needed and 0\.0 MB are free; .* TRANSFERSCOPE_CACHE"):
        prepare(files, FORM)
    assert not entries(own_cache)


def test_a_disk_that_fills_up_while_writing(files, own_cache):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(DataError, match=r"the image cache cannot be written .*TRANSFERSCOPE_CACHE") as caught:
            prepare(files, FORM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.EFBIG
    assert "\n" not in str(caught.value)
    assert not entries(own_cache)
    assert len(prepare(files, FORM).images) == 30


def test_a_cache_that_is_a_file(files, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match="cache cannot be written"):
        prepare(files, FORM, cache=tmp_path / "cache")


def test_a_decoding_process_that_dies_is_told(files, monkeypatch):
    from transferscope.data import workers

    monkeypatch.setattr(module, "_CHILDREN_FROM", 1)
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(DataError, match="the process that decodes images ended"):
        prepare(files, FORM, workers=2)


def test_default_place(monkeypatch):
    monkeypatch.setenv("TRANSFERSCOPE_CACHE", "/here")
    assert default_cache() == Path("/here")
    monkeypatch.delenv("TRANSFERSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache() == Path("/x/transferscope")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "transferscope"


def test_about_is_readable_without_this_package(files, own_cache):
    prepare(files, FORM)
    (entry,) = entries(own_cache)
    about = json.loads((entry / "about.json").read_text())
    assert about["count"] == 30 and about["form"]["height"] == 8
    assert np.load(entry / "pixels.npy").shape == (30, 8, 8, 3)
