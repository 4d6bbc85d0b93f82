"""What several tests share: small real photos, this machine's processor, networks compiled once."""

import dataclasses
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from PIL import Image

from img_enhance.cli.main import main
from img_enhance.engine import Engine
from img_enhance.machine.devices import detect_cpu
from img_enhance.models.networks.segment import Precision
from img_enhance.models.table import BUILT_IN
from img_enhance.models.weights.store import load, present
from img_enhance.passes.sweep import Network
from img_enhance.planning.plan import Device, RuntimeName
from img_enhance.request.options import Machine
from img_enhance.request.recipe import Recipe
from img_enhance.request.step_options import RealESRGAN
from img_enhance.runtimes import runtime_on
from random_weights import picture_like_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from served import Served
    from visits import Visit

# What says that a machine without a browser, or without Vulkan, is to fail the tests that need it; and what browsers are called.
REQUIRED = "IMG_ENHANCE_BROWSER"
VULKAN_REQUIRED = "IMG_ENHANCE_VULKAN"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# The service does not run on Windows, nor what comes to it; other systems leave these out by -m "not posix".
POSIX_FOLDERS = ("client", "deploy", "jobs", "page", "service", "workers")

Pixels = npt.NDArray[np.uint8]

SAMPLE = Path(__file__).parent.parent / "samples" / "cat.png"

# The same examples on every machine, and no complaint where a shared machine is slow.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

# The part with eyes and whiskers: edges in all directions.
_EYES = (130, 60)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need POSIX."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in POSIX_FOLDERS:
            item.add_marker(pytest.mark.posix)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of test photos that are not part of the project."""
    name = os.environ.get("IMG_ENHANCE_TEST_DATA")
    if not name:
        pytest.skip("IMG_ENHANCE_TEST_DATA names no folder of test photos")
    if not Path(name).is_dir():
        pytest.skip(f"the folder of test photos {name} (IMG_ENHANCE_TEST_DATA) is missing")
    return Path(name)


@pytest.fixture(scope="session")
def cat() -> Pixels:
    """A 90 x 70 crop of the sample photo, read-only."""
    left, top = _EYES
    with Image.open(SAMPLE) as photo:
        pixels = np.asarray(photo.convert("RGB").crop((left, top, left + 90, top + 70)))
    pixels.flags.writeable = False
    return pixels


@pytest.fixture(scope="session")
def cpu() -> Device:
    """The processor the tests run on."""
    return detect_cpu()


@pytest.fixture(
    params=[
        "f32",
        pytest.param("bf16", marks=pytest.mark.skipif(not detect_cpu().native_bf16, reason="this processor has no native bf16")),
    ]
)
def precision(request: pytest.FixtureRequest) -> Precision:
    """Every precision that this processor has natively."""
    chosen: Precision = request.param
    return chosen


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command line in this process and answers with exit code, standard output and standard error."""

    def run_main(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert (said.out + said.err).isascii()
        return code, said.out, said.err

    return run_main


TORCH = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed; make test-torch installs it"),
]


def needs_torch(test: Callable[..., None]) -> Callable[..., None]:
    """Marks of a test that runs with PyTorch only."""
    for mark in TORCH:
        test = mark(test)
    return test


VULKAN = [
    pytest.mark.vulkan,
    pytest.mark.skipif(importlib.util.find_spec("ncnn") is None, reason="ncnn is not installed; make test-vulkan installs it"),
]


@pytest.fixture(scope="session")
def vulkan() -> str:
    """The first device that Vulkan finds, as it is called; software does."""
    if importlib.util.find_spec("ncnn") is None:
        pytest.skip("ncnn is not installed; make test-vulkan installs it")
    from img_enhance.machine.vulkan import gpus

    if not gpus():
        lacking = "Vulkan finds no device; on Debian: apt-get install mesa-vulkan-drivers"
        if os.environ.get(VULKAN_REQUIRED) == "required":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return gpus()[0].place


RUNTIMES = ["openvino", pytest.param("torch", marks=TORCH), pytest.param("vulkan", marks=VULKAN)]


def device_with(runtime: RuntimeName) -> Device:
    """This machine with a runtime on the CPU, or on the first device of Vulkan."""
    return dataclasses.replace(detect_cpu(), runtime=runtime, place="vulkan:0" if runtime == "vulkan" else "cpu")


def check_has(runtime: RuntimeName, precision: Precision) -> None:
    """Skip the test where a runtime does not have a precision."""
    if (runtime, precision) == ("vulkan", "bf16"):
        pytest.skip("Vulkan has f16, which its own tests try")


@pytest.fixture(params=RUNTIMES)
def runtime_name(request: pytest.FixtureRequest) -> RuntimeName:
    """Every runtime, on the CPU, or the first device of Vulkan."""
    chosen: RuntimeName = request.param
    if chosen == "vulkan":
        request.getfixturevalue("vulkan")
    return chosen


@pytest.fixture(scope="session")
def networks() -> Callable[[str, Precision, RuntimeName], Network]:
    """The network of a model on a runtime's CPU, with random weights where the published ones must be downloaded first.

    Its stages are compiled once for all tests.
    """
    known: dict[tuple[str, Precision, RuntimeName], Network] = {}

    def network_of(name: str, precision: Precision, runtime: RuntimeName) -> Network:
        check_has(runtime, precision)
        if (name, precision, runtime) not in known:
            model = BUILT_IN.named(name)
            weights = load(model) if present(model) else picture_like_weights(model.architecture)
            known[name, precision, runtime] = Network(model.segments, weights, runtime_on(device_with(runtime), precision))
        return known[name, precision, runtime]

    return network_of


@pytest.fixture(scope="session")
def network(networks: Callable[[str, Precision, RuntimeName], Network]) -> Callable[[str, Precision], Network]:
    """`networks` on OpenVINO."""

    def network_of(name: str, precision: Precision) -> Network:
        return networks(name, precision, "openvino")

    return network_of


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str, npt.NDArray[Any]], Path]:
    """A function that writes pixels to a file of this name in a fresh folder."""

    def save(name: str, pixels: npt.NDArray[Any]) -> Path:
        path = tmp_path / name
        Image.fromarray(pixels).save(path)
        return path

    return save


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine in f32 whose networks are compiled once for all tests."""
    with Engine(Machine(precision="f32")) as made:
        yield made


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Four times larger with the smallest network."""
    return Recipe(steps=(RealESRGAN(model="realesr-animevideov3"),))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Served]":
    """A running service in which everybody may work; for tests that do not harm it."""
    from served import served

    with served(tmp_path_factory.mktemp("service") / "data", {"METRICS": "open", "JOBS_PER_KEY": "100"}) as run:
        yield run


def _browser_program() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        lacking = f"no browser is installed ({', '.join(BROWSERS)}); on Debian: apt-get install chromium"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One browser, in which each visit has a memory of its own. It goes with its module: tests of others run event loops, and its own
    is in their way.
    """
    program = _browser_program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root has no sandbox, and containers have little shared memory.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: "Browser", service: "Served") -> "Iterator[Visit]":
    """A person at the page of a service that everybody may use."""
    from visits import visiting

    with visiting(browser, service) as visit:
        yield visit


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each on this machine, every address on loopback."""
    # By the first, Ray takes the address of loopback as it is, in place of this machine's own in a network.
    for name in ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "0")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1, memory=2_000_000_000, node_ip_address="127.0.0.1")
    yield made
    made.shutdown()
