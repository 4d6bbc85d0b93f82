"""The GPUs that Vulkan finds, and their memory, by the package ncnn; importing this imports ncnn and starts their drivers when asked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import get_args

import ncnn

from img_enhance.machine.gpu import Gpu, GpuKind

# By ncnn's numbers of them (`GpuInfo.type`).
_KINDS: tuple[GpuKind, ...] = get_args(GpuKind)

# Of what a driver says that may be taken; the rest is for what it needs itself, and for what other programs take later.
FREE_SHARE = 0.9

_MEGABYTE = 1 << 20


@cache
def gpus() -> tuple[Gpu, ...]:
    """The devices of this machine, in Vulkan's order; none where no driver is installed."""
    with _quiet_drivers():
        count = ncnn.get_gpu_count()
        return tuple(_gpu(number) for number in range(count))


def device_number(place: str) -> int:
    """The number of a device that is called `place`, as "vulkan:1"."""
    return int(place.partition(":")[2])


def free_memory(place: str) -> int:
    """Bytes of its memory that Vulkan lets this process have now; where the driver does not say, ncnn's guess of 50 to 70 % of all."""
    gpus()
    with _quiet_drivers():
        return int(ncnn.get_gpu_device(device_number(place)).get_heap_budget()) * _MEGABYTE


def claimed_memory(place: str, wanted: int | None, share: float) -> int:
    """The bytes of a device's memory that this process may plan with: those wanted, or `share` of nine tenths of what is free.

    Nobody holds ncnn to it: plans do.
    """
    free = free_memory(place)
    return int(share * FREE_SHARE * free) if wanted is None else min(wanted, free)


def _gpu(number: int) -> Gpu:
    facts, place = ncnn.get_gpu_info(number), f"vulkan:{number}"
    kind = _KINDS[min(int(facts.type()), len(_KINDS) - 1)]
    # What a driver says of itself lands on a terminal.
    name = str(facts.device_name()).encode("ascii", "replace").decode()
    budget = int(ncnn.get_gpu_device(number).get_heap_budget()) * _MEGABYTE
    return Gpu(place, name, budget, native_bf16=False, kind=kind)


@contextmanager
def _quiet_drivers() -> Iterator[None]:
    """Nothing on standard error: ncnn tells four lines of every device when it first looks, and has no switch for it."""
    try:
        kept = os.dup(2)
    except OSError:  # a service without standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        with suppress(OSError):
            os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
