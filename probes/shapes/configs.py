"""What the small checkpoint's parts are, as the config files of a diffusers folder say it."""

from __future__ import annotations

from .prompts import BOS, EOS, LENGTH, VOCABULARY

Config = dict[str, object]

TEXT_WIDTH = 64

UNET: Config = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": [32, 64],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": TEXT_WIDTH,
    # The number of heads, for all its name (huggingface/diffusers
    # src/diffusers/models/unets/unet_2d_condition.py).
    "attention_head_dim": 4,
    # Groups of one channel would forget how bright a plain surface is.
    "norm_num_groups": 8,
}
TEXT_ENCODER: Config = {
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "vocab_size": VOCABULARY,
    "hidden_size": TEXT_WIDTH,
    "intermediate_size": 2 * TEXT_WIDTH,
    "projection_dim": TEXT_WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "max_position_embeddings": LENGTH,
    "hidden_act": "quick_gelu",
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "pad_token_id": EOS,
}
SCHEDULER: Config = {
    # Noise as SD1 has it (runwayml/stable-diffusion-v1-5 scheduler/scheduler_config.json); steps
    # from the very end of it, so that two are enough.
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
}
INDEX: Config = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "tokenizer": [None, None],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
}


def arguments(config: Config) -> Config:
    """The config without the name of its class: what builds the part."""
    return {key: value for key, value in config.items() if key != "_class_name"}
