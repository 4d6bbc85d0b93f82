"""Memory that the system refuses is an error of ours, whoever asked for it; other errors stay what they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from img_enhance.cli import enhance
from img_enhance.errors import MemoryBudgetError
from img_enhance.runtimes.openvino import Compiled

# As OpenVINO 2026.4.1 said under three limits of `ulimit -v`.
REFUSED = [
    "Exception from src/inference/src/cpp/infer_request.cpp:259:\n[CPU] Reorder node Check 'ptr' failed at src/cpu_memory.cpp:257:\n"
    "Failed to allocate 14054400 bytes of memory\n\n",
    "Exception from src/inference/src/cpp/infer_request.cpp:259:\n[CPU] Interpolate node with name 'Interpolate_166' can't alloc\n",
    "Exception from src/inference/src/cpp/core.cpp:117:\nPlease, check your environment\nResource temporarily unavailable\n\n",
]


class Request:
    """Stands for a request of OpenVINO that fails."""

    def __init__(self, words: str) -> None:
        self.words = words

    def set_input_tensor(self, port: int, tensor: ov.Tensor) -> None:
        pass

    def start_async(self) -> None:
        pass

    def wait_for(self, _: int) -> bool:
        raise RuntimeError(self.words)

    def cancel(self) -> None:
        pass

    def wait(self) -> None:
        pass


class Network:
    def __init__(self, words: str) -> None:
        self.words = words

    def create_infer_request(self) -> Request:
        return Request(self.words)


def infer(words: str) -> None:
    Compiled(lambda: Network(words)).run([np.zeros((2, 2, 3), np.float32)], lambda: None)


@pytest.mark.parametrize("words", REFUSED)
def test_memory_refused_to_openvino_is_told_with_what_to_try(words: str) -> None:
    with pytest.raises(MemoryBudgetError, match="the system refused memory to OpenVINO") as caught:
        infer(words)
    assert "limit of memory" in str(caught.value)
    assert caught.value.exit_code == 3


def test_another_error_of_openvino_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="a shape is wrong"):
        infer("Exception from src/core: a shape is wrong")


def test_memory_refused_to_anything_else_is_no_traceback(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(enhance, "_enhance", refuse)
    code, _, said = run("enhance", tmp_path / "photo.jpg")
    assert (code, "the system refused memory" in said) == (3, True)
