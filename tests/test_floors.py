"""Folders are the floors: imports go down only, as docs/design.md shows, and heavy ones live where they are used."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "img_enhance"
PAGE = ROOT / "docs" / "design.md"

HEAVY = {
    "cv2": ("faces", "light", "steps", "suggest"),
    "openvino": ("machine", "runtimes"),
    "ncnn": ("machine", "runtimes"),
    "torch": ("machine", "runtimes"),
    "spandrel": ("runtimes",),
    "pyvips": ("image_io",),
    "PIL": ("compare", "image_io", "metadata"),
    "filelock": ("batch", "models"),
    "pi_heif": ("image_io",),
    "psutil": ("machine", "service"),
    "fastapi": ("service",),
    "h11": ("service",),
    "fastapi_swagger": ("service",),
    "prometheus_client": ("service",),
    "pydantic": ("service",),
    "python_multipart": ("service",),
    "starlette": ("service",),
    "uvicorn": ("service",),
    "tqdm": ("cli",),
}
# The files that lie in no folder; they use the standard library only, and each other.
WORDS = "words"
# They stand on top: what a person imports, and what Python runs.
DOORS = ("__init__.py", "__main__.py")

MODULES = sorted(SOURCE.rglob("*.py"))


def room(module: Path) -> str:
    """The folder that a file lies in."""
    parts = module.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else WORDS


def floors() -> dict[str, int]:
    """The floor of every folder, by the table of docs/design.md, from the ground up."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.strip("` "): int(number) for number, names in rows for name in names.split()}


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


def test_every_folder_has_a_floor() -> None:
    folders = {room(module) for module in MODULES}
    assert floors().keys() == folders


@pytest.mark.parametrize("module", [module for module in MODULES if module.name not in DOORS or room(module) != WORDS], ids=str)
def test_imports_go_down_only(module: Path) -> None:
    known, own = floors(), room(module)
    for name in imports(module):
        if name.startswith("img_enhance."):
            other = name.split(".")[1] if (SOURCE / name.split(".")[1]).is_dir() else WORDS
            assert other == own or known[other] < known[own], f"{name} is not below {own}"


def test_no_files_import_each_other() -> None:
    assert circles(graph()) == set()


def test_circles_are_found_however_long() -> None:
    ring = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert circles(ring) == {frozenset("abc")}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_heavy_imports_live_where_they_are_used(module: Path) -> None:
    for name in imports(module):
        package, own = name.split(".")[0], room(module)
        assert own in HEAVY.get(package, (own,))
        if own == WORDS:
            assert package in sys.stdlib_module_names or package == "img_enhance"


def test_help_loads_neither_numpy_nor_a_runtime() -> None:
    code = "import sys, img_enhance.cli.main as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "openvino", "pyvips", "PIL", "tqdm", "cv2"} & set(loaded)
