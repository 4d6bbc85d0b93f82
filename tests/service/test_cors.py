"""Web pages of others may call the API only where the operator names their site."""

import asyncio
from pathlib import Path

import httpx

from img_enhance.service.app import make_app
from img_enhance.service.settings import Settings

SITE = "https://friend.example"
ASK = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


def answers(data: Path, origins: str, origin: str = SITE) -> tuple[httpx.Response, httpx.Response]:
    """A page's question whether it may, and its request, to a service that runs no children."""
    app = make_app(Settings(data=str(data), access="open", cors_origins=origins))

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            asked = await client.options("/api/v1/enhance", headers={**ASK, "Origin": origin})
            return asked, await client.get("/healthz", headers={"Origin": origin})

    return asyncio.run(ask())


def test_no_page_may_call_by_default(tmp_path: Path) -> None:
    asked, answer = answers(tmp_path, "")
    assert asked.status_code == 405
    assert not any(name.startswith("access-control") for name in [*asked.headers, *answer.headers])


def test_a_page_of_a_site_that_is_named_may(tmp_path: Path) -> None:
    asked, answer = answers(tmp_path, f"https://other.example, {SITE}")
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SITE)
    assert "x-api-key" in asked.headers["access-control-allow-headers"].lower()
    assert answer.headers["access-control-allow-origin"] == SITE


def test_a_page_of_another_site_may_not(tmp_path: Path) -> None:
    asked, answer = answers(tmp_path, SITE, "https://stranger.example")
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
