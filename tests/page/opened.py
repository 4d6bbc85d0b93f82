"""`img-enhance open` in a process of its own, whose browser is a file that the address is written to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

START_SECONDS = 120


class Opened:
    """One run. `address` works once; `url` is the page's without the key."""

    def __init__(self, folder: Path, photos: tuple[Path, ...], linger: int) -> None:
        told, program = folder / "address", folder / "browser"
        told.unlink(missing_ok=True)
        program.write_text(f'#!/bin/sh\necho "$1" > "{told}.part" && mv "{told}.part" "{told}"\n')
        program.chmod(0o700)
        names = {"BROWSER": str(program), "XDG_DATA_HOME": str(folder / "data")}
        settings = {"WARM_MODEL": "realesr-animevideov3", "SHORT_WORKERS": "0", "PRECISION": "f32", "FREE_DISK_MB": "0"}
        environment = {**os.environ, **names, **{f"IMG_ENHANCE_{name}": text for name, text in settings.items()}}
        command = [sys.executable, "-m", "img_enhance", "open", *map(str, photos), "--linger", str(linger)]
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not told.exists():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)
        self.address = told.read_text().strip()
        self.url, _, self.one_time = self.address.partition("/#open=")
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def enter(self, one_time: str = "", **headers: str) -> httpx.Response:
        """Ask for the key."""
        return self.client.post("/home/key", headers={"X-One-Time-Key": one_time or self.one_time, **headers})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def opened(folder: Path, *photos: Path, linger: int = 600) -> Iterator[Opened]:
    """A run that is gone afterwards."""
    run = Opened(folder, photos, linger)
    try:
        yield run
    finally:
        run.client.close()
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
