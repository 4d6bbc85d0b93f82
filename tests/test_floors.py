"""Imports go down the floors only, heavy ones live where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "img_enhance"

# Lowest floor first; a package's name stands for all its modules. A module may import from its own floor and those below.
FLOORS = (
    (
        "__init__",
        "errors",
        "geometry",
        "units",
        "photo",
        "form",
        "weight_files",
        "models",
        "options",
        "recipe",
        "cancelling",
        "progress",
        "web",
    ),
    ("windows", "plan", "sweep_planner", "pass_planner", "planner", "metadata", "color", "illuminant"),
    ("networks",),
    ("memory", "devices", "canvas", "bleed", "files", "image_io", "weights", "runtimes", "faces"),
    ("sweep", "probe", "steps", "texture", "analysis", "suggest", "job"),
    ("compare", "passes", "engine", "result", "settings"),
    ("client", "service"),
    (
        "__main__",
        "cli",
        "cli_check_server",
        "cli_compare",
        "cli_faces",
        "cli_files",
        "cli_flags",
        "cli_models",
        "cli_screen",
        "cli_serve",
        "cli_server",
        "cli_suggest",
    ),
)
HEAVY = {
    "cv2": ("analysis", "faces", "steps", "texture"),
    "openvino": ("runtimes",),
    "pyvips": ("image_io",),
    "PIL": ("compare", "image_io", "metadata"),
    "filelock": ("weights",),
    "pi_heif": ("image_io",),
    "psutil": ("devices", "memory", "canvas", "service"),
    "fastapi": ("service",),
    "pydantic": ("service",),
    "python_multipart": ("service",),
    "starlette": ("service",),
    "uvicorn": ("service",),
    "tqdm": ("cli_screen",),
}
STANDARD_ONLY_FLOORS = 1

MODULES = sorted(SOURCE.rglob("*.py"))


def noun(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


def imports(module: Path) -> set[str]:
    """Modules imported when this one runs; those for type checkers only are left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(module.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_imports_go_down_only(module: Path) -> None:
    own = floor(noun(module))
    for name in imports(module):
        if name.startswith("img_enhance."):
            assert floor(name.split(".")[1]) <= own, f"{name} is above {noun(module)}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_heavy_imports_live_where_they_are_used(module: Path) -> None:
    for name in imports(module):
        package = name.split(".")[0]
        assert noun(module) in HEAVY.get(package, (noun(module),))
        if floor(noun(module)) < STANDARD_ONLY_FLOORS:
            assert package in sys.stdlib_module_names or package == "img_enhance"


def test_help_loads_neither_numpy_nor_a_runtime() -> None:
    code = "import sys, img_enhance.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "pyvips", "PIL", "tqdm", "cv2"} & set(loaded)
