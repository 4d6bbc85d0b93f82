"""Spans of bytes `(start, end)`: which of them are left when others are taken out."""

from collections.abc import Iterable

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same bytes as spans that are sorted, apart from each other and not empty.

    >>> merged([(4, 6), (0, 2), (1, 3), (9, 9)])
    [(0, 3), (4, 6)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What `others` leave of `spans`, sorted and merged.

    >>> without([(0, 10)], [(2, 3), (8, 20)])
    [(0, 2), (3, 8)]
    """
    left: list[Span] = []
    taken = merged(others)
    number = 0
    for start, end in merged(spans):
        at = start
        while number < len(taken) and taken[number][1] <= at:
            number += 1
        ahead = number
        while ahead < len(taken) and taken[ahead][0] < end:
            if at < taken[ahead][0]:
                left.append((at, taken[ahead][0]))
            at = taken[ahead][1]
            ahead += 1
        if at < end:
            left.append((at, end))
    return left


def overlap(spans: Iterable[Span], others: Iterable[Span]) -> bool:
    """Whether some byte is in both.

    >>> overlap([(0, 2)], [(2, 4)]), overlap([(0, 3)], [(2, 4)])
    (False, True)
    """
    mine = merged(spans)
    return without(mine, others) != mine
