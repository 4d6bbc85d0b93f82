"""The web page: static files that use the API as everybody does."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from img_enhance.service.api.whole_files import WholeFile, WholeFiles

PAGE = Path(__file__).parent.parent / "page"

router = APIRouter(include_in_schema=False)

# Nothing of another host, no script or style but the page's own files; pictures made in the page (blob:) are what it is for. Other sites
# may show it in a frame: it has no cookies that could be abused there.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


class PageFiles(WholeFiles):
    """The page's files, asked for anew whenever they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


@router.get("/")
async def page() -> Response:
    """The page."""
    return WholeFile(PAGE / "index.html", headers=HEADERS, media_type="text/html; charset=utf-8")
