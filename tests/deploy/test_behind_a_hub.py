"""A service behind the proxy of a hub: two keys in one request, and visitors with addresses of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fake_service import fake_service, page, saying
from served import noisy_photo, served

from dockerfile import instructions, pairs
from img_enhance.client import Client, Patience
from img_enhance.client.checks import CHECKS, Visit
from img_enhance.jobs.refusals import KeyUnknown
from space_folders import DEPLOY

KEY, TOKEN = "a-key-of-the-service", "hf_" + "z" * 34
STEPS = instructions((DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8"))
TRUSTED = next(pairs(step)["FORWARDED_ALLOW_IPS"] for step in STEPS if step.name == "ENV")


def test_the_hubs_token_and_our_key_come_together(tmp_path: Path) -> None:
    with served(tmp_path / "data", {"ACCESS": "keys", "API_KEYS": KEY}) as run:
        assert Client(run.url, KEY, token=TOKEN).status()["ready"]
        with pytest.raises(KeyUnknown):
            Client(run.url, token=TOKEN).status()
        environment = {**os.environ, "IMG_ENHANCE_SERVER_KEY": KEY, "IMG_ENHANCE_SERVER_TOKEN": TOKEN}
        command = [sys.executable, "-m", "img_enhance", "check-server", run.url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("[OK]") == len(CHECKS) + 1
        assert "asks for a key" in done.stdout
        assert TOKEN not in done.stdout + done.stderr


def statuses(url: str, *forwarded: str) -> list[int]:
    """Of a job sent by each of these addresses, as the proxy names them."""
    return [
        httpx.post(
            f"{url}/api/v1/enhance",
            files={"file": ("x", noisy_photo(side=16))},
            headers={"X-Forwarded-For": address, "Prefer": "respond-async"},
            timeout=120,
        ).status_code
        for address in forwarded
    ]


@pytest.mark.parametrize(("trusted", "second"), [(TRUSTED, 202), ("192.0.2.1", 429)])
def test_visitors_have_quotas_of_their_own_where_the_proxy_is_believed(
    trusted: str, second: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    with served(tmp_path / "data", {"JOBS_PER_KEY": "1"}) as run:
        pids = run.pids("worker")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # so that no job ends meanwhile
        try:
            # The first one comes back, pretending to be somebody else before the proxy adds the real address and passes it on.
            found = statuses(run.url, "198.51.100.7", "203.0.113.9", "203.0.113.77, 198.51.100.7, 10.1.2.3")
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
    assert found == [202, second, 429]


def test_a_check_waits_while_a_space_is_built_and_its_service_starts() -> None:
    patience = Patience(first=60, later=60, least_pause=0.01, most_pause=0.02)
    acts = {
        "GET /healthz": [page(503), page(502), saying({"status": "ok"})],
        "GET /readyz": [saying({"status": "starting"}, 503), saying({"status": "starting"}, 503), saying({"status": "ready"})],
    }
    with fake_service(acts) as fake:
        client = Client(fake.url, patience=patience)
        assert [check.run(Visit(client, client)) for check in CHECKS[:2]] == ["ok", "ready"]
