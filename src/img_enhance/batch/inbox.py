"""What a lane's process is told while it is at work: to stop, and by whom it has asked, answers."""

from __future__ import annotations

from collections import deque
from multiprocessing.connection import Connection

# What ends the work on a photo, in place of a task.
CANCEL = "cancel"


class Inbox:
    """The process's end of its connection. A cancel is remembered until the next task."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: deque[object] = deque()
        self._cancelled = False

    def send(self, message: object) -> None:
        """Say something to the other end."""
        self._connection.send(message)

    def task(self) -> object:
        """The next thing to do. What came for work that is over is forgotten.

        Raises: EOFError, OSError when the other end is gone.
        """
        self._kept.clear()
        self._cancelled = False
        while (message := self._connection.recv()) == CANCEL:  # which came when all was over
            pass
        return message

    def cancelled(self) -> bool:
        """Whether a cancel has come.

        Raises: EOFError, OSError when the other end is gone.
        """
        while self._connection.poll():
            self._take()
        return self._cancelled

    def next(self, seconds: float) -> object:
        """The next answer that comes within so many seconds, else None.

        Raises: as `cancelled`.
        """
        if not self._kept and self._connection.poll(seconds):
            self._take()
        return self._kept.popleft() if self._kept else None

    def _take(self) -> None:
        message = self._connection.recv()
        if message == CANCEL:
            self._cancelled = True
        else:
            self._kept.append(message)
