"""Enhancing a photo starts no process by forking and speaks to nobody."""

import subprocess
import sys

ENHANCE = """
import sys, time
seen = []
watched = {"os.fork", "os.forkpty", "socket.connect", "socket.getaddrinfo"}
sys.addaudithook(lambda event, _: seen.append(event) if event in watched else None)
import numpy as np
import img_enhance as ie
ie.enhance(ie.Photo(np.zeros((8, 9, 3), np.uint8)), ie.Recipe(steps=(ie.RealESRGAN(model="realesr-animevideov3"),)))
time.sleep(1)  # what reports in the background does so a moment later
print(seen)
"""


def test_nothing_is_reported_and_no_process_forked() -> None:
    # A fork while numpy multiplies takes away the threads that it waits for.
    told = subprocess.run([sys.executable, "-c", ENHANCE], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"
