"""What the control groups of this process allow it: memory and processor time, of its own group and of all those above.

Source: Linux kernel documentation, admin-guide/cgroup-v2 and cgroup-v1/memory; sched-bwc for quotas; man 7 cgroups for /proc/self/cgroup.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

NO_LIMIT = 2**62

_ROOT = "/sys/fs/cgroup"


@dataclass(frozen=True)
class _Version:
    """How a version of control groups calls things; `used` are lines of memory.stat that the system cannot drop."""

    memory_mounts: tuple[str, ...]
    cpu_mounts: tuple[str, ...]
    limits: tuple[str, ...]
    used: tuple[str, ...]


_V2 = _Version(("", "unified"), ("", "unified"), ("memory.max", "memory.high"), ("anon", "shmem"))
_V1 = _Version(("memory",), ("cpu,cpuacct", "cpu"), ("memory.limit_in_bytes",), ("total_rss", "total_shmem"))


def memory_limit() -> int:
    """The least limit of memory in bytes, NO_LIMIT where there is none."""
    return min((limit for limit, _ in _memory_groups()), default=NO_LIMIT)


def free_memory() -> int:
    """Bytes that can be taken before the first of the groups is at its limit, NO_LIMIT where none has one."""
    return min((limit - used for limit, used in _memory_groups()), default=NO_LIMIT)


def cpu_limit() -> int | None:
    """Processors whose time may be used, rounded up; None where there is no quota."""
    quotas = []
    for group in _groups(_V2.cpu_mounts, ""):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        quotas.append((quota, period))
    quotas += [(_text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")) for group in _groups(_V1.cpu_mounts, "cpu")]
    return min((max(1, ceil(int(quota) / int(period))) for quota, period in quotas if quota.isdigit() and _positive(period)), default=None)


def _memory_groups() -> Iterator[tuple[int, int]]:
    """Limit and use of each group that has a limit."""
    for version, controller in ((_V2, ""), (_V1, "memory")):
        for group in _groups(version.memory_mounts, controller):
            limits = [int(text) for name in version.limits if (text := _text(group / name)).isdigit()]
            if limits and min(limits) < NO_LIMIT:
                yield min(limits), _used(_text(group / "memory.stat"), version)


def _groups(mounts: tuple[str, ...], controller: str) -> Iterator[Path]:
    """The folders of this process's group and of all above it, from the root on, which is all that a container may see: its own group."""
    parts = _own_group(controller).strip("/").split("/")
    for mount in mounts:
        folder = Path(f"{_ROOT}/{mount}")
        yield folder
        for part in parts:
            folder = folder / part
            if part in ("", "..") or not folder.is_dir():
                break
            yield folder


def _own_group(controller: str) -> str:
    """The path of this process's group; "" is the controller of version 2."""
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return "/"


def _used(stat: str, version: _Version) -> int:
    fields = (line.split() for line in stat.splitlines())
    return sum(int(words[1]) for words in fields if len(words) == 2 and words[0] in version.used and words[1].isdigit())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _positive(text: str) -> bool:
    return text.isdigit() and int(text) > 0
