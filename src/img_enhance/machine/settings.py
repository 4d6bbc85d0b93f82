"""What the environment says, read by the doors only and passed on as values."""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from img_enhance.errors import OptionError
from img_enhance.models.own import own_models
from img_enhance.models.table import BUILT_IN, ModelTable
from img_enhance.models.weights.cache import WeightStore

_FOLDER = "img-enhance"


def model_table(store: WeightStore) -> ModelTable:
    """The models that there are, with those that people added to this store."""
    return dataclasses.replace(BUILT_IN, own=tuple(row.model for row in own_models(store)))


def weight_store(environment: Mapping[str, str], *, platform: str = sys.platform, offline: bool = False) -> WeightStore:
    """Where downloaded weights are: the four variables of docs/models.md, else the platform's folder for caches.

    Raises: OptionError when one of them makes no sense.
    """
    searched = environment.get("IMG_ENHANCE_WEIGHTS_PATH", "").split(os.pathsep)
    return WeightStore(
        home=_home(environment, platform),
        searched=tuple(Path(folder).absolute() for folder in searched if folder),
        mirror=_mirror(environment.get("IMG_ENHANCE_MIRROR", "")),
        offline=offline or _switch(environment, "IMG_ENHANCE_OFFLINE"),
    )


def user_data(environment: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """The folder in which programs of this person keep what is theirs (XDG on Linux).

    Raises: OptionError where there is none.
    """
    asked, home = environment.get("XDG_DATA_HOME", ""), environment.get("HOME", "")
    if os.path.isabs(asked) and platform != "darwin":
        return Path(asked)
    if not home:
        raise OptionError("there is no folder for your data: HOME is not set", "set it")
    return Path(home, "Library/Application Support" if platform == "darwin" else ".local/share")


def _home(environment: Mapping[str, str], platform: str) -> Path:
    given = environment.get("IMG_ENHANCE_HOME")
    if given:
        return Path(given).absolute()
    user = environment.get("USERPROFILE" if platform == "win32" else "HOME")
    if platform == "win32":
        caches = environment.get("LOCALAPPDATA") or (user and os.path.join(user, "AppData", "Local"))
    elif platform == "darwin":
        caches = user and os.path.join(user, "Library", "Caches")
    else:
        asked = environment.get("XDG_CACHE_HOME", "")
        caches = asked if os.path.isabs(asked) else user and os.path.join(user, ".cache")
    # A service may have no home; whatever lies in a folder for all is verified before use like everything else.
    return Path(caches or tempfile.gettempdir()) / _FOLDER


def _mirror(text: str) -> str | None:
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment or not text.isascii():
        raise OptionError(f"IMG_ENHANCE_MIRROR must be a URL such as https://mirror.example/weights, not {text!a}")
    return text.rstrip("/")


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise OptionError(f"{name} must be 0 or 1, not {text!a}")
    return text == "1"
