"""Faces in the page: found by the service, boxes over the picture, a switch each that the recipe keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from served import is_problem, served
from visits import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

GFPGAN = {"version": 1, "steps": [{"step": "gfpgan"}]}


def test_each_face_has_a_box_and_a_switch(browser: Browser, data: Path, tmp_path: Path) -> None:
    """The detector is real. Weights that restore faces are not passed on, so the page is told that they are there."""
    photo = data / "photos" / "children-alpha.png"
    with served(tmp_path / "data", {"WEIGHTS_PATH": str(data / "models")}) as run, visiting(browser, run) as visit:
        found = run.client.post("/api/v1/faces", files={"file": ("x", photo.read_bytes())}, data={"recipe": json.dumps(GFPGAN)}).json()
        boxes = [face["box"] for face in found["faces"]]
        assert len(boxes) == 5
        skipping = {"version": 1, "steps": [{"step": "gfpgan", "skip": boxes[0]}]}
        again = run.client.post("/api/v1/faces", files={"file": ("x", photo.read_bytes())}, data={"recipe": json.dumps(skipping)}).json()
        assert {face["box"]: "skipped" in face["why"] for face in again["faces"]} == {box: box == boxes[0] for box in boxes}
        refused = run.client.post("/api/v1/faces", files={"file": ("x", b"no photo")})
        assert is_problem(refused)

        asked: list[dict[str, Any]] = []

        def present(route: Route) -> None:
            rows = route.fetch().json()
            for model in rows["models"]:
                model["present"] = True
            route.fulfill(json=rows)

        def enhance(route: Route) -> None:
            asked.append(json.loads((route.request.post_data or "").split('name="recipe"')[1].split("\r\n")[2]))
            route.abort()

        visit.page.route("**/api/v1/algorithms", present)
        visit.page.route("**/api/v1/enhance", enhance)
        visit.open().choose((photo.name, photo.read_bytes()))
        visit.wait_ready()
        visit.switch("gfpgan", True)
        visit.page.wait_for_selector("[data-step=gfpgan] .faces [role=switch]")
        switches = visit.page.locator("[data-step=gfpgan] .faces [role=switch]")
        assert switches.count() == visit.page.locator(".after .faces i").count() == 5
        # The first box lies where the face is, in shares of the picture.
        left, top, width, _ = map(int, boxes[0].split(","))
        sheet, box = (visit.page.locator(name).first.bounding_box() for name in (".after .sheet", ".after .faces i"))
        assert sheet is not None
        assert box is not None
        for seen, share in (
            (box["x"] - sheet["x"], left / 566),
            (box["y"] - sheet["y"], top / 566),
            (box["width"], width / 566),
        ):
            assert abs(seen / sheet["width"] - share) < 0.01
        switches.first.evaluate("(box) => box.click()")
        visit.page.wait_for_selector(".after .faces .left")
        with visit.page.expect_event("requestfailed", lambda request: request.url.endswith("/api/v1/enhance")):
            visit.run()
        (step,) = [step for step in asked[0]["steps"] if step["step"] == "gfpgan"]
        assert step["skip"] == boxes[0]
        visit.page.locator("#cancel").click()  # or the page sends it again
        visit.page.wait_for_selector("#cancel", state="hidden")
        visit.mishaps.clear()  # the browser's own words about requests that were stopped on their way
