"""Quantities as a person reads them."""


def bytes_text(count: int) -> str:
    """1_234_000_000 is "1.2 GB"."""
    if count >= 995_000_000:
        return f"{count / 1e9:.1f} GB"
    return f"{max(1, round(count / 1e6))} MB" if count else "0 MB"


def seconds_text(seconds: float) -> str:
    """95 is "1 min 35 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s" if whole < 60 else f"1 min {whole - 60} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def file_bytes_text(count: int) -> str:
    """240_512 is "241 KB", 2_345_678 is "2.3 MB": a file's size to two or three digits."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.1f} {unit}" if count < 9.95 * size and unit != "KB" else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def count_text(count: int, what: str) -> str:
    """1 and "photo" are "1 photo", 2 are "2 photos"."""
    return f"{count} {what}{'s' * (count != 1)}"
