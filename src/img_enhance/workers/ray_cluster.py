"""A Ray cluster, connected to."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from img_enhance.errors import DeviceError, OptionError

# The word for a cluster that is this machine only, and ends with the run.
LOCAL = "local"
# That for the cluster that this machine is a node of.
AUTO = "auto"

_REACH_SECONDS = 10.0


def connected(address: str) -> Any:
    """Ray, connected to the cluster at an address: HOST:PORT, AUTO or LOCAL.

    Raises: OptionError without the package ray, and for what is no address; DeviceError when the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError:
        raise OptionError("a cluster needs the package ray", "run: pip install 'img-enhance[ray]'") from None
    if address not in (AUTO, LOCAL):
        _check_there(address)
    try:
        ray.init(address=None if address == LOCAL else address, include_dashboard=False if address == LOCAL else None, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DeviceError(f"the cluster at {address} cannot be reached: {reason}", "start it with ray start --head") from None
    return ray


def _check_there(address: str) -> None:
    """Pass if something listens at the address, for which Ray itself would wait for many minutes.

    Raises: OptionError for what is no address, DeviceError.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise OptionError(f"'{address}' is no address of a cluster", f"give HOST:PORT as ray start says it, {AUTO}, or {LOCAL}")
    try:
        socket.create_connection((host, port), _REACH_SECONDS).close()
    except OSError as error:
        reason = error.strerror or error
        raise DeviceError(f"the cluster at {address} cannot be reached: {reason}", "start it with ray start --head") from None
