"""Runs a command and says how long it took and how much memory the whole tree of its processes held."""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

SAMPLE_SECONDS = 0.05

_TAIL_CHARACTERS = 600


class RunFailed(Exception):
    """A measured command answered with an exit code other than 0."""


@dataclass(frozen=True)
class Run:
    """Wall seconds from start to exit, and the highest sums over the processes.

    `resident_bytes` counts pages of files too; `anonymous_bytes` is RssAnon + RssShmem, what the system cannot drop.
    """

    seconds: float
    resident_bytes: int
    anonymous_bytes: int


def our_command() -> list[str]:
    """The installed command line beside this interpreter."""
    script = Path(sys.executable).with_name("img-enhance")
    return [str(script)] if script.exists() else [sys.executable, "-m", "img_enhance.cli.main"]


def run(command: Sequence[str | Path]) -> Run:
    """Run `command` once; its memory is sampled every 50 ms.

    Raises: RunFailed with the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        sampler = _Sampler(process.pid)
        try:
            code = process.wait()
            seconds = time.perf_counter() - started
        finally:
            process.kill()  # nothing happens to one that has ended; on Ctrl-C it must not go on alone
            process.wait()
            sampler.stop()
        if code:
            raise RunFailed(f"{Path(command[0]).name} answered {code}: {_tail(said)}")
    return Run(seconds, sampler.resident_bytes, sampler.anonymous_bytes)


def alternate(commands: Mapping[str, Sequence[str | Path]], repeats: int) -> dict[str, Run]:
    """Medians of `repeats` runs of each command, run in turns, so that a busy spell of the machine hits all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for repeat in range(1, repeats + 1):
        for name, command in commands.items():
            say(f"  {name}, run {repeat} of {repeats}")
            runs[name].append(run(command))
    return {name: median(found) for name, found in runs.items()}


def median(runs: Sequence[Run]) -> Run:
    """The median of each figure."""
    return Run(
        statistics.median(run.seconds for run in runs),
        int(statistics.median(run.resident_bytes for run in runs)),
        int(statistics.median(run.anonymous_bytes for run in runs)),
    )


def say(text: str) -> None:
    """Progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


class _Sampler:
    """A thread that watches a process and its children until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.resident_bytes = self.anonymous_bytes = 0
        self._root = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            resident, anonymous = _tree_bytes(self._root)
            self.resident_bytes = max(self.resident_bytes, resident)
            self.anonymous_bytes = max(self.anonymous_bytes, anonymous)


def _tree_bytes(root: psutil.Process) -> tuple[int, int]:
    """Resident and anonymous bytes of a process and all its children; those that end meanwhile count nothing."""
    try:
        members = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0, 0
    sums = [_bytes(member) for member in members]
    return sum(resident for resident, _ in sums), sum(anonymous for _, anonymous in sums)


def _bytes(process: psutil.Process) -> tuple[int, int]:
    try:
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():  # not Linux: the two are not told apart
            resident = int(process.memory_info().rss)
            return resident, resident
        kilobytes = {
            line.split(":")[0]: int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(("VmRSS", "Rss"))
        }
    except (OSError, psutil.Error):
        return 0, 0
    return kilobytes.get("VmRSS", 0) * 1024, (kilobytes.get("RssAnon", 0) + kilobytes.get("RssShmem", 0)) * 1024


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace").strip()[-_TAIL_CHARACTERS:]
