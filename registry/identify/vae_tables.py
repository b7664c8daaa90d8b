"""Every VAE signature in the order of trial, and the names that rule a VAE out."""

from __future__ import annotations

from .vae_causal import CAUSAL
from .vae_image import IMAGE
from .vae_tiny import TINY
from .vae_video import VIDEO
from .view import Keys

SIGNATURES = TINY + VIDEO + CAUSAL + IMAGE
"""The first row that fits names the VAE, so the generic rows stand last."""

LOOKALIKES = (
    Keys(any_of=("*.lora_up.*", "*.lora_down.*", "*.lora_A.*", "*.lora_B.*", "*.hada_w1_a")),
    Keys(all_of=("generator.blocks.*", "encoder.blocks.*")),
    Keys(all_of=("vocoder.*",)),
    Keys(any_of=("encoder.block.0.layer.0.*", "encoder.layers.0.self_attn.*")),
)
"""Adapters, CodeFormer, audio VAEs with their vocoder, language encoders
(chaiNNer-org/spandrel, yzkee/ComfyUI comfy/sd.py)."""

WIDEST_CODE = 64
"""RestoreFormer has a VQ autoencoder's names with codes of 256 numbers: that wide, it restores
faces (chaiNNer-org/spandrel architectures/RestoreFormer); image VAEs have 3 to 8."""

LEFTOVERS = ("loss.", "model_ema.")
"""What training leaves beside a VAE; A1111 modules/sd_vae.py drops the same."""

QUANTISATION = (".weight_scale", ".scale_weight", ".input_scale", ".scale_input", ".comfy_quant")
"""Endings of the tensors that go with quantised weights; they are no weights themselves."""
QUANTISED = ("float8", "float4", "int8", "uint8", "q2", "q3", "q4", "q5", "q6", "q8", "iq", "tq")
"""Beginnings of quantised dtypes."""
