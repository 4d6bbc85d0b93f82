"""PyTorch's pictures are OpenVINO's, the same every time and however a photo is cut up."""

import weakref
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from test_sweep import as_picture, plan_of, swept

from conftest import TORCH
from img_enhance.errors import GpuMemoryFull
from img_enhance.geometry import Size
from img_enhance.models.model import Model
from img_enhance.models.networks.rrdbnet import RRDBNet
from img_enhance.models.networks.segment import Precision
from img_enhance.models.networks.srvgg import SRVGGNetCompact
from img_enhance.models.table import BUILT_IN, MODELS
from img_enhance.passes.sweep import Network
from img_enhance.planning.plan import RuntimeName
from img_enhance.runtimes.reference import run_reference
from random_weights import random_weights

pytestmark = TORCH

NetworksOf = Callable[[str, Precision, RuntimeName], Network]
Pixels = npt.NDArray[np.uint8]

ANIME, COMPACT = "realesrgan-x4plus-anime", "realesr-animevideov3"

# Root mean square of the difference against that of the picture. Measured 2026-11: 4e-7 for x4plus-anime, 0 for animevideov3.
F32_RELATIVE_RMS = 1e-4
# Against one window over all, in f32. Measured 2026-11 on a CPU: identical, as on OpenVINO. A library may choose another algorithm for
# another size of window, so that only a bound is promised, a thousandth of an 8-bit level.
CUTS_WORST = 4e-6


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_f32_gives_the_picture_of_openvino(model: Model, networks: NetworksOf, cat: Pixels) -> None:
    picture = as_picture(cat)[:20, :24]
    plan = plan_of(model, picture, "f32")
    expected = swept(networks(model.name, "f32", "openvino"), picture, plan)
    found = swept(networks(model.name, "f32", "torch"), picture, plan)
    assert np.sqrt(np.mean((found - expected) ** 2)) <= F32_RELATIVE_RMS * np.sqrt(np.mean(expected**2))


@pytest.mark.parametrize("name", [ANIME, COMPACT])
def test_same_picture_twice_gives_the_same_bytes(name: str, precision: Precision, networks: NetworksOf, cat: Pixels) -> None:
    net = networks(name, precision, "torch")
    picture = as_picture(cat)[:30, :44]
    plan = plan_of(BUILT_IN.named(name), picture, precision, side=4)
    first = swept(net, picture, plan)
    again = swept(Network(net.segments, net.weights, net.runtime), picture, plan)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(("name", "starts", "side"), [(ANIME, (0, 2, 3, 4, 5, 6, 7), 5), (ANIME, (0, 1, 3, 5, 7), 5), (COMPACT, (0,), 3)])
def test_cuts_give_nearly_the_same_picture(name: str, starts: tuple[int, ...], side: int, networks: NetworksOf, cat: Pixels) -> None:
    net, model = networks(name, "f32", "torch"), BUILT_IN.named(name)
    picture = as_picture(cat)[:40, :70]
    whole = swept(net, picture, plan_of(model, picture, "f32"))
    found = swept(net, picture, plan_of(model, picture, "f32", starts=starts, side=side))
    assert np.abs(found - whole).max() <= CUTS_WORST


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_network_is_the_papers_under_the_published_names(model: Model) -> None:
    import torch
    from published_networks import PlainRRDBNet, PlainSRVGG

    architecture = model.architecture
    weights = random_weights(architecture.shapes)
    with torch.device("meta"):
        if isinstance(architecture, RRDBNet):
            plain = PlainRRDBNet(architecture.blocks, architecture.cell)
        else:
            assert isinstance(architecture, SRVGGNetCompact)
            plain = PlainSRVGG(architecture.convolutions, architecture.scale)
    plain.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, strict=True, assign=True)
    picture = np.random.RandomState(8).rand(6, 8, 3).astype(np.float32)
    with torch.inference_mode():
        expected = plain(torch.from_numpy(picture.transpose(2, 0, 1)[None]))[0].permute(1, 2, 0).numpy()
    found = run_reference(architecture.segments, weights, picture)
    assert found.shape == expected.shape == (6 * model.scale, 8 * model.scale, 3)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_tensors_may_lie_with_channels_first(networks: NetworksOf, cat: Pixels) -> None:
    from img_enhance.runtimes.torch import Torch

    net = networks(COMPACT, "f32", "torch")
    picture = as_picture(cat)[:20, :24]
    plan = plan_of(BUILT_IN.named(COMPACT), picture, "f32")
    other = Network(net.segments, net.weights, Torch("f32", channels_last=False))
    assert np.abs(swept(other, picture, plan) - swept(net, picture, plan)).max() <= 2e-5


def test_a_full_gpu_is_said_with_a_way_out(networks: NetworksOf, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")

    monkeypatch.setattr(torch.nn.functional, "conv2d", full)
    net = networks(COMPACT, "f32", "torch")
    compiled = net.runtime.compile(net.segments, net.weights)
    with pytest.raises(GpuMemoryFull, match=r"GPU's memory is full \(CUDA out of memory. Tried to allocate 2.00 GiB\); use device"):
        compiled.run([as_picture(cat)], lambda: None)


def test_what_a_window_took_is_given_back_before_the_gpu_is_said_to_be_full(
    networks: NetworksOf, cat: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    made: list[weakref.ref[torch.Tensor]] = []
    convolution = torch.nn.functional.conv2d

    def full_at_the_third(*arguments: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        if len(made) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        answer: torch.Tensor = convolution(*arguments, **named)
        made.append(weakref.ref(answer))
        return answer

    monkeypatch.setattr(torch.nn.functional, "conv2d", full_at_the_third)
    net = networks(COMPACT, "f32", "torch")
    compiled = net.runtime.compile(net.segments, net.weights)
    with pytest.raises(GpuMemoryFull) as failure:
        compiled.run([as_picture(cat)], lambda: None)
    assert failure.value.__context__ is None
    assert [tensor() for tensor in made] == [None, None]


@pytest.mark.parametrize("place", ["features", "weights"])
def test_a_gpu_without_room_for_features_or_weights_is_said(place: str, networks: NetworksOf, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    net = networks(COMPACT, "f32", "torch")
    monkeypatch.setattr(torch, *({"features": "empty", "weights": "from_numpy"}[place], full))
    with pytest.raises(GpuMemoryFull):
        net.runtime.features(Size(4, 4), 3) if place == "features" else net.runtime.compile(net.segments, net.weights)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """A card of 4 GB of which 3 are free and this process has 0.5; and what PyTorch is told to keep to."""
    import torch

    told: list[tuple[float, str]] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _place: (3_000_000_000, 4_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _place: 500_000_000)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, place: told.append((share, place)))
    return told


@pytest.mark.parametrize(
    ("wanted", "share", "allowed"),
    [
        (None, 1, 2_700_000_000),
        (None, 0.5, 1_350_000_000),
        (1_000_000_000, 0.5, 1_000_000_000),
        (9_000_000_000, 1, 3_000_000_000),
    ],
)
def test_a_gpus_memory_is_claimed_and_given_up(wanted: int | None, share: float, allowed: int, card: list[tuple[float, str]]) -> None:
    from img_enhance.machine.gpus import claim_memory, unclaim_memory

    assert claim_memory("cuda:1", wanted, share) == allowed
    unclaim_memory("cuda:1")
    assert card == [((500_000_000 + allowed) / 4_000_000_000, "cuda:1"), (1.0, "cuda:1")]


def test_a_gpu_that_is_too_full_to_be_asked_has_nothing_to_claim(card: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from img_enhance.machine.gpus import claim_memory

    def full(_place: str) -> None:
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported")

    monkeypatch.setattr(torch.cuda, "mem_get_info", full)
    assert claim_memory("cuda:0", None, 1.0) == 0
    assert card == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 3.81 GiB; process 4711 has more",
            "CUDA out of memory. Tried to allocate 2.00 GiB",
        ),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        (
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling",
        ),
        ("MPS backend out of memory (MPS allocated: 5.00 GB)", "MPS backend out of memory"),
    ],
)
def test_every_way_to_say_that_a_gpu_is_full_is_understood(
    error: str, said: str, networks: NetworksOf, cat: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(torch.nn.functional, "conv2d", full)
    net = networks(COMPACT, "f32", "torch")
    compiled = net.runtime.compile(net.segments, net.weights)
    with pytest.raises(GpuMemoryFull) as failure:
        compiled.run([as_picture(cat)], lambda: None)
    assert str(failure.value).startswith(f"the GPU's memory is full ({said}")
    assert "4711" not in str(failure.value)


def test_other_errors_of_pytorch_stay_what_they_are(networks: NetworksOf, cat: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def wrong(*_: object, **__: object) -> None:
        raise RuntimeError("expected 4 channels")

    monkeypatch.setattr(torch.nn.functional, "conv2d", wrong)
    net = networks(COMPACT, "f32", "torch")
    compiled = net.runtime.compile(net.segments, net.weights)
    with pytest.raises(RuntimeError, match="expected 4 channels"):
        compiled.run([as_picture(cat)], lambda: None)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_found_among_many(wrong: float, precision: Precision, networks: NetworksOf) -> None:
    runtime = networks(COMPACT, precision, "torch").runtime
    features = runtime.features(Size(40, 30), 64)
    features[:] = 1e4
    assert runtime.is_finite(features)
    features[13, 7, 5] = wrong
    assert not runtime.is_finite(features)


def test_this_machines_gpus_are_those_of_pytorch() -> None:
    import torch

    from img_enhance.machine.gpus import gpus

    found = gpus()
    assert len(found) == torch.cuda.device_count() + torch.backends.mps.is_available()
    for gpu in found:
        assert torch.empty(1, device=gpu.place).device.type in ("cuda", "mps")
        assert gpu.memory_bytes > 10**8
