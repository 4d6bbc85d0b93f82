"""The lanes of one node of a Ray cluster, as the actor there has them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from img_enhance import __version__
from img_enhance.batch.area import AreaDone
from img_enhance.batch.lane_child import Share
from img_enhance.batch.lanes import AtWork, PhotoTask, failed
from img_enhance.batch.local_lanes import LocalLanes
from img_enhance.batch.outcome import PhotoOutcome
from img_enhance.errors import DeviceError
from img_enhance.machine.settings import weight_store
from img_enhance.planning.area_task import AreaTask
from img_enhance.planning.plan import Device
from img_enhance.request.options import Machine


@dataclass(frozen=True)
class NodeFacts:
    """The version of this program on a node, how many photos it is of use to send, its device, and what a large photo has there."""

    version: str
    most: int
    device: Device | None
    whole: Share


class NodeLanes:
    """The lanes of one node, in a process of Ray's there.

    Raises: what the start of an engine raises.
    """

    def __init__(self, machine: Machine, offline: bool) -> None:
        self._lanes = LocalLanes(machine, weight_store(os.environ, offline=offline)).__enter__()

    def facts(self) -> NodeFacts:
        """What there is to know of the node."""
        return NodeFacts(__version__, self._lanes.most_in_flight, self._lanes.device, self._lanes.whole)

    def do_area(self, task: AreaTask) -> AreaDone:
        """What became of an area of a photo."""
        if not Path(task.picture.path).exists():
            return AreaDone(task, _not_shared(str(Path(task.picture.path).parent)))
        return self._lanes.submit_area(task).result()

    def enhance(self, task: PhotoTask) -> PhotoOutcome:
        """What became of a photo."""
        if not Path(task.folder).is_dir():
            return failed(task, _not_shared(task.folder))
        return self._lanes.submit(task).result()

    def at_work(self) -> dict[str, AtWork]:
        """How far the photos there are, by the stems of their tasks."""
        return dict(self._lanes.at_work)

    def cancel(self) -> None:
        """End all photos as cancelled."""
        self._lanes.cancel()


def _not_shared(folder: str) -> DeviceError:
    advice = "put photos and results on storage that every node has at the same place"
    return DeviceError(f"the folder {folder} is not on every node of the cluster", advice)
