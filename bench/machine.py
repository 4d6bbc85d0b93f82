"""What the figures were measured on, and with which versions."""

import datetime
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from img_enhance import __version__
from img_enhance.machine.devices import detect_cpu
from img_enhance.planning.planner import choose_precision
from img_enhance.units import bytes_text

_OURS = ("openvino", "numpy", "pyvips-binary")
_PEERS = ("torch", "ncnn")

_ASK = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"


def header(peers_python: Path | None, *, also: tuple[str, ...] = ()) -> dict[str, str]:
    """Facts by their names, in the order to print them, with the versions of the packages `also`."""
    device = detect_cpu()
    return {
        "cpu": device.name,
        "cores": str(device.cores),
        "memory": bytes_text(device.memory_bytes),
        "precision": f"{choose_precision('auto', device)} by default",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "img-enhance": __version__,
        **{name: _version(name) for name in _OURS},
        **_peer_versions(peers_python),
        **{name: _version(name) for name in also},
    }


def _version(name: str) -> str:
    """The version of a package; a bench of GPUs runs without some of ours too."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def header_text(facts: dict[str, str]) -> str:
    width = max(map(len, facts))
    return "\n".join(f"{name.ljust(width)}  {fact}" for name, fact in facts.items()) + "\n"


def _peer_versions(python: Path | None) -> dict[str, str]:
    if python is None:
        return dict.fromkeys(_PEERS, "not used")
    answer = subprocess.run([python, "-c", _ASK, *_PEERS], check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(_PEERS, answer, strict=True))
