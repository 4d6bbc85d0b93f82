"""Previews: what steps on light would do, on a reduced copy, with nothing kept."""

import io
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from served import Served, is_problem, noisy_photo, plain_photo, png, served

from img_enhance.request.step_options import LIGHT_STEPS
from img_enhance.steps import STEPS, ToneStep

HEIC = Path(__file__).parent.parent / "heic" / "exact.heic"
BRIGHTER = {"step": "exposure_correction", "ev": 1}

# By how much a JPEG of quality 90 strays from smooth pixels on average, of 255 (measured: 0.6).
JPEG_ERROR = 1.5


def preview(run: Served, photo: bytes, steps: Any, **others: Any) -> httpx.Response:
    recipe = json.dumps({"version": 1, "steps": steps, **others})
    return run.client.post("/api/v1/preview", files={"file": ("x", photo)}, data={"recipe": recipe})


def pixels(data: bytes) -> npt.NDArray[np.float64]:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"), np.float64)


def smooth_photo(width: int, height: int) -> bytes:
    across, down = np.meshgrid(np.linspace(20, 120, width), np.linspace(0, 60, height))
    return png(np.stack([across, across + down, down + 30], axis=2).astype(np.uint8))


def test_a_large_photo_is_reduced(service: Served) -> None:
    answer = preview(service, smooth_photo(1600, 1200), [])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    height, width, _ = pixels(answer.content).shape
    assert width * height < 1.002e6  # to the nearest pixel
    assert width / height == pytest.approx(4 / 3, abs=0.01)
    assert width * height > 0.98e6


def test_shows_what_the_full_run_makes(service: Served) -> None:
    photo = smooth_photo(240, 160)
    recipe = {"version": 1, "steps": [BRIGHTER], "output": {"format": "png"}}
    full = pixels(service.post(photo, recipe=recipe).content)
    shown = pixels(preview(service, photo, [BRIGHTER]).content)
    assert shown.shape == full.shape
    assert np.abs(shown - full).mean() < JPEG_ERROR
    assert full.mean() > pixels(photo).mean() + 10


def test_readers_take_kinds_that_are_decoded_apart(service: Served) -> None:
    photo = HEIC.read_bytes()
    shown = preview(service, photo, [])
    assert shown.status_code == 200, shown.text
    suggested = service.client.post("/api/v1/suggest", files={"file": ("x", photo)})
    assert suggested.json()["photo"]["format"] == "heic"
    height, width, _ = pixels(shown.content).shape
    assert (width, height) == (suggested.json()["photo"]["width"], suggested.json()["photo"]["height"])


def test_nothing_is_kept(service: Served) -> None:
    before = sorted((service.data / "jobs").iterdir())
    assert preview(service, plain_photo((90, 80, 70)), [BRIGHTER]).status_code == 200
    assert preview(service, b"no photo at all", [BRIGHTER]).status_code == 415
    assert sorted((service.data / "jobs").iterdir()) == before
    assert list((service.data / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("steps", "others"),
    [([{"step": "real_esrgan"}], {}), ([BRIGHTER, {"step": "gfpgan"}], {}), ("auto", {}), ([BRIGHTER], {"output": {"crop": "0,0,4,4"}})],
)
def test_refuses_what_it_cannot_show(service: Served, steps: Any, others: Any) -> None:
    answer = preview(service, noisy_photo(side=8), steps, **others)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert is_problem(answer)


def test_limits_of_photos_hold_for_previews(tmp_path: Path) -> None:
    limits = {"MAX_MEGAPIXELS": "0.01", "ACCESS": "keys", "API_KEYS": "a key of some length"}
    with served(tmp_path / "data", limits) as run:
        assert preview(run, plain_photo((1, 2, 3)), []).status_code == 401
        run.client.headers["X-API-Key"] = "a key of some length"
        assert preview(run, plain_photo((1, 2, 3)), []).status_code == 200
        large = preview(run, plain_photo((1, 2, 3), side=101), [])
        assert (large.status_code, large.json()["code"]) == (413, "photo_too_large")


def test_nobody_has_more_than_a_share(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"PREVIEWS_PER_KEY": "1"}) as run, socket.create_connection(("127.0.0.1", run.port)) as first:
        first.sendall(b"POST /api/v1/preview HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n")
        first.sendall(b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
        first.sendall(b'Content-Disposition: form-data; name="file"; filename="x"\r\n\r\n')
        deadline = time.monotonic() + 60
        while not any((run.data / "incoming").iterdir()):  # else the second may be the first
            assert time.monotonic() < deadline
        second = preview(run, plain_photo((1, 2, 3)), [])
        assert (second.status_code, second.json()["code"]) == (429, "quota")
        assert int(second.headers["retry-after"]) > 0
        first.close()
        while preview(run, plain_photo((1, 2, 3)), []).status_code != 200:
            assert time.monotonic() < deadline


def test_the_steps_on_light_are_those_that_need_no_network(service: Served) -> None:
    assert [step.options for step in STEPS if isinstance(step, ToneStep)] == list(LIGHT_STEPS)
    rows = service.client.get("/api/v1/algorithms").json()["algorithms"]
    assert [row["name"] for row in rows if row["light"]] == [kind.name for kind in LIGHT_STEPS]
