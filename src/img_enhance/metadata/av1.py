"""What the header of an AV1 sequence says of its colours.

Source: AV1 Bitstream and Decoding Process Specification, sections 5.3 (OBUs), 5.5.1 (sequence header) and 5.5.2 (color_config).
"""

from img_enhance.metadata import BrokenMetadata
from img_enhance.metadata.colours import Colours, coded_colours

_SEQUENCE_HEADER, _HAS_SIZE, _HAS_EXTENSION = 1, 0x02, 0x04
_UNSPECIFIED, _WITHOUT_GREY, _TWELVE_BITS = 2, 1, 2


def sequence_colours(units: bytes) -> Colours | None:
    """The colours that the sequence header at the start of some OBUs says; None where there is none, or it is that of a video.

    They are `full` unless the picture is grey with values as in video.

    Raises: BrokenMetadata when the header is cut off or makes no sense.
    """
    if len(units) < 2 or units[0] >> 3 != _SEQUENCE_HEADER or not units[0] & _HAS_SIZE or units[0] & _HAS_EXTENSION:
        return None
    bits = _Bits(units[2:])  # the size of such a header has one byte
    profile, _, reduced = bits.read(3), bits.read(1), bits.read(1)
    if not reduced:
        return None
    bits.read(5)  # level
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    bits.read(width_bits + height_bits)
    bits.read(6)  # tools of coding
    if bits.read(1) and profile == _TWELVE_BITS:  # more than 8 bits; more than 10
        bits.read(1)
    grey = profile != _WITHOUT_GREY and bool(bits.read(1))
    primaries, transfer, _ = (bits.read(8), bits.read(8), bits.read(8)) if bits.read(1) else (_UNSPECIFIED,) * 3
    return coded_colours(primaries, transfer, full=not grey or bool(bits.read(1)))


class _Bits:
    """Bits of bytes, the highest first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data), 8 * len(data)

    def read(self, count: int) -> int:
        if count > self.left:
            raise BrokenMetadata("the header of its AV1 is cut off")
        self.left -= count
        return self.value >> self.left & ((1 << count) - 1)
