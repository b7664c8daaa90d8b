"""A1111's traps, each on a tree that looks like a real installation; reForge shares them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.registry.frontends.asking import codes, effective, hidden, looked, names, vae_for
from tests.registry.frontends.trees import VAE, a1111, models, reforge, write
from vaereg.registry.frontends.a1111 import FRONTEND
from vaereg.registry.frontends.reforge import FRONTEND as REFORGE
from vaereg.registry.samples.autoencoder import autoencoder_kl

SD, ANYTHING = "Stable-diffusion", "models/VAE/anything-v4.0.vae.pt"
LIBRARY = {
    **models(f"{SD}/anything.safetensors", f"{SD}/photo.safetensors"),
    **models("VAE/anything-v4.0.vae.pt", "VAE/mse.safetensors", shapes=VAE),
}
BY_NAME = {**LIBRARY, **models("VAE/photo.vae.pt", shapes=VAE)}
METADATA = {**LIBRARY, "models/Stable-diffusion/photo.json": '{"vae": "mse.safetensors"}'}


@pytest.mark.parametrize(
    ("checkpoint", "config", "arguments", "files", "kind", "vae", "told"),
    [
        ("photo", {}, "", LIBRARY, "baked", None, set()),
        ("anything", {}, "", LIBRARY, "file", ANYTHING, {"prefix-pairing"}),
        ("photo", {}, "", BY_NAME, "file", "models/VAE/photo.vae.pt", set()),
        (
            "photo",
            {"sd_vae": "mse.safetensors"},
            "",
            LIBRARY,
            "file",
            "models/VAE/mse.safetensors",
            set(),
        ),
        ("photo", {"sd_vae": "None"}, "", BY_NAME, "baked", None, {"metadata-ignored"}),
        ("photo", {"sd_vae": "auto"}, "", LIBRARY, "baked", None, set()),
        ("photo", {"sd_vae": None}, "", LIBRARY, "baked", None, set()),
        ("photo", {"sd_vae": "gone.pt"}, "", LIBRARY, "baked", None, {"unknown-vae"}),
        ("photo", {"sd_vae": "MSE.safetensors"}, "", LIBRARY, "baked", None, {"unknown-vae"}),
        ("photo", {}, "", METADATA, "file", "models/VAE/mse.safetensors", set()),
        (
            "photo",
            {"sd_vae": "anything-v4.0.vae.pt"},
            "",
            METADATA,
            "file",
            ANYTHING,
            {"metadata-ignored"},
        ),
        (
            "photo",
            {"sd_vae": "anything-v4.0.vae.pt", "sd_vae_overrides_per_model_preferences": False},
            "",
            METADATA,
            "file",
            "models/VAE/mse.safetensors",
            set(),
        ),
        (
            "photo",
            {"sd_vae": "mse.safetensors", "sd_vae_overrides_per_model_preferences": False},
            "",
            BY_NAME,
            "file",
            "models/VAE/photo.vae.pt",
            set(),
        ),
        (
            "photo",
            {"sd_vae": "mse.safetensors"},
            "--vae-path models/VAE/anything-v4.0.vae.pt",
            METADATA,
            "file",
            ANYTHING,
            {"forced-vae", "setting-ignored"},
        ),
        ("photo", {}, "--vae-path gone.pt", LIBRARY, "none", None, {"missing-vae"}),
        ("photo", {"sd_vae_decode_method": "TAESD"}, "", LIBRARY, "automatic", None, set()),
    ],
)
@pytest.mark.parametrize("kept_by", ["a1111", "reforge"])
def test_which_vae_decodes(
    tmp_path: Path, checkpoint, config, arguments, files, kind, vae, told, kept_by
) -> None:
    build, frontend = {"a1111": (a1111, FRONTEND), "reforge": (reforge, REFORGE)}[kept_by]
    root = build(tmp_path / "webui", config=config, arguments=arguments, files=files)
    assert vae_for(frontend, root, checkpoint) == (kind, vae, told)


@pytest.mark.parametrize(
    ("config", "arguments", "word"),
    [
        ({}, "--vae-path models/VAE/mse.safetensors", "--vae-path"),
        ({"sd_vae": "mse.safetensors"}, "", "sd_vae is mse.safetensors"),
        ({"sd_vae": "None"}, "", "sd_vae is None"),
    ],
)
def test_the_rule_is_named(tmp_path: Path, config, arguments: str, word: str) -> None:
    root = a1111(tmp_path, config=config, arguments=arguments, files=LIBRARY)
    assert word in effective(FRONTEND, root, "photo").how


def test_unknown_metadata_falls_through_to_the_next_rule(tmp_path: Path) -> None:
    files = {**BY_NAME, "models/Stable-diffusion/photo.json": '{"vae": "gone.pt"}'}
    root = a1111(tmp_path, files=files)
    assert vae_for(FRONTEND, root, "photo") == ("file", "models/VAE/photo.vae.pt", {"unknown-vae"})


@pytest.mark.parametrize("content", ["{", "[]", '{"vae": ["x"]}', '{"vae": 7}', "\x00"])
def test_hostile_metadata_stops_nothing(tmp_path: Path, content: str) -> None:
    files = {**LIBRARY, "models/Stable-diffusion/photo.json": content}
    assert vae_for(FRONTEND, a1111(tmp_path, files=files), "photo")[0] == "baked"


def test_a_checkpoint_without_a_vae_gets_none(tmp_path: Path) -> None:
    root = a1111(tmp_path, files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo", has_baked=False) == ("none", None, {"no-vae"})


def test_before_1_6_metadata_says_nothing(tmp_path: Path) -> None:
    root = a1111(tmp_path, version="1.5.2", files=METADATA)
    assert vae_for(FRONTEND, root, "photo") == ("baked", None, set())


def test_an_unknown_version_is_said_and_not_guessed(tmp_path: Path) -> None:
    root = a1111(tmp_path, version=None, files=METADATA)
    installation, _ = looked(FRONTEND, root)
    assert installation.version is None
    assert "version-unknown" in codes(installation.notices)
    found = effective(FRONTEND, root, "photo")
    assert codes(found.notices) == {"version-dependent"}
    assert "1.6.0" in found.notices[0].message


def test_the_list_holds_what_the_page_shows(tmp_path: Path) -> None:
    files = {
        **models(f"{SD}/b.ckpt", f"{SD}/anime/a.SAFETENSORS", f"{SD}/x.gguf"),
        **models(
            f"{SD}/near.vae.safetensors",
            f"{SD}/sub/deep.vae.pt",
            "VAE/one.safetensors",
            "VAE/upper.PT",
            "VAE/flux.sft",
            "VAE/.dot.pt",
            "VAE/.folder/inner.pt",
            "VAE-approx/taesd_decoder.pth",
            shapes=VAE,
        ),
    }
    _, listing = looked(FRONTEND, a1111(tmp_path, files=files))
    assert names(listing, "checkpoint") == ["b.ckpt", os.path.join("anime", "a.SAFETENSORS")]
    assert sorted(names(listing, "vae")) == sorted(
        ["deep.vae.pt", "near.vae.safetensors", "one.safetensors"]
        + (["upper.PT"] if os.name == "nt" else [])
    )
    assert names(listing, "tiny_vae") == ["taesd_decoder.pth"]
    reasons = hidden(listing)
    assert "gguf" not in reasons["x.gguf"]
    assert "dot" in reasons[".dot.pt"]
    assert "dot" in reasons["inner.pt"]
    assert "only" in reasons["flux.sft"]
    if os.name != "nt":
        assert "small letters" in reasons["upper.PT"]


def test_all_of_one_ending_are_listed_before_the_next(tmp_path: Path) -> None:
    files = models("VAE/a.safetensors", "VAE/b.pt", "VAE/c.ckpt", shapes=VAE)
    _, listing = looked(FRONTEND, a1111(tmp_path, files=files))
    assert names(listing, "vae") == ["c.ckpt", "b.pt", "a.safetensors"]


def test_of_two_equal_names_the_later_folder_wins(tmp_path: Path) -> None:
    extra = write(tmp_path / "extra", {"deep/mse.safetensors": VAE})
    root = a1111(
        tmp_path / "webui",
        arguments=f"--vae-dir {extra}",
        files={**LIBRARY, **models("VAE/zz.safetensors", shapes=VAE)},
        config={"sd_vae": "mse.safetensors"},
    )
    installation, listing = looked(FRONTEND, root)
    found = effective(FRONTEND, root, "photo")
    assert found.vae == str(extra / "deep" / "mse.safetensors")
    assert hidden(listing)["mse.safetensors"].startswith("hidden by")
    assert "shadowed" in codes(listing.notices)
    assert not codes(installation.notices)


def test_brackets_in_the_path_hide_every_vae(tmp_path: Path) -> None:
    root = a1111(tmp_path / "[ai] webui", config={"sd_vae": "mse.safetensors"}, files=LIBRARY)
    _, listing = looked(FRONTEND, root)
    assert names(listing, "vae") == []
    assert "brackets" in hidden(listing)["mse.safetensors"]
    assert names(listing, "checkpoint") == ["anything.safetensors", "photo.safetensors"]
    assert vae_for(FRONTEND, root, "photo") == ("baked", None, {"unknown-vae"})


def test_a_vae_among_the_checkpoints_is_told_by_its_header(tmp_path: Path) -> None:
    files = {**models(f"{SD}/photo_bakedvae.safetensors")}
    root = a1111(tmp_path, files={**files, f"models/{SD}/sdxl_vae.safetensors": autoencoder_kl(4)})
    _, listing = looked(FRONTEND, root)
    told = [note.message for note in listing.notices if note.code == "vae-as-checkpoint"]
    assert len(told) == 1
    assert "sdxl_vae" in told[0]


def test_folders_moved_by_flags(tmp_path: Path) -> None:
    data = write(tmp_path / "data", {"config.json": '{"sd_vae": "other.pt"}'})
    write(data, models("VAE/other.pt", shapes=VAE))
    write(data, models(f"{SD}/photo.safetensors"))
    root = a1111(tmp_path / "webui", arguments=f"--data-dir {data} --ckpt-dir /nowhere")
    installation, _ = looked(FRONTEND, root)
    assert codes(installation.notices) == {"no-folder"}
    assert effective(FRONTEND, root, "photo").vae == str(data / "models" / "VAE" / "other.pt")


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_links_are_followed_once_and_broken_ones_told(tmp_path: Path) -> None:
    root = a1111(tmp_path / "webui", files=LIBRARY)
    outside = write(tmp_path / "outside", {"linked.pt": VAE})
    folder = root / "models" / "VAE"
    (folder / "more").symlink_to(outside)
    (outside / "back").symlink_to(folder)
    (folder / "broken.pt").symlink_to(tmp_path / "gone.pt")
    _, listing = looked(FRONTEND, root)
    assert {"linked.pt", "broken.pt"} <= set(names(listing, "vae"))
    assert {"broken-link", "folder"} <= codes(listing.notices)


def test_damaged_settings_are_a_notice_and_defaults_hold(tmp_path: Path) -> None:
    root = a1111(tmp_path, files={**LIBRARY, "config.json": "{not json"})
    installation, _ = looked(FRONTEND, root)
    assert "settings-damaged" in codes(installation.notices)
    assert vae_for(FRONTEND, root, "photo")[0] == "baked"


def test_700_models_are_listed_in_50_ms(tmp_path: Path) -> None:
    root = a1111(tmp_path)
    for place, count in (("Stable-diffusion", 500), ("VAE", 200)):
        for number in range(count):
            folder = root / "models" / place / f"group{number % 20}"
            folder.mkdir(exist_ok=True)
            (folder / f"model {number}.safetensors").touch()
    installation = FRONTEND.read(str(root))
    best = min(_seconds(lambda: FRONTEND.listing(installation)) for _ in range(5))
    assert len(FRONTEND.listing(installation).of("checkpoint", "vae")) == 700
    assert best < 0.05


def _seconds(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["config.json", "models/Stable-diffusion/photo.json"])
def test_settings_behind_a_byte_order_mark_are_none(
    tmp_path: Path, encoding: str, name: str
) -> None:
    root = a1111(tmp_path, config={}, files=LIBRARY)
    key = "sd_vae" if name == "config.json" else "vae"
    (root / name).write_text(f'{{"{key}": "mse.safetensors"}}', "utf-8")
    assert effective(FRONTEND, root, "photo").kind == "file"
    (root / name).write_text(f'{{"{key}": "mse.safetensors"}}', encoding)
    installation, _ = looked(FRONTEND, root)
    found = effective(FRONTEND, root, "photo")
    assert found.kind == "baked"
    assert codes((*installation.notices, *found.notices)) == {"settings-mark"}


def test_a_tilde_that_no_shell_sees_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write(tmp_path / "home", {"x.safetensors": VAE})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    root = a1111(tmp_path / "webui", arguments="--vae-path ~/x.safetensors", files=LIBRARY)
    assert vae_for(FRONTEND, root, "photo")[0] == "none"
    installation, _ = looked(FRONTEND, root)
    assert "launch-tilde" in codes(installation.notices)
    write(root, {"~/x.safetensors": VAE})
    assert vae_for(FRONTEND, root, "photo")[1] == "~/x.safetensors"
