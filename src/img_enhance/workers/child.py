"""One child process at its own pair of sockets, as the API sees it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img_enhance.machine.memory import anonymous_bytes
from img_enhance.workers.protocol import CPU, LENGTH_BYTES, Failed, Loaded, Message, Ready, Setup, decode, encode, length

# What PyTorch and the makers' runtimes read: with these, a process sees no GPU at all.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""}

# NumPy's matrices are small here, and with threads of its own OpenBLAS once waited for ever for one that was gone (measured
# 2026-11: one start of about 100, on a busy machine).
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}

_log = logging.getLogger(__name__)

# Loading libraries and compiling a network takes 2 to 10 s; a busy machine may be many times slower.
START_SECONDS = 180.0


@dataclass
class Child:
    """A running child. `receive` answers None when it is dead."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    models: tuple[str, ...] = ()
    processors: dict[str, Any] = field(default_factory=dict)
    bytes_at_start: int = 0
    inbox: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    pump: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def send(self, message: Message) -> None:
        """Send, if it lives; a dead one is noticed by `receive`."""
        try:
            self.writer.write(encode(message))
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            return

    async def receive(self) -> Message | None:
        """The next message."""
        return await self.inbox.get()

    async def fill_inbox(self) -> None:
        """Read until the child is dead; what it says of its models is noted at once and not handed on."""
        message: Message | None = None
        while True:
            try:
                head = await self.reader.readexactly(LENGTH_BYTES)
                message = decode(await self.reader.readexactly(length(head)))
            except (asyncio.IncompleteReadError, ConnectionError, ValueError, TypeError, KeyError):
                self.inbox.put_nowait(None)
                return
            if isinstance(message, Loaded):
                self.models = message.models
            else:
                self.inbox.put_nowait(message)

    async def kill(self) -> None:
        """End it, whatever it does."""
        if self.alive:
            with suppress(ProcessLookupError):
                self.process.kill()
        if self.pump is not None:
            self.pump.cancel()
        self.inbox.put_nowait(None)
        self.writer.close()
        await self.process.wait()


async def start_child(role: str, setup: Setup, scratch: Path) -> Child | None:
    """A fresh process that is ready; None when it did not come up."""
    child = await _spawned(role, setup, scratch)
    try:
        await child.send(setup)
        first = await asyncio.wait_for(child.receive(), START_SECONDS)
    except TimeoutError:
        first = None
    except asyncio.CancelledError:
        await child.kill()
        raise
    if not isinstance(first, Ready):
        _log.error("a child did not start", extra={"role": role, "detail": first.detail if isinstance(first, Failed) else ""})
        await child.kill()
        return None
    child.processors = first.processors
    child.bytes_at_start = anonymous_bytes(child.process.pid)
    return child


async def _spawned(role: str, setup: Setup, scratch: Path) -> Child:
    """A process that is spawned, not forked, at the other end of a new pair of sockets."""
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "img_enhance.workers.worker",
            role,
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(scratch), **ONE_THREAD, **(NO_GPU if setup.device == CPU else {})},
        )
    finally:
        theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    child = Child(process, reader, writer)
    child.pump = asyncio.create_task(child.fill_inbox())
    return child
