"""What is pasted is what its reader takes: parsed again, or run."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.registry.feeding.cases import World
from tests.registry.frontends import trees_other
from tests.registry.frontends.trees import CHECKPOINT, write
from vaereg.registry.errors import UsageError
from vaereg.registry.feeding.base import Refused, Snippet, Wanted
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
    return tuple(row for row in rows(world, name, shell, vaes) if not isinstance(row, Refused))


def refused(world: World, name: str) -> list[str]:
    return [row.why for row in rows(world, name) if isinstance(row, Refused)]


def rows(world: World, name: str, shell: str = "posix", vaes=()) -> tuple[Snippet | Refused, ...]:
    recorded, matrix = Recorded(world.models), Matrix(world.models, ())
    listed = [
        Listed("checkpoint", Path(m.path or "").name, m.path or "") for m in matrix.checkpoints
    ]
    chosen = choices(listed, recorded, matrix, vaes).choices
    used = tuple(vaes) or tuple(one.vae for one in chosen if one.vae)
    export = feeder(name).export
    assert export is not None
    return tuple(export(Wanted(chosen, used, recorded, name, shell)))


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
    assert "photo.safetensors: load mse.safetensors with VAELoader" in text


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
    sd1, sdxl = rows(world, "invokeai", vaes=[world.models[2], world.models[3]])
    assert isinstance(sd1, tuple)
    assert isinstance(sdxl, Refused)
    request, body = sd1[1].splitlines()
    query = parse_qs(urlsplit(request.split(" ")[1]).query)
    assert query == {"source": [str(world.library / "mse.safetensors")], "inplace": ["true"]}
    assert json.loads(body)["base"] == "sd-1"
    # A single file of SDXL's would be decoded with SD1's scaling factor.
    assert "--layout diffusers --family sdxl" in sdxl.why


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


BY_NAME = ("a1111", "reforge", "forge", "neo", "sdnext", "fooocus")
SHARED = "sdxl_vae.safetensors"


@pytest.fixture
def namesakes(tmp_path: Path) -> World:
    """An SD1 and an SDXL checkpoint whose VAEs have one name, in two folders."""
    world = World(tmp_path)
    names = ("photo.safetensors", "big.safetensors")
    write(world.library, dict.fromkeys(names, CHECKPOINT))
    world.checkpoint(world.library / names[0], baked=None)
    world.checkpoint(world.library / names[1], "sdxl", baked=None)
    world.vae(SHARED)
    world.vae(f"mirror/{SHARED.upper()[:-12]}.safetensors", "sdxl")
    return world


@pytest.mark.parametrize("name", BY_NAME)
def test_a_name_that_means_two_vaes_is_told_and_not_pasted(namesakes: World, name: str) -> None:
    assert exported(namesakes, name) == ()
    told = refused(namesakes, name)
    assert len(told) == 2
    assert all("is the name of several" in why and "vaereg link" in why for why in told)


def test_a_second_place_of_another_name_will_do(namesakes: World) -> None:
    """As after ``vaereg link``, once that is scanned."""
    sd1 = namesakes.models[2]
    os.link(sd1.path or "", namesakes.library / "mine.safetensors")
    place = replace(sd1.locations[0], path=str(namesakes.library / "mine.safetensors"))
    namesakes.models[2] = replace(sd1, locations=(*sd1.locations, place))
    said = [json.loads(text) for _, text in exported(namesakes, "sdnext")]
    assert said == [{"sd_vae": "mine.safetensors"}]


def test_comfyui_loads_what_its_yaml_shows(namesakes: World) -> None:
    """The first folder that has a file of that name counts."""
    text = exported(namesakes, "comfyui")[0][1]
    folders = yaml.safe_load(text)["vaereg"]["vae"].split("\n")
    told = dict(line[2:].split(": load ") for line in text.splitlines() if ": load " in line)
    for checkpoint, vae in (("photo.safetensors", 2), ("big.safetensors", 3)):
        name = told[checkpoint].removesuffix(" with VAELoader")
        found = next(Path(one, name) for one in folders if Path(one, name).is_file())
        assert found.samefile(namesakes.models[vae].path or "")


def test_comfyui_is_not_told_of_a_vae_behind_anothers_name(namesakes: World) -> None:
    other = namesakes.library / "other"
    other.mkdir()
    for model, folder in ((2, "other"), (3, "third")):
        vae = namesakes.models[model]
        path = namesakes.library / folder / SHARED
        path.parent.mkdir(exist_ok=True)
        os.rename(vae.path or "", path)
        place = replace(vae.locations[0], path=str(path))
        namesakes.models[model] = replace(vae, locations=(place,))
    text = exported(namesakes, "comfyui")[0][1]
    assert text.count("VAELoader") == 1
    assert [SHARED in why and "vaereg link" in why for why in refused(namesakes, "comfyui")] == [
        True
    ]


@pytest.mark.parametrize("name", [*(one for one in BY_NAME if one not in ("reforge", "sdnext"))])
def test_what_it_cannot_load_is_left_out(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    write(world.library, {"photo.safetensors": CHECKPOINT})
    world.checkpoint(world.library / "photo.safetensors", baked=None)
    mse = world.vae("mse.safetensors", layout="diffusers")
    if name == "fooocus":
        mse = world.vae("mse.gguf")
        world.models.pop(1)
    del mse
    assert exported(world, name) == ()
    assert ["vaereg convert mse" in why for why in refused(world, name)] == [True]


def test_two_checkpoints_of_one_stem_get_no_metadata_that_is_wrong_for_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(world.library, dict.fromkeys(("mod.safetensors", "mod.pt"), CHECKPOINT))
    os.rename(world.library / "mod.pt", world.library / "mod.ckpt")
    world.checkpoint(world.library / "mod.safetensors", baked=None)
    world.checkpoint(world.library / "mod.ckpt", "sdxl", baked=None)
    world.vae("mse.safetensors")
    world.vae("xl.safetensors", "sdxl")
    assert not [title for title, _ in exported(world, "a1111") if title.endswith("mod.json")]
    assert ["mod.json counts for" in why for why in refused(world, "a1111")] == [True]


def test_an_undecodable_name_is_in_no_yaml(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = os.fsdecode(os.fsencode(tmp_path / "library") + b"/b\xff")
    os.makedirs(folder)
    world.checkpoint(write(world.library, {"photo.safetensors": CHECKPOINT}) / "photo.safetensors")
    bad = world.vae(os.path.join("b\udcff", "mse.safetensors"))
    (left,) = rows(world, "comfyui", vaes=[bad])
    assert isinstance(left, Refused)
    assert "\udcff" not in left.why
    root = trees_other.comfyui(tmp_path / "ui", {"models/checkpoints/p.safetensors": CHECKPOINT})
    world.checkpoint(root / "models/checkpoints/p.safetensors")
    world.carry_out(world.linked(root))


def test_a_vae_of_open_family_is_told_by_the_checkpoint_it_fits(world: World) -> None:
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
