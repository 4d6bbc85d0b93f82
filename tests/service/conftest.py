"""One service for all tests that do not harm it."""

from collections.abc import Iterator

import pytest
from served import Served, served


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running service in which everybody may work."""
    with served(tmp_path_factory.mktemp("service") / "data", {"METRICS": "open", "JOBS_PER_KEY": "100"}) as run:
        yield run
