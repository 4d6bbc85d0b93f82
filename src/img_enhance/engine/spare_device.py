"""The device that was chosen, and the CPU for what a GPU's memory has no room for, and for all that follows when a GPU is lost."""

from __future__ import annotations

import dataclasses

from img_enhance.cancelling import Tick
from img_enhance.engine.device_engine import DeviceEngine
from img_enhance.engine.prepared_run import PreparedRun
from img_enhance.engine.result import Result
from img_enhance.errors import DeviceError, DeviceLost, GpuMemoryFull, MachineError
from img_enhance.machine.devices import find_device, with_threads
from img_enhance.machine.kept_speeds import informed
from img_enhance.machine.memory import give_back
from img_enhance.models.networks.segment import Precision
from img_enhance.planning.plan import Plan, PlanRequest
from img_enhance.progress import OnProgress
from img_enhance.request.options import Machine
from img_enhance.runtimes import can_run
from img_enhance.words import Setting

# The spare device, as Machine and plans name it.
CPU = "cpu"


class ChosenDevice:
    """Plans and runs on the device that `machine` asks for; on the CPU where it asks for none and a GPU turns out too small, cannot run a
    network, or no longer answers, unless one is required."""

    def __init__(self, chosen: DeviceEngine) -> None:
        self._chosen = chosen
        self._lost: DeviceLost | None = None
        self._spare: DeviceEngine | None = None

    @property
    def loaded(self) -> frozenset[str]:
        """The models whose networks are in memory."""
        return self._chosen.networks.titles | (self._spare.networks.titles if self._spare is not None else frozenset())

    def release(self) -> None:
        """Give the networks' memory back."""
        for engine in self._engines:
            engine.release()

    def close(self) -> None:
        """Give all memory back; it can be used again."""
        for engine in self._engines:
            engine.close()

    def plan(self, request: PlanRequest, *, precision: Precision | None = None) -> Plan:
        """The plan, on the CPU where the GPU's memory is too small and the CPU may be used.

        Raises: MemoryBudgetError, GpuMemoryFull; DeviceError where a network does not run on the device that is asked for.
        """
        if self._lost is not None:
            return self._plan_on_cpu(request, self._lost, precision)
        unable = self._unable(request)
        if unable is not None:
            if not self._may_use_cpu:
                raise unable
            return self._plan_on_cpu(request, unable, precision)
        try:
            return self._chosen.plan(request, precision=precision)
        except GpuMemoryFull as error:
            if not self._may_use_cpu:
                raise
            return self._plan_on_cpu(request, error, precision)

    def run(self, prepared: PreparedRun, progress: OnProgress | None, tick: Tick) -> Result:
        """Do a prepared run on the device it was planned for; what a GPU turns out to have no room for, on the CPU.

        Raises: as `DeviceEngine.run`.
        """
        if prepared.plan.place == CPU and self._chosen.device.place != CPU:
            self._chosen.release()
            return self._on_cpu().run(prepared, progress, tick)
        if self._spare is not None:
            self._spare.close()  # its networks are in no plan for the GPU
        try:
            return self._chosen.run(prepared, progress, tick)
        except GpuMemoryFull as error:
            if not self._may_use_cpu:
                raise
            plan = self._plan_on_cpu(prepared.request, error, "f32" if prepared.plan.precision == "f32" else None)
            warning = f"{error.says}: the photo was done again on the CPU"
        except DeviceLost as error:
            if self._chosen.machine.require_gpu:
                raise
            self._lost = error
            plan = self._plan_on_cpu(prepared.request, error, "f32" if prepared.plan.precision == "f32" else None)
            warning = f"{error.says}: the photo was done again on the CPU, and those after it will be"
        self._chosen.release()
        give_back()
        return self.run(prepared.planned_again(plan, warning), progress, tick)

    @property
    def _engines(self) -> tuple[DeviceEngine, ...]:
        return (self._chosen,) if self._spare is None else (self._chosen, self._spare)

    @property
    def _may_use_cpu(self) -> bool:
        machine: Machine = self._chosen.machine
        return self._chosen.device.place != CPU and machine.device == "auto" and not machine.require_gpu

    def _unable(self, request: PlanRequest) -> DeviceError | None:
        """Why the chosen device cannot do what is asked, where a network does not run there."""
        device = self._chosen.device
        models = (model for each in request.passes for model in each.models)
        model = next((model for model in models if not can_run(model.architecture, device)), None)
        return None if model is None else DeviceError(f"{model.title} does not run on {device.name}", "use ", Setting("device", CPU))

    def _on_cpu(self) -> DeviceEngine:
        if self._spare is None:
            chosen = self._chosen.machine
            precision = "f32" if chosen.precision == "f32" else "auto"  # the CPU may not have what was asked of the GPU
            machine = dataclasses.replace(chosen, device=CPU, precision=precision, require_gpu=None)
            store = self._chosen.store
            cpu = informed(find_device(CPU), store.home)
            self._spare = DeviceEngine(machine, with_threads(cpu, machine.threads), store)
        return self._spare

    def _plan_on_cpu(self, request: PlanRequest, error: MachineError, precision: Precision | None) -> Plan:
        """The plan for the CPU, because of `error`."""
        plan = self._on_cpu().plan(request, precision=precision)
        return dataclasses.replace(plan, reason=f"auto: {error.says}")
