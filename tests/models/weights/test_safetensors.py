"""Files of weights in the safetensors format: the same tensors, or a refusal."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_tensors import GOLDEN, TENSORS, check

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.weights.safetensors import LARGEST_HEADER, read_safetensors
from img_enhance.runtimes.openvino import GraphOps

FOUR = np.arange(4, dtype=np.float32).tobytes()
ROW = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}

Write = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Write:
    """A function that writes a file with this header, which may be text that is no JSON."""

    def write(header: Any, values: bytes = FOUR, *, length: int | None = None) -> Path:
        text = (header if isinstance(header, str) else json.dumps(header)).encode("utf-8", "surrogateescape")
        path = tmp_path / "x.safetensors"
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + values)
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(WeightsCorrupt) as caught:
        read_safetensors(path)
    assert path.name in str(caught.value)
    assert str(caught.value).isascii()
    return str(caught.value)


def test_reads_what_the_published_package_wrote_bit_for_bit() -> None:
    found = read_safetensors(GOLDEN / "numpy.safetensors")
    check({name: found.pop(name) for name in TENSORS})
    assert not found


def test_reads_a_file_with_metadata_and_without(file: Write) -> None:
    assert read_safetensors(file({"a": ROW}))["a"].tolist() == [0, 1, 2, 3]
    assert read_safetensors(file({"__metadata__": {"format": "pt"}, "a": ROW}))["a"].tolist() == [0, 1, 2, 3]
    assert read_safetensors(file({}, b"")) == {}


def test_values_are_not_copied_out_of_the_file(file: Write) -> None:
    count = 5_000_000
    text = json.dumps({"a": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}})
    path = file(text + " " * (-len(text) % 8), bytes(4 * count))
    tracemalloc.start()
    try:
        found = read_safetensors(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["a"].nbytes == 4 * count
    assert peak < 1_000_000


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="No such file"):
        read_safetensors(tmp_path / "x.safetensors")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40, LARGEST_HEADER + 1, 10_000, 1, 0])
def test_a_forged_length_of_the_header_is_refused(length: int, file: Write) -> None:
    refusal(file({"a": ROW}, length=length))


def test_a_header_above_the_limit_is_refused_unread(file: Write) -> None:
    assert "4,000,002 bytes" in refusal(file("{}" + " " * LARGEST_HEADER))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "1",
        "null",
        '"x"',
        "{",
        '{"a": 1}',
        '{"a": {}}',
        "[" * 1_000_000,
        '{"a":' * 500_000,
        '{"a": ' + "9" * 100_000 + "}",
        '{"\udcff": 1}',
        "\ufeff{}",
    ],
    ids=range(13),
)
def test_a_header_that_is_no_mapping_of_rows_is_refused(header: str, file: Write) -> None:
    refusal(file(header))


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "F8_E4M3"},
        {"dtype": "f32"},
        {"dtype": 1},
        {"dtype": []},
        {"dtype": None},
        {"shape": [5]},
        {"shape": [-4]},
        {"shape": [-2, -2]},
        {"shape": [4.0]},
        {"shape": ["4"]},
        {"shape": [True] * 4},
        {"shape": 4},
        {"shape": "4"},
        {"shape": [4] + [1] * 8},
        {"shape": [2**62, 4]},
        {"shape": [2**70]},
        {"shape": [0, 2**62], "data_offsets": [0, 16]},
        {"data_offsets": [0, 20]},
        {"data_offsets": [4, 20]},
        {"data_offsets": [16, 0]},
        {"data_offsets": [-16, 0]},
        {"data_offsets": [2**62, 2**62 + 16]},
        {"data_offsets": [0]},
        {"data_offsets": [0, 16, 16]},
        {"data_offsets": "ab"},
        {"data_offsets": {"0": 0, "1": 16}},
        {"more": 1},
    ],
)
def test_a_forged_row_is_refused(changes: dict[str, Any], file: Write) -> None:
    refusal(file({"a": ROW | changes}))


def test_rows_that_overlap_or_leave_holes_are_refused(file: Write) -> None:
    half = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}
    assert "overlap" in refusal(file({"a": ROW, "b": ROW}))
    assert "overlap" in refusal(file({"a": ROW, "b": half}))
    assert "leave a hole" in refusal(file({"b": half}))
    assert read_safetensors(file({"b": half, "a": half | {"data_offsets": [0, 8]}}))["b"].tolist() == [2, 3]


def test_names_that_are_there_twice_are_refused(file: Write) -> None:
    row = json.dumps(ROW)
    assert "twice" in refusal(file(f'{{"a": {row}, "a": {row}}}'))
    assert "twice" in refusal(file(f'{{"a": {row[:-1]}, "dtype": "F32"}}}}'))


def test_bytes_left_over_and_bytes_that_lack_are_refused(file: Write) -> None:
    assert "20 bytes of values, its header says 16" in refusal(file({"a": ROW}, FOUR + b"\0" * 4))
    assert "15 bytes of values, its header says 16" in refusal(file({"a": ROW}, FOUR[:-1]))


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    data = (GOLDEN / "numpy.safetensors").read_bytes()
    path = tmp_path / "x.safetensors"
    for length in range(0, len(data), 11):
        path.write_bytes(data[:length])
        refusal(path)


def test_a_changed_byte_gives_tensors_or_a_refusal(tmp_path: Path) -> None:
    data = (GOLDEN / "numpy.safetensors").read_bytes()
    path = tmp_path / "x.safetensors"
    draw = np.random.RandomState(5)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        changed[draw.randint(1000)] = draw.randint(256)
        path.write_bytes(changed)
        try:
            found = read_safetensors(path)
        except WeightsCorrupt:
            refused += 1
        else:
            assert sum(values.nbytes for values in found.values()) <= 2 * len(data)
    assert refused > 150


def test_openvino_reads_weights_where_they_lie_in_the_file(file: Write) -> None:
    text = json.dumps({"weight": ROW})
    values = read_safetensors(file(text + " " * (-len(text) % 8)))["weight"]  # as the format asks for, so that values lie aligned
    node = GraphOps().constant(values).get_node()
    assert np.shares_memory(node.data, values)
    np.testing.assert_array_equal(node.data[0], values)
