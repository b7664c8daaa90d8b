"""Small random pipelines of other kinds, written by diffusers itself as people have theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

WORDS = ("a", "photo", "of", "cat", "red", "circle")
BOS, EOS = len(WORDS), len(WORDS) + 1


def clip_words():
    """A tokenizer of CLIP's kind that knows six words."""
    vocabulary = {f"{word}</w>": number for number, word in enumerate(WORDS)}
    for word in WORDS:
        for letter in (*word, f"{word[-1]}</w>"):
            vocabulary.setdefault(letter, len(vocabulary) + 2)
    vocabulary |= {"<|startoftext|>": BOS, "<|endoftext|>": EOS}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def t5_words():
    """A tokenizer of T5's kind that knows the same words."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    return transformers.T5TokenizerFast(
        vocab=[*pieces, *((f"▁{word}", -1.0) for word in WORDS)], extra_ids=0
    )


def clip_text(width: int, layers: int, projected: bool = False):
    config = transformers.CLIPTextConfig(
        vocab_size=64,
        hidden_size=width,
        intermediate_size=37,
        projection_dim=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=EOS,
    )
    made = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return made(config).eval()


def t5_text():
    config = transformers.T5Config(
        vocab_size=16, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4
    )
    return transformers.T5EncoderModel(config).eval()


def vae(channels: int):
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        block_out_channels=(4,), latent_channels=channels, norm_num_groups=1, sample_size=32
    )


def xl(folder: Path) -> Path:
    """SDXL's kind: two text encoders, their last layers but one, sizes, a pooled text."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )
    pipeline = diffusers.StableDiffusionXLPipeline(
        vae=vae(4),
        unet=unet,
        scheduler=scheduler(),
        text_encoder=clip_text(32, 3),
        text_encoder_2=clip_text(32, 4, projected=True),
        tokenizer=clip_words(),
        tokenizer_2=clip_words(),
        add_watermarker=False,
    )
    return saved(pipeline, folder)


def scheduler():
    return diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
    )


def flux(folder: Path) -> Path:
    """FLUX.1's kind: packed latents, CLIP's pooled text, T5."""
    torch.manual_seed(0)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
    )
    pipeline = diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae(4),
        text_encoder=clip_text(32, 2),
        text_encoder_2=t5_text(),
        tokenizer=clip_words(),
        tokenizer_2=t5_words(),
        transformer=transformer,
    )
    return saved(pipeline, folder)


def sd3(folder: Path) -> Path:
    """SD3's kind: three text encoders."""
    torch.manual_seed(0)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
    )
    pipeline = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae(16),
        text_encoder=clip_text(32, 2, projected=True),
        text_encoder_2=clip_text(32, 2, projected=True),
        text_encoder_3=t5_text(),
        tokenizer=clip_words(),
        tokenizer_2=clip_words(),
        tokenizer_3=t5_words(),
    )
    return saved(pipeline, folder)


def saved(pipeline, folder: Path) -> Path:
    pipeline.save_pretrained(folder)
    return folder
