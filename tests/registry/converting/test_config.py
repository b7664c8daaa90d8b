"""A diffusers folder says of its VAE what the published folders say of theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.registry.converting.cases import (
    arrays,
    converted,
    hasty_side,
    left_behind,
    plan_of,
    side_at,
    write_vae,
)
from tests.registry.identify.vae_originals import wan21
from vaereg.registry.converting.config import config_of
from vaereg.registry.converting.convert import Order, convert
from vaereg.registry.converting.facts import facts_of
from vaereg.registry.converting.placing import Place
from vaereg.registry.errors import UnsupportedFormat, UsageError
from vaereg.registry.judging.settling import with_latent
from vaereg.registry.known import fp16_safe, known_files
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.files import write_folder
from vaereg.registry.values import Latent
from vaereg.registry.weights import open_weights

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "pipeline_configs.json"
FULL = (128, 256, 512, 512)
PUBLISHED = {
    # pipeline -> family, latent channels, quantisation convolutions
    "sd15": ("sd1", 4, True),
    "sdxl": ("sdxl", 4, True),
    "playground25": ("playground-v2.5", 4, True),
    "sd3": ("sd3", 16, False),
    "flux-dev": ("flux1", 16, False),
}
DEFAULTS = {
    # Arguments of AutoencoderKL that a config may leave out (huggingface/diffusers
    # src/diffusers/models/autoencoders/autoencoder_kl.py).
    "scaling_factor": 0.18215,
    "shift_factor": None,
    "latents_mean": None,
    "latents_std": None,
    "force_upcast": True,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
    "mid_block_add_attention": True,
}


def config_made(path: Path, family: str | None) -> dict[str, object]:
    side = hasty_side(path)
    vae = side.artifact.identity.component("vae")
    assert vae is not None
    with open_weights(str(path), vae.prefix) as held:
        return config_of(held, vae, facts_of(held, side.artifact, family))


@pytest.mark.parametrize("pipeline", PUBLISHED)
def test_as_the_published_ones(tmp_path: Path, pipeline: str) -> None:
    if not SHARED.exists():
        pytest.skip("the published configs are not there")
    found = json.loads(SHARED.read_text("utf-8"))[pipeline]["vae"]
    family, channels, quant = PUBLISHED[pipeline]
    path = write_safetensors(tmp_path / "vae.safetensors", autoencoder_kl(channels, FULL, quant))
    made = config_made(path, family)
    published = DEFAULTS | {name: told for name, told in found.items() if name[:1] != "_"}
    assert made.pop("_class_name") == found["_class_name"]
    assert made == published


def test_widths_and_blocks_are_those_of_the_shapes(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "vae.safetensors", autoencoder_kl(4, (64, 96, 128)))
    made = config_made(path, "sd-x4-upscaler")
    assert made["block_out_channels"] == [64, 96, 128]
    assert made["layers_per_block"] == 2
    assert made["scaling_factor"] == 0.08333
    assert made["sample_size"] == 256


def test_an_open_family_is_not_guessed(tmp_path: Path) -> None:
    source = write_vae(tmp_path / "sdxl_vae.safetensors", "sdxl")
    with pytest.raises(UnsupportedFormat, match="sd1 or sdxl") as caught:
        converted(source, tmp_path / "vae", "diffusers")
    assert "inspect --weights" in (caught.value.hint or "")
    assert "--family" in (caught.value.hint or "")
    assert left_behind(tmp_path) == ["sdxl_vae.safetensors"]
    assert converted(source, tmp_path / "one.safetensors", "diffusers").vae.layout == "diffusers"


@pytest.mark.parametrize(
    ("vae", "family", "why"),
    [
        ("sd1", "sd3", "4 channels"),
        ("flux1", "sdxl", "16 channels"),
        ("sd1", "sd-x4-upscaler", "factor 8"),
        ("sd1", "sdxxl", "no latent family"),
    ],
)
def test_a_family_that_cannot_be_is_refused(
    tmp_path: Path, vae: str, family: str, why: str
) -> None:
    source = write_vae(tmp_path / "vae.safetensors", vae)
    with pytest.raises(UsageError, match=why):
        converted(source, tmp_path / "folder", "diffusers", family=family)


@pytest.mark.parametrize(
    ("known", "by", "wanted", "allowed"),
    [
        ("sdxl", "known-hash", "sd1", False),
        ("sdxl", "weights", "sd1", False),
        ("sdxl", "weights", "playground-v2.5", True),  # one space, another normalisation
        ("sd1", "config", "sdxl", True),  # configs may lie
    ],
)
def test_a_word_does_not_overrule_the_weights(
    tmp_path: Path, known: str, by: str, wanted: str, allowed: bool
) -> None:
    path = write_vae(tmp_path / "vae.safetensors", known)
    side = side_at(path)
    latent = Latent(4, 8, 1, known, (known,), by, 0.97)
    side = replace(side, artifact=with_latent(side.artifact, latent))
    with open_weights(str(path)) as held:
        if allowed:
            assert facts_of(held, side.artifact, wanted).family == wanted
            return
        with pytest.raises(UsageError, match=f"decodes {known} latents"):
            facts_of(held, side.artifact, wanted)


@pytest.mark.parametrize("family", ["eq-sdxl"])
def test_a_normalisation_that_diffusers_does_not_undo(tmp_path: Path, family: str) -> None:
    source = write_vae(tmp_path / "vae.safetensors", "sdxl")
    with pytest.raises(UnsupportedFormat, match="not one that diffusers undoes"):
        converted(source, tmp_path / "folder", "diffusers", family=family)


def test_what_a_folder_says_of_itself_is_kept_but_for_a_wrong_scaling(tmp_path: Path) -> None:
    """An SDXL VAE that was saved with SD 1's scaling factor, as some finetunes are."""
    write_folder(tmp_path / "vae", plan_of("sdxl"), weights(plan_of("sdxl")))
    told = json.loads((tmp_path / "vae/config.json").read_text())
    told |= {"scaling_factor": 0.18215, "sample_size": 1024, "note": "mine", "_name_or_path": "x"}
    (tmp_path / "vae/config.json").write_text(json.dumps(told))
    done = converted(tmp_path / "vae", tmp_path / "made", "diffusers", "fp16", family="sdxl")
    made = json.loads((tmp_path / "made/config.json").read_text())
    assert made["scaling_factor"] == 0.13025
    assert (made["note"], made["norm_num_groups"]) == ("mine", 2)
    assert "_name_or_path" not in made
    assert [note.code for note in done.warnings] == ["scaling_corrected"]


def test_groups_that_do_not_divide_the_widths(tmp_path: Path) -> None:
    """Nothing in the tensors says how many groups there are."""
    source = write_vae(tmp_path / "vae.safetensors", metadata={"norm_num_groups": "32"})
    with pytest.raises(UnsupportedFormat, match="norm_num_groups"):
        converted(source, tmp_path / "folder", "diffusers", family="sd1")


def test_only_a_vae_known_to_bear_half_precision_does_without_upcasting(tmp_path: Path) -> None:
    path = write_vae(tmp_path / "vae.safetensors", "sdxl")
    side = side_at(path)
    with open_weights(str(path)) as held:
        for sha256 in (None, *known_files()):
            digests = replace(side.artifact.digests, sha256=sha256 or "0" * 64)
            facts = facts_of(held, replace(side.artifact, digests=digests), None)
            assert facts.force_upcast == (fp16_safe(sha256 or "") is not True)
    assert any(fp16_safe(sha256) for sha256 in known_files())


def test_the_folder_is_recognised_as_what_it_was_made_of(tmp_path: Path) -> None:
    source = write_vae(tmp_path / "vae.safetensors", "sdxl")
    done = converted(source, tmp_path / "made", "diffusers", family="sdxl")
    latent = done.vae.latent
    assert latent is not None
    assert (latent.family, latent.scaling_factor) == ("sdxl", 0.13025)
    assert done.vae.content == done.source.content
    assert left_behind(tmp_path / "made") == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert arrays(tmp_path / "made").keys() != arrays(source).keys()


def test_what_the_weights_told_of_the_source_holds_for_its_copy(tmp_path: Path) -> None:
    side = side_at(write_vae(tmp_path / "vae.safetensors", "sdxl"))
    latent = Latent(4, 8, 1, "sdxl", ("sdxl",), "weights", 0.97, 0.13025)
    side = replace(side, artifact=with_latent(side.artifact, latent))
    for out, layout in (("ldm.safetensors", "ldm"), ("folder", "diffusers")):
        place = Place(str(tmp_path / out), folder="." not in out)
        told = convert(side, Order(layout, place)).vae.latent
        assert told is not None
        assert (told.family, told.determined_by) == ("sdxl", "kinship")


def test_other_architectures_have_one_layout(tmp_path: Path) -> None:
    source = write_safetensors(tmp_path / "wan.safetensors", wan21())
    order = Order("diffusers", Place(str(tmp_path / "made.safetensors")))
    with pytest.raises(UnsupportedFormat, match="no diffusers layout") as caught:
        convert(hasty_side(source), order)
    assert "--layout ldm" in (caught.value.hint or "")


def test_a_word_for_another_normalisation_stands_in_the_copy(tmp_path: Path) -> None:
    side = side_at(write_vae(tmp_path / "vae.safetensors", "sdxl"))
    latent = Latent(4, 8, 1, "sdxl", ("sdxl",), "weights", 0.97, 0.13025)
    side = replace(side, artifact=with_latent(side.artifact, latent))
    place = Place(str(tmp_path / "folder"), folder=True)
    told = convert(side, Order("diffusers", place, family="playground-v2.5")).vae.latent
    assert told is not None
    assert (told.family, told.scaling_factor) == ("playground-v2.5", 0.5)
