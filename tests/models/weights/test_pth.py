"""PyTorch's files of weights, read without PyTorch: the same tensors, or a refusal that runs nothing."""

import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_tensors import GOLDEN, TENSORS, check

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.weights.pth import read_pth
from img_enhance.models.weights.tensor_pickle import LARGEST_PICKLE

GOLDEN_FILES = sorted(GOLDEN.glob("*.pth"))
LAYOUTS = ["ema.pth", "old.pth"]

# Instructions of pickles.
MARK, STOP, DICT, TUPLE, REDUCE, PERSID, SET = b"(", b".", b"}", b"t", b"R", b"Q", b"s"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def whole(value: int) -> bytes:
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


def wholes(*values: int) -> bytes:
    return MARK + b"".join(whole(value) for value in values) + TUPLE


def named(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def storage(*, count: int, key: str = "0", kind: str = "FloatStorage") -> bytes:
    return MARK + text("storage") + named("torch", kind) + text(key) + text("cpu") + whole(count) + TUPLE + PERSID


def tensor(where: bytes, *, offset: int = 0, shape: bytes, strides: bytes) -> bytes:
    rebuild = named("torch._utils", "_rebuild_tensor_v2")
    hooks = named("collections", "OrderedDict") + b")" + REDUCE
    return rebuild + MARK + where + whole(offset) + shape + strides + b"\x89" + hooks + TUPLE + REDUCE


def mapping(*pairs: tuple[str, bytes]) -> bytes:
    return b"\x80\x02" + DICT + b"".join(text(name) + value + SET for name, value in pairs) + STOP


def plain(count: int, **changes: Any) -> bytes:
    """A mapping of one tensor of `count` values, which are all of its storage unless something is changed."""
    given: dict[str, Any] = {"where": storage(count=count), "shape": wholes(count), "strides": wholes(1)} | changes
    return mapping(("a", tensor(given.pop("where"), **given)))


def zipped(path: Path, program: bytes, storages: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x/data.pkl", program)
        for key, values in storages.items():
            file.writestr(f"x/data/{key}", values)
    return path


FOUR = np.arange(4, dtype=np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a pickle and storages as a zip file; without storages there is one of four values."""

    def write(program: bytes, storages: dict[str, bytes] | None = None) -> Path:
        return zipped(tmp_path / "x.pth", program, {"0": FOUR.tobytes()} if storages is None else storages)

    return write


def refusal(path: Path) -> str:
    with pytest.raises(WeightsCorrupt) as caught:
        read_pth(path)
    assert path.name in str(caught.value)
    assert str(caught.value).isascii()
    return str(caught.value)


# ---- what PyTorch wrote


@pytest.mark.parametrize("path", GOLDEN_FILES, ids=lambda path: path.name)
def test_reads_what_pytorch_wrote_bit_for_bit(path: Path) -> None:
    check(read_pth(path))


def test_golden_files_cover_both_layouts_and_all_places() -> None:
    assert [path.name for path in GOLDEN_FILES] == ["ema.pth", "old.pth", "params.pth", "plain.pth", "protocol4.pth"]
    assert (GOLDEN / "ema.pth").read_bytes()[:2] == b"PK"
    assert (GOLDEN / "old.pth").read_bytes()[:2] == b"\x80\x02"


def test_reads_what_this_pytorch_writes_as_pytorch_reads_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    import write_golden_pth

    write_golden_pth.write(tmp_path)
    for path in sorted(tmp_path.glob("*.pth")):
        root = torch.load(path, weights_only=path.name != "protocol4.pth")
        expected = root.get("params_ema", root.get("params", root))
        found = read_pth(path)
        assert list(found) == list(expected)
        for name, value in expected.items():
            theirs = (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
            assert found[name].dtype == theirs.dtype, name
            assert np.array_equal(found[name], theirs), name
            assert found[name].shape == theirs.shape, name


@pytest.mark.parametrize("zip_layout", [True, False])
def test_reads_a_network_of_full_size_as_pytorch_reads_it(zip_layout: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    torch.manual_seed(0)
    # As large as realesrgan-x4plus: 16.7 million values in 702 tensors.
    state = {f"body.{k}.weight": torch.randn(64, 41, 3, 3) for k in range(702)}
    torch.save({"params_ema": state}, tmp_path / "x.pth", _use_new_zipfile_serialization=zip_layout)
    found = read_pth(tmp_path / "x.pth")
    assert list(found) == list(state)
    assert all(np.array_equal(found[name], value.numpy()) for name, value in state.items())


@pytest.mark.parametrize("name", LAYOUTS)
def test_tied_tensors_are_one_array(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="writes with PyTorch, which is not installed")
    shared = torch.randn(50, dtype=torch.float32).to(torch.bfloat16)
    torch.save({"a": shared, "b": shared, "c": shared[:]}, tmp_path / "x.pth", _use_new_zipfile_serialization=name != "old.pth")
    found = read_pth(tmp_path / "x.pth")
    assert found["a"] is found["b"]
    assert np.array_equal(found["c"], shared.float().numpy())


def test_values_are_not_copied_out_of_the_file(tmp_path: Path) -> None:
    count = 5_000_000
    # Behind the end of the pickle there may be anything: here what aligns the values, as PyTorch does.
    program = plain(count)
    program += bytes(-(2 * 30 + len("x/data.pkl") + len("x/data/0") + len(program)) % 4)
    path = zipped(tmp_path / "x.pth", program, {"0": bytes(4 * count)})
    tracemalloc.start()
    try:
        found = read_pth(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["a"].nbytes == 4 * count
    assert peak < 1_000_000


@pytest.mark.parametrize("pad", range(4))
def test_values_lie_where_processors_can_read_them(pad: int, file: Callable[..., Path]) -> None:
    found = read_pth(file(plain(4) + bytes(pad)))["a"]
    assert found.flags.aligned
    assert found.tolist() == [0, 1, 2, 3]


def test_a_mapping_of_plain_opcodes_is_read(file: Callable[..., Path]) -> None:
    assert read_pth(file(plain(4)))["a"].tolist() == [0, 1, 2, 3]
    assert read_pth(file(plain(4, offset=1, shape=wholes(2), strides=wholes(2))))["a"].tolist() == [1, 3]


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="No such file"):
        read_pth(tmp_path / "x.pth")


# ---- pickles that would run code


class Runs:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> Any:
        return self.called


def legacy(program: bytes, keys: bytes = b"\x80\x02].", tail: bytes = b"") -> bytes:
    """A file in the layout before PyTorch 1.6."""
    start = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    return start + program + keys + tail


@pytest.mark.parametrize("layout", ["zip", "old"])
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_writes_a_file_writes_nothing(layout: str, protocol: int, file: Callable[..., Path], tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for program in (
        pickle.dumps(Runs(open, str(canary), "w"), protocol),
        pickle.dumps({"params": Runs(os.mkdir, str(canary))}, protocol),
        pickle.dumps(Runs(eval, f"open({str(canary)!r}, 'w')"), protocol),
    ):
        pickle.loads(program)  # it does what it should
        assert canary.exists()
        canary.rmdir() if canary.is_dir() else canary.unlink()
        path = file(program)
        if layout == "old":
            path.write_bytes(legacy(program))
        refusal(path)
        assert not canary.exists()


def test_a_pickle_that_would_end_the_process_does_not(file: Callable[..., Path]) -> None:
    path = file(pickle.dumps(Runs(os._exit, 7), 2))
    code = (
        "import sys\nfrom pathlib import Path\nfrom img_enhance.models.weights.pth import read_pth\n"
        "try: read_pth(Path(sys.argv[1]))\nexcept Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("WeightsCorrupt")
    assert "which is not on the list" in done.stdout


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch", "FloatStorage.__init__"),
        ("collections", "namedtuple"),
        ("collections OrderedDict", ""),
        ("", "collections OrderedDict"),
        ("numpy.core.multiarray", "_reconstruct"),
    ],
)
def test_a_name_that_is_not_on_the_list_is_refused(module: str, name: str, file: Callable[..., Path]) -> None:
    assert "not on the list" in refusal(file(b"\x80\x02" + named(module, name) + STOP))
    stacked = b"\x80\x04" + text(module) + text(name) + b"\x93" + STOP
    assert "not on the list" in refusal(file(stacked))


@pytest.mark.parametrize(
    "instruction", [b"i", b"o", b"\x81", b"\x92", b"\x82\x01", b"P0\n", b"0", b"2", b"\x8f", b"\x91", b"\x97", b"\x98", b"l", b"d"]
)
def test_every_other_instruction_is_refused(instruction: bytes, file: Callable[..., Path]) -> None:
    for before in (b"", DICT, MARK + DICT, DICT + DICT + DICT):
        refusal(file(b"\x80\x02" + before + instruction + b"os\nsystem\n" + STOP))


@pytest.mark.parametrize(
    "program",
    [
        named("collections", "OrderedDict") + MARK + DICT + TUPLE + REDUCE,
        named("torch", "FloatStorage") + b")" + REDUCE,
        named("torch._utils", "_rebuild_parameter") + b")" + REDUCE,
        named("torch._utils", "_rebuild_tensor_v2") + b")" + REDUCE,
        DICT + b")" + REDUCE,
        text("os.system") + b")" + REDUCE,
        named("collections", "OrderedDict") + DICT + b"b",
        DICT + text("state") + b"b",
        text("x") + PERSID,
        b")" + PERSID,
        MARK + text("module") + named("torch", "FloatStorage") + text("0") + text("cpu") + whole(4) + TUPLE + PERSID,
        MARK + text("storage") + text("FloatStorage") + text("0") + text("cpu") + whole(4) + TUPLE + PERSID,
        MARK + text("storage") + named("torch", "FloatStorage") + whole(0) + text("cpu") + whole(4) + TUPLE + PERSID,
        MARK + text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu") + whole(4) + DICT + TUPLE + PERSID,
        b"h\x00",
        TUPLE,
        SET,
        b"\x87",
        DICT + MARK + text("a") + b"u",
        DICT + whole(1) + whole(1) + SET,
        DICT + b")" + b")" + SET,
        DICT + whole(1) + b"a",
        b"",
    ],
)
def test_allowed_instructions_in_a_wrong_order_are_refused(program: bytes, file: Callable[..., Path]) -> None:
    refusal(file(b"\x80\x02" + program + STOP))


def test_a_pickle_without_an_end_is_refused(file: Callable[..., Path]) -> None:
    refusal(file(plain(4)[:-1]))
    refusal(file(b""))


@pytest.mark.parametrize("tables", [("params",), ("state_dict",), ("model", "params_ema"), ("net", "state_dict", "params")])
def test_tables_that_programs_put_weights_into_are_opened(tables: tuple[str, ...], file: Callable[..., Path]) -> None:
    program = plain(4)
    for name in reversed(tables):
        program = mapping(("epoch", whole(3)), (name, program[2:-1]))
    assert list(read_pth(file(program))) == ["a"]


def test_tables_without_end_are_not_followed(file: Callable[..., Path]) -> None:
    program = plain(4)
    for _ in range(40):
        program = mapping(("params", program[2:-1]))
    assert "'params' is not a tensor" in refusal(file(program))


@pytest.mark.parametrize("value", [whole(1), text("x"), b"N", b"\x88", b"]", DICT, b"G" + struct.pack(">d", 0.5)])
def test_what_is_not_a_tensor_is_refused(value: bytes, file: Callable[..., Path]) -> None:
    assert "'a' is not a tensor" in refusal(file(mapping(("a", value))))
    assert "'a' is not a tensor" in refusal(file(mapping(("params", mapping(("a", value))[2:-1]))))


@pytest.mark.parametrize("value", [whole(1), text("x"), b"N", b"]", b")"])
def test_what_is_not_a_mapping_is_refused(value: bytes, file: Callable[..., Path]) -> None:
    assert "does not hold a mapping" in refusal(file(b"\x80\x02" + value + STOP))


# ---- pickles that would exhaust the machine

DEEP = 100_000


@pytest.mark.parametrize(
    "program",
    [
        b")" + b"\x85" * DEEP,  # tuples in tuples
        b"]" * DEEP + b"a" * (DEEP - 1),
        (DICT + text("a")) * (DEEP // 3) + b"N" + SET * (DEEP // 3),
        MARK * DEEP,
        DICT + text("a") + b"h\x00" + SET,
        DICT + b"q\x00" + text("a") + b"h\x00" + SET,  # a mapping in itself
        # A tuple of itself twice, 300 times: hashing it would take 2**300 steps.
        DICT + b"N" + b"q\x00h\x00\x86" * 300 + b"N" + SET,
        DICT + b")" + b"\x85" * DEEP + b"N" + SET,  # and hashing this one would overflow the stack
        named("torch._utils", "_rebuild_tensor_v2") + b")" + b"\x85" * DEEP + REDUCE,
        b")" + b"\x85" * DEEP + PERSID,
        b"N" + b"r\xff\xff\xff\xff",  # a memo of four billion places
        b"N" + b"\x94" * DEEP,
        b"\x8d" + struct.pack("<Q", 2**40),  # a text of a terabyte
        b"X\xff\xff\xff\xff",
        b"\x8e" + struct.pack("<Q", 2**63 - 1),
        b"\x96" + struct.pack("<Q", 2**50),
        b"\x95" + struct.pack("<Q", 2**63),
        b"\x8b\xff\xff\xff\x7f",
        b"I" + b"9" * 1_000_000 + b"\n",
        b"L" + b"9" * 1_000_000 + b"L\n",
        b"N" * 400_000,
    ],
    ids=range(21),
)
@pytest.mark.parametrize("layout", ["zip", "old"])
def test_a_bomb_is_refused_quickly_and_in_little_memory(program: bytes, layout: str, file: Callable[..., Path]) -> None:
    path = file(b"\x80\x02" + program + STOP)
    if layout == "old":
        path.write_bytes(legacy(b"\x80\x02" + program + STOP))
    started = time.process_time()
    refusal(path)
    # Each would take hours, all memory, or the stack.
    assert time.process_time() - started < 20


def test_memory_for_the_largest_pickle_is_bounded(file: Callable[..., Path]) -> None:
    path = file(b"\x80\x02" + DICT * (LARGEST_PICKLE - 10) + STOP)
    tracemalloc.start()
    try:
        refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000


def test_a_pickle_of_too_many_instructions_is_refused(file: Callable[..., Path]) -> None:
    assert "more than 300,000 instructions" in refusal(file(b"\x80\x02" + b"N" * 400_000 + STOP))


def test_a_pickle_above_the_limit_is_refused_unread(file: Callable[..., Path]) -> None:
    assert "4,000,000 are taken" in refusal(file(b"\x80\x02" + b"N" * LARGEST_PICKLE))


# ---- forged tensors


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"offset": 1}, "beyond"),
        ({"offset": 2**62}, "beyond"),
        ({"offset": -1}, "whole number"),
        ({"shape": wholes(5)}, "beyond"),
        ({"shape": wholes(-4)}, "whole number"),
        ({"shape": wholes(2**62)}, "beyond"),
        ({"shape": wholes(2**70)}, "whole number"),
        ({"strides": wholes(2)}, "beyond"),
        ({"strides": wholes(-1)}, "whole number"),
        ({"strides": wholes(2**62)}, "beyond"),
        ({"strides": wholes()}, "dimensions"),
        ({"shape": wholes(2, 2), "strides": wholes(2, 2)}, "beyond"),
        ({"shape": wholes(1_000_000), "strides": wholes(0)}, "beyond"),
        ({"shape": wholes(2**31, 2**31), "strides": wholes(0, 0)}, "beyond"),
        ({"shape": wholes(*[1] * 9), "strides": wholes(*[1] * 9)}, "at most 8"),
        ({"shape": MARK + b"\x88" + TUPLE}, "whole number"),
        ({"shape": MARK + text("4") + TUPLE}, "whole number"),
        ({"shape": b"]"}, "at most 8"),
        ({"where": storage(count=5)}, "missing or has another size"),
        ({"where": storage(count=2**62), "shape": wholes(4)}, "missing or has another size"),
        ({"where": storage(count=-4)}, "whole number"),
        ({"where": storage(count=4, kind="DoubleStorage")}, "missing or has another size"),
        ({"where": storage(count=4, key="1")}, "missing or has another size"),
        ({"where": storage(count=4, kind="UntypedStorage")}, "not on the list"),
        ({"where": storage(count=4, key="../../../../etc/passwd")}, "missing or has another size"),
        ({"where": storage(count=4, key="/etc/passwd")}, "missing or has another size"),
        ({"where": storage(count=4, key="0\0")}, "missing or has another size"),
    ],
)
def test_a_forged_tensor_is_refused(changes: dict[str, Any], reason: str, file: Callable[..., Path]) -> None:
    assert reason in refusal(file(plain(4, **changes)))


def test_a_storage_with_two_types_is_refused(file: Callable[..., Path]) -> None:
    one = tensor(storage(count=4), shape=wholes(4), strides=wholes(1))
    two = tensor(storage(count=4, kind="IntStorage"), shape=wholes(4), strides=wholes(1))
    assert "two types" in refusal(file(mapping(("a", one), ("b", two))))


def test_many_views_of_one_storage_do_not_fill_the_memory(file: Callable[..., Path]) -> None:
    count = 500_000
    views = [
        (str(k), tensor(storage(count=count, kind="BFloat16Storage"), offset=k, shape=wholes(count - k), strides=wholes(1)))
        for k in range(1000)
    ]
    assert "more values than the file" in refusal(file(mapping(*views), {"0": bytes(2 * count)}))


# ---- forged zip files


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.pth", plain(10_000_000), {"0": bytes(40_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "is compressed" in refusal(path)


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.pth", plain(4), {"0": FOUR.tobytes()})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr("x/data/0", FOUR.tobytes())
    assert "'x/data/0' is there twice" in refusal(path)


def test_two_pickles_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.pth", plain(4), {"0": FOUR.tobytes()})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("y/data.pkl", plain(4))
    assert "2 pickles" in refusal(path)


def test_a_zip_file_without_a_pickle_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as file:
        file.writestr("readme.txt", "hello")
    assert "0 pickles" in refusal(tmp_path / "x.pth")


def test_names_that_are_paths_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "data" / "0"
    outside.parent.mkdir()
    outside.write_bytes(FOUR.tobytes())
    folder = tmp_path / "inner"
    folder.mkdir()
    with zipfile.ZipFile(folder / "x.pth", "w") as file:
        file.writestr("../data.pkl", plain(4))
    assert "missing" in refusal(folder / "x.pth")
    with zipfile.ZipFile(folder / "x.pth", "w") as file:
        file.writestr("x/data.pkl", plain(4, where=storage(count=4, key=str(outside))))
    assert "missing" in refusal(folder / "x.pth")
    assert sorted(path.name for path in folder.iterdir()) == ["x.pth"]


def test_big_endian_numbers_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.pth", plain(4), {"0": FOUR.tobytes()})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x/byteorder", "big")
    assert "little-endian" in refusal(path)


CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"


def forged(path: Path, record: bytes, offset: int, layout: str, value: int) -> Path:
    """The file with a field of the last such record changed."""
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, data.rindex(record) + offset, value)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("record", "offset", "layout", "value"),
    [
        (CENTRAL, 8, "<H", 1),  # encrypted
        (CENTRAL, 10, "<H", 8),  # deflated
        (CENTRAL, 20, "<I", 2**31),
        (CENTRAL, 24, "<I", 2**31),
        (CENTRAL, 28, "<H", 65535),
        (CENTRAL, 30, "<H", 65535),
        (CENTRAL, 42, "<I", 0),  # the header of another entry
        (CENTRAL, 42, "<I", 2**32 - 1),
        (END, 4, "<H", 1),
        (END, 8, "<H", 1),
        (END, 10, "<H", 1),
        (END, 8, "<I", 0x0001_0001),  # fewer entries than there are
        (END, 8, "<I", 0xFFFE_FFFE),
        (END, 8, "<I", 0xFFFF_FFFF),
        (END, 12, "<I", 2**31),
        (END, 16, "<I", 2**31),
        (END, 16, "<I", 0),
        (END, 20, "<H", 1),
    ],
)
def test_a_forged_zip_record_is_refused(record: bytes, offset: int, layout: str, value: int, file: Callable[..., Path]) -> None:
    refusal(forged(file(plain(4)), record, offset, layout, value))


def test_an_entry_with_two_names_is_refused(file: Callable[..., Path]) -> None:
    path = file(plain(4))
    path.write_bytes(path.read_bytes().replace(b"x/data/0", b"x/data/1", 1))
    assert "is not where the list says" in refusal(path)


def test_a_storage_beyond_the_file_is_refused(file: Callable[..., Path]) -> None:
    path = file(plain(1000, shape=wholes(4)))
    for offset in (20, 24):
        forged(path, CENTRAL, offset, "<I", 4000)
    assert "overlap" in refusal(path)


def test_entries_that_share_bytes_are_refused(file: Callable[..., Path]) -> None:
    path = file(plain(4), {"0": FOUR.tobytes(), "1": FOUR.tobytes()})
    data = path.read_bytes()
    first, second = [at for at in range(len(data)) if data[at : at + 4] == CENTRAL][1:]
    changed = bytearray(data)
    changed[second + 42 : second + 46] = data[first + 42 : first + 46]
    changed[data.rindex(b"x/data/1")] = ord("x")
    at = second + 46
    changed[at : at + 8] = b"x/data/0"
    path.write_bytes(changed)
    refusal(path)


# ---- the layout before PyTorch 1.6


def test_old_layout_must_be_consumed_exactly(tmp_path: Path) -> None:
    data = (GOLDEN / "old.pth").read_bytes()
    path = tmp_path / "x.pth"
    path.write_bytes(data + b"\0")
    assert "1 bytes are left over" in refusal(path)
    path.write_bytes(data[:-1])
    assert "ends too early" in refusal(path)


def test_old_layout_with_forged_storages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    one = b"\x80\x02](" + text("0") + b"e."
    values = struct.pack("<q", 4) + FOUR.tobytes()
    path.write_bytes(legacy(plain(4), one, values))
    assert read_pth(path)["a"].tolist() == [0, 1, 2, 3]
    for keys, tail in [
        (b"\x80\x02].", b""),
        (b"\x80\x02](" + text("0") + text("0") + b"e.", values + values),
        (b"\x80\x02](" + text("1") + b"e.", values),
        (b"\x80\x02](" + b"NN" + b"e.", values),
        (b"\x80\x02}.", b""),
        (one, struct.pack("<q", 5) + FOUR.tobytes()),
        (one, struct.pack("<q", -1) + FOUR.tobytes()),
        (one, struct.pack("<q", 2**62) + FOUR.tobytes()),
        (one, b""),
    ]:
        path.write_bytes(legacy(plain(4), keys, tail))
        refusal(path)
    path.write_bytes(legacy(plain(2**40, shape=wholes(4)), one, struct.pack("<q", 2**40) + FOUR.tobytes()))
    assert "ends too early" in refusal(path)


def test_old_layout_of_another_byte_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(legacy(plain(4)).replace(b"\x88", b"\x89", 1))
    assert "little-endian" in refusal(path)


@pytest.mark.parametrize(
    "data", [b"", b"P", b"PK", b"PK\x03\x04", b"\x80", b"hello", b"\0" * 100, b"\x80\x02K\x01.", b"version https://git-lfs"]
)
def test_what_pytorch_never_wrote_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    refusal(path)


# ---- damage


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_cut_short_anywhere_is_refused(name: str, tmp_path: Path) -> None:
    data = (GOLDEN / name).read_bytes()
    path = tmp_path / "x.pth"
    for length in range(0, len(data), 41):
        path.write_bytes(data[:length])
        refusal(path)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_changed_byte_gives_tensors_or_a_refusal(name: str, tmp_path: Path) -> None:
    data = (GOLDEN / name).read_bytes()
    path = tmp_path / "x.pth"
    draw = np.random.RandomState(3)
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randint(len(data))] = draw.randint(256)
        path.write_bytes(changed)
        try:
            found = read_pth(path)
        except WeightsCorrupt:
            refused += 1
        else:
            assert all(isinstance(values, np.ndarray) and values.nbytes <= 2 * len(data) for values in found.values())
    assert refused > 30


def test_the_golden_tensors_are_those_that_matter() -> None:
    kinds = {values.dtype.name for values in TENSORS.values()}
    assert {"float32", "float16", "float64", "int64", "bool", "uint8"} == kinds
    assert not TENSORS["transposed"].flags.c_contiguous
