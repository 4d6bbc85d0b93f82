"""The page of a ZeroGPU Space, as it is assembled, in a browser: without the hub's package, so on the processor."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image
from served import free_port

from space_folders import DEPLOY, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.space,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="Gradio is not installed; make test-space installs it"),
]
PATIENCE_MILLISECONDS = 120_000
SAMPLE = ROOT / "src" / "img_enhance" / "service" / "page" / "samples" / "forest.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("zerogpu"), free_port()
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder),
        "MAX_IMAGE_SIZE_MB": "1",
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([sys.executable, DEPLOY / "zerogpu" / "app.py"], env=environment, cwd=folder, stdout=log, stderr=log) as process,
    ):
        try:
            url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + 120
            while time.monotonic() < deadline:
                assert process.poll() is None, (folder / "log").read_text()[-3000:]
                with suppress(httpx.TransportError):
                    if httpx.get(url).status_code == 200:
                        break
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(address)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    yield page
    context.close()


def test_a_photo_is_looked_at_enhanced_compared_and_taken_home(page: "Page", tmp_path: Path) -> None:
    photo = tmp_path / "forest.jpg"
    with Image.open(SAMPLE) as sample:
        sample.resize((1800, 1200)).save(photo, quality=80)  # large enough to need light only
    page.set_input_files("#photo input[type=file]", photo)
    page.wait_for_function("() => document.querySelector('#suggestion').innerText.includes('exposure correction')")
    assert "The result has" in page.inner_text("#suggestion")
    page.click("#enhance")
    page.wait_for_selector("#result a[download]")
    assert page.locator("#compare img").count() >= 2
    page.wait_for_function("() => [...document.querySelectorAll('#compare img')].every((image) => image.naturalWidth > 0)")
    with page.expect_download() as download:
        page.click("#result a[download] >> nth=0")
    assert download.value.suggested_filename == "forest_enhanced.jpg"
    with Image.open(download.value.path()) as result, Image.open(photo) as before:
        assert (result.format, result.size) == ("JPEG", before.size)
        assert np.mean(np.asarray(result)) > 1.3 * np.mean(np.asarray(before))


def test_what_cannot_be_done_is_said(page: "Page", tmp_path: Path) -> None:
    page.click("#enhance")
    page.wait_for_function("() => document.body.innerText.includes('Choose a photo first')")
    letter = tmp_path / "letter.jpg"
    letter.write_bytes(b"this is no photo")
    page.set_input_files("#photo input[type=file]", letter)
    page.wait_for_function("() => /not a(n image| photo)|cannot be read|not an image/.test(document.body.innerText)")
    assert "Traceback" not in page.inner_text("body")
