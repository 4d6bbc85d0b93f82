"""Our own files as answers, whole: a server may pass over Range (RFC 9110), and what the framework says to a bad one is no problem+json."""

from __future__ import annotations

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_NO_PARTS = {"Accept-Ranges": "none"}


class WholeFile(FileResponse):
    """A file, never a part of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers.update(_NO_PARTS)
        await super().__call__(_without_range(scope), receive, send)


class WholeFiles(StaticFiles):
    """The files of a folder, never parts of them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(_without_range(scope), receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_NO_PARTS)
        return response


def _without_range(scope: Scope) -> Scope:
    return {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
