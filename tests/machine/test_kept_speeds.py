"""Speeds that were measured once are there the next time, and whatever is wrong with their file does no harm."""

import dataclasses
import json
from pathlib import Path

import pytest

from img_enhance.machine.kept_speeds import VERSION, informed, keep_speeds, speeds_file
from img_enhance.planning.plan import Device
from img_enhance.planning.speeds import Speed

MEASURED = {"read jpeg": Speed(0.01, 5e7), "network realesrgan-x4plus bf16 whole": Speed(1.2, 3e11)}


def test_what_is_kept_is_there_again(cpu: Device, tmp_path: Path) -> None:
    keep_speeds(cpu, MEASURED, tmp_path / "home")
    assert informed(cpu, tmp_path / "home").speeds == MEASURED
    assert [path.name for path in (tmp_path / "home").iterdir()] == [speeds_file(tmp_path).name]


def test_new_speeds_take_the_place_of_old_ones_and_leave_the_others(cpu: Device, tmp_path: Path) -> None:
    keep_speeds(cpu, MEASURED, tmp_path)
    keep_speeds(cpu, {"read jpeg": Speed(0.02, 1e7)}, tmp_path)
    assert informed(cpu, tmp_path).speeds == {**MEASURED, "read jpeg": Speed(0.02, 1e7)}


@pytest.mark.parametrize("change", [{"name": "Other CPU"}, {"cores": 99}, {"place": "cuda:0"}, {"runtime": "torch"}], ids=str)
def test_another_device_has_speeds_of_its_own(change: dict[str, str], cpu: Device, tmp_path: Path) -> None:
    other = dataclasses.replace(cpu, **change)  # type: ignore[arg-type]
    keep_speeds(cpu, MEASURED, tmp_path)
    assert informed(other, tmp_path).speeds == {}
    keep_speeds(other, {"read png": Speed(0, 1)}, tmp_path)
    assert informed(cpu, tmp_path).speeds == MEASURED


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b'{"version": 1}', b'{"version": 1, "devices": 3}', b"[" * 100_000],
    ids=["empty", "cut off", "no text", "list", "number", "no devices", "devices of no sense", "deep"],
)
def test_a_broken_file_is_none(content: bytes, cpu: Device, tmp_path: Path) -> None:
    speeds_file(tmp_path).write_bytes(content)
    assert informed(cpu, tmp_path) == cpu
    assert informed(cpu, tmp_path).speeds == {}
    keep_speeds(cpu, MEASURED, tmp_path)
    assert informed(cpu, tmp_path).speeds == MEASURED


def test_speeds_of_another_version_are_not_read(cpu: Device, tmp_path: Path) -> None:
    keep_speeds(cpu, MEASURED, tmp_path)
    values = json.loads(speeds_file(tmp_path).read_text())
    speeds_file(tmp_path).write_text(json.dumps({**values, "version": VERSION + 1}))
    assert informed(cpu, tmp_path).speeds == {}


@pytest.mark.parametrize(
    "nonsense", [None, 3, "fast", [1], [1, 0], [-1, 5], [0, float("nan")], [0, float("inf")], ["1", "2"], [1, 2, 3]], ids=str
)
def test_a_speed_of_no_sense_is_left_out(nonsense: object, cpu: Device, tmp_path: Path) -> None:
    keep_speeds(cpu, MEASURED, tmp_path)
    values = json.loads(speeds_file(tmp_path).read_text())
    (kept,) = values["devices"].values()
    kept["read jpeg"] = nonsense
    speeds_file(tmp_path).write_text(json.dumps(values))
    assert informed(cpu, tmp_path).speeds == {work: speed for work, speed in MEASURED.items() if work != "read jpeg"}


def test_a_folder_that_cannot_be_written_is_an_error_and_reads_as_none(cpu: Device, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        keep_speeds(cpu, MEASURED, tmp_path / "file" / "home")
    assert informed(cpu, tmp_path / "file" / "home").speeds == {}


def test_a_file_that_cannot_take_the_old_ones_place_leaves_nothing_behind(
    cpu: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_speeds(cpu, MEASURED, tmp_path)

    def refuse(*_: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="refused"):
        keep_speeds(cpu, {"read jpeg": Speed(1, 1)}, tmp_path)
    assert informed(cpu, tmp_path).speeds == MEASURED
    assert len(list(tmp_path.iterdir())) == 1
