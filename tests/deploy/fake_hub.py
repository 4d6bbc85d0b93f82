"""A stand-in of the hub's HTTP API, as far as pushing a Space uses it: it keeps what it is sent."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OWNER = "somebody"


@dataclass
class Hub:
    """What was made and sent. `stages` are those of the Space, the last one again and again; `host` is where it says that it answers."""

    token: str
    host: str = ""
    stages: list[str] = field(default_factory=lambda: ["BUILDING", "APP_STARTING", "RUNNING"])
    port: int = 0
    made: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        hub, body = self.hub, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = re.sub(r"/(?:spaces/)?somebody/[\w.-]+?(?=/|\.git|$|\?)", "/ID", self.path.partition("?")[0])
        hub.asked.append(f"{self.command} {path}")
        if self.headers.get("Authorization") != f"Bearer {hub.token}" and not path.startswith("/blobs/"):
            self.answer({"error": "Invalid user token."}, 401)
            return
        if path.startswith("/blobs/"):
            hub.blobs[path.removeprefix("/blobs/")] = body
            self.answer({})
            return
        self.answer(self.said(f"{self.command} {path}", body))

    def said(self, request: str, body: bytes) -> Any:
        """What the hub answers."""
        hub = self.hub
        if request == "POST /api/repos/create":
            hub.made = json.loads(body)
            return {"url": f"{hub.url}/spaces/{OWNER}/{hub.made['name']}", "name": f"{OWNER}/{hub.made['name']}"}
        if request == "POST /api/ID/commit/main":
            self.commit([json.loads(line) for line in body.splitlines()])
            return {"success": True, "commitOid": "1" * 40, "commitUrl": f"{hub.url}/spaces/{OWNER}/x/commit/{'1' * 40}"}
        if request == "POST /api/ID/preupload/main":
            files = json.loads(body)["files"]
            return {
                "files": [
                    {**each, "shouldIgnore": False, "uploadMode": "lfs" if each["path"].endswith(".whl") else "regular"} for each in files
                ]
            }
        if request.startswith("POST /ID.git/info/lfs"):
            return self.batch(json.loads(body))
        if request.startswith("POST /api/ID/"):
            kept = hub.secrets if request.endswith("/secrets") else hub.variables
            row = json.loads(body)
            kept[row["key"]] = row["value"]
            return {}
        if request == "GET /api/ID/secrets":
            return {name: {"key": name} for name in hub.secrets}
        if request == "GET /api/ID/runtime":
            stage = hub.stages.pop(0) if len(hub.stages) > 1 else hub.stages[0]
            return {"stage": stage, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}, "storage": None, "gcTimeout": 0}
        if request.startswith("GET /api/ID/tree"):
            return [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in hub.files.items()]
        if request.startswith("GET /api/ID"):
            siblings = [{"rfilename": name} for name in hub.files]
            return {"id": f"{OWNER}/x", "sha": "1" * 40, "siblings": siblings, "host": hub.host, "private": False, "tags": []}
        return {}

    def batch(self, asked: dict[str, Any]) -> Any:
        links = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/blobs/{each['oid']}", "header": {}}}, "authenticated": True}
            for each in asked["objects"]
        ]
        return {"transfer": "basic", "objects": links}

    def commit(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            value = row["value"]
            if row["key"] == "file":
                self.hub.files[value["path"]] = base64.b64decode(value["content"])
            elif row["key"] == "lfsFile":
                self.hub.files[value["path"]] = self.hub.blobs[value["oid"]]
            elif row["key"] == "deletedFile":
                del self.hub.files[value["path"]]

    def answer(self, values: Any, status: int = 200) -> None:
        data = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def fake_hub(token: str, host: str = "") -> Iterator[Hub]:
    """A hub that lets in who has this token."""
    hub = Hub(token, host)
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub})) as listening:
        listening.daemon_threads = True
        hub.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            listening.shutdown()
            thread.join()
