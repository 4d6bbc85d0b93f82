"""Where modules that only POSIX systems have are missing, as on Windows, everything can be imported, and what needs them says so."""

import subprocess
import sys
from pathlib import Path

import img_enhance

POSIX_ONLY = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix_ipc", "syslog", "crypt", "spwd", "nis")
SOURCE = Path(img_enhance.__file__).parent

# psutil has files for each system and asks for what is on the one it runs on.
HIDE = f"""
import psutil, sys
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", HIDE + code], capture_output=True, text=True, timeout=120, check=False)


def test_every_module_can_be_imported() -> None:
    modules = sorted(".".join(("img_enhance", *path.relative_to(SOURCE).with_suffix("").parts)) for path in SOURCE.rglob("*.py"))
    extras = ("runtimes.torch", "machine.gpus", "runtimes.vulkan", "runtimes.ncnn_weights", "runtimes.spandrel", "machine.vulkan")
    wanted = [name.removesuffix(".__init__") for name in modules if not name.endswith(("__main__", *extras))]
    assert "img_enhance.jobs.spool" in wanted
    done = run(f"import importlib\nfor name in {wanted!r}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr[-2000:]


def test_serve_says_that_it_does_not_run_there(tmp_path: Path) -> None:
    arguments = ["serve", "--data", str(tmp_path / "data"), "--port", "0", "--access", "open"]
    done = run(f"from img_enhance.cli.main import main\nsys.exit(main({arguments!r}))")
    assert done.returncode == 3, done.stderr[-2000:]
    assert "does not run on this system" in done.stderr
    assert "pip install" not in done.stderr
