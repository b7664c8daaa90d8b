"""The house keeps its order: who imports whom, what is imported when, and how long things get."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("cli", "db", "probes", "registry")
MAY_IMPORT = {
    "registry": {"registry"},
    "db": {"db", "registry"},
    "probes": {"probes", "registry"},
    "cli": {"cli", "db", "probes", "registry"},
}
HEAVY = {"torch", "diffusers", "transformers", "numpy", "sqlalchemy", "alembic", "huggingface_hub"}
TABLES = {"registry/identify/image_transformers.py", "registry/identify/video_transformers.py"}
"""Pure data tables: the one kind of file that may be longer than 400 lines."""


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports from, by its relative imports."""
    here = path.relative_to(ROOT).with_suffix("").parts
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*here[: len(here) - node.level], *(node.module or "").split("."))
            rooms.add(base[0] if base[0] else (node.names[0].name))
    return rooms & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_downward(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        upward = imported_rooms(path) - MAY_IMPORT[room]
        assert not upward, f"{path.relative_to(ROOT)} imports from {upward}"


def test_every_folder_of_code_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    folders = {path.parent for path in sources()}
    expected = {"vaereg"} | {
        ".".join(("vaereg", *folder.relative_to(ROOT).parts)) for folder in folders
    }
    assert listed == expected


def test_files_and_functions_stay_readable() -> None:
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text("utf-8")
        if name not in TABLES:
            assert len(text.splitlines()) <= 400, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 60, f"{name}: {node.name} has {length} lines"


def test_every_module_says_what_it_is_for() -> None:
    for path in sources():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["--version"], set()),
        (["--help"], set()),
        (["list"], set()),
        (["list", "--json"], set()),
        (["inspect", "model.safetensors"], set()),
        (["scan", "."], {"sqlalchemy", "alembic"}),
    ],
)
def test_commands_import_only_what_they_need(
    tmp_path: Path, words: list[str], allowed: set[str]
) -> None:
    """In a fresh interpreter, on a registry that exists already."""
    from tests.builders import write_safetensors

    write_safetensors(tmp_path / "model.safetensors", {"x": (2,)})
    run = [sys.executable, "-m", "vaereg", "--home", str(tmp_path)]
    subprocess.run([*run, "scan", "."], check=True, capture_output=True, cwd=tmp_path)
    script = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from vaereg.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('|' + ','.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    line = [sys.executable, "-c", script, *words[:1], *words[1:]]
    if words != ["--version"]:
        line += ["--home", str(tmp_path)]
    done = subprocess.run(line, check=True, capture_output=True, text=True, cwd=tmp_path)
    modules = set(done.stdout.rpartition("|")[2].strip().split(","))
    assert not (modules & HEAVY) - allowed
