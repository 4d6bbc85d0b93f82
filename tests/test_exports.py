"""What `import img_enhance` promises is there."""

import subprocess
import sys

import pytest

import img_enhance


@pytest.mark.parametrize("name", img_enhance.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(img_enhance, name) is not None


def test_the_list_is_what_dir_says_and_nothing_else_is_there() -> None:
    assert dir(img_enhance) == sorted(img_enhance.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Engines'"):
        img_enhance.Engines  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, img_enhance\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "pyvips", "img_enhance.engine"} & set(loaded)
