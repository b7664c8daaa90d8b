"""Installations are found where people keep them, told apart, and named when they are not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.frontends.asking import codes
from tests.registry.frontends.trees import a1111, forge, neo, reforge, sdnext, write
from vaereg.registry.errors import NotFound, UsageError
from vaereg.registry.frontends.discovery import discover, named

BUILDERS: dict[str, Callable[[Path], Path]] = {
    "a1111": a1111,
    "forge": forge,
    "neo": neo,
    "reforge": reforge,
    "sdnext": sdnext,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, and no place outside of it."""
    place = tmp_path / "person"
    place.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(place))
    monkeypatch.setenv("APPDATA", str(place / "AppData" / "Roaming"))
    monkeypatch.setenv("LOCALAPPDATA", str(place / "AppData" / "Local"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    monkeypatch.delenv("ProgramFiles", raising=False)
    return place


@pytest.mark.parametrize("name", BUILDERS)
def test_each_is_recognised_as_itself(tmp_path: Path, name: str) -> None:
    root = BUILDERS[name](tmp_path / "somewhere")
    assert named(str(root)).frontend == name
    assert named(f"{name}={root}").root == str(root)
    assert [one.frontend for one in discover([str(tmp_path)])] == [name]


def test_marks_alone_are_enough(tmp_path: Path) -> None:
    root = write(tmp_path, {"webui.py": "", "modules_forge/x.py": ""})
    assert named(str(root)).frontend == "forge"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("nosuch={}", UsageError, "a1111"),
        ("a1111=", UsageError, "NAME=ROOT"),
        ("a1111={}/gone", NotFound, "gone"),
        ("{}/gone", NotFound, "gone"),
        ("{}", NotFound, "modules/sd_vae.py"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        named(text.format(tmp_path))
    assert says in f"{caught.value} {getattr(caught.value, 'hint', '')}"


def test_a_named_folder_without_its_marks_is_read_and_told(tmp_path: Path) -> None:
    root = write(tmp_path, {"models/VAE/a.pt": ""})
    assert "not-recognised" in codes(named(f"a1111={root}").notices)


def test_a_folder_with_an_equals_sign(tmp_path: Path) -> None:
    root = a1111(tmp_path / "a=b")
    assert named(str(root)).frontend == "a1111"
    assert named(f"a1111={root}").frontend == "a1111"


def test_usual_places(home: Path) -> None:
    expected = {
        a1111(home / "stable-diffusion-webui"),
        forge(home / "Documents" / "ai" / "forge"),
        sdnext(home / "pinokio" / "api" / "sdnext" / "app"),
        neo(home / "webui_neo" / "webui"),
    }
    library = home / "elsewhere" / "deep" / "library"
    expected.add(reforge(library / "Packages" / "reforge"))
    settings = {"StabilityMatrix/library.json": f'{{"LibraryPath": "{library.as_posix()}"}}'}
    write(home / "config", settings)
    found = {Path(one.root) for one in discover()}
    assert expected <= found


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_links_are_not_followed_and_nothing_is_given_twice(home: Path, tmp_path: Path) -> None:
    outside = a1111(tmp_path / "outside")
    (home / "linked").symlink_to(outside)
    root = forge(home / "forge")
    ours = [one.root for one in discover() if one.root.startswith(str(tmp_path))]
    assert ours == [str(root)]
    given = [str(root), str(home), str(root)]
    assert [one.root for one in discover(given)] == [str(root)]


def test_deep_and_crowded_folders_are_bounded(tmp_path: Path) -> None:
    a1111(tmp_path / "a" / "b" / "c" / "d" / "webui")
    for number in range(700):
        (tmp_path / f"folder{number}").mkdir()
    begin = time.perf_counter()
    assert discover([str(tmp_path)]) == []
    assert time.perf_counter() - begin < 1


def test_an_empty_home_is_looked_through_quickly(home: Path) -> None:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        discover()
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.3
