"""Forge's and Neo's traps: modules instead of ``sd_vae``, files that are passed over in silence."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.builders import Shapes, write_safetensors
from tests.registry.frontends.asking import codes, effective, hidden, looked, names, vae_for
from tests.registry.frontends.trees import (
    CHECKPOINT,
    SD3_CHECKPOINT,
    TEXT_ENCODER,
    VAE,
    a1111,
    forge,
    models,
    neo,
    write,
)
from vaereg.registry.frontends.forge import FRONTEND
from vaereg.registry.frontends.neo import FRONTEND as NEO

KEY = "forge_additional_modules"
WHOLE: Shapes = {**CHECKPOINT}
LIBRARY = {
    **models("Stable-diffusion/photo.safetensors"),
    **models("Stable-diffusion/three.safetensors", shapes=SD3_CHECKPOINT),
    **models("VAE/mse.safetensors", "VAE/other.pt", shapes=VAE),
    **models("VAE/whole.safetensors", shapes=WHOLE),
    **models("VAE/lora.safetensors", shapes={"lora_unet.up.weight": (4, 4)}),
    **models("text_encoder/clip_l.safetensors", shapes=TEXT_ENCODER),
}
MSE = "models/VAE/mse.safetensors"


@pytest.mark.parametrize(
    ("checkpoint", "modules", "kind", "vae", "told"),
    [
        ("photo", [], "baked", None, set()),
        ("photo", ["mse.safetensors"], "file", MSE, set()),
        ("photo", ["C:\\webui\\models\\VAE\\mse.safetensors"], "file", MSE, {"moved-module"}),
        ("photo", ["/old/place/mse.safetensors"], "file", MSE, {"moved-module"}),
        ("photo", ["clip_l.safetensors"], "baked", None, set()),
        ("photo", ["clip_l.safetensors", "mse.safetensors"], "file", MSE, set()),
        ("photo", ["mse.safetensors", "other.pt"], "file", "models/VAE/other.pt", set()),
        ("photo", ["gone.safetensors"], "baked", None, {"unknown-module"}),
        ("photo", ["lora.safetensors"], "baked", None, set()),
        (
            "photo",
            ["whole.safetensors"],
            "file",
            "models/VAE/whole.safetensors",
            {"whole-checkpoint-module"},
        ),
        ("three", ["whole.safetensors"], "baked", None, {"ignored-module"}),
        ("photo", "mse.safetensors", "baked", None, set()),
        ("photo", [7, None, {}], "baked", None, set()),
    ],
)
def test_which_vae_decodes(tmp_path: Path, checkpoint, modules, kind, vae, told) -> None:
    root = forge(tmp_path, config={KEY: modules}, files=LIBRARY)
    assert vae_for(FRONTEND, root, checkpoint) == (kind, vae, told)


def test_full_paths_are_how_forge_stores_its_modules(tmp_path: Path) -> None:
    root = forge(tmp_path, config={KEY: [str(tmp_path / MSE)]}, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo") == ("file", MSE, set())


def test_sd_vae_and_vae_path_are_dead(tmp_path: Path) -> None:
    config = {"sd_vae": "mse.safetensors"}
    root = forge(tmp_path, config=config, arguments=f"--vae-path {MSE}", files=LIBRARY)
    told = {"dead-setting", "dead-flag"}
    assert vae_for(FRONTEND, root, "photo") == ("baked", None, told)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ('{"vae_te": ["mse.safetensors"]}', {"metadata-by-card"}),
        ('{"vae": "mse.safetensors"}', {"metadata-by-card"}),
        ('{"vae_te": []}', set()),
        ('{"vae_te": 5, "vae": {}}', set()),
    ],
)
def test_metadata_holds_only_by_its_card(tmp_path: Path, metadata: str, told: set[str]) -> None:
    files = {**LIBRARY, "models/Stable-diffusion/photo.json": metadata}
    assert vae_for(FRONTEND, forge(tmp_path, files=files), "photo") == ("baked", None, told)


def test_a_checkpoint_without_a_vae_gets_none(tmp_path: Path) -> None:
    root = forge(tmp_path, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo", has_baked=False)[0] == "none"


def test_ignored_endings_and_links_are_said(tmp_path: Path) -> None:
    files = {**LIBRARY, **models("VAE/ae.sft", "VAE/BIG.SAFETENSORS", "VAE/.dot.pt", shapes=VAE)}
    root = forge(tmp_path / "webui", files=files)
    if os.name != "nt":
        outside = write(tmp_path / "outside", {"linked.pt": VAE})
        (root / "models" / "VAE" / "more").symlink_to(outside)
    _, listing = looked(FRONTEND, root)
    reasons = hidden(listing)
    assert "none of" in reasons["ae.sft"]
    assert "small letters" in reasons["BIG.SAFETENSORS"]
    assert ".dot.pt" in names(listing, "vae")
    if os.name != "nt":
        assert "link to a folder" in reasons["linked.pt"]
    assert names(listing, "text_encoder") == ["clip_l.safetensors"]


def test_brackets_do_not_matter_to_forge(tmp_path: Path) -> None:
    root = forge(tmp_path / "[ai]", config={KEY: ["mse.safetensors"]}, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo") == ("file", MSE, set())


def test_one_name_among_vaes_and_text_encoders(tmp_path: Path) -> None:
    files = {**LIBRARY, **models("text_encoder/mse.safetensors", shapes=TEXT_ENCODER)}
    root = forge(tmp_path, config={KEY: ["mse.safetensors"]}, files=files)
    _, listing = looked(FRONTEND, root)
    assert "shadowed" in codes(listing.notices)
    assert vae_for(FRONTEND, root, "photo")[0] == "baked"


def test_models_of_an_existing_a1111(tmp_path: Path) -> None:
    home = a1111(tmp_path / "a1111", files=LIBRARY)
    root = forge(
        tmp_path / "forge",
        arguments=f"--forge-ref-a1111-home {home}",
        config={KEY: ["mse.safetensors"]},
    )
    assert effective(FRONTEND, root, "photo").vae == str(home / MSE)


def test_a_module_that_changes_is_read_again(tmp_path: Path) -> None:
    root = forge(tmp_path, config={KEY: ["mse.safetensors"]}, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo")[0] == "file"
    write_safetensors(root / MSE, TEXT_ENCODER)
    assert vae_for(FRONTEND, root, "photo")[0] == "baked"
    (root / MSE).write_bytes(b"nonsense")
    assert vae_for(FRONTEND, root, "photo") == ("baked", None, {"unreadable-module"})


@pytest.mark.parametrize(
    ("config", "vae", "told"),
    [
        ({KEY: ["mse.safetensors"]}, MSE, set()),
        (
            {
                "forge_preset": "xl",
                KEY: ["mse.safetensors"],
                f"{KEY}_xl": ["other.pt"],
                "sd_model_checkpoint": "photo.safetensors [0123456789]",
            },
            MSE,
            {"preset-differs"},
        ),
        (
            {
                "forge_preset": "sd",
                KEY: [],
                f"{KEY}_flux": ["mse.safetensors"],
                "forge_checkpoint_flux": "photo.safetensors",
            },
            MSE,
            {"preset"},
        ),
    ],
)
def test_neos_presets(tmp_path: Path, config, vae, told) -> None:
    assert vae_for(NEO, neo(tmp_path, config=config, files=LIBRARY), "photo") == ("file", vae, told)


def test_neos_folders(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"ae.sft": VAE})
    second = write(tmp_path / "second", {"b.pth": VAE})
    comfy = write(
        tmp_path / "comfy", {"models/vae/c.pt": VAE, "models/unet/d.safetensors": CHECKPOINT}
    )
    shared = write(tmp_path / "shared", {"vae/e.pt": VAE})
    paths = "a:\n  base_path: shared\n  vae: [vae, gone]\n  clip: |\n    x\n    y\n"
    write(tmp_path, {"paths.yaml": paths})
    reference = write(tmp_path / "reference", {"VAE/f.pt": VAE})
    arguments = (
        f"--vae-dirs {first} --vae-dirs {second} --forge-ref-comfy-home {comfy} "
        f"--forge-ref-comfy-yaml {tmp_path / 'paths.yaml'} --model-ref {reference}"
    )
    root = neo(tmp_path / "webui", arguments=arguments, files=LIBRARY)
    installation, listing = looked(NEO, root)
    assert installation.version == "2.22"
    assert names(listing, "vae") == ["ae.sft", "b.pth", "c.pt", "e.pt", "f.pt"]
    assert names(listing, "checkpoint") == ["d.safetensors"]
    assert shared.is_dir()


def test_versions_are_what_the_file_says(tmp_path: Path) -> None:
    assert FRONTEND.read(str(forge(tmp_path / "a"))).version == "f2.0.1v1.10.1"
    broken = forge(tmp_path / "b", files={"modules_forge/forge_version.py": "import os\n"})
    installation = FRONTEND.read(str(broken))
    assert installation.version is None
    assert "version-unknown" in codes(installation.notices)


def test_700_models_are_listed_in_50_ms(tmp_path: Path) -> None:
    files = [f"models/Stable-diffusion/{n % 20}/m{n}.safetensors" for n in range(500)]
    files += [f"models/VAE/{n % 20}/v{n}.safetensors" for n in range(200)]
    root = forge(tmp_path, files=dict.fromkeys(files, "") | {MSE: VAE})
    installation = FRONTEND.read(str(root))
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        FRONTEND.listing(installation)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.05
