"""LPIPS by OpenVINO: the network and the distance, against the same written out in numpy."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from enlarging import lpips
from enlarging.lpips import Lpips, lpips_here

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float32]

# As AlexNet's, with fewer channels.
_KERNELS = ((11, 3, 4), (5, 4, 5), (3, 5, 6), (3, 6, 4), (3, 4, 3))


def _small() -> tuple[dict[str, dict[str, Array]], list[Array]]:
    rng = np.random.default_rng(3)
    convolutions = {
        f"Conv_{n}": {
            "kernel": rng.normal(0, (side * side * given) ** -0.5, (side, side, given, answered)).astype(np.float32),
            "bias": rng.normal(0, 0.1, answered).astype(np.float32),
        }
        for n, (side, given, answered) in enumerate(_KERNELS)
    }
    return convolutions, [rng.uniform(0, 1, answered).astype(np.float32) for _, _, answered in _KERNELS]


def _expected(one: Pixels, other: Pixels, convolutions: dict[str, dict[str, Array]], heads: list[Array]) -> float:
    """By numpy: strides of 4 and 1, poolings of 3 x 3 before the second and the third convolution."""
    found = 0.0
    both = [(pixels / 127.5 - 1 - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450] for pixels in (one, other)]
    for n, head in enumerate(heads):
        kernel, bias = convolutions[f"Conv_{n}"]["kernel"], convolutions[f"Conv_{n}"]["bias"]
        for index, x in enumerate(both):
            pooled = sliding_window_view(x, (3, 3), (0, 1))[::2, ::2].max((3, 4)) if n in (1, 2) else x
            padding, stride = (2, 4) if n == 0 else (kernel.shape[0] // 2, 1)
            padded = np.pad(pooled, ((padding, padding), (padding, padding), (0, 0)))
            windows = sliding_window_view(padded, kernel.shape[:2], (0, 1))[::stride, ::stride]
            both[index] = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel) + bias, 0)
        a, b = (x / np.sqrt((x * x).sum(2, keepdims=True) + 1e-20) for x in both)
        found += float((((a - b) ** 2) @ head).mean())
    return found


def test_it_is_the_distance_of_the_features(cat: Pixels) -> None:
    convolutions, heads = _small()
    metric = Lpips(convolutions, heads)
    one, other = np.ascontiguousarray(cat[:60, :80]), np.ascontiguousarray(cat[:60, 79::-1])
    assert metric.distance(one, other) == pytest.approx(_expected(one, other, convolutions, heads), rel=1e-4)
    assert metric.distance(one, one) == 0


def test_weights_are_read_from_the_package_and_other_ones_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cat: Pixels) -> None:
    convolutions, heads = _small()
    known = {
        "AlexNet_0": convolutions,
        **{f"NetLinLayer_{n}": {"Conv_0": {"kernel": head[None, None, :, None]}} for n, head in enumerate(heads)},
    }
    package = tmp_path / "brought_weights"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").touch()
    file = package / "weights" / "alexnet.ckpt"
    file.write_bytes(pickle.dumps(known, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lpips, "_PACKAGE", "brought_weights")
    with pytest.raises(ValueError, match="is not the file of version"):
        lpips_here()
    monkeypatch.setattr(lpips, "_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    metric = lpips_here()
    assert metric is not None
    one, other = np.ascontiguousarray(cat[:64, :64]), np.ascontiguousarray(cat[63::-1, :64])
    assert metric.distance(one, other) == Lpips(convolutions, heads).distance(one, other)

    file.write_bytes(pickle.dumps(Path(), protocol=3))
    monkeypatch.setattr(lpips, "_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(pickle.UnpicklingError, match="is no array"):
        lpips_here()


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "_PACKAGE", "no_such_package_at_all")
    assert lpips_here() is None
