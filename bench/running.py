"""A service in processes of its own, over a folder that outlives it: killed, started again, looked at."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from measure import our_command

COMPACT = "realesr-animevideov3"
START_SECONDS, STOP_SECONDS = 600, 30
_LOOK_SECONDS = 0.05

# Every day's settings but for these: the small network and float32, which every machine has alike, so that pixels can be foretold.
USUAL = {"WARM_MODEL": COMPACT, "PRECISION": "f32", "FREE_DISK_MB": "0"}


class NotStarted(Exception):
    """A service that ended, or did not get ready, with the end of its log."""


class Running:
    """One service at `url`; `settings` are those of the environment without their prefix."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data, self.log = data, data.with_suffix(".log")
        words = {**USUAL, **settings, "DATA": str(data), "PORT": str(self.port)}
        self._environment = {**os.environ, **{f"IMG_ENHANCE_{name}": text for name, text in words.items()}}
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*our_command(), "serve"], env=self._environment, stderr=log, stdout=log)

    def wait_ready(self) -> None:
        """Return when it takes work.

        Raises: NotStarted.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):  # not listening yet
                if httpx.get(f"{self.url}/readyz", timeout=10).status_code == httpx.codes.OK:
                    return
            time.sleep(_LOOK_SECONDS)
        raise NotStarted(self.log.read_text(errors="replace")[-3000:])

    def status(self, key: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/v1/status", headers={"X-API-Key": key}, timeout=60)
        values: dict[str, Any] = answer.raise_for_status().json()
        return values

    def pids(self, role: str, key: str) -> list[int]:
        return [each["pid"] for each in self.status(key)["processes"] if each["role"] == role and each["alive"]]

    def kill(self) -> None:
        """As the kernel would; the children see that their parent is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code. Who does not stop in time is killed, and -9 is answered."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


def left_over(data: Path) -> list[str]:
    """What lies in the folders of a service that has nothing on its way; results of jobs are no part of it."""
    return [str(path.relative_to(data)) for name in ("incoming", "scratch") for path in (data / name).iterdir()]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
