"""VAEs shown in a frontend's lists: names, what it would not load, ComfyUI's own yaml."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.registry.feeding.cases import World, picture_of, states
from tests.registry.frontends import trees, trees_other
from tests.registry.frontends.trees import CHECKPOINT, VAE, models
from vaereg.registry.changes.base import Link
from vaereg.registry.feeding.base import Feed
from vaereg.registry.frontends.discovery import named

PHOTO = "models/Stable-diffusion/photo.safetensors"
FILES = models("Stable-diffusion/photo.safetensors")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def names(feed: Feed) -> list[str]:
    return [os.path.basename(one.target) for one in feed.plan.changes if isinstance(one, Link)]


def shown_in(world: World, root: Path) -> set[str]:
    return {one.name for one in world.order(root).listing.of("vae")}


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (lambda at: trees.a1111(at, files=FILES), PHOTO),
        (lambda at: trees.reforge(at, files=FILES), PHOTO),
        (lambda at: trees.forge(at, files=FILES), PHOTO),
        (lambda at: trees.neo(at, files=FILES), PHOTO),
        (lambda at: trees.sdnext(at, config={}, files=FILES), PHOTO),
        (
            lambda at: trees_other.fooocus(
                at, {"models/checkpoints/photo.safetensors": CHECKPOINT}
            ),
            "models/checkpoints/photo.safetensors",
        ),
        (
            lambda at: trees_other.swarmui(
                at, "", {"Models/Stable-Diffusion/photo.safetensors": CHECKPOINT}
            ),
            "Models/Stable-Diffusion/photo.safetensors",
        ),
        (
            lambda at: trees_other.stabilitymatrix(
                at, files={"Data/Models/StableDiffusion/photo.safetensors": CHECKPOINT}
            ),
            "Data/Models/StableDiffusion/photo.safetensors",
        ),
    ],
)
def test_every_vae_that_fits_is_shown_and_no_other(world: World, build, place: str) -> None:
    root = build(world.folder / "ui")
    world.checkpoint(root / place)
    world.vae("MSE.safetensors")
    world.vae("Schön [é].safetensors")
    world.vae("xl.safetensors", "sdxl")
    before = picture_of(root)
    feed = world.linked(root)
    assert picture_of(root) == before
    assert names(feed) == ["mse.safetensors", "schön [é].safetensors"]
    world.carry_out(feed)
    assert {"mse.safetensors", "schön [é].safetensors"} <= shown_in(world, root)
    again = world.linked(root)
    assert not names(again)
    assert set(states(again)) <= {"same"}
    assert world.undo().complete
    assert picture_of(root) == before


def test_two_vaes_of_one_name_and_one_that_is_there_get_names_of_their_own(world: World) -> None:
    files = {**FILES, **models("VAE/sub/mse.safetensors", shapes=VAE)}
    root = trees.a1111(world.folder / "ui", files=files)
    world.checkpoint(root / PHOTO)
    world.vae("a/mse.safetensors")
    world.vae("b/MSE.safetensors")
    world.carry_out(world.linked(root))
    shown = shown_in(world, root)
    assert len({name.casefold() for name in shown}) == 3
    assert not any(one.hidden for one in world.order(root).listing.models if one.role == "vae")


def test_a_name_is_compared_as_it_will_be(world: World) -> None:
    """A leading space does not outlive the cleaning."""
    files = models("Stable-diffusion/mod.safetensors")
    root = trees.a1111(world.folder / "ui", files=files)
    world.checkpoint(root / "models/Stable-diffusion/mod.safetensors", baked=None)
    world.vae(" MOD vae.safetensors")
    (name,) = names(world.linked(root))
    assert not name.startswith("mod")


def test_where_no_name_is_left_it_is_told(world: World) -> None:
    stems = "0123456789abcdefghijklmnopqrstuvwxyz"
    files = models(*(f"Stable-diffusion/{stem}.safetensors" for stem in stems))
    root = trees.a1111(world.folder / "ui", files=files)
    vae = world.vae("mse.safetensors")
    feed = world.linked(root, vaes=[vae])
    assert not feed.plan.changes
    assert ["rename" in one.why or "would begin" in one.why for one in feed.refused] == [True]


@pytest.mark.parametrize("stem", ["mse", "m", "sd1", "vae"])
def test_no_name_begins_with_a_checkpoints(world: World, stem: str) -> None:
    """AUTOMATIC1111 would pair them whatever is chosen."""
    files = {**FILES, **models(f"Stable-diffusion/{stem}.safetensors")}
    root = trees.a1111(world.folder / "ui", files=files)
    other = world.checkpoint(root / f"models/Stable-diffusion/{stem}.safetensors", baked="sd1")
    world.vae("MSE-840000.safetensors")
    world.carry_out(world.linked(root))
    assert world.decodes_with(root, other) == "baked"
    assert len(shown_in(world, root)) == 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda world: world.vae("mse.safetensors", layout="diffusers"), "diffusers"),
        (lambda world: world.vae("mse.safetensors", prefix="first_stage_model."), "first_stage"),
        (lambda world: world.vae("mse.sft"), ".sft"),
        (lambda world: world.folder_vae("mse"), "diffusers folder"),
    ],
)
def test_what_it_would_not_load_is_not_shown(world: World, make, says: str) -> None:
    root = trees.a1111(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    make(world)
    feed = world.linked(root)
    assert not feed.plan.changes
    assert says in feed.refused[0].why
    assert "vaereg convert mse --layout ldm" in feed.refused[0].why


def test_a_vae_that_changed_since_it_was_recorded_is_not_linked(world: World) -> None:
    root = trees.a1111(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    mse = world.vae("mse.safetensors")
    write_safetensors(Path(mse.path or ""), {"x": (3,)})
    feed = world.linked(root)
    assert not feed.plan.changes
    assert "scan" in feed.refused[0].why


def test_nothing_is_put_where_brackets_hide_it(world: World) -> None:
    root = trees.a1111(world.folder / "ui [1]", files=FILES)
    world.checkpoint(root / PHOTO)
    world.vae("mse.safetensors")
    feed = world.linked(root)
    assert not feed.plan.changes
    assert feed.refused


def test_a_copy_is_known_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without links."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    root = trees.a1111(world.folder / "ui", files=FILES)
    world.checkpoint(root / PHOTO)
    world.vae("mse.safetensors")
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    report = world.carry_out(world.linked(root, copy=True))
    assert [step.made_as for step in report.steps] == ["copy"]
    assert states(world.linked(root, copy=True)) == ["same"]


COMFY = {"models/checkpoints/photo.safetensors": CHECKPOINT}


def test_comfyui_gets_a_yaml_of_its_own_and_the_flag(world: World) -> None:
    users = "mine:\n  vae: models/vae\n"
    root = trees_other.comfyui(world.folder / "ui", {**COMFY, "extra_model_paths.yaml": users})
    (root / "models/vae").mkdir()
    world.checkpoint(root / "models/checkpoints/photo.safetensors")
    world.vae("MSE.safetensors")
    before = picture_of(root)
    feed = world.linked(root)
    world.carry_out(feed)
    assert picture_of(root) == before
    flag = next(text for title, text in feed.plan.snippets if title == "flag")
    assert "mse.safetensors" not in shown_in(world, root)
    (root / "run.sh").write_text(f"python main.py {flag}\n")
    assert not named(str(root)).notices
    assert "mse.safetensors" in shown_in(world, root)
    assert not world.linked(root).plan.changes
    world.undo()
    assert not (world.home / "frontends").exists()


@pytest.mark.parametrize("name", ["home", "it's : a # $HOME", "schön %x% ~", "a\\b"])
def test_the_yaml_says_every_home(tmp_path: Path, name: str) -> None:
    world = World(tmp_path / name)
    root = trees_other.comfyui(world.folder / "ui", COMFY)
    world.checkpoint(root / "models/checkpoints/photo.safetensors")
    world.vae("mse.safetensors")
    feed = world.linked(root)
    world.carry_out(feed)
    yaml = next(world.home.glob("frontends/*/extra_model_paths.yaml"))
    from vaereg.registry.frontends.comfy_yaml import read_yaml

    notices: list = []
    found = read_yaml(str(yaml), notices)
    assert [(one.key, one.path) for one in found] == [("vae", str(yaml.parent / "vae"))]
    assert not notices


def test_a_second_vae_is_added_to_the_same_yaml(world: World) -> None:
    root = trees_other.comfyui(world.folder / "ui", COMFY)
    world.checkpoint(root / "models/checkpoints/photo.safetensors")
    world.vae("mse.safetensors")
    world.carry_out(world.linked(root))
    world.vae("other.safetensors")
    feed = world.linked(root)
    assert names(feed)[-1:] == ["other.safetensors"]
    world.carry_out(feed)
    assert len(list(world.home.glob("frontends/*/vae/*"))) == 2


def test_swarmui_is_told_what_a_vae_is_for_and_takes_it(world: World) -> None:
    files = {"Models/Stable-Diffusion/photo.safetensors": trees_other.checkpoints("", "x")["/x"]}
    root = trees_other.swarmui(world.folder / "ui", "", files)
    path = root / "Models/Stable-Diffusion/photo.safetensors"
    write_safetensors(path, {trees.SD1_UNET: (8, 768)})
    (path.parent / "photo.swarm.json").write_text(
        json.dumps({"modelspec.architecture": "stable-diffusion-v1"})
    )
    photo = world.checkpoint(path, baked=None)
    mse = world.vae("mse.safetensors")
    before = picture_of(root)
    world.carry_out(world.applied(root, vaes=[mse]))
    assert world.decodes_with(root, photo) == "mse"
    sidecar = json.loads((root / "Models/VAE/mse.swarm.json").read_text())
    assert sidecar == {"modelspec.architecture": "stable-diffusion-v1/vae"}
    world.undo()
    assert picture_of(root) == before
