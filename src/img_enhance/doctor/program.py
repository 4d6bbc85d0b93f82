"""The program, Python, and the packages that it stands on."""

import importlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from img_enhance import __version__
from img_enhance.doctor.finding import Finding, error, ok
from img_enhance.doctor.patient import Patient

# What is imported of each package, the module of ours that does so, and what it is for.
_PACKAGES = {
    "numpy": ("numpy", "arithmetic"),
    "pyvips": ("img_enhance.image_io", "reads and writes photos"),
    "openvino": ("img_enhance.runtimes.openvino", "runs networks on the processor"),
    "opencv-python-headless": ("img_enhance.light.noise_filter", "finds faces, takes out noise"),
}


def program(_: Patient) -> Iterator[Finding]:
    """The versions of the program and of Python."""
    yield ok("img-enhance", f"version {__version__}, in {Path(__file__).parent.parent}")
    yield ok("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def packages(_: Patient) -> Iterator[Finding]:
    """Whether each package can be loaded, and its version."""
    for package, (module, purpose) in _PACKAGES.items():
        yield _package(package, module, purpose)


def _package(package: str, module: str, purpose: str) -> Finding:
    title = f"Package {package}"
    try:
        importlib.import_module(module)
        return ok(title, f"{version(package)}; {purpose}")
    except (ImportError, OSError, PackageNotFoundError) as problem:
        # A package that is there in part fails in many ways; pip knows how to bring it back.
        why = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        return error(title, f"cannot be loaded ({why}); it {purpose}", f"run: pip install --force-reinstall '{package}'")
