"""Reads of an ONNX file what must be known before another program is given it: its ports, its operations, and what it would read or repeat.

Nothing is computed and no value of a weight is looked at. Source: onnx.proto of github.com/onnx/onnx, and protobuf's description of
how messages lie in bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from img_enhance.errors import UnsupportedModel, WeightsCorrupt
from img_enhance.models.weights.tensors import Malformed, mapped

# The types of values in ONNX files that pictures come in, as numpy calls them.
PICTURE_TYPES = {1: "float32", 2: "uint8", 10: "float16"}
_TYPES = {
    **PICTURE_TYPES,
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    11: "float64",
    16: "bfloat16",
}

# Operations of these domains are everybody's; others are somebody's own, unless the file itself says what they do.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "org.openvinotoolkit")
# They repeat a graph as often as values say, which may be for ever.
_LOOPS = ("Loop", "Scan")

# The largest published networks that enlarge have some ten thousand operations. Graphs lie in graphs where a network decides.
_MOST_OPERATIONS, _DEEPEST = 200_000, 8
_MOST_NAMED = 5
# The newest in 2026-11 is 28. OpenVINO takes any number for the newest that it knows.
_NEWEST_OPSET = 40

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1


@dataclass(frozen=True)
class Port:
    """What a network takes or answers; a side of unknown length is 0, and `sides` are None where not even their number is known."""

    name: str
    type: str
    sides: tuple[int, ...] | None

    def __str__(self) -> str:
        sides = "?" if self.sides is None else "x".join(str(side or "?") for side in self.sides) or "one value"
        return f"{self.name[:60]!a} ({self.type} {sides})"


@dataclass(frozen=True)
class OnnxFile:
    """What a file says of itself; `operations` are counted by domain and name."""

    opset: int
    producer: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operations: Counter[tuple[str, str]]


@dataclass
class _Found:
    """What was met on the way through a file."""

    opsets: dict[str, int] = field(default_factory=dict)
    producer: str = ""
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    values: set[str] = field(default_factory=set)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    functions: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)
    graphs: int = 0
    count: int = 0


def looks_like_onnx(head: bytes) -> bool:
    """Whether a file that begins so may be one of ONNX, which begins with the version of its format."""
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 0x40


def read_onnx(path: Path) -> OnnxFile:
    """What the file says of itself.

    Raises: UnsupportedModel for one that needs other files, repeats graphs or has operations of its own, and for bytes that are no ONNX
    file; WeightsMissing when it cannot be read.
    """
    found = _Found()
    try:
        with mapped(path) as data, memoryview(data) as view:
            _model(view, found)
            if not found.graphs:
                raise Malformed("it has no graph")
    except WeightsCorrupt as error:  # nobody published it, so there is nothing that it should have been
        raise UnsupportedModel(error.says, "take the file anew from where it is from") from None
    _check(found, path.name)
    inputs = tuple(port for port in found.inputs if port.name not in found.values)
    opset = found.opsets.get("", found.opsets.get("ai.onnx", 0))
    if not 0 < opset <= _NEWEST_OPSET:
        raise UnsupportedModel(f"{path.name} is written in operations of version {opset} (opset), and there are 1 to about 28")
    return OnnxFile(opset, found.producer, inputs, tuple(found.outputs), found.operations)


def _check(found: _Found, name: str) -> None:
    if found.external:
        files = ", ".join(sorted(found.external)[:_MOST_NAMED])
        raise UnsupportedModel(
            f"{name} keeps its weights in other files ({files})", "export it anew as a single file, with its weights inside"
        )
    loops = sorted({operation for _, operation in found.operations if operation in _LOOPS})
    if loops:
        raise UnsupportedModel(f"{name} repeats graphs as often as values in it say ({', '.join(loops)})", "no such network is taken")
    own = sorted(
        f"{domain[:60]!a}"[1:-1] + f"::{operation[:60]!a}".replace("'", "")
        for domain, operation in found.operations
        if domain not in _DOMAINS and domain not in found.functions
    )
    if own:
        raise UnsupportedModel(
            f"{name} has operations of somebody's own ({', '.join(own[:_MOST_NAMED])})", "export it anew with those of ONNX only"
        )


_Value = int | memoryview


def _fields(message: memoryview) -> Iterator[tuple[int, _Value]]:
    """The fields of a message: a number, and a whole number or bytes each.

    Raises: Malformed where these are no fields.
    """
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise Malformed("it is no ONNX file")
        if number == 0 or size > end - place:
            raise Malformed("it ends too early, or is no ONNX file")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if place + count >= len(message):
            break
        byte = message[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    raise Malformed("it ends too early, or is no ONNX file")


def _message(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise Malformed("it is no ONNX file")
    return value


def _text(value: _Value) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")


def _number(value: _Value) -> int:
    if not isinstance(value, int):
        raise Malformed("it is no ONNX file")
    return value


def _model(message: memoryview, found: _Found) -> None:
    for number, value in _fields(message):
        if number == 2:
            found.producer = _text(value)
        elif number == 7:
            found.graphs += 1
            _graph(_message(value), found, depth=0)
        elif number == 8:
            domain, version = "", 0
            for inner, part in _fields(_message(value)):
                domain = _text(part) if inner == 1 else domain
                version = _number(part) if inner == 2 else version
            found.opsets[domain] = version
        elif number == 25:
            _function(_message(value), found)


def _function(message: memoryview, found: _Found) -> None:
    """What the file itself says of an operation."""
    fields = list(_fields(message))
    found.functions.update(_text(value) for number, value in fields if number == 10)
    _nodes(
        [_message(value) for number, value in fields if number == 7],
        {_text(value) for number, value in fields if number == 4},
        found,
        depth=1,
    )


def _graph(message: memoryview, found: _Found, *, depth: int, around: Set[str] = frozenset()) -> None:
    """A graph, which also reads what is known `around` it."""
    if depth > _DEEPEST:
        raise Malformed("its graphs lie in each other too deep")
    known, nodes = set(around), list[memoryview]()
    for number, value in _fields(message):
        if number == 1:
            nodes.append(_message(value))
        elif number in (5, 15):
            known.add(_tensor(_message(value), found, sparse=number == 15))
        elif number == 11:
            port = _port(_message(value))
            known.add(port.name)
            if depth == 0:
                found.inputs.append(port)
        elif number == 12 and depth == 0:
            found.outputs.append(_port(_message(value)))
    _nodes(nodes, known, found, depth=depth)


def _nodes(nodes: list[memoryview], known: set[str], found: _Found, *, depth: int) -> None:
    """Operations one after the other, each of which reads what is `known` by then.

    Raises: Malformed where one reads what comes later, or its own answer: OpenVINO follows such circles until the memory is full.
    """
    for message in nodes:
        read, made = _node(message, found, depth=depth, around=known)
        unknown = next((name for name in read if name and name not in known), None)
        if unknown is not None:
            raise Malformed(f"an operation reads {unknown[:60]!a} before that is made")
        known.update(made)


def _node(message: memoryview, found: _Found, *, depth: int, around: Set[str]) -> tuple[list[str], list[str]]:
    """The names of what an operation reads and makes."""
    operation, domain, read, made, attributes = "", "", list[str](), list[str](), list[memoryview]()
    for number, value in _fields(message):
        if number in (1, 2):
            (read if number == 1 else made).append(_text(value))
        elif number == 4:
            operation = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            attributes.append(_message(value))
    found.operations[domain, operation] += 1
    found.count += 1
    if found.count > _MOST_OPERATIONS:
        raise Malformed(f"it has more than {_MOST_OPERATIONS:,} operations")
    for inner, part in (each for attribute in attributes for each in _fields(attribute)):
        if inner in (5, 10, 22, 23):
            _tensor(_message(part), found, sparse=inner in (22, 23))
        elif inner in (6, 11):
            _graph(_message(part), found, depth=depth + 1, around=around)
    return read, made


def _tensor(message: memoryview, found: _Found, *, sparse: bool) -> str:
    """The name of a tensor, or of one that is mostly 0 and has its values and places in two others."""
    if sparse:
        names = [_tensor(_message(value), found, sparse=False) for number, value in _fields(message) if number in (1, 2)]
        return names[0] if names else ""
    name, places, is_external = "", list[str](), False
    for number, value in _fields(message):
        if number == 8:
            name = _text(value)
        elif number == 13:
            is_external = True
            parts = dict(_fields(_message(value)))
            if _text(parts.get(1, memoryview(b""))) == "location":
                places.append(ascii(_text(parts.get(2, memoryview(b"")))[:60]))
        elif number == 14:
            is_external = is_external or _number(value) == _EXTERNAL
    found.values.add(name)
    if is_external:
        found.external.update(places or ["unnamed"])
    return name


def _port(message: memoryview) -> Port:
    name, kind, sides = "", "no tensor", None
    for number, value in _fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for inner, part in _fields(_message(value)):
                if inner == 1:
                    kind, sides = _tensor_type(_message(part))
    return Port(name, kind, sides)


def _tensor_type(message: memoryview) -> tuple[str, tuple[int, ...] | None]:
    kind, sides = "?", None
    for number, value in _fields(message):
        if number == 1:
            kind = _TYPES.get(_number(value), f"type {_number(value)}")
        elif number == 2:
            sides = tuple(_side(_message(part)) for inner, part in _fields(_message(value)) if inner == 1)
    return kind, sides


def _side(message: memoryview) -> int:
    """A length, 0 where it is not known: negative ones mean that too."""
    lengths = [_number(value) for number, value in _fields(message) if number == 1]
    return lengths[-1] if lengths and lengths[-1] < 1 << 31 else 0
