"""Names and shapes of AutoencoderKL, in the original (LDM) and in diffusers' layout, of any width.

Structure: CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py (two residual blocks a
level in the encoder, three in the decoder, one attention in the middle).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..identify.view import View
from ..layouts import diffusers_names
from ..values import Tensor

Shapes = dict[str, tuple[int, ...]]


def autoencoder_kl(
    channels: int, widths: tuple[int, ...] = (8, 16, 32, 32), quant: bool = True
) -> Shapes:
    """Tensor names and shapes in the LDM layout; ``widths`` from the picture inward."""
    shapes = dict(_encoder(channels, widths)) | dict(_decoder(channels, widths))
    if quant:
        shapes |= dict(_conv("quant_conv", 2 * channels, 2 * channels, 1))
        shapes |= dict(_conv("post_quant_conv", channels, channels, 1))
    return shapes


def in_diffusers_layout(shapes: Shapes) -> dict[str, str]:
    """Name in diffusers' layout -> name in ``shapes``, for every tensor of them."""
    tensors = {name: Tensor(name, "float16", shape, 0, 0) for name, shape in shapes.items()}
    return {new: name for name, new in diffusers_names(View(tensors)).items()}


def _encoder(channels: int, widths: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _conv("encoder.conv_in", 3, widths[0], 3)
    width = widths[0]
    for level, wider in enumerate(widths):
        for block in range(2):
            yield from _resnet(f"encoder.down.{level}.block.{block}", width, wider)
            width = wider
        if level < len(widths) - 1:
            yield from _conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
    yield from _middle("encoder", width)
    yield from _ends("encoder", width, 2 * channels)


def _decoder(channels: int, widths: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width = widths[-1]
    yield from _conv("decoder.conv_in", channels, width, 3)
    yield from _middle("decoder", width)
    for level in reversed(range(len(widths))):
        for block in range(3):
            yield from _resnet(f"decoder.up.{level}.block.{block}", width, widths[level])
            width = widths[level]
        if level:
            yield from _conv(f"decoder.up.{level}.upsample.conv", width, width, 3)
    yield from _ends("decoder", width, 3)


def _middle(half: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _resnet(f"{half}.mid.block_1", width, width)
    yield from _norm(f"{half}.mid.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from _conv(f"{half}.mid.attn_1.{part}", width, width, 1)
    yield from _resnet(f"{half}.mid.block_2", width, width)


def _ends(half: str, width: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(f"{half}.norm_out", width)
    yield from _conv(f"{half}.conv_out", width, outputs, 3)


def _resnet(stem: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(f"{stem}.norm1", inputs)
    yield from _conv(f"{stem}.conv1", inputs, outputs, 3)
    yield from _norm(f"{stem}.norm2", outputs)
    yield from _conv(f"{stem}.conv2", outputs, outputs, 3)
    if inputs != outputs:
        yield from _conv(f"{stem}.nin_shortcut", inputs, outputs, 1)


def _norm(stem: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{stem}.weight", (width,)
    yield f"{stem}.bias", (width,)


def _conv(
    stem: str, inputs: int, outputs: int, kernel: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{stem}.weight", (outputs, inputs, kernel, kernel)
    yield f"{stem}.bias", (outputs,)
