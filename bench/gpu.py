"""Measures a GPU by PyTorch and by Vulkan in one call that is over in five minutes, whatever happens.

python bench/gpu.py                        the first CUDA device, and the device that `--device vulkan` takes
python bench/gpu.py --seconds 280          how long all of it may take
python bench/gpu.py --place cpu --quick    tiny pictures on the processor, and Vulkan in software: shows that everything runs

For machines that are lent for minutes. Each table of bench/gpu_pytorch.py and bench/gpu_vulkan.py is a process of its own with its share of
the time: one that fails, hangs or takes too long ends alone, and the rows that it measured stay, on the screen and in the folder of --out.
Where PyTorch or ncnn is missing, the other is measured. What a machine without internet needs is packed by bench/luggage.py.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

BENCH = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Part:
    """One table of a script, and how many seconds it may take."""

    script: str
    table: str
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.script.removeprefix('gpu_')} {self.table}"


# What is worth most comes first, in case that time runs out.
PARTS = (
    Part("gpu_pytorch", "network", 70),
    Part("gpu_vulkan", "network", 60),
    Part("gpu_pytorch", "photos", 70),
    Part("gpu_vulkan", "photos", 60),
    Part("gpu_pytorch", "budget", 120),
)
PACKAGES = {"gpu_pytorch": "torch", "gpu_vulkan": "ncnn"}
# A process that has to go gets so long to say what it must.
END_SECONDS = 5.0
LEAST_SECONDS = 10.0


def main(given: Sequence[str] | None = None) -> int:
    """Run every part, and answer 1 where one did not end well."""
    arguments = _parser().parse_args(given)
    deadline = time.monotonic() + arguments.seconds
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    _say_drivers()
    ended = {part.name: _ended(part, arguments, deadline - time.monotonic()) for part in PARTS}
    print("\n".join(f"{name.ljust(16)}  {how}" for name, how in ended.items()), flush=True)
    return int(any(not how.startswith("[OK]") for how in ended.values()))


def _ended(part: Part, arguments: argparse.Namespace, left: float) -> str:
    """How a part went."""
    if find_spec(PACKAGES[part.script]) is None:
        return f"[MISSED] the package {PACKAGES[part.script]} is not installed"
    seconds = min(part.seconds, left)
    if seconds < LEAST_SECONDS:
        return "[MISSED] no time was left"
    print(f"== {part.name}, {seconds:.0f} s at most", flush=True)
    started = time.monotonic()
    with subprocess.Popen(_command(part, arguments), env=_environment()) as process:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"[MISSED] not over after {seconds:.0f} s; the rows above were measured"
        finally:
            process.kill()  # nothing happens to one that has ended; on Ctrl-C it must not go on alone
    taken = time.monotonic() - started
    return f"[OK] {taken:.0f} s" if code == 0 else f"[MISSED] exit code {code} after {taken:.0f} s, see above"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _command(part: Part, arguments: argparse.Namespace) -> list[str]:
    command = [sys.executable, str(BENCH / f"{part.script}.py"), "--part", part.table, *["--quick"] * arguments.quick]
    if part.script == "gpu_pytorch":
        command += ["--place", arguments.place, "--budget-gb", str(arguments.budget_gb), *["--f32"] * arguments.f32]
    if arguments.out is not None:
        command += ["--json", str(arguments.out / f"{part.script}_{part.table}.json")]
    return command


def _environment() -> dict[str, str]:
    """This one, in which the sources beside this folder are found, installed or not."""
    path = [str(BENCH.parent / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def _say_drivers() -> None:
    """What the system says of its GPUs, before anything may hang."""
    for command in (
        ("nvidia-smi", "--query-gpu=name,driver_version,memory.total,memory.free", "--format=csv,noheader"),
        ("sh", "-c", "ldconfig -p | grep -E 'libvulkan.so|libGLX_nvidia.so|libcuda.so'; ls /usr/share/vulkan/icd.d /etc/vulkan/icd.d"),
    ):
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LEAST_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"{command[0]}: {error}", flush=True)
        else:
            print((said.stdout + said.stderr).strip(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=280.0, help="how long all of it may take (default 280)")
    parser.add_argument("--place", default="cuda:0", help="the device as PyTorch names it (default cuda:0)")
    parser.add_argument("--quick", action="store_true", help="tiny pictures")
    parser.add_argument("--f32", action="store_true", help="by PyTorch float32 also where bf16 is native")
    parser.add_argument("--budget-gb", type=float, default=4.0, metavar="GB", help="the budget of the table about memory (default 4)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="save the figures there too, after every row")
    return parser


if __name__ == "__main__":
    sys.exit(main())
