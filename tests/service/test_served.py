"""Services of tests that run side by side are not in each other's way."""

import pytest
from served import free_port


def test_processes_that_run_tests_never_take_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        ports.append({free_port() for _ in range(2000)})
    assert ports[0].isdisjoint(ports[1])
