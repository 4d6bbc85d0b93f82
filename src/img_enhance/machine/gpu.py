"""What there is to know of a GPU."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# Integrated ones work in the machine's memory; software is a driver that computes on the processor.
GpuKind = Literal["discrete", "integrated", "virtual", "software"]

# Where Linux says which version of a driver is loaded.
_VERSIONS = ("/sys/module/nvidia/version", "/sys/module/amdgpu/version")


@dataclass(frozen=True)
class Gpu:
    """A GPU that can be used. `place` is PyTorch's name for it, or "vulkan:" and its number.

    `memory_bytes` is all that it has, or by Vulkan what it lets this process have.
    """

    place: str
    name: str
    memory_bytes: int
    native_bf16: bool
    kind: GpuKind = "discrete"

    @property
    def is_real(self) -> bool:
        """Whether it is more than a program on the processor."""
        return self.kind != "software"


def driver_version() -> str:
    """The version of the GPU's driver, "" where the system does not say it."""
    for name in _VERSIONS:
        try:
            return Path(name).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
    return ""
