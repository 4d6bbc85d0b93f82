"""What the service may do, as one frozen value. The environment is read here, once, when the service starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

from img_enhance.errors import OptionError
from img_enhance.models.table import MODEL_NAMES
from img_enhance.request.form import Field, check, fields, from_text, option
from img_enhance.request.options import check_device
from img_enhance.words import Setting, Words
from img_enhance.workers.protocol import CPU

PREFIX = "IMG_ENHANCE_"

# Known by these names to everybody who runs such a service; they are taken without the prefix too.
PLAIN_NAMES = ("MAX_IMAGE_SIZE_MB", "ENABLE_GPU")

# Of the machine, whatever door is used, and of the client.
_OTHER_NAMES = ("HOME", "MIRROR", "OFFLINE", "WEIGHTS_PATH", "SERVER_KEY", "SERVER_TOKEN")
_ALIKE = 0.75

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """The web service."""

    secret: ClassVar[tuple[str, ...]] = ("api_keys",)

    host: str = option("127.0.0.1", help="address to listen on; 0.0.0.0 is all of this machine's", placeholder="ADDRESS")
    port: int = option(8000, help="port to listen on; 0 is any free one", minimum=0, maximum=65_535, placeholder="PORT")
    data: str = option("img-enhance-data", help="folder of photos, results and the list of jobs", placeholder="FOLDER")
    access: str = option("keys", help="who may use it: holders of a key, or anybody", choices=("keys", "open"))
    api_keys: str = option("", help="keys, or sha256:HEX of keys, with commas between, beside those in DATA/keys", placeholder="KEYS")
    cors_origins: str = option("", help="web sites whose pages may call the API, with commas between", placeholder="ORIGINS")
    metrics: str = option("keyed", help="who sees /metrics: nobody, holders of a key, or anybody", choices=("off", "keyed", "open"))
    enable_gpu: bool = option(False, help="use a GPU where PyTorch or Vulkan finds one (extra [torch] or [vulkan])")
    device: str = option(
        "auto", help="which one, such as cuda:1 or vulkan:0; auto is the first that is worth it, cpu none", placeholder="DEVICE"
    )

    max_image_size_mb: float = option(50, help="largest file of a photo in megabytes", minimum=0.001, maximum=2_000, placeholder="MB")
    max_json_mb: float = option(
        16, help="largest JSON body in megabytes; larger photos go by multipart", minimum=0.001, maximum=200, placeholder="MB"
    )
    max_megapixels: float = option(50, help="largest photo in megapixels", minimum=0.0001, maximum=1_000, placeholder="MP")
    max_result_megapixels: float = option(200, help="largest result in megapixels", minimum=0.0001, maximum=10_000, placeholder="MP")
    max_batch_files: int = option(20, help="most photos of one batch", minimum=1, maximum=200, placeholder="N")
    max_job_seconds: float = option(3_600, help="longest work that is taken, by its estimate", minimum=0.1, placeholder="SECONDS")
    preview_megapixels: float = option(1, help="previews have so many megapixels at most", minimum=0.01, maximum=4, placeholder="MP")
    previews_per_key: int = option(
        2, help="previews of one key made at the same time, or of one address where all may use it", minimum=1, maximum=100, placeholder="N"
    )
    sync_seconds: float = option(30, help="work estimated to end later than this is answered with 202", minimum=0, placeholder="SECONDS")

    callbacks: str = option(
        "keyed", help="who is told the ends of jobs at a URL (callback_url): holders of a key, or nobody", choices=("keyed", "off")
    )
    photo_urls: bool = option(False, help="take photos by their URL (photo_url), fetched from where it leads")
    private_networks: str = option(
        "",
        help="networks that such URLs may lead to although they are not public, such as 10.1.0.0/16, with commas between",
        placeholder="NETWORKS",
    )

    header_seconds: float = option(10, help="a request's header must arrive within this", minimum=0.1, placeholder="SECONDS")
    body_seconds: float = option(120, help="a request's body must arrive within this", minimum=0.1, placeholder="SECONDS")
    send_seconds: float = option(60, help="a client must take the next piece of an answer within this", minimum=0.1, placeholder="SECONDS")
    drain_seconds: float = option(
        12, help="how long running work may end when the service stops", minimum=0, maximum=15, placeholder="SECONDS"
    )
    uploads: int = option(64, help="bodies received at the same time", minimum=1, maximum=1_000, placeholder="N")
    uploads_per_key: int = option(16, help="of these, of one key or address", minimum=1, maximum=1_000, placeholder="N")
    connections: int = option(500, help="requests at the same time, also those that wait", minimum=10, maximum=10_000, placeholder="N")
    requests_per_key: int = option(100, help="of these, of one key or address", minimum=1, maximum=10_000, placeholder="N")

    queue_jobs: int = option(100, help="jobs waiting at the same time", minimum=1, maximum=100_000, placeholder="N")
    queue_seconds: float = option(14_400, help="estimated work waiting at the same time", minimum=1, placeholder="SECONDS")
    jobs_per_key: int = option(40, help="unfinished jobs of one key, or of one address where all may use it", minimum=1, placeholder="N")
    short_seconds: float = option(20, help="work estimated below this may use the short lane", minimum=0, placeholder="SECONDS")
    workers: int = option(1, help="processes that enhance photos", minimum=1, maximum=64, placeholder="N")
    short_workers: int = option(1, help="processes beside them for short work only", minimum=0, maximum=64, placeholder="N")
    executor: str = option(
        "local", help="where workers compute: on this machine, or on a Ray cluster (extra [ray])", choices=("local", "ray")
    )
    ray_address: str = option("auto", help="the cluster: HOST:PORT, or auto for the one of this machine", placeholder="ADDRESS")
    ray_processors: int = option(1, help="processors of the cluster for each worker", minimum=1, maximum=4_096, placeholder="N")
    worker_memory: int | None = option(
        None,
        help="anonymous memory of each worker, such as 2G (default: half of this machine's, shared out; 2G on a cluster)",
        minimum=300_000_000,
        unit="bytes",
        placeholder="BYTES",
    )
    worker_gpu_memory: int | None = option(
        None,
        help="memory of the graphics card for each worker, such as 3G (default: nine tenths of what is free, shared out)",
        minimum=100_000_000,
        unit="bytes",
        placeholder="BYTES",
    )
    precision: str = option("auto", help="arithmetic of the networks", choices=("auto", "f32", "bf16", "f16"))
    warm_model: str = option(
        "realesrgan-x4plus", help="the model that is compiled before /readyz says yes", choices=MODEL_NAMES, extensible=True
    )
    idle_seconds: float = option(600, help="models are given back after so long without work", minimum=1, placeholder="SECONDS")
    stall_seconds: float = option(120, help="a worker that says nothing for so long is replaced", minimum=1, placeholder="SECONDS")

    readers: int = option(2, help="processes that look at files before they are taken", minimum=1, maximum=64, placeholder="N")
    reader_memory: int = option(
        2_000_000_000, help="memory of a reader beyond its start", minimum=100_000_000, unit="bytes", placeholder="BYTES"
    )
    reader_seconds: float = option(20, help="processor time for looking at one file", minimum=1, placeholder="SECONDS")

    cutters: int = option(
        1, help="processes that cut results into tiles to look at, at the same time", minimum=1, maximum=64, placeholder="N"
    )

    convert_seconds: float = option(
        120, help="processor time for a result that is downloaded in another format", minimum=1, placeholder="SECONDS"
    )
    retention_hours: float = option(24, help="results are kept so long", minimum=0.0001, placeholder="HOURS")
    storage_gb: float = option(20, help="most that photos, results and their tiles may take on the disk", minimum=0.001, placeholder="GB")
    free_disk_mb: float = option(500, help="room on the disk that is left free", minimum=0, placeholder="MB")
    fault: str = option("", help="for tests: die at this point, as often as *N says", placeholder="POINT")

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)
        if self.device not in ("auto", CPU) and not self.enable_gpu:
            says = Words(Setting("device", self.device), " is of no use without ", Setting("enable_gpu"))
            raise OptionError(says, "set ENABLE_GPU=true as well")

    @property
    def max_file_bytes(self) -> int:
        return int(self.max_image_size_mb * 1e6)

    @property
    def worker_device(self) -> str:
        """The device that workers ask for."""
        return self.device if self.enable_gpu else CPU

    @property
    def device_chosen_by(self) -> str:
        """The setting that chose it, in words; "" where that was left to what there is."""
        if self.device != "auto":
            return f"DEVICE is {self.device}"
        return "" if self.enable_gpu else "ENABLE_GPU is false"

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lane of every worker: one that takes all jobs, or short ones only."""
        return ("any",) * self.workers + ("short",) * self.short_workers


def settings_from(environment: Mapping[str, str], given: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment's texts, and over them values `given` otherwise.

    Raises: OptionError that names the variable, also one that is spelt nearly like a setting.
    """
    _check_spelling(environment)
    values = dict(given or {})
    asked = [field for field in fields(Settings) if field.name not in values]
    set_as = {field.name: name for field in asked for name in reversed(variables(field)) if name in environment}
    try:
        values |= {field.name: _value(field, environment[set_as[field.name]]) for field in asked if field.name in set_as}
        return Settings(**values)
    except OptionError as error:
        raise error.settled(lambda setting: setting.called(set_as[setting.name]) if setting.name in set_as else setting) from None


def _check_spelling(environment: Mapping[str, str]) -> None:
    """Pass if no variable of ours looks like a setting without being one: it would be passed over, and the limit not be kept."""
    known = {name for field in fields(Settings) for name in variables(field)}
    for name in environment:
        if name.startswith(PREFIX) and name not in known and name.removeprefix(PREFIX) not in _OTHER_NAMES:
            near = get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], 1, _ALIKE)
            if near:
                raise OptionError(f"there is no setting {name}", f"did you mean {PREFIX}{near[0]}?")


def variables(field: Field) -> tuple[str, ...]:
    """The environment variables of a setting, the first of which counts."""
    name = field.name.upper()
    return (PREFIX + name, name) if name in PLAIN_NAMES else (PREFIX + name,)


def _value(field: Field, text: str) -> int | float | str | bool:
    if field.type is not bool:
        return from_text(field, text)
    if text.lower() not in _YES + _NO:
        raise OptionError(Words(Setting(field.name), f" must be true or false, not '{text}'"))
    return text.lower() in _YES
