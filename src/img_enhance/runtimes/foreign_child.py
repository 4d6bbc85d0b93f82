"""A network of another program, looked at in a process of its own: what crashes it, fills its memory or never ends harms nobody else.

`python -m img_enhance.runtimes.foreign_child` takes one JSON object as its argument and answers with one on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from img_enhance.errors import ImgEnhanceError, UnsupportedModel
from img_enhance.machine.devices import detect_cpu
from img_enhance.machine.memory import anonymous_bytes, give_back
from img_enhance.machine.parent import die_with_parent
from img_enhance.models.networks.foreign import ForeignNetwork, Program
from img_enhance.models.networks.segment import Precision
from img_enhance.models.weights.onnx_file import read_onnx
from img_enhance.models.weights.own_file import read_foreign
from img_enhance.runtimes import foreign_runtime
from img_enhance.runtimes.measuring import measured
from img_enhance.runtimes.runtime import Compiled
from img_enhance.runtimes.scene import scene

# Larger than the pictures that most transformers were trained with, and not square: what they keep for those does not do here.
_TRIED = (72, 104)

_GRACE_SECONDS = 5


def main() -> None:
    """Look at one file."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asked: dict[str, Any] = json.loads(sys.argv[1])
    # Whatever libraries print is not the answer.
    answering = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _limit(asked["memory_bytes"], asked["seconds"])
    try:
        answer: dict[str, Any] = {"network": asdict(looked_at(asked["program"], Path(asked["file"])))}
    except ImgEnhanceError as error:
        answer = {"says": error.says, "advice": "".join(map(str, error.advice))}
    except MemoryError:
        answer = {"says": "it needs more memory than there is", "advice": ""}
    json.dump(answer, answering)
    answering.close()


def looked_at(program: Program, file: Path) -> ForeignNetwork:
    """What the network in a file is, and what it costs on this machine's CPU.

    Raises: UnsupportedModel for one that is not taken.
    """
    device = detect_cpu()

    def compiled(network: ForeignNetwork, precision: Precision = "f32") -> Compiled:
        return foreign_runtime(network, device, precision).compile(network.segments, read_foreign(file))

    before = anonymous_bytes()
    network = _onnx(file) if program == "onnx" else _spandrel(file)
    give_back()
    # PyTorch's own memory counts, because plans for OpenVINO leave it out; what a trial of an ONNX file left behind does not.
    before = min(before, anonymous_bytes()) if program == "spandrel" else anonymous_bytes()
    network = measured(network, compiled, before=before, flops_per_second=device.rates.f32 * 1e9)
    return replace(network, bf16=network.bf16 and (program == "onnx" or _runs(compiled(network, "bf16"))))


def _runs(compiled: Compiled) -> bool:
    """Whether a network runs as it was compiled: some of spandrel's classes do not in bf16, whatever it says of them."""
    try:
        compiled.run([scene(*_TRIED)], lambda: None)
    except UnsupportedModel:
        return False
    return True


def _onnx(file: Path) -> ForeignNetwork:
    described = read_onnx(file)
    from img_enhance.runtimes.onnx_interface import interface_of

    return interface_of(described, read_foreign(file))


def _spandrel(file: Path) -> ForeignNetwork:
    from img_enhance.runtimes.spandrel import network_of

    return network_of(read_foreign(file))


def _limit(memory_bytes: int, seconds: int) -> None:
    """Let this process take so much memory and so many seconds of processors, and write nothing; Windows has no such limits."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    # The first ends the process with a signal that says why, which the kernel's own end for want of memory does not; the second is for
    # programs that pass over that signal.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + _GRACE_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
