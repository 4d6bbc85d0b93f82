"""Networks that are in memory: loaded and probed when they are asked for, given back when others need the room."""

from __future__ import annotations

from pathlib import Path

from img_enhance.machine.devices import detect_cpu, with_threads
from img_enhance.models.model import Model
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weight_files import WeightFile
from img_enhance.models.weights.cache import WeightStore, located
from img_enhance.models.weights.store import load
from img_enhance.passes.probe import probe
from img_enhance.passes.sweep import Network
from img_enhance.planning.plan import Device
from img_enhance.planning.sweep_plan import SweepPlan
from img_enhance.runtimes import foreign_runtime, runtime_on

_Key = tuple[Model, Precision]


def network_on(device: Device, model: Model, store: WeightStore, precision: Precision) -> Network:
    """A model's network with its weights; its stages are compiled when they are asked for."""
    weights = load(model, store)
    if model.foreign is None:
        return Network(model.segments, weights, runtime_on(device, precision))
    runtime = foreign_runtime(model.foreign, device, precision)
    # Nobody knows better than its own program on the CPU in f32.
    is_exact = device.place == "cpu" and precision == "f32"
    cpu = device if device.place == "cpu" else with_threads(detect_cpu(), device.threads)
    return Network(model.segments, weights, runtime, exact=runtime if is_exact else foreign_runtime(model.foreign, cpu, "f32"))


class LoadedNetworks:
    """The networks of one device, with weights from `store`."""

    def __init__(self, device: Device, store: WeightStore) -> None:
        self._device, self._store = device, store
        self._networks: dict[_Key, Network] = {}
        self._probed: set[tuple[_Key, tuple[tuple[int, int], ...]]] = set()

    @property
    def titles(self) -> frozenset[str]:
        """The models whose networks are in memory."""
        return frozenset(model.title for model, _ in self._networks)

    def loaded(self, model: Model, precision: Precision) -> Network:
        """The network; its stages are compiled when they are asked for."""
        key = (model, precision)
        if key not in self._networks:
            self._networks[key] = network_on(self._device, model, self._store, precision)
        return self._networks[key]

    def probed(self, plan: SweepPlan) -> Network:
        """The network, probed in the plan's stages the first time."""
        network = self.loaded(plan.model, plan.precision)
        cut = ((plan.model, plan.precision), tuple((stage.first, stage.last) for stage in plan.stages))
        if cut not in self._probed:
            probe(network, plan)
            self._probed.add(cut)
        return network

    def located(self, file: WeightFile) -> Path:
        """Where a file is, its bytes verified."""
        return located(file, self._store)

    def keep(self, models: tuple[Model, ...]) -> None:
        """Give back the networks that are not of these models."""
        for key in [key for key in self._networks if key[0] not in models]:
            self._networks.pop(key).close()
            self._probed = {cut for cut in self._probed if cut[0] != key}
