"""An hour of fifty clients with two keys, good, bad and slow ones, while processes are killed; then what must be true is looked for.

`--no-kills` lets all live, and looks at memory and at /status instead. `make soak-hour` does both; docs/reliability.md states the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx

from measure import say
from running import Running
from settings import FOLDER
from soak.clients import Client, live
from soak.ledger import Ledger, check_folder, check_lists
from soak.probe import Seen, look, seen_in
from soak.work import Task, make_harmful, make_tasks

KEYS, PROBE = ("a key of the first one", "a key of the second one"), "a key of who looks on"
TASKS_EACH, HARMFUL = 25, 300

# All may fail at once while it is killed; /status is judged where it is answered.
MOST_STATUS_MS = {"kills": 150.0, "calm": 50.0}
MOST_GROWTH = 0.03
_DRAIN_SECONDS = 300.0


async def soak(
    running: Running, ledger: Ledger, tasks: Sequence[list[Task]], *, seconds: float, every: float, clients: int
) -> Counter[str]:
    """How often each kind of process was killed, when the time is up and all clients have ended what they had begun."""
    over, harmful = asyncio.Event(), make_harmful(HARMFUL, 3)
    limits = httpx.Limits(max_connections=clients * 2, max_keepalive_connections=clients)
    kills: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=running.url, timeout=120, limits=limits) as api:
        people = [Client(api, KEYS[n % 2], (KEYS[1 - n % 2],), tasks[n % 2], harmful, ledger, random.Random(n)) for n in range(clients)]
        lives = [asyncio.create_task(live(each, over)) for each in people]
        killer = asyncio.create_task(_kill(running, kills, every)) if every else None
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            await asyncio.sleep(min(30.0, seconds))
            say(f"  {time.monotonic() - started:.0f} s: {len(ledger.jobs)} jobs, {sum(kills.values())} kills, {len(ledger.faults)} faults")
            _check_alive(running, ledger, killer)
        if killer is not None:
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)
        await asyncio.to_thread(_alive_again, running)
        over.set()
        for end in await asyncio.gather(*lives, return_exceptions=True):
            if isinstance(end, BaseException):
                ledger.fault(f"a client broke: {end!r}")
    return kills


async def _kill(running: Running, kills: Counter[str], every: float) -> None:
    """Every so many seconds the end of a worker, a reader, or the API, which is started again."""
    chance = random.Random(1)
    while True:
        await asyncio.sleep(every)
        role = chance.choice(("api", "worker", "reader"))
        try:
            if role == "api":
                await asyncio.to_thread(running.kill)
                running.start()
                await asyncio.to_thread(running.wait_ready)
            else:
                os.kill(chance.choice(await asyncio.to_thread(running.pids, role, PROBE)), signal.SIGKILL)
        except (httpx.HTTPError, IndexError, ProcessLookupError):
            kills["missed"] += 1  # it was dead already, or its replacement is not there yet
        else:
            kills[role] += 1


def _check_alive(running: Running, ledger: Ledger, killer: asyncio.Task[None] | None) -> None:
    if killer is not None and killer.done():
        killer.result()  # raises: without it the soak means nothing
    if killer is None and running.process.poll() is not None:
        ledger.fault("the service ended by itself")


def _alive_again(running: Running) -> None:
    """A kill may have been cut off in the middle."""
    if running.process.poll() is not None:
        running.start()
    running.wait_ready()


def _quiet(running: Running) -> None:
    """Return when nothing waits or runs."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline:
        jobs = running.status(PROBE)["queue"]["jobs"]
        if not jobs.get("queued") and not jobs.get("running"):
            return
        time.sleep(0.5)


def run(folder: Path, *, seconds: float, every: float, clients: int) -> tuple[Ledger, Seen, Counter[str]]:
    """One soak over a new folder, and what was seen."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say("  making photos and what must come of them")
    both = make_tasks(TASKS_EACH * 2, 1)
    tasks = [both[:TASKS_EACH], both[TASKS_EACH:]]
    running = Running(folder / "data", {"ACCESS": "keys", "API_KEYS": ",".join((*KEYS, PROBE))})
    ledger, lines = Ledger(), folder / "probe.jsonl"
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    probe = context.Process(target=look, args=(running.port, PROBE, lines, over), daemon=True)
    try:
        running.wait_ready()
        probe.start()
        kills = asyncio.run(soak(running, ledger, tasks, seconds=seconds, every=every, clients=clients))
        over.set()
        probe.join()
        _quiet(running)
        check_lists(running.url, ledger, KEYS)
        code = running.stop()
        if code:
            ledger.fault(f"the service stopped with {code}")
        check_folder(running.data, ledger)
    finally:
        over.set()
        if running.process.poll() is None:
            running.kill()
    text = running.log.read_text(errors="replace")
    for bad in ("Traceback", "a mistake of ours", "a loop of the service ended"):
        if bad in text:
            ledger.fault(f"the log has {text.count(bad)} times '{bad}'")
    return ledger, seen_in(lines), kills


def report(ledger: Ledger, seen: Seen, kills: Counter[str], *, calm: bool) -> int:
    """Print the figures; the exit code."""
    print(f"jobs accepted {len(ledger.jobs)}; ends {dict(ledger.ends.most_common())}")
    print(f"kills {dict(kills)}")
    (p50, p99), (late50, late99) = seen.status_ms, seen.late_ms
    print(f"/status: {seen.answers} answers, {seen.unanswered} without; p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"the process that asks was late itself by p50 {late50:.1f} ms, p99 {late99:.1f} ms; load average {seen.load:.1f}")
    if p99 > MOST_STATUS_MS["calm" if calm else "kills"]:
        print(f"[WARNING] /status: p99 above {MOST_STATUS_MS['calm' if calm else 'kills']:.0f} ms")
    for name, (early, late) in seen.memory.items() if calm else ():
        grown = late / early - 1 if early else 0.0
        print(f"{'[WARNING]' if grown > MOST_GROWTH else '[OK]'} {name}: {early / 1e6:.1f} to {late / 1e6:.1f} MB, {grown:+.1%}")
    print(f"[ERROR] {len(ledger.faults)} faults" if ledger.faults else "[OK] nothing lost, doubled or mixed, no 500")
    return 1 if ledger.faults else 0


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600, metavar="N", help="how long (default: 3600)")
    parser.add_argument("--every", type=float, default=10, metavar="N", help="seconds between two kills (default: 10)")
    parser.add_argument("--clients", type=int, default=50, metavar="N", help="how many (default: 50)")
    parser.add_argument("--no-kills", action="store_true", help="kill nothing; look at memory")
    parser.add_argument("--scratch", type=Path, default=FOLDER / "soak", metavar="FOLDER", help="where the service keeps its jobs")
    arguments = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the service must not go on alone
    every = 0.0 if arguments.no_kills else arguments.every
    ledger, seen, kills = run(arguments.scratch.resolve(), seconds=arguments.seconds, every=every, clients=arguments.clients)
    return report(ledger, seen, kills, calm=arguments.no_kills)


if __name__ == "__main__":
    sys.exit(main())
