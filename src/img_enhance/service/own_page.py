"""Keeps pages of other sites away from a service that is for one person on this machine."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img_enhance.jobs.refusals import StrangeSite
from img_enhance.service.problems import problem_response
from img_enhance.workers.catalogue import as_data


class OwnPageOnly:
    """Refuses requests that name another host, as after DNS rebinding, or that another site's page makes; is shown in no frame."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host, port = scope["server"]  # of the socket, not of the request
        headers, own = Headers(scope=scope), f"{host}:{port}"
        origin = headers.get("origin", f"http://{own}")
        if headers.get("host") != own or origin != f"http://{own}":
            refused = StrangeSite("this service is for its own page only", f"open it at http://{own}/")
            await problem_response(as_data(refused), headers={"Connection": "close"})(scope, receive, send)
            return

        async def unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Frame-Options"] = "DENY"
            await send(message)

        await self.app(scope, receive, unframed)
