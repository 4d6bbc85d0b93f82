"""Settings: from texts, within bounds, and as the docs say."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from img_enhance.cli.flags import flagged
from img_enhance.cli.main import main
from img_enhance.errors import OptionError
from img_enhance.request.form import fields
from img_enhance.service.settings import Settings, settings_from, variables

PAGE = Path(__file__).parent.parent.parent / "docs" / "api.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", re.MULTILINE)


def test_the_page_states_every_setting_with_its_default_and_help() -> None:
    stated = {name: (default, help) for name, default, help in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    shown = [field for field in fields(Settings) if field.name != "fault"]
    assert stated.keys() == {field.name.upper() for field in shown}
    for field in shown:
        default, help = stated[field.name.upper()]
        assert help == field.help
        assert default == _text(field.default)


def _text(default: object) -> str:
    if default in (None, ""):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_a_device_is_for_services_that_may_use_a_gpu() -> None:
    assert settings_from({"ENABLE_GPU": "true", "IMG_ENHANCE_DEVICE": "vulkan:1"}).device == "vulkan:1"
    with pytest.raises(OptionError, match="IMG_ENHANCE_DEVICE vulkan:1 is of no use without enable_gpu; set ENABLE_GPU=true as well"):
        settings_from({"IMG_ENHANCE_DEVICE": "vulkan:1"})
    with pytest.raises(OptionError, match=r"^IMG_ENHANCE_DEVICE must be one of"):
        settings_from({"ENABLE_GPU": "true", "IMG_ENHANCE_DEVICE": "vulkan:one"})
    for enabled in ("true", "false"):
        assert settings_from({"ENABLE_GPU": enabled, "IMG_ENHANCE_DEVICE": "cpu"}).worker_device == "cpu"


def test_the_well_known_names_need_no_prefix() -> None:
    assert settings_from({"MAX_IMAGE_SIZE_MB": "7"}).max_file_bytes == 7_000_000
    assert settings_from({"MAX_IMAGE_SIZE_MB": "7", "IMG_ENHANCE_MAX_IMAGE_SIZE_MB": "8"}).max_file_bytes == 8_000_000
    assert settings_from({"ENABLE_GPU": "true"}).enable_gpu
    assert settings_from({"PORT": "1"}).port == Settings().port


def test_what_is_given_counts_more_than_the_environment() -> None:
    assert settings_from({"IMG_ENHANCE_PORT": "1"}, {"port": 2}).port == 2


@pytest.mark.parametrize(("name", "text"), [("PORT", "many"), ("PORT", "70000"), ("ENABLE_GPU", "perhaps"), ("ACCESS", "all")])
def test_a_wrong_value_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(OptionError, match=f"^IMG_ENHANCE_{name} must be "):
        settings_from({f"IMG_ENHANCE_{name}": text})


def test_a_plain_name_is_told_as_it_was_set() -> None:
    with pytest.raises(OptionError, match=r"^MAX_IMAGE_SIZE_MB must be a number"):
        settings_from({"MAX_IMAGE_SIZE_MB": "much"})


def test_a_wrong_value_of_a_flag_is_refused_by_the_flag() -> None:
    with pytest.raises(OptionError) as refused:
        settings_from({"IMG_ENHANCE_PORT": "many"}, {"port": 70_000})
    assert flagged(refused.value.words).startswith("--port must be a whole number from 0 to 65535")


def test_every_variable_is_one_settings_own() -> None:
    names = [name for field in fields(Settings) for name in variables(field)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["MAX_MEGAPIXEL", "MAXMEGAPIXELS", "WORKER", "RETENTION_HOUR", "API_KEY", "ACESS"])
def test_a_misspelt_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"IMG_ENHANCE_{name}.*did you mean IMG_ENHANCE_"):
        settings_from({f"IMG_ENHANCE_{name}": "1"})


@pytest.mark.parametrize("name", ["HOME", "MIRROR", "OFFLINE", "WEIGHTS_PATH", "SERVER_KEY", "TEST_DATA", "SOAK_ROUNDS", "SOMETHING_ELSE"])
def test_other_names_are_others_business(name: str) -> None:
    assert settings_from({f"IMG_ENHANCE_{name}": "1"}) == Settings()


def test_the_service_says_where_its_page_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "img_enhance", "serve", "--access", "open", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
        try:
            assert service.stdout is not None
            said = re.search(r"http://127\.0\.0\.1:\d+/", service.stdout.readline())
            assert said is not None
            assert "<title>img-enhance</title>" in httpx.get(said[0]).text
        finally:
            service.terminate()


def test_help_says_of_every_setting_its_default_and_its_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    lines = " ".join(capsys.readouterr().out.split())
    for field in fields(Settings):
        names = " or ".join(variables(field))
        shown = {"reader_memory": "2.0 GB"}.get(field.name, str(field.default).lower())
        default = f"default {shown}; " if field.default not in (None, "") else ""
        assert f"{field.help} [{default}{names}]" in lines, field.name
