"""How work is asked to stop: by a function that is called many times a second and raises."""

from collections.abc import Callable

from img_enhance.errors import Cancelled

IsCancelled = Callable[[], bool]
Tick = Callable[[], None]


def ticking(cancelled: IsCancelled | None) -> Tick:
    """A function that raises Cancelled once `cancelled` answers yes."""

    def tick() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("cancelled; nothing was written")

    return tick
