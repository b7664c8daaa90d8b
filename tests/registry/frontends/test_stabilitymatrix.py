"""Stability Matrix: its library, the packages in it, and what it notes beside models."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vaereg.registry.frontends.discovery import discover
from vaereg.registry.frontends.stabilitymatrix import FRONTEND, packages, sidecar

from .asking import codes, looked, names, vae_for
from .trees import CHECKPOINT, VAE, a1111, write
from .trees_other import comfyui, stabilitymatrix

FILES = {
    "Data/Models/StableDiffusion/sub/c.safetensors": CHECKPOINT,
    "Data/Models/VAE/v.safetensors": VAE,
    "Data/Models/VAE/v.cm-info.json": '{"BaseModel": "SDXL 1.0"}',
    "Data/Models/DiffusionModels/d.safetensors": VAE,
    "Data/Models/TextEncoders/t.safetensors": VAE,
    "Data/Models/ApproxVAE/taesd_decoder.pth": VAE,
}


@pytest.mark.parametrize("named", ["", "Data"])
def test_a_portable_library_by_either_folder(tmp_path: Path, named: str) -> None:
    root = stabilitymatrix(tmp_path, files=FILES) / named
    assert FRONTEND.recognises(str(root))
    installation, listing = looked(FRONTEND, root)
    assert installation.root == str(tmp_path / "Data")
    assert installation.version is None
    assert "version-unknown" in codes(installation.notices)
    assert names(listing, "checkpoint") == [os.path.join("sub", "c.safetensors")]
    assert names(listing, "vae") == ["v.safetensors"]
    assert names(listing, "diffusion_model") == ["d.safetensors"]
    assert names(listing, "tiny_vae") == ["taesd_decoder.pth"]


def test_library_json_leads_to_the_library(tmp_path: Path) -> None:
    there = write(
        tmp_path / "lib",
        {"settings.json": "{}", "Models/VAE/v.safetensors": VAE, "Packages/x/readme": ""},
    )
    appdata = write(tmp_path / "appdata", {"library.json": json.dumps({"LibraryPath": str(there)})})
    for root in (there, appdata):
        assert FRONTEND.recognises(str(root))
        assert FRONTEND.read(str(root)).root == str(there)
    assert not FRONTEND.recognises(str(tmp_path))


def test_an_overriding_folder_of_models(tmp_path: Path) -> None:
    other = write(tmp_path / "big disk", {"VAE/w.safetensors": VAE})
    root = stabilitymatrix(tmp_path / "sm", files=FILES, ModelDirectoryOverride=str(other))
    assert names(looked(FRONTEND, root)[1], "vae") == ["w.safetensors"]


def test_its_packages_decide_by_themselves(tmp_path: Path) -> None:
    root = stabilitymatrix(tmp_path, ("ComfyUI", "webui"), FILES)
    kind, path, _ = vae_for(FRONTEND, root, "c.safetensors")
    assert (kind, path) == ("asked", None)
    installation = FRONTEND.read(str(root))
    below = tmp_path / "Data" / "Packages"
    assert packages(installation.options, installation.root) == (
        str(below / "ComfyUI"),
        str(below / "webui"),
    )


def test_each_package_is_found_as_an_installation_of_its_own(tmp_path: Path) -> None:
    root = stabilitymatrix(tmp_path / "sm", ("ComfyUI", "webui"), FILES)
    comfyui(root / "Data/Packages/ComfyUI")
    a1111(root / "Data/Packages/webui")
    found = discover([str(tmp_path)])
    assert sorted(one.frontend for one in found) == ["a1111", "comfyui", "stabilitymatrix"]


def test_a_package_that_is_gone_is_told(tmp_path: Path) -> None:
    root = stabilitymatrix(tmp_path, ("ComfyUI",))
    (root / "Data/Packages/ComfyUI").rmdir()
    assert "package-gone" in codes(FRONTEND.read(str(root)).notices)


def test_what_it_notes_beside_a_model(tmp_path: Path) -> None:
    root = stabilitymatrix(tmp_path, files=FILES)
    assert sidecar(str(root / "Data/Models/VAE/v.safetensors"))["BaseModel"] == "SDXL 1.0"
    assert sidecar(str(root / "Data/Models/DiffusionModels/d.safetensors")) == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"InstalledPackages": 3}', '{"InstalledPackages": [1, {}, {"Path": 2}]}']
)
def test_damaged_settings_name_no_packages(tmp_path: Path, text: str) -> None:
    root = stabilitymatrix(tmp_path, files={**FILES, "Data/settings.json": text})
    installation, listing = looked(FRONTEND, root)
    assert packages(installation.options, installation.root) == ()
    assert names(listing, "vae") == ["v.safetensors"]
