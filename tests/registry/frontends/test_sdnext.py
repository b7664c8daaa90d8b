"""SD.Next's traps: folders that pass for VAEs, names without endings, what comes before what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.builders import Shapes
from tests.registry.frontends.asking import codes, effective, hidden, looked, names, vae_for
from tests.registry.frontends.trees import VAE, models, sdnext, write
from vaereg.registry.frontends.sdnext import FRONTEND

BIG: Shapes = {**VAE, "decoder.mid.block_1.conv1.weight": (1200, 1200, 3, 3)}
"""Some 26 MB, sparse on the disk."""
FOLDER = {
    "models/VAE/photo/config.json": '{"scaling_factor": 0.13025}',
    "models/VAE/photo/diffusion_pytorch_model.safetensors": BIG,
}
LIBRARY = {
    **models("Stable-diffusion/photo.safetensors", "Stable-diffusion/anime/night.safetensors"),
    **models("VAE/mse.safetensors", shapes=BIG),
}
MSE = "models/VAE/mse.safetensors"
NEAR = models("Stable-diffusion/photo.vae.safetensors", shapes=BIG)


@pytest.mark.parametrize(
    ("config", "files", "kind", "vae", "told"),
    [
        ({}, {}, "baked", None, set()),
        ({"sd_vae": "Default"}, NEAR, "baked", None, set()),
        ({"sd_vae": "None"}, {}, "baked", None, set()),
        ({"sd_vae": "TAESD"}, {}, "automatic", None, set()),
        ({"sd_vae": "mse.safetensors"}, {}, "file", MSE, set()),
        ({"sd_vae": "mse"}, {}, "file", MSE, set()),
        ({"sd_vae": "gone"}, {}, "baked", None, {"unknown-vae"}),
        ({}, NEAR, "file", "models/Stable-diffusion/photo.vae.safetensors", set()),
        (
            {"sd_vae": "mse"},
            NEAR,
            "file",
            "models/Stable-diffusion/photo.vae.safetensors",
            {"setting-ignored"},
        ),
        ({}, FOLDER, "file", "models/VAE/photo", set()),
        (
            {},
            models("VAE/photo.safetensors", shapes=BIG),
            "baked",
            None,
            {"automatic-misses-files"},
        ),
        ({}, {"models/VAE/photo/x.json": "{}"}, "baked", None, {"bogus-entry"}),
        (
            {"sd_vae": "photo"},
            {
                "models/VAE/photo/config.json": "{}",
                "models/VAE/photo/model.safetensors": BIG,
            },
            "baked",
            None,
            {"bogus-entry"},
        ),
        (
            {"sd_vae": "tiny"},
            models("VAE/tiny.safetensors", shapes=VAE),
            "file",
            "models/VAE/tiny.safetensors",
            {"small-vae"},
        ),
    ],
)
def test_which_vae_decodes(tmp_path: Path, config, files, kind, vae, told) -> None:
    root = sdnext(tmp_path, config=config, files={**LIBRARY, **files})
    assert vae_for(FRONTEND, root, "photo") == (kind, vae, told)


@pytest.mark.parametrize(
    "script",
    [
        f"export SD_VAE={MSE}\n",
        f'export COMMANDLINE_ARGS="--vae {MSE}"\n',
        f"./webui.sh --vae {MSE}\n",
    ],
)
def test_a_forced_vae_comes_first(tmp_path: Path, script: str) -> None:
    root = sdnext(tmp_path, config={"sd_vae": "Default"}, script=script, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo") == ("file", MSE, {"forced-vae"})


def test_a_forced_vae_that_is_not_there_leaves_the_own(tmp_path: Path) -> None:
    root = sdnext(tmp_path, script="SD_VAE=/gone.safetensors\n", files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo") == ("baked", None, {"forced-vae", "missing-vae"})


def test_a_sidecar_makes_its_folder_a_vae(tmp_path: Path) -> None:
    files = {
        **LIBRARY,
        **models("VAE/sdxl/fix.safetensors", shapes=BIG),
        "models/VAE/sdxl/fix.cm-info.json": "{}",
        "models/VAE/sdxl/.hidden.json": "{}",
        "models/VAE/mse.json": "{}",
    }
    _, listing = looked(FRONTEND, sdnext(tmp_path, files=files))
    assert set(names(listing, "vae")) == {"mse.safetensors", "fix.safetensors", "sdxl"}
    assert codes(listing.notices) == {"bogus-entry"}


def test_the_list_holds_what_the_page_shows(tmp_path: Path) -> None:
    files = {
        **LIBRARY,
        **models("Stable-diffusion/old.ckpt"),
        **models("VAE/a.pt", "VAE/b.SAFETENSORS", "VAE/.c.safetensors", shapes=VAE),
        "models/Diffusers/models--me--pipe/snapshots/abc/model_index.json": "{}",
    }
    _, listing = looked(FRONTEND, sdnext(tmp_path, files=files))
    assert names(listing, "checkpoint") == [
        os.path.join("anime", "night"),
        "photo",
        "Diffusers/me/pipe",
    ]
    assert names(listing, "vae") == ["mse.safetensors"] + ["b.SAFETENSORS"] * (os.name == "nt")
    reasons = hidden(listing)
    assert "only" in reasons["old"]
    assert "only" in reasons["a.pt"]
    assert "dot" in reasons[".c.safetensors"]


def test_folders_of_the_settings(tmp_path: Path) -> None:
    other = write(tmp_path / "other", {"deep/x.safetensors": BIG})
    write(tmp_path / "all", {"Stable-diffusion/base.safetensors": BIG})
    config = {"vae_dir": str(other), "models_dir": str(tmp_path / "all"), "sd_vae": "x"}
    root = sdnext(tmp_path / "sdnext", config=config, files=LIBRARY)
    assert effective(FRONTEND, root, "base").vae == str(other / "deep" / "x.safetensors")


@pytest.mark.parametrize("name", ["photo_vae.json", "mse.json"])
def test_configs_overwrite_the_scaling_factor(tmp_path: Path, name: str) -> None:
    files = {**LIBRARY, f"configs/{name}": '{"scaling_factor": 0.5}'}
    found = effective(FRONTEND, sdnext(tmp_path, config={"sd_vae": "mse"}, files=files), "photo")
    assert found.scaling_factor == 0.5


@pytest.mark.parametrize("value", ["null", "7", "[]", "1e999", "{"])
def test_hostile_settings_stop_nothing(tmp_path: Path, value: str) -> None:
    text = f'{{"sd_vae": {value}, "vae_dir": {value}, "models_dir": {value}}}'
    root = sdnext(tmp_path, files={**LIBRARY, "config.json": text})
    assert vae_for(FRONTEND, root, "photo")[0] == "baked"


def test_impossible_paths_stop_nothing(tmp_path: Path) -> None:
    config = {"vae_dir": "\0", "diffusers_dir": "a\0b", "te_dir": "x" * 9000}
    root = sdnext(tmp_path, config=config, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo")[0] == "baked"


def test_the_version_is_the_change_logs_date(tmp_path: Path) -> None:
    assert FRONTEND.read(str(sdnext(tmp_path))).version == "2025-09-10"
