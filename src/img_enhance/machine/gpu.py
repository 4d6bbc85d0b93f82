"""What there is to know of a GPU."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU that PyTorch can use. `place` is PyTorch's name for it."""

    place: str
    name: str
    memory_bytes: int
    native_bf16: bool
