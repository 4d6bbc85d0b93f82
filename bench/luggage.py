"""Packs what bench/gpu.py needs on a machine with a GPU and without internet: wheels, and the weights of realesrgan-x4plus.

python bench/luggage.py FOLDER                                  for a machine with Python 3.12
python bench/luggage.py FOLDER --python 3.11 --without numpy    for another one, which has numpy

PyTorch is not packed: a machine with a GPU has a build for it. Take FOLDER and this repository there, and run what this prints at its end.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import verified_binary

ROOT = Path(__file__).resolve().parent.parent

# What bench/gpu_pytorch.py and bench/gpu_vulkan.py import, with what those import. OpenVINO is not among them.
PACKAGES = ("cffi", "ncnn", "numpy", "opencv-python-headless", "pillow", "psutil", "pyvips-binary")
# Of which there is no wheel, and which is Python only.
COPIED = "pyvips"
# Every Linux of the last years; pip takes a wheel for any of them.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux2010_x86_64")

MODEL = BUILT_IN.named("realesrgan-x4plus")


def main(given: Sequence[str] | None = None) -> int:
    """Pack, and say how to unpack."""
    arguments = _parser().parse_args(given)
    folder: Path = arguments.folder
    packages = [name for name in PACKAGES if name not in arguments.without]
    _download(packages, folder / "wheels", arguments.python)
    _copy_package(COPIED, folder / "site")
    _copy_weights(folder / "site")
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {total / 1e6:.0f} MB. There, in this repository's folder, with {folder.name} beside it:")
    print(f"  python3 -m pip install --no-index --no-deps --target {folder.name}/site {folder.name}/wheels/*.whl")
    print(f"  PYTHONPATH={folder.name}/site python3 bench/gpu.py --out results")
    return 0


def _download(packages: Sequence[str], folder: Path, python: str) -> None:
    """Wheels in the versions of constraints.txt, for this version of Python on Linux."""
    tag = "cp" + python.replace(".", "")
    kinds = ["--implementation", "cp", "--python-version", python, *(word for abi in (tag, "abi3", "none") for word in ("--abi", abi))]
    kinds += [word for platform in PLATFORMS for word in ("--platform", platform)]
    where = ["-c", str(ROOT / "constraints.txt"), "--dest", str(folder)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, *kinds, *where, *packages], check=True)


def _copy_package(name: str, site: Path) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, site / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def _copy_weights(site: Path) -> None:
    """The weights as their package has them, without those of other models."""
    binary = verified_binary(MODEL)
    target = site / binary.parent.relative_to(binary.parent.parent.parent)
    target.mkdir(parents=True, exist_ok=True)
    (target.parent / "__init__.py").touch()
    for path in (binary, binary.with_suffix(".param")):
        shutil.copy(path, target)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to pack")
    parser.add_argument("--python", type=_version, default="3.12", metavar="VERSION", help="Python there (default 3.12)")
    parser.add_argument("--without", nargs="+", choices=PACKAGES, default=[], metavar="PACKAGE", help="what is there already")
    return parser


def _version(text: str) -> str:
    if re.fullmatch(r"3\.\d{1,2}", text) is None:
        raise argparse.ArgumentTypeError(f"a version such as 3.12, not '{text}'")
    return text


if __name__ == "__main__":
    sys.exit(main())
