"""What this machine has, as the process may use it, and which of it the networks run on."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from conftest import SAMPLE
from img_enhance.errors import DeviceError
from img_enhance.machine import cgroups, devices
from img_enhance.machine.devices import Choice, Snapshot, asks_torch, choose, detect_cpu, device_of, free_bytes, with_threads
from img_enhance.machine.gpu import Gpu
from img_enhance.planning.plan import Device, Rates


def test_this_machine_makes_sense(cpu: Device) -> None:
    assert cpu.name
    assert 1 <= cpu.cores <= (os.cpu_count() or 1)
    assert 0 < cpu.rates.f32 <= cpu.rates.bf16
    assert 0 < free_bytes() <= cpu.memory_bytes <= psutil.virtual_memory().total


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of / for what is read of the system, with empty folders /proc and /sys/fs/cgroup/memory."""
    for module in (devices, cgroups):
        monkeypatch.setattr(module, "Path", lambda name: tmp_path / name.removeprefix("/"))
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)
    return tmp_path


def write_processor(root: Path, flags: str) -> None:
    """What Linux tells of two cores of one processor. Instructions named in other lines do not count."""
    core = f"processor\t: 0\nmodel name\t: Test CPU\nflags\t\t: {flags}\nvmx flags\t: amx_bf16\nbugs\t\t: not_avx512f\n"
    (root / "proc/cpuinfo").write_text(f"{core}\n{core}")


@pytest.mark.parametrize(
    ("flags", "native"),
    [("fpu sse2", False), ("avx512f", False), ("avx512f avx512_bf16", True), ("avx512f avx512_bf16 amx_bf16 amx_tile", True)],
)
def test_bf16_is_native_only_with_instructions_for_it(flags: str, native: bool, root: Path) -> None:
    write_processor(root, flags)
    device = detect_cpu()
    assert device.native_bf16 is native
    assert device.name == "Test CPU"
    assert (device.rates.bf16 > device.rates.f32) is native


def test_a_processor_twice_as_wide_is_taken_to_be_faster(root: Path) -> None:
    rates = []
    for flags in ("avx512f avx512_bf16", "avx512f avx512_bf16 avx512_vp2intersect", "avx512f avx512_bf16 amx_bf16"):
        write_processor(root, flags)
        rates.append(detect_cpu().rates.bf16)
    assert rates[0] < rates[1] < rates[2]


def test_a_processor_that_tells_nothing_has_a_name_and_a_rate(root: Path) -> None:
    assert not (root / "proc/cpuinfo").exists()
    device = detect_cpu()
    assert device.name == (platform.processor() or platform.machine())
    assert not device.native_bf16
    assert device.rates.f32 > 0


def test_rates_grow_with_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cores", lambda: 1)
    one = detect_cpu().rates
    monkeypatch.setattr(devices, "_cores", lambda: 8)
    assert detect_cpu().rates.f32 == 8 * one.f32


# What a container of cgroup v2 shows, in part: 200 MB taken that cannot be dropped, and 300 MB of files that can.
STAT = "anon 150000000\nfile 350000000\nkernel 7000000\nshmem 50000000\nfile_mapped 1000000\nanon_thp 90000000\n"


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_limit_is_the_memory(name: str, root: Path) -> None:
    (root / "sys/fs/cgroup" / name).write_text("600000000\n")
    assert detect_cpu().memory_bytes == 600_000_000
    assert free_bytes() <= 600_000_000


UNDER_A_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
from img_enhance.machine.devices import detect_cpu, free_bytes
print(free_bytes(), detect_cpu().memory_bytes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit is POSIX")
def test_a_limit_of_addresses_is_a_limit_of_memory() -> None:
    limit = 900_000_000
    said = subprocess.run([sys.executable, "-c", UNDER_A_LIMIT, str(limit)], capture_output=True, check=True).stdout.split()
    free, whole = int(said[0]), int(said[1])
    assert limit / 2 < free < limit - 10_000_000  # Python and its libraries are there already
    assert free < whole < limit


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit is POSIX")
def test_a_limit_too_low_for_the_libraries_is_told_before_they_kill_the_process() -> None:
    for limit in (300_000_000, 400_000_000, 500_000_000, 560_000_000):
        command = (
            f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit},) * 2); from img_enhance.cli.main import main; exit(main())"
        )
        done = subprocess.run([sys.executable, "-c", command, "suggest", str(SAMPLE)], capture_output=True, text=True, check=False)
        assert done.returncode == 3, done.stderr[-500:]
        assert done.stderr.startswith(f"[ERROR] this process may have {limit // 10**6} MB of addresses (ulimit -v)")
        assert done.stderr.count("\n") == 1


def test_what_a_container_cannot_drop_is_not_free(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text("600000000\n")
    (root / "sys/fs/cgroup/memory.stat").write_text(STAT)
    assert free_bytes() == 400_000_000


SLURM = "slurm/uid_1000/job_7/step_0"
# Version 1 counts what is below a group in lines of their own; its cache is no more in the way than files in version 2.
STAT_V1 = "cache 350000000\nrss 1000\nshmem 1000\ntotal_cache 350000000\ntotal_rss 150000000\ntotal_shmem 50000000\n"


def write_groups(root: Path, mount: str, own: str, files: dict[str, dict[str, str]]) -> None:
    """The groups of a process in `own`, whose files lie in folders below a mount."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    controllers = {"memory": "9:memory", "cpu,cpuacct": "4:cpu,cpuacct"}.get(mount, "0:")
    with (root / "proc/self/cgroup").open("a") as lines:
        lines.write(f"{controllers}:/{own}\n")
    (root / "sys/fs/cgroup" / mount / own).mkdir(parents=True, exist_ok=True)
    for group, held in files.items():
        for name, text in held.items():
            (root / "sys/fs/cgroup" / mount / group / name).write_text(text)


@pytest.mark.parametrize("group", [SLURM, "slurm/uid_1000/job_7", "slurm", ""])
def test_the_limit_of_every_group_above_a_process_counts(group: str, root: Path) -> None:
    write_groups(root, "", SLURM, {SLURM: {"memory.max": "max\n"}, group: {"memory.max": "600000000\n", "memory.stat": STAT}})
    assert detect_cpu().memory_bytes == 600_000_000
    assert free_bytes() == 400_000_000


def test_what_is_free_is_what_the_fullest_group_leaves(root: Path) -> None:
    job = {"memory.max": "600000000\n", "memory.stat": STAT}
    step = {"memory.max": "500000000\n", "memory.high": "450000000\n", "memory.stat": "anon 10000000\n"}
    write_groups(root, "", SLURM, {"slurm": job, SLURM: step})
    assert detect_cpu().memory_bytes == 450_000_000
    assert free_bytes() == 400_000_000


@pytest.mark.parametrize("group", [SLURM, ""])
def test_version_1_has_limits_and_uses_of_its_own(group: str, root: Path) -> None:
    write_groups(root, "memory", SLURM, {group: {"memory.limit_in_bytes": "600000000\n", "memory.stat": STAT_V1}})
    assert detect_cpu().memory_bytes == 600_000_000
    assert free_bytes() == 400_000_000


def test_a_container_that_sees_only_its_own_group_has_its_limit(root: Path) -> None:
    (root / "proc/self").mkdir()
    (root / "proc/self/cgroup").write_text("0::/docker/abc/../outside\n")
    (root / "sys/fs/cgroup/memory.max").write_text("600000000\n")
    assert detect_cpu().memory_bytes == 600_000_000


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_quota_of_processor_time_limits_the_cores(quota: str, cores: int | None, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    write_groups(root, "", SLURM, {"slurm": {"cpu.max": f"{quota}\n"}})
    assert detect_cpu().cores == (cores or 16)


@pytest.mark.parametrize(("quota", "cores"), [("200000", 2), ("-1", 16)])
def test_version_1_has_quotas_too(quota: str, cores: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    write_groups(root, "cpu,cpuacct", SLURM, {SLURM: {"cpu.cfs_quota_us": quota, "cpu.cfs_period_us": "100000"}})
    assert detect_cpu().cores == cores


@pytest.mark.parametrize("limit", ["max\n", f"{2**63 - 4096}\n", ""])
def test_no_limit_of_a_container_is_no_limit(limit: str, root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text(limit)
    (root / "sys/fs/cgroup/memory.stat").write_text("anon 9000000000000000000\n")
    assert detect_cpu().memory_bytes == psutil.virtual_memory().total
    assert free_bytes() > 0


def test_a_machine_without_containers_has_its_own_memory(root: Path) -> None:
    assert not any(path.is_file() for path in root.rglob("*"))
    assert detect_cpu().memory_bytes == psutil.virtual_memory().total
    assert free_bytes() > 0


GEFORCE, RADEON = Gpu("cuda:0", "GeForce", 12 * 10**9, native_bf16=True), Gpu("cuda:1", "Radeon", 8 * 10**9, native_bf16=False)
APPLE = Gpu("mps", "Apple GPU", 12 * 10**9, native_bf16=False)

ARC = Gpu("vulkan:0", "Arc", 6 * 10**9, native_bf16=False, kind="integrated")
GTX = Gpu("vulkan:1", "GTX 1650 Ti", 4 * 10**9, native_bf16=False)
LLVMPIPE = Gpu("vulkan:2", "llvmpipe", 10**9, native_bf16=False, kind="software")
NPU = Gpu("NPU", "Intel NPU", 0, native_bf16=False, kind="integrated")

BY_VULKAN = Snapshot(openvino=True, torch=False, drivers=(), vulkan=True, vulkan_gpus=(ARC, GTX, LLVMPIPE))
BY_BOTH = Snapshot(openvino=True, torch=True, drivers=("NVIDIA",), gpus=(), vulkan=True, vulkan_gpus=(GTX,))
IN_SOFTWARE = Snapshot(openvino=True, torch=False, drivers=(), vulkan=True, vulkan_gpus=(LLVMPIPE,))
NO_VULKAN_DRIVER = Snapshot(openvino=True, torch=False, drivers=("NVIDIA",), vulkan=True, vulkan_gpus=())
WITH_NPU = Snapshot(openvino=True, torch=False, drivers=(), plugins=("NPU",))

BARE = Snapshot(openvino=True, torch=False, drivers=())
ON_CPU = Snapshot(openvino=True, torch=True, drivers=())
DRIVER_ONLY = Snapshot(openvino=True, torch=False, drivers=("NVIDIA",))
WITH_GPUS = Snapshot(openvino=True, torch=True, drivers=("NVIDIA",), gpus=(GEFORCE, RADEON))
BROKEN_GPU = Snapshot(openvino=True, torch=True, drivers=("AMD",), gpus=())
ON_MAC = Snapshot(openvino=True, torch=True, drivers=("Apple",), gpus=(APPLE,))
NO_OPENVINO = Snapshot(openvino=False, torch=True, drivers=())
NOTHING = Snapshot(openvino=False, torch=False, drivers=())


WAY_TO_A_GPU = (
    "auto: a GPU of NVIDIA would need Vulkan or PyTorch; run: pip install 'img-enhance[vulkan]' (30 MB), "
    "or pip install 'img-enhance[torch]' (gigabytes, and faster)"
)


@pytest.mark.parametrize(
    ("wanted", "seen", "runtime", "gpu", "reason"),
    [
        ("auto", BARE, "openvino", None, "auto: no driver of a GPU in sight"),
        ("auto", ON_CPU, "openvino", None, "auto: no driver of a GPU in sight"),
        ("auto", DRIVER_ONLY, "openvino", None, WAY_TO_A_GPU),
        ("auto", IN_SOFTWARE, "openvino", None, "auto: Vulkan finds software only (llvmpipe)"),
        ("vulkan", BY_VULKAN, "vulkan", GTX, "device vulkan"),
        ("vulkan:0", BY_VULKAN, "vulkan", ARC, "device vulkan:0"),
        ("vulkan", IN_SOFTWARE, "vulkan", LLVMPIPE, "device vulkan"),
        ("openvino:NPU", WITH_NPU, "openvino", NPU, "device openvino:NPU"),
        ("auto", WITH_GPUS, "torch", GEFORCE, "auto: the first GPU"),
        ("auto", BROKEN_GPU, "openvino", None, "auto: a driver of AMD in sight, but PyTorch finds no GPU"),
        ("auto", ON_MAC, "torch", APPLE, "auto: the first GPU"),
        ("auto", NO_OPENVINO, "torch", None, "auto: no driver of a GPU in sight"),
        ("cpu", WITH_GPUS, "openvino", None, "device cpu"),
        ("cpu", NO_OPENVINO, "torch", None, "device cpu"),
        ("openvino", WITH_GPUS, "openvino", None, "device openvino"),
        ("torch", ON_CPU, "torch", None, "device torch"),
        ("cuda", WITH_GPUS, "torch", GEFORCE, "device cuda"),
        ("cuda:1", WITH_GPUS, "torch", RADEON, "device cuda:1"),
        ("mps", ON_MAC, "torch", APPLE, "device mps"),
    ],
)
def test_the_device_is_the_one_asked_for_or_the_fastest(wanted: str, seen: Snapshot, runtime: str, gpu: Gpu | None, reason: str) -> None:
    assert choose(wanted, seen, require_gpu=False) == Choice(runtime, gpu, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "seen", "require_gpu", "message"),
    [
        ("cuda", BARE, False, r"device cuda needs PyTorch; run: pip install 'img-enhance\[torch\]'"),
        ("mps", BARE, False, r"device mps needs PyTorch; run: pip install 'img-enhance\[torch\]'"),
        ("torch", BARE, False, r"PyTorch is not installed; run: pip install 'img-enhance\[torch\]'"),
        ("cuda:2", WITH_GPUS, False, r"finds no cuda:2 here; it finds cuda:0 \(GeForce\), cuda:1 \(Radeon\); use another device"),
        ("mps", WITH_GPUS, False, r"finds no mps here; it finds cuda:0"),
        ("cuda", BROKEN_GPU, False, r"finds no cuda:0 here; it finds no GPU"),
        ("openvino", NO_OPENVINO, False, r"OpenVINO is not installed; run: pip install openvino, or use device torch"),
        ("cpu", NOTHING, False, r"neither OpenVINO nor PyTorch is installed; run: pip install"),
        ("auto", NOTHING, False, r"neither OpenVINO nor PyTorch"),
        ("auto", BARE, True, r"a GPU is required: no driver of a GPU in sight"),
        ("auto", DRIVER_ONLY, True, r"a GPU is required: a GPU of NVIDIA would need Vulkan or PyTorch; run: pip install"),
        ("vulkan", BARE, False, r"device vulkan needs the package ncnn; run: pip install 'img-enhance\[vulkan\]'"),
        ("vulkan", NO_VULKAN_DRIVER, False, r"Vulkan finds no device here; install your GPU's driver"),
        ("vulkan:7", BY_VULKAN, False, r"Vulkan finds no vulkan:7 here; it finds vulkan:0 \(Arc\), vulkan:1 \(GTX 1650 Ti\), vulkan:2"),
        ("openvino:GPU", WITH_NPU, False, r"OpenVINO finds no GPU here; it finds NPU; install Intel's driver"),
        ("openvino:GPU", NO_OPENVINO, False, r"OpenVINO is not installed"),
        ("auto", IN_SOFTWARE, True, r"a GPU is required: Vulkan finds software only \(llvmpipe\)"),
        ("auto", BROKEN_GPU, True, r"a GPU is required: a driver of AMD in sight, but PyTorch finds no GPU"),
        ("cpu", WITH_GPUS, True, r"a GPU is required, and device cpu is the CPU; leave one of the two out"),
    ],
)
def test_refuses_a_device_that_is_not_there_with_a_way_out(wanted: str, seen: Snapshot, require_gpu: bool, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose(wanted, seen, require_gpu=require_gpu)


def test_a_gpu_that_is_there_satisfies_who_requires_one() -> None:
    assert choose("auto", WITH_GPUS, require_gpu=True).gpu == GEFORCE
    assert choose("cuda:1", WITH_GPUS, require_gpu=True).gpu == RADEON


def test_a_gpu_by_vulkan_is_taken_by_itself_only_after_a_trial() -> None:
    assert choose("auto", BY_VULKAN, require_gpu=False) == Choice("vulkan", GTX, "auto: the GPU that Vulkan finds", trial=True)
    assert choose("auto", BY_BOTH, require_gpu=False).trial
    assert choose("auto", BY_VULKAN, require_gpu=True) == Choice("vulkan", GTX, "auto: the GPU that Vulkan finds")
    assert choose("auto", replace(BY_VULKAN, gpus=(GEFORCE,)), require_gpu=False).gpu == GEFORCE


@pytest.mark.parametrize(
    ("slower", "place", "reason"),
    [
        (None, "cpu", "auto: GTX 1650 Ti by Vulkan not yet tried on this machine"),
        ("is no faster than the CPU", "cpu", "auto: GTX 1650 Ti by Vulkan is no faster than the CPU"),
        ("", "vulkan:1", "auto: the GPU that Vulkan finds"),
    ],
)
def test_the_trial_decides_and_the_reason_is_said(slower: str | None, place: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "take_snapshot", lambda _: BY_VULKAN)
    device = devices.find_device(faster=None if slower is None else lambda *_: slower)
    assert (device.place, device.reason) == (place, reason)


def test_a_gpu_by_vulkan_has_a_budget_of_its_own_and_leaves_features_on_the_host() -> None:
    card, integrated = (device_of(Choice("vulkan", gpu, "")) for gpu in (GTX, ARC))
    for device in (card, integrated):
        assert (device.own_memory, device.features_on_host, device.stores_f16, device.native_bf16) == (True, True, True, False)
    assert (card.shares_memory, integrated.shares_memory) == (False, True)


@pytest.mark.parametrize(
    ("wanted", "seen", "asked"),
    [("auto", ON_CPU, False), ("auto", BY_VULKAN, True), ("auto", replace(BY_VULKAN, gpus=(GEFORCE,)), False), ("cpu", BY_VULKAN, False)],
)
def test_vulkan_is_asked_only_where_pytorch_has_no_gpu(wanted: str, seen: Snapshot, asked: bool) -> None:
    assert devices.asks_vulkan(wanted, seen) is asked


@pytest.mark.parametrize(
    ("wanted", "seen", "asked"),
    [
        ("auto", ON_CPU, False),
        ("auto", DRIVER_ONLY, False),
        ("auto", BROKEN_GPU, True),
        ("cpu", BROKEN_GPU, False),
        ("openvino", BROKEN_GPU, False),
        ("torch", BROKEN_GPU, False),
        ("cuda", ON_CPU, True),
        ("cuda:1", BARE, False),
        ("mps", ON_CPU, True),
    ],
)
def test_pytorch_is_asked_only_where_it_could_help(wanted: str, seen: Snapshot, asked: bool) -> None:
    assert asks_torch(wanted, seen) is asked


def test_no_runtime_is_imported_to_choose_without_a_gpu() -> None:
    code = "import sys\nfrom img_enhance.machine import devices\ndevices._DRIVER_FILES = {}\ndevices.platform.machine = lambda: 'x86_64'\n"
    code += "device = devices.find_device()\nprint(device.place, *({'torch', 'openvino'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["cpu"]


def test_a_driver_is_found_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    file = tmp_path / "kfd"
    monkeypatch.setattr(devices, "_DRIVER_FILES", {"NVIDIA": (str(tmp_path / "nvidia0"),), "AMD": (str(file),)})
    assert devices._drivers() == ()
    file.touch()
    assert devices._drivers() == ("AMD",)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert devices._drivers() == ("Apple", "AMD")


def test_a_chosen_gpu_is_described_by_its_own_facts(cpu: Device) -> None:
    device = device_of(Choice("torch", GEFORCE, "because"))
    assert (device.name, device.place, device.runtime, device.reason) == ("GeForce", "cuda:0", "torch", "because")
    assert device.native_bf16
    assert device.channels_last
    assert device.rates.f32 > cpu.rates.f32
    assert device.own_memory
    assert not device_of(Choice("torch", APPLE, "")).channels_last
    assert not device_of(Choice("torch", APPLE, "")).own_memory, "Apple's GPUs work in the machine's memory"
    assert not device_of(Choice("torch", RADEON, "")).native_bf16


def test_pytorch_on_the_cpu_is_the_same_processor_but_slower(cpu: Device) -> None:
    device = device_of(Choice("torch", None, ""))
    assert (device.name, device.place, device.native_bf16) == (cpu.name, "cpu", cpu.native_bf16)
    assert device.rates.f32 < cpu.rates.f32
    assert not device.own_memory


def test_only_a_device_with_memory_of_its_own_is_asked_for_it(cpu: Device) -> None:
    assert devices.claim_gpu_memory(cpu, 10**9) is None
    assert devices.claim_gpu_memory(device_of(Choice("torch", APPLE, "")), 10**9) is None


def test_threads_are_processors_at_most(cpu: Device) -> None:
    eight = replace(cpu, cores=8, rates=Rates(f32=80, bf16=160))
    two = with_threads(eight, 2)
    assert (two.cores, two.threads, two.rates) == (2, 2, Rates(f32=20, bf16=40))
    assert with_threads(eight, 100).threads == 8
    assert with_threads(eight, None) is eight
