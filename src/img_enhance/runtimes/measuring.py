"""What a network costs that another program runs, and how far it sees: measured, because nobody says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil, isqrt

import numpy as np

from img_enhance.machine.memory import Peak, anonymous_bytes
from img_enhance.models.networks.foreign import ForeignNetwork
from img_enhance.runtimes.runtime import Compiled, Picture
from img_enhance.runtimes.scene import scene

Compile = Callable[[ForeignNetwork], Compiled]

# Windows whose memory is measured: where the larger one takes so much more a pixel than the smaller, windows may not be larger.
_SIDES = (64, 128)
_GROWING, _GROWN_BYTES = 1.5, 200_000_000
# A window is run so often that a peak of its memory is seen.
_LEAST_SECONDS, _MOST_RUNS = 0.3, 8
# A run of 128 px that would take longer is not made; the smaller one's figures hold then, and windows are no larger.
_PATIENT_SECONDS = 60.0
_MARGIN = 1.15
_RESIDENT_MARGIN, _RESIDENT_BYTES = 1.15, 16_000_000
# Measured figures are rounded up by less than this share, so that two measurements of one network mostly cut a photo alike.
_ROUNDED_SHARE = 0.1

# How far it sees is measured along a strip of so many pixels, a quarter of which is changed at its end.
_STRIP = (64, 256)
_CHANGED_SHARE = 0.25
# Less than half a step of 8 bits is no more than rounding.
_SEEN = 0.5 / 255
# What was seen on one picture, with a margin for others. Who sees further than windows overlap by at most is said to see all: with more,
# small windows would cost many times as much (104 px for an RRDBNet of 23 blocks: up to 30 times in 4 GB).
_OVERLAP_MARGIN, _ROUNDED_PIXELS, _LEAST_OVERLAP, _MOST_OVERLAP = 1.25, 4, 8, 64
# Of a window that may have no other size, at most so much is overlap on either side.
_MOST_OVERLAP_SHARE = 0.25


def measured(network: ForeignNetwork, compile_network: Compile, *, before: int, flops_per_second: float) -> ForeignNetwork:
    """The network with its costs, and how far it sees; `before` are the bytes that the process had without it.

    Raises: what `compile_network` and its runs raise.
    """
    with Peak(seconds=0.005) as peak:
        compiled = compile_network(network)
        compiled.run([_window(network, network.least)], lambda: None)
    network = _costing(network, compiled, flops_per_second)
    constant = _least_pixels(network) * network.bytes_per_pixel
    resident = int((peak.bytes - before) * _RESIDENT_MARGIN) + _RESIDENT_BYTES + constant
    return _seeing(replace(network, resident_bytes=_rounded(resident)), compiled)


def _costing(network: ForeignNetwork, compiled: Compiled, flops_per_second: float) -> ForeignNetwork:
    """The network with its bytes, its operations and its largest window."""
    sides, costs, seconds = (0,) if network.height else _SIDES, list[float](), 0.0
    pixels = 1
    for side in sides:
        if costs and seconds * (side / sides[0]) ** 2 > _PATIENT_SECONDS:
            break
        window = _window(network, side)
        pixels = window.shape[0] * window.shape[1]
        compiled.release()
        ready = anonymous_bytes()
        with Peak(seconds=0.005) as peak:
            seconds = _run_for_a_while(compiled, window)
        costs.append((peak.bytes - ready) / pixels)
    is_larger = costs[-1] > _GROWING * costs[0] and costs[-1] * pixels > _GROWN_BYTES
    grows = not network.height and (len(costs) < len(sides) or is_larger)
    return replace(
        network,
        # Its answer lies there too, as float32, whatever was measured.
        bytes_per_pixel=_rounded(int(max(*costs, 12.0 * network.scale**2) * _MARGIN)),
        flops=int(seconds / pixels * flops_per_second) + 1,
        window=isqrt(pixels) if grows else 0,
    )


def _run_for_a_while(compiled: Compiled, window: Picture) -> float:
    """Seconds of the fastest run."""
    taken = list[float]()
    while not taken or (sum(taken) < _LEAST_SECONDS and len(taken) < _MOST_RUNS):
        started = time.perf_counter()
        compiled.run([window], lambda: None)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _seeing(network: ForeignNetwork, compiled: Compiled) -> ForeignNetwork:
    """The network with how far it sees."""
    height, width = (network.height, network.width) if network.height else _STRIP
    if network.square or network.window:
        height = width = network.window or max(height, width)
    picture = scene(*(_up(side, network.cell) for side in (height, width)))
    changed = picture.copy()
    first = picture.shape[1] - round(picture.shape[1] * _CHANGED_SHARE)
    changed[:, first:] = 1 - changed[:, first:]
    before, after = (np.array(compiled.run([values], lambda: None), np.float32) for values in (picture, changed))
    # How much changes in each column before those that were changed, and then in it and all that are further away.
    columns = np.abs(after - before).max(axis=(0, 2)).reshape(-1, network.scale).max(axis=1)[:first]
    further = np.maximum.accumulate(columns)
    distance = first - int(np.searchsorted(further, _SEEN, side="right"))
    overlap = max(_LEAST_OVERLAP, _up(ceil(distance * _OVERLAP_MARGIN), _ROUNDED_PIXELS))
    sees_all = network.sees_all or overlap > _MOST_OVERLAP
    overlap = _MOST_OVERLAP if sees_all else overlap
    if network.widest:
        most = _most_overlap(network.widest) * network.cell
        if overlap > most:
            overlap, sees_all = most, True  # more than a window can see beside its own part
    return replace(network, overlap=overlap, sees_all=sees_all)


def _most_overlap(widest: int) -> int:
    """By how much windows that are at most so wide may overlap on either side, all in cells: one is left between, or more."""
    return min((widest - 1) // 2, max(1, int(widest * _MOST_OVERLAP_SHARE)))


def _window(network: ForeignNetwork, side: int) -> Picture:
    if network.height:
        return scene(network.height, network.width)
    side = _up(max(side, network.least), network.cell)
    return scene(side, side)


def _least_pixels(network: ForeignNetwork) -> int:
    """Pixels of the smallest picture that it computes, whatever it is given."""
    return network.height * network.width or _up(network.least, network.cell) ** 2


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _rounded(value: int) -> int:
    """The next of a few figures, none of which is further than `_ROUNDED_SHARE` from the one before."""
    step = max(1, int(value * _ROUNDED_SHARE) // 2)
    step = 1 << (step.bit_length() - 1)
    return _up(value, step)
