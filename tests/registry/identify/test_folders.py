"""Diffusers folders: what configs and headers say together, and what a config says alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vaereg.registry.families import families
from vaereg.registry.identify.identify import identify_folder
from vaereg.registry.identify.pipeline import DENOISER_CLASSES, PIPELINES, pipeline_families
from vaereg.registry.values import Folder, FolderPart, Header, Identity

from ...builders import header_of
from .denoiser_headers import Shapes, meta
from .text_headers import below, chatglm, clip, llm, t5, vision
from .unet_cases import SD1, SDXL
from .vae_headers import diffusers as vae_shapes

SHARED = Path(__file__).parents[4] / "shared" / "data" / "pipeline_configs.json"
UNET = "UNet2DConditionModel"
KL: dict[str, Any] = {"_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512]}
VAES: dict[str, dict[str, Any]] = {
    # vae/config.json of the published pipelines
    "sd1": KL | {"latent_channels": 4, "scaling_factor": 0.18215},
    "sd1-old": KL | {"latent_channels": 4, "sample_size": 512},
    "sdxl": KL | {"latent_channels": 4, "scaling_factor": 0.13025, "sample_size": 1024},
    "playground-v2.5": KL
    | {
        "latent_channels": 4,
        "scaling_factor": 0.5,
        "latents_mean": [-1.6574, 1.886, -1.383, 2.5155],
        "latents_std": [8.4927, 5.9022, 6.5498, 5.2299],
    },
    "sd3": KL | {"latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609,
                 "use_quant_conv": False, "use_post_quant_conv": False},
    "flux1": KL | {"latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159,
                   "use_quant_conv": False, "use_post_quant_conv": False},
    "tiny": {"_class_name": "AutoencoderTiny", "latent_channels": 4, "scaling_factor": 1.0},
}  # fmt: skip
UNETS: dict[str, dict[str, Any]] = {
    "sd1": {"_class_name": UNET, "block_out_channels": [320, 640, 1280, 1280]} | SD1,
    "sdxl": {"_class_name": UNET, "out_channels": 4, "in_channels": 4} | SDXL,
}
OOBLECK = {"_class_name": "AutoencoderOobleck"}
TEXT = {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_size": 768}


def part(name: str, config: dict[str, Any], shapes: Shapes | None = None) -> FolderPart:
    """A component folder with weights, or without."""
    return FolderPart(name, config, header_of(shapes) if shapes else None)


def pipeline(cls: str, *parts: FolderPart, **listed: list[str]) -> Identity:
    """What a pipeline of these parts is."""
    index = {"_class_name": cls, "_diffusers_version": "0.30.0", **listed} if cls else {}
    return identify_folder(Folder(index, parts, 0))


def lone(config: dict[str, Any], shapes: Shapes | None = None) -> Identity:
    """What the folder of one component is."""
    return identify_folder(Folder({}, (part("", config, shapes),), 0))


def family_of(identity: Identity, role: str) -> tuple[str | None, str | None]:
    """The family of a part and what settled it."""
    component = identity.component(role)
    assert component is not None
    assert component.latent is not None
    return component.latent.family, component.latent.determined_by


def test_a_whole_pipeline_is_a_checkpoint() -> None:
    """Every part is a component below its folder."""
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("text_encoder", TEXT, clip()),
        part("unet", UNETS["sdxl"], meta(UNET, **SDXL)()),
        part("vae", VAES["sdxl"], vae_shapes("sd")),
    )
    found = {(part.role, part.architecture, part.prefix) for part in identity.components}
    assert (identity.format, identity.kind) == ("diffusers", "checkpoint")
    assert found == {
        ("text_encoder", "clip-l", "text_encoder/"),
        ("denoiser", "unet-sdxl", "unet/"),
        ("vae", "autoencoder-kl", "vae/"),
    }
    assert family_of(identity, "denoiser") == ("sdxl", "header")
    assert family_of(identity, "vae") == ("sdxl", "config")
    assert identity.notices == ()


def test_a_pipeline_of_configs_alone_is_told_from_them() -> None:
    """No weights are needed to know what the model is."""
    identity = pipeline(
        "StableDiffusionPipeline",
        part("text_encoder", TEXT),
        part("unet", UNETS["sd1"]),
        part("vae", VAES["sd1-old"]),
    )
    assert identity.kind == "checkpoint"
    assert family_of(identity, "denoiser") == ("sd1", "config")
    assert family_of(identity, "vae") == ("sd1", "config")
    assert {part.tensors for part in identity.components} == {0}


def test_the_vae_of_playground_tells_that_the_unet_is_playgrounds() -> None:
    """The UNet's shapes are those of SDXL."""
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("unet", UNETS["sdxl"], meta(UNET, **SDXL)()),
        part("vae", VAES["playground-v2.5"], vae_shapes("sd")),
    )
    assert family_of(identity, "denoiser") == ("playground-v2.5", "config")
    assert identity.notices == ()


def test_a_tiny_vae_takes_the_family_of_its_pipeline() -> None:
    """Its config says nothing but four channels; the pipeline's class is all there is."""
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("unet", UNETS["sdxl"]),
        part("vae", VAES["tiny"], vae_shapes("tiny-4")),
    )
    vae = identity.component("vae")
    assert vae is not None
    assert vae.latent is not None
    assert family_of(identity, "vae") == ("sdxl", "config")
    assert vae.latent.confidence == 0.7


@pytest.mark.parametrize("family", ["sd3", "flux1"])
def test_sixteen_channels_are_settled_by_the_vae_beside_them(family: str) -> None:
    """An SDXL UNet of 16 channels says nothing by itself."""
    wide = SDXL | {"in_channels": 16, "out_channels": 16}
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("unet", UNETS["sdxl"] | wide, meta(UNET, **wide)()),
        part("vae", VAES[family], vae_shapes("sd3")),
    )
    assert family_of(identity, "denoiser") == (family, "config")


@pytest.mark.parametrize(
    ("cls", "family"), [("PixArtAlphaPipeline", "sd1"), ("PixArtSigmaPipeline", "sdxl")]
)
def test_the_pipeline_class_settles_what_names_leave_open(cls: str, family: str) -> None:
    """PixArt-Sigma has the tensor names of PixArt-alpha without micro-conditions."""
    config = {"_class_name": "PixArtTransformer2DModel", "in_channels": 4}
    shapes = meta("PixArtTransformer2DModel", num_layers=2, caption_channels=4096,
                  use_additional_conditions=False)()  # fmt: skip
    identity = pipeline(cls, part("transformer", config, shapes))
    assert family_of(identity, "denoiser") == (family, "config")
    assert family_of(pipeline("", part("transformer", config, shapes)), "denoiser") == (None, None)


def test_a_vae_of_another_family_is_reported() -> None:
    """SDXL's VAE in a pipeline of Stable Diffusion 1."""
    identity = pipeline(
        "StableDiffusionPipeline",
        part("unet", UNETS["sd1"], meta(UNET, **SD1)()),
        part("vae", VAES["sdxl"], vae_shapes("sd")),
    )
    assert family_of(identity, "denoiser") == ("sd1", "header")
    assert family_of(identity, "vae") == ("sdxl", "config")
    assert [notice.code for notice in identity.notices] == ["family_disagrees"]
    assert "sdxl" in identity.notices[0].message


def test_interchangeable_families_do_not_disagree() -> None:
    """Krea 2 is trained on Wan's latents and ships Qwen-Image's VAE."""
    identity = pipeline(
        "Krea2Pipeline",
        part("transformer", {"_class_name": "Krea2Transformer2DModel"}),
        part("vae", {"_class_name": "AutoencoderKLQwenImage", "z_dim": 16}, vae_shapes("wan21")),
    )
    assert family_of(identity, "denoiser")[0] == "wan21"
    assert identity.notices == ()


def test_a_folder_that_the_index_lists_but_that_is_absent_is_reported() -> None:
    """Half a download is still that model, with a warning."""
    identity = pipeline(
        "FluxPipeline",
        part("vae", VAES["flux1"], vae_shapes("sd3")),
        transformer=["diffusers", "FluxTransformer2DModel"],
        vae=["diffusers", "AutoencoderKL"],
    )
    assert identity.kind == "checkpoint"
    assert [notice.code for notice in identity.notices] == ["parts_missing"]


def test_a_shard_that_is_missing_leaves_the_parts_notice() -> None:
    """The transformer's tensors are not whole, so they make no component."""
    shapes = meta("FluxTransformer2DModel", num_layers=2, num_single_layers=2)()
    first = dict(list(shapes.items())[: len(shapes) // 2])
    config = {"_class_name": "FluxTransformer2DModel"}
    identity = pipeline("FluxPipeline", part("transformer", config, first))
    assert identity.component("denoiser") is None
    assert "parts_missing" in [notice.code for notice in identity.notices]


def test_a_scheduler_that_predicts_velocity_is_reported() -> None:
    """Wrongly sampled pictures are easily blamed on the VAE."""
    scheduler = part("scheduler", {"prediction_type": "v_prediction"})
    identity = pipeline("StableDiffusionPipeline", part("unet", UNETS["sd1"]), scheduler)
    assert [notice.code for notice in identity.notices] == ["prediction_type"]


def test_kolors_is_told_by_its_unet_though_its_index_says_sdxl() -> None:
    """Some copies declare StableDiffusionXLPipeline."""
    config = UNETS["sdxl"] | {"projection_class_embeddings_input_dim": 5632}
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("text_encoder", {"model_type": "chatglm", "hidden_size": 4096}, chatglm()),
        part("unet", config),
    )
    assert [(part.role, part.architecture) for part in identity.components] == [
        ("text_encoder", "chatglm3-6b"),
        ("denoiser", "unet-kolors"),
    ]


def test_a_pipeline_of_sound_is_no_checkpoint() -> None:
    """It has a transformer and a VAE, but makes no pictures."""
    vae = part("vae", OOBLECK, vae_shapes("oobleck"))
    identity = pipeline("StableAudioPipeline", vae)
    assert (identity.kind, identity.components) == ("audio_model", ())


def test_a_safety_checker_and_a_vision_tower_are_no_components() -> None:
    """They are models of transformers, but encode no text."""
    safety = {"architectures": ["StableDiffusionSafetyChecker"], "model_type": "clip"}
    image = {"architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model"}
    identity = pipeline(
        "StableDiffusionPipeline",
        part("image_encoder", image, vision()),
        part("safety_checker", safety, below("vision_model.", vision())),
        part("unet", UNETS["sd1"]),
    )
    assert [part.role for part in identity.components] == ["denoiser"]


_ROLE = ("text_encoder", ("text_encoder",))
_LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
LONE: dict[str, tuple[str, tuple[str, ...], dict[str, Any], Callable[[], Shapes] | None]] = {
    "vae": ("vae", ("vae",), VAES["sdxl"], partial(vae_shapes, "sd")),
    "vae-config": ("vae", ("vae",), VAES["flux1"], None),
    "vae-header": ("vae", ("vae",), {}, partial(vae_shapes, "sd")),
    "unet": ("checkpoint", ("denoiser",), UNETS["sd1"], meta(UNET, **SD1)),
    "unet-config": ("checkpoint", ("denoiser",), UNETS["sdxl"], None),
    "text": (*_ROLE, TEXT, clip),
    "text-config": (*_ROLE, TEXT, None),
    "t5": (
        "text_encoder",
        ("text_encoder",),
        {"architectures": ["T5EncoderModel"]},
        partial(t5, layers=2),
    ),
    "llm": (*_ROLE, _LLAMA, partial(llm, 4096, 128256)),
    "controlnet": ("controlnet", (), {"_class_name": "ControlNetModel"}, meta("ControlNetModel")),
    "controlnet-config": ("controlnet", (), {"_class_name": "FluxControlNetModel"}, None),
    "controlnet-like-a-unet": (
        "controlnet",
        (),
        {"_class_name": "ControlNetXSAdapter"},
        meta(UNET, **SD1),
    ),
    "motion": ("motion_module", (), {"_class_name": "MotionAdapter"}, None),
    "t2i": ("t2i_adapter", (), {"_class_name": "T2IAdapter"}, None),
    "vision": ("clip_vision", (), {"architectures": ["CLIPVisionModelWithProjection"]}, vision),
    "audio": (
        "audio_vae",
        (),
        {"_class_name": "AutoencoderOobleck"},
        partial(vae_shapes, "oobleck"),
    ),
    "classifier": ("classifier", (), {"architectures": ["ViTForImageClassification"]}, None),
    "lora": (
        "lora",
        (),
        {},
        lambda: {"conv.lora_A.weight": (4, 320)},
    ),
    "unknown": ("unknown", (), {"_class_name": "SomethingNew"}, None),
    "vae-of-rubble": (
        "unknown",
        (),
        VAES["sdxl"],
        lambda: {"decoder.conv_in.bias": (512,)},
    ),
    "unet-of-rubble": ("unknown", (), UNETS["sdxl"], lambda: {"conv_in.bias": (320,)}),
    "unet-that-is-a-lora": ("lora", (), UNETS["sdxl"], lambda: {"to_q.lora_A.weight": (4, 320)}),
    "unet-that-is-a-clip": ("text_encoder", ("text_encoder",), UNETS["sdxl"], clip),
    "hostile": ("unknown", (), {"_class_name": [], "architectures": {}, "model_type": 3}, None),
}


@pytest.mark.parametrize("name", LONE)
def test_the_folder_of_one_component(name: str) -> None:
    """Its class and its tensors say what it is."""
    kind, roles, config, build = LONE[name]
    identity = lone(config, build() if build else None)
    assert (identity.kind, tuple(part.role for part in identity.components)) == (kind, roles)


def test_every_class_names_known_families() -> None:
    """The tables of pipelines and of denoisers, and no row hidden by a shorter one above it."""
    named = {name for _, fams in PIPELINES for name in fams}
    named |= {name for known in DENOISER_CLASSES.values() for name in known.families}
    assert named <= set(families())
    for start, fams in PIPELINES:
        assert pipeline_families({"_class_name": f"{start}Pipeline"}) == fams, start


@pytest.mark.parametrize(
    "damage",
    [
        {"block_out_channels": "wide"},
        {"block_out_channels": []},
        {"out_channels": 10**400},
        {"out_channels": True},
        {"cross_attention_dim": {"a": 1}},
        {"_class_name": ["x", None]},
        {"_class_name": 7},
    ],
)
def test_damaged_configs_raise_nothing(damage: dict[str, Any]) -> None:
    """Whatever stands in a config.json, the answer is an identity."""
    for config in (UNETS["sdxl"], VAES["sdxl"], TEXT, {"_class_name": "WanTransformer3DModel"}):
        assert lone(config | damage).format == "diffusers"
        pipeline("StableDiffusionXLPipeline", part("x", config | damage), y=[1, 2], z=None)  # type: ignore[arg-type]


EXPECTED = {
    "sd15": "sd1", "sd15-inpaint": "sd1", "sd21": "sd1", "sd2-inpaint": "sd1",
    "sd-x4": "sd-x4-upscaler", "sdxl": "sdxl", "sdxl-refiner": "sdxl", "sdxl-inpaint": "sdxl",
    "playground25": "playground-v2.5", "kolors": "sdxl", "hunyuan-dit": "sdxl",
    "flux-dev": "flux1", "flux-schnell": "flux1", "sd3": "sd3", "chroma": "flux1",
    "cascade-prior": "cascade-prior", "cascade": "cascade-a",
}  # fmt: skip


def test_published_pipelines_are_told_by_their_configs() -> None:
    """Seventeen pipelines, no weights: the family of the denoiser and of its VAE."""
    if not SHARED.exists():
        pytest.skip("the folder of shared pipeline configs is not there")
    for name, configs in json.loads(SHARED.read_text("utf-8")).items():
        index = configs.pop("model_index")
        parts = tuple(part(folder, config) for folder, config in configs.items())
        identity = identify_folder(Folder(index, parts, 0))
        assert identity.kind == "checkpoint"
        assert family_of(identity, "denoiser") == (EXPECTED[name], "config"), name
        if identity.component("vae"):
            assert family_of(identity, "vae") == (EXPECTED[name], "config"), name
        assert "family_disagrees" not in {notice.code for notice in identity.notices}, name


def test_an_empty_header_is_as_good_as_none() -> None:
    """A weights file without tensors leaves only the config."""
    empty = FolderPart("", VAES["sdxl"], Header("safetensors", 8, {}))
    assert identify_folder(Folder({}, (empty,), 0)).kind == "vae"


def test_a_controlnet_inside_a_pipeline_is_not_a_damaged_unet() -> None:
    """It has half of a UNet's names; its class says why."""
    whole = meta("UNet2DConditionModel", **SDXL)()
    half = {
        name: shape for name, shape in whole.items() if not name.startswith(("up_", "conv_out"))
    }
    half |= {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}
    identity = pipeline(
        "StableDiffusionXLControlNetPipeline",
        part("unet", UNETS["sdxl"], whole),
        part("controlnet", {"_class_name": "ControlNetModel"}, half),
    )
    assert identity.kind == "checkpoint"
    assert [component.role for component in identity.components] == ["denoiser"]
    assert not any(note.code == "parts_missing" for note in identity.all_notices)


def test_a_vae_of_which_only_the_config_is_there_has_no_parts() -> None:
    """Its family is known, but nothing can be decoded with it."""
    identity = pipeline(
        "StableDiffusionXLPipeline",
        part("unet", UNETS["sdxl"], meta("UNet2DConditionModel", **SDXL)()),
        part("vae", VAES["sdxl"]),
    )
    vae = identity.component("vae")
    assert vae is not None
    assert (vae.parts, vae.tensors) == ((), 0)
