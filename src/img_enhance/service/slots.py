"""Which children the service has, and what each of them may take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil

from img_enhance.service.metrics import Metrics
from img_enhance.service.settings import Settings
from img_enhance.workers.protocol import CPU, Setup
from img_enhance.workers.supervisor import Slot

# A worker may take what its plans allow, and this much more before it is ended (measured peaks stay below the plan).
_SLACK, _SLACK_BYTES = 1.25, 300_000_000
_SHARE_OF_MACHINE = 0.5
_LEAST_WORKER_BYTES = 1_000_000_000
_CLUSTER_WORKER_BYTES = 2_000_000_000


def worker_slots(settings: Settings, scratch: Path, metrics: Metrics) -> list[Slot]:
    """A slot for every worker, empty yet."""
    setup = setup_of(settings, settings.worker_device)
    if settings.executor == "ray":
        setup = _on_cluster(setup, settings)
    most_bytes = int((setup.max_memory or 0) * _SLACK) + _SLACK_BYTES
    return [Slot("worker", lane, setup, scratch=scratch, most_bytes=most_bytes, counters=metrics) for lane in settings.lanes]


def _on_cluster(setup: Setup, settings: Settings) -> Setup:
    """The same for a worker that has its processors, memory and graphics card on a cluster to itself."""
    return replace(
        setup,
        max_memory=settings.worker_memory or _CLUSTER_WORKER_BYTES,
        gpu_share=1.0,
        threads=settings.ray_processors,
        cluster=settings.ray_address,
    )


def reader_slots(settings: Settings, scratch: Path, metrics: Metrics) -> list[Slot]:
    """A slot for every reader, empty yet."""
    setup, most_bytes = setup_of(settings, CPU), settings.reader_memory + _SLACK_BYTES
    return [Slot("reader", "", setup, scratch=scratch, most_bytes=most_bytes, counters=metrics) for _ in range(settings.readers)]


def cutter_slot(settings: Settings, scratch: Path, metrics: Metrics) -> Slot:
    """A slot for a cutter, empty yet. It may take as much as the worker that made the result."""
    setup = setup_of(settings, CPU)
    return Slot("cutter", "", setup, scratch=scratch, most_bytes=(setup.max_memory or 0) + _SLACK_BYTES, counters=metrics)


def setup_of(settings: Settings, device: str) -> Setup:
    """What a child may do; workers share the machine and its graphics card."""
    share = int(psutil.virtual_memory().total * _SHARE_OF_MACHINE / len(settings.lanes))
    return Setup(
        device=device,
        precision=settings.precision,
        max_memory=settings.worker_memory or max(_LEAST_WORKER_BYTES, share),
        max_gpu_memory=settings.worker_gpu_memory,
        gpu_share=1 / len(settings.lanes),
        max_pixels=int(settings.max_megapixels * 1e6),
        max_result_pixels=int(settings.max_result_megapixels * 1e6),
        warm_model=settings.warm_model,
        idle_seconds=settings.idle_seconds,
        reader_memory=settings.reader_memory,
        reader_seconds=settings.reader_seconds,
        max_file_bytes=settings.max_file_bytes,
        chosen_by=settings.device_chosen_by,
    )
