"""Files changed at random, the same for the same seed: bytes, blocks, lengths, ends, heads of other files."""

from __future__ import annotations

import random
from collections.abc import Callable

_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

# Most of what decoders trust stands at the beginning.
_HEAD_BYTES, _HEAD_CHANCE = 256, 0.5
_MOST_CHANGES = 8
_MOST_BLOCK_BYTES = 4096


def mutated(data: bytes, chance: random.Random, other: bytes = b"") -> bytes:
    """`data` with one to a few changes; pieces of `other` may come into it."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        if not changed:
            break
        chance.choice(_CHANGES)(changed, chance, other)
    return bytes(changed)


def _place(data: bytearray, chance: random.Random) -> int:
    most = min(len(data), _HEAD_BYTES) if chance.random() < _HEAD_CHANCE else len(data)
    return chance.randrange(most)


def _bit(data: bytearray, chance: random.Random, _: bytes) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: random.Random, _: bytes) -> None:
    data[_place(data, chance)] = chance.randrange(256)


def _number(data: bytearray, chance: random.Random, _: bytes) -> None:
    at, count = _place(data, chance), chance.choice((2, 4))
    value = chance.choice(_LENGTHS) & (256**count - 1)
    data[at : at + count] = value.to_bytes(count, chance.choice(("big", "little")))


def _cut(data: bytearray, chance: random.Random, _: bytes) -> None:
    del data[_place(data, chance) :]


def _without(data: bytearray, chance: random.Random, _: bytes) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randint(1, _MOST_BLOCK_BYTES)]


def _twice(data: bytearray, chance: random.Random, _: bytes) -> None:
    at = _place(data, chance)
    data[at:at] = data[at : at + chance.randint(1, _MOST_BLOCK_BYTES)]


def _spliced(data: bytearray, chance: random.Random, other: bytes) -> None:
    if other:
        start = chance.randrange(len(other))
        piece = other[start : start + chance.randint(1, _MOST_BLOCK_BYTES)]
        at = _place(data, chance)
        data[at : at + len(piece)] = piece


_CHANGES: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (_bit, _byte, _number, _number, _cut, _without, _twice, _spliced)
