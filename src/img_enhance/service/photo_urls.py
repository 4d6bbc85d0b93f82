"""Photos that the service fetches itself, from the URL that a request names."""

from __future__ import annotations

import asyncio

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import MalformedRequest, UrlFailed
from img_enhance.service.addresses import target_of
from img_enhance.service.keys import Caller
from img_enhance.service.photo_file import Body, PhotoFile, Upload
from img_enhance.service.requests import PHOTO_URL, taken_url
from img_enhance.service.room import check_disk
from img_enhance.service.service import Service
from img_enhance.web import status_text
from img_enhance.words import Setting

_OK = 200


def photo_url_in(service: Service, body: Body) -> str | None:
    """The URL that a request names in place of a photo, taken out of its fields; None where the photo came itself.

    Raises: MalformedRequest when neither came, or both; OptionError where no URLs are taken; UrlRefused.
    """
    url = taken_url(body.form_fields, PHOTO_URL)
    if url is None:
        if not body.uploads:
            raise MalformedRequest("no photo came", "send it in the field 'file'")
        return None
    if not service.settings.photo_urls:
        raise OptionError("this service takes no photos by their URL", "send the file itself, or ask for ", Setting("photo_urls"))
    if body.uploads:
        raise MalformedRequest(f"a photo came and {PHOTO_URL} too", "send one of them")
    service.outgoing.guard.check_literal(target_of(url))
    return url


async def fetched(service: Service, caller: Caller, body: Body, url: str) -> Upload:
    """The photo at this URL, whose file belongs to `body` now, as if it had come with it. One of the caller's share meanwhile.

    Raises: UrlRefused, UrlFailed; FileTooLarge, StorageFull; QuotaReached, Saturated.
    """
    target, settings = target_of(url), service.settings
    with service.fetches.held(caller.quota):
        await check_disk(service, 0)
        photo = await asyncio.to_thread(PhotoFile, body, service.spool, settings.max_file_bytes)

        async def take(data: bytes) -> None:
            await asyncio.to_thread(photo.write, data)

        try:
            status = await service.outgoing.ask(
                "GET", target, seconds=settings.body_seconds, headers={"Accept": "image/*, */*;q=0.1"}, take=take
            )
            if status != _OK:
                raise UrlFailed(f"{target.host} answered {status_text(status)}", "name a URL that leads to the photo at once")
            await asyncio.to_thread(photo.end)
        finally:
            photo.close()
    return body.uploads[-1]
