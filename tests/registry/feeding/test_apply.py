"""Each frontend is fed, asked again by its own rules, and put back to the byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.feeding.cases import World, picture_of, states
from tests.registry.frontends import trees, trees_other
from tests.registry.frontends.trees import CHECKPOINT, models

Build = Callable[[Path], Path]

WEB_UI = models("Stable-diffusion/sub/photo [v1].safetensors")
PHOTO = "models/Stable-diffusion/sub/photo [v1].safetensors"
FRONTENDS: dict[str, tuple[Build, str]] = {
    "a1111": (lambda at: trees.a1111(at, files=WEB_UI), PHOTO),
    "a1111-set": (
        lambda at: trees.a1111(at, config={"sd_vae": "gone.pt", "x": 1.0}, files=WEB_UI),
        PHOTO,
    ),
    "reforge": (lambda at: trees.reforge(at, files=WEB_UI), PHOTO),
    "forge": (lambda at: trees.forge(at, config={"a": [1]}, files=WEB_UI), PHOTO),
    "neo": (lambda at: trees.neo(at, files=WEB_UI), PHOTO),
    "sdnext": (lambda at: trees.sdnext(at, config={}, files=WEB_UI), PHOTO),
    "sdnext-default": (
        lambda at: trees.sdnext(at, config={"sd_vae": "Default"}, files=WEB_UI),
        PHOTO,
    ),
    "fooocus": (
        lambda at: trees_other.fooocus(
            at, {"models/checkpoints/photo.safetensors": CHECKPOINT}, {"default_clip_skip": 2}
        ),
        "models/checkpoints/photo.safetensors",
    ),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("key", FRONTENDS)
def test_a_chosen_vae_decodes_and_undoing_restores_the_tree(world: World, key: str) -> None:
    build, name = FRONTENDS[key]
    root = build(world.folder / "ui")
    mse = world.vae("VAE-ft-MSE.safetensors")
    photo = world.checkpoint(root / name)
    before = picture_of(root)
    feed = world.applied(root, vaes=[mse])
    assert picture_of(root) == before
    assert not feed.refused
    world.carry_out(feed)
    assert world.decodes_with(root, photo) == "VAE-ft-MSE"
    again = world.applied(root, vaes=[mse])
    assert not again.plan.changes
    assert any("already" in kept for kept in again.plan.kept)
    assert world.undo().complete
    assert picture_of(root) == before


@pytest.mark.parametrize("key", ["a1111", "reforge", "forge", "neo", "sdnext", "fooocus"])
def test_its_own_vae_that_is_in_use_needs_no_change(world: World, key: str) -> None:
    build, name = FRONTENDS[key]
    root = build(world.folder / "ui")
    world.vae("mse.safetensors")
    world.checkpoint(root / name)
    feed = world.applied(root)
    assert not feed.plan.changes
    assert any("its own VAE already" in kept for kept in feed.plan.kept)


def test_what_does_not_fit_is_named_and_left(world: World) -> None:
    root = trees.a1111(world.folder / "ui", files=WEB_UI)
    xl = world.vae("xl.safetensors", "sdxl")
    world.checkpoint(root / PHOTO)
    order = world.order(root, vaes=[xl])
    assert not order.choices
    assert not order.whole
    assert not world.applied(root, vaes=[xl]).plan.changes


def test_a_wrong_vae_taken_by_its_name_gives_way_to_the_baked_one(world: World) -> None:
    """Prefix pairing: ``photo-xl.vae.pt`` begins with ``photo``."""
    files = models("Stable-diffusion/photo.safetensors", "VAE/photo-xl.safetensors")
    root = trees.a1111(world.folder / "ui", files=files)
    photo = world.checkpoint(root / "models/Stable-diffusion/photo.safetensors")
    wrong = world.vae("wrong.safetensors", "sdxl")
    target = root / "models/VAE/photo-xl.safetensors"
    target.unlink()
    target.symlink_to(wrong.path or "")
    assert world.decodes_with(root, photo) == "wrong"
    world.carry_out(world.applied(root))
    assert world.decodes_with(root, photo) == "baked"
    metadata = root / "models/Stable-diffusion/photo.json"
    assert json.loads(metadata.read_text()) == {"vae": "None"}


def test_a_vae_that_the_user_chose_and_that_fits_stays(world: World) -> None:
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "mine.safetensors"}, files=WEB_UI)
    photo = world.checkpoint(root / PHOTO)
    mine = world.vae("mine.safetensors")
    (root / "models/VAE/mine.safetensors").symlink_to(mine.path or "")
    feed = world.applied(root)
    assert world.decodes_with(root, photo) == "mine"
    assert not feed.plan.changes
    assert any("left as it is" in text for text in feed.plan.kept)


@pytest.mark.parametrize("build", [trees.a1111, trees.sdnext])
def test_a_setting_that_gives_way_is_kept_for_those_it_suits(world: World, build) -> None:
    """``sd_vae`` suits the one checkpoint and not the other: afterwards both decode right."""
    files = models("Stable-diffusion/photo.safetensors", "Stable-diffusion/xl.safetensors")
    root = build(world.folder / "ui", config={"sd_vae": "mine.safetensors"}, files=files)
    photo = world.checkpoint(root / "models/Stable-diffusion/photo.safetensors")
    xl = world.checkpoint(root / "models/Stable-diffusion/xl.safetensors", "sdxl", "sdxl")
    mine = world.vae("mine.safetensors")
    (root / "models/VAE/mine.safetensors").symlink_to(mine.path or "")
    assert world.decodes_with(root, xl) == "mine"
    world.carry_out(world.applied(root))
    assert (world.decodes_with(root, photo), world.decodes_with(root, xl)) == ("mine", "baked")


def test_metadata_of_other_programs_stays_to_the_byte(world: World) -> None:
    text = '{\r\n  "description": "schön",\r\n  "sd_version_str": "SdVersion.SD1"\r\n}\r\n'
    sidecar = "models/Stable-diffusion/sub/photo [v1].json"
    root = trees.a1111(world.folder / "ui", files=WEB_UI)
    (root / sidecar).write_bytes(text.encode())
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    world.carry_out(world.applied(root, vaes=[mse]))
    after = (root / sidecar).read_bytes().decode()
    assert after == text.replace('SD1"\r\n', 'SD1",\r\n  "vae": "mse.safetensors"\r\n')


ONE_STEM = {
    "a1111": trees.a1111,
    "reforge": trees.reforge,
    "forge": trees.forge,
    "neo": trees.neo,
}


@pytest.mark.parametrize("key", ONE_STEM)
@pytest.mark.parametrize("second", ["sd1", "sdxl", "unrecorded"])
def test_a_second_checkpoint_of_the_stem_is_not_broken(world: World, key: str, second: str) -> None:
    """One file beside them counts for both."""
    stem = world.folder / "ui/models/Stable-diffusion/mod"
    root = ONE_STEM[key](world.folder / "ui", files=models("Stable-diffusion/mod.safetensors"))
    shutil.copy(stem.with_suffix(".safetensors"), stem.with_suffix(".ckpt"))
    world.checkpoint(stem.with_suffix(".safetensors"), baked=None)
    if second != "unrecorded":
        world.checkpoint(stem.with_suffix(".ckpt"), second, baked=None)
    world.vae("mse.safetensors")
    world.vae("xl.safetensors", "sdxl")
    feed = world.applied(root)
    beside = f"{stem}.json"
    made = [one for one in feed.plan.changes if getattr(one, "path", "") == beside]
    refused = [one.why for one in feed.refused if one.path == beside]
    assert (len(made), len(refused)) == ((1, 0) if second == "sd1" else (0, 1))
    assert all("counts for mod." in why for why in refused)
    assert "conflict" not in states(feed)


def test_a_vae_that_gives_way_to_its_namesakes_is_said_so(world: World) -> None:
    names = models("Stable-diffusion/mod.safetensors")
    root = trees.a1111(world.folder / "ui", files=names)
    stem = root / "models/Stable-diffusion/mod"
    shutil.copy(stem.with_suffix(".safetensors"), stem.with_suffix(".ckpt"))
    world.checkpoint(stem.with_suffix(".safetensors"), baked=None)
    world.checkpoint(stem.with_suffix(".ckpt"), baked="sd1")
    world.vae("mse.safetensors")
    feed = world.applied(root)
    assert not feed.refused
    told = [text for text in feed.plan.kept if text.startswith("mod.ckpt")]
    assert [text.partition(" so it ")[2] for text in told] == [
        "decodes with mse then, which fits it too"
    ]


def test_swarmui_declares_a_shared_vae_once(world: World) -> None:
    settings = (
        "Paths:\n\tModelRoot: Models\n\tSDModelFolder: Stable-Diffusion\n\tSDVAEFolder: VAE\n"
    )
    files = trees_other.checkpoints("Models/Stable-Diffusion", "a.safetensors", "b.safetensors")
    root = trees_other.swarmui(world.folder / "ui", settings, files)
    for name in ("a", "b"):
        world.checkpoint(root / f"Models/Stable-Diffusion/{name}.safetensors", "sdxl", baked=None)
    world.vae("xl.safetensors", "sdxl")
    feed = world.applied(root)
    assert sorted(states(feed)) == ["make", "make"]
    assert not feed.refused


def test_settings_that_only_python_reads_are_no_empty_ones(world: World) -> None:
    """AUTOMATIC1111 reads NaN and 1e999 with Python's own parser."""
    root = trees.a1111(world.folder / "ui", files=WEB_UI)
    (root / "config.json").write_text('{"eta": NaN, "x": 1e999, "sd_vae": "gone.pt"}')
    photo = world.checkpoint(root / PHOTO, baked=None)
    world.vae("mse.safetensors")
    feed = world.applied(root)
    assert "conflict" not in states(feed)
    world.carry_out(feed)
    written = (root / "config.json").read_text()
    assert written == '{"eta": NaN, "x": 1e999, "sd_vae": "Automatic"}'
    assert world.decodes_with(root, photo) == "mse"


def test_a_damaged_metadata_file_is_a_conflict(world: World) -> None:
    root = trees.a1111(world.folder / "ui", files=WEB_UI)
    (root / "models/Stable-diffusion/sub/photo [v1].json").write_text("{not json")
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    refused = world.applied(root, vaes=[mse]).refused
    assert [one.path.rpartition("/")[2] for one in refused] == ["photo [v1].json"]


def test_a_setting_for_all_stays_where_some_checkpoints_are_not_known(world: World) -> None:
    files = {**WEB_UI, **models("Stable-diffusion/other.safetensors")}
    root = trees.a1111(world.folder / "ui", config={"sd_vae": "gone.pt"}, files=files)
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    feed = world.applied(root, vaes=[mse])
    assert not any(
        str(getattr(one, "path", "")).endswith("config.json") for one in feed.plan.changes
    )
    assert any("sd_vae" in text and "Automatic" in text for text in feed.plan.reminders)


def test_a_forced_vae_is_said_to_make_all_of_it_useless(world: World) -> None:
    root = trees.a1111(world.folder / "ui", arguments="--vae-path /x/y.pt", files=WEB_UI)
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    feed = world.applied(root, vaes=[mse])
    assert any("--vae-path" in text for text in feed.plan.reminders)


@pytest.mark.parametrize("version", [None, "1.5.1"])
def test_without_a_known_version_no_metadata_is_written(world: World, version) -> None:
    root = trees.a1111(world.folder / "ui", version=version, files=WEB_UI)
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    feed = world.applied(root, vaes=[mse])
    assert all(type(one).__name__ == "Link" for one in feed.plan.changes)
    assert any("1.6.0" in text for text in feed.plan.reminders)


def test_forge_keeps_text_encoders_and_writes_no_list_that_is_wrong_for_some(world: World) -> None:
    files = {
        **models("Stable-diffusion/photo.safetensors", "Stable-diffusion/xl.safetensors"),
        **models("text_encoder/t5.safetensors", shapes=trees.TEXT_ENCODER),
    }
    config = {"forge_additional_modules": ["t5.safetensors"]}
    root = trees.forge(world.folder / "ui", config=config, files=files)
    mse = world.vae("mse.safetensors")
    photo = world.checkpoint(root / "models/Stable-diffusion/photo.safetensors")
    both = world.applied(root, vaes=[mse])
    assert not any("config.json" in str(getattr(one, "path", "")) for one in both.plan.changes)
    (root / "models/Stable-diffusion/xl.safetensors").unlink()
    world.carry_out(world.applied(root, vaes=[mse]))
    assert world.decodes_with(root, photo) == "mse"
    held = json.loads((root / "config.json").read_text())["forge_additional_modules"]
    assert held[0] == "t5.safetensors"
    assert held[1].endswith("mse.safetensors")


def test_sdnext_gets_no_json_near_a_vae(world: World) -> None:
    root = trees.sdnext(world.folder / "ui", config={}, files=WEB_UI)
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / PHOTO)
    world.carry_out(world.applied(root, vaes=[mse]))
    assert {one.name for one in root.rglob("*.json")} == {"config.json"}
    assert (root / PHOTO).with_name("photo [v1].vae.safetensors").exists()


def test_fooocus_of_an_unknown_version_is_left(world: World) -> None:
    build, name = FRONTENDS["fooocus"]
    root = build(world.folder / "ui")
    (root / "fooocus_version.py").write_text("")
    mse = world.vae("mse.safetensors")
    world.checkpoint(root / name)
    feed = world.applied(root, vaes=[mse])
    assert all(type(one).__name__ == "Link" for one in feed.plan.changes)
    assert any("version is not known" in text for text in feed.plan.reminders)
