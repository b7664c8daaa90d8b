"""What is pasted is what its reader takes: parsed again, or run."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.registry.feeding.cases import World
from tests.registry.frontends import trees_other
from tests.registry.frontends.trees import CHECKPOINT, write
from vaereg.registry.errors import UsageError
from vaereg.registry.feeding.base import Snippet, Wanted
from vaereg.registry.feeding.catalog import EXPORTS, feeder
from vaereg.registry.feeding.choosing import choices
from vaereg.registry.feeding.quoting import quoted
from vaereg.registry.frontends.base import Listed
from vaereg.registry.frontends.recorded import Recorded
from vaereg.registry.judging.matrix import Matrix


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An SD1 checkpoint without a VAE, an SDXL one with its own, and a VAE for each."""
    world = World(tmp_path / "it's here")
    write(world.library, {"photo.safetensors": CHECKPOINT, "big.safetensors": CHECKPOINT})
    world.checkpoint(world.library / "photo.safetensors", baked=None)
    world.checkpoint(world.library / "big.safetensors", "sdxl", "sdxl")
    world.vae("mse.safetensors")
    world.vae("xl fix.safetensors", "sdxl")
    return world


def exported(world: World, name: str, shell: str = "posix", vaes=()) -> tuple[Snippet, ...]:
    recorded, matrix = Recorded(world.models), Matrix(world.models, ())
    listed = [
        Listed("checkpoint", Path(m.path or "").name, m.path or "") for m in matrix.checkpoints
    ]
    chosen = choices(listed, recorded, matrix, vaes).choices
    used = tuple(vaes) or tuple(one.vae for one in chosen if one.vae)
    export = feeder(name).export
    assert export is not None
    return export(Wanted(chosen, used, recorded, shell))


def test_every_frontend_can_be_asked(world: World) -> None:
    for name in EXPORTS:
        assert exported(world, name), name
    with pytest.raises(UsageError, match="no frontend called nothing"):
        feeder("nothing")


def test_comfyuis_yaml(world: World) -> None:
    text = exported(world, "comfyui")[0][1]
    assert yaml.safe_load(text) == {
        "vaereg": {"checkpoints": str(world.library), "vae": str(world.library)}
    }
    assert "photo.safetensors: load mse with VAELoader" in text


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("sdcpp", ["--diffusion-model", "--vae"]),
        ("kohya", ["--pretrained_model_name_or_path", "--vae"]),
    ],
)
def test_flag_lines_survive_the_shell(world: World, name: str, flags: list[str]) -> None:
    rows = dict(exported(world, name))
    words = shlex.split(rows["photo.safetensors"])
    photo, mse = (str(world.library / one) for one in ("photo.safetensors", "mse.safetensors"))
    assert words == [flags[0], photo, flags[1], mse]
    assert "--vae" not in rows["big.safetensors"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("C:\\models\\a.safetensors", "C:\\models\\a.safetensors"),
        ("C:\\my models\\a (1)&b.safetensors", '"C:\\my models\\a (1)&b.safetensors"'),
        ("D:\\it's.ckpt", '"D:\\it\'s.ckpt"'),
    ],
)
def test_words_for_windows(word: str, said: str) -> None:
    assert quoted(word, "windows") == said


def test_invokeai_is_told_to_install_in_place_under_the_true_base(world: World) -> None:
    sd1, sdxl = exported(world, "invokeai", vaes=[world.models[2], world.models[3]])
    request, body = sd1[1].splitlines()
    query = parse_qs(urlsplit(request.split(" ")[1]).query)
    assert query == {"source": [str(world.library / "mse.safetensors")], "inplace": ["true"]}
    assert json.loads(body)["base"] == "sd-1"
    # A single file of SDXL's would be decoded with SD1's scaling factor.
    assert "POST" not in sdxl[1]
    assert "--layout diffusers --family sdxl" in sdxl[1]


def test_diffusers_lines_give_the_familys_scaling_factor(world: World) -> None:
    rows = dict(exported(world, "diffusers", vaes=[world.models[3]]))
    text = rows["xl fix"]
    compile(text, "pasted", "exec")
    assert "config='stabilityai/stable-diffusion-xl-base-1.0'" in text
    assert "scaling_factor=0.13025" in text


def test_a_diffusers_folder_is_preferred(world: World) -> None:
    """Its config says the factor itself."""
    folder = world.folder_vae("as folder", "sdxl")
    text = dict(exported(world, "diffusers", vaes=[folder]))["as folder"]
    assert f"from_pretrained({folder.path!r})" in text


def test_web_uis_payloads_are_json(world: World) -> None:
    rows = dict(exported(world, "a1111"))
    assert json.loads(rows[str(world.library / "photo.json")]) == {"vae": "mse.safetensors"}
    assert json.loads(rows[str(world.library / "big.json")]) == {"vae": "None"}
    forge = [json.loads(text) for _, text in exported(world, "forge")]
    assert {
        "sd_model_checkpoint": "photo.safetensors",
        "forge_additional_modules": ["mse.safetensors"],
    } in forge


def test_an_undecodable_name_is_in_no_yaml(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = os.fsdecode(os.fsencode(tmp_path / "library") + b"/b\xff")
    os.makedirs(folder)
    world.checkpoint(write(world.library, {"photo.safetensors": CHECKPOINT}) / "photo.safetensors")
    bad = world.vae(os.path.join("b\udcff", "mse.safetensors"))
    assert "\udcff" not in exported(world, "comfyui", vaes=[bad])[0][1]
    root = trees_other.comfyui(tmp_path / "ui", {"models/checkpoints/p.safetensors": CHECKPOINT})
    world.checkpoint(root / "models/checkpoints/p.safetensors")
    world.carry_out(world.linked(root))


def test_a_vae_of_open_family_is_told_by_the_checkpoint_it_fits(world: World) -> None:
    from dataclasses import replace

    from tests.registry.components import open_between

    mse = world.models[2]
    part = mse.artifact.identity.components[0]
    bare = replace(part, latent=open_between("sd1", "sdxl"))
    from vaereg.registry.feeding.choosing import family_of

    identity = replace(mse.artifact.identity, components=(bare,))
    opened = replace(mse, artifact=replace(mse.artifact, identity=identity))
    assert family_of(opened, ()) is None
    listed = Listed("checkpoint", "photo", world.models[0].path or "")
    from vaereg.registry.feeding.base import Choice

    choice = Choice(listed, world.models[0], opened, "compatible", 0.9, "")
    assert family_of(opened, [choice]) == "sd1"
