"""Results in other formats than they were made in."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from served import Served, is_problem, noisy_photo

from img_enhance.cli.recipes import read_recipe
from img_enhance.errors import OptionError
from img_enhance.jobs.spool import Spool
from img_enhance.request.options import Output
from img_enhance.request.step_options import WhiteBalance
from img_enhance.service.conversions import converted_file, output_of
from img_enhance.service.problems import Problem
from img_enhance.service.settings import Settings
from img_enhance.workers.catalogue import as_data
from img_enhance.workers.convert import Bounds, converted

WARMER = {"version": 1, "steps": [{"step": "white_balance", "temperature": 3000}]}


@pytest.fixture(scope="module")
def job(service: Served) -> str:
    id = service.later(noisy_photo(side=64), recipe=WARMER)
    assert service.ended(id)["state"] == "done"
    return id


def test_a_result_comes_in_another_format(service: Served, job: str, tmp_path: Path) -> None:
    sizes = {}
    for format, quality in (("jpeg", 30), ("jpeg", 95), ("webp", None), ("tiff", None), ("avif", 60)):
        asked = {"format": format} | ({} if quality is None else {"quality": quality})
        answer = service.client.get(f"/api/v1/jobs/{job}/result", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == f"image/{format}"
        assert int(answer.headers["content-length"]) == len(answer.content)
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.format, picture.size) == (format.upper(), (64, 64))
        sizes[format, quality] = len(answer.content)
    assert sizes["jpeg", 30] < sizes["jpeg", 95]
    # What was done can still be read, and repeated.
    (tmp_path / "result.tif").write_bytes(service.client.get(f"/api/v1/jobs/{job}/result", params={"format": "tiff"}).content)
    assert read_recipe(tmp_path / "result.tif").steps == (WhiteBalance(temperature=3000),)
    assert list((service.data / "scratch").glob("*/result*")) == []


STORED = {"format": "png", "width": 64, "height": 64}


def test_a_format_may_be_called_as_files_end_and_in_capitals() -> None:
    for called, format in (("jpg", "jpeg"), ("JPG", "jpeg"), ("Jpeg", "jpeg"), ("tif", "tiff"), ("TIFF", "tiff"), ("WebP", "webp")):
        output = output_of(called, None, STORED)
        assert output is not None
        assert output.format == format
    assert output_of("PNG", None, STORED) is None


def test_a_refusal_names_the_part_of_the_address() -> None:
    for format, quality, told in (("gif", None, "format must be one of jpeg, "), (None, 0, "quality must be a whole number from 1 to 100")):
        with pytest.raises(OptionError) as refused:
            output_of(format, quality, STORED)
        assert as_data(refused.value).detail.startswith(told)


def test_its_own_format_is_the_file_itself(service: Served, job: str) -> None:
    plain = service.client.get(f"/api/v1/jobs/{job}/result")
    named = service.client.get(f"/api/v1/jobs/{job}/result", params={"format": "png"})
    assert named.content == plain.content
    assert named.headers["etag"] == plain.headers["etag"]


def test_what_a_format_cannot_do_is_refused_in_words(service: Served, job: str) -> None:
    refused: tuple[tuple[str, str], ...] = (("format=gif", "format"), ("quality=0", "quality"), ("format=jpeg&quality=101", "quality"))
    for asked, word in refused:
        for address in (f"/api/v1/jobs/{job}/result?", f"/api/v1/results?jobs={job}&"):
            answer = service.client.get(address + asked)
            assert answer.status_code == 422
            assert is_problem(answer)
            assert word in answer.json()["detail"]
    assert service.client.get("/api/v1/jobs/nothing/result", params={"format": "jpeg"}).status_code == 404


def test_a_zip_holds_what_was_asked_for(service: Served, job: str) -> None:
    answer = service.client.get("/api/v1/results", params={"jobs": f"{job},{job}", "format": "webp", "quality": 50})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["01_enhanced.webp", "02_enhanced.webp"]
        assert {Image.open(archive.open(name)).format for name in archive.namelist()} == {"WEBP"}


def test_a_process_that_takes_too_long_is_ended_and_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data")
    spool.make()
    source = tmp_path / "result.png"
    source.write_bytes(noisy_photo(side=1500))
    service: Any = SimpleNamespace(settings=Settings(convert_seconds=1, free_disk_mb=0), spool=spool)
    with pytest.raises(Problem, match="1 s of processor time"):
        asyncio.run(converted_file(service, source, {"width": 1500, "height": 1500}, Output(format="avif")))
    assert list(spool.scratch.iterdir()) == []
    service.settings = Settings(free_disk_mb=1e12)
    with pytest.raises(Problem, match="nearly full"):
        asyncio.run(converted_file(service, source, {"width": 1500, "height": 1500}, Output(format="avif")))


def test_a_failure_speaks_of_no_folder(tmp_path: Path) -> None:
    source = tmp_path / "result.png"
    source.write_bytes(b"no picture")
    failed = converted(source, tmp_path / "target.jpg", Output(format="jpeg"), Bounds(60, 2_000_000_000, 1_000_000))
    assert failed is not None
    assert str(tmp_path) not in json.dumps(failed.shown())
