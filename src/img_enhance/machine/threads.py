"""How many threads the libraries start that read it from the environment, once, when they are loaded."""

from collections.abc import MutableMapping

# libvips and OpenCV; the runtimes of networks are told by `Machine.threads`.
_VARIABLES = ("VIPS_CONCURRENCY", "OPENCV_FOR_THREADS_NUM")


def limit_threads(environment: MutableMapping[str, str], threads: int | None) -> None:
    """Let libraries that are loaded after this start no more threads than that, each; without a number as many as they like."""
    if threads is not None:
        environment.update(dict.fromkeys(_VARIABLES, str(threads)))
