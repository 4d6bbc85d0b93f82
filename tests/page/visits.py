"""What a person does at the page, and what they see of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from served import Served, mean_colour

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Photos of tests are small, but machines may be busy.

PATIENCE_MILLISECONDS = 240_000


class Visit:
    """One person's tab. `asked` are the addresses of its requests, `mishaps` what its console complains of."""

    def __init__(self, page: Page, service: Served) -> None:
        self.page, self.service = page, service
        self.asked: list[str] = []
        self.mishaps: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.mishaps.append(str(error)))
        page.on("console", lambda message: self._console(message))

    def _console(self, message: Any) -> None:
        # The browser says every refusal, which tests ask for.
        if message.type == "error" and "status of 4" not in message.text:
            self.mishaps.append(message.text)

    def open(self) -> Visit:
        self.page.goto(self.service.url + "/")
        self.page.wait_for_selector("#samples button")
        return self

    def choose(self, *photos: tuple[str, bytes]) -> None:
        """Choose files, each a name and its bytes."""
        files: Sequence[Any] = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in photos]
        self.page.set_input_files("#files", list(files))

    def wait_ready(self) -> None:
        """Until the photo was looked at, and what it would become is seen."""
        self.page.wait_for_selector("#run:visible")
        self.page.wait_for_function("() => document.querySelector('.after img').naturalWidth > 0")

    def switch(self, step: str, on: bool) -> None:
        box = self.page.locator(f"[data-step={step}] input[role=switch]")
        if box.is_checked() != on:
            box.evaluate("(box) => box.click()")

    def only(self, *steps: str) -> None:
        """These steps and no others."""
        for step in ("white_balance", "exposure_correction", "clahe", "real_esrgan"):
            self.switch(step, step in steps)

    def run(self) -> None:
        self.page.click("#run")

    def wait_done(self) -> None:
        self.page.wait_for_selector("#download:visible")
        self.page.wait_for_function("() => document.querySelector('#after-tag').textContent === 'After'")

    def set_range(self, step: str, label: str, value: float) -> None:
        """Move a slider of a step, as a person's hand does."""
        found = self.page.locator(f"[data-step={step}] label:has(span:text-is('{label}')) input")
        found.evaluate("(range, value) => { range.value = value; range.dispatchEvent(new Event('input', { bubbles: true })); }", value)

    def wait_brighter(self, than: float) -> None:
        """Until the picture after is brighter on average."""
        deadline = PATIENCE_MILLISECONDS // 50
        while self.after() <= than and (deadline := deadline - 1):
            self.page.wait_for_timeout(50)
        assert self.after() > than

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Until it is true, with the browser at work meanwhile."""
        deadline = PATIENCE_MILLISECONDS // 20
        while not true():
            assert (deadline := deadline - 1)
            self.page.wait_for_timeout(20)

    def job(self) -> str:
        """The id of the one job that this tab remembers."""
        (row,) = json.loads(self.page.evaluate("sessionStorage.getItem('img-enhance jobs')"))
        return str(row["job"])

    def picture(self, selector: str) -> bytes:
        """A picture as the browser has decoded it, as a PNG."""
        script = """(selector) => {
            const image = document.querySelector(selector), canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL('image/png').split(',')[1];
        }"""
        return base64.b64decode(self.page.evaluate(script, selector))

    def after(self) -> float:
        """The mean value of the picture after, as it is on the screen now, 0 to 255."""
        return float(np.mean(mean_colour(self.picture(".after img"))))

    def download(self, button: str = "#download") -> bytes:
        with self.page.expect_download() as download:
            self.page.click(button)
        return Path(download.value.path()).read_bytes()

    def style(self, selector: str, name: str) -> str:
        script = "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"
        return str(self.page.evaluate(script, [selector, name]))

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


class visiting:  # noqa: N801 - a context manager, used like a function
    """A visit that ends, and in which nothing went wrong that a person does not see."""

    def __init__(self, browser: Browser, service: Served, **options: Any) -> None:
        self._context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options})
        self._visit = Visit(self._context.new_page(), service)

    def __enter__(self) -> Visit:
        return self._visit

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._context.close()
        if kind is None:
            assert not self._visit.mishaps, self._visit.mishaps
