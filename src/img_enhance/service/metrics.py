"""Counters, gauges and histograms, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_PREFIX = "img_enhance"

# From a step on light in a small photo to the longest work that is taken unless MAX_JOB_SECONDS says otherwise.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """Figures of one service, in a registry of its own; no series ever goes, so labels must be few."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests by method and status.", "method", "status")
        self.request_seconds = self._counter("request_seconds", "Time taken by requests, by method.", "method")
        self.jobs = self._gauge("jobs", "Jobs by state.", "state")
        self.queued_seconds = self._gauge("queued_seconds", "Estimated work that waits.")
        self.stored_bytes = self._gauge("stored_bytes", "Bytes of photos, results and their tiles.")
        self.jobs_ended = self._counter("jobs_ended", "Jobs that ended, by state.", "state")
        self.queue_wait_seconds = self._histogram("queue_wait_seconds", "Time between a job's acceptance and its start.")
        self.step_seconds = self._histogram("step_seconds", "Time that a step took.", "step")
        self.callbacks = self._counter("callbacks", "Attempts to tell the end of a job, by outcome.", "outcome")
        self.worker_restarts = self._counter("worker_restarts", "Children replaced.", "role")
        self.worker_overweight = self._counter("worker_overweight", "Children ended because of their memory.", "role")
        self.memory_bytes = self._gauge("memory_bytes", "Anonymous memory of each process.", "process")
        self.uptime_seconds = self._gauge("uptime_seconds", "Time since the service started.")

    def restarted(self, role: str) -> None:
        """A child was replaced."""
        self.worker_restarts.labels(role=role).inc()

    def overweight(self, role: str) -> None:
        """A child was ended because of its memory."""
        self.worker_overweight.labels(role=role).inc()

    def text(self) -> bytes:
        """All of them, in the format that MEDIA_TYPE names."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        """One that is shown with _total after its name."""
        return Counter(name, help, labels, namespace=_PREFIX, registry=self._registry)

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return Gauge(name, help, labels, namespace=_PREFIX, registry=self._registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(name, help, labels, namespace=_PREFIX, registry=self._registry, buckets=_SECONDS)
