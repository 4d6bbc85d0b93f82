"""Formats that need packages which are not installed with this one."""

from importlib.util import find_spec

from img_enhance.errors import OutputError
from img_enhance.words import Setting

# By format, or by the decoder of some of its kinds: the names of the packages in Python, and the extra that brings them.
_EXTRAS = {
    "jxl": (("pyjpegxl", "OpenImageIO"), "jxl"),
    "raw": (("rawpy",), "raw"),
    "tifffile": (("tifffile", "imagecodecs"), "tiff"),
}


def missing_extra(format: str) -> str | None:
    """The command that installs what reading or writing a format lacks here; None where nothing is lacking."""
    modules, extra = _EXTRAS.get(format, ((), ""))
    return f"pip install 'img-enhance[{extra}]'" if any(find_spec(module) is None for module in modules) else None


def check_writable(format: str) -> None:
    """Pass if photos can be written in a format.

    Raises: OutputError when another package is needed.
    """
    lacking = missing_extra(format)
    if lacking is not None:
        raise OutputError(f"writing {format} needs another package", f"run: {lacking}; or use ", Setting("format"), " with another format")
