"""What can happen while a photo is on its way to the service: the answer is lost, it is cancelled, there is no room, the file goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from served import served
from test_page import smooth_photo
from visits import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

ENHANCE, PREVIEW, RESULT, SUGGEST = (f"**/api/v1/{path}" for path in ("enhance", "preview", "jobs/*/result?*", "suggest"))
HEADLINE = "(words) => document.querySelector('#headline').textContent.includes(words)"


def chosen(visit: Visit) -> None:
    visit.open().choose(("dunes.png", smooth_photo()))
    visit.wait_ready()
    visit.only("exposure_correction")


def try_a_part(visit: Visit) -> None:
    """The middle of the result, once it is known how large that is."""
    visit.page.wait_for_function("() => document.querySelector('#estimate').textContent.includes('240 \u00d7 160')")
    visit.page.click("#region")
    visit.page.keyboard.press("Enter")


@pytest.mark.parametrize("button", ["#cancel", "#delete"])
def test_what_is_cancelled_on_its_way_is_not_kept(visit: Visit, button: str) -> None:
    chosen(visit)
    held: list[Route] = []
    visit.page.route(ENHANCE, lambda route: held.append(route))
    visit.run()
    visit.page.wait_for_function(HEADLINE, arg="Sending")
    while not held:
        visit.page.wait_for_timeout(20)
    visit.page.click(button)
    visit.page.wait_for_selector("#welcome:visible" if button == "#delete" else "#again:visible")
    answer = held[0].fetch()
    with visit.page.expect_response(lambda each: each.request.method == "DELETE") as ended:
        held[0].fulfill(response=answer)
    assert ended.value.ok
    assert visit.service.job(answer.json()["id"])["state"] in ("cancelled", "expired")


@pytest.mark.parametrize("button", ["#cancel", "#delete"])
def test_what_is_cancelled_in_the_attempt_whose_answer_is_lost_is_not_kept(visit: Visit, button: str) -> None:
    chosen(visit)
    held: list[Route] = []
    ends: list[Route] = []

    def lose_the_first(route: Route) -> None:
        ends.append(route)
        if len(ends) == 1:
            route.abort()
        else:
            route.continue_()

    visit.page.route(ENHANCE, lambda route: held.append(route))
    visit.run()
    visit.wait_until(lambda: len(held) == 1)
    visit.page.click(button)
    id = held[0].fetch().json()["id"]
    held[0].abort()
    visit.wait_until(lambda: len(held) == 2)
    held[1].abort()  # it cannot be reached for a while
    visit.wait_until(lambda: len(held) == 3)
    visit.page.route(f"**/api/v1/jobs/{id}", lose_the_first)
    held[2].continue_()
    visit.wait_until(lambda: visit.service.job(id)["state"] in ("cancelled", "expired"))
    assert len({str(route.request.headers["idempotency-key"]) for route in held}) == 1
    visit.mishaps.clear()


def test_a_part_whose_answer_is_lost_is_not_kept(visit: Visit) -> None:
    chosen(visit)
    ids: list[str] = []

    def lose_the_first(route: Route) -> None:
        answer = route.fetch()
        ids.append(answer.json()["id"])
        if len(ids) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    visit.page.route(ENHANCE, lose_the_first)
    try_a_part(visit)
    visit.page.wait_for_selector("#problem:visible")
    visit.wait_until(lambda: visit.service.job(ids[0])["state"] in ("cancelled", "expired"))
    visit.mishaps.clear()


def test_a_part_whose_picture_does_not_arrive_is_not_kept(visit: Visit) -> None:
    chosen(visit)
    visit.page.route(RESULT, lambda route: route.abort())
    with visit.page.expect_response(ENHANCE) as sent:
        try_a_part(visit)
    visit.page.wait_for_selector("#problem:visible")
    visit.wait_until(lambda: visit.service.job(sent.value.json()["id"])["state"] in ("cancelled", "expired"))
    visit.mishaps.clear()


def test_a_photo_whose_answer_is_lost_is_done_once(visit: Visit) -> None:
    chosen(visit)
    seen: list[tuple[str, str]] = []

    def lose_the_first(route: Route) -> None:
        answer = route.fetch()
        seen.append((str(route.request.headers["idempotency-key"]), answer.json()["id"]))
        if len(seen) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    visit.page.route(ENHANCE, lose_the_first)
    visit.run()
    visit.wait_done()
    assert len(seen) == 2
    assert len(set(seen)) == 1
    visit.mishaps.clear()  # the browser's own words about the connection that was lost


def test_nearly_done_is_not_all_and_what_is_all_done_is_being_written(visit: Visit) -> None:
    chosen(visit)
    values: dict[str, object] = {"state": "running", "progress": 0.996, "estimated_seconds_left": 0.1}

    def still_running(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), **values})

    visit.page.route("**/api/v1/jobs/*", still_running)
    visit.run()
    told = "(words) => document.querySelector('#progress p').textContent.startsWith(words)"
    visit.page.wait_for_function(told, arg="99%, about 1 second left")
    values["progress"] = 1.0
    visit.page.wait_for_function(told, arg="Writing the file")
    values.clear()
    visit.wait_done()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (413, "The file is larger than is allowed here. Take a smaller one."),
        (403, "What lies before the service answers 403. Try again, or ask the operator."),
        (500, "What lies before the service answers 500. Try again, or ask the operator."),
    ],
)
def test_what_lies_before_the_service_refuses_in_words(visit: Visit, status: int, told: str) -> None:
    visit.open()
    visit.page.route(SUGGEST, lambda route: route.fulfill(status=status, content_type="text/html", body="<html>no</html>"))
    visit.choose(("dunes.png", smooth_photo()))
    visit.page.wait_for_selector("#problem:visible")
    assert visit.text("#problem p") == told
    assert visit.page.is_visible("#again")
    assert not visit.page.is_visible("#key")  # no key of the service opens what is not its own
    visit.mishaps.clear()  # the browser says every 500


def test_photos_beside_a_folder_that_is_dropped_are_taken(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    for path in (tmp_path / "holiday" / "inside.png", tmp_path / "beside.png"):
        path.write_bytes(smooth_photo())
    visit.open()
    devtools = visit.page.context.new_cdp_session(visit.page)
    data = {"items": [], "files": [str(tmp_path / "holiday"), str(tmp_path / "beside.png")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})
    visit.page.wait_for_selector("#film [data-phase=ready]")
    visit.page.wait_for_selector("#film [data-phase=refused]")
    assert "the photos in it if it is a folder" in visit.text("#problem p")
    assert visit.page.is_hidden("#over")
    visit.mishaps.clear()  # the browser says that it cannot read a folder


def test_who_does_not_get_through_is_told_and_looked_at_later(visit: Visit) -> None:
    visit.open()
    visit.page.route(SUGGEST, lambda route: route.abort())
    visit.choose(("dunes.png", smooth_photo()))
    visit.page.wait_for_function(HEADLINE, arg="Trying again")
    assert visit.page.is_hidden("#problem")
    visit.page.unroute(SUGGEST)
    visit.wait_ready()
    visit.mishaps.clear()


def test_more_photos_than_may_be_unfinished_are_all_done(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path / "data", {"JOBS_PER_KEY": "1"}) as service, visiting(browser, service) as visit:
        visit.open().choose(("one.png", smooth_photo(240)), ("two.png", smooth_photo(250)))
        visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
        visit.only("exposure_correction")
        visit.page.click("#same")
        statuses: list[int] = []
        visit.page.on("response", lambda answer: statuses.append(answer.status) if answer.url.endswith("/enhance") else None)
        visit.page.click("#run-all")
        visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=done]').length === 2")
        assert statuses.count(202) == 2


def test_a_result_that_does_not_arrive_is_fetched_again(visit: Visit) -> None:
    chosen(visit)
    visit.page.route(RESULT, lambda route: route.abort())
    visit.run()
    visit.page.wait_for_function(HEADLINE, arg="Trying again")
    visit.page.unroute(RESULT)
    visit.wait_done()
    assert visit.text("#headline") == "Done"
    visit.mishaps.clear()


def test_a_result_that_arrives_late_is_not_taken_for_the_next_one(visit: Visit) -> None:
    chosen(visit)
    asked: list[Route] = []

    def hold_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    visit.page.route(RESULT, hold_the_first)
    visit.run()
    while not asked:
        visit.page.wait_for_timeout(20)
    answer = asked[0].fetch()
    visit.page.click("#again")
    visit.wait_ready()
    visit.set_range("exposure_correction", "Stops", 2)
    sent: list[Route] = []
    visit.page.route(ENHANCE, lambda route: sent.append(route))
    visit.run()
    while not sent:
        visit.page.wait_for_timeout(20)
    asked[0].fulfill(response=answer)
    visit.page.wait_for_timeout(300)  # it is here before the next job is
    sent[0].continue_()
    visit.wait_done()
    assert visit.download() == visit.service.client.get(f"/api/v1/jobs/{visit.job()}/result").content != answer.body()


def test_a_change_that_the_service_has_no_room_for_is_seen_a_little_later(visit: Visit) -> None:
    chosen(visit)
    busy = {
        "code": "saturated",
        "type": "/problems/saturated",
        "status": 503,
        "detail": "4 previews are under way; try again in a few seconds",
    }
    refused: list[Route] = []

    def refuse_three(route: Route) -> None:
        refused.append(route)
        if len(refused) < 3:
            route.fulfill(status=503, json=busy)
        elif len(refused) == 3:
            route.abort()
        else:
            route.continue_()

    visit.page.route(PREVIEW, refuse_three)
    shown = visit.after()
    visit.set_range("exposure_correction", "Stops", 2)
    visit.wait_brighter(shown + 15)
    visit.page.wait_for_function(HEADLINE, arg="Your choice")
    assert visit.page.is_hidden("#problem")
    visit.mishaps.clear()


def test_a_part_that_cannot_be_computed_says_so_and_no_other_photo_does(visit: Visit) -> None:
    chosen(visit)
    visit.choose(("other.png", smooth_photo(200)))
    visit.page.wait_for_function("() => document.querySelectorAll('#film [data-phase=ready]').length === 2")
    visit.page.click("#region")
    visit.page.click("#film button >> nth=0")
    assert visit.page.get_attribute("#region", "aria-pressed") == "false"
    held: list[Route] = []
    visit.page.route(ENHANCE, lambda route: held.append(route))
    visit.page.click("#region")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_function(HEADLINE, arg="Computing this part")
    while not held:
        visit.page.wait_for_timeout(20)
    visit.page.click("#film button >> nth=1")
    held[0].abort()
    visit.page.wait_for_timeout(300)
    assert visit.page.is_hidden("#problem")
    visit.page.click("#film button >> nth=0")
    visit.page.wait_for_selector("#problem:visible")
    assert visit.text("#headline") == "Your choice"
    visit.mishaps.clear()
