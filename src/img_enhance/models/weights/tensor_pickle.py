"""Reads the pickles in PyTorch's files without running any code.

A pickle is a program. Python's own unpickler would call whatever it names, and even one that is told what it may name can be made to
fill the memory (a memo of four billion places), to hash tuples for ever, or to overflow the stack. So the few instructions that a
mapping of tensors needs are interpreted here, and every other one is refused. What a pickle names is only ever compared with a list:
nothing is imported, called or hashed but texts, and each instruction costs bounded work and memory.
"""

import pickletools
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from img_enhance.models.weights.tensors import MOST_DIMENSIONS, Malformed

# GFPGAN, 1,400 tensors, needs some 50,000 instructions and 0.2 MB.
MOST_INSTRUCTIONS = 300_000
LARGEST_PICKLE = 4_000_000

_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Storage:
    """So many values of one type in the file, under a key."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A tensor's values in its storage; offset and strides count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    """Something that a pickle names: module and name."""

    name: str


_ORDERED_DICT = _Global("collections OrderedDict")
_REBUILD_TENSOR = _Global("torch._utils _rebuild_tensor_v2")
_REBUILD_PARAMETER = _Global("torch._utils _rebuild_parameter")
_STORAGE_TYPES = {_Global(f"torch {name}"): dtype for name, dtype in _STORAGES.items()}
_ALLOWED = {known.name: known for known in (_ORDERED_DICT, _REBUILD_TENSOR, _REBUILD_PARAMETER, *_STORAGE_TYPES)}


def read_pickle(file: BytesIO, storages: dict[str, Storage]) -> Any:
    """What the pickle at the file's position describes, of dict, list, tuple, str, int, float, bool, None and Tensor.

    The storages it names are put into `storages` by their keys.

    Raises: ValueError for any other pickle.
    """
    stack: list[Any] = []
    marked: list[list[Any]] = []
    memo: dict[int, Any] = {}
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MOST_INSTRUCTIONS:
                raise Malformed(f"its pickle has more than {MOST_INSTRUCTIONS:,} instructions")
            if opcode.name == "STOP":
                return stack.pop()
            if opcode.name == "MARK":
                marked.append(stack)
                stack = []
            elif opcode.name in ("TUPLE", "SETITEMS", "APPENDS"):
                items, stack = stack, marked.pop()
                _gather(opcode.name, stack, items)
            elif opcode.name in ("BINPUT", "LONG_BINPUT"):
                memo[_whole(argument)] = stack[-1]
            elif opcode.name == "BINPERSID":
                storage = _storage(stack.pop())
                if storages.setdefault(storage.key, storage) != storage:
                    raise Malformed(f"the storage {storage.key[:100]!a} has two types or sizes")
                stack.append(storage)
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[_whole(argument)])
            else:
                _step(opcode.name, argument, stack)
    except (IndexError, KeyError):
        raise Malformed("its pickle is broken") from None
    raise Malformed("its pickle ends too early")


def _step(name: str, argument: Any, stack: list[Any]) -> None:
    """Do one instruction that needs no more than the stack."""
    if name in _VALUES:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _TUPLES:
        stack.append(tuple(_popped(stack, _TUPLES[name])))
    elif name == "EMPTY_DICT":
        stack.append({})
    elif name == "EMPTY_LIST":
        stack.append([])
    elif name == "SETITEM":
        _gather("SETITEMS", stack, _popped(stack, 2))
    elif name == "APPEND":
        _gather("APPENDS", stack, _popped(stack, 1))
    elif name == "GLOBAL":
        stack.append(_named(argument))
    elif name == "STACK_GLOBAL":
        stack.append(_named(" ".join(_texts(_popped(stack, 2)))))
    elif name == "REDUCE":
        function, arguments = _popped(stack, 2)
        stack.append(_made(function, arguments))
    elif name == "BUILD":
        # A mapping's attributes: PyTorch keeps versions of modules there.
        if not isinstance(stack.pop(), dict) or not isinstance(stack[-1], dict):
            raise Malformed("its pickle builds something other than a mapping")
    elif name not in ("PROTO", "FRAME"):
        raise Malformed(f"its pickle has the instruction {name}, which no mapping of tensors needs")


def _gather(name: str, stack: list[Any], items: list[Any]) -> None:
    """Make a tuple of the items, or put them into the dict or list on the stack."""
    if name == "TUPLE":
        stack.append(tuple(items))
    elif name == "APPENDS" and isinstance(stack[-1], list):
        stack[-1].extend(items)
    elif name == "SETITEMS" and isinstance(stack[-1], dict) and len(items) % 2 == 0:
        stack[-1].update(zip(_texts(items[::2]), items[1::2], strict=True))
    else:
        raise Malformed("its pickle is broken")


def _popped(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError
    items = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return items


def _named(name: str) -> _Global:
    if name not in _ALLOWED:
        raise Malformed(f"it wants to load {name[:100]!a}, which is not on the list of what weights need; it was not loaded")
    return _ALLOWED[name]


def _storage(persistent: Any) -> Storage:
    """The storage that a persistent id stands for: ("storage", type, key, device, count), in old files with a None after it."""
    if not isinstance(persistent, tuple) or len(persistent) not in (5, 6) or persistent[5:] not in ((), (None,)):
        raise Malformed("it names a storage in an unknown way")
    kind, dtype, key, _, count = persistent[:5]
    if kind != "storage" or not isinstance(dtype, _Global) or dtype not in _STORAGE_TYPES:
        raise Malformed("it names a storage of an unknown type")
    if not isinstance(key, str):
        raise Malformed("it names a storage in an unknown way")
    return Storage(_STORAGE_TYPES[dtype], key, _whole(count))


def _made(function: Any, arguments: Any) -> Any:
    """What calling an allowed name would give."""
    if not isinstance(function, _Global) or not isinstance(arguments, tuple):
        raise Malformed("its pickle calls something that is not a name")
    if function == _ORDERED_DICT and not arguments:
        return {}
    if function == _REBUILD_PARAMETER and len(arguments) == 3 and isinstance(arguments[0], Tensor):
        return arguments[0]
    if function == _REBUILD_TENSOR and len(arguments) in (6, 7) and isinstance(arguments[0], Storage):
        storage, offset, shape, strides = arguments[:4]
        return _tensor(storage, _whole(offset), _wholes(shape), _wholes(strides))
    raise Malformed(f"its pickle calls {function.name} in an unknown way")


def _tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    """The tensor, which lies within its storage and has no more values than it."""
    if len(shape) != len(strides):
        raise Malformed("a tensor has other dimensions than strides")
    values, last = 1, offset
    for side, stride in zip(shape, strides, strict=True):
        values *= side
        last += (side - 1) * stride
    if values and (last >= storage.count or values > storage.count):
        raise Malformed(f"a tensor reaches beyond the {storage.count:,} values of its storage")
    return Tensor(storage, offset, shape, strides)


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise Malformed("its pickle is broken: a count is not a whole number")
    return value


def _wholes(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > MOST_DIMENSIONS:
        raise Malformed(f"a tensor's shape is not at most {MOST_DIMENSIONS} whole numbers")
    return tuple(_whole(value) for value in values)


def _texts(values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise Malformed("its pickle is broken: a name is not a text")
    return values
