"""Imports go down the floors only, heavy ones live where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "img_enhance"

# Lowest floor first; a package's name stands for all its modules. A module may import from its own floor and those below.
FLOORS = (
    ("__init__", "errors", "geometry", "units", "photo", "form", "cancelling", "progress", "web"),
    ("models",),
    ("options", "recipe"),
    ("windows", "plan", "sweep_plan", "sweep_planner", "planner", "metadata", "color", "illuminant"),
    ("memory", "devices", "canvas", "bleed", "files", "image_io", "runtimes", "faces"),
    ("passes",),
    ("steps", "texture", "analysis", "suggest"),
    ("compare", "engine", "settings"),
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
    "filelock": ("models",),
    "pi_heif": ("image_io",),
    "psutil": ("devices", "memory", "canvas", "service"),
    "fastapi": ("service",),
    "fastapi_swagger": ("service",),
    "prometheus_client": ("service",),
    "pydantic": ("service",),
    "python_multipart": ("service",),
    "starlette": ("service",),
    "uvicorn": ("service",),
    "tqdm": ("cli_screen",),
}
STANDARD_ONLY_FLOORS = 1

# Files that still import each other; none may be added.
KNOWN_CIRCLES = {frozenset({"img_enhance.devices", "img_enhance.runtimes.torch"})}

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


def graph() -> dict[str, set[str]]:
    """What every file imports of our files anywhere in it: in functions and for type checkers too.

    The package's own __init__ is left out, because Python runs it before any of them.
    """
    files = {name_of(module): module for module in MODULES if module != SOURCE / "__init__.py"}
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, module in files.items():
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found[name].update(alias.name for alias in node.names if alias.name in files)
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = (f"{node.module}.{alias.name}" for alias in node.names)
                found[name].update(target for part in parts if (target := part if part in files else node.module) in files)
    return found


def name_of(module: Path) -> str:
    """What a file is imported as."""
    return ".".join(("img_enhance", *module.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def circles(imported: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of files, each of which leads to every other in its group."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        left = [start]
        while left:
            new = imported[left.pop()] - seen
            seen |= new
            left += new
        return seen

    all_reached = {name: reached(name) for name in imported}
    return {frozenset(other for other in reach if name in all_reached[other]) for name, reach in all_reached.items() if name in reach}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_imports_go_down_only(module: Path) -> None:
    own = floor(noun(module))
    for name in imports(module):
        if name.startswith("img_enhance."):
            assert floor(name.split(".")[1]) <= own, f"{name} is above {noun(module)}"


def test_no_files_import_each_other() -> None:
    assert circles(graph()) <= KNOWN_CIRCLES


def test_circles_are_found_however_long() -> None:
    ring = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert circles(ring) == {frozenset("abc")}


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
