"""A service in processes of its own, on a free port, over a folder that outlives it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

COMPACT = "realesr-animevideov3"
RECIPE = {"version": 1, "steps": [{"step": "real_esrgan", "model": COMPACT, "upscale": 2}], "output": {"format": "png"}}
SETTINGS = {"ACCESS": "open", "WARM_MODEL": COMPACT, "SHORT_WORKERS": "0", "PRECISION": "f32", "FREE_DISK_MB": "0"}
START_SECONDS = 240

# By how much the network changes a flat colour, of 255 (measured: 9).
SHIFT = 15


class Served:
    """One run of the service."""

    def __init__(self, data: Path, settings: Mapping[str, str], *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data
        words = {**SETTINGS, "DATA": str(data), "PORT": str(self.port), **settings}
        environment = {**os.environ, **{f"IMG_ENHANCE_{name}": text for name, text in words.items()}}
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "img_enhance", "serve"], env=environment, stderr=log)
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def wait_ready(self) -> Served:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/readyz").status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-3000:])

    def post(self, photo: bytes, *, recipe: Mapping[str, Any] = RECIPE, headers: Mapping[str, str] | None = None) -> httpx.Response:
        words = {"recipe": json.dumps(recipe)}
        return self.client.post("/api/v1/enhance", files={"file": ("x", photo)}, data=words, headers=headers)

    def later(self, photo: bytes, *, recipe: Mapping[str, Any] = RECIPE) -> str:
        """The id of a job that was accepted."""
        answer = self.post(photo, recipe=recipe, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/jobs/{id}")
        assert answer.status_code == 200, answer.text
        values: dict[str, Any] = answer.json()
        return values

    def ended(self, id: str, *, seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.job(id)
            if found["state"] not in ("queued", "running"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"not ended: {self.job(id)}; {self.log.read_text()[-3000:]}")

    def pids(self, role: str) -> list[int]:
        processes = self.client.get("/api/v1/status").json()["processes"]
        return [process["pid"] for process in processes if process["role"] == role and process["alive"]]

    def kill(self) -> None:
        """As the kernel would; the children see that their parent is gone."""
        self.process.kill()
        self.process.wait()
        self.client.close()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.client.close()


def free_port() -> int:
    """A port of this process's share, for somebody who listens there a moment later; systems give none of these away by themselves."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    shares = range(20_000 + worker % 16, 32_000, 16)
    while True:
        port = secrets.choice(shares)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def served(data: Path, settings: Mapping[str, str] | None = None, *, port: int | None = None) -> Iterator[Served]:
    """A service that is ready, and gone afterwards."""
    run = Served(data, settings or {}, port=port)
    try:
        yield run.wait_ready()
    finally:
        if run.process.poll() is None:
            run.kill()


def plain_photo(colour: tuple[int, int, int], side: int = 24) -> bytes:
    """A PNG of one colour."""
    return png(np.full((side, side, 3), colour, np.uint8))


def noisy_photo(*, side: int, seed: int = 1, most: int = 256) -> bytes:
    """A PNG with work in it."""
    return png(np.random.default_rng(seed).integers(0, most, (side, side, 3), np.uint8))


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def mean_colour(data: bytes) -> tuple[float, ...]:
    with Image.open(io.BytesIO(data)) as picture:
        return tuple(float(value) for value in np.asarray(picture.convert("RGB")).mean(axis=(0, 1)))


def is_problem(answer: httpx.Response) -> bool:
    """Whether an answer is a refusal as it should be."""
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and 400 <= answer.status_code != 500
        and body["status"] == answer.status_code
        and bool(body["code"])
        and bool(body["detail"])
    )
