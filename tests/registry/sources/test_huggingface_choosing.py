"""What is taken of a repository: the listings of real ones, and what they taught."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vaereg.registry.errors import Ambiguous, NotFound, UnsupportedFormat, VaeregError
from vaereg.registry.sources.base import Wish
from vaereg.registry.sources.huggingface.choosing import choose, is_vae_name, vaes
from vaereg.registry.sources.huggingface.names import file_name, folder_name
from vaereg.registry.sources.huggingface.weights import Choice
from vaereg.registry.sources.refs import HfRef, parse

MB = 1_000_000
ROOT = "diffusion_pytorch_model"

LISTINGS: dict[str, list[str]] = {
    "stabilityai/sd-vae-ft-mse": [
        ".gitattributes",
        "README.md",
        "config.json",
        f"{ROOT}.bin",
        f"{ROOT}.safetensors",
    ],
    "madebyollin/sdxl-vae-fp16-fix": [
        "README.md",
        "config.json",
        f"{ROOT}.bin",
        f"{ROOT}.safetensors",
        "sdxl.vae.safetensors",
        "sdxl_vae.safetensors",
    ],
    "stabilityai/sd-vae-ft-mse-original": [
        "README.md",
        "vae-ft-mse-840000-ema-pruned.ckpt",
        "vae-ft-mse-840000-ema-pruned.safetensors",
    ],
    "hakurei/waifu-diffusion-v1-4": [
        "README.md",
        "models/wd-1-4-epoch2-fp16.ckpt",
        "vae/kl-f8-anime2.ckpt",
        "wd-1-4-anime_e1.ckpt",
        "wd-1-4-anime_e1.yaml",
    ],
    "WarriorMama777/OrangeMixs": [
        "Models/AbyssOrangeMix/AbyssOrangeMix.safetensors",
        "Models/AbyssOrangeMix3/AOM3A1_orangemixs.safetensors",
        "VAEs/orangemix.vae.pt",
        "VAEs/Readme_VAE.md",
    ],
    "stabilityai/stable-diffusion-xl-base-1.0": [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "sd_xl_base_1.0.safetensors",
        "sd_xl_base_1.0_0.9vae.safetensors",
        "sd_xl_offset_example-lora_1.0.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder/model.onnx",
        "text_encoder_2/config.json",
        "text_encoder_2/model.fp16.safetensors",
        "text_encoder_2/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        f"unet/{ROOT}.fp16.safetensors",
        f"unet/{ROOT}.safetensors",
        "vae/config.json",
        f"vae/{ROOT}.fp16.safetensors",
        f"vae/{ROOT}.safetensors",
        "vae_1_0/config.json",
        f"vae_1_0/{ROOT}.fp16.safetensors",
        f"vae_1_0/{ROOT}.safetensors",
        "vae_decoder/config.json",
        "vae_decoder/model.onnx",
    ],
    "black-forest-labs/FLUX.1-schnell": [
        "ae.safetensors",
        "flux1-schnell.safetensors",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder_2/config.json",
        "text_encoder_2/model-00001-of-00002.safetensors",
        "text_encoder_2/model-00002-of-00002.safetensors",
        "text_encoder_2/model.safetensors.index.json",
        "transformer/config.json",
        f"transformer/{ROOT}-00001-of-00002.safetensors",
        f"transformer/{ROOT}-00002-of-00002.safetensors",
        f"transformer/{ROOT}.safetensors.index.json",
        "vae/config.json",
        f"vae/{ROOT}.safetensors",
    ],
    "Comfy-Org/Wan_2.1_ComfyUI_repackaged": [
        "split_files/diffusion_models/wan2.1_t2v_1.3B_fp16.safetensors",
        "split_files/text_encoders/umt5_xxl_fp16.safetensors",
        "split_files/vae/wan_2.1_vae.safetensors",
    ],
    "Comfy-Org/Wan_2.2_ComfyUI_Repackaged": [
        "split_files/diffusion_models/wan2.2_ti2v_5B_fp16.safetensors",
        "split_files/vae/wan2.2_vae.safetensors",
        "split_files/vae/wan_2.1_vae.safetensors",
    ],
    "madebyollin/taesd": [
        "config.json",
        f"{ROOT}.safetensors",
        "taesd_decoder.safetensors",
        "taesd_encoder.safetensors",
    ],
    "someone/clear-vae": ["README.md", "ClearVAE_V2.3_fp16.safetensors", "ClearVAE_V2.3.pt"],
    "someone/checkpoints": ["animemix_v51VAE.safetensors", "animemix_bakedVAE.ckpt"],
    "someone/one-checkpoint": ["animemix.safetensors", "animemix.ckpt", "optimizer.pt"],
    "openai/onnx-only": ["config.json", "model.onnx"],
    "someone/words": ["README.md"],
    "google/t5": ["config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json"],
}


def sizes(repo: str) -> dict[str, int | None]:
    big = {"animemix_v51VAE.safetensors": 2132 * MB, "animemix_bakedVAE.ckpt": 4265 * MB}
    return {path: big.get(path, 335 * MB) for path in LISTINGS[repo]}


def chosen(repo: str, path: str | None = None, **wish: str) -> Choice:
    return choose(sizes(repo), HfRef(repo, path), Wish(**wish))


SDXL, FLUX = "stabilityai/stable-diffusion-xl-base-1.0", "black-forest-labs/FLUX.1-schnell"
VAES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "stabilityai/sd-vae-ft-mse": ((f"{ROOT}.safetensors", "config.json"), ""),
    "madebyollin/sdxl-vae-fp16-fix": ((f"{ROOT}.safetensors", "config.json"), ""),
    "madebyollin/taesd": ((f"{ROOT}.safetensors", "config.json"), ""),
    "stabilityai/sd-vae-ft-mse-original": (("vae-ft-mse-840000-ema-pruned.safetensors",), None),
    "hakurei/waifu-diffusion-v1-4": (("vae/kl-f8-anime2.ckpt",), None),
    "WarriorMama777/OrangeMixs": (("VAEs/orangemix.vae.pt",), None),
    SDXL: ((f"vae/{ROOT}.safetensors", "vae/config.json"), "vae/"),
    FLUX: ((f"vae/{ROOT}.safetensors", "vae/config.json"), "vae/"),
    "Comfy-Org/Wan_2.1_ComfyUI_repackaged": (("split_files/vae/wan_2.1_vae.safetensors",), None),
    "someone/clear-vae": (("ClearVAE_V2.3_fp16.safetensors",), None),
}


@pytest.mark.parametrize("repo", VAES)
def test_the_vae_of_a_repository(repo: str) -> None:
    choice = chosen(repo)
    assert (choice.paths, choice.root) == VAES[repo]


@pytest.mark.parametrize(
    ("repo", "path", "wish", "expected"),
    [
        (SDXL, None, {"dtype": "fp16"}, f"vae/{ROOT}.fp16.safetensors"),
        (SDXL, None, {"dtype": "fp32"}, f"vae/{ROOT}.safetensors"),
        (SDXL, None, {"dtype": "bf16"}, f"vae/{ROOT}.safetensors"),
        (SDXL, "vae_1_0", {"dtype": "fp16"}, f"vae_1_0/{ROOT}.fp16.safetensors"),
        (SDXL, "vae_1_0", {"role": "model"}, f"vae_1_0/{ROOT}.safetensors"),
        (SDXL, "sd_xl_base_1.0.safetensors", {}, "sd_xl_base_1.0.safetensors"),
        (SDXL, None, {"file": "sd_xl_base_1.0.safetensors"}, "sd_xl_base_1.0.safetensors"),
        (SDXL, None, {"file": "vae_1_0"}, f"vae_1_0/{ROOT}.safetensors"),
        (SDXL, "unet", {"file": "config.json"}, "unet/config.json"),
        (FLUX, None, {"file": "ae.safetensors"}, "ae.safetensors"),
        (
            "madebyollin/taesd",
            None,
            {"file": "taesd_decoder.safetensors"},
            "taesd_decoder.safetensors",
        ),
        (
            "Comfy-Org/Wan_2.2_ComfyUI_Repackaged",
            None,
            {"file": "wan2.2_vae.safetensors"},
            "split_files/vae/wan2.2_vae.safetensors",
        ),
        ("hakurei/waifu-diffusion-v1-4", "vae", {}, "vae/kl-f8-anime2.ckpt"),
        ("stabilityai/sd-vae-ft-mse", None, {"role": "model"}, f"{ROOT}.safetensors"),
        ("someone/one-checkpoint", None, {"role": "model"}, "animemix.safetensors"),
        ("google/t5", None, {"role": "model"}, "model.safetensors"),
    ],
)
def test_path_file_and_float_width(
    repo: str, path: str | None, wish: dict[str, str], expected: str
) -> None:
    assert chosen(repo, path, **wish).paths[0] == expected


def test_a_pipeline_as_a_model_is_every_component_without_copies() -> None:
    choice = chosen(FLUX, role="model")
    whole = set(LISTINGS[FLUX]) - {"ae.safetensors", "flux1-schnell.safetensors"}
    assert set(choice.paths) == whole
    assert choice.root == ""
    assert "flux1-schnell.safetensors" in choice.notes[-1]
    half = chosen(SDXL, role="model", dtype="fp16")
    assert f"unet/{ROOT}.fp16.safetensors" in half.paths
    assert f"unet/{ROOT}.safetensors" not in half.paths
    assert not [path for path in half.paths if "tokenizer" in path or path.endswith(".onnx")]


@pytest.mark.parametrize(
    ("index", "shards"),
    [
        (
            f"{ROOT}.safetensors.index.json",
            [f"{ROOT}-0000{i}-of-00002.safetensors" for i in (1, 2)],
        ),
        (
            f"{ROOT}.safetensors.index.fp16.json",
            [f"{ROOT}.fp16-0000{i}-of-00002.safetensors" for i in (1, 2)],
        ),
        (
            f"{ROOT}.fp16.safetensors.index.json",
            [f"{ROOT}-0000{i}-of-00002.fp16.safetensors" for i in (1, 2)],
        ),
        (f"{ROOT}.bin.index.json", [f"{ROOT}-0000{i}-of-00002.bin" for i in (1, 2)]),
    ],
)
def test_an_index_brings_its_own_shards_and_no_others(index: str, shards: list[str]) -> None:
    others = ["other-00001-of-00002.safetensors", f"{ROOT}-00001-of-00002.msgpack"]
    files = dict.fromkeys(["config.json", index, *shards, *others], 1)
    assert set(choose(files, HfRef("a/vae"), Wish()).paths) == {"config.json", index, *shards}


@pytest.mark.parametrize(
    ("repo", "path", "wish", "error", "says"),
    [
        ("Comfy-Org/Wan_2.2_ComfyUI_Repackaged", None, {}, Ambiguous, "wan2.2_vae.safetensors"),
        ("someone/checkpoints", None, {}, NotFound, "no file that is named as a VAE"),
        ("someone/checkpoints", None, {"role": "model"}, Ambiguous, "animemix_bakedVAE.ckpt"),
        ("someone/one-checkpoint", None, {}, NotFound, "animemix.safetensors"),
        ("openai/onnx-only", None, {}, UnsupportedFormat, "ONNX"),
        ("someone/words", None, {"role": "model"}, NotFound, "no weights"),
        ("google/t5", None, {}, NotFound, "model.safetensors"),
        (SDXL, "vea", {}, NotFound, "no vea in"),
        (SDXL, None, {"file": "config.json"}, Ambiguous, "unet/config.json"),
        (SDXL, None, {"file": "nothing"}, NotFound, "no nothing in"),
    ],
)
def test_no_choice_is_an_error_that_says_what_there_is(
    repo: str, path: str | None, wish: dict[str, str], error: type[VaeregError], says: str
) -> None:
    with pytest.raises(error) as caught:
        chosen(repo, path, **wish)
    assert says in caught.value.message
    assert caught.value.hint


def test_names_that_are_near_are_offered() -> None:
    with pytest.raises(NotFound) as caught:
        chosen(FLUX, "flux1-schnel.safetensors")
    assert "flux1-schnell.safetensors" in (caught.value.hint or "")
    with pytest.raises(NotFound) as caught:
        chosen("Comfy-Org/Wan_2.1_ComfyUI_repackaged", "wan_2.1_vea.safetensors")
    assert "split_files/vae/wan_2.1_vae.safetensors" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("repo", "wish", "says"),
    [
        ("hakurei/waifu-diffusion-v1-4", {}, "vae/kl-f8-anime2.ckpt is a pickle"),
        ("madebyollin/sdxl-vae-fp16-fix", {}, "sdxl.vae.safetensors"),
        (SDXL, {"dtype": "bf16"}, f"asked for, and vae/{ROOT}.safetensors states no float width"),
        ("someone/clear-vae", {"dtype": "fp32"}, "fp32 was asked for, and ClearVAE_V2.3_fp16"),
    ],
)
def test_notes_say_what_a_user_should_know(repo: str, wish: dict[str, str], says: str) -> None:
    assert any(says in note for note in chosen(repo, **wish).notes)


def test_notes_of_a_float_width_do_not_contradict_each_other() -> None:
    files = ["config.json", f"{ROOT}.safetensors", "my_vae_fp16.ckpt"]
    width, copies = choose(dict.fromkeys(files, MB), HfRef("a/b"), Wish(dtype="fp16")).notes
    assert width == f"fp16 was asked for, and {ROOT}.safetensors states no float width"
    assert "hf:a/b/my_vae_fp16.ckpt" in copies


@pytest.mark.parametrize(
    ("repo", "path", "wish", "named"),
    [
        (
            "Comfy-Org/Wan_2.2_ComfyUI_Repackaged",
            "split_files",
            {},
            HfRef("", "split_files/vae/wan2.2_vae.safetensors", "v@2"),
        ),
        ("someone/checkpoints", None, {}, HfRef("", "animemix_v51VAE.safetensors", "v@2")),
        (SDXL, None, {"file": "config.json"}, HfRef("", "text_encoder/config.json", "v@2")),
    ],
)
def test_the_way_out_is_a_ref_that_every_command_takes(
    repo: str, path: str | None, wish: dict[str, str], named: HfRef
) -> None:
    with pytest.raises(VaeregError) as caught:
        choose(sizes(repo), HfRef(repo, path, "v@2"), Wish(**wish))
    hint = caught.value.hint or ""
    assert "--" not in hint
    assert parse(hint.rpartition(": ")[2]) == replace(named, repo=repo)


def test_nothing_is_noted_where_all_is_as_asked() -> None:
    assert chosen(SDXL, dtype="fp16").notes == ()
    assert chosen(SDXL, dtype="fp32").notes == ()
    assert chosen("stabilityai/sd-vae-ft-mse").notes == ()


@pytest.mark.parametrize(
    ("path", "size", "is_vae"),
    [
        ("ae.safetensors", 335 * MB, True),
        ("split_files/vae/hunyuan_video_vae_bf16.safetensors", 493 * MB, True),
        ("Wan2.2_VAE.pth", 2818 * MB, True),
        ("taew2_1.safetensors", 22 * MB, True),
        ("flux2-vae.safetensors", 336 * MB, True),
        ("blessed2.vae.pt", 335 * MB, True),
        ("clearvae.safetensors", 335 * MB, True),
        ("realisticVisionV51_v51VAE.safetensors", 2132 * MB, False),
        ("anything-noVae.safetensors", 2132 * MB, False),
        ("model-with-vae.safetensors", 2132 * MB, False),
        ("sd_xl_base_1.0_0.9vae.safetensors", 6938 * MB, False),
        ("aether.safetensors", 335 * MB, False),
        ("unet.safetensors", 335 * MB, False),
    ],
)
def test_which_file_names_are_those_of_vaes(path: str, size: int, is_vae: bool) -> None:
    assert is_vae_name(path, size) is is_vae


def test_a_collection_shows_each_of_its_vaes() -> None:
    found = vaes(sizes("Comfy-Org/Wan_2.2_ComfyUI_Repackaged"), HfRef("Comfy-Org/Wan"))
    assert [one.paths[0].rpartition("/")[2] for one in found] == [
        "wan2.2_vae.safetensors",
        "wan_2.1_vae.safetensors",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sdxl_vae.safetensors", "sdxl_vae.safetensors"),
        (f"{ROOT}.safetensors", "model-x.safetensors"),
        (f"vae/{ROOT}.fp16.safetensors", "model-x-vae.fp16.safetensors"),
        ("split_files/vae/ae.safetensors", "ae.safetensors"),
    ],
)
def test_a_file_of_a_usual_name_is_called_after_its_repository(path: str, name: str) -> None:
    assert file_name("owner/model-x", path) == name
    assert folder_name("owner/model-x", None) == "model-x"
    assert folder_name("owner/model-x", "vae/") == "model-x-vae"
