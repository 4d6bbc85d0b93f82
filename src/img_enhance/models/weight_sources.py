"""Where a model's weights come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from img_enhance.models.weight_files import WeightFile


class _HereWeights:
    """Weights that lie on this machine already."""

    bytes: int

    @property
    def values(self) -> int:
        """At most about how many: all or nearly all may be float16."""
        return self.bytes // 2

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded: nothing."""
        return ()


@dataclass(frozen=True)
class WheelWeights(_HereWeights):
    """Weights in ncnn format inside an installed Python package."""

    package: str
    stem: str
    bytes: int
    sha256: str

    @property
    def origin(self) -> str:
        return f"Python package {self.package.replace('_', '-')}"


@dataclass(frozen=True)
class DownloadedWeights:
    """Weights in a file that is downloaded; tensors whose names begin with one of `unused` are not for this network."""

    file: WeightFile
    unused: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded."""
        return (self.file,)

    @property
    def bytes(self) -> int:
        return self.file.bytes

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def values(self) -> int:
        """About how many: they are float32."""
        return self.bytes // 4

    @property
    def origin(self) -> str:
        return self.file.origin


@dataclass(frozen=True)
class FileWeights(_HereWeights):
    """Weights in a file of the person's own, which had so many bytes and this hash when it was looked at.

    Of a pair of ncnn files `path` is the one with the network, and `bytes` and hash are those of both, one after the other.
    """

    path: Path
    bytes: int
    sha256: str

    @property
    def origin(self) -> str:
        return "a file of this machine"


@dataclass(frozen=True)
class MixedWeights:
    """`share` of the first weights plus the rest of the second, value by value.

    Source: Wang et al., Deep Network Interpolation, CVPR 2019, arXiv:1811.10515.
    """

    first: DownloadedWeights | FileWeights
    second: DownloadedWeights | FileWeights
    share: float

    @property
    def bytes(self) -> int:
        return self.first.bytes

    @property
    def sha256(self) -> str:
        """The hashes of both files, with their shares."""
        return f"{self.share:g} * {self.first.sha256} + {1 - self.share:g} * {self.second.sha256}"

    @property
    def values(self) -> int:
        return self.first.values

    @property
    def files(self) -> tuple[WeightFile, ...]:
        """What must be downloaded."""
        return (*self.first.files, *self.second.files)

    @property
    def origin(self) -> str:
        return self.first.origin


WeightSource = WheelWeights | DownloadedWeights | FileWeights | MixedWeights
