"""The machine: device, number formats, threads and the memory allocator. Called by programs, never at import."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = [
    "cache_folder",
    "cores",
    "fast_bfloat16",
    "free_memory",
    "full_float32",
    "has_bfloat16",
    "keep_freed_memory",
    "machine",
    "out_of_memory",
    "pick_device",
    "python_path",
    "room",
    "sleep_while_waiting",
    "threads",
    "usual_threads",
]

_MEMORY = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")

_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What users set to say how threads of OpenMP wait."""

_OUT_OF_MEMORY = (
    "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "unable to find an engine to execute this computation",
)  # fmt: skip


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device for ``cpu``, ``cuda`` (or ``cuda:1``) or ``auto``, which is CUDA where there is one.

    Raises:
        UsageError: when CUDA is asked for and there is none, or the name is none of these.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    import torch

    name = str(device)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UsageError(f"device {name!r}: expected cpu, cuda, cuda:1 or auto")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UsageError(f"device {name!r}: this machine has no CUDA device; use --device cpu or auto")
    index, count = torch.device(name if name != "auto" else "cuda").index, torch.cuda.device_count()
    if index is not None and index >= count:
        raise UsageError(f"device {name!r}: this machine has {count} CUDA device{'s'[: count > 1]}, counted from 0")
    return torch.device("cuda", torch.cuda.current_device() if index is None else index)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 here (CUDA ≥ 8.0, or a CPU with AVX512-BF16 or AMX)."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    capabilities = torch.backends.cpu.get_cpu_capability()
    if "AVX512" not in capabilities:
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def has_bfloat16(device: torch.device) -> bool:
    """Whether there are bfloat16 products here at all, fast or not: on every CPU, and on nearly every GPU."""
    import torch

    if device.type != "cuda":
        return True
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported())


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Keep a GPU from rounding the factors of float32 products to TF32's 10 bits, its usual way in convolutions."""
    if device.type != "cuda":
        yield
        return
    import torch

    convolutions: Any = torch.backends.cudnn
    products: Any = torch.backends.cuda.matmul
    found = ((convolutions, convolutions.conv.fp32_precision), (products, products.fp32_precision))
    rounding = [part for part, precision in found if precision == "tf32"]
    for part in rounding:
        part.allow_tf32 = False
    if convolutions in rounding and convolutions.conv.fp32_precision == "tf32":  # asked for of all there is
        convolutions.conv.fp32_precision = "ieee"
    try:
        yield
    finally:
        for part in rounding:
            part.allow_tf32 = True


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device's memory is full; cuBLAS and cuDNN say so in words of their own.

    >>> out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"))
    True
    """
    import torch

    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )


def cores() -> int:
    """Return how many processors this process may use: those that it is bound to, where the system says which.

    >>> 1 <= cores() <= (os.cpu_count() or 1)
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def usual_threads(jobs: int) -> int:
    """Return the threads of each process where so many run side by side: its share, at most ``OMP_NUM_THREADS``.

    >>> usual_threads(10**6)
    1
    """
    most = os.environ.get("OMP_NUM_THREADS", "")
    usual = max(1, cores() // jobs)
    return min(usual, int(most)) if most.isdigit() and int(most) else usual


def python_path() -> str:
    """Return the ``PYTHONPATH`` with which a process of ours finds this package, wherever it lies.

    >>> str(Path(__file__).resolve().parents[1]) in python_path().split(os.pathsep)
    True
    """
    return os.pathsep.join([str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])


def cache_folder() -> Path:
    """Return ``$TRANSFERSCOPE_CACHE``, or ``transferscope`` in the user's cache folder."""
    if chosen := os.environ.get("TRANSFERSCOPE_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "transferscope"


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory instead of giving it back, and return whether it could be told.

    Every large activation is otherwise mapped, faulted in page by page and unmapped again: 1.5–1.8× of the time of a
    forward pass on CPU. All threads allocate from one pool, as those with a pool of their own give large pieces back
    all the same (1.13× at 224 pixels). To be called once, before the first allocation; does nothing outside Linux
    with glibc.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return False
    m_trim_threshold, m_top_pad, m_mmap_max, m_arena_max = -1, -2, -4, -8
    libc = ctypes.CDLL(None)
    settings = ((m_mmap_max, 0), (m_trim_threshold, 2**31 - 1), (m_top_pad, 64 * 2**20), (m_arena_max, 1))
    return all(libc.mallopt(option, value) == 1 for option, value in settings)


def sleep_while_waiting(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let OpenMP's threads sleep while they wait for each other, instead of spinning, and return whether they will.

    On a busy machine a thread spins for another that has no processor, and takes it from those that have work. To be
    called before torch is loaded, which reads this once; whatever the user has set stays.

    >>> environment = {"OMP_WAIT_POLICY": "active"}
    >>> sleep_while_waiting(environment), environment
    (False, {'OMP_WAIT_POLICY': 'active'})
    """
    if any(name in environment for name in _WAITING):
        return False
    environment["OMP_WAIT_POLICY"] = "passive"
    return environment is not os.environ or "torch" not in sys.modules


def free_memory(device: torch.device | None = None) -> int | None:
    """Return how many bytes can still be taken, in a container within its limit; ``None`` where nothing says so.

    Args:
        device: of whose memory; by default the machine's own.
    """
    if device is not None and device.type == "cuda":
        import torch

        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    left = []
    with suppress(OSError):
        left += [1024 * int(n) for n in re.findall(r"^MemAvailable: *(\d+) kB", _MEMORY.read_text(), re.MULTILINE)]
    with suppress(OSError, ValueError):  # "max" is no limit
        limit, used = (int((_CONTAINER / f"memory.{what}").read_text()) for what in ("max", "current"))
        kept = re.findall(r"^inactive_file (\d+)", (_CONTAINER / "memory.stat").read_text(), re.MULTILINE)
        left.append(limit - used + sum(map(int, kept)))  # files read once, whose pages the kernel gives back
    return max(0, min(left)) if left else None


def room(device: torch.device, most: int, share: float) -> int:
    """Return how many bytes may be taken on a device: at most so many, and so large a share of what is free."""
    free = free_memory(device)
    return most if free is None else min(most, int(share * free))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the block; results are the same bits for the same count."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def machine(device: torch.device) -> dict[str, str | int]:
    """Describe where numbers were computed, for the record and the report."""
    import torch

    described: dict[str, str | int] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "device": str(device),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described
