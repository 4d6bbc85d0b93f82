"""Networks that are not written in our operations, found in people's files: looked at in a process of its own before they are used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from img_enhance.cancelling import Tick
from img_enhance.errors import Cancelled, UnsupportedModel
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.networks.foreign import ForeignNetwork, Program

_COMMAND = [sys.executable, "-P", "-m", "img_enhance.runtimes.foreign_child"]

# x4plus takes 20 s on two cores; the largest transformers ten times that. Processors' seconds, and of waiting several times those.
_MOST_SECONDS, _MOST_WAITED_SECONDS = 600, 1800
# Of the machine's memory, so that what fills it ends before the machine does.
_MEMORY_SHARE = 0.5
_LOOK_SECONDS = 0.1
# Files that one process looked at.
_MOST_KNOWN = 8


def looked_at(program: Program, file: Path, sha256: str, tick: Tick = lambda: None) -> ForeignNetwork:
    """The network in a file of these bytes, as `foreign_child` finds it. `tick` is called many times a second until then, and may end it.

    Raises: UnsupportedModel for one that is not taken; Cancelled when it was stopped by the keyboard.
    """
    file = file.absolute()
    known = _known(program, file, sha256)
    if not known:
        known.append(_looked_at(program, file, tick))
    return known[0]


@lru_cache(_MOST_KNOWN)
def _known(_program: Program, _file: Path, _sha256: str) -> list[ForeignNetwork]:
    """What was found in a file, nothing yet the first time."""
    return []


def _looked_at(program: Program, file: Path, tick: Tick) -> ForeignNetwork:
    memory_bytes = int(detect_cpu().memory_bytes * _MEMORY_SHARE)
    asked = {"program": program, "file": str(file), "memory_bytes": memory_bytes, "seconds": _MOST_SECONDS}
    done = _done([*_COMMAND, json.dumps(asked)], tick)
    if done is None:
        raise _too_long(file)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise _ended(file, done, memory_bytes) from None
    if "network" in answer:
        return ForeignNetwork(**answer["network"])
    says = str(answer["says"])
    raise UnsupportedModel(says if says.startswith(file.name) else f"{file.name} cannot be taken: {says}", str(answer["advice"]) or _ADVICE)


def _done(command: list[str], tick: Tick) -> subprocess.CompletedProcess[bytes] | None:
    """How a process ended, None where it took too long; it does not outlive this call."""
    until = time.monotonic() + _MOST_WAITED_SECONDS
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            while time.monotonic() < until:
                try:
                    said, complained = child.communicate(timeout=_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    tick()
                else:
                    return subprocess.CompletedProcess(command, child.returncode, said, complained)
        finally:
            child.kill()
    return None


_ADVICE = "docs/models.md says more of own models"


def _too_long(file: Path) -> UnsupportedModel:
    return UnsupportedModel(f"{file.name} was not done with small pictures after {_MOST_SECONDS} s of processor time", _ADVICE)


def _ended(file: Path, done: subprocess.CompletedProcess[bytes], memory_bytes: int) -> UnsupportedModel | Cancelled:
    """Why a process ended without an answer."""
    if done.returncode == -signal.SIGINT:
        return Cancelled("stopped while a model was looked at")
    if os.name == "posix" and done.returncode == -signal.SIGXCPU:
        return _too_long(file)
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    said = f"it said: {ascii(lines[-1][:200])[1:-1]}" if lines else "it said nothing"
    return UnsupportedModel(
        f"{file.name} made the program that reads it crash, or needs more than {memory_bytes / 1e9:.1f} GB ({said})", _ADVICE
    )
