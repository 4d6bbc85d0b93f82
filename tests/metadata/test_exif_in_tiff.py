import contextlib
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import pyvips
from exif_blobs import AREA, LATITUDE, NOTE, camera, directory, everything_here, hostile, long, many_large, raw, short, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.exif import new_exif, upright_exif
from img_enhance.metadata.ifd import Layout, Node, Value, pack, pack_header
from img_enhance.metadata.tiff import add_exif, read_exif

ORDERS = ("<", ">")
# Of the processor, because machines are shared; what grows with the square takes minutes.
SECONDS = 10.0
PIXELS = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3)


def written(path: Path, *, big: bool = False) -> Path:
    """A TIFF as libvips writes it, in the byte order of this machine."""
    image = pyvips.Image.new_from_array(PIXELS).copy(interpretation="srgb", xres=10, yres=10)
    image.tiffsave(str(path), compression="deflate", bigtiff=big)
    return path


def motorola(path: Path, *, big: bool = False) -> Path:
    """A grey TIFF of one pixel, written with the highest byte first."""
    layout = Layout(">", big=big)
    numbers = {0x100: 1, 0x101: 1, 0x102: 8, 0x103: 1, 0x106: 1, 0x111: 2000, 0x115: 1, 0x116: 1, 0x117: 1}
    values = tuple(Value(tag, 4, 1, struct.pack(">I", number)) for tag, number in numbers.items())
    whole = pack_header(layout, layout.header_bytes) + pack(Node(values), layout, layout.header_bytes)
    path.write_bytes(whole.ljust(2000, b"\0") + b"\x80")
    return path


def pixels(path: Path) -> bytes:
    return bytes(pyvips.Image.new_from_file(str(path)).write_to_memory())


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_what_was_added_is_read_again(tmp_path: Path, order: str, big: bool) -> None:
    path = written(tmp_path / "photo.tif", big=big)
    before = pixels(path)
    assert read_exif(path) is None
    add_exif(path, upright_exif(camera(order), width=40, height=30, keep_gps=True))
    assert pixels(path) == before
    blob = read_exif(path)
    assert blob is not None
    exif = Image.Exif()
    exif.load(blob)
    assert (exif[0x10F], exif[0x112], exif[0x11A]) == ("ACME Cameras", 1, 254)
    assert exif.get_ifd(0x8769)[0xA434] == "50mm F1.8"
    assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0x927C]) == (40, NOTE)
    assert exif.get_ifd(0x8825)[2] == LATITUDE
    assert exif.get_ifd(0xA005)[1] == "R98"


@pytest.mark.parametrize("order", ORDERS)
def test_other_programs_read_what_was_added(tmp_path: Path, order: str) -> None:
    path = written(tmp_path / "photo.tif")
    add_exif(path, upright_exif(camera(order), width=40, height=30, keep_gps=True))
    with Image.open(path) as image:
        exif = image.getexif()
        assert image.size == (40, 30)
        assert exif[0x10F] == "ACME Cameras"
        assert exif.get_ifd(0x8769)[0x927C] == NOTE
        assert exif.get_ifd(0x8825)[2] == LATITUDE
        assert np.array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_the_byte_order_of_the_file_wins(tmp_path: Path, order: str, big: bool) -> None:
    path = motorola(tmp_path / "photo.tif", big=big)
    add_exif(path, camera(order))
    assert pixels(path) == b"\x80"
    blob = read_exif(path)
    assert blob is not None
    assert blob.startswith(b"Exif\0\0MM\0*")
    exif = Image.Exif()
    exif.load(blob)
    assert exif.get_ifd(0x8825)[2] == LATITUDE
    assert exif.get_ifd(0x8769)[0xA003] == 3000
    assert exif[0x11A] == 300, "the file had no resolution, so it gets the blob's"


def test_size_strips_and_resolution_of_the_file_win(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    entries = [short("<", tag, 9) for tag in (0x100, 0x101, 0x102, 0x103, 0x106, 0x111, 0x117, 0x128)]
    add_exif(path, b"Exif\0\0II*\0\x08\0\0\0" + directory("<", 8, [*entries, text(0x10E, b"a description of it")]))
    image = pyvips.Image.new_from_file(str(path))
    assert (image.width, image.height, image.xres) == (40, 30, 10)
    assert image.get("image-description") == "a description of it"


def test_adding_twice_replaces(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    add_exif(path, camera("<"))
    add_exif(path, b"II*\0\x08\0\0\0" + directory("<", 8, [text(0x10F, b"Other"), text(0x110, b"Model 2")]))
    blob = read_exif(path)
    assert blob is not None
    exif = Image.Exif()
    exif.load(blob)
    assert (exif[0x10F], exif[0x110]) == ("Other", "Model 2")
    assert exif.get_ifd(0x8769)[0x927C] == NOTE


def test_adding_another_exif_directory_replaces_it(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    add_exif(path, camera("<"))
    add_exif(path, upright_exif(camera(">"), width=9, height=9, keep_gps=True))
    tiff = path.read_bytes()
    (first,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, first)
    tags = [struct.unpack_from("<H", tiff, first + 2 + 12 * number)[0] for number in range(count)]
    assert tags == sorted(set(tags))
    blob = read_exif(path)
    assert blob is not None
    exif = Image.Exif()
    exif.load(blob)
    assert exif.get_ifd(0x8769)[0xA002] == 9


def test_the_orientation_of_the_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    image = pyvips.Image.new_from_array(PIXELS).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", 3)
    image.tiffsave(str(path))
    add_exif(path, camera())
    assert pyvips.Image.new_from_file(str(path)).get("orientation") == 3


def test_a_blob_without_anything_but_resolution_changes_no_resolution(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    add_exif(path, new_exif(resolution=(1, 1)))
    assert read_exif(path) is None
    assert pyvips.Image.new_from_file(str(path)).xres == 10


def test_the_pages_behind_the_first_stay(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    Image.fromarray(PIXELS).save(path, save_all=True, append_images=[Image.new("L", (7, 5))])
    add_exif(path, camera())
    with Image.open(path) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
        image.seek(1)
        assert image.size == (7, 5)


def test_a_broken_blob_leaves_the_file_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    before = path.read_bytes()
    for blob in (b"", camera()[:300], everything_here(), bytes(17 << 20)):
        with pytest.raises(BrokenMetadata):
            add_exif(path, blob)
    assert path.read_bytes() == before


def test_no_room_in_a_classic_file_of_four_gigabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    with path.open("rb+") as file:
        file.truncate(2**32 - 100)  # a hole; it takes no disk
    with pytest.raises(BrokenMetadata, match="4 GiB"):
        add_exif(path, camera())
    assert path.stat().st_size == 2**32 - 100


def test_values_above_sixteen_megabytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    values = [raw(0x10E, b""), raw(0x10F, b"")]
    lines = [(tag, 2, 9 << 20, struct.pack("<I", 100)) for tag, _, _, _ in values]
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(struct.pack("<HHI", *line[:3]) + line[3] for line in lines))
    with path.open("rb+") as file:
        file.truncate(30 << 20)
    with pytest.raises(BrokenMetadata, match="allowed"):
        read_exif(path)


@pytest.mark.parametrize("kind", [16, 18])
def test_numbers_of_eight_bytes_become_four_where_they_fit(tmp_path: Path, kind: int) -> None:
    layout = Layout("<", big=True)
    exif = Node(
        (Value(0xA002, 16, 1, struct.pack("<Q", 4000)), Value(0xA003, 16, 1, struct.pack("<Q", 2**40)), Value(0x9000, 7, 4, b"0232"))
    )
    path = tmp_path / "big.tif"
    path.write_bytes(pack_header(layout, 16) + pack(Node((), ((0x8769, exif),)), layout, 16))
    if kind == 16:
        path.write_bytes(path.read_bytes().replace(struct.pack("<HH", 0x8769, 18), struct.pack("<HH", 0x8769, 16)))
    blob = read_exif(path)
    assert blob is not None
    seen = Image.Exif()
    seen.load(blob)
    assert dict(seen.get_ifd(0x8769)) == {0xA002: 4000, 0x9000: b"0232"}


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_exif(tmp_path / "none.tif")


def test_files_cut_or_forged_anywhere_raise_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "hostile.tif"
    for number, blob in enumerate(hostile()):
        if number % 7:
            continue
        path.write_bytes(blob.removeprefix(b"Exif\0\0"))
        with contextlib.suppress(BrokenMetadata):
            read_exif(path)
        with contextlib.suppress(BrokenMetadata):
            add_exif(path, camera())


@pytest.mark.parametrize("name", ["everything", "pointers", "exif"])
def test_huge_claims_cost_no_time(tmp_path: Path, name: str) -> None:
    blobs = {"everything": everything_here(entries=1000, data=1 << 20), "pointers": many_large(), "exif": many_large(tag=0x8769)}
    path = tmp_path / "hostile.tif"
    path.write_bytes(blobs[name].removeprefix(b"Exif\0\0"))
    start = time.process_time()
    with contextlib.suppress(BrokenMetadata):
        read_exif(path)
    assert time.process_time() - start < SECONDS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\x02"]),
    rest=st.binary(max_size=300),
)
def test_random_bytes_raise_nothing_else(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "random.tif"
    path.write_bytes(start + rest)
    with contextlib.suppress(BrokenMetadata):
        read_exif(path)
    with contextlib.suppress(BrokenMetadata):
        add_exif(path, camera())


def test_a_bigtiff_whose_offsets_are_beyond_any_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "far.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(64))
    with pytest.raises(BrokenMetadata, match="out of bounds"):
        read_exif(path)


def test_gps_dropped_from_a_blob_does_not_reach_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "photo.tif")
    add_exif(path, upright_exif(camera(), width=40, height=30, keep_gps=False))
    assert AREA not in path.read_bytes()


def test_an_exif_pointer_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lost.tif"
    path.write_bytes(b"II*\0\x08\0\0\0" + directory("<", 8, [text(0x10F, b"ACME Cameras"), long("<", 0x8769, 100_000)]))
    with pytest.raises(BrokenMetadata, match="out of bounds"):
        read_exif(path)
