"""How much anonymous memory this process uses: what the system cannot drop, unlike pages of files."""

import ctypes
import sys
import threading
from pathlib import Path
from types import TracebackType

import psutil

_SAMPLE_SECONDS = 0.05


def anonymous_bytes(process: int | None = None) -> int:
    """Anonymous and shared memory of a process, else of this one; where the system does not tell them apart, all that is resident.

    A process that is no more has none.
    """
    try:
        lines = Path(f"/proc/{process or 'self'}/status").read_text().splitlines()
    except OSError:
        try:
            return int(psutil.Process(process).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon", "RssShmem")))


def give_back() -> None:
    """Hand freed heap memory back to the system, which glibc otherwise keeps for later."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class Peak:
    """Context manager that samples `anonymous_bytes` every so many seconds; `bytes` is the highest seen."""

    def __init__(self, *, seconds: float = _SAMPLE_SECONDS) -> None:
        self._seconds = seconds

    def __enter__(self) -> "Peak":
        self.bytes = anonymous_bytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory peak", daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self.bytes = max(self.bytes, anonymous_bytes())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.bytes = max(self.bytes, anonymous_bytes())
