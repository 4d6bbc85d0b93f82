"""Runs as they could have been."""

import dataclasses

from img_enhance.batch.outcome import AlgorithmRun, Failure, FileState, Phase, PhotoOutcome, RunSummary
from img_enhance.request.recipe import Reason, Recipe

GB = 1_000_000_000


def done(source: str, seconds: float = 2.0, **facts: object) -> PhotoOutcome:
    """A photo that was enhanced by white balance and a network."""
    outcome = PhotoOutcome(
        source,
        f"/photos/{source}",
        "done",
        result=source,
        format="jpeg",
        size=(640, 480),
        result_format="jpeg",
        result_size=(1280, 960),
        seconds=seconds,
        peak_bytes=GB,
        done_text="white_balance by 0.2 stops and real_esrgan 2x",
        recipe=Recipe().to_mapping(),
        reasons=(
            Reason("white_balance", chosen=True, strength="0.6", words="a cast of 4.1 towards yellow"),
            Reason("clahe", chosen=False, strength="", words="the contrast of regions is good as it is"),
        ),
        algorithms=(AlgorithmRun("white_balance", True, True, 0.1), AlgorithmRun("real_esrgan", True, True, seconds - 0.2)),
        phases=(Phase("read", "", 0.1, GB // 2), Phase("white_balance", "white_balance", 0.1, GB), Phase("write", "", 0.1, 0)),
        warnings=("its XMP is damaged and was dropped",),
        device="cpu by openvino",
        precision="f32",
        weights_sha256={"a": "b"},
        version="0.1.0",
        sha256="c" * 64,
        made_by="d",
        file=FileState(1000, 1_700_000_000_123_456_789),
        result_file=FileState(2000, 1_700_000_000_123_456_789),
        finished=1_795_900_000.25,
    )
    return dataclasses.replace(outcome, **facts)  # type: ignore[arg-type]


def failed(source: str, *, why: str = "the file is truncated", loaded: bool = True) -> PhotoOutcome:
    """A photo that came to nothing."""
    runs = (AlgorithmRun("real_esrgan", loaded, executed=False, why_not=why),)
    failure = Failure("unreadable_photo", why, "get it again", 2)
    return PhotoOutcome(source, f"/photos/{source}", "failed", failure=failure, algorithms=runs, seconds=0.1, finished=1_795_900_001.0)


def skipped(source: str) -> PhotoOutcome:
    """A photo that an earlier run did."""
    return done(source, 60.0, status="skipped", why="it was done before")


def run_of(*outcomes: PhotoOutcome, seconds: float = 10.0, left: int = 0, stopped: str = "") -> RunSummary:
    return RunSummary(outcomes, seconds, left, stopped)
