"""`img-enhance open`: who gets in, photos that come with it, saving beside them, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opened import START_SECONDS, opened
from PIL import Image
from served import COMPACT, is_problem, noisy_photo, plain_photo
from visits import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BRIGHTER = '{"version":1,"steps":[{"step":"exposure_correction","ev":1}]}'


def photo(folder: Path, name: str, data: bytes | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(data or noisy_photo(side=48, most=90))
    return path


def test_only_who_opened_it_gets_in_and_only_once(tmp_path: Path) -> None:
    with opened(tmp_path, photo(tmp_path / "photos", "cat.png")) as run:
        assert run.address.startswith("http://127.0.0.1:")
        refusals = [
            run.enter("a guess"),
            run.enter(Origin="https://example.org"),
            run.enter(Origin="null"),
            run.enter(Host="photos.example.org"),  # what a browser says after DNS rebinding
            run.enter(Host=f"localhost:{run.url.rsplit(':', 1)[1]}"),
            run.client.get("/api/v1/home"),
            run.client.get("/", headers={"Host": "photos.example.org"}),
        ]
        assert [answer.status_code for answer in refusals] == [403, 403, 403, 403, 403, 401, 403]
        assert all(is_problem(answer) for answer in refusals)
        entered = run.enter(Origin=run.url)
        assert entered.status_code == 200
        assert run.enter().json()["code"] == "one_time_key"
        headers = {"X-API-Key": entered.json()["key"]}
        inside = run.client.get("/api/v1/home", headers=headers)
        assert inside.json() == {"photos": [{"number": 0, "name": "cat.png"}], "jobs": []}
        assert inside.headers["x-frame-options"] == "DENY"
        assert run.client.get("/api/v1/home/photos/0", headers=headers).content == (tmp_path / "photos" / "cat.png").read_bytes()
        assert run.client.get("/api/v1/home/photos/1", headers=headers).status_code == 404
        assert run.client.get("/api/v1/home/photos/0", headers={**headers, "Origin": "https://example.org"}).status_code == 403


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can ask as somebody else")
def test_the_key_is_worth_nothing_to_another_user(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        code = (
            "import encodings.idna, os, urllib.request, urllib.error\nos.setuid(65534)\n"
            f"asked = urllib.request.Request({run.url + '/home/key'!r}, method='POST', headers={{'X-One-Time-Key': {run.one_time!r}}})\n"
            "try: urllib.request.urlopen(asked)\nexcept urllib.error.HTTPError as error: print(error.code)\n"
        )
        asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert asked.stdout.strip() == "403", asked.stderr
        assert run.enter().status_code == 200  # it was not used up


def test_what_is_not_done_at_the_end_is_done_the_next_time(tmp_path: Path) -> None:
    path = photo(tmp_path / "photos", "cat.png", noisy_photo(side=120))
    recipe = f'{{"version":1,"steps":[{{"step":"real_esrgan","model":"{COMPACT}","upscale":2}}],"output":{{"format":"jpeg"}}}}'
    with opened(tmp_path, path) as run:
        headers = {"X-API-Key": run.enter().json()["key"]}
        sent = {**headers, "Prefer": "respond-async"}
        job = run.client.post("/api/v1/enhance", files={"file": ("x", path.read_bytes())}, data={"recipe": recipe}, headers=sent).json()
        assert run.client.put(f"/api/v1/home/jobs/{job['id']}?photo=0", headers=headers).status_code == 204
        assert run.client.get("/api/v1/home", headers=headers).json()["photos"] == []
        assert run.stop(signal.SIGINT) == 0
    with opened(tmp_path) as run:
        headers = {"X-API-Key": run.enter().json()["key"]}
        row = {"id": job["id"], "name": "cat.png", "beside": True, "saved": ""}
        assert run.client.get("/api/v1/home", headers=headers).json()["jobs"] == [row]
        events = run.client.get(f"/api/v1/jobs/{job['id']}/events", headers=headers).text
        assert '"done"' in events
        for _ in range(2):  # asked for again it is the same file
            saved = run.client.put(f"/api/v1/home/jobs/{job['id']}/saved", headers=headers)
            assert saved.json() == {"name": "cat_enhanced.jpg"}
        assert sorted(each.name for each in path.parent.iterdir()) == ["cat.png", "cat_enhanced.jpg"]
        elsewhere = {"file": ("x", plain_photo((9, 9, 9)))}
        answer = run.client.post(
            "/api/v1/enhance", files=elsewhere, data={"recipe": BRIGHTER}, headers={**headers, "Accept": "application/json"}
        )
        refused = run.client.put(f"/api/v1/home/jobs/{answer.json()['id']}/saved", headers=headers)
        assert refused.status_code == 404
        assert "download" in refused.json()["detail"]
        with Image.open(path.parent / "cat_enhanced.jpg") as picture:
            assert picture.size == (240, 240)


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as other:
        assert one.url != other.url
        key = one.enter().json()["key"]
        assert other.client.get("/api/v1/home", headers={"X-API-Key": key}).status_code == 403


def test_photos_come_with_it_and_results_go_beside_them_until_the_last_tab_closes(browser: Browser, tmp_path: Path) -> None:
    photos = [photo(tmp_path / "photos", name) for name in ("dark.png", "b\u00fccher #1 & 2.png")]
    photo(tmp_path / "photos", "dark_enhanced.png")
    taken = (tmp_path / "photos" / "dark_enhanced.png").read_bytes()
    with opened(tmp_path, *photos, linger=1) as run:
        with visiting(browser, run) as visit:  # type: ignore[arg-type]  # of the service it is asked for its address only
            visit.page.goto(run.address)
            visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
            assert "open=" not in visit.page.url
            assert visit.text("#name") == "dark.png"
            assert "on this computer" in visit.text("#kept-too")
            for name in ("dark.png", photos[1].name):
                visit.page.click(f"#film button[aria-label^='{name}']")
                visit.only("exposure_correction")
                visit.set_range("exposure_correction", "Stops", 1)
                visit.run()
                visit.wait_done()
            visit.page.reload()
            visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=done]').length === 2")
            visit.page.click("#film button[aria-label^='dark.png']")
            visit.wait_done()
            visit.page.click("#beside-all")
            visit.page.wait_for_selector("#beside:disabled")
            assert visit.text("#beside") == "Saved as dark_png_enhanced.png"
            # Another tab has no key: the address is used up.
            other = visit.page.context.new_page()
            other.goto(run.address)
            other.wait_for_selector("#lost:visible")
            assert "works once" in other.inner_text("#lost")
            other.close()
        assert run.process.wait(START_SECONDS) == 0
    assert sorted(each.name for each in (tmp_path / "photos").iterdir()) == sorted(
        ["b\u00fccher #1 & 2.png", "b\u00fccher #1 & 2_enhanced.png", "dark.png", "dark_enhanced.png", "dark_png_enhanced.png"]
    )
    assert (tmp_path / "photos" / "dark_enhanced.png").read_bytes() == taken


def test_stays_while_a_tab_is_there_or_work_is_left(tmp_path: Path) -> None:
    with opened(tmp_path, linger=1) as run:
        headers = {"X-API-Key": run.enter().json()["key"]}
        sent = {**headers, "Prefer": "respond-async"}
        recipe = f'{{"version":1,"steps":[{{"step":"real_esrgan","model":"{COMPACT}","upscale":3}}]}}'
        run.client.put("/api/v1/home/tabs/one", headers=headers)
        slow = {"file": ("x", noisy_photo(side=120))}
        job = run.client.post("/api/v1/enhance", files=slow, data={"recipe": recipe}, headers=sent).json()
        assert run.client.delete("/api/v1/home/tabs/one", headers=headers).status_code == 204
        assert '"done"' in run.client.get(f"/api/v1/jobs/{job['id']}/events", headers=headers).text
        assert run.process.wait(START_SECONDS) == 0
