"""Fifty clients that mean well, badly, or nothing: each goes from one act to the next until time is up, and ends what it has begun."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from soak.ledger import Ledger
from soak.work import Task

# A client that is refused for a while, or cannot connect, asks again after at most so long. It gives up after
# more than a busy machine needs: what was accepted must end, however slowly.
_LONGEST_PAUSE_SECONDS, _PATIENCE_SECONDS = 2.0, 3600.0
_LONGEST_THOUGHT_SECONDS = 1.0
_OK, _ACCEPTED, _CONFLICT, _BUG = 200, 202, 409, 500
_PASSING = (429, 503)
_FORM = "multipart/form-data; boundary=x"


@dataclass
class Client:
    """Who asks with one key. `others` are keys of strangers, `tasks` this key's own."""

    api: httpx.AsyncClient
    key: str
    others: tuple[str, ...]
    tasks: list[Task]
    harmful: list[bytes]
    ledger: Ledger
    chance: random.Random

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.key}


async def live(client: Client, over: asyncio.Event) -> None:
    """Act after act until it is over."""
    acts, weights = zip(*_ACTS, strict=True)
    while not over.is_set():
        (act,) = client.chance.choices(acts, weights)
        try:
            await act(client)
        except TimeoutError as error:
            client.ledger.fault(f"{act.__name__.strip('_')}: {error}")
        await asyncio.sleep(client.chance.uniform(0, _LONGEST_THOUGHT_SECONDS))


async def _later(client: Client) -> None:
    """Send a photo, ask for the job until it has ended, take the picture."""
    task = client.chance.choice(client.tasks)
    answer = await _sent(client, task.photo, task.recipe, {"Prefer": "respond-async"})
    await _see_through(client, _noted(client, answer, task))


async def _waits(client: Client) -> None:
    """Send a photo and wait for the picture in the same answer."""
    task = client.chance.choice(client.tasks)
    answer = await _sent(client, task.photo, task.recipe, {})
    if answer.status_code == _OK:
        id = answer.headers["x-job-id"]
        client.ledger.accepted(id, client.key, task)
        client.ledger.pictured(id, answer.content)
    else:
        await _see_through(client, _noted(client, answer, task))


async def _batch(client: Client) -> None:
    tasks = client.chance.sample(client.tasks, 3)
    files = [("files", ("x.png", task.photo)) for task in tasks]
    words = {"recipe": [json.dumps(task.recipe) for task in tasks]}
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    answer = await _asked(client, "POST", "/api/v1/enhance/batch", headers=headers, files=files, data=words)
    ids = [job["id"] for job in answer.json()["jobs"]]
    for id, task in zip(ids, tasks, strict=True):
        client.ledger.accepted(id, client.key, task)
    for id in ids:
        await _see_through(client, id)


async def _cancels(client: Client) -> None:
    task = client.chance.choice(client.tasks)
    id = _noted(client, await _sent(client, task.photo, task.recipe, {"Prefer": "respond-async"}), task)
    await asyncio.sleep(client.chance.uniform(0, 0.5))
    answer = await _asked(client, "DELETE", f"/api/v1/jobs/{id}")
    state = answer.json()["state"]
    client.ledger.ended(id, f"deleted, {state}")
    if state not in ("cancelled", "expired", "failed"):
        client.ledger.fault(f"a job that was deleted is {state}")
    gone = await _asked(client, "GET", f"/api/v1/jobs/{id}/result")
    if gone.status_code == _OK:
        client.ledger.fault(f"job {id} has a result after it was deleted")


async def _is_hostile(client: Client) -> None:
    """Send a damaged file: refused, or a job that ends like every other."""
    answer = await _sent(
        client, client.chance.choice(client.harmful), client.chance.choice(client.tasks).recipe, {"Prefer": "respond-async"}
    )
    if answer.status_code == _ACCEPTED:
        await _see_through(client, _noted(client, answer, None))
    else:
        client.ledger.ends["harmful file refused"] += 1


async def _is_rude(client: Client) -> None:
    """Go away in the middle of a body, or of a stream, or send what no one can read."""
    task = client.chance.choice(client.tasks)
    way = client.chance.randrange(3)
    with suppress(httpx.TransportError, _Left, StopAsyncIteration):  # that was the plan, or the service was just killed
        if way == 0:
            await client.api.post("/api/v1/enhance", headers={**client.headers, "Content-Type": _FORM}, content=_broken(task.photo))
        elif way == 1:
            body = b'{"image": "' + b"[" * 2000
            answer = await client.api.post("/api/v1/enhance", headers={**client.headers, "Content-Type": "application/json"}, content=body)
            _check_status(client, answer)
        else:
            id = _noted(client, await _sent(client, task.photo, task.recipe, {"Prefer": "respond-async"}), task)
            async with client.api.stream("GET", f"/api/v1/jobs/{id}/events", headers=client.headers) as events:
                await anext(events.aiter_raw())
    client.ledger.ends["rude"] += 1


async def _is_curious(client: Client) -> None:
    """Ask for somebody else's job in every way there is."""
    theirs = [id for id, entry in client.ledger.jobs.items() if entry.key in client.others]
    if theirs:
        id = client.chance.choice(theirs)
        for method, address in (
            ("GET", f"jobs/{id}"),
            ("GET", f"jobs/{id}/result"),
            ("DELETE", f"jobs/{id}"),
            ("GET", f"results?jobs={id}"),
        ):
            answer = await _asked(client, method, f"/api/v1/{address}")
            if answer.status_code != httpx.codes.NOT_FOUND:
                client.ledger.fault(f"{method} {address} of another key is answered {answer.status_code}")
        client.ledger.ends["curious"] += 1


async def _is_slow(client: Client) -> None:
    """Send a body in drops."""
    task = client.chance.choice(client.tasks)
    headers = {**client.headers, "Content-Type": _FORM, "Prefer": "respond-async", "Idempotency-Key": secrets.token_hex(8)}
    body = _form(task.photo, task.recipe)

    async def once() -> httpx.Response:
        return await client.api.post("/api/v1/enhance", headers=headers, content=_drops(body))

    await _see_through(client, _noted(client, await _answered(client, once), task))


_ACTS: tuple[tuple[Callable[[Client], Awaitable[None]], int], ...] = (
    (_later, 50),
    (_waits, 20),
    (_batch, 4),
    (_cancels, 8),
    (_is_hostile, 8),
    (_is_rude, 4),
    (_is_curious, 3),
    (_is_slow, 3),
)


class _Left(Exception):
    """The client went away."""


async def _broken(photo: bytes) -> AsyncIterator[bytes]:
    yield _form(photo, {})[:100]
    raise _Left


async def _drops(body: bytes, drops: int = 10) -> AsyncIterator[bytes]:
    size = len(body) // drops + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0.3)


def _form(photo: bytes, recipe: Mapping[str, Any]) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="%s"'
    words = (head % b"recipe") + b"\r\n\r\n" + json.dumps(recipe).encode()
    return words + b"\r\n" + (head % b"file") + b'; filename="x"\r\n\r\n' + photo + b"\r\n--x--\r\n"


async def _sent(client: Client, photo: bytes, recipe: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
    sent = {**headers, "Idempotency-Key": secrets.token_hex(8)}
    words = {"recipe": json.dumps(recipe)}
    return await _asked(client, "POST", "/api/v1/enhance", headers=sent, files={"file": ("x", photo)}, data=words)


async def _asked(client: Client, method: str, address: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        return await client.api.request(method, address, headers={**client.headers, **(headers or {})}, **more)

    return await _answered(client, once)


async def _answered(client: Client, once: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer, however often it must be asked for: the service may be dead for a while, or have too much to do.

    Raises: TimeoutError.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    last = "nothing"
    while asyncio.get_running_loop().time() < deadline:
        pause = 0.5
        try:
            answer = await once()
            _check_status(client, answer)
            last = f"{answer.status_code} {answer.text[:200]}" if answer.status_code != _OK else ""
            running = answer.status_code == _CONFLICT and answer.json()["code"] == "idempotency_running"
            if answer.status_code not in _PASSING and not running:
                return answer
            client.ledger.ends["asked to come again"] += 1
            pause = float(answer.headers["retry-after"])
        except httpx.TransportError as error:
            last = repr(error)
            client.ledger.ends["not answered"] += 1
        await asyncio.sleep(min(pause, _LONGEST_PAUSE_SECONDS) * client.chance.uniform(0.5, 1))
    raise TimeoutError(f"no answer for {_PATIENCE_SECONDS:.0f} s, the last was {last}")


def _check_status(client: Client, answer: httpx.Response) -> None:
    if answer.status_code == _BUG and answer.json()["code"] != "worker_died":
        client.ledger.fault(f"{answer.request.method} {answer.request.url.path} is answered 500: {answer.text[:300]}")


def _noted(client: Client, answer: httpx.Response, task: Task | None) -> str:
    """The id of the job that an answer names.

    Raises: TimeoutError where a good photo was refused: no later try will do better.
    """
    found = answer.json()
    id = found.get("id") or found.get("job")
    if id is None:
        raise TimeoutError(f"a good photo was refused: {answer.text[:300]}")
    client.ledger.accepted(id, client.key, task)
    return str(id)


async def _see_through(client: Client, id: str) -> None:
    """Ask for a job until it has ended.

    Raises: TimeoutError.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    pause = 0.1
    while asyncio.get_running_loop().time() < deadline:
        job = (await _asked(client, "GET", f"/api/v1/jobs/{id}")).json()
        if job["state"] == "done":
            client.ledger.pictured(id, (await _asked(client, "GET", f"/api/v1/jobs/{id}/result")).content)
            return
        if job["state"] == "failed":
            client.ledger.failed(id, job["error"])
            return
        if job["state"] not in ("queued", "running"):
            raise TimeoutError(f"job {id} is {job['state']}, and nobody asked for that")
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)
    raise TimeoutError(f"job {id} did not end within {_PATIENCE_SECONDS:.0f} s")
