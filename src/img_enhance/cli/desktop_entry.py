"""The entry by which file managers of Linux offer "Open with img-enhance".

Source: Desktop Entry Specification 1.5, freedesktop.org.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from img_enhance.errors import DiskError, OptionError
from img_enhance.files import replacing
from img_enhance.machine.settings import user_data

NAME = "img-enhance.desktop"

# What shared-mime-info calls the formats that we read.
MIME_TYPES = {
    "jpeg": ("image/jpeg",),
    "png": ("image/png",),
    "webp": ("image/webp",),
    "tiff": ("image/tiff",),
    "avif": ("image/avif",),
    "jxl": ("image/jxl",),
    "gif": ("image/gif",),
    "bmp": ("image/bmp",),
    "heic": ("image/heif", "image/heic"),
    "raw": (
        "image/x-adobe-dng",
        "image/x-canon-cr2",
        "image/x-canon-cr3",
        "image/x-nikon-nef",
        "image/x-sony-arw",
        "image/x-fuji-raf",
        "image/x-olympus-orf",
        "image/x-panasonic-rw2",
    ),
}

# What a quoted argument of Exec must escape.
_ESCAPED = '\\"`$'


def entry_path(environment: Mapping[str, str]) -> Path:
    """Where the entry is, or would be."""
    return user_data(environment, platform="linux") / "applications" / NAME


def install(path: Path, command: Sequence[str], icon: Path) -> None:
    """Write the entry.

    Raises: DiskError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"the folder {path.parent} cannot be made: {error.strerror}") from None
    with replacing(path, overwrite=True) as partial:
        partial.write_text(entry(command, icon), encoding="utf-8")
    _announce(path.parent)


def uninstall(path: Path) -> bool:
    """Whether there was an entry; it is gone now.

    Raises: DiskError.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DiskError(f"cannot remove {path}: {error.strerror}") from None
    _announce(path.parent)
    return True


def entry(command: Sequence[str], icon: Path) -> str:
    """The text of the entry; `command` gets the photos after it."""
    types = ";".join(each for names in MIME_TYPES.values() for each in names)
    lines = {
        "Type": "Application",
        "Name": "img-enhance",
        "GenericName": "Photo Enhancer",
        "GenericName[de]": "Fotoverbesserung",
        "Comment": "See what photos need, compare, and save them better",
        "Comment[de]": "Sehen, was Fotos brauchen, vergleichen und besser speichern",
        "Exec": " ".join([*map(_quoted, command), "%F"]),
        "Icon": _escaped(str(icon)),
        "Terminal": "false",
        "Categories": "Graphics;Photography;",
        "MimeType": f"{types};",
    }
    return "\n".join(["[Desktop Entry]", *(f"{key}={value}" for key, value in lines.items())]) + "\n"


def own_command() -> list[str]:
    """What starts this program from anywhere."""
    program = Path(sys.argv[0])
    installed = program if program.name == "img-enhance" and program.is_file() else None
    if installed is None and (found := shutil.which("img-enhance")) is not None:
        installed = Path(found)
    return [str(installed.absolute()), "open"] if installed is not None else [sys.executable, "-m", "img_enhance", "open"]


def check_platform(platform: str) -> None:
    """Pass where file managers read such entries.

    Raises: OptionError.
    """
    if platform != "linux":
        advice = "start it with img-enhance open PHOTO, or make an alias of that"
        raise OptionError("entries for file managers are written on Linux only, not on this system", advice)


def _quoted(argument: str) -> str:
    """An argument of Exec: quoted, percent signs doubled, and then escaped as every text of an entry is."""
    if any(letter < " " for letter in argument):
        raise OptionError("the path of img-enhance has a line break or another control character", "install it elsewhere")
    inner = "".join("\\" + letter if letter in _ESCAPED else letter for letter in argument).replace("%", "%%")
    return _escaped(f'"{inner}"')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def _announce(folder: Path) -> None:
    """Let the desktop read the entries anew; those without this program do by themselves."""
    program = shutil.which("update-desktop-database")
    if program is not None:
        subprocess.run([program, "--quiet", str(folder)], check=False, capture_output=True, timeout=30)  # noqa: S603 - the system's own
