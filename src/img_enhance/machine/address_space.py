"""What a limit of addresses (`ulimit -v`) leaves this process; Windows has none."""

import sys

import psutil

from img_enhance.machine.cgroups import NO_LIMIT
from img_enhance.machine.memory import anonymous_bytes


def memory_limit() -> int:
    """Bytes of memory that this process can have, NO_LIMIT where there is no limit. Addresses of its libraries and other files are gone."""
    free = free_memory()
    return free if free == NO_LIMIT else free + anonymous_bytes()


def free_memory() -> int:
    """Bytes that can be taken before the system refuses, NO_LIMIT where there is no limit."""
    if sys.platform == "win32":
        return NO_LIMIT
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return NO_LIMIT if limit == resource.RLIM_INFINITY else max(0, limit - int(psutil.Process().memory_info().vms))
