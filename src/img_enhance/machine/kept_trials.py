"""What came of trials of GPUs on this machine, kept in the cache folder. Without the file there were none."""

import contextlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from img_enhance.machine.kept_json import write_json
from img_enhance.planning.plan import Device

# What a trial means changes when work is done otherwise; those of another version are not read.
VERSION = 1

_FILE = "trials.json"

# For another process's trial to end: drivers compile for a while.
_PATIENCE_SECONDS, _ASK_SECONDS = 120.0, 0.2


@dataclass(frozen=True)
class Trial:
    """How long two devices took for the same work, or why that could not be told. `process` is the one that is still trying, else 0."""

    gpu_seconds: float = math.inf
    cpu_seconds: float = 0.0
    failure: str = ""
    process: int = 0


def trials_file(home: Path) -> Path:
    """Where trials are kept in the cache folder."""
    return home / _FILE


def kept_trial(gpu: Device, cpu: Device, home: Path) -> Trial | None:
    """What came of the trial of these two, None where there was none. Another process's is waited for.

    A driver may take its process with it. So a trial that was begun by a process that is gone is one that failed.
    """
    patience = time.monotonic() + _PATIENCE_SECONDS
    while True:
        trial = _trial(_kept(trials_file(home)).get(_key(gpu, cpu)))
        if trial is None or not trial.process:
            return trial
        if trial.process == os.getpid() or not psutil.pid_exists(trial.process) or time.monotonic() > patience:
            return Trial(failure="did not come back from its trial")
        time.sleep(_ASK_SECONDS)


def begin_trial(gpu: Device, cpu: Device, home: Path) -> None:
    """Note that this process tries the two."""
    keep_trial(gpu, cpu, Trial(process=os.getpid()), home)


def keep_trial(gpu: Device, cpu: Device, trial: Trial, home: Path) -> None:
    """Keep a trial beside others; where nothing can be written, it is made again the next time."""
    path = trials_file(home)
    facts = {name: value for name, value in asdict(trial).items() if value != math.inf}
    with contextlib.suppress(OSError):
        write_json(path, {"version": VERSION, "trials": {**_kept(path), _key(gpu, cpu): facts}})


def _key(gpu: Device, cpu: Device) -> str:
    """Other devices, other cores or another ncnn are another trial."""
    try:
        ncnn = version("ncnn")
    except PackageNotFoundError:
        ncnn = "?"
    return f"{gpu.name} ({gpu.place}) by ncnn {ncnn} and {cpu.name}, {cpu.cores} cores by {cpu.runtime}"


def _kept(path: Path) -> dict[str, Any]:
    """What the file says; nothing where it is missing, broken or of another version."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict) or values.get("version") != VERSION or not isinstance(values.get("trials"), dict):
        return {}
    trials: dict[str, Any] = values["trials"]
    return trials


def _trial(value: Any) -> Trial | None:
    match value:
        case {"failure": str(failure), "process": int(process)} if failure or process:
            return Trial(failure=failure, process=process)
        case {"gpu_seconds": int() | float() as gpu, "cpu_seconds": int() | float() as cpu} if gpu > 0 and cpu > 0:
            return Trial(gpu_seconds=float(gpu), cpu_seconds=float(cpu))
    return None
