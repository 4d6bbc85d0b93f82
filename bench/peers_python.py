"""The interpreter of the peers, in an environment of its own: img-enhance never needs PyTorch."""

import os
import subprocess
import sys
from pathlib import Path

from measure import say
from settings import FOLDER

_PACKAGES = ("torch==2.13.0", "ncnn==1.0.20261020", "numpy==2.4.6", "pillow==12.3.0")
_VARIABLE = "BENCH_PEERS_PYTHON"


def named_peers(wanted: str | None) -> Path | None:
    """The interpreter that was asked for, by flag or by environment, else the one built earlier, if there is one."""
    named = wanted or os.environ.get(_VARIABLE)
    if named:
        return Path(named)
    return _python() if _stamp().exists() else None


def build_peers() -> Path:
    """Build the environment in `.bench/venv` with pip and answer with its interpreter."""
    say(f"building {_stamp().parent} with {', '.join(_PACKAGES)}; name an interpreter that has them with --peers-python instead")
    subprocess.run([sys.executable, "-m", "venv", _stamp().parent], check=True)
    subprocess.run([_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES], check=True)
    _stamp().touch()
    return _python()


def _stamp() -> Path:
    # Written last: an environment without it was interrupted.
    return FOLDER / "venv" / "complete"


def _python() -> Path:
    return FOLDER / "venv" / "bin" / "python"
