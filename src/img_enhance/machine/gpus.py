"""The GPUs that PyTorch can use, and the memory of their own; importing this imports PyTorch, which takes seconds."""

from collections.abc import Callable
from typing import TypeVar

import torch

from img_enhance.errors import GpuMemoryFull
from img_enhance.machine.gpu import Gpu
from img_enhance.words import Setting

Answer = TypeVar("Answer")

# Of the memory that is free on a GPU; the rest is for libraries that take theirs beside PyTorch's allocator, and for other programs.
FREE_SHARE = 0.9

# What errors say, beside PyTorch's own class of them, when a device's memory is full.
_FULL = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
)


def gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine, CUDA's and ROCm's (both are "cuda" to PyTorch) and Apple's; this starts their drivers."""
    found = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        found.append(Gpu(f"cuda:{index}", facts.name, facts.total_memory, native))
    if torch.backends.mps.is_available():
        found.append(Gpu("mps", "Apple GPU", torch.mps.recommended_max_memory(), native_bf16=False))
    return tuple(found)


def unless_full(work: Callable[[], Answer]) -> Answer:
    """What `work` answers.

    Raises: GpuMemoryFull when the device's own memory is full.
    """
    try:
        return work()
    except RuntimeError as error:
        if not _says_full(error):
            raise
        # What follows names other processes.
        full = str(error).splitlines()[0].partition(". GPU")[0].rstrip(".")
    # Here and not above: as long as the first error is known, so are the tensors of the calls that it went through.
    empty_cache()
    raise GpuMemoryFull(f"the GPU's memory is full ({full})", "use ", Setting("device", "cpu"), ", or close what else uses the GPU")


def _says_full(error: RuntimeError) -> bool:
    """Whether the cause is a device's memory: libraries that take theirs beside PyTorch's allocator have errors of their own."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _FULL)


def empty_cache() -> None:
    """Give the memory back that PyTorch keeps for later, where a GPU is in use."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def free_memory(place: str) -> int | None:
    """Bytes of a GPU's own memory that are free, None where it has none of its own, or does not say."""
    if place == "mps":
        return None
    try:
        free, _ = torch.cuda.mem_get_info(place)
    except RuntimeError:  # so full that nothing can be asked
        return None
    return int(free)


def claim_memory(place: str, wanted: int | None, share: float) -> int:
    """The bytes of a GPU's own memory that this process may take from now on: those wanted, or `share` of nine tenths of what is free.

    PyTorch is told to keep to it, until `unclaim_memory`. It is 0 where the GPU is too full to be used at all.
    """
    empty_cache()
    try:
        free, total = torch.cuda.mem_get_info(place)
    except RuntimeError as error:
        if not _says_full(error):
            raise
        return 0
    allowed = int(share * FREE_SHARE * free) if wanted is None else min(wanted, free)
    # The limit counts what the process has already.
    _limit(place, min(1.0, (torch.cuda.memory_reserved(place) + allowed) / total))
    return allowed


def unclaim_memory(place: str) -> None:
    """Give what is not in use back, and take the limit away: the process may have a use of its own for the GPU."""
    empty_cache()
    if torch.cuda.is_initialized():
        _limit(place, 1.0)


def _limit(place: str, share: float) -> None:
    torch.cuda.set_per_process_memory_fraction(share, place)
