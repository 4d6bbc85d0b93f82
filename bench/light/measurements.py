"""Every scene through every way, measured; and a way by itself, for who works on one."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2

from light.findings import Measurement, Way
from light.metrics import Target, both_ends_matter, distances, effects, lab_of, target_of
from light.scenes import Frame, Scene, scene_of
from measure import say

T = TypeVar("T")
R = TypeVar("R")


def measure(files: Mapping[str, list[Path]], ways: Mapping[str, Way], *, jobs: int) -> list[Measurement]:
    """Every scene that has a right frame; `jobs` processes share them. With more than one, ways must be picklable."""
    measurements = []
    found = in_turns(partial(measure_scene, ways=dict(ways)), files.items(), jobs=jobs)
    for number, of_scene in enumerate(found, 1):
        say(f"  scene {number} of {len(files)}")
        measurements += of_scene
    return measurements


def measure_scene(named: tuple[str, list[Path]], ways: Mapping[str, Way]) -> list[Measurement]:
    """Everything about the scene of this name in these files; nothing where none of its frames is right."""
    scene = scene_of(*named)
    return [] if scene is None else list(_measured(scene, ways))


def in_turns(work: Callable[[T], R], things: Iterable[T], *, jobs: int) -> Iterator[R]:
    """`work` of each thing, in their order."""
    if jobs == 1:
        yield from map(work, things)
        return
    # Fresh processes: forked ones inherit the locks of OpenCV's and OpenVINO's threads, not the threads.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
        yield from pool.map(work, things)


def _one_thread() -> None:
    # Processes share the cores; threads of each would only wait for those of others.
    cv2.setNumThreads(1)


def _measured(scene: Scene, ways: Mapping[str, Way]) -> Iterator[Measurement]:
    truth, fusion = target_of(scene.truth), target_of(scene.fusion)
    for frame in scene.frames:
        high_contrast = both_ends_matter(lab_of(frame.pixels))
        if frame.case is None and not high_contrast:
            continue
        for name, way in ways.items():
            seconds, made = _timed(way, frame)
            yield Measurement(
                scene=scene.name,
                frame=frame.name,
                case=frame.case,
                high_contrast=high_contrast,
                way=name,
                seconds=seconds,
                distances=distances(made, truth, fusion),
                effects=effects(made, frame.pixels, truth),
            )


def _timed(way: Way, frame: Frame) -> tuple[float, Target]:
    started = time.perf_counter()
    made = way(frame.pixels)
    return time.perf_counter() - started, target_of(made)
