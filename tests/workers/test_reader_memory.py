"""A reader holds no more after thousands of photos than after a few."""

import sys
from typing import Any, NoReturn, cast

import numpy as np
import pytest

from child_setup import SETUP
from img_enhance.machine.memory import anonymous_bytes
from img_enhance.workers import worker
from img_enhance.workers.channel import Channel, Gone
from img_enhance.workers.protocol import CheckPhoto, Failed, Ready

PIECE_BYTES, PIECES = 64_000, 1_000


class Asked:
    """A channel on which one photo is to be looked at; what a reader holds is noted as it asks for more."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.held = [0]
        self._messages = [CheckPhoto("photo.png", {})]

    def receive(self) -> object:
        self.held.append(anonymous_bytes())
        if not self._messages:
            raise Gone
        return self._messages.pop()

    def send(self, message: object) -> None:
        self.told.append(message)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc's heap is given back")
def test_what_a_look_leaves_free_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []

    def answer(*_: object) -> NoReturn:
        pieces = [np.ones(PIECE_BYTES, np.uint8) for _ in range(PIECES)]
        kept.append(pieces[-1])  # what lies above holes keeps the heap from shrinking by itself
        raise MemoryError

    monkeypatch.setattr(worker, "_answer", answer)
    for limit in ("_limit", "_limit_seconds"):  # they would hold for all tests after this one
        monkeypatch.setattr(worker, limit, lambda _: None)
    channel = Asked()
    with pytest.raises(Gone):
        worker.read_photos(cast(Channel, channel), SETUP)
    assert [type(each) for each in channel.told] == [Ready, Failed]
    assert channel.held[-1] - channel.held[-2] < PIECE_BYTES * PIECES / 4
