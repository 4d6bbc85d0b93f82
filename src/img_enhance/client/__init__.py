"""Asks an img-enhance service for what the engine does here. Imports the standard library only."""

from img_enhance.client.client import Client, Enhanced
from img_enhance.client.jobs import Batch, JobStatus
from img_enhance.client.transport import Patience

__all__ = ["Batch", "Client", "Enhanced", "JobStatus", "Patience"]
