"""Classes that diffusers and transformers configs name, and the latents and kinds that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..values import Latent
from .denoiser import latent_of
from .unet import number, unet_of_config

Config = Mapping[str, object]

PIPELINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # huggingface/diffusers src/diffusers/pipelines; beginnings of class names, the longer first
    ("StableDiffusionUpscale", ("sd-x4-upscaler",)),
    ("StableDiffusionXL", ("sdxl",)),
    ("StableDiffusion3", ("sd3",)),
    ("StableDiffusion", ("sd1",)),
    ("StableUnCLIP", ("sd1",)),
    ("StableVideoDiffusion", ("sd1",)),
    ("StableCascadePrior", ("cascade-prior",)),
    ("StableCascade", ("cascade-a",)),
    ("LatentConsistencyModel", ("sd1",)),
    ("LCM", ("sd1",)),
    ("AnimateDiffSDXL", ("sdxl",)),
    ("AnimateDiff", ("sd1",)),
    ("TextToVideo", ("sd1",)),
    ("I2VGenXL", ("sd1",)),
    ("Marigold", ("sd1",)),
    ("PixArtAlpha", ("sd1",)),
    ("PixArtSigma", ("sdxl",)),
    ("Latte", ("sd1",)),
    ("DiT", ("sd1",)),
    ("Kolors", ("sdxl",)),
    ("HunyuanDiT", ("sdxl",)),
    ("AuraFlow", ("sdxl",)),
    ("OmniGen2", ("flux1",)),
    ("OmniGen", ("sdxl",)),
    ("BriaFibo2", ("flux2",)),
    ("BriaFibo", ("wan22",)),
    ("Bria", ("sdxl",)),
    ("Lumina2", ("flux1",)),
    ("Lumina", ("sdxl",)),
    ("Flux2", ("flux2",)),
    ("Flux3", ("flux2",)),
    ("Flux", ("flux1",)),
    ("Chroma", ("flux1",)),
    ("ZImage", ("flux1",)),
    ("HiDreamImage", ("flux1",)),
    ("LongCatImage", ("flux1",)),
    ("OvisImage", ("flux1",)),
    ("VisualCloze", ("flux1",)),
    ("ErnieImage", ("flux2",)),
    ("Ideogram4", ("flux2",)),
    ("Kandinsky5T2I", ("flux1",)),
    ("Kandinsky5I2I", ("flux1",)),
    ("Kandinsky5", ("hunyuan-video",)),
    ("Kandinsky6SR", ("kandinsky6-sr",)),
    ("Kandinsky6", ("hunyuan-video",)),
    ("Kandinsky3", ("movq-3",)),
    ("Kandinsky", ("movq",)),
    ("QwenImage21", ("qwen-image-2.1",)),
    ("QwenImage", ("qwen-image",)),
    ("Krea2", ("wan21",)),
    ("NucleusMoEImage", ("wan21",)),
    ("SkyReelsV2", ("wan21",)),
    ("ChronoEdit", ("wan21",)),
    ("JoyImage", ("wan21",)),
    ("MotifVideo", ("wan21",)),
    ("Cosmos2", ("wan21",)),
    ("Cosmos3", ("wan22",)),
    ("Cosmos", ("cosmos",)),
    ("Wan", ("wan21", "wan22")),
    ("SanaWM", ("ltx2",)),
    ("SanaVideo", ("sana-dcae", "wan21", "ltx2")),
    ("Sana", ("sana-dcae",)),
    ("LTX2", ("ltx2",)),
    ("LTX", ("ltx-video",)),
    ("Mochi", ("mochi",)),
    ("CogVideoX", ("cogvideox", "cogvideox-5b")),
    ("ConsisID", ("cogvideox-5b",)),
    ("CogView", ("cogview",)),
    ("GlmImage", ("glm-image",)),
    ("HunyuanVideo15", ("hunyuan-video-1.5",)),
    ("HunyuanImageRefiner", ("hunyuan-image-2.1-refiner",)),
    ("HunyuanImage", ("hunyuan-image-2.1",)),
    ("Hunyuan", ("hunyuan-video",)),
    ("Allegro", ("allegro",)),
    ("EasyAnimate", ("easyanimate-magvit",)),
    ("MiniMaxH3", ("minimax-h3",)),
    ("IF", ("pixel",)),
)

SOUND = ("Audio", "Music", "AceStep", "Dance", "Spectrogram", "ShapE", "Proteina")
"""Parts of the names of pipelines that make no pictures."""

SDXL_LIKE = ("sdxl", "playground-v2.5", "eq-sdxl")
"""Families with SDXL's UNet, which only the VAE's config tells apart in a folder."""


@dataclass(frozen=True, slots=True)
class DenoiserClass:
    """A diffusers class of denoisers and the families saved as it."""

    architecture: str
    families: tuple[str, ...]
    channels: str | None = None
    """Key of the latent channels in its config, where they stand there unpacked."""


DENOISER_CLASSES = {
    # huggingface/diffusers src/diffusers/models/{unets,transformers}
    "UNetSpatioTemporalConditionModel": DenoiserClass("unet-svd", ("sd1",)),
    "UNet3DConditionModel": DenoiserClass("unet-text-to-video", ("sd1",), "out_channels"),
    "I2VGenXLUNet": DenoiserClass("unet-i2vgen-xl", ("sd1",), "out_channels"),
    "UNetMotionModel": DenoiserClass("unet-sd1", ("sd1", "sdxl")),
    "Kandinsky3UNet": DenoiserClass("unet-kandinsky3", ("movq-3",)),
    "StableCascadeUNet": DenoiserClass(
        "stable-cascade", ("cascade-a", "cascade-prior"), "out_channels"
    ),
    "SD3Transformer2DModel": DenoiserClass("mmdit-sd3", ("sd3",), "out_channels"),
    "FluxTransformer2DModel": DenoiserClass("flux1", ("flux1",)),
    "Flux2Transformer2DModel": DenoiserClass("flux2", ("flux2",)),
    "Flux3Transformer2DModel": DenoiserClass("flux3", ("flux2",)),
    "ChromaTransformer2DModel": DenoiserClass("chroma", ("flux1",)),
    "LongCatImageTransformer2DModel": DenoiserClass("longcat-image", ("flux1",)),
    "OvisImageTransformer2DModel": DenoiserClass("ovis-image", ("flux1",)),
    "BriaTransformer2DModel": DenoiserClass("bria", ("sdxl",)),
    "BriaFiboTransformer2DModel": DenoiserClass("bria-fibo", ("wan22",)),
    "BriaFibo2Transformer2DModel": DenoiserClass("bria-fibo2", ("flux2",)),
    "ErnieImageTransformer2DModel": DenoiserClass("ernie-image", ("flux2",)),
    "Ideogram4Transformer2DModel": DenoiserClass("ideogram4", ("flux2",)),
    "QwenImageTransformer2DModel": DenoiserClass("qwen-image", ("qwen-image",)),
    "QwenImage21Transformer2DModel": DenoiserClass("qwen-image-2.1", ("qwen-image-2.1",)),
    "Krea2Transformer2DModel": DenoiserClass("krea2", ("wan21",)),
    "NucleusMoEImageTransformer2DModel": DenoiserClass("nucleus-image", ("wan21",)),
    "JoyImageEditTransformer3DModel": DenoiserClass("joyimage", ("wan21",)),
    "JoyImageEditPlusTransformer3DModel": DenoiserClass("joyimage", ("wan21",)),
    "MotifVideoTransformer3DModel": DenoiserClass("motif-video", ("wan21",)),
    "WanTransformer3DModel": DenoiserClass("wan", ("wan21", "wan22"), "out_channels"),
    "WanVACETransformer3DModel": DenoiserClass("wan", ("wan21", "wan22"), "out_channels"),
    "WanAnimateTransformer3DModel": DenoiserClass("wan", ("wan21",)),
    "SkyReelsV2Transformer3DModel": DenoiserClass("wan21", ("wan21",)),
    "ChronoEditTransformer3DModel": DenoiserClass("wan21", ("wan21",)),
    "CosmosTransformer3DModel": DenoiserClass("cosmos", ("wan21", "cosmos")),
    "Kandinsky5Transformer3DModel": DenoiserClass("kandinsky5", ("flux1", "hunyuan-video")),
    "Kandinsky6Transformer3DModel": DenoiserClass("kandinsky6", ("hunyuan-video",)),
    "Kandinsky6SRTransformer3DModel": DenoiserClass("kandinsky6-sr", ("kandinsky6-sr",)),
    "HunyuanDiT2DModel": DenoiserClass("hunyuan-dit", ("sdxl",)),
    "HunyuanImageTransformer2DModel": DenoiserClass(
        "hunyuan-image-2.1", ("hunyuan-image-2.1", "hunyuan-image-2.1-refiner")
    ),
    "HunyuanVideoTransformer3DModel": DenoiserClass("hunyuan-video", ("hunyuan-video",)),
    "HunyuanVideoFramepackTransformer3DModel": DenoiserClass("hunyuan-video", ("hunyuan-video",)),
    "HunyuanVideo15Transformer3DModel": DenoiserClass("hunyuan-video-1.5", ("hunyuan-video-1.5",)),
    "AuraFlowTransformer2DModel": DenoiserClass("auraflow", ("sdxl",), "out_channels"),
    "PixArtTransformer2DModel": DenoiserClass("pixart", ("sd1", "sdxl"), "in_channels"),
    "Transformer2DModel": DenoiserClass("pixart", ("sd1", "sdxl"), "in_channels"),
    "DiTTransformer2DModel": DenoiserClass("dit", ("sd1",), "in_channels"),
    "LatteTransformer3DModel": DenoiserClass("latte", ("sd1",), "in_channels"),
    "LuminaNextDiT2DModel": DenoiserClass("lumina-next", ("sdxl",), "in_channels"),
    "OmniGenTransformer2DModel": DenoiserClass("omnigen", ("sdxl",), "in_channels"),
    "Lumina2Transformer2DModel": DenoiserClass("lumina2", ("flux1",), "in_channels"),
    "ZImageTransformer2DModel": DenoiserClass("z-image", ("flux1",), "in_channels"),
    "HiDreamImageTransformer2DModel": DenoiserClass("hidream-i1", ("flux1",), "in_channels"),
    "SanaTransformer2DModel": DenoiserClass("sana", ("sana-dcae",), "in_channels"),
    "SanaVideoTransformer3DModel": DenoiserClass(
        "sana-video", ("wan21", "ltx2", "sana-dcae"), "in_channels"
    ),
    "LTXVideoTransformer3DModel": DenoiserClass("ltx-video", ("ltx-video",), "in_channels"),
    "LTX2VideoTransformer3DModel": DenoiserClass("ltx2", ("ltx2",), "in_channels"),
    "MochiTransformer3DModel": DenoiserClass("mochi", ("mochi",), "in_channels"),
    "CogVideoXTransformer3DModel": DenoiserClass("cogvideox", ("cogvideox", "cogvideox-5b")),
    "ConsisIDTransformer3DModel": DenoiserClass("cogvideox", ("cogvideox-5b",)),
    "CogView3PlusTransformer2DModel": DenoiserClass("cogview", ("cogview",)),
    "CogView4Transformer2DModel": DenoiserClass("cogview", ("cogview",)),
    "GlmImageTransformer2DModel": DenoiserClass("glm-image", ("glm-image",)),
    "AllegroTransformer3DModel": DenoiserClass("allegro", ("allegro",)),
    "EasyAnimateTransformer3DModel": DenoiserClass("easyanimate", ("easyanimate-magvit",)),
    "MiniMaxH3Transformer3DModel": DenoiserClass("minimax-h3", ("minimax-h3",)),
    "PRXTransformer2DModel": DenoiserClass("prx", ("flux1", "sana-dcae"), "in_channels"),
}

KINDS = (
    # Parts of class names in a config.json, for folders that hold no checkpoint and no VAE
    ("ControlNet", "controlnet"),
    ("SparseControl", "controlnet"),
    ("T2IAdapter", "t2i_adapter"),
    ("MultiAdapter", "t2i_adapter"),
    ("MotionAdapter", "motion_module"),
    ("LatentUpsampler", "latent_upscaler"),
    ("Oobleck", "audio_vae"),
    ("Audio", "audio_vae"),
    ("Vocoder", "audio_vae"),
    ("HifiGan", "audio_vae"),
    ("SafetyChecker", "classifier"),
    ("Classification", "classifier"),
    ("Segmentation", "segmentation"),
    ("DepthEstimation", "depth"),
    ("ObjectDetection", "detector"),
    ("VisionModel", "clip_vision"),
    ("Dinov2", "clip_vision"),
    ("ViTModel", "clip_vision"),
    ("TextModel", "text_encoder"),
    ("EncoderModel", "text_encoder"),
    ("CLIPModel", "text_encoder"),
    ("ForCausalLM", "text_encoder"),
    ("ForConditionalGeneration", "text_encoder"),
    ("ChatGLM", "text_encoder"),
    ("Bert", "text_encoder"),
)

TEXT_CONFIGS = (
    # model_type of a transformers config, its width, its vocabulary and the text encoder it is
    ("clip_text_model", 768, None, "clip-l"),
    ("clip_text_model", 1024, None, "open-clip-h"),
    ("clip_text_model", 1280, None, "open-clip-bigg"),
    ("clip_text_model", None, None, "clip"),
    ("t5", 4096, None, "t5xxl"),
    ("t5", 2048, 250112, "mt5xl"),
    ("t5", 1472, None, "byt5-small"),
    ("t5", None, None, "t5"),
    ("mt5", 2048, None, "mt5xl"),
    ("umt5", 4096, None, "umt5xxl"),
    ("umt5", 2048, None, "pile-t5xl"),
    ("llama", 4096, None, "llama3-8b"),
    ("mistral3", None, None, "mistral3-24b"),
    ("qwen2_5_vl", 3584, None, "qwen2.5-vl-7b"),
    ("qwen3", 2560, None, "qwen3-4b"),
    ("qwen3", 4096, None, "qwen3-8b"),
    ("gemma2", 2304, None, "gemma2-2b"),
    ("bert", None, None, "bert"),
    ("chatglm", None, None, "chatglm3-6b"),
)


def class_of(config: Config) -> str:
    """The class that a config names: diffusers' or the first of transformers'; empty for none."""
    name = config.get("_class_name")
    if isinstance(name, list) and name:
        name = name[-1]
    architectures = config.get("architectures")
    if not isinstance(name, str) and isinstance(architectures, list) and architectures:
        name = architectures[0]
    return name if isinstance(name, str) else ""


def pipeline_families(index: Config) -> tuple[str, ...]:
    """The families that the pipeline class of a ``model_index.json`` works in; empty if unknown."""
    name = class_of(index)
    return next((families for start, families in PIPELINES if name.startswith(start)), ())


def makes_sound(index: Config) -> bool:
    """Whether the pipeline class makes sound or shapes, not pictures."""
    return any(word in class_of(index) for word in SOUND)


def denoiser_of_config(config: Config) -> tuple[str, Latent] | None:
    """Architecture and latent that a denoiser's config.json alone tells; None for other classes."""
    name = class_of(config)
    if name == "UNet2DConditionModel":
        return unet_of_config(config)
    known = DENOISER_CLASSES.get(name)
    if known is None:
        return None
    channels = number(config.get(known.channels)) if known.channels else None
    return known.architecture, latent_of(known.families, channels, "config", 0.9)


def text_of_config(config: Config) -> str | None:
    """The text encoder that a transformers config.json describes, None for other models."""
    model_type = config.get("model_type")
    width = number(config.get("hidden_size")) or number(config.get("d_model"))
    for kind, wide, words, architecture in TEXT_CONFIGS:
        if (
            kind == model_type
            and wide in (None, width)
            and words in (None, number(config.get("vocab_size")))
        ):
            return architecture
    return "llm" if "ForCausalLM" in class_of(config) else None


def kind_of_config(config: Config) -> str | None:
    """The kind of model that a lone config.json names, None where it says nothing of use."""
    name = class_of(config)
    return next((kind for word, kind in KINDS if word in name), None)
