"""What there is to know of a GPU."""

from dataclasses import dataclass
from pathlib import Path

# Where Linux says which version of a driver is loaded.
_VERSIONS = ("/sys/module/nvidia/version", "/sys/module/amdgpu/version")


@dataclass(frozen=True)
class Gpu:
    """A GPU that PyTorch can use. `place` is PyTorch's name for it."""

    place: str
    name: str
    memory_bytes: int
    native_bf16: bool


def driver_version() -> str:
    """The version of the GPU's driver, "" where the system does not say it."""
    for name in _VERSIONS:
        try:
            return Path(name).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
    return ""
