"""What a limit of addresses (`ulimit -v`) leaves this process; Windows has none."""

import os

import psutil

from img_enhance.errors import MemoryBudgetError
from img_enhance.machine.cgroups import NO_LIMIT
from img_enhance.machine.memory import anonymous_bytes

# Addresses of the libraries for pictures, and of a thread of OpenBLAS, of which there are as many as cores, at most so many. Where they are
# refused, OpenBLAS does not raise but kills the process (2026-11: 574 MB were too few on two cores, 604 MB enough).
_LIBRARIES_BYTES, _THREAD_BYTES, _MOST_THREADS = 530_000_000, 40_000_000, 64


def check_libraries_fit() -> None:
    """Pass if the libraries for pictures can be loaded.

    Raises: MemoryBudgetError.
    """
    needed = _LIBRARIES_BYTES + _THREAD_BYTES * min(os.cpu_count() or 1, _MOST_THREADS)
    limit = _limit()
    if limit < needed:
        raise MemoryBudgetError(
            f"this process may have {limit / 1e6:.0f} MB of addresses (ulimit -v), its libraries need {needed / 1e6:.0f} MB",
            f"run: ulimit -v {2 * needed // 1024}, or: ulimit -v unlimited",
        )


def memory_limit() -> int:
    """Bytes of memory that this process can have, NO_LIMIT where there is no limit. Addresses of its libraries and other files are gone."""
    free = free_memory()
    return free if free == NO_LIMIT else free + anonymous_bytes()


def free_memory() -> int:
    """Bytes that can be taken before the system refuses, NO_LIMIT where there is no limit."""
    limit = _limit()
    return NO_LIMIT if limit == NO_LIMIT else max(0, limit - int(psutil.Process().memory_info().vms))


def _limit() -> int:
    try:
        import resource
    except ImportError:  # on Windows
        return NO_LIMIT
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return NO_LIMIT if limit == resource.RLIM_INFINITY else limit
