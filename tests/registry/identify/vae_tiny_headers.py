"""The tiny autoencoders in the layouts of their releases.

What the layers are follows madebyollin/taesd taesd.py and madebyollin/taehv taehv.py.
"""

from __future__ import annotations

from itertools import pairwise

from .vae_headers import Shapes, diffusers, renamed


def taesd(part: str, name: str = "tiny-4") -> Shapes:
    """One half of TAESD as released: bare numbers, the decoder's first layer a clamp."""
    shift = part == "decoder"
    shapes = {key: shape for key, shape in diffusers(name).items() if key.startswith(part)}
    return renamed(shapes, (rf"^{part}\.layers\.(\d+)", lambda f: str(int(f[1]) + shift)))


def taef2(part: str) -> Shapes:
    """FLUX.2's TAESD has 32 channels and pools in the deepest blocks."""
    first, last = (3, "1.weight") if part == "decoder" else (11, "14.weight")
    shapes = dict(taesd(part))
    shapes[last] = (64, 32, 3, 3) if part == "decoder" else (32, 64, 3, 3)
    shapes[last.replace("weight", "bias")] = (shapes[last][0],)
    for index in range(first, first + 3):
        shapes |= {f"{index}.pool.0.weight": (256, 64, 1, 1), f"{index}.pool.1.weight": (256,)}
        shapes |= {f"{index}.pool.1.bias": (256,), f"{index}.pool.3.weight": (64, 256, 1, 1)}
    return shapes


def packed_taesd(name: str = "tiny-4", statistics: bool = True) -> Shapes:
    """Both halves of TAESD in one file, as ComfyUI packs them."""
    shapes: Shapes = {"vae_scale": (), "vae_shift": ()} if statistics else {}
    for part in ("encoder", "decoder"):
        shapes |= {f"taesd_{part}.{key}": shape for key, shape in taesd(part, name).items()}
    return shapes


def _plain(index: int, out: int, into: int, bias: bool = True) -> Shapes:
    shapes: Shapes = {f"{index}.weight": (out, into, 3, 3)}
    return shapes | ({f"{index}.bias": (out,)} if bias else {})


def _block(index: int, width: int, memory: int = 1) -> Shapes:
    shapes: Shapes = {}
    for step, into in ((0, memory * width), (2, width), (4, width)):
        shapes |= {f"{index}.conv.{step}.weight": (width, into, 3, 3)}
        shapes |= {f"{index}.conv.{step}.bias": (width,)}
    return shapes


def _tower(widths: tuple[int, ...], channels: int, images: int) -> Shapes:
    """A TAESD decoder of any depth: three blocks and a bias-free convolution a level."""
    shapes = _plain(1, widths[0], channels)
    index = 3
    for width, following in pairwise(widths):
        for block in range(3):
            shapes |= _block(index + block, width)
        shapes |= _plain(index + 4, following, width, bias=False)
        index += 5
    return shapes | _block(index, widths[-1]) | _plain(index + 1, images, widths[-1])


def taesana(part: str) -> Shapes:
    """TAESana: f32 with 32 channels."""
    if part == "decoder":
        return _tower((256, 128, 64, 64, 64, 64), 32, 3)
    shapes = _plain(0, 32, 3) | _plain(2, 64, 32) | _block(4, 64) | _plain(17, 32, 64)
    for index in (5, 9, 13):
        shapes |= _plain(index, 64, 64, bias=False)
        for block in range(1, 4):
            shapes |= _block(index + block, 64)
    return shapes


def taeqi21(part: str) -> Shapes:
    """The tiny autoencoder of Qwen-Image 2.1: f16 with 64 channels, RGBA in 2x2 patches."""
    if part == "decoder":
        return _tower((256, 128, 64, 64), 64, 16)
    shapes = _plain(1, 64, 16) | _block(3, 64) | _plain(16, 64, 256)
    for index, into, out in ((4, 64, 64), (8, 64, 128), (12, 128, 256)):
        shapes |= _plain(index, out, into, bias=False)
        for block in range(1, 4):
            shapes |= _block(index + block, out)
    return shapes


def taehv(channels: int, images: int = 3) -> Shapes:
    """TAEHV: blocks that see the frame before, 1x1 convolutions over time."""
    encoder = _plain(0, 64, images) | _plain(17, channels, 64)
    for index, stride in ((2, 2), (7, 2), (12, 1)):
        encoder |= {f"{index}.conv.weight": (64, 64 * stride, 1, 1)}
        encoder |= _plain(index + 1, 64, 64, bias=False)
        for block in range(2, 5):
            encoder |= _block(index + block, 64, 2)
    decoder = _plain(1, 256, channels) | _plain(22, images, 64)
    for index, width, out, grow in ((3, 256, 128, 1), (9, 128, 64, 2), (15, 64, 64, 2)):
        for block in range(3):
            decoder |= _block(index + block, width, 2)
        decoder |= {f"{index + 4}.conv.weight": (width * grow, width, 1, 1)}
        decoder |= _plain(index + 5, out, width, bias=False)
    halves = (("encoder", encoder), ("decoder", decoder))
    return {f"{part}.{name}": shape for part, held in halves for name, shape in held.items()}
