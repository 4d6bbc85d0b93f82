"""The ends of jobs, told to the URLs that callers named: signed as Standard Webhooks says, and tried again until they are taken.

What is to be told stands in the store from the transaction in which a job ends, so a kill at any time costs at most that it is told twice.
Source: https://www.standardwebhooks.com (headers, the signature over "ID.TIMESTAMP.BODY", secrets that begin with whsec_).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import time
from collections import Counter
from datetime import UTC, datetime

from img_enhance.errors import OptionError
from img_enhance.jobs.refusals import StorageFull, StoreBroken, UrlFailed, UrlRefused
from img_enhance.jobs.rows import Callback, CallbackAddress
from img_enhance.jobs.store import JobStore
from img_enhance.service.addresses import target_of
from img_enhance.service.job_views import job_view, plain
from img_enhance.service.keys import Caller
from img_enhance.service.photo_file import Body
from img_enhance.service.requests import CALLBACK_URL, taken_url
from img_enhance.service.service import Service
from img_enhance.web import status_text
from img_enhance.words import Setting

_log = logging.getLogger(__name__)

_PURPOSE = "callbacks"
_LOOK_SECONDS = 1.0
_STORE_PAUSE_SECONDS = 10.0
# A receiver takes the message now and does its work later, as all senders of webhooks ask.
ATTEMPT_SECONDS = 10.0

# Attempts at the same time, and of these each key's. A key that has none under way may always make one.
_MOST, MOST_EACH = 32, 4

_GONE = 410


def callback_in(service: Service, caller: Caller, body: Body) -> CallbackAddress | None:
    """Where a request wants to be told of the end, taken out of its fields.

    Raises: OptionError where that is not done; UrlRefused.
    """
    url = taken_url(body.form_fields, CALLBACK_URL)
    if url is None:
        return None
    if service.settings.callbacks == "off":
        raise OptionError(f"this service knows no {CALLBACK_URL}", "ask for the job instead, or ask for ", Setting("callbacks"))
    if not caller.key_hash:
        raise OptionError(f"{CALLBACK_URL} needs an API key, whose secret signs what is sent", "ask for the job instead")
    service.outgoing.guard.check_literal(target_of(url))
    return CallbackAddress(url, caller.key_hash)


async def secret_of(service: Service, key_hash: str) -> bytes:
    """What signs for a key: another key has another one, also under the same name."""
    root = await service.store.ask(JobStore.secret, _PURPOSE)
    return hmac.digest(root, key_hash.encode(), "sha256")


def shown(secret: bytes) -> str:
    """A secret as receivers keep it."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def signed(secret: bytes, id: str, body: bytes, *, now: float) -> dict[str, str]:
    """The headers of a message."""
    timestamp = str(int(now))
    digest = hmac.digest(secret, f"{id}.{timestamp}.".encode() + body, "sha256")
    return {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


async def tell_ends(service: Service) -> None:
    """Tell the ends of jobs as they come, until this is cancelled: what is under way then is done again by the next service."""
    busy: dict[str, tuple[Callback, asyncio.Task[None]]] = {}
    try:
        while True:
            try:
                due = await service.store.ask(JobStore.callbacks_due, now=time.time(), busy=list(busy), most_each=MOST_EACH)
            except (StoreBroken, StorageFull) as error:
                _log.error("no ends of jobs can be told", extra={"code": error.code, "detail": str(error)})
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
                continue
            for callback in due:
                if _may_begin(callback, Counter(each.quota for each, _ in busy.values())):
                    task = asyncio.create_task(_attempt(service, callback))
                    task.add_done_callback(_report)
                    busy[callback.job] = callback, task
            await asyncio.sleep(_LOOK_SECONDS)
            busy = {job: (callback, task) for job, (callback, task) in busy.items() if not _over(task)}
    finally:
        for _, task in busy.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in busy.values()), return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.critical("a mistake of ours; this end is told by the next service", exc_info=task.exception())


def _over(task: asyncio.Task[None]) -> bool:
    """Whether an attempt has ended. One that ended by a mistake of ours stays, so that it is not made every second."""
    return task.done() and not task.cancelled() and task.exception() is None


def _may_begin(callback: Callback, busy: Counter[str]) -> bool:
    """Whether there is room for another attempt, where so many of each quota are under way."""
    own = busy[callback.quota]
    return own == 0 or (own < MOST_EACH and busy.total() < _MOST)


async def _attempt(service: Service, callback: Callback) -> None:
    """Tell one end, once, and note how that went."""
    try:
        status, answer = await _told(service, callback)
        taken = status // 100 == 2
        again = not taken and status != _GONE
        more = await service.store.ask(JobStore.attempted, callback, now=time.time(), answer=answer, taken=taken, again=again)
    except (StoreBroken, StorageFull) as error:
        _log.error("the end of a job may be told twice", extra={"job": callback.job, "code": error.code})
        await asyncio.sleep(_STORE_PAUSE_SECONDS)
        return
    outcome = "taken" if taken else "failed" if more else "given_up"
    service.metrics.callbacks.labels(outcome=outcome).inc()
    _log.info("the end of a job was told", extra={"job": callback.job, "outcome": outcome, "attempt": callback.attempts + 1})


async def _told(service: Service, callback: Callback) -> tuple[int, str]:
    """The status of the answer, 0 without one, and the words for it.

    Raises: StoreBroken, StorageFull.
    """
    job = await service.store.ask(JobStore.job, callback.job)
    if job is None:  # forgotten since
        return _GONE, "the job is forgotten"
    at = datetime.fromtimestamp(job.finished or job.created, UTC).isoformat()
    view = plain(await job_view(service, job, record=False))
    body = json.dumps({"type": f"job.{callback.state}", "timestamp": at, "data": view}).encode()
    headers = signed(await secret_of(service, callback.signer), f"msg_{job.id}", body, now=time.time())
    try:
        status = await service.outgoing.ask("POST", target_of(callback.url), seconds=ATTEMPT_SECONDS, headers=headers, body=body)
    except (UrlRefused, UrlFailed) as error:
        return 0, error.says
    return status, status_text(status)
