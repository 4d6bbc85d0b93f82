"""Whether a GPU by Vulkan is faster than the CPU on this machine: tried once, and remembered in the cache folder."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from img_enhance.engine.networks import network_on
from img_enhance.errors import ImgEnhanceError
from img_enhance.machine.devices import find_device, with_threads
from img_enhance.machine.kept_trials import Trial, begin_trial, keep_trial, kept_trial, trials_file
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.cache import WeightStore
from img_enhance.planning.plan import Device
from img_enhance.planning.planner import choose_precision
from img_enhance.request.options import Machine

# Its weights are always there, and it is made like the large ones: 0.15 TFLOP for a window.
_MODEL, _SIDE = "realesrgan-x4plus-anime", 128
# The first run starts what the second shows without.
_RUNS = 2


def chosen_device(machine: Machine, store: WeightStore) -> Device:
    """The device that `machine` asks for; by "auto" a GPU by Vulkan where it was the faster one in a trial.

    Raises: DeviceError.
    """

    def faster(gpu: Device, cpu: Device) -> str:
        return why_slower(with_threads(gpu, machine.threads), with_threads(cpu, machine.threads), store=store)

    return find_device(machine.device, require_gpu=bool(machine.require_gpu), faster=faster)


def why_slower(gpu: Device, cpu: Device, *, store: WeightStore, seconds: Callable[[Device, WeightStore], float] | None = None) -> str:
    """Why a GPU is not to be taken in place of the CPU, "" where it is. `seconds` measures a device, and is the real trial by default."""
    home = store.home
    trial = kept_trial(gpu, cpu, home)
    if trial is None:
        begin_trial(gpu, cpu, home)
        trial = _tried(gpu, cpu, store, seconds or network_seconds)
        keep_trial(gpu, cpu, trial, home)
    if trial.failure:
        return f"{trial.failure}; to try it again delete {trials_file(home)}"
    if trial.gpu_seconds < trial.cpu_seconds:
        return ""
    return f"is no faster than the CPU ({trial.gpu_seconds:.2f} s against {trial.cpu_seconds:.2f} s in a trial)"


def _tried(gpu: Device, cpu: Device, store: WeightStore, seconds: Callable[[Device, WeightStore], float]) -> Trial:
    try:
        return Trial(gpu_seconds=seconds(gpu, store), cpu_seconds=seconds(cpu, store))
    except (ImgEnhanceError, RuntimeError) as error:  # whatever is wrong with the GPU, the CPU is there
        return Trial(failure=f"failed its trial ({error})")


def network_seconds(device: Device, store: WeightStore) -> float:
    """How long a network takes for a window on a device, in the precision that it has by itself."""
    model = BUILT_IN.named(_MODEL)
    network = network_on(device, model, store, choose_precision("auto", device, models=(model,)))
    window = np.random.RandomState(1).rand(_SIDE, _SIDE, 3).astype(np.float32)
    whole = network.whole()
    taken = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        network.runtime.picture(whole.run([window], lambda: None))
        taken.append(time.perf_counter() - started)
    whole.release()
    network.close()
    return min(taken)
