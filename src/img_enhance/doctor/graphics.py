"""Graphics cards, and whether networks can run on them."""

from collections.abc import Iterator

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.machine.devices import INSTALL_TORCH, Snapshot, take_snapshot
from img_enhance.machine.gpu import driver_version
from img_enhance.units import bytes_text

_TITLE = "Graphics card"


def graphics(_: Patient) -> Iterator[Finding]:
    """Each card that can be used, or why there is none."""
    yield from found(take_snapshot("auto"))


def found(seen: Snapshot) -> Iterator[Finding]:
    """What there is to say of what was seen."""
    if not seen.drivers:
        yield ok(_TITLE, "none that can be used (no driver in sight); networks run on the processor")
    elif not seen.torch:
        text = f"a driver of {seen.drivers[0]}{_version()} is here, but PyTorch is not, which uses it; networks run on the processor"
        yield warning(_TITLE, text, f"run: {INSTALL_TORCH}")
    elif not seen.gpus:
        text = f"a driver of {seen.drivers[0]}{_version()} is here, but PyTorch cannot use it; networks run on the processor"
        yield warning(_TITLE, text, "install the build of PyTorch for your driver, see https://pytorch.org/get-started/locally/")
    for gpu in seen.gpus or ():
        yield ok(_TITLE, f"{gpu.name} ({gpu.place}){_version()}; {_free(gpu.place)} of {bytes_text(gpu.memory_bytes)} memory free")


def _version() -> str:
    version = driver_version()
    return f", driver {version}" if version else ""


def _free(place: str) -> str:
    from img_enhance.machine.gpus import free_memory

    free = free_memory(place)
    return "some" if free is None else bytes_text(free)
