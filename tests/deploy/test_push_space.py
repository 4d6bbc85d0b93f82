"""Pushing a Space, against a stand-in of the hub: files, secrets, waiting, and what goes wrong."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import OWNER, Hub, fake_hub
from spaces_made import made

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "push_space.py"
# The hub's library looks whether it begins so.
TOKEN = "hf_" + "x" * 34


@pytest.fixture
def hub() -> Iterator[Hub]:
    with fake_hub(TOKEN) as hub:
        yield hub


def push(
    hub: Hub, folder: Path, *arguments: str, home: Path, token: str | None = TOKEN, keys: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "IMG_ENHANCE_", "HUGGING"))},
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",  # the stand-in has the older way of large files
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **({"HF_TOKEN": token} if token else {}),
        **({"IMG_ENHANCE_API_KEYS": keys} if keys else {}),
    }
    return subprocess.run(
        [sys.executable, SCRIPT, folder, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_pushes_files_and_secrets_and_waits_until_it_runs(hub: Hub, tmp_path: Path) -> None:
    folder = made("zerogpu", tmp_path)
    hub.files["left_from_before.txt"] = b"old"
    done = push(hub, folder, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hub.made is not None
    assert (hub.made["name"], hub.made["type"], hub.made["sdk"]) == ("img-enhance-service", "space", "gradio")
    assert hub.files == {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert hub.asked.count("GET /api/ID/runtime") == 3
    assert TOKEN not in done.stdout + done.stderr


def test_a_docker_space_gets_a_key_whose_hash_only_is_kept(hub: Hub, tmp_path: Path) -> None:
    hub.host = hub.url  # whatever answers there is no service of ours
    folder = made("docker", tmp_path)
    done = push(hub, folder, "--wait", "20", home=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "[ERROR] healthz" in done.stdout
    key = next(line.split()[-1] for line in done.stdout.splitlines() if "a new key" in line)
    assert hub.secrets == {"IMG_ENHANCE_API_KEYS": "sha256:" + hashlib.sha256(key.encode()).hexdigest()}
    assert hub.variables == {"IMG_ENHANCE_ACCESS": "keys"}
    assert not any(key.encode() in data for data in hub.files.values())
    wheel = next(folder.glob("*.whl"))
    assert hub.files[wheel.name] == wheel.read_bytes()
    # The secret is there before the files, and so before the first start.
    assert hub.asked.index("POST /api/ID/secrets") < hub.asked.index("POST /api/ID/commit/main")
    before = dict(hub.secrets)
    assert "a new key" not in push(hub, folder, "--wait", "20", home=tmp_path).stdout
    assert hub.secrets == before


def test_keys_of_the_environment_are_the_spaces_and_never_a_variable(hub: Hub, tmp_path: Path) -> None:
    hub.stages = ["RUNTIME_ERROR"]
    done = push(hub, made("docker", tmp_path), home=tmp_path, keys="a key that was chosen")
    assert done.returncode == 3
    assert "RUNTIME_ERROR" in done.stdout
    assert f"/spaces/{OWNER}/img-enhance-service?logs=container" in done.stdout
    assert hub.secrets == {"IMG_ENHANCE_API_KEYS": "a key that was chosen"}
    assert "a key that was chosen" not in str(hub.variables) + str(hub.made) + done.stdout + done.stderr


def test_a_space_for_everybody_has_no_key(hub: Hub, tmp_path: Path) -> None:
    hub.stages = ["BUILD_ERROR"]
    assert push(hub, made("docker", tmp_path), "--open", "--private", "--name", "mine", home=tmp_path).returncode == 3
    assert hub.secrets == {}
    assert hub.variables == {"IMG_ENHANCE_ACCESS": "open"}
    assert hub.made is not None
    assert hub.made["name"] == "mine"
    assert hub.made.get("private") or hub.made.get("visibility") == "private"


def test_says_that_a_token_is_missing_or_wrong(hub: Hub, tmp_path: Path) -> None:
    folder = made("docker", tmp_path)
    for token, words in ((None, "hf auth login"), ("hf_" + "y" * 34, "the hub refuses")):
        done = push(hub, folder, home=tmp_path, token=token)
        assert done.returncode == 2
        assert words in done.stdout
        assert "Traceback" not in done.stderr
    assert hub.files == {}


def test_a_folder_with_a_secret_is_not_pushed(hub: Hub, tmp_path: Path) -> None:
    folder = made("docker", tmp_path)
    (folder / "notes.txt").write_text(f"token {TOKEN}\n")
    done = push(hub, folder, home=tmp_path)
    assert done.returncode == 2
    assert "line 1 of notes.txt holds a secret" in done.stdout
    assert hub.asked == []
