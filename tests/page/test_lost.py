"""A service that sleeps, restarts and loses its disk, as a Space does: what a visitor sees, and that the photo can be sent again."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from served import Served, served
from test_page import brightened
from visits import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HEADLINE = "() => document.querySelector('#headline').textContent.includes('{}')"


@contextmanager
def standing_still(service: Served) -> Iterator[None]:
    """No job ends meanwhile, and no worker outlives it."""
    pids = service.pids("worker")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def lose_everything(service: Served, visit: Visit) -> None:
    """Send a photo, and end service and data folder before it is done."""
    with standing_still(service):
        visit.run()
        visit.page.wait_for_function("() => sessionStorage.getItem('img-enhance jobs')?.includes('dunes')")
        service.kill()
    shutil.rmtree(service.data)


def test_a_photo_that_the_service_lost_is_sent_again(browser: "Browser", tmp_path: Path) -> None:
    with served(tmp_path / "data") as first, visiting(browser, first) as visit:
        visit.open()
        brightened(visit)
        lose_everything(first, visit)
        visit.page.wait_for_function("() => document.querySelector('#progress p').textContent.includes('Trying again')")
        visit.mishaps.clear()  # the browser's own words about connections that were refused
        with served(tmp_path / "data", port=first.port):
            visit.page.wait_for_function(HEADLINE.format("does not have this photo any more"))
            assert "still has it" in visit.text("#headline")
            assert visit.text("#again") == "Send it again"
            visit.page.click("#again")
            visit.wait_done()
            assert len(visit.download()) > 100
            visit.mishaps.clear()


def test_after_a_reload_the_page_asks_for_the_photo_itself(browser: "Browser", tmp_path: Path) -> None:
    with served(tmp_path / "data") as first, visiting(browser, first) as visit:
        visit.open()
        brightened(visit)
        lose_everything(first, visit)
        visit.page.goto("about:blank")  # else the page may learn of it before the reload
        with served(tmp_path / "data", port=first.port):
            visit.page.goto(first.url)
            visit.page.wait_for_function(HEADLINE.format("Choose it again"))
            assert visit.page.is_hidden("#again")
            visit.mishaps.clear()


def test_a_proxys_page_while_the_service_starts_is_not_the_end_of_a_job(visit: Visit) -> None:
    visit.open()
    brightened(visit)
    sleeping = "**/api/v1/jobs/**"
    visit.page.route(sleeping, lambda route: route.fulfill(status=503, content_type="text/html", body="<html>The Space is starting</html>"))
    visit.run()
    visit.page.wait_for_function("() => document.querySelector('#progress p').textContent.includes('Trying again')")
    visit.page.reload()
    visit.page.wait_for_function("() => document.querySelector('#progress p').textContent.includes('Trying again')")
    visit.page.unroute(sleeping)
    visit.wait_done()
    visit.mishaps.clear()  # the browser says every 503
