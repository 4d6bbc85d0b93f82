"""The API as people use it."""

import base64
import concurrent.futures
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from served import RECIPE, SHIFT, Served, is_problem, mean_colour, noisy_photo, plain_photo, png, served


def test_answers_the_picture_with_a_summary_and_a_link_to_its_record(service: Served) -> None:
    answer = service.post(plain_photo((200, 40, 90)))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert "24x24 to 48x48" in answer.headers["x-summary"]
    job = service.client.get(answer.headers["link"].partition(">")[0].lstrip("<")).json()
    assert job["state"] == "done"
    assert job["record"]["recipe"]["steps"][0]["upscale"] == 2
    assert mean_colour(answer.content) == pytest.approx((200, 40, 90), abs=SHIFT)
    assert str(service.data) not in json.dumps(job)


def test_answers_the_job_to_those_who_ask_for_json(service: Served) -> None:
    job = service.post(plain_photo((1, 2, 3)), headers={"Accept": "application/json"}).json()
    assert (job["state"], job["result"]["width"]) == ("done", 48)
    assert service.client.get(job["result"]["url"]).headers["content-type"] == "image/png"


def test_takes_json_with_base64(service: Served) -> None:
    image = base64.b64encode(plain_photo((9, 200, 9))).decode()
    answer = service.client.post("/api/v1/enhance", json={"image": image, "recipe": RECIPE})
    assert answer.status_code == 200, answer.text
    assert mean_colour(answer.content) == pytest.approx((9, 200, 9), abs=SHIFT)


def test_simple_words_become_a_recipe(service: Served) -> None:
    words = {"algorithms": "white_balance,clahe", "enhance_level": "0.5", "output_format": "jpg", "quality": "80"}
    files = {"file": noisy_photo(side=32)}
    job = service.client.post("/api/v1/enhance", files=files, data=words, headers={"Accept": "application/json"}).json()
    assert [step["step"] for step in job["recipe"]["steps"]] == ["white_balance", "clahe"]
    assert {step["enhance_level"] for step in job["recipe"]["steps"]} == {0.5}
    assert job["recipe"]["output"] == {"format": "jpeg", "quality": 80}


def test_auto_does_what_was_suggested(service: Served) -> None:
    dark = noisy_photo(side=64, most=12)
    suggested = service.client.post("/api/v1/suggest", files={"file": dark}).json()
    assert suggested["reasons"]
    words = {"algorithms": "auto", "output_format": "png"}
    answer = service.client.post("/api/v1/enhance", files={"file": dark}, data=words, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["recipe"]["steps"] == suggested["recipe"]["steps"]
    service.client.delete(f"/api/v1/jobs/{answer.json()['id']}")


def test_a_step_that_changes_nothing_says_why(service: Served) -> None:
    recipe = {"version": 1, "steps": [{"step": "white_balance", "enhance_level": 0}]}
    job = service.post(noisy_photo(side=32), recipe=recipe, headers={"Accept": "application/json"}).json()
    why = "enhance_level of white_balance 0 asks for no change"
    assert job["record"]["steps"][1]["facts"]["unchanged"] == why
    assert job["record"]["done"].startswith(f"white_balance: unchanged, because {why}")
    assert service.client.get(f"/api/v1/jobs/{job['id']}/result").headers["x-summary"].startswith(job["record"]["done"])


def test_a_fault_that_is_left_is_told_with_its_remedy(service: Served) -> None:
    pixels = np.tile(np.random.default_rng(1).integers(0, 256, (30, 40), np.uint8), (50, 50))
    answer = service.client.post("/api/v1/enhance", files={"file": png(pixels)}, data={"algorithms": "auto"})
    assert answer.status_code == 200, answer.text
    job = service.client.get(answer.headers["link"].partition(">")[0].lstrip("<")).json()
    assert job["recipe"]["steps"] == []
    (reason,) = (reason for reason in job["record"]["reasons"] if reason["noticed"])
    assert reason["words"].startswith("there is noise (")
    assert reason["words"].endswith("would take very long; upscale 1 takes it away all the same")
    assert f"real_esrgan is left out: {reason['words']}" in answer.headers["x-summary"]
    assert answer.content == png(pixels)


def test_the_file_of_a_photo_that_is_left_as_it_is_is_copied(service: Served) -> None:
    photo = noisy_photo(side=32)
    nothing: dict[str, Any] = {"version": 1, "steps": []}
    answer = service.post(photo, recipe=nothing)
    assert answer.content == photo
    assert answer.headers["x-summary"].startswith("left as it is: copied byte for byte: 32x32 to 32x32 in ")
    job = service.post(photo, recipe=nothing, headers={"Accept": "application/json"}).json()
    assert (job["record"]["copied"], job["result"]["bytes"]) == (True, len(photo))
    for output in ({"strip": True}, {"format": "webp"}):
        other = service.post(photo, recipe=nothing | {"output": output})
        assert other.content != photo
        assert other.headers["x-summary"].startswith("nothing to do: ")


def test_what_a_copy_does_not_lose_is_no_warning(service: Served) -> None:
    file = io.BytesIO()
    Image.new("CMYK", (24, 24), (90, 20, 10, 0)).save(file, "JPEG")
    files = {"file": file.getvalue()}
    assert service.client.post("/api/v1/suggest", files=files, data={"recipe": '{"version": 1, "steps": []}'}).json()["warnings"] == []
    stripped = {"recipe": '{"version": 1, "steps": [], "output": {"strip": true}}'}
    assert service.client.post("/api/v1/suggest", files=files, data=stripped).json()["warnings"] == ["CMYK was converted to sRGB"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"recipe": json.dumps({"version": 1, "steps": [{"step": "clahe"}] * 17})}, "invalid_recipe"),
        ({"recipe": json.dumps({"version": 1, "steps": [{"step": "clahe"}] * 3})}, "invalid_recipe"),
        ({"recipe": "[]"}, "malformed_request"),
        ({"recipe": '{"version": NaN, "steps": []}'}, "malformed_request"),
        ({"recipe": '{"version": 1, "steps": [], "\\ud800": 1}'}, "malformed_request"),
        ({"recipe": '{"version": 1, "steps": ' + "[" * 990 + "]" * 990 + "}"}, "malformed_request"),
        ({"algorithms": "sharpen"}, "invalid_option"),
        ({"algorithms": "clahe", "upscale_factor": "2"}, "invalid_option"),
        ({"upscale_factor": "99"}, "invalid_option"),
        ({"algorithms": "auto", "upscale_factor": "2"}, "invalid_option"),
        ({"colour": "red"}, "invalid_option"),
        ({"recipe": "{"}, "malformed_request"),
        ({"recipe": json.dumps(RECIPE), "quality": "5"}, "invalid_option"),
    ],
)
def test_refuses_words_that_mean_nothing(service: Served, words: dict[str, str], code: str) -> None:
    answer = service.client.post("/api/v1/enhance", files={"file": plain_photo((0, 0, 0))}, data=words)
    assert (answer.status_code, answer.json()["code"]) == (400 if code == "malformed_request" else 422, code)
    assert is_problem(answer)


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ({"upscale_factor": "99"}, "upscale_factor must be a number from 1 to 16, not 99"),
        ({"upscale_factor": "big"}, "upscale_factor must be a number from 1 to 16, not 'big'"),
        ({"algorithms": "clahe", "enhance_level": "2"}, "enhance_level must be a number from 0 to 1, not 2"),
        ({"output_format": "bmp"}, "output_format must be one of jpeg, png, webp, tiff, avif, jxl, not 'bmp'"),
        ({"quality": "0"}, "quality must be a whole number from 1 to 100, not 0"),
        ({"recipe": '{"version": 1, "steps": [], "output": {"quality": 0}}'}, "quality must be a whole number from 1 to 100, not 0"),
        (
            {"recipe": '{"version": 1, "steps": [{"step": "clahe", "clip_limit": 99}]}'},
            "step 1 (clahe): clip_limit must be a number from 1 to 40, not 99",
        ),
    ],
)
@pytest.mark.parametrize("json_body", [False, True])
def test_a_refusal_names_the_field_that_was_sent(service: Served, words: dict[str, str], detail: str, json_body: bool) -> None:
    photo = plain_photo((0, 0, 0))
    if json_body:
        answer = service.client.post("/api/v1/enhance", json={"image": base64.b64encode(photo).decode(), **words})
    else:
        answer = service.client.post("/api/v1/enhance", files={"file": photo}, data=words)
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)


def test_a_number_in_json_is_refused_by_its_field(service: Served) -> None:
    body = {"image": base64.b64encode(plain_photo((0, 0, 0))).decode(), "upscale_factor": 99}
    answer = service.client.post("/api/v1/enhance", json=body)
    assert answer.json()["detail"] == "upscale_factor must be a number from 1 to 16, not 99"


def test_twenty_at_once_get_their_own_photos(service: Served) -> None:
    colours = [(12 * n, 250 - 11 * n, (37 * n) % 256) for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(len(colours)) as pool:
        answers = list(pool.map(lambda colour: _patiently(service, colour), colours))
    for colour, answer in zip(colours, answers, strict=True):
        found = mean_colour(answer)
        assert min(colours, key=lambda other: sum((a - b) ** 2 for a, b in zip(other, found, strict=True))) == colour


def _patiently(service: Served, colour: tuple[int, int, int]) -> bytes:
    with httpx.Client(base_url=service.url, timeout=120) as client:
        data = {"recipe": json.dumps(RECIPE)}
        while True:
            answer = client.post("/api/v1/enhance", files={"file": plain_photo(colour)}, data=data, headers={"Prefer": "respond-async"})
            if answer.status_code == 202:
                break
            assert answer.status_code in (429, 503), answer.text
            assert int(answer.headers["retry-after"]) > 0
        id = answer.json()["id"]
    assert service.ended(id)["state"] == "done"
    with httpx.Client(base_url=service.url, timeout=60) as client:
        return client.get(f"/api/v1/jobs/{id}/result").content


def test_two_hundred_at_once_get_their_own_photos(tmp_path: Path) -> None:
    """Colours lie far enough apart that the network, which every fifth photo goes through, cannot make one look like another."""
    colours = [(51 * (n % 6), 51 * (n // 6 % 6), 51 * (n // 36)) for n in range(200)]
    many = dict.fromkeys(("QUEUE_JOBS", "JOBS_PER_KEY", "UPLOADS", "UPLOADS_PER_KEY", "REQUESTS_PER_KEY"), "300")
    with served(tmp_path / "data", many) as run:
        with concurrent.futures.ThreadPoolExecutor(len(colours)) as pool:
            ids = list(pool.map(_accepted_id, [run] * len(colours), colours, _RECIPES * len(colours)))
        assert len(set(ids)) == len(colours)
        for id, colour in zip(ids, colours, strict=True):
            assert run.ended(id)["state"] == "done"
            assert mean_colour(run.client.get(f"/api/v1/jobs/{id}/result").content) == pytest.approx(colour, abs=SHIFT)


_UNCHANGED = {"version": 1, "steps": [{"step": "white_balance", "enhance_level": 0}], "output": {"format": "png"}}
_RECIPES = [RECIPE, _UNCHANGED, _UNCHANGED, _UNCHANGED, _UNCHANGED]


def _accepted_id(run: Served, colour: tuple[int, int, int], recipe: dict[str, Any]) -> str:
    with httpx.Client(base_url=run.url, timeout=120) as client:
        data, headers = {"recipe": json.dumps(recipe)}, {"Prefer": "respond-async"}
        answer = client.post("/api/v1/enhance", files={"file": plain_photo(colour, side=8)}, data=data, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def test_a_bad_photo_fails_alone_in_its_batch(service: Served) -> None:
    files = [("files", plain_photo((5, 5, 5))), ("files", b"nothing"), ("files", plain_photo((250, 5, 5)))]
    answer = service.client.post("/api/v1/enhance/batch", files=files, data={"recipe": json.dumps(RECIPE)})
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    ends = [service.ended(job["id"]) for job in batch["jobs"]]
    assert [job["state"] for job in ends] == ["done", "failed", "done"]
    assert ends[1]["error"]["code"] == "unsupported_photo"
    assert service.client.get(answer.headers["location"]).json()["states"] == {"done": 2, "failed": 1}


def test_refuses_a_batch_of_too_many(service: Served) -> None:
    answer = service.client.post("/api/v1/enhance/batch", files=[("files", b"x")] * 21)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_events_can_be_resumed(service: Served) -> None:
    id = service.later(plain_photo((77, 77, 77)))
    service.ended(id)
    whole = service.client.get(f"/api/v1/jobs/{id}/events").text
    assert [json.loads(line[6:])["state"] for line in whole.splitlines() if line.startswith("data: ")] == ["queued", "running", "done"]
    rest = service.client.get(f"/api/v1/jobs/{id}/events", headers={"Last-Event-ID": "2.500"}).text
    assert [json.loads(line[6:])["state"] for line in rest.splitlines() if line.startswith("data: ")] == ["done"]


def test_same_key_and_payload_is_done_once(service: Served) -> None:
    headers = {"Idempotency-Key": "once", "Accept": "application/json"}
    first, second = (service.post(plain_photo((3, 60, 3)), headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    other = service.post(plain_photo((4, 60, 3)), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_reused")


def test_same_key_while_it_runs_is_a_conflict(service: Served) -> None:
    photo = noisy_photo(side=300)
    headers = {"Idempotency-Key": "running"}
    first = service.post(photo, headers={**headers, "Prefer": "respond-async"})
    second = service.post(photo, headers=headers)
    assert (first.status_code, second.status_code, second.json()["code"]) == (202, 409, "idempotency_running")
    service.client.delete(f"/api/v1/jobs/{first.json()['id']}")


def test_status_is_fast_while_inferring_and_a_cancelled_job_stops(service: Served) -> None:
    id = service.later(noisy_photo(side=500))
    while service.job(id)["state"] == "queued":
        time.sleep(0.02)
    seconds = [service.client.get("/api/v1/status").elapsed.total_seconds() for _ in range(20)]
    assert service.job(id)["state"] == "running", "too small a photo for this test"
    assert sorted(seconds)[10] < 0.3
    assert service.client.delete(f"/api/v1/jobs/{id}").json()["state"] == "cancelled"
    # The engine stops after the window it is at.
    assert service.ended(service.later(plain_photo((1, 1, 1))))["state"] == "done"
    assert service.client.get(f"/api/v1/jobs/{id}/result").status_code == 410
    assert not (service.data / "jobs" / id).exists()


@pytest.mark.parametrize("path", ["/api/v1/jobs/nothing", "/api/v1/batches/nothing", "/nothing", "/api/v1/jobs/nothing/result"])
def test_what_is_not_here_is_a_problem(service: Served, path: str) -> None:
    answer = service.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_docs_ask_no_other_host(service: Served) -> None:
    page = service.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"docs/static/{name}" in page.text
        assert service.client.get(f"/docs/static/{name}").status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"].replace("style-src 'self' 'unsafe-inline'", "")
    assert "<script>" not in page.text
    assert "http" not in service.client.get("/docs/static/start.js").text


@pytest.mark.parametrize("name", ["__init__.py", "", "favicon-32x32.png", "../main.py", "%2e%2e/main.py"])
def test_docs_serve_the_files_of_the_page_only(service: Served, name: str) -> None:
    assert service.client.get(f"/docs/static/{name}").status_code == 404


def test_docs_are_not_sent_twice(service: Served) -> None:
    address = "/docs/static/swagger-ui-bundle.js"
    first = service.client.get(address)
    assert (first.headers["content-type"].partition(";")[0], b"SwaggerUIBundle" in first.content) == ("text/javascript", True)
    assert service.client.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_schema_describes_every_route_and_resolves(service: Served) -> None:
    text = service.client.get("/openapi.json").text
    schema = json.loads(text)
    for path in (
        "enhance",
        "enhance/batch",
        "jobs/{id}",
        "jobs/{id}/result",
        "jobs/{id}/events",
        "batches/{id}",
        "algorithms",
        "status",
        "suggest",
    ):
        assert f"/api/v1/{path}" in schema["paths"]
    known = schema["components"]["schemas"]
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in known


def test_metrics_count(service: Served) -> None:
    service.post(plain_photo((8, 8, 8)))
    text = service.client.get("/metrics").text
    assert 'img_enhance_jobs_ended_total{state="done"}' in text
    assert 'img_enhance_step_seconds_count{step="realesr-animevideov3"}' in text


def test_api_process_imports_no_decoder_and_no_runtime() -> None:
    code = "import sys, img_enhance.service.server\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "pyvips", "cv2", "PIL", "pi_heif"} & set(loaded)
