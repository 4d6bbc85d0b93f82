"""Whether a service that was just deployed does all that it should: a table of checks, which use a photo of 16 x 16 pixels."""

from __future__ import annotations

import json
import re
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from img_enhance.client.client import API, Client
from img_enhance.client.events import events_in
from img_enhance.client.form import Form
from img_enhance.client.jobs import JobStatus
from img_enhance.errors import ImgEnhanceError, UnsupportedPhoto, UserError
from img_enhance.jobs.refusals import KeyMissing, KeyUnknown, NotHere
from img_enhance.request.options import KEY_VARIABLE
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.words import Setting, Words

_SIDE = 16
_RECIPE = Recipe(steps=(RealESRGAN(model="realesr-animevideov3", upscale=2),))
_JOB_PATHS = ("jobs/{id}", "jobs/{id}/result", "jobs/{id}/events", "batches/{id}")
_PATHS = ("enhance", "enhance/batch", "suggest", *_JOB_PATHS, "algorithms", "status")
_ADDRESS = re.compile(r'(?:src|href)="([^"]+)"')


class Wrong(Exception):
    """A check that did not find what it should; says what it found."""


@dataclass(frozen=True)
class Check:
    """Something that must hold. `run` answers with a few words, or raises; `look_at` is where to look then."""

    name: str
    run: Callable[[Visit], str]
    look_at: str


@dataclass
class Visit:
    """What checks share: the client, one without a key, and the job that several look at."""

    client: Client
    stranger: Client
    job: JobStatus | None = None

    @property
    def accepted(self) -> JobStatus:
        if self.job is None:
            raise Wrong("no job was accepted")
        return self.job


def _healthz(visit: Visit) -> str:
    return _equal(_json(visit.client, "/healthz").get("status"), "ok")


def _readyz(visit: Visit) -> str:
    return _equal(_json(visit.client, "/readyz").get("status"), "ready")


def _access(visit: Visit) -> str:
    try:
        visit.stranger.status()
    except (KeyMissing, KeyUnknown):  # a token for what lies before the service is no key of its
        return "asks for a key"
    return "open to everybody, no key needed"


def _status(visit: Visit) -> str:
    deadline = time.monotonic() + visit.client.transport.patience.first
    while True:
        status = visit.client.status()
        dead = [process["role"] for process in status["processes"] if not process["alive"]]
        if not dead or time.monotonic() > deadline:  # ready is a service with one worker; others may still start
            break
        time.sleep(visit.client.transport.patience.poll)
    if dead:
        raise Wrong(f"{', '.join(dead)} is not alive")
    return f"version {status['version']}, {len(status['processes'])} processes, up {status['uptime_seconds']:.0f} s"


def _docs(visit: Visit) -> str:
    page = _text(visit.client, "/docs", "text/html")
    addresses = _ADDRESS.findall(page)
    if not addresses:
        raise Wrong("the page names no files")
    for address in addresses:
        if "//" in address:
            raise Wrong(f"the page asks another host, {address}")
        _text(visit.client, "/" + address.lstrip("/"), "")
    return f"the page and its {len(addresses)} files"


def _schema(visit: Visit) -> str:
    paths = _json(visit.client, "/openapi.json")["paths"]
    missing = [path for path in _PATHS if f"{API}/{path}" not in paths]
    if missing:
        raise Wrong(f"it lacks {', '.join(missing)}")
    return f"{len(paths)} addresses"


def _algorithms(visit: Visit) -> str:
    known = visit.client.algorithms()
    return f"{len(known['algorithms'])} algorithms, {len(known['models'])} models"


def _suggest(visit: Visit) -> str:
    suggested = visit.client.suggest(photo())
    return ", ".join(step["step"] for step in suggested["recipe"]["steps"]) or "nothing to do"


def _synchronous(visit: Visit) -> str:
    transport = visit.client.transport
    form = Form([photo()], {"recipe": _RECIPE.to_json()})
    data, headers = transport.ask(
        "POST", f"{API}/enhance", lambda r: (b"".join(transport.blocks(r)), dict(r.headers)), form=form, headers={"Accept": "image/*"}
    )
    if data.startswith(b"{"):
        return "answered 202: it has much to do"
    return f"{_size_of(data)}, {headers.get('x-summary', headers.get('X-Summary', 'without X-Summary'))}"


def _asynchronous(visit: Visit) -> str:
    visit.job = visit.client.wait(visit.client.submit(photo(), _RECIPE).id)
    visit.job.check_done()
    return f"job {visit.job.id} is {visit.job.state}"


def _events(visit: Visit) -> str:
    transport = visit.client.transport
    headers = {"Accept": "text/event-stream"}
    path = f"{API}/jobs/{visit.accepted.id}/events"
    found = transport.ask("GET", path, lambda response: list(events_in(transport.lines(response))), headers=headers)
    states = [event.data["state"] for event in found if event.kind == "state"]
    if not states or states[-1] != "done":
        raise Wrong(f"the states are {', '.join(states) or 'none'}")
    return ", ".join(states)


def _result(visit: Visit) -> str:
    return _size_of(visit.client.result(visit.accepted))


def _once(visit: Visit) -> str:
    key = f"check-{time.time_ns()}"
    first, second = (visit.client.submit(photo(), _RECIPE, idempotency_key=key).id for _ in range(2))
    if first != second:
        raise Wrong("the same request with the same Idempotency-Key became two jobs")
    return "the same request is done once"


def _batch(visit: Visit) -> str:
    found = visit.client.enhance_batch([photo(), b"not a photo"], _RECIPE)
    if isinstance(found[0], ImgEnhanceError):
        raise found[0]
    if not isinstance(found[1], UnsupportedPhoto):
        raise Wrong(f"what is no photo became {found[1]!r:.80}")
    return "a bad photo failed alone"


def _cancel(visit: Visit) -> str:
    job = visit.client.cancel(visit.client.submit(photo(), _RECIPE).id)
    if job.state not in ("cancelled", "expired"):
        raise Wrong(f"the job is {job.state}")
    return f"the job is {job.state}"


def _refusal(visit: Visit) -> str:
    try:
        visit.client.submit(b"not a photo", _RECIPE)
    except UserError as error:
        if isinstance(error, UnsupportedPhoto):
            return f"refused as {error.code}"
        raise
    raise Wrong("what is no photo was accepted")


def _metrics(visit: Visit) -> str:
    try:
        text = _text(visit.client, "/metrics", "text/plain")
    except (NotHere, KeyMissing):
        return "not shown here"
    if "img_enhance_" not in text:
        raise Wrong("there are no figures of img-enhance")
    return f"{len(text.splitlines())} lines"


CHECKS = (
    Check("healthz", _healthz, "whether the service runs, the URL, and the proxy before it"),
    Check("readyz", _readyz, "the service's log: workers that do not start, a disk that cannot be written"),
    Check("access", _access, "ACCESS and API_KEYS in the service's settings"),
    Check("status", _status, Words("the key (", Setting("key"), f" or {KEY_VARIABLE}); then the service's log")),
    Check("docs", _docs, "a proxy that rewrites or hides /docs"),
    Check("openapi.json", _schema, "the version that is deployed"),
    Check("algorithms", _algorithms, "the version that is deployed"),
    Check("suggest", _suggest, "the service's log for its readers, READER_MEMORY"),
    Check("enhance, waiting", _synchronous, "the service's log for its workers, WORKER_MEMORY, the proxy's time limit"),
    Check("enhance, as a job", _asynchronous, "the service's log for its workers, WORKER_MEMORY"),
    Check("events", _events, "a proxy that holds back text/event-stream"),
    Check("result", _result, "the folder DATA, and a proxy that changes pictures"),
    Check("idempotency", _once, "a proxy that drops Idempotency-Key; several services behind one address"),
    Check("batch", _batch, "MAX_BATCH_FILES, and the proxy's limit of a body"),
    Check("cancel", _cancel, "a proxy that refuses DELETE"),
    Check("an error", _refusal, "a proxy that puts its own page in place of application/problem+json"),
    Check("metrics", _metrics, "METRICS in the service's settings"),
)


def photo() -> bytes:
    """A PNG of 16 x 16 pixels, a slope of colours."""
    rows = b"".join(b"\0" + bytes(value for x in range(_SIDE) for value in (x * 15, y * 15, 128)) for y in range(_SIDE))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _size_of(data: bytes) -> str:
    """Width and height of a PNG, which must be twice those of the photo."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise Wrong(f"the result is no PNG but begins with {data[:12]!r}")
    width, height = struct.unpack(">II", data[16:24])
    return _equal(f"{width}x{height}", f"{2 * _SIDE}x{2 * _SIDE}")


def _equal(found: Any, expected: str) -> str:
    if found != expected:
        raise Wrong(f"it is {json.dumps(found)} instead of {json.dumps(expected)}")
    return expected


def _json(client: Client, path: str) -> dict[str, Any]:
    return client.transport.ask("GET", path, client.transport.read_json)


def _text(client: Client, path: str, kind: str) -> str:
    transport = client.transport

    def read(response: Any) -> str:
        if kind and response.headers.get_content_type() != kind:
            raise Wrong(f"{path} is {response.headers.get_content_type()} instead of {kind}")
        return transport.read_text(response)

    return transport.ask("GET", path, read, headers={"Accept": "*/*"})
