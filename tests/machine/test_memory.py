"""Anonymous memory is what counts: what a process touched, not what it mapped."""

import gc
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from img_enhance.machine.memory import Peak, anonymous_bytes, give_back

BLOCK = 200_000_000
# Other allocations of the test process meanwhile.
SLACK = 20_000_000

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells anonymous memory apart")


def settled_bytes() -> int:
    """Anonymous memory without what earlier tests left to be given back."""
    gc.collect()
    give_back()
    return anonymous_bytes()


@linux_only
def test_touched_memory_counts_and_is_given_back() -> None:
    before = settled_bytes()
    block = np.ones(BLOCK, np.uint8)
    held = anonymous_bytes()
    assert held - before == pytest.approx(BLOCK, abs=SLACK)
    del block
    give_back()
    assert anonymous_bytes() - before <= SLACK


@linux_only
def test_pages_of_a_file_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "pages"
    path.write_bytes(bytes(BLOCK // 2))
    before = settled_bytes()
    pages = np.memmap(path, np.uint8, mode="r+")
    pages += 1
    assert anonymous_bytes() - before <= SLACK


def test_peak_is_the_highest_and_not_the_last() -> None:
    before = settled_bytes()
    with Peak(seconds=0.005) as peak:
        block = np.ones(BLOCK, np.uint8)
        time.sleep(0.05)
        del block
        give_back()
    assert peak.bytes - before >= BLOCK - SLACK


def test_peak_sees_what_is_still_held_at_the_end() -> None:
    with Peak(seconds=60) as peak:
        block = np.ones(BLOCK, np.uint8)
    assert peak.bytes >= block.size


def test_peak_lets_errors_through() -> None:
    with pytest.raises(ZeroDivisionError), Peak():
        raise ZeroDivisionError
