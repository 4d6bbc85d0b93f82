"""Room on the disk, before anything is taken."""

from __future__ import annotations

from img_enhance.jobs.refusals import StorageFull
from img_enhance.service.service import Service


async def check_disk(service: Service, incoming_bytes: int) -> None:
    """Pass if so many bytes more can be kept.

    Raises: StorageFull.
    """
    settings = service.settings
    if (lacking := incoming_bytes - await service.room_bytes()) > 0:
        await service.pyramids.make_room(lacking)
    stored, most = await service.stored_bytes(), settings.storage_gb * 1e9
    if stored + incoming_bytes > most:
        raise StorageFull(
            f"photos and results take {stored / 1e9:.2f} GB of at most {most / 1e9:g}", "try again when older ones have expired"
        )
    if service.spool.free_bytes() - incoming_bytes < settings.free_disk_mb * 1e6:
        raise StorageFull("the disk of the service is nearly full", "try again later")
