"""Signatures of the tiny autoencoders: TAESD in its four layouts, TAESana and TAEHV.

Sources: madebyollin/taesd taesd.py, madebyollin/taehv taehv.py, huggingface/diffusers
src/diffusers/models/autoencoders/autoencoder_tiny.py, yzkee/ComfyUI comfy/sd.py and comfy/taesd.
"""

from __future__ import annotations

from .vae_rows import Reading, Space, VaeSignature, decoder, encoder
from .view import View

KL4 = ("sd1", "sdxl", "playground-v2.5", "eq-sdxl")
KL16 = ("sd3", "flux1", "glm-image")
SPACES = (
    Space(4, KL4, 8),
    Space(16, KL16, 8),
    Space(32, ("flux2",), 8),
    Space(32, ("sana-dcae",), 32),
)
"""Tiny autoencoders are distilled from published VAEs; TAESana is the only one at f32."""
SPACES_8 = tuple(space._replace(factor=None) for space in SPACES if space.factor == 8)
SPACES_VIDEO = (
    Space(16, ("hunyuan-video", "wan21", "qwen-image", "cogvideox", "cogvideox-5b")),
    Space(24, ("minimax-h3",)),
    Space(32, ("hunyuan-video-1.5", "hunyuan-image-2.1-refiner")),
    Space(48, ("wan22",)),
    Space(128, ("ltx2",)),
)

_C = 64
"""Width of every TAESD layer but the first and the last."""


def _resampled(view: View) -> int | None:
    """2 to the number of convolutions without bias: each follows one change of resolution."""
    half = "decoder" if view.has("decoder.layers.*") else "encoder"
    count = 0
    for name in view:
        words = name.split(".")
        if len(words) == 4 and words[:2] == [half, "layers"] and words[3] == "weight":
            count += f"{half}.layers.{words[2]}.bias" not in view
    return 2**count if 0 < count < 8 else None


def _patched(view: View) -> int | None:
    """TAEHV writes 3 channels at f8 and packs 2x2 or 4x4 pixels beyond that."""
    images = view.extent("decoder.22.bias", 0) or view.extent("encoder.0.weight", 1)
    return {3: 8, 12: 16, 48: 32}.get(images or 0)


def _square(name: str, out: int | None, into: int | None) -> tuple[str, tuple[int | None, ...]]:
    return name, (out, into, 3, 3)


TINY = (
    VaeSignature(
        "autoencoder-tiny",
        "comfyui",
        decoder(
            67,
            Reading("taesd_decoder.1.weight"),
            "taesd_decoder.3.conv.0.weight",
            shapes=(_square("taesd_decoder.1.weight", _C, None),),
            names=("taesd_decoder.",),
        ),
        encoder(
            67,
            Reading("taesd_encoder.14.weight", 0),
            "taesd_encoder.1.conv.0.weight",
            shapes=(_square("taesd_encoder.0.weight", _C, 3),),
            names=("taesd_encoder.",),
        ),
        SPACES_8,
        factors=(8, 1),
    ),
    VaeSignature(
        "taehv",
        "original",
        decoder(
            64,
            Reading("decoder.1.weight"),
            "decoder.22.bias",
            "decoder.7.conv.weight",
            shapes=(
                _square("decoder.1.weight", None, None),
                _square("decoder.3.conv.0.weight", None, None),
            ),
        ),
        encoder(
            64,
            Reading("encoder.17.weight", 0),
            "encoder.2.conv.weight",
            "encoder.4.conv.0.weight",
            shapes=(_square("encoder.0.weight", None, None),),
        ),
        SPACES_VIDEO,
        factor=_patched,
        factors=(None, 4),
    ),
    VaeSignature(
        "autoencoder-tiny",
        "diffusers",
        decoder(
            67,
            Reading("decoder.layers.0.weight"),
            any_of=("decoder.layers.2.conv.0.weight", "decoder.layers.3.conv.0.weight"),
            shapes=(_square("decoder.layers.0.weight", None, None),),
        ),
        encoder(
            67,
            Reading("encoder.layers.14.weight", 0),
            any_of=("encoder.layers.1.conv.0.weight", "encoder.layers.4.conv.0.weight"),
            shapes=(_square("encoder.layers.0.weight", None, 3),),
        ),
        SPACES,
        factor=_resampled,
    ),
    VaeSignature(
        "autoencoder-tiny",
        "original",
        decoder(
            105,
            Reading("1.weight"),
            "27.weight",
            shapes=(_square("1.weight", 256, None), _square("29.weight", 3, _C)),
            names=("",),
        ),
        encoder(
            69,
            Reading("17.weight", 0),
            "4.conv.0.weight",
            shapes=(_square("0.weight", 32, 3), _square("17.weight", None, _C)),
            names=("",),
        ),
        (Space(32, ("sana-dcae",)),),
        factors=(32, 1),
    ),
    VaeSignature(
        "autoencoder-tiny",
        "original",
        decoder(
            67,
            Reading("1.weight"),
            shapes=(_square("1.weight", 256, None), _square("19.weight", None, _C)),
            names=("",),
        ),
        encoder(
            67,
            Reading("16.weight", 0),
            "3.conv.0.weight",
            shapes=(_square("1.weight", _C, None), _square("16.weight", None, 256)),
            names=("",),
        ),
        (Space(64, ("qwen-image-2.1",)),),
        factors=(16, 1),
    ),
    VaeSignature(
        "autoencoder-tiny",
        "original",
        decoder(
            (67, 79),
            Reading("1.weight"),
            shapes=(
                _square("1.weight", _C, None),
                _square("3.conv.0.weight", _C, _C),
                _square("19.weight", 3, _C),
            ),
            names=("",),
        ),
        encoder(
            (67, 79),
            Reading("14.weight", 0),
            shapes=(
                _square("0.weight", _C, 3),
                _square("1.conv.0.weight", _C, _C),
                _square("14.weight", None, _C),
            ),
            names=("",),
        ),
        SPACES_8,
        factors=(8, 1),
    ),
)
