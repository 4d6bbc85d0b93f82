"""A child must not outlive the process that started it."""

import signal
import sys

# From <linux/prctl.h>.
_SET_PARENT_DEATH_SIGNAL = 1


def die_with_parent() -> None:
    """Let the system end this process when its parent dies, even while it computes or hangs and looks at no socket."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
