"""Does what a Dockerfile says in a root folder made by debootstrap, step by step, where there is no Docker. Needs root.

    debootstrap --variant=minbase trixie ROOT
    python scripts/run_dockerfile.py build ROOT build/space/docker --build-arg MODELS=yunet-2026may
    python scripts/run_dockerfile.py serve ROOT build/space/docker --env IMG_ENHANCE_ACCESS=open

`serve` starts the image's command as its user, with everything read-only but its volumes, in namespaces of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dockerfile import Instruction, expanded, instructions, pairs

# An image's PATH need not lead to it.
CHROOT = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    """Build or serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "serve"))
    parser.add_argument("root", type=Path, help="folder made by debootstrap, as FROM names it")
    parser.add_argument("context", type=Path, help="folder with the Dockerfile and what it copies")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for every step, but not part of the image")
    given = parser.parse_args()
    steps = list(instructions((given.context / "Dockerfile").read_text(encoding="utf-8")))
    arguments, extra = (dict(text.split("=", 1) for text in texts) for texts in (given.build_arg, given.env))
    if given.what == "serve":
        return serve(given.root.resolve(), steps, {**environment_of(steps, arguments), **extra})
    build(given.root.resolve(), given.context, steps, arguments, extra)
    return 0


def build(root: Path, context: Path, steps: Sequence[Instruction], arguments: dict[str, str], extra: dict[str, str]) -> None:
    """Do every RUN and COPY; each is printed with its seconds and the size of the root after it."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    values, shell = {"PATH": _DEFAULT_PATH, "HOME": "/root"}, ["/bin/sh", "-c"]
    for step in steps:
        started = time.monotonic()
        if step.name == "ARG":
            values |= {name: arguments.get(name, value) for name, value in pairs(step).items()}
        elif step.name == "ENV":
            values |= {name: expanded(value, values) for name, value in pairs(step).items()}
        elif step.name == "SHELL":
            shell = json.loads(step.text)
        elif step.name == "COPY":
            copy(root, context, step)
        elif step.name == "RUN":
            in_root(root, [*shell, step.text], values | extra)
            seconds, size = time.monotonic() - started, subprocess.run(["du", "-sxm", root], capture_output=True, text=True, check=True)
            print(f"[OK] {seconds:6.1f} s, {size.stdout.split()[0]} MB after: {step.text[:90]}", flush=True)


def copy(root: Path, context: Path, step: Instruction) -> None:
    """Copy files of the context; a pattern must fit something, as for Docker."""
    *patterns, target = shlex.split(step.text)
    folder = root / target.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in patterns:
        found = list(context.glob(pattern))
        if not found:
            raise SystemExit(f"[ERROR] COPY: nothing in {context} fits {pattern}; make space assembles the folder")
        for path in found:
            shutil.copy(path, folder)


def in_root(root: Path, command: Sequence[str], values: dict[str, str]) -> None:
    """Run a command in the root with /proc and /dev, which are gone with it."""
    script = f'mount -t proc proc "{root}/proc" && mount --rbind /dev "{root}/dev" && exec {CHROOT} "{root}" "$@"'
    subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh", *command], env=values, check=True)


def environment_of(steps: Sequence[Instruction], arguments: dict[str, str]) -> dict[str, str]:
    """What the image's ENV says; ARG is for building only."""
    known: dict[str, str] = {"PATH": _DEFAULT_PATH}
    names: set[str] = {"PATH"}
    for step in steps:
        if step.name == "ARG":
            known |= {name: arguments.get(name, value) for name, value in pairs(step).items()}
        elif step.name == "ENV":
            known |= {name: expanded(value, known) for name, value in pairs(step).items()}
            names |= pairs(step).keys()
    return {name: known[name] for name in names}


def serve(root: Path, steps: Sequence[Instruction], values: dict[str, str]) -> int:
    """Run the image's command as its user over a read-only root until it ends."""
    last = {step.name: step.text for step in steps}
    command = json.loads(last["ENTRYPOINT"]) + json.loads(last["CMD"])
    volumes = json.loads(last["VOLUME"])
    lines = [f'mount --bind "{root}" "{root}"', f'mount -t proc proc "{root}/proc"', f'mount --rbind /dev "{root}/dev"']
    lines += [f'mount --bind "{root}{volume}" "{root}{volume}"' for volume in volumes]
    lines += [f'mount -o remount,bind,ro "{root}"']
    user, folder = last["USER"], last["WORKDIR"]
    start = f'cd {shlex.quote(folder)} && exec setpriv --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all "$@"'
    lines += [f'exec {CHROOT} "{root}" /bin/sh -c {shlex.quote(start)} sh "$@"']
    script = " && ".join(lines)
    # Signals go to the child of unshare, which is the first process there.
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", *command], env=values, check=False
    ).returncode


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("[ERROR] chroot needs root; run it with sudo")
    sys.exit(main())
