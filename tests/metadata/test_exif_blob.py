import contextlib
import itertools
import struct
import time
from collections.abc import Callable
from functools import partial

import pytest
from exif_blobs import (
    AREA,
    LATITUDE,
    NOTE,
    THUMBNAIL,
    camera,
    directory,
    everything_here,
    hostile,
    long,
    many_large,
    many_strips,
    raw,
    short,
    states_gps,
    text,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.blob import parse
from img_enhance.metadata.exif import exif_resolution, new_exif, upright_exif, with_resolution

ORDERS = ("<", ">")
OPERATIONS: tuple[Callable[[bytes], object], ...] = (
    lambda blob: upright_exif(blob, width=8000, height=6000, keep_gps=False),
    lambda blob: upright_exif(blob, width=80_000, height=60_000, keep_gps=True),
    lambda blob: with_resolution(blob, (300, 240)),
    exif_resolution,
)

# Of the processor, because machines are shared; what grows with the square takes minutes.
SECONDS = 10.0


def seen(blob: bytes) -> Image.Exif:
    """What another program reads."""
    exif = Image.Exif()
    exif.load(blob)
    return exif


def second_directory(blob: bytes) -> bytes:
    """What begins where IFD0 points behind itself; nothing when it does not."""
    tiff = blob.removeprefix(b"Exif\0\0")
    order = "<" if tiff.startswith(b"II") else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, first)
    (at,) = struct.unpack_from(order + "I", tiff, first + 2 + 12 * count)
    return tiff[at:] if at else b""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("keep_gps", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
def test_the_upright_blob_has_orientation_one_and_the_new_size(order: str, keep_gps: bool, prefix: bool) -> None:
    after = upright_exif(camera(order, prefix=prefix), width=6000, height=8000, keep_gps=keep_gps)
    assert after.startswith(b"Exif\0\0") is prefix
    exif = seen(after)
    assert (exif[0x112], exif[0x100], exif[0x101]) == (1, 6000, 8000)
    assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (6000, 8000)


@pytest.mark.parametrize("order", ORDERS)
def test_a_size_above_65535_becomes_a_long_in_place(order: str) -> None:
    before = camera(order)
    after = upright_exif(before, width=70_000, height=65_536, keep_gps=True)
    assert (seen(after).get_ifd(0x8769)[0xA002], seen(after)[0x101]) == (70_000, 65_536)
    assert after.index(NOTE) == before.index(NOTE)


@pytest.mark.parametrize("order", ORDERS)
def test_a_long_size_stays_a_long(order: str) -> None:
    after = upright_exif(camera(order, size_type=4), width=5, height=7, keep_gps=True)
    assert struct.pack(order + "HHII", 0xA002, 4, 1, 5) in after


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("keep_gps", [True, False])
def test_the_maker_note_keeps_its_offset_and_its_bytes(order: str, keep_gps: bool) -> None:
    before = camera(order, tail=b"what the note points to")
    after = upright_exif(before, width=1, height=1, keep_gps=keep_gps)
    assert after.index(NOTE) == before.index(NOTE)
    assert after.endswith(b"what the note points to")
    assert len(after) == len(before)
    assert seen(after).get_ifd(0x8769)[0xA434] == "50mm F1.8"


@pytest.mark.parametrize("order", ORDERS)
def test_only_what_must_change_changes(order: str) -> None:
    before = camera(order, gps=False, thumbnail=False)
    after = upright_exif(before, width=4001, height=3001, keep_gps=True)
    assert len(after) == len(before)
    # A low byte for the orientation and for each of the four sizes.
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 5


@pytest.mark.parametrize("order", ORDERS)
def test_the_thumbnail_is_cut_off_at_the_end(order: str) -> None:
    after = upright_exif(camera(order), width=1, height=1, keep_gps=True)
    assert THUMBNAIL[10:20] not in after
    assert second_directory(camera(order))
    assert second_directory(after) == b""
    assert len(after) == len(camera(order, thumbnail=False))


@pytest.mark.parametrize("order", ORDERS)
def test_the_thumbnail_is_zeroed_when_something_lies_behind_it(order: str) -> None:
    before = camera(order, tail=b"tail")
    after = upright_exif(before, width=1, height=1, keep_gps=True)
    assert len(after) == len(before)
    start = before.index(THUMBNAIL)
    assert after[start : start + len(THUMBNAIL)] == bytes(len(THUMBNAIL))
    assert after.endswith(b"tail")


@pytest.mark.parametrize("order", ORDERS)
def test_gps_goes_with_all_its_bytes(order: str) -> None:
    before = camera(order, tail=b"tail")
    after = upright_exif(before, width=1, height=1, keep_gps=False)
    assert states_gps(before)
    assert not states_gps(after)
    assert AREA not in after
    assert b"".join(struct.pack(order + "II", number, 1) for number in LATITUDE) not in after
    assert seen(after).get_ifd(0x8825) == {}
    assert seen(after)[0x10F] == "ACME Cameras"
    assert seen(after).get_ifd(0x8769)[0xA434] == "50mm F1.8"


@pytest.mark.parametrize("order", ORDERS)
def test_gps_stays_when_it_is_kept(order: str) -> None:
    after = upright_exif(camera(order), width=1, height=1, keep_gps=True)
    assert states_gps(after)
    assert seen(after).get_ifd(0x8825)[2] == LATITUDE


def test_gps_that_a_thumbnail_repeats_goes_too() -> None:
    gps = directory("<", 0, [raw(0x1C, AREA)])
    ifd0_size = len(directory("<", 0, [short("<", 0x112, 6)]))
    gps_at = 8 + ifd0_size + len(directory("<", 0, [long("<", 0x8825, 0)]))
    blob = b"II*\0\x08\0\0\0" + directory("<", 8, [short("<", 0x112, 6)], 8 + ifd0_size)
    blob += directory("<", 0, [long("<", 0x8825, gps_at)]) + directory("<", gps_at, [raw(0x1C, AREA)])
    assert len(blob) == gps_at + len(gps)
    assert AREA not in upright_exif(blob, width=1, height=1, keep_gps=False)


def test_gps_that_shares_bytes_with_the_maker_note_is_refused() -> None:
    blob = camera()
    note_line = blob.index(struct.pack("<HHI", 0x927C, 7, len(NOTE)))
    forged = blob[: note_line + 4] + struct.pack("<I", 100_000) + blob[note_line + 8 :]
    with pytest.raises(BrokenMetadata, match="overlap"):
        upright_exif(forged, width=1, height=1, keep_gps=False)
    assert states_gps(upright_exif(forged, width=1, height=1, keep_gps=True))


def test_gps_of_an_unknown_type_is_refused_rather_than_left_behind() -> None:
    blob = camera()
    line = blob.index(struct.pack("<HHI", 0x1C, 7, len(AREA)))
    with pytest.raises(BrokenMetadata, match="unknown type"):
        upright_exif(blob[: line + 2] + b"\x63\0" + blob[line + 4 :], width=1, height=1, keep_gps=False)


def test_a_directory_without_the_offset_after_it_loses_no_value() -> None:
    words = b"Some maker of cameras\0"
    line = struct.pack("<HHII", 0x10F, 2, len(words), 8 + 2 + 12)
    blob = b"II*\0\x08\0\0\0\x01\0" + line + words
    assert upright_exif(blob, width=1, height=1, keep_gps=False) == blob
    assert seen(with_resolution(blob, (72, 72)))[0x10F] == words[:-1].decode()


def test_absent_entries_stay_absent() -> None:
    blob = b"II*\0\x08\0\0\0" + directory("<", 8, [text(0x10F, b"ACME Cameras")])
    assert upright_exif(blob, width=1, height=1, keep_gps=False) == blob


@pytest.mark.parametrize("order", ORDERS)
def test_resolution_is_set_in_place_where_there_is_one(order: str) -> None:
    before = camera(order)
    after = with_resolution(before, (96, 72.5))
    assert len(after) == len(before)
    assert exif_resolution(after) == (96, 72.5)
    assert seen(after).get_ifd(0x8825)[2] == LATITUDE


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("prefix", [True, False])
def test_resolution_is_appended_where_there_is_none_and_nothing_else_moves(order: str, prefix: bool) -> None:
    before = camera(order, resolution=False, prefix=prefix, tail=b"odd")
    after = with_resolution(before, (96, 72.5))
    assert exif_resolution(before) is None
    assert exif_resolution(after) == (96, 72.5)
    assert after.index(NOTE) == before.index(NOTE)
    assert seen(after)[0x10F] == "ACME Cameras"
    assert seen(after).get_ifd(0x8825)[2] == LATITUDE
    assert second_directory(after)[:20] == second_directory(before)[:20] != b""
    upright = upright_exif(after, width=1, height=1, keep_gps=False)
    assert exif_resolution(upright) == (96, 72.5)
    assert AREA not in upright


def test_two_resolutions_in_one_place_are_taken_apart() -> None:
    line = struct.pack("<HHII", 0x11A, 5, 1, 50) + struct.pack("<HHII", 0x11B, 5, 1, 50) + struct.pack("<HHIHxx", 0x128, 3, 1, 2)
    blob = (b"II*\0\x08\0\0\0\x03\0" + line + bytes(4)).ljust(50, b"\0") + struct.pack("<II", 72, 1)
    assert exif_resolution(blob) == (72, 72)
    assert exif_resolution(with_resolution(blob, (10, 20))) == (10, 20)


def test_a_resolution_whose_place_is_a_directory_does_not_break_it() -> None:
    blob = camera()
    line = blob.index(struct.pack("<HHI", 0x11A, 5, 1))
    forged = blob[: line + 8] + struct.pack("<I", 8) + blob[line + 12 :]
    assert exif_resolution(with_resolution(forged, (10, 20))) == (10, 20)


@pytest.mark.parametrize(("unit", "expected"), [(1, None), (2, (100, 100)), (3, (254, 254)), (9, None)])
def test_resolution_is_in_inches_whatever_the_unit(unit: int, expected: tuple[float, float] | None) -> None:
    values = struct.pack("<IIII", 100, 1, 100, 1)
    line = struct.pack("<HHII", 0x11A, 5, 1, 50) + struct.pack("<HHII", 0x11B, 5, 1, 58) + struct.pack("<HHIHxx", 0x128, 3, 1, unit)
    assert exif_resolution(b"II*\0\x08\0\0\0\x03\0" + line + bytes(4) + values) == expected


def test_resolution_zero_is_none() -> None:
    blob = camera()
    at = blob.index(struct.pack("<II", 300, 1))
    assert exif_resolution(blob[:at] + bytes(4) + blob[at + 4 :]) is None
    assert exif_resolution(blob[: at + 4] + bytes(4) + blob[at + 8 :]) is None


def test_a_new_blob_holds_a_resolution_that_others_read() -> None:
    assert (seen(new_exif(resolution=(300, 150)))[0x11A], seen(new_exif(resolution=(300, 150)))[0x11B]) == (300, 150)
    assert exif_resolution(new_exif()) == (72, 72)
    assert new_exif().startswith(b"Exif\0\0II*\0")


# libvips counts in pixels per millimetre, in 32 or 64 bits.
@pytest.mark.parametrize("dpi", [72, 96, 300, 72.009, 2400, 1.5])
def test_a_resolution_that_went_through_millimetres_comes_back(dpi: float) -> None:
    assert exif_resolution(new_exif(resolution=(dpi / 25.4 * 25.4, dpi)))[0] == pytest.approx(dpi, abs=1e-9)  # type: ignore[index]


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf"), 1e12, 1e-12])
def test_a_resolution_that_is_none_is_refused(wrong: float) -> None:
    for dpi in itertools.permutations((wrong, 72.0)):
        with pytest.raises(BrokenMetadata, match="resolution"):
            new_exif(resolution=(dpi[0], dpi[1]))
        with pytest.raises(BrokenMetadata, match="resolution"):
            with_resolution(camera(), (dpi[0], dpi[1]))


@pytest.mark.parametrize("blob", [b"", b"Exif\0\0", b"II*\0", b"II+\0\x08\0\0\0" + bytes(40), b"XX*\0" + bytes(40), bytes(17 << 20)])
def test_what_is_no_exif_is_refused(blob: bytes) -> None:
    for operate in OPERATIONS:
        with pytest.raises(BrokenMetadata):
            operate(blob)


def test_directories_that_lie_in_each_other_are_refused() -> None:
    blob = b"II*\0\x08\0\0\0" + directory("<", 8, [long("<", 0x8769, 8)])
    for operate in OPERATIONS:
        with pytest.raises(BrokenMetadata, match="overlap"):
            operate(blob)


def test_a_blob_cut_or_forged_anywhere_is_refused_or_gives_one_that_can_be_read() -> None:
    for blob in hostile():
        for operate in OPERATIONS:
            try:
                after = operate(blob)
            except BrokenMetadata:
                continue
            if isinstance(after, bytes):
                parse(after)


def test_no_gps_survives_in_a_blob_cut_or_forged_anywhere() -> None:
    for blob in hostile():
        try:
            after = upright_exif(blob, width=1, height=1, keep_gps=False)
        except BrokenMetadata:
            continue
        assert not states_gps(after)


HUGE = {
    "entries": everything_here,
    "data": partial(everything_here, entries=1000, data=15 << 20),
    "gps": many_large,
    "exif": partial(many_large, tag=0x8769),
    "strips": many_strips,
}


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
def test_huge_claims_cost_no_time(make: Callable[[], bytes]) -> None:
    blob = make()
    for operate in OPERATIONS:
        start = time.process_time()
        with contextlib.suppress(BrokenMetadata):
            operate(blob)
        assert time.process_time() - start < SECONDS


@given(st.sampled_from([b"", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08\0\x03"]), st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(start: bytes, rest: bytes) -> None:
    for operate in OPERATIONS:
        with contextlib.suppress(BrokenMetadata):
            operate(start + rest)


@given(st.data())
def test_a_blob_with_random_bytes_in_it_raises_nothing_else(data: st.DataObject) -> None:
    blob = bytearray(camera(data.draw(st.sampled_from(ORDERS))))
    for _ in range(data.draw(st.integers(1, 8))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    for operate in OPERATIONS:
        with contextlib.suppress(BrokenMetadata):
            operate(bytes(blob))
