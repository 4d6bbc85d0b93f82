"""Parts of the program that are installed only where somebody wants them."""

from collections.abc import Iterator
from importlib.util import find_spec

from img_enhance.doctor.finding import Finding, ok, warning
from img_enhance.doctor.patient import Patient
from img_enhance.models.networks.foreign import SPANDREL

# By extra: the packages it brings, by their names in Python, and what for.
EXTRAS = {
    "service": (("fastapi", "multipart", "prometheus_client", "uvicorn"), "the web service, img-enhance serve"),
    "torch": (("torch",), "graphics cards"),
    "spandrel": (SPANDREL, "your own models of networks that are not written here"),
    "vulkan": (("ncnn",), "graphics cards of every maker, without PyTorch"),
    "ray": (("ray",), "folders and the service on several machines"),
    "tiff": (("tifffile", "imagecodecs"), "unusual TIFFs: deep in planes or by zstd or LZMA, and JPEG 2000 and the like inside"),
    "jxl": (("pyjpegxl", "OpenImageIO"), "JPEG XL"),
    "raw": (("rawpy",), "cameras' raw files"),
}


def extras(_: Patient) -> Iterator[Finding]:
    """Each extra, or the command that installs it."""
    for extra, (modules, purpose) in EXTRAS.items():
        lacking = [module for module in modules if find_spec(module) is None]
        title = f"Extra {extra}"
        if lacking:
            yield warning(title, f"not installed; only for {purpose}", f"if you want that, run: pip install 'img-enhance[{extra}]'")
        else:
            yield ok(title, f"installed; for {purpose}")
