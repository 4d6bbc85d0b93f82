"""What a photo's file says beside its pixels: EXIF, XMP and colour profiles, kept where they are and patched with care."""


class BrokenMetadata(ValueError):
    """Metadata that cannot be read or safely changed. The photo is fine without it: leave it out, and say so."""
