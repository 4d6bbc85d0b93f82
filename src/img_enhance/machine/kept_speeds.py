"""The speeds that `doctor` measured on this machine, kept in the cache folder for every device. Without the file there are none."""

import json
import math
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from img_enhance.machine.kept_json import write_json
from img_enhance.planning.plan import Device
from img_enhance.planning.speeds import Speed, Speeds

# What a speed means changes when work is done otherwise; those of another version are not read.
VERSION = 1

_FILE = "speeds.json"


def speeds_file(home: Path) -> Path:
    """Where speeds are kept in the cache folder."""
    return home / _FILE


def informed(device: Device, home: Path) -> Device:
    """The device with the speeds that are kept for it; as it is where there are none, or the file is broken."""
    return replace(device, speeds=_speeds(_kept(speeds_file(home)).get(_key(device))))


def keep_speeds(device: Device, speeds: Speeds, home: Path) -> None:
    """Keep speeds for a device, beside those that are kept for other work and other devices. The file appears complete or not at all.

    Raises: OSError when it cannot be written.
    """
    path = speeds_file(home)
    devices = {**_kept(path), _key(device): {**informed(device, home).speeds, **speeds}}
    values = {key: {work: astuple(speed) for work, speed in _speeds(kept).items()} for key, kept in devices.items()}
    write_json(path, {"version": VERSION, "devices": values})


def _key(device: Device) -> str:
    """What the speeds of one device are told by from those of others: a container may have fewer cores than its machine."""
    return f"{device.name}, {device.cores} cores, {device.place} by {device.runtime}"


def _kept(path: Path) -> dict[str, Any]:
    """What the file says of devices; nothing where it is missing, broken or of another version."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict) or values.get("version") != VERSION or not isinstance(values.get("devices"), dict):
        return {}
    devices: dict[str, Any] = values["devices"]
    return devices


def _speeds(values: Any) -> dict[str, Speed]:
    """The speeds among these values, which may be speeds already; what makes no sense is left out."""
    if not isinstance(values, dict):
        return {}
    read = {work: value if isinstance(value, Speed) else _speed(value) for work, value in values.items()}
    return {work: speed for work, speed in read.items() if speed is not None}


def _speed(value: Any) -> Speed | None:
    match value:
        case [int() | float() as start, int() | float() as rate] if 0 <= start < math.inf and 0 < rate < math.inf:
            return Speed(float(start), float(rate))
    return None
