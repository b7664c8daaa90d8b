"""Fooocus: folders out of config.txt, lists, and default_vae."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaereg.registry.frontends.fooocus import FRONTEND

from .asking import codes, hidden, looked, names, vae_for
from .trees import VAE, write
from .trees_other import checkpoints, fooocus

OWN = checkpoints("models/checkpoints", "jugger.safetensors")
WITH_VAE = {**OWN, "models/vae/sub/x.safetensors": VAE}
DEEP = os.path.join("sub", "x.safetensors")


def test_recognised_with_its_version(tmp_path: Path) -> None:
    root = fooocus(tmp_path / "Fooocus")
    assert FRONTEND.recognises(str(root))
    assert not FRONTEND.recognises(str(tmp_path))
    installation = FRONTEND.read(str(root))
    assert installation.version == "2.5.5"
    assert "sdxl-only" in codes(installation.notices)


DEFAULTS = {
    "not set": ({}, True, ("baked", None)),
    "Default (model)": ({"default_vae": "Default (model)"}, True, ("baked", None)),
    "its own, but there is none": ({}, False, ("none", None)),
    "a file": ({"default_vae": DEEP}, True, ("file", f"models/vae/{DEEP}")),
    "None is a file's name": ({"default_vae": "None"}, True, ("none", None)),
    "empty is None": ({"default_vae": ""}, True, ("none", None)),
    "null is None": ({"default_vae": None}, True, ("none", None)),
    "without its folder": ({"default_vae": "x.safetensors"}, True, ("none", None)),
    "a number is refused": ({"default_vae": 3}, True, ("baked", None)),
    "a NUL": ({"default_vae": "a\0b"}, True, ("none", None)),
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_default_vae(tmp_path: Path, case: str) -> None:
    config, has_baked, wanted = DEFAULTS[case]
    root = fooocus(tmp_path, WITH_VAE, config)
    kind, path, told = vae_for(FRONTEND, root, "jugger", has_baked)
    assert (kind, path) == wanted
    assert ("unknown-vae" in told) == (kind == "none" and has_baked)


@pytest.mark.parametrize("value", ["", None, "None"])
def test_what_it_looks_for_is_a_file_called_none(tmp_path: Path, value: object) -> None:
    root = fooocus(tmp_path, {**WITH_VAE, "models/vae/None": VAE}, {"default_vae": value})
    assert vae_for(FRONTEND, root, "jugger")[:2] == ("file", "models/vae/None")


def test_the_start_preset_comes_before_config(tmp_path: Path) -> None:
    files = {
        **WITH_VAE,
        "presets/anime.json": '{"default_vae": "None"}',
    }
    script = {"run.sh": "python launch.py --preset anime\n"}
    root = fooocus(tmp_path, {**files, **script}, {"default_vae": DEEP})
    assert vae_for(FRONTEND, root, "jugger")[0] == "none"


def test_the_package_for_windows_starts_from_beside(tmp_path: Path) -> None:
    (tmp_path / "python_embeded").mkdir()
    program = ".\\python_embeded\\python.exe -s Fooocus\\entry_with_update.py"
    scripts = {
        "run.bat": f"{program} --preset plain\r\npause\r\n",
        "run_anime.bat": f"{program} --preset anime\r\npause\r\n",
    }
    write(tmp_path, scripts)
    files = {**WITH_VAE, "presets/anime.json": '{"default_vae": "None"}'}
    root = fooocus(tmp_path / "Fooocus", files)
    assert FRONTEND.read(str(root)).flags["--preset"] == ("plain",)
    assert vae_for(FRONTEND, root, "jugger")[0] == "baked"


def test_a_preset_outside_of_its_folder_is_not_read(tmp_path: Path) -> None:
    files = {**WITH_VAE, "run.sh": "python launch.py --preset ../../evil\n"}
    write(tmp_path, {"evil.json": '{"default_vae": "None"}'})
    root = fooocus(tmp_path / "Fooocus", files)
    assert vae_for(FRONTEND, root, "jugger")[0] == "baked"


def test_folders_as_text_and_as_list(tmp_path: Path) -> None:
    more = write(tmp_path / "more", {"b.safetensors": VAE, "jugger.safetensors": VAE})
    config = {"path_checkpoints": ["models/checkpoints", str(more)], "path_vae": str(more)}
    root = fooocus(tmp_path / "Fooocus", OWN, config)
    _, listing = looked(FRONTEND, root)
    assert names(listing, "checkpoint") == ["jugger.safetensors", "b.safetensors"]
    assert names(listing, "vae") == ["b.safetensors", "jugger.safetensors"]
    assert "comes first" in hidden(listing)["jugger.safetensors"]


@pytest.mark.parametrize("value", ["gone", ["models/vae", "gone"], ["models/vae", 3], 7, []])
def test_one_missing_folder_makes_it_take_its_default(tmp_path: Path, value: object) -> None:
    root = fooocus(tmp_path, WITH_VAE, {"path_vae": value})
    installation, listing = looked(FRONTEND, root)
    assert names(listing, "vae") == [DEEP]
    assert "folder-missing" in codes(installation.notices)


def test_what_its_lists_leave_out(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"y.safetensors": VAE})
    files = {
        "models/vae/B.safetensors": VAE,
        "models/vae/a.SAFETENSORS": VAE,
        "models/vae/c.pt": VAE,
        "models/vae/sub/z.pth": VAE,
    }
    root = fooocus(tmp_path / "Fooocus", files)
    (root / "models/vae/linked").symlink_to(outside)
    _, listing = looked(FRONTEND, root)
    deep = os.path.join("sub", "z.pth")
    assert names(listing, "vae") == [deep, "a.SAFETENSORS", "B.safetensors"]
    left_out = hidden(listing)
    assert ".pt" in left_out["c.pt"]
    assert "link" in left_out[os.path.join("linked", "y.safetensors")]


def test_a_damaged_config_is_a_notice(tmp_path: Path) -> None:
    root = fooocus(tmp_path, {**WITH_VAE, "config.txt": '{"path_vae": "C:\\models",}'})
    assert "settings-damaged" in codes(FRONTEND.read(str(root)).notices)
    assert vae_for(FRONTEND, root, "jugger")[0] == "baked"
