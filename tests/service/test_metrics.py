"""Figures as Prometheus reads them, by its own parser."""

from prometheus_client.parser import text_string_to_metric_families
from served import Served, plain_photo

from img_enhance.service.metrics import Metrics

# Whoever draws these somewhere relies on their names and kinds: a change of them goes into the change log.
FIGURES = {
    "requests": "counter",
    "request_seconds": "counter",
    "jobs": "gauge",
    "queued_seconds": "gauge",
    "stored_bytes": "gauge",
    "jobs_ended": "counter",
    "queue_wait_seconds": "histogram",
    "step_seconds": "histogram",
    "callbacks": "counter",
    "worker_restarts": "counter",
    "worker_overweight": "counter",
    "memory_bytes": "gauge",
    "uptime_seconds": "gauge",
}


def test_metrics_can_be_read_by_prometheus(service: Served) -> None:
    service.post(plain_photo((8, 8, 8)))
    answer = service.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {name.removeprefix("img_enhance_"): family.type for name, family in families.items()} == FIGURES
    states = {sample.labels["state"]: sample.value for sample in families["img_enhance_jobs"].samples}
    assert states["done"] >= 1
    assert set(states) == {"queued", "running", "done", "failed", "cancelled", "expired"}
    for name, labels in (("queue_wait_seconds", {}), ("step_seconds", {"step": "realesr-animevideov3"})):
        samples = families[f"img_enhance_{name}"].samples
        buckets = [each.value for each in samples if each.name.endswith("_bucket") and each.labels.items() >= labels.items()]
        count = next(each.value for each in samples if each.name.endswith("_count") and each.labels == labels)
        assert buckets == sorted(buckets)
        assert buckets[-1] == count >= 1


def test_two_services_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.worker_restarts.labels(role="reader").inc()
    assert b'role="reader"' in first.text()
    assert b'role="reader"' not in second.text()
