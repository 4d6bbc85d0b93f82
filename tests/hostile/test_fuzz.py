"""Mutations of good files, chosen by hypothesis. IMG_ENHANCE_FUZZ_EXAMPLES asks for more of them than the usual 150."""

import os
import tempfile
from pathlib import Path

import files
from decode import decoded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img_enhance.errors import ImgEnhanceError

EXAMPLES = int(os.environ.get("IMG_ENHANCE_FUZZ_EXAMPLES", "150"))
VALID = files.valid()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with bytes replaced, removed, repeated or put in."""
    data = bytearray(VALID[draw(st.sampled_from(sorted(VALID)))])
    for _ in range(draw(st.integers(1, 6))):
        # Headers decide more than pixels do.
        at = draw(st.integers(0, min(len(data), draw(st.sampled_from([40, 200, len(data)])))))
        match draw(st.sampled_from(["replace", "remove", "repeat", "insert", "cut"])):
            case "replace":
                new = draw(st.binary(min_size=1, max_size=4) | st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff", b"\x80"]))
                data[at : at + len(new)] = new
            case "remove":
                del data[at : at + draw(st.integers(1, 16))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 64))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
            case _:
                del data[max(at, 8) :]
    return bytes(data)


@settings(max_examples=EXAMPLES, derandomize=True, deadline=30_000, database=None, suppress_health_check=list(HealthCheck))
@given(data=mutated())
def test_a_mutated_file_gives_a_photo_or_an_error_of_ours(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        try:
            photo = decoded(Path(file.name))
        except ImgEnhanceError as error:
            assert str(error)  # noqa: PT017
        else:
            assert photo.size.pixels > 0
