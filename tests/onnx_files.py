"""Small networks in ONNX files, written byte by byte as protobuf has it, so that broken ones can be made too.

Source: onnx.proto of github.com/onnx/onnx for the numbers of fields.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10
_TYPES: dict[str, int] = {"float32": FLOAT, "uint8": UINT8, "int64": INT64, "float16": FLOAT16}

Side = int | str
Sides = Sequence[Side]
ANY: Sides = (1, 3, "h", "w")


def field(number: int, value: int | bytes | str) -> bytes:
    """A field of a message: a whole number, or bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def tensor(name: str, values: npt.NDArray[Any], more: bytes = b"") -> bytes:
    """A TensorProto."""
    dims = b"".join(field(1, side) for side in values.shape)
    return dims + field(2, _TYPES[values.dtype.name]) + field(8, name) + field(9, values.tobytes()) + more


def external(name: str, location: str) -> bytes:
    """A TensorProto whose values lie in another file."""
    entry = field(1, "location") + field(2, location)
    return field(1, 3) + field(2, FLOAT) + field(8, name) + field(13, entry) + field(14, 1)


def attribute(name: str, value: int | str | bytes | list[int]) -> bytes:
    """An AttributeProto: a whole number, a word, a graph, or whole numbers."""
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    if isinstance(value, bytes):
        return field(1, name) + field(6, value) + field(20, 5)
    return field(1, name) + b"".join(field(8, each) for each in value) + field(20, 7)


def node(operation: str, inputs: str, outputs: str, domain: str = "", **attributes: int | str | bytes | list[int]) -> bytes:
    """A NodeProto; names of values are separated by spaces."""
    ports = b"".join(field(1, name) for name in inputs.split()) + b"".join(field(2, name) for name in outputs.split())
    said = b"".join(field(5, attribute(name, value)) for name, value in attributes.items())
    return ports + field(4, operation) + said + (field(7, domain) if domain else b"")


def port(name: str, sides: Sides = ANY, kind: int = FLOAT) -> bytes:
    """A ValueInfoProto."""
    shape = b"".join(field(1, field(1, side) if isinstance(side, int) else field(2, side)) for side in sides)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def graph(nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """A GraphProto."""
    parts = ((1, nodes), (5, tensors), (11, inputs), (12, outputs))
    return field(2, "g") + b"".join(field(number, each) for number, those in parts for each in those)


def file_of(content: bytes, *, opset: int = 17) -> bytes:
    """A ModelProto."""
    return field(1, 8) + field(2, "tests") + field(8, field(2, opset)) + field(7, content)


def doubling(
    *,
    order: tuple[int, int, int] = (0, 1, 2),
    factor: float = 1.0,
    term: float = 0.0,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    taken: bytes = b"",
    answered: bytes = b"",
    tensors: Sequence[bytes] = (),
    opset: int = 17,
) -> bytes:
    """A network that repeats every pixel twice each way: of values `x` that `before` makes of the picture `in`, values `y`, of which
    `after` makes the answer `out`. Channels come in this order, times a factor and plus a term."""
    weights = np.zeros((12, 3, 3, 3), np.float32)
    for channel, source in enumerate(order):
        weights[4 * channel : 4 * channel + 4, source, 1, 1] = factor
    nodes = [
        *(before or [node("Identity", "in", "x")]),
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("DepthToSpace", "c", "y", blocksize=2, mode="CRD"),
        *(after or [node("Identity", "y", "out")]),
    ]
    mine = [tensor("w", weights), tensor("b", np.full(12, term, np.float32)), *tensors]
    return file_of(graph(nodes, mine, [taken or port("in")], [answered or port("out", (1, 3, "H", "W"))]), opset=opset)


def doubling_file(path: Path, data: bytes | None = None) -> Path:
    """The file of such a network."""
    path.write_bytes(doubling() if data is None else data)
    return path
