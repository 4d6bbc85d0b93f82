"""Pushes an assembled folder to Hugging Face as a Space, waits until it runs, and checks it.

    python scripts/push_space.py build/space/docker
    python scripts/push_space.py build/space/docker --name mine --private --open

The token is HF_TOKEN's, else that of `hf auth login`. Keys go to the Space as the Secret IMG_ENHANCE_API_KEYS: those of this variable here,
else a new one, which is printed once and of which the Space gets the hash only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from space_folders import faults

NAME = "img-enhance-service"
KEYS, ACCESS = "IMG_ENHANCE_API_KEYS", "IMG_ENHANCE_ACCESS"
RUNNING = "RUNNING"


@dataclass(frozen=True)
class Pushed:
    """A Space that was pushed: its name on the hub, its own address, and the key that was made for it."""

    id: str
    url: str
    new_key: str | None


def main() -> int:
    """Exit code 0 where the Space runs and passes its checks, 2 where it could not be pushed, 3 where it does not run as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="made by make space")
    parser.add_argument("--name", default=NAME, help=f"of the Space, with OWNER/ before it for an organisation (default {NAME})")
    parser.add_argument("--private", action="store_true", help="only you see it")
    parser.add_argument("--open", action="store_true", help="everybody may use it, without a key")
    parser.add_argument(
        "--wait", type=float, default=1800, metavar="SECONDS", help="how long building and starting may take (default 1800)"
    )
    given = parser.parse_args()
    found = list(faults(given.folder)) if given.folder.is_dir() else [f"{given.folder} is no folder; run: make space"]
    for fault in found:
        print(f"[ERROR] {fault}")
    if found:
        return 2
    # Answers which say what failed are the hub's; they name no token.
    try:
        api = HfApi()
        pushed = push(api, given.folder, given.name, private=given.private, is_open=given.open)
        print(f"[OK] {given.folder} is pushed to {api.endpoint}/spaces/{pushed.id}", flush=True)
        if pushed.new_key:
            print(f"[OK] a new key, shown this once: {pushed.new_key}", flush=True)
        return check(api, pushed, given.folder, private=given.private, wait_seconds=given.wait)
    except LocalTokenNotFoundError:
        print("[ERROR] there is no token of Hugging Face; run: hf auth login, or set HF_TOKEN to one that may write")
    except (HfHubHTTPError, httpx.HTTPError) as error:
        print(f"[ERROR] the hub refuses, or cannot be reached: {str(error).encode('ascii', 'replace').decode()}")
    except TimeoutError:
        print(f"[ERROR] it does not run after {given.wait:g} s; its log says why, and --wait gives it longer")
        return 3
    return 2


def push(api: HfApi, folder: Path, name: str, *, private: bool, is_open: bool) -> Pushed:
    """Make the Space where there is none, set its secrets and variables, and make its files those of the folder.

    Raises: what `HfApi` raises.
    """
    if get_token() is None:
        raise LocalTokenNotFoundError
    header = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    id = api.create_repo(name, repo_type="space", space_sdk=header["sdk"], private=private, exist_ok=True).repo_id
    key = None
    if header["sdk"] == "docker":
        # Before its files, so that the first start finds them.
        key = None if is_open else give_keys(api, id)
        api.add_space_variable(id, ACCESS, "open" if is_open else "keys")
    api.upload_folder(repo_id=id, repo_type="space", folder_path=folder, delete_patterns="*", commit_message="Deploy img-enhance")
    return Pushed(id, address_of(api, id), key)


def give_keys(api: HfApi, id: str) -> str | None:
    """Set the Space's keys where they are given here or there are none; a key that was made for that."""
    given = os.environ.get(KEYS)
    if given:
        api.add_space_secret(id, KEYS, given)
        return None
    if KEYS in api.get_space_secrets(id):
        return None
    key = "ie_" + secrets.token_urlsafe(32)
    api.add_space_secret(id, KEYS, f"sha256:{hashlib.sha256(key.encode()).hexdigest()}")
    return key


def address_of(api: HfApi, id: str) -> str:
    """Where the Space answers; a private one too, for whoever sends the hub's token."""
    info = api.space_info(id)
    return info.host or f"https://{info.subdomain or id.replace('/', '-').lower()}.hf.space"


def check(api: HfApi, pushed: Pushed, folder: Path, *, private: bool, wait_seconds: float) -> int:
    """Wait until the Space runs, then ask it for everything that a service does."""
    stage = api.wait_for_space(pushed.id, timeout=wait_seconds, poll_interval=3.0).stage
    if stage != RUNNING:
        print(f"[ERROR] the Space is {stage}; its log says why: {api.endpoint}/spaces/{pushed.id}?logs=container")
        return 3
    print(f"[OK] it runs at {pushed.url}", flush=True)
    if not (folder / "Dockerfile").is_file():
        return 0
    environment = dict(os.environ)
    if pushed.new_key:
        environment["IMG_ENHANCE_SERVER_KEY"] = pushed.new_key
    if private:
        environment["IMG_ENHANCE_SERVER_TOKEN"] = get_token() or ""
    command = [sys.executable, "-m", "img_enhance", "check-server", pushed.url, "--wait", str(wait_seconds)]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
