"""A real browser on the page of a real service. Where there is none the tests skip and say so; where one is required they fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from visits import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from served import Served

REQUIRED = "IMG_ENHANCE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def _program() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        lacking = f"no browser is installed ({', '.join(NAMES)}); on Debian: apt-get install chromium"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each visit has a memory of its own in it."""
    program = _program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root has no sandbox, and containers have little shared memory.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, service: Served) -> Iterator[Visit]:
    """A person at the page of a service that everybody may use."""
    with visiting(browser, service) as visit:
        yield visit
